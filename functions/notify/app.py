"""NotifyFunction: posts the events of the webhook queue to the webhook's receiver."""

from typing import Any

from asrcore.aws import connect
from asrcore.events import queued_messages
from asrcore.log import LOG
from asrcore.notify import notify

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Post each message; those that were not acknowledged stay in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in notify(queued_messages(event), SERVICES)]}
