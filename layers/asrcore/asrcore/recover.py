"""Nobody is left behind: jobs that nobody looks after any more are picked up again, or ended with a reason.

An execution may fail, time out, be aborted or be deleted, an event may be lost, a process may die at any point. Until
when somebody should look at a job can be read off its row: past that, a fresh run starts from where the job stands.
"""

from datetime import timedelta

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import MAX_RESTARTS, Job
from asrcore.core.step import CROWDED_S, GRACE_S, Step, look_by
from asrcore.events import EndedExecution
from asrcore.finish import announce, end
from asrcore.log import LOG
from asrcore.services import Services


class SomeJobsLeftError(Exception):
    """Some overdue jobs could not be seen to in this sweep."""


def recover(job_id: str, error_name: str, services: Services) -> Step:
    """The state machine's last resort: a step failed again and again. The same execution goes on, after a while."""
    job = _restart(services.move(job_id, lambda job: job), f"a step failed: {error_name}", services, fresh=False)
    step = services.next_step(job)
    if job.finished:
        return step
    return step.model_copy(update={"wait_s": int(job.restart_wait_s())})


def execution_ended(execution: EndedExecution, services: Services) -> None:
    """An execution failed, timed out or was aborted: a fresh one takes over, unless a person stopped it."""
    job = services.move(execution.job_id, lambda job: job)
    if job.finished:
        announce(job, services)
    elif execution.name != job.execution_name:
        LOG.info("a later run looks after this job", execution=execution.name)
    elif execution.status == "ABORTED":
        message = "the execution was aborted by hand; redrive the job if it is still wanted"
        end(job.job_id, AsrError(ErrorClass.CONFIG, "ExecutionAborted", message), services)
    else:
        _start_again(job, f"its execution ended: {execution.status}", services)


def sweep(services: Services) -> int:
    """Look for jobs that nobody looks after, and see to each; how many there were.

    Raises SomeJobsLeftError after all were tried; the next sweep finds those again.
    """
    found, left = 0, []
    now = services.now()
    services.metrics.open_jobs(services.jobs.open_since(), now)
    for job_id in services.jobs.unattended(now - timedelta(seconds=GRACE_S)):
        LOG.append_keys(job_id=job_id)
        try:
            found += _see_to(job_id, services)
        except Exception:  # noqa: BLE001 - whatever is wrong with one job must not keep the others waiting
            LOG.exception("a job could not be seen to")
            left.append(job_id)
    if left:
        raise SomeJobsLeftError(f"{len(left)} jobs could not be seen to, the first of them {left[0]}")
    return found


def _see_to(job_id: str, services: Services) -> bool:
    """Whether nobody looked after a job: then somebody does now."""
    job = services.jobs.load(job_id)
    if job is None:
        return False
    if job.finished:
        announce(job, services)
        return True
    due, now = look_by(job, services.completes_by(job)), services.now()
    if now < min(due, job.deadline_at):
        return False
    # It is still tried to run the next step, for which AWS Lambda may have no room.
    in_a_crowd = now < min(due + timedelta(seconds=CROWDED_S - GRACE_S), job.deadline_at)
    if in_a_crowd and services.workflow.status(job.execution_name) == "RUNNING":
        return False
    _start_again(job, "nobody looked after it in time", services)
    return True


def redrive(job_id: str, services: Services) -> Job:
    """Try a FAILED job again from the start, in a new run; any other job is left as it is."""
    moved = services.move(job_id, lambda job: job.redrive("an operator asked for it", services.now()))
    if not moved.finished:
        services.workflow.start(moved.execution_name, services.next_step(moved))
    return moved


def _start_again(job: Job, reason: str, services: Services) -> None:
    job = _restart(job, reason, services, fresh=True)
    if not job.finished:
        services.workflow.start(job.execution_name, services.next_step(job))


def _restart(job: Job, reason: str, services: Services, *, fresh: bool) -> Job:
    """A job that goes on, in a fresh run or not, if it has time and restarts left; the end of one that has not."""
    now = services.now()
    if now >= job.deadline_at:
        message = f"the job did not end in time ({reason}); look at its attempts, then redrive it"
        return end(job.job_id, AsrError(ErrorClass.RETRY, "DeadlinePassed", message), services)
    if job.recoveries >= MAX_RESTARTS:
        message = f"the job was picked up {MAX_RESTARTS} times in vain ({reason}); see the logs for it, then redrive it"
        return end(job.job_id, AsrError(ErrorClass.RETRY, "TooManyRestarts", message), services)
    services.metrics.restarted()
    LOG.warning("picked up again", reason=reason)
    seen = job.revision
    return services.move(job.job_id, lambda job: job.restart(reason, now, fresh=fresh) if job.revision == seen else job)
