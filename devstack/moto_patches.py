"""Where moto's services meet the local stack: every place in which moto is changed, and why.

Each change looks its stack up by region, so that one process can hold a stack in each of several regions.
"""

import contextlib
import copy
import functools
import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote_plus

from flask import after_this_request, has_request_context
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.models import Stack as CloudFormationStack
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.dynamodb.responses import DynamoHandler
from moto.events.models import Rule, events_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response
from moto.sns.models import sns_backends
from moto.stepfunctions import models as step_functions
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategyDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeTimedOut
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

from devstack import deletion, distributed_map, state_machines
from devstack.clock import WaitClock
from devstack.functions import MAX_ASYNC_EVENT_BYTES, MAX_EVENT_BYTES, Answer
from devstack.iam_enforcement import IamEnforcement, access_key_of, is_operator, refuse_stranger

# moto wakes a wait by an event that it clears at once: a stop that comes just before the wait begins is seen this late.
NOTICE_S = 0.5
MAX_KEY_BYTES = 1024  # Amazon S3 user guide, "Naming Amazon S3 objects"


class Stack(Protocol):
    """What the changed places ask of a stack."""

    iam: IamEnforcement
    clock: WaitClock

    def run_function(self, name_or_arn: str, event: bytes) -> Answer:
        """Runs a function and waits for its answer."""

    def run_function_later(self, name_or_arn: str, event: bytes) -> None:
        """Runs a function asynchronously."""

    def client(self, service: str) -> Any:
        """A boto3 client of the stack."""

    def client_of_role(self, role_arn: str, service: str) -> Any:
        """A boto3 client that may do what a state machine's role may."""


_stacks: dict[str, Stack] = {}
_lock = threading.Lock()


def register(region: str, stack: Stack) -> None:
    """Connects moto's services in `region` to `stack`. Raises RuntimeError if this process has one there already."""
    with _lock:
        _install()
        if _stacks.setdefault(region, stack) is not stack:
            raise RuntimeError(f"this process already runs a local stack in {region}: stop it or take another region")


def unregister(region: str) -> None:
    """Undoes `register` and forgets all that moto holds in `region`."""
    with _lock:
        _stacks.pop(region, None)
        # Buckets it keeps by partition, so they go one by one.
        for backend in [backend for account in s3_backends.values() for backend in account.values()]:
            for bucket in [bucket for bucket in backend.buckets.values() if bucket.region_name == region]:
                backend.buckets.pop(bucket.name)
                s3_backends.bucket_accounts.pop(bucket.name, None)
        services: list[Any] = vars(BackendDict)["_instances"]
        for account in [account for service in services for account in service.values()]:
            account.pop(region, None)


