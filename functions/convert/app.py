"""ConvertFunction: converts recordings into a form that their vendor accepts."""

from typing import Any

from asrcore.aws import connect
from asrcore.convert import convert
from asrcore.events import step_event
from asrcore.log import LOG

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, str | int]:
    """Convert one job's recording; return the state machine's next step."""
    step = step_event(event)
    LOG.append_keys(job_id=step.job_id)
    return convert(step.job_id, SERVICES, context.get_remaining_time_in_millis).envelope()
