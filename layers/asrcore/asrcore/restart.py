"""Start a stalled or failed job again from where it stands, as long as it has time and restarts left."""

from asrcore.core.backoff import MAX_RESTARTS, restart_wait_s
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job
from asrcore.core.step import Step
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.outcome import JobFailed, Outcome
from asrcore.services import Services


def recover(job_id: str, error_name: str, services: Services) -> Step:
    """Continue a job in the same execution after a step failed in spite of every retry.

    Args:
        job_id: of the job.
        error_name: the step's error, as AWS Step Functions names it.
        services: the stack's services.

    Returns:
        The job's next step, with the wait before it; a job without time or restarts left is FAILED.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    job = services.load_job(job_id)
    job = settle(_restart(job, Message("restart.step-failed", {"error": error_name}), services, fresh=False), services)
    step = services.next_step(job)
    if job.finished:
        return step
    return step.model_copy(update={"wait_s": int(restart_wait_s(job.recoveries))})


def start_again(job: Job, reason: Message, services: Services) -> None:
    """Restart a job in a new execution, or end it when it has no time or restarts left."""
    job = settle(_restart(job, reason, services, fresh=True), services)
    services.start_execution(job)


def redrive(job_id: str, services: Services) -> Job:
    """Start a FAILED job again from the beginning, in a new execution.

    Returns:
        The job; one that is not FAILED is returned as it is, its execution started if it has none.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    moved = services.update_job(job_id, lambda job: job.redrive(Message("restart.by-operator"), services.now()))
    services.start_execution(moved)
    return moved


def _restart(job: Job, reason: Message, services: Services, *, fresh: bool) -> Outcome:
    """Restart a job that has time and restarts left; fail one that has not. fresh: in a new execution."""
    now = services.now()
    if now >= job.deadline_at:
        passed = Message("DeadlinePassed", {"reason": reason})
        return JobFailed(job, AsrError(ErrorClass.RETRY, "DeadlinePassed", passed))
    if job.recoveries >= MAX_RESTARTS:
        too_many = Message("TooManyRestarts", {"restarts": MAX_RESTARTS, "reason": reason})
        return JobFailed(job, AsrError(ErrorClass.RETRY, "TooManyRestarts", too_many))
    services.metrics.restarted()
    LOG.warning("job restarted", reason=str(reason))
    seen = job.row_version
    return services.update_job(
        job.job_id, lambda job: job.restart(reason, now, fresh=fresh) if job.row_version == seen else job
    )