@functools.cache
def _install() -> None:
    # moto checks permissions when told to, of actions alone.
    _change(
        ActionAuthenticatorMixin,
        "_authenticate_and_authorize_action",
        _guarded(ActionAuthenticatorMixin._authenticate_and_authorize_action),
    )

    # moto's CloudFormation leaves a hole in a list for what a condition takes out of it, and one among the resources.
    _change(parsing, "clean_json", _without_holes(parsing.clean_json))
    _change(CloudFormationStack, "stack_resources", property(_resources_that_are))

    # moto reads, checks and writes a row while others do the same, and shows it half written.
    _change(DynamoHandler, "call_action", _one_at_a_time(DynamoHandler.call_action))

    # moto looks through its own folders for each request, to tell which of its services is meant.
    _change(
        DomainDispatcherApplication,
        "get_backend_for_host",
        functools.cache(DomainDispatcherApplication.get_backend_for_host),
    )

    # moto would run a function in a Docker container.
    _change(LambdaFunction, "invoke", _invoke)

    # moto's events lack what S3's have, and reach a function before the object has its metadata.
    _change(notifications, "_get_s3_event", functools.partial(_s3_event, notifications._get_s3_event))
    _change(notifications, "_invoke_awslambda", _notify_function)

    # moto takes keys of any length.
    _change(S3Response, "parse_key_name", _within_limits(S3Response.parse_key_name))

    # moto's EventBridge knows neither functions nor topics as targets.
    _change(Rule, "send_to_targets", _also_to_functions_and_topics(Rule.send_to_targets))

    # moto runs state machines only when asked, and its CloudFormation creates them where they are not run.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    _change(step_functions, "stepfunctions_backends", stepfunctions_parser_backends)
    # Its interpreter would make a new client for each step, of a server whose port it reads from the environment.
    _change(lambda_eval_utils, "boto_client_for", _interpreter_client)
    # It tells nobody how an execution ended.
    _change(BaseExecutionWorkerCommunication, "terminated", _then_publish(BaseExecutionWorkerCommunication.terminated))
    # It builds a parser for each path of each state that it enters.
    _change(json_path, "parse", functools.cache(vars(json_path)["parse"]))
    # It waits as long as AWS does.
    _change(WaitFunction, "_wait_interval", _scaled_wait(WaitFunction._wait_interval))
    # It waits for a task's token to the end although the execution was stopped, which then fails instead.
    _change(
        StateTaskServiceCallback,
        "_eval_wait_for_task_token",
        _until_stopped(StateTaskServiceCallback._eval_wait_for_task_token),
    )
    _change(Environment, "set_error", _unless_stopped(Environment.set_error))
    _change(JitterStrategyDecl, "_eval_body", _scaled_pause(JitterStrategyDecl._eval_body))
    # Its Distributed Maps have no batches, no inventories and no results.
    _change(AmazonStateLanguageParser, "parse", distributed_map.parsed(AmazonStateLanguageParser.parse))
    _change(DistributedIterationComponent, "_eval_body", _run_map)
    # It reads definitions by a grammar alone.
    _change(
        StepFunctionsParserBackend,
        "_validate_definition",
        staticmethod(_then_checked(StepFunctionsParserBackend._validate_definition)),
    )
    # It deletes state machines while their executions run, and stacks within the request.
    backend = StepFunctionsParserBackend
    _change(backend, "delete_state_machine", deletion.machine_deleted_when_idle(backend.delete_state_machine))
    _change(backend, "start_execution", deletion.started_unless_deleting(backend.start_execution))
    _change(backend, "create_state_machine", deletion.created_unless_deleting(backend.create_state_machine))
    _change(
        StepFunctionResponse,
        "_describe_state_machine",
        deletion.described_with_status(StepFunctionResponse._describe_state_machine),
    )
    _change(CloudFormationBackend, "delete_stack", deletion.stack_deleted_when_idle(CloudFormationBackend.delete_stack))
    # It looks for a task's token in executions that have only just started too, and fails.
    _change(StepFunctionsParserBackend, "_get_executions", _without_unborn(StepFunctionsParserBackend._get_executions))


def _change(owner: Any, name: str, replacement: Any) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(
            f"this version of moto has no {owner.__name__}.{name}; look again at devstack/moto_patches.py"
        )
    setattr(owner, name, replacement)


def _guarded(original: Callable[..., None]) -> Callable[..., None]:
    """Every request that reaches moto over HTTP, that is, a stack; moto's mocks in this process go on as they were."""

    @functools.wraps(original)
    def authorize(request: Any, proof_class: Any, resource: str = "*") -> None:
        if not request.is_werkzeug_request:
            original(request, proof_class, resource)
            return
        key = access_key_of(request)
        # A browser asks unsigned whether it may send what is signed (CORS).
        if is_operator(key) or request.method == "OPTIONS":
            return
        iam = next((stack.iam for stack in list(_stacks.values()) if stack.iam.knows(key)), None)
        if iam is None:
            refuse_stranger(request)
        else:
            iam.authorize(request, proof_class, resource)

    return authorize


