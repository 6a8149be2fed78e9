"""Executions of the state machine that failed, timed out or were aborted, as EventBridge reports them."""

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.events import EndedExecution
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.outcome import JobFailed
from asrcore.restart import start_again
from asrcore.services import Services


def execution_ended(execution: EndedExecution, services: Services) -> None:
    """An execution failed, timed out or was aborted: a fresh one takes over, unless a person stopped it."""
    job = services.load_job(execution.job_id)
    if job.finished:
        settle(job, services)
    elif execution.name != job.execution_name:
        LOG.info("a later run looks after this job", execution=execution.name)
    elif execution.status == "ABORTED":
        message = "the execution was aborted by hand; redrive the job if it is still wanted"
        settle(JobFailed(job, AsrError(ErrorClass.CONFIG, "ExecutionAborted", message)), services)
    else:
        start_again(job, f"its execution ended: {execution.status}", services)
