"""Delete state machines and stacks as AWS does: after their executions have ended.

moto deletes a state machine together with its executions, and a stack within the request. In AWS a state machine is
DELETING while one of its executions runs, and starts no other (Step Functions API reference, DeleteStateMachine); its
stack is DELETE_IN_PROGRESS until then.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.core.responses import ActionResult
from moto.iam.models import Role
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import StateMachineDeleting
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

DELETING = "DELETING"
IN_PROGRESS, FAILED = "DELETE_IN_PROGRESS", "DELETE_FAILED"
_lock = threading.RLock()


def machine_deleted_when_idle(original: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Make DeleteStateMachine wait until no execution runs."""

    @functools.wraps(original)
    def delete_state_machine(backend: Any, arn: str) -> None:
        with _lock:
            machine = _find(backend, arn)
            if machine is not None and _is_busy(machine):
                machine.status = DELETING
            else:
                original(backend, arn)

    return delete_state_machine


def started_unless_deleting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make StartExecution refuse a state machine that is being deleted."""

    @functools.wraps(original)
    def start_execution(backend: Any, state_machine_arn: str, *arguments: Any, **named: Any) -> Any:
        with _lock:
            _refuse_deleting(backend, state_machine_arn)
            return original(backend, state_machine_arn, *arguments, **named)

    return start_execution


def created_unless_deleting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make CreateStateMachine refuse the name of a state machine that is being deleted."""

    @functools.wraps(original)
    def create_state_machine(backend: Any, name: str, *arguments: Any, **named: Any) -> Any:
        _refuse_deleting(backend, name)
        return original(backend, name, *arguments, **named)

    return create_state_machine


def described_with_status(original: Callable[[Any, str], ActionResult]) -> Callable[[Any, str], ActionResult]:
    """Make DescribeStateMachine return the status; moto always returns ACTIVE."""

    @functools.wraps(original)
    def describe(response: Any, arn: str) -> ActionResult:
        described = original(response, arn)
        result: Any = described.result
        result["status"] = _status(_find(response.stepfunction_backend, arn))
        return described

    return describe


def stack_deleted_when_idle(original: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Make DeleteStack wait for the state machines, and report a failure as the stack's status."""

    @functools.wraps(original)
    def delete_stack(backend: Any, name_or_id: str) -> None:
        for stack in [each for each in backend.stacks.values() if name_or_id in (each.name, each.stack_id)]:
            if _delete_machines(backend, stack):
                _delete(functools.partial(original, backend), backend, stack)
            else:
                stack.status = IN_PROGRESS

    return delete_stack


def execution_ended(execution: Any) -> None:
    """Complete the deletions that have waited for this execution."""
    backend = stepfunctions_parser_backends[execution.account_id][execution.region_name]
    with _lock:
        machine = _find(backend, execution.state_machine.arn)
        if _status(machine) != DELETING or _is_busy(machine):
            return
        backend.state_machines.remove(machine)
    stacks = cloudformation_backends[execution.account_id][execution.region_name]
    for stack in [each for each in stacks.stacks.values() if each.status == IN_PROGRESS]:
        stacks.delete_stack(stack.stack_id)


def _delete_machines(backend: Any, stack: Any) -> bool:
    """Delete a stack's state machines; return whether all are gone."""
    states = stepfunctions_parser_backends[backend.account_id][backend.region_name]
    machines = [resource for resource in stack.stack_resources if isinstance(resource, StateMachine)]
    for machine in machines:
        states.delete_state_machine(machine.arn)
    return not any(_find(states, machine.arn) for machine in machines)


def _delete(original: Callable[[str], None], backend: Any, stack: Any) -> None:
    # CloudFormation detaches the policies that it attached to a role; moto does not, and then keeps the role.
    for role in [resource for resource in stack.stack_resources if isinstance(resource, Role)]:
        role.managed_policies.clear()
    try:
        original(stack.stack_id)
    except Exception as error:  # noqa: BLE001 - the stack's status reports any error
        backend.stacks[stack.stack_id] = stack
        stack.status = FAILED
        stack._add_stack_event(FAILED, resource_status_reason=str(error))


def _find(backend: Any, name_or_arn: str) -> Any:
    return next((machine for machine in backend.state_machines if name_or_arn in (machine.name, machine.arn)), None)


def _status(machine: Any) -> str:
    return str(getattr(machine, "status", "ACTIVE"))  # which moto's does not have


def _refuse_deleting(backend: Any, name_or_arn: str) -> None:
    if _status(_find(backend, name_or_arn)) == DELETING:
        message = f"State machine is being deleted: '{name_or_arn}'"
        raise StateMachineDeleting(message, StateMachineDeleting.code)  # moto's class alone leaves the code out


def _is_busy(machine: Any) -> bool:
    return any(execution.status == "RUNNING" for execution in machine.executions)
