"""AWS Step Functions in simulated time: an interpreter of the state machine's file.

It has what `statemachine/poller.asl.json` uses: Choice, Wait, Task (Lambda, with or without a task token), Succeed;
Parameters, ResultSelector, ResultPath, time limits, Retry and Catch. Anything else is an error, not a guess.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.clock import Clock
from tests.support.fake_aws import refusal

TIMEOUT = "States.Timeout"
THROTTLED = "Lambda.TooManyRequestsException"
MOST_EVENTS = 25_000  # of a Standard Workflow's history; past it, the execution fails
Data = dict[str, Any]


class FunctionFailedError(Exception):
    """A function did not return; `name` is the state machine's error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class Execution:
    """One execution; `state` is its current state, `events` the length of its history."""

    name: str
    input: Data
    status: str = "RUNNING"
    state: str = ""
    events: int = 0

    @property
    def running(self) -> bool:
        return self.status == "RUNNING"


@dataclass
class _Waiting:
    """A task that waits for its token."""

    execution: Execution
    state: Mapping[str, Any]
    data: Data


@dataclass
class Machine:
    """The state machine and its executions; also the part of boto3's `stepfunctions` client that the layer uses.

    invoke: runs a function (by its placeholder in the file); raises FunctionFailedError.
    on_bad_end: what EventBridge's rule does with an execution that failed, timed out or was aborted.
    """

    definition: Mapping[str, Any]
    clock: Clock
    invoke: Callable[[str, Data], Data]
    on_bad_end: Callable[[Execution], None]
    note: Callable[[str, str], None]
    chance: random.Random
    executions: dict[str, Execution] = field(default_factory=dict)
    transitions: int = 0  # states entered and tasks retried, which AWS charges
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _tokens: int = 0

    def start_execution(self, *, name: str, input: str, **_: Any) -> None:
        held = self.executions.get(name)
        if held and not (held.running and held.input == json.loads(input)):
            raise refusal("ExecutionAlreadyExists", "StartExecution")
        if held:
            return
        execution = self.executions[name] = Execution(name, json.loads(input))
        self.clock.after(self.definition["TimeoutSeconds"], lambda: self.stop(execution, "TIMED_OUT"), timer=True)
        self._enter(execution, self.definition["StartAt"], execution.input)

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        held = self.executions.get(executionArn.rpartition(":")[2])
        if held is None or held.status == "DELETED":
            raise refusal("ExecutionDoesNotExist", "DescribeExecution")
        return {"status": held.status}

    def stop_execution(self, *, executionArn: str) -> None:  # noqa: N803 - boto3's name
        held = self.executions.get(executionArn.rpartition(":")[2])
        if held is None or held.status == "DELETED":
            raise refusal("ExecutionDoesNotExist", "StopExecution")
        self.stop(held, "ABORTED")

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803 - boto3's name
        waiting = self._waiting.pop(taskToken, None)
        if waiting is None:
            raise refusal("TaskTimedOut", "SendTaskSuccess")
        self._enter(waiting.execution, waiting.state["Next"], json.loads(output))

    def stop(self, execution: Execution, status: str) -> None:
        """End an execution from outside; DELETED sends no event."""
        if not execution.running:
            return
        execution.status = status
        self._waiting = {token: each for token, each in self._waiting.items() if each.execution is not execution}
        if status in ("SUCCEEDED", "DELETED"):
            return
        self.note(execution.name, f"the execution ends: {status}")
        self.on_bad_end(execution)

    @property
    def waiting_tokens(self) -> list[str]:
        """Return the task that waits for a token."""
        return [each.execution.name for each in self._waiting.values()]

    def _enter(self, execution: Execution, name: str, data: Data) -> None:
        self.clock.after(0, lambda: self._run(execution, name, data), timer=True)

    def _run(self, execution: Execution, name: str, data: Data) -> None:
        if not execution.running:
            return
        execution.state, state = name, self.definition["States"][name]
        self.transitions += 1
        execution.events += 2  # entered, exited
        match state["Type"]:
            case "Choice":
                chosen = [rule for rule in state["Choices"] if _read(data, rule["Variable"]) == rule["StringEquals"]]
                self._enter(execution, chosen[0]["Next"], data)
            case "Wait":
                wait_s = _read(data, state["SecondsPath"])
                self.clock.after(wait_s, lambda: self._run(execution, state["Next"], data), timer=True)
            case "Task":
                self._perform(execution, state, data, [0] * len(state.get("Retry", [])))
            case "Succeed":
                self.stop(execution, "SUCCEEDED")
            case unknown:
                raise ValueError(f"the state machine has a state of type {unknown}, which the simulation does not know")

    def _perform(self, execution: Execution, state: Mapping[str, Any], data: Data, retried: list[int]) -> None:
        if not execution.running:
            return
        execution.events += 4  # scheduled, started, submitted, ended
        by_token = state["Resource"].endswith(".waitForTaskToken")
        limit_s = _read(data, state["TimeoutSecondsPath"]) if "TimeoutSecondsPath" in state else state["TimeoutSeconds"]
        token, started_s = self._next_token(), self.clock.now_s
        if by_token:
            self._waiting[token] = _Waiting(execution, state, data)
            self.clock.after(limit_s, lambda: self._time_out(token, retried), timer=True)
        payload = _fill(
            state["Parameters"]["Payload"], data, {"Task": {"Token": token}, "Execution": {"Name": execution.name}}
        )
        try:
            answer = self.invoke(state["Parameters"]["FunctionName"].strip("${}"), payload)
        except FunctionFailedError as failure:
            if not by_token or self._waiting.pop(token, None) is not None:
                self._fail(execution, state, data, failure.name, retried)
            return
        if by_token:
            return
        if self.clock.now_s - started_s > limit_s:
            self._fail(execution, state, data, TIMEOUT, retried)
        else:
            self._enter(execution, state["Next"], _fill(state["ResultSelector"], {"Payload": answer}, {}))

    def _next_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    def _time_out(self, token: str, retried: list[int]) -> None:
        if waiting := self._waiting.pop(token, None):
            self._fail(waiting.execution, waiting.state, waiting.data, TIMEOUT, retried)

    def _fail(self, execution: Execution, state: Mapping[str, Any], data: Data, error: str, retried: list[int]) -> None:
        if not execution.running:
            return
        for number, retry in enumerate(state.get("Retry", [])):
            if not _matches(error, retry["ErrorEquals"]):
                continue
            if retried[number] < retry["MaxAttempts"]:
                longest_s = retry["IntervalSeconds"] * retry["BackoffRate"] ** retried[number]
                wait_s = self.chance.uniform(0, min(longest_s, retry["MaxDelaySeconds"]))
                retried[number] += 1
                self.transitions += 1
                self.clock.after(wait_s, lambda: self._perform(execution, state, data, retried), timer=True)
                return
            break
        for catch in state.get("Catch", []):
            if _matches(error, catch["ErrorEquals"]):
                name = catch["ResultPath"].removeprefix("$.")
                self._enter(execution, catch["Next"], {**data, name: {"Error": error, "Cause": ""}})
                return
        self.stop(execution, "FAILED")


def _matches(error: str, patterns: list[str]) -> bool:
    return error in patterns or "States.ALL" in patterns or ("States.TaskFailed" in patterns and error != TIMEOUT)


def _read(data: Mapping[str, Any], path: str) -> Any:
    found: Any = data
    for name in path.removeprefix("$.").split("."):
        found = found[name]
    return found


def _fill(template: Mapping[str, Any], data: Data, context: Data) -> Data:
    """Return a template with its references (`name.$`) replaced by their values."""
    filled = {}
    for name, value in template.items():
        if not name.endswith(".$"):
            filled[name] = value
        elif re.match(r"\$\$", value):
            filled[name.removesuffix(".$")] = _read(context, value[1:])
        else:
            filled[name.removesuffix(".$")] = _read(data, value)
    return filled
