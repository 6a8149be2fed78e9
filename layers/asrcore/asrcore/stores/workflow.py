"""The state machine, the event bus and the webhook queue."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from asrcore.core.step import Step
from asrcore.log import LOG

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

_NOT_WAITING = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


class StepFunctionsWorkflow:
    """The port `Workflow`, in AWS Step Functions. client: a boto3 `stepfunctions` client."""

    def __init__(self, client: "SFNClient", state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, step: Step) -> None:
        """Start an execution. AWS refuses a second one of the same name, which is no error here."""
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(step.envelope())
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            LOG.info("the execution exists already")

    def complete_task(self, task_token: str, step: Step) -> None:
        """Complete a task that waits for a callback. A token that has expired, or was used, is no error."""
        try:
            self._client.send_task_success(taskToken=task_token, output=json.dumps(step.envelope()))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_WAITING:
                raise
            LOG.info("the task token has expired")

    def stop(self, name: str) -> None:
        """Stop an execution. One that has ended stays as it ended, and one that does not exist is no error."""
        try:
            self._client.stop_execution(executionArn=self._execution_arn(name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            LOG.info("there is no such execution to stop", execution=name)

    def status(self, name: str) -> str | None:
        """Return RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None when the execution does not exist."""
        try:
            status: str = self._client.describe_execution(executionArn=self._execution_arn(name))["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None
        return status

    def _execution_arn(self, name: str) -> str:
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


class EventBridge:
    """The port `Events`: the default event bus. client: a boto3 `events` client."""

    def __init__(self, client: "EventBridgeClient") -> None:
        self._client = client

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Publish one event.

        Args:
            detail_type: such as `Transcript Completed`.
            detail: a JSON object.

        Raises:
            RuntimeError: EventBridge rejected the event.
        """
        entry: PutEventsRequestEntryTypeDef = {
            "Source": "asrcore",
            "DetailType": detail_type,
            "Detail": json.dumps(detail, ensure_ascii=False),
        }
        answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"EventBridge rejected the event: {answer['Entries'][0].get('ErrorCode')}")


class SqsWebhookQueue:
    """The port `WebhookQueue`, in Amazon SQS. client: a boto3 `sqs` client."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, receipt: str, wait_s: int) -> None:
        """Make a message invisible for `wait_s` seconds, at most 43,200."""
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=wait_s)
