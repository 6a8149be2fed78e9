"""`queue`: show events that failed three times and webhooks that their receiver rejected, or send them again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from asrcore.core.webhook import read_event
from asrcore.events import ended_execution, new_objects, request_event
from asrcore.messages import Message
from asrctl.formatting import first_line, program_name, quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError, Text, TextTable
from asrctl.shapes import FailedEventRow, QueueShape
from asrctl.stack import DeployedStack

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_HELD_S = 60  # a message is hidden meanwhile; long enough to send its event
_CLOCKS_DIFFER_S = 60  # SQS's and ours; an event that fails again needs three minutes for it
_PER_CALL = 10
_WAITS_S = 1  # for a message: a call that waits queries every server that may have one
_UNKNOWN = Message("cli.queue.unknown_event")
_RECEIVER = Message("cli.queue.webhook")  # in a function's place
_REJECTED = Message("cli.queue.rejected")
_HEADER = (
    Message("cli.column.failed_at"),
    Message("cli.column.to"),
    Message("cli.column.about"),
    Message("cli.column.why"),
)


@dataclass(frozen=True)
class FailedEvent:
    """One failed event. to: a function's ARN, or the webhook.  tries: None where the queue does not say."""

    message_id: str
    receipt: str
    failed_at: datetime
    to: Text
    tries: int | None
    event: Any
    error: Text


@dataclass(frozen=True)
class FailedEventQueue:
    """A queue of failed events: its URL, the function that reads a message, and the one that sends an event again."""

    url: str
    read: Callable[["MessageTypeDef"], FailedEvent]
    send: Callable[[FailedEvent], object]


def show(stack: DeployedStack, progress: ProgressReporter, now: datetime) -> CommandResult[QueueShape]:
    """Show the failed events, oldest first. They stay in their queue."""
    messages = []
    for queue in _queues(stack):
        found = list(_received(queue, stack, progress, now))
        _release(queue, stack, found)
        messages += found
    messages.sort(key=lambda message: message.failed_at)
    rows = [
        (
            f"{message.failed_at:%Y-%m-%d %H:%M:%S}",
            _short(message.to),
            describe_event(message.event, quote_name),
            message.error,
        )
        for message in messages
    ]
    lines: list[Line] = [
        TextTable(_HEADER, rows),
        Message("cli.queue.how_to_replay", {"program": program_name(), "options": stack.options}),
    ]
    return CommandResult(
        QueueShape(messages=[_row(message) for message in messages]), lines if messages else [Message("cli.queue.none")]
    )


def replay(
    stack: DeployedStack, progress: ProgressReporter, now: datetime, *, dry_run: bool
) -> CommandResult[QueueShape]:
    """Send every event to its function or to the webhook again, then delete it from its queue.

    What fails again comes back; an event that came since `now` is left for the next time, so that this ends.
    """
    if dry_run:
        shown = show(stack, progress, now)
        data = shown.data.model_copy(update={"dry_run": True})
        total = Message("cli.queue.would_be_replayed", {"count": len(data.messages)})
        return CommandResult(data, [*shown.lines[:-1], total])
    sent = []
    for queue in _queues(stack):
        for message in _received(queue, stack, progress, now):
            queue.send(message)
            stack.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message.receipt)
            sent.append(message)
    lines: list[Line] = [
        Message(
            "cli.queue.replayed",
            {"event": describe_event(message.event, quote_name), "receiver": _short(message.to)},
        )
        for message in sent
    ]
    data = QueueShape(messages=[_row(message) for message in sent], dry_run=False)
    return CommandResult(data, [*lines, Message("cli.queue.done", {"count": len(sent)})])


