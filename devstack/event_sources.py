"""Queues that feed functions, as Lambda polls them: a batch is received under the function's role, the function called
with it, and what it did not report as failed is deleted. The rest is received again when the queue shows it.

moto would call the function from within the sender's request, and take any answer for a yes.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.expand import Json, TemplateError
from devstack.functions import Answer, Settings

LONGEST_POLL_S = 1  # Lambda's is 20: here the stack's end waits for it


@dataclass(frozen=True)
class EventSource:
    """A function's queue. at_most: batches that it is given at once."""

    queue_arn: str
    batch_size: int
    reports_failures: bool
    at_most: int

    @classmethod
    def of(cls, properties: Json) -> "EventSource":
        """What `AWS::Lambda::EventSourceMapping` says. Raises TemplateError for what is no queue."""
        arn = properties["EventSourceArn"]
        if ":sqs:" not in arn:
            raise TemplateError(f"the local stack polls queues only, not {arn}")
        return cls(
            queue_arn=arn,
            batch_size=int(properties.get("BatchSize", 10)),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            at_most=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 5)),
        )


class Pollers:
    """Threads that poll until they are closed."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(
        self, source: EventSource, url: str, function: Settings, invoke: Callable[[bytes], Answer], sqs: Any
    ) -> None:
        """Feed a function from its queue. url: the queue's; sqs: a boto3 client under the function's role.

        Raises TemplateError where Lambda would refuse: the queue must hide a batch for as long as the function may run.
        """
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        if float(told["VisibilityTimeout"]) < function.timeout_s:
            raise TemplateError(f"{source.queue_arn} hides messages for less time than {function.logical_id} may run")

        def poll() -> None:
            while not self._closing.is_set():
                _poll_queue(source, url, function.region, invoke, sqs)

        for _ in range(source.at_most):
            thread = threading.Thread(target=poll, name=f"polls for {function.logical_id}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Returns when what runs has ended: close the functions first."""
        self._closing.set()
        for thread in self._threads:
            thread.join()


def _poll_queue(source: EventSource, url: str, region: str, invoke: Callable[[bytes], Answer], sqs: Any) -> None:
    """One batch, if there is one."""
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
    """Which of the messages sent (their ids) stay in the queue (Lambda guide: partial batch responses for SQS).

    All of them when the function failed, or names one that it was not sent.
    """
    if answer.is_error:
        return set(sent)
    told = json.loads(answer.payload) if reports else None
    named = {each.get("itemIdentifier") for each in (told or {}).get("batchItemFailures") or []}
    return named if named <= set(sent) else set(sent)


def _record(message: Json, source: EventSource, region: str) -> Json:
    """A message as Lambda gives it to a function (Lambda guide: example SQS message event)."""
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
