"""SweepFunction: jobs that nobody looks after any more, found by schedule or because an execution ended badly."""

from typing import Any

from asrcore.aws import connect
from asrcore.events import ended_execution
from asrcore.execution_events import execution_ended
from asrcore.log import LOG
from asrcore.sweep import sweep

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int] | None:
    """See to the job of an execution that ended badly, or to every job that is overdue; how many those were."""
    ended = ended_execution(event)
    if ended is None:
        return {"found": sweep(SERVICES)}
    LOG.append_keys(job_id=ended.job_id)
    execution_ended(ended, SERVICES)
    return None