def _one_at_a_time(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    turn = threading.Lock()

    @functools.wraps(original)
    def call_action(handler: Any) -> Any:
        with turn:
            return original(handler)

    return call_action


def _without_holes(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    @functools.wraps(original)
    def clean_json(value: Any, resources: Any) -> Any:
        cleaned = original(value, resources)
        if not isinstance(value, list):
            return cleaned
        return [item for item, written in zip(cleaned, value, strict=True) if item is not None or not _is_if(written)]

    return clean_json


def _resources_that_are(stack: Any) -> list[Any]:
    return [resource for resource in stack.resource_map.values() if resource is not None]


def _is_if(written: Any) -> bool:
    return isinstance(written, dict) and "Fn::If" in written


def _invoke(function: Any, body: bytes | str | None, headers: Any, response_headers: dict[str, str]) -> bytes:
    """Lambda's Invoke, in place of LambdaFunction.invoke."""
    event = body.encode() if isinstance(body, str) else body or b"{}"
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    limit = MAX_ASYNC_EVENT_BYTES if kind == "Event" else MAX_EVENT_BYTES
    if len(event) > limit:
        error = LambdaClientError(
            "RequestTooLargeException",
            f"{len(event)} byte payload is too large for the {kind} invocation type ({limit})",
        )
        error.code = 413
        raise error
    response_headers["x-amz-executed-version"] = "$LATEST"
    stack = _stacks[function.region]
    if kind == "Event":
        stack.run_function_later(function.function_name, event)
        return b""
    if kind == "DryRun":
        return b""
    answer = stack.run_function(function.function_name, event)
    if answer.is_error:
        response_headers["x-amz-function-error"] = "Unhandled"
    return answer.payload


def _s3_event(
    original: Callable[..., dict[str, Any]], event_name: str, bucket: Any, key: Any, notification_id: str
) -> dict[str, Any]:
    """moto's event completed to what S3 sends (S3 guide: event message structure, version 2.1)."""
    event = original(event_name, bucket, key, notification_id)
    for record in event["Records"]:
        record["userIdentity"] = {"principalId": "AWS:LOCAL"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["responseElements"] = {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": "local"}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "LOCAL"}
        told = record["s3"]["object"]
        told["key"] = quote_plus(key.name, safe="/")  # S3 leaves slashes as they are
        told["sequencer"] = f"{time.time_ns():018X}"  # later events of a key compare greater
        if bucket.is_versioned:
            told["versionId"] = key.version_id
    return event


def _within_limits(original: Callable[[Any], str]) -> Callable[[Any], str]:
    @functools.wraps(original)
    def parse_key_name(response: Any) -> str:
        key = original(response)
        if len(key.encode()) > MAX_KEY_BYTES:
            raise S3ClientError("KeyTooLongError", "Your key is too long")
        return key

    return parse_key_name


def _notify_function(_account_id: str, event: dict[str, Any], function_arn: str, region: str) -> None:
    """S3's asynchronous invocation, in place of moto's synchronous one."""
    body = json.dumps(event).encode()

    def send(response: Any = None) -> Any:
        _stacks[region].run_function_later(function_arn, body)
        return response

    # moto stores an object's metadata after it notifies, so the notification waits for the end of the request.
    if has_request_context():
        after_this_request(send)
    else:
        send()


def _also_to_functions_and_topics(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def send_to_targets(rule: Any, event: dict[str, Any], transform_input: bool = True) -> None:
        functions = [target["Arn"] for target in rule.targets if ":lambda:" in target["Arn"]]
        topics = [target["Arn"] for target in rule.targets if ":sns:" in target["Arn"]]
        # To moto, a schedule's rule, which has no pattern, matches every event of the bus.
        is_meant = rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event)
        if (functions or topics) and rule.state != "DISABLED" and is_meant:
            body = json.dumps(_bus_event(event))
            for arn in functions:
                _stacks[rule.region_name].run_function_later(arn, body.encode())
            for arn in topics:
                sns_backends[rule.account_id][rule.region_name].publish(body, arn=arn)
        others = copy.copy(rule)
        others.targets = [target for target in rule.targets if target["Arn"] not in [*functions, *topics]]
        original(others, event, transform_input)

    return send_to_targets


def _bus_event(event: dict[str, Any]) -> dict[str, Any]:
    """An event as EventBridge gives it to a target: moto's without its own marks, and its time as text."""
    told = {key: value for key, value in event.items() if key != "ingestion-time"}
    if isinstance(told["time"], int | float):
        told["time"] = datetime.fromtimestamp(told["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return told


def _interpreter_client(region: str, service: str, state_credentials: Any) -> Any:
    return _stacks[region].client_of_role(state_credentials.role_arn, service)


def _scaled_wait(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def _wait_interval(wait: Any, env: Any, wait_seconds: float) -> None:
        clock = _stacks[env.aws_execution_details.region].clock
        deadline = time.monotonic() + clock.wait_s(_state(env), wait_seconds)
        while env.is_running() and (remaining_s := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(min(remaining_s, NOTICE_S))

    return _wait_interval


def _until_stopped(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wait_for_task_token(task: Any, env: Any, timeout_seconds: float, callback_endpoint: Any, **others: Any) -> Any:
        if others.get("heartbeat_endpoint"):
            return original(
                task, env=env, timeout_seconds=timeout_seconds, callback_endpoint=callback_endpoint, **others
            )
        began = time.monotonic()
        # Of an execution that was stopped before, moto has not read the timeout either.
        while env.is_running() and (remaining_s := began + timeout_seconds - time.monotonic()) > 0:
            if outcome := callback_endpoint.wait(min(remaining_s, NOTICE_S)):
                return outcome
        return CallbackOutcomeTimedOut(callback_id=callback_endpoint.callback_id)

    return wait_for_task_token


def _unless_stopped(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    @functools.wraps(original)
    def set_error(env: Any, error: Any) -> None:
        if not isinstance(env.program_state(), ProgramStopped):
            original(env, error)

    return set_error


def _scaled_pause(original: Callable[..., None]) -> Callable[..., None]:
    """The last step of a retrier's interval, which leaves the seconds on the interpreter's stack."""

    @functools.wraps(original)
    def _eval_body(strategy: Any, env: Any) -> None:
        original(strategy, env)
        env.stack.append(_stacks[env.aws_execution_details.region].clock.pause_s(env.stack.pop()))

    return _eval_body


def _state(env: Any) -> str:
    return str(env.states.context_object.context_object_data["State"]["Name"])


def _run_map(component: Any, env: Any) -> None:
    machine = env.aws_execution_details
    s3 = _interpreter_client(machine.region, "s3", StateCredentials(role_arn=machine.role_arn))
    distributed_map.Run(component, env, s3).run()


def _then_publish(original: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(original)
    def terminated(communication: Any) -> None:
        original(communication)
        if communication.execution.region_name in _stacks:
            _publish_execution_status(communication.execution)
            deletion.execution_ended(communication.execution)

    return terminated


def _publish_execution_status(execution: Any) -> None:
    """Tells the default event bus how an execution ended (Step Functions guide: execution status change events)."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": execution.account_id,
        "time": time.time(),
        "region": execution.region_name,
        "resources": [execution.exec_arn],
        "detail": {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": int(execution.start_date.timestamp() * 1000),
            "stopDate": int(execution.stop_date.timestamp() * 1000),
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "output": None if execution.output is None else json.dumps(execution.output),
            "outputDetails": None if execution.output is None else {"included": True},
            "error": execution.error,
            "cause": execution.cause,
        },
    }
    rules: dict[str, Any] = events_backends[execution.account_id][execution.region_name].event_buses["default"].rules
    for rule in list(rules.values()):
        rule.send_to_targets(event, transform_input=False)


def _then_checked(original: Callable[[str], None]) -> Callable[[str], None]:
    @functools.wraps(original)
    def validate(definition: str) -> None:
        original(definition)
        state_machines.check_definition(definition)

    return validate


def _without_unborn(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    @functools.wraps(original)
    def _get_executions(backend: Any, execution_status: Any = None) -> list[Any]:
        executions = original(backend, execution_status)
        return [execution for execution in executions if execution.exec_worker and execution.exec_worker.env]

    return _get_executions


def stop_executions(account_id: str, region: str) -> None:
    """Asks every execution that runs in `region` to stop; each does at its next step."""
    for execution in stepfunctions_parser_backends[account_id][region]._get_executions():
        with contextlib.suppress(AttributeError):
            execution.stop(stop_date=datetime.now(UTC), error=None, cause="the local stack is shutting down")
