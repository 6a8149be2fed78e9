"""The delivery of webhooks: each event of the queue is posted to the receiver, with growing waits between tries.

The queue counts the tries. One that failed hides its message until the next; after the last the message is visible at
once, and the queue moves it to the dead-letter queue.
"""

import json
from collections.abc import Iterable

from asrcore.core.backoff import webhook_wait_s
from asrcore.core.errors import AsrError
from asrcore.core.webhook import WebhookMessage, headers, message
from asrcore.events import QueuedMessage
from asrcore.log import LOG
from asrcore.services import Services


def notify(deliveries: Iterable[QueuedMessage], services: Services) -> list[str]:
    """Post each message to the webhook's receiver.

    Args:
        deliveries: messages of the webhook queue.
        services: the stack's services.

    Returns:
        The ids of the messages that must stay in the queue. A failure of one does not keep the others from being tried.
    """
    return [delivery.message_id for delivery in deliveries if not _is_delivered(delivery, services)]


def _is_delivered(delivery: QueuedMessage, services: Services) -> bool:
    try:
        event = message(json.loads(delivery.body))
        with LOG.append_context_keys(job_id=event.about, webhook_id=event.message_id, tries=delivery.tries):
            if _is_acknowledged(event, services):
                return True
        services.metrics.webhook_refused((services.now() - event.published_at).total_seconds())
    except ValueError as error:
        LOG.error("webhook message invalid", sqs_id=delivery.message_id, reason=str(error))
    services.webhook_queue.hide(delivery.receipt, webhook_wait_s(delivery.tries, services.settings.webhook_tries))
    return False


def _is_acknowledged(event: WebhookMessage, services: Services) -> bool:
    timestamp_s = int(services.now().timestamp())
    try:
        status = services.webhook_client.post(event.body, headers(event, timestamp_s, services.webhook_keys()))
    except AsrError as error:
        LOG.error("webhook not delivered", code=error.code, reason=error.message)
        return False
    is_acknowledged = 200 <= status < 300
    (LOG.info if is_acknowledged else LOG.warning)("webhook answered", status=status)
    return is_acknowledged
