"""`destroy`: delete the stack and what CloudFormation would retain: recordings, transcripts, jobs, credentials."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from asrcore.messages import Message
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError
from asrctl.shapes import DestroyShape
from asrctl.stack import DeployedStack

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 1000  # S3 deletes so many objects in a request
_GONE = {"NoSuchBucket", "ResourceNotFoundException", "StateMachineDoesNotExist", "ExecutionDoesNotExist"}
# These rules would publish a stopped job as failed or restart it: the sweep's schedule and its rule on executions.
RULES = ("SweepFunctionSweep", "SweepFunctionExecutionEndedBadly")
_RULES_SETTLE_S = 30  # EventBridge API reference, DisableRule: "allow a short period of time"
# Step Functions guide, quotas: StopExecution's refill per second where it is lowest, which is in most regions.
_STOPS_PER_S = 25
_DELETION_DELAY_S, _DELETION_CHECKS = 15, 240  # an hour: functions leave a VPC slowly
_UNPROTECT = "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name"


def destroy(
    stack: DeployedStack, progress: ProgressReporter, confirm: Callable[[Sequence[Line]], bool], *, dry_run: bool
) -> CommandResult[DestroyShape]:
    """Delete what the stack stores, and the stack last: its outputs name the rest, so that this can be repeated.

    Events to the functions are switched off first, so that few new jobs start and no deleted recording withdraws its
    job. Executions are stopped next, as Step Functions deletes no state machine while one runs. What started meanwhile
    is stopped while the stack is deleted.

    Args:
        confirm: receives what would be deleted; False keeps all of it.

    Raises:
        OperatorError: CloudFormation would retain the stack. Nothing was changed.
        ClientError: AWS rejected a call.
        WaiterError: the stack cannot be deleted.
    """
    _refuse_undeletable(stack)
    buckets = [stack.audio_bucket, stack.transcript_bucket]
    table, secrets = stack.jobs_table, [stack.secret_arn, stack.signing_secret_arn]
    running = sum(1 for _ in _running(stack))
    shown = [
        *([Message("cli.destroy.executions", {"count": running})] if running else []),
        *(Message("cli.destroy.bucket", {"bucket": bucket}) for bucket in buckets),
        Message("cli.destroy.table", {"table": table}),
        *(Message("cli.destroy.secret", {"secret": secret}) for secret in secrets),
        Message("cli.destroy.stack", {"stack": stack.name}),
    ]
    data = DestroyShape(
        stack=stack.name,
        buckets=buckets,
        table=table,
        secret=secrets[0],
        signing_secret=secrets[1],
        executions=running,
        dry_run=dry_run,
    )
    if dry_run:
        return CommandResult(data, [Message("cli.would_be_deleted", {"what": each}) for each in shown])
    if not confirm(shown):
        return CommandResult(data, [Message("cli.nothing_deleted")], ok=False)
    _silence(stack)
    if any(True for _ in _running(stack)):  # some may have started before the operator confirmed
        time.sleep(_RULES_SETTLE_S)
    stopped = _stop_executions(stack, progress)
    objects = sum(_delete_bucket(stack, bucket, progress) for bucket in buckets)
    _unless_gone(stack.dynamodb.delete_table, TableName=table)
    for secret in secrets:
        _unless_gone(stack.secrets.delete_secret, SecretId=secret, ForceDeleteWithoutRecovery=True)
    stack.cloudformation.delete_stack(StackName=stack.name)
    stopped += _stop_executions(stack, progress)
    stack.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack.name, WaiterConfig={"Delay": _DELETION_DELAY_S, "MaxAttempts": _DELETION_CHECKS}
    )
    deleted = Message(
        "cli.destroy.done",
        {
            "stack": stack.name,
            "objects": Message("cli.count.object_versions", {"count": objects}),
            "executions": Message("cli.count.executions", {"count": stopped}),
        },
    )
    return CommandResult(data.model_copy(update={"executions": stopped, "objects": objects}), [deleted])


def _refuse_undeletable(stack: DeployedStack) -> None:
    described = stack.describe()
    if described.get("EnableTerminationProtection"):
        raise OperatorError(
            Message("cli.destroy.protected", {"stack": stack.name, "command": f"{_UNPROTECT} {stack.name}"})
        )
    status = described["StackStatus"]
    if status.endswith("_IN_PROGRESS") and status != "DELETE_IN_PROGRESS":
        raise OperatorError(Message("cli.destroy.in_progress", {"stack": stack.name, "status": status}))


def _silence(stack: DeployedStack) -> None:
    """Keep the functions from events about what is being deleted: S3's about each object, and those of the rules."""
    _unless_gone(
        stack.s3.put_bucket_notification_configuration, Bucket=stack.audio_bucket, NotificationConfiguration={}
    )
    for name in RULES:
        _unless_gone(stack.events.disable_rule, Name=stack.resource(name))


def _stop_executions(stack: DeployedStack, progress: ProgressReporter) -> int:
    """Stop the running executions and return their number."""
    stopped = 0
    for execution in progress.track("cli.progress.executions_stopped", _running(stack)):
        began = time.monotonic()
        _unless_gone(stack.states.stop_execution, executionArn=execution, cause="the stack is being deleted")
        stopped += 1
        time.sleep(max(0.0, began + 1 / _STOPS_PER_S - time.monotonic()))
    return stopped


def _running(stack: DeployedStack) -> Iterator[str]:
    """Yield the running executions of both state machines.

    Backfills come first, as they start others; their children end with them.
    """
    for machine in (stack.backfill_arn, stack.state_machine_arn):
        try:
            yield from (execution["executionArn"] for execution in stack.running(machine))
        except ClientError as error:
            _raise_unless_gone(error)


def _delete_bucket(stack: DeployedStack, bucket: str, progress: ProgressReporter) -> int:
    """Delete a bucket with its content. Return the number of object versions and delete markers."""
    objects = 0
    try:
        for batch in progress.track("cli.progress.batches_deleted", _versions(stack, bucket)):
            _delete_objects(stack, bucket, batch)
            objects += len(batch)
        stack.s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        _raise_unless_gone(error)
    return objects


def _delete_objects(stack: DeployedStack, bucket: str, batch: list["ObjectIdentifierTypeDef"]) -> None:
    answer = stack.s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
    if errors := answer.get("Errors"):
        raise ClientError({"Error": errors[0]}, "DeleteObjects")


def _versions(stack: DeployedStack, bucket: str) -> Iterator[list["ObjectIdentifierTypeDef"]]:
    pages = stack.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": _AT_ONCE}):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _unless_gone(operation: Callable[..., Any], **parameters: Any) -> None:
    try:
        operation(**parameters)
    except ClientError as error:
        _raise_unless_gone(error)


def _raise_unless_gone(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _GONE:
        raise error
