"""The state machine, the event bus and the queue of webhooks."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from asrcore.core.step import Step
from asrcore.log import LOG

_NOT_WAITING = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


class StepFunctionsWorkflow:
    """Executions in AWS Step Functions. client: a boto3 `stepfunctions` client."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, step: Step) -> None:
        """Start an execution; AWS itself refuses a second one of the same name, which is what we want."""
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(step.envelope())
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            LOG.info("the execution was started before")

    def wake(self, task_token: str, step: Step) -> None:
        """Give a waiting task its envelope; a token that is no longer waited for is no error."""
        try:
            self._client.send_task_success(taskToken=task_token, output=json.dumps(step.envelope()))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_WAITING:
                raise
            LOG.info("nobody waits for this token any more")

    def status(self, name: str) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None where there is no such execution."""
        arn = f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            status: str = self._client.describe_execution(executionArn=arn)["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None
        return status


class EventBridge:
    """The default event bus. client: a boto3 `events` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Send one event. Raises RuntimeError when the bus did not take it."""
        entry = {"Source": "asrcore", "DetailType": detail_type, "Detail": json.dumps(detail, ensure_ascii=False)}
        answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"EventBridge did not take the event: {answer['Entries'][0].get('ErrorCode')}")


class SqsWebhookQueue:
    """The queue in Amazon SQS. client: a boto3 `sqs` client."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, receipt: str, wait_s: int) -> None:
        """Nobody sees the message until then, 0 to 43,200 seconds."""
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=wait_s)
