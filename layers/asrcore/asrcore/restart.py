"""Start a stalled or failed job again from where it stands, as long as it has time and restarts left."""

from asrcore.core.backoff import MAX_RESTARTS, restart_wait_s
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job
from asrcore.core.step import Step
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.outcome import JobFailed, Outcome
from asrcore.services import Services


def recover(job_id: str, error_name: str, services: Services) -> Step:
    """The state machine's last resort: a step failed again and again. The same execution goes on, after a while."""
    job = services.load_job(job_id)
    job = settle(_restart(job, f"a step failed: {error_name}", services, fresh=False), services)
    step = services.next_step(job)
    if job.finished:
        return step
    return step.model_copy(update={"wait_s": int(restart_wait_s(job.recoveries))})


def start_again(job: Job, reason: str, services: Services) -> None:
    """Restart a job in a new execution, or end it when it has no time or restarts left."""
    job = settle(_restart(job, reason, services, fresh=True), services)
    if not job.finished:
        services.workflow.start(job.execution_name, services.next_step(job))


def redrive(job_id: str, services: Services) -> Job:
    """Try a FAILED job again from the start, in a new run; any other job is left as it is."""
    moved = services.update_job(job_id, lambda job: job.redrive("an operator asked for it", services.now()))
    if not moved.finished:
        services.workflow.start(moved.execution_name, services.next_step(moved))
    return moved


def _restart(job: Job, reason: str, services: Services, *, fresh: bool) -> Outcome:
    """A job that goes on, in a fresh run or not, if it has time and restarts left; the end of one that has not."""
    now = services.now()
    if now >= job.deadline_at:
        message = f"the job did not end in time ({reason}); look at its attempts, then redrive it"
        return JobFailed(job, AsrError(ErrorClass.RETRY, "DeadlinePassed", message))
    if job.recoveries >= MAX_RESTARTS:
        message = f"the job was picked up {MAX_RESTARTS} times in vain ({reason}); see the logs for it, then redrive it"
        return JobFailed(job, AsrError(ErrorClass.RETRY, "TooManyRestarts", message))
    services.metrics.restarted()
    LOG.warning("picked up again", reason=reason)
    seen = job.row_version
    return services.update_job(
        job.job_id, lambda job: job.restart(reason, now, fresh=fresh) if job.row_version == seen else job
    )
