"""Poll the queues of functions as Lambda does.

A batch is received under the function's role and the function invoked with it; the messages that it does not report as
failed are deleted. The others are received again after the queue's visibility timeout. moto would invoke the function
within the sender's request and treat any answer as success.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from devstack.expand import Json, TemplateError
from devstack.functions import Answer, Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

LONGEST_POLL_S = 1  # Lambda's is 20; stopping the stack waits for a poll
PAUSE_S = 1  # after a refused or failed poll
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EventSource:
    """A function's queue. max_concurrency: batches in progress at once."""

    queue_arn: str
    batch_size: int
    reports_failures: bool
    max_concurrency: int

    @classmethod
    def of(cls, properties: Json) -> "EventSource":
        """Read an `AWS::Lambda::EventSourceMapping`. Raises TemplateError for a source that is not a queue."""
        arn = properties["EventSourceArn"]
        if ":sqs:" not in arn:
            raise TemplateError(f"the local stack polls queues only, not {arn}")
        return cls(
            queue_arn=arn,
            batch_size=int(properties.get("BatchSize", 10)),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            max_concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 5)),
        )


class Pollers:
    """Threads that poll until they are closed."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(
        self, source: EventSource, url: str, function: Settings, invoke: Callable[[bytes], Answer], sqs: Any
    ) -> None:
        """Poll a function's queue. url: the queue's; sqs: a boto3 client under the function's role.

        Raises TemplateError where Lambda would refuse: a visibility timeout below the function's timeout.
        """
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        if float(attributes["VisibilityTimeout"]) < function.timeout_s:
            raise TemplateError(f"{source.queue_arn} hides messages for less time than {function.logical_id} may run")

        def poll() -> None:
            while not self._closing.is_set():
                try:
                    _poll_queue(source, url, function.region, invoke, sqs)
                except (BotoCoreError, ClientError) as error:  # Lambda polls on
                    _LOG.warning("polling the queue of %s failed: %s", function.logical_id, error)
                    self._closing.wait(PAUSE_S)

        for _ in range(source.max_concurrency):
            thread = threading.Thread(target=poll, name=f"polls for {function.logical_id}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Wait for the batches in progress. Close the functions first."""
        self._closing.set()
        for thread in self._threads:
            thread.join()


def _poll_queue(
    source: EventSource, url: str, region: str, invoke: Callable[[bytes], Answer], sqs: "SQSClient"
) -> None:
    """Receive one batch, if there is one, and invoke the function with it."""
    messages = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(source.batch_size, 10),
        WaitTimeSeconds=LONGEST_POLL_S,
        AttributeNames=["All"],
    ).get("Messages", [])
    if not messages:
        return
    answer = invoke(json.dumps({"Records": [_record(message, source, region) for message in messages]}).encode())
    failed = failures(answer, [message["MessageId"] for message in messages], reports=source.reports_failures)
    for message in messages:
        if message["MessageId"] not in failed:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def failures(answer: Answer, sent: list[str], *, reports: bool) -> set[str]:
    """Return the ids of the messages that stay in the queue (Lambda guide: partial batch responses for SQS).

    All of them if the function failed, or reported a message that was not in the batch.
    """
    if answer.is_error:
        return set(sent)
    report = json.loads(answer.payload) if reports else None
    named = {each.get("itemIdentifier") for each in (report or {}).get("batchItemFailures") or []}
    return named if named <= set(sent) else set(sent)


def _record(message: "MessageTypeDef", source: EventSource, region: str) -> Json:
    """Return a message as a record of Lambda's event (Lambda guide: example SQS message event)."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": message.get("MessageAttributes", {}),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.queue_arn,
        "awsRegion": region,
    }
