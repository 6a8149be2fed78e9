"""SweepFunction: recovers stalled jobs, by schedule and when an execution failed."""

from typing import Any

from asrcore.aws import connect
from asrcore.events import ended_execution
from asrcore.execution_events import execution_ended
from asrcore.log import LOG
from asrcore.sweep import sweep

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int] | None:
    """Recover the job of an execution that failed, or every stalled job; return how many those were."""
    ended = ended_execution(event)
    if ended is None:
        return {"found": sweep(SERVICES)}
    LOG.append_keys(job_id=ended.job_id)
    execution_ended(ended, SERVICES)
    return None
