"""Change how moto runs state machines, and why.

Each change finds its stack by region in the registry.
"""

import contextlib
import functools
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.cloudformation.models import CloudFormationBackend
from moto.core.config import default_user_config
from moto.events.models import events_backends
from moto.stepfunctions import models as step_functions
from moto.stepfunctions.parser.api import ExecutionStatus
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
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

from devstack import deletion, distributed_map, state_machines
from devstack.clock import WaitClock
from devstack.stack_registry import STACKS

# moto wakes a wait by an event that it clears at once: a stop just before the wait begins is noticed this late.
NOTICE_S = 0.5

Replace = Callable[[Any, str, Any], None]  # owner, name of the attribute, its new value


def install(replace: Replace) -> None:
    """Change moto's Step Functions. replace: sets an attribute that must exist."""
    # moto runs state machines only on request, and its CloudFormation creates them in another backend.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    replace(step_functions, "stepfunctions_backends", stepfunctions_parser_backends)
    # Its interpreter would create a client for each step, for a server whose port it reads from the environment.
    replace(lambda_eval_utils, "boto_client_for", _interpreter_client)
    # It publishes no status change when an execution ends.
    replace(BaseExecutionWorkerCommunication, "terminated", _then_publish(BaseExecutionWorkerCommunication.terminated))
    # It builds a parser for each path of each state that it enters.
    replace(json_path, "parse", functools.cache(vars(json_path)["parse"]))
    # It waits as long as AWS does.
    replace(WaitFunction, "_wait_interval", _scaled_wait(WaitFunction._wait_interval))
    # It waits for a task token until the timeout although the execution was stopped, which then fails instead.
    replace(
        StateTaskServiceCallback,
        "_eval_wait_for_task_token",
        _until_stopped(StateTaskServiceCallback._eval_wait_for_task_token),
    )
    replace(Environment, "set_error", _unless_stopped(Environment.set_error))
    replace(JitterStrategyDecl, "_eval_body", _scaled_pause(JitterStrategyDecl._eval_body))
    # Its Distributed Maps have no batches, no inventories and no results.
    replace(AmazonStateLanguageParser, "parse", distributed_map.wrap_parser(AmazonStateLanguageParser.parse))
    replace(DistributedIterationComponent, "_eval_body", _run_map)
    # It checks definitions by their grammar alone.
    replace(
        StepFunctionsParserBackend,
        "_validate_definition",
        staticmethod(_then_checked(StepFunctionsParserBackend._validate_definition)),
    )
    # It deletes state machines while their executions run, and stacks within the request.
    backend = StepFunctionsParserBackend
    replace(backend, "delete_state_machine", deletion.machine_deleted_when_idle(backend.delete_state_machine))
    replace(backend, "start_execution", deletion.started_unless_deleting(backend.start_execution))
    replace(backend, "create_state_machine", deletion.created_unless_deleting(backend.create_state_machine))
    replace(
        StepFunctionResponse,
        "_describe_state_machine",
        deletion.described_with_status(StepFunctionResponse._describe_state_machine),
    )
    replace(CloudFormationBackend, "delete_stack", deletion.stack_deleted_when_idle(CloudFormationBackend.delete_stack))
    # It searches executions that have not started yet for a task token, and fails; their status is an error.
    replace(Execution, "status", property(execution_status))
    replace(StepFunctionsParserBackend, "_get_executions", _only_started(StepFunctionsParserBackend._get_executions))


def _interpreter_client(region: str, service: str, state_credentials: Any) -> Any:
    return STACKS[region].client_of_role(state_credentials.role_arn, service)


def _scaled_wait(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def _wait_interval(wait: Any, env: Any, wait_seconds: float) -> None:
        deadline = time.monotonic() + _clock(env).wait_s(_state(env), wait_seconds)
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
        # moto has not read the timeout of an execution that was stopped before.
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
    """Scale the result of a retrier's interval, which is on the interpreter's stack."""

    @functools.wraps(original)
    def _eval_body(strategy: Any, env: Any) -> None:
        original(strategy, env)
        env.stack.append(_clock(env).pause_s(env.stack.pop()))

    return _eval_body


def _clock(env: Any) -> WaitClock:
    """Return the clock of the execution's stack, and AWS's for moto's mocks in this process."""
    stack = STACKS.get(env.aws_execution_details.region)
    return stack.clock if stack else WaitClock(1)


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
        if communication.execution.region_name in STACKS:
            _publish_execution_status(communication.execution)
            deletion.execution_ended(communication.execution)

    return terminated


def _publish_execution_status(execution: Any) -> None:
    """Publish an execution's end to the default event bus (Step Functions guide: execution status change events)."""
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


def _only_started(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    @functools.wraps(original)
    def _get_executions(backend: Any, execution_status: Any = None) -> list[Any]:
        executions = original(backend, execution_status)
        return [execution for execution in executions if execution.exec_worker and execution.exec_worker.env]

    return _get_executions


def execution_status(execution: Any) -> str:
    """Return an execution's status, `RUNNING` before it has started: AWS knows no earlier one."""
    return str((execution.exec_status or ExecutionStatus.RUNNING).value)


def stop_executions(account_id: str, region: str) -> None:
    """Stop every execution that runs in `region`; each ends at its next step."""
    for execution in stepfunctions_parser_backends[account_id][region]._get_executions():
        with contextlib.suppress(AttributeError):
            execution.stop(stop_date=datetime.now(UTC), error=None, cause="the local stack is shutting down")
