"""The webhook: what the event bus told is posted to its receiver, again and again with growing waits until it is taken.

The queue counts the attempts. One that failed hides its message until the next; after the last the message is shown at
once, and the queue sets it aside.
"""

import json
from collections.abc import Iterable

from asrcore.core.backoff import webhook_wait_s
from asrcore.core.errors import AsrError
from asrcore.core.webhook import Message, headers, message
from asrcore.events import QueuedMessage
from asrcore.log import LOG
from asrcore.services import Services


def notify(deliveries: Iterable[QueuedMessage], services: Services) -> list[str]:
    """Post each message; the ids of those that must stay in the queue. No failure keeps the others from being tried."""
    return [delivery.message_id for delivery in deliveries if not _is_done(delivery, services)]


def _is_done(delivery: QueuedMessage, services: Services) -> bool:
    try:
        told = message(json.loads(delivery.body))
        with LOG.append_context_keys(job_id=told.about, webhook_id=told.message_id, tries=delivery.tries):
            if _is_taken(told, services):
                return True
        services.metrics.webhook_refused((services.now() - told.published_at).total_seconds())
    except ValueError as error:
        LOG.error("a message of the webhook queue cannot be posted", sqs_id=delivery.message_id, reason=str(error))
    services.webhook_queue.hide(delivery.receipt, webhook_wait_s(delivery.tries, services.settings.webhook_tries))
    return False


def _is_taken(told: Message, services: Services) -> bool:
    timestamp_s = int(services.now().timestamp())
    try:
        status = services.webhook_client.post(told.body, headers(told, timestamp_s, services.webhook_keys()))
    except AsrError as error:
        LOG.error("a webhook could not be delivered", code=error.code, reason=error.message)
        return False
    is_taken = 200 <= status < 300
    (LOG.info if is_taken else LOG.warning)("a webhook was answered", status=status)
    return is_taken
