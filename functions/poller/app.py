"""PollerFunction: the state machine's steps but submit and convert."""

from typing import Any

from asrcore.aws import connect
from asrcore.events import step_event
from asrcore.log import LOG
from asrcore.poll import dispatch_step

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, str | int]:
    """Run one step of a job; return the state machine's next step."""
    step = step_event(event)
    LOG.append_keys(job_id=step.job_id)
    return dispatch_step(step, SERVICES).envelope()
