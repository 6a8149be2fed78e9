"""The queue that webhooks wait in."""

from typing import Any


class SqsWebhookQueue:
    """The queue in Amazon SQS. client: a boto3 `sqs` client."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, receipt: str, wait_s: int) -> None:
        """Nobody sees the message until then, 0 to 43,200 seconds."""
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=wait_s)
