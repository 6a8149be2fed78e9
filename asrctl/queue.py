"""`queue`: events that a function could not handle in three tries, and `queue replay`, which sends them once more."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asrcore.events import ended_execution, new_objects, request_event
from asrctl.progress import Progress
from asrctl.result import OperatorError, Result
from asrctl.stack import Stack
from asrctl.words import count, first_words, table

_HELD_S = 60  # nobody else sees a message meanwhile; longer than it takes to hand its event over
_CLOCKS_DIFFER_S = 60  # SQS's and ours; an event that fails again needs three minutes for it
_PER_CALL = 10
_UNKNOWN = "an event of another kind"


@dataclass(frozen=True)
class Message:
    """One event that failed, as Lambda records it (Lambda guide: retaining records of asynchronous invocations)."""

    message_id: str
    receipt: str
    failed_at: datetime
    function: str
    tries: int
    event: Any
    error: str


def show(stack: Stack, progress: Progress, now: datetime) -> Result:
    """What lies in the queue, oldest first."""
    messages = sorted(_received(stack, progress, now), key=lambda message: message.failed_at)
    _release(stack, messages)
    rows = [
        (f"{message.failed_at:%Y-%m-%d %H:%M:%S}", _short(message.function), what(message.event), message.error)
        for message in messages
    ]
    lines = [
        *table(("failed at", "function", "about", "why"), rows),
        "send them once more: python -m asrctl queue replay",
    ]
    return Result({"messages": [_row(message) for message in messages]}, lines if messages else ["the queue is empty"])


def replay(stack: Stack, progress: Progress, now: datetime, *, dry_run: bool) -> Result:
    """Hand every event to its function once more, and take it out of the queue when it is handed over.

    What fails again comes back; an event that came since `now` is left for the next time, so that this ends.
    """
    if dry_run:
        shown = show(stack, progress, now)
        number = len(shown.data["messages"])
        return Result(
            {**shown.data, "dry_run": True}, [*shown.lines[:-1], f"{count(number, 'event')} would be replayed"]
        )
    sent = []
    for message in _received(stack, progress, now):
        stack.invoke_later(message.function, message.event)
        stack.sqs.delete_message(QueueUrl=stack.queue_url, ReceiptHandle=message.receipt)
        sent.append(message)
    lines = [f"{what(message.event)}: sent to {_short(message.function)} again" for message in sent]
    data = {"messages": [_row(message) for message in sent], "dry_run": False}
    return Result(data, [*lines, f"{count(len(sent), 'event')} replayed"])


def read(message: dict[str, Any]) -> Message:
    """A message of the queue. Raises OperatorError for one that Lambda did not put there."""
    try:
        record = json.loads(message["Body"])
        context, event = record["requestContext"], record["requestPayload"]
    except (ValueError, TypeError, KeyError) as error:
        problem = f"message {message['MessageId']} in the queue is not Lambda's record of a failed event: remove it"
        raise OperatorError(problem) from error
    response = record.get("responsePayload") or {}
    said = ": ".join(filter(None, [response.get("errorType"), first_words(response.get("errorMessage", ""))]))
    return Message(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        failed_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        function=context["functionArn"].removesuffix(":$LATEST"),
        tries=context["approximateInvokeCount"],
        event=event,
        error=said or context["condition"],
    )


def what(event: Any) -> str:
    """What an event is about, in a few words."""
    if not isinstance(event, dict):
        return _UNKNOWN
    if event.get("source") == "aws.events":
        return "the sweep"
    try:
        if asked := request_event(event):
            return asked.key
        if ended := ended_execution(event):
            return f"the end of execution {ended.name}"
        return ", ".join(source.key for source in new_objects(event))
    except (ValueError, KeyError):
        return _UNKNOWN


def _received(stack: Stack, progress: Progress, now: datetime) -> Iterator[Message]:
    """Every message that came before `now`, once; it stays in the queue, hidden for a while."""

    latest = now + timedelta(seconds=_CLOCKS_DIFFER_S)

    def messages() -> Iterator[Message]:
        seen: set[str] = set()
        while True:
            answer = stack.sqs.receive_message(
                QueueUrl=stack.queue_url,
                MaxNumberOfMessages=_PER_CALL,
                VisibilityTimeout=_HELD_S,
                WaitTimeSeconds=1,  # asks every server that may have one
                AttributeNames=["SentTimestamp"],
            )
            received = [read(message) for message in answer.get("Messages", [])]
            fresh = [message for message in received if message.message_id not in seen and message.failed_at <= latest]
            if not fresh:
                _release(stack, received)
                return
            seen.update(message.message_id for message in fresh)
            yield from fresh

    return progress.track("messages read", messages())


def _release(stack: Stack, messages: list[Message]) -> None:
    """Whoever asks next sees them again at once."""
    for message in messages:
        stack.sqs.change_message_visibility(
            QueueUrl=stack.queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=0
        )


def _row(message: Message) -> dict[str, Any]:
    return {
        "failed_at": message.failed_at.isoformat(),
        "function": _short(message.function),
        "about": what(message.event),
        "why": message.error,
        "tries": message.tries,
    }


def _short(function_arn: str) -> str:
    return function_arn.rpartition(":")[2]