def parse_failed_event(message: "MessageTypeDef") -> FailedEvent:
    """Read a message that Lambda wrote (Lambda guide: retaining records of asynchronous invocations).

    Raises OperatorError for one of another writer.
    """
    try:
        record = json.loads(message["Body"])
        context, event = record["requestContext"], record["requestPayload"]
    except (ValueError, TypeError, KeyError) as error:
        problem = Message("cli.queue.no_record", {"message": message["MessageId"]})
        raise OperatorError(problem) from error
    response = record.get("responsePayload") or {}
    said = ": ".join(filter(None, [response.get("errorType"), first_line(response.get("errorMessage", ""))]))
    return FailedEvent(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        failed_at=_sent_at(message),
        to=context["functionArn"].removesuffix(":$LATEST"),
        tries=context["approximateInvokeCount"],
        event=event,
        error=said or context["condition"],
    )


def parse_undelivered_webhook(message: "MessageTypeDef") -> FailedEvent:
    """Read a message of the webhook's dead-letter queue. Raises OperatorError for what is no event of the bus."""
    try:
        event = json.loads(message["Body"])
        read_event(event)
    except ValueError as error:
        problem = Message("cli.queue.no_event", {"message": message["MessageId"]})
        raise OperatorError(problem) from error
    return FailedEvent(
        message["MessageId"], message["ReceiptHandle"], _sent_at(message), _RECEIVER, None, event, _REJECTED
    )


def describe_event(event: Any, show: Callable[[str], str] = str) -> Text:
    """Describe what an event is about. show: how keys are written."""
    try:
        return _describe_event(event, show)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _UNKNOWN


def _describe_event(event: dict[str, Any], show: Callable[[str], str]) -> Text:
    if event.get("source") == "aws.events":
        return Message("cli.queue.sweep")
    if event.get("source") == "asrcore":
        return f"{show(event['detail']['source']['key'])} ({event['detail-type']})"
    if asked := request_event(event):
        return show(asked.key)
    if ended := ended_execution(event):
        return Message("cli.queue.execution_end", {"execution": ended.name})
    keys = [show(source.key) for source in new_objects(event)]
    return keys[0] if len(keys) == 1 else Message("cli.queue.recordings", {"keys": keys})


def _queues(stack: DeployedStack) -> Iterator[FailedEventQueue]:
    yield FailedEventQueue(
        stack.queue_url, parse_failed_event, lambda message: stack.invoke_asynchronously(str(message.to), message.event)
    )
    if stack.has_webhook:
        yield FailedEventQueue(
            stack.undelivered_queue_url,
            parse_undelivered_webhook,
            lambda message: stack.sqs.send_message(
                QueueUrl=stack.webhook_queue_url, MessageBody=json.dumps(message.event, ensure_ascii=False)
            ),
        )


def _received(
    queue: FailedEventQueue, stack: DeployedStack, progress: ProgressReporter, now: datetime
) -> Iterator[FailedEvent]:
    """Yield every message that was sent before `now`, once. It stays in the queue, hidden for _HELD_S seconds."""

    latest = now + timedelta(seconds=_CLOCKS_DIFFER_S)

    def messages() -> Iterator[FailedEvent]:
        seen: set[str] = set()
        while True:
            answer = stack.sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=_PER_CALL,
                VisibilityTimeout=_HELD_S,
                WaitTimeSeconds=_WAITS_S,
                AttributeNames=["SentTimestamp"],
            )
            received = [queue.read(message) for message in answer.get("Messages", [])]
            fresh = [message for message in received if message.message_id not in seen and message.failed_at <= latest]
            if not fresh:
                _release(queue, stack, received)
                return
            seen.update(message.message_id for message in fresh)
            yield from fresh

    return progress.track("cli.progress.messages_read", messages())


def _release(queue: FailedEventQueue, stack: DeployedStack, messages: list[FailedEvent]) -> None:
    """Make messages visible again at once."""
    for message in messages:
        stack.sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=message.receipt, VisibilityTimeout=0)


def _sent_at(message: "MessageTypeDef") -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _row(message: FailedEvent) -> FailedEventRow:
    return FailedEventRow(
        failed_at=message.failed_at.isoformat(),
        to=str(_short(message.to)),
        about=str(describe_event(message.event)),
        why=str(message.error),
        tries=message.tries,
    )


def _short(receiver: Text) -> Text:
    """Return a function's name of its ARN, or the webhook."""
    return receiver.rpartition(":")[2] if isinstance(receiver, str) else receiver
