"""The delivery of webhooks: each event of the queue is posted to the receiver, with growing waits between tries.

The queue counts the tries. One that failed hides its message until the next; after the last the message is visible at
once, and the queue moves it to the dead-letter queue.
"""

import json
from collections.abc import Iterable

from asrcore.core.backoff import webhook_wait_s
from asrcore.core.cost import incurred
from asrcore.core.errors import AsrError
from asrcore.core.job import Job
from asrcore.core.job_event import JobEvent
from asrcore.core.webhook import PublishedEvent, WebhookMessage, headers, message, read_event
from asrcore.events import QueuedMessage
from asrcore.log import LOG
from asrcore.services import Services
from asrcore.settings import check_webhook


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
    """Return whether a message needs no further attempt: it was acknowledged, or its job's row does not confirm it."""
    try:
        event = read_event(json.loads(delivery.body))
        with LOG.append_context_keys(job_id=event.job_id, webhook_id=event.event_id, tries=delivery.tries):
            job = services.jobs.load(event.job_id)
            ended = _end_by_its_row(job, event, services)
            if job is None or ended is None:
                LOG.warning("webhook not sent: the job's row does not confirm its event")
                return True
            if not (job.webhook or services.settings.webhook_url):
                return True  # webhooks are of other jobs
            webhook = message(event, ended.model_dump(mode="json", by_alias=True))
            if _is_acknowledged(webhook, job.webhook, services):
                return True
        services.metrics.webhook_refused((services.now() - event.published_at).total_seconds())
    except ValueError as error:
        LOG.error("webhook message invalid", sqs_id=delivery.message_id, reason=str(error))
    services.webhook_queue.hide(delivery.receipt, webhook_wait_s(delivery.tries, services.settings.webhook_tries))
    return False


def _end_by_its_row(job: Job | None, event: PublishedEvent, services: Services) -> JobEvent | None:
    """Return how the event's job ended; None when it has not ended so, was deleted, or publishes no end.

    Any principal of the account may put an event on the bus, and a webhook's signature says that it is ours. So the
    event only names the job, and all that is posted is of the job's row.
    """
    if job is None or not job.finished or job.superseded:
        return None
    cost = job.cost or incurred(job, services.settings.rates)  # the row gets its cost after its event is published
    ended = JobEvent.of(job, services.settings.transcript_bucket, cost)
    return ended if ended.detail_type == event.detail_type else None


def _is_acknowledged(webhook: WebhookMessage, own_url: str | None, services: Services) -> bool:
    """Post a webhook, and return whether its receiver acknowledged it. own_url: of the job, instead of the stack's."""
    timestamp_s = int(services.now().timestamp())
    try:
        if own_url:  # the allowed hosts may have changed since the request, and metadata are not checked before
            check_webhook(own_url, services.settings)
        signed = headers(webhook, timestamp_s, services.webhook_keys())
        status = services.webhook_client.post(own_url or services.settings.webhook_url, webhook.body, signed)
    except AsrError as error:
        LOG.error("webhook not delivered", code=error.code, reason=error.message)
        return False
    is_acknowledged = 200 <= status < 300
    (LOG.info if is_acknowledged else LOG.warning)("webhook answered", status=status)
    return is_acknowledged
