"""Executions of the state machine that failed, timed out or were aborted, as EventBridge reports them."""

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.events import EndedExecution
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.outcome import JobFailed
from asrcore.restart import start_again
from asrcore.services import Services


def execution_ended(execution: EndedExecution, services: Services) -> None:
    """Continue the job of an execution that failed or timed out in a new one; fail the job of one that was aborted.

    A job whose row was deleted needs nothing more; one that ended, as before its execution is stopped, stays as it is.
    """
    job = services.jobs.load(execution.job_id)
    if job is None:
        LOG.info("the job was deleted", execution=execution.name)
    elif job.finished:
        settle(job, services)
    elif execution.name != job.execution_name:
        LOG.info("the job has a later execution", execution=execution.name)
    elif execution.status == "ABORTED":
        error = AsrError(ErrorClass.CONFIG, "ExecutionAborted", Message("ExecutionAborted"))
        settle(JobFailed(job, error), services)
    else:
        start_again(job, Message("restart.execution-ended", {"status": execution.status}), services)
