"""Refuse the state machine definitions that Step Functions refuses and moto accepts."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.stepfunctions.parser.api import InvalidDefinition

Json = dict[str, Any]
NamePath = tuple[str, str]  # a name, and its path in the definition
_LONGEST_STATE_NAME = 80  # Step Functions API reference, StateExitedEventDetails
_LONGEST_LABEL = 40  # Step Functions guide, "Map state in Distributed mode"


def check_definition(text: str) -> None:
    """Refuse what CreateStateMachine and UpdateStateMachine refuse in a well-formed definition.

    The codes are those of AWS's ValidateStateMachineDefinition. Raises InvalidDefinition with every problem.
    """
    problems = list(_problems(json.loads(text)))
    if problems:
        message = f"Invalid State Machine Definition: '{', '.join(problems)}'"
        raise InvalidDefinition(message, InvalidDefinition.code)  # moto's class alone leaves the code out


@dataclass(frozen=True)
class _Scope:
    """One object with StartAt and States: a whole machine, a Map's item processor, a branch of a Parallel state."""

    path: str
    start: str
    states: Mapping[str, Json]

    def inner(self) -> "Iterator[_Scope]":
        """Yield the scopes within its states."""
        for name, state in self.states.items():
            path = f"{self.path}/States/{name}"
            for field in ("ItemProcessor", "Iterator"):
                if field in state:
                    yield _scope(f"{path}/{field}", state[field])
            for index, branch in enumerate(state.get("Branches", [])):
                yield _scope(f"{path}/Branches[{index}]", branch)

    def transitions(self, name: str) -> Iterator[NamePath]:
        """Yield the states that may follow a state."""
        state, path = self.states[name], f"{self.path}/States/{name}"
        yield from ((state[field], f"{path}/{field}") for field in ("Next", "Default") if field in state)
        for field in ("Choices", "Catch"):
            yield from ((rule["Next"], f"{path}/{field}[{i}]/Next") for i, rule in enumerate(state.get(field, [])))

    def reachable(self) -> set[str]:
        """Return the names of the states that an execution can reach."""
        found: set[str] = set()
        following = {self.start} & self.states.keys()
        while following:
            found |= following
            following = {target for name in following for target, _ in self.transitions(name)} & self.states.keys()
            following -= found
        return found

    def has_end(self) -> bool:
        """Return whether any of its states can be the last one."""
        return any(state["Type"] in ("Succeed", "Fail") or state.get("End") for state in self.states.values())


def _problems(document: Json) -> Iterator[str]:
    scopes = list(_scopes(_scope("", document)))
    states = [(name, f"{scope.path}/States/{name}") for scope in scopes for name in scope.states]
    labels = [
        (state["Label"], f"{scope.path}/States/{name}/Label")
        for scope in scopes
        for name, state in scope.states.items()
        if "Label" in state
    ]
    yield from _name_problems("State", states, _LONGEST_STATE_NAME)
    yield from _name_problems("Label", labels, _LONGEST_LABEL)
    for scope in scopes:
        yield from _transition_problems(scope)


def _name_problems(kind: str, places: list[NamePath], longest: int) -> Iterator[str]:
    counts = Counter(name for name, _ in places)
    for name, path in places:
        if counts[name] > 1:
            yield f"DUPLICATE_{kind.upper()}_NAME: Duplicate {kind} name: {name} at {path}"
        if len(name) > longest:
            yield f"INVALID_{kind.upper()}_NAME: {kind} name longer than {longest} characters: {name} at {path}"


def _transition_problems(scope: _Scope) -> Iterator[str]:
    transitions = [(scope.start, f"{scope.path}/StartAt")]
    transitions += [transition for name in scope.states for transition in scope.transitions(name)]
    for target, path in transitions:
        if target not in scope.states:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {path}"
    for name in scope.states.keys() - scope.reachable():
        yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {scope.path}/States/{name}'
    if not scope.has_end():
        yield f"MISSING_END_STATE: No terminal state at {scope.path}/States"


def _scope(path: str, document: Json) -> _Scope:
    return _Scope(path, document["StartAt"], document["States"])


def _scopes(scope: _Scope) -> Iterator[_Scope]:
    yield scope
    for inner in scope.inner():
        yield from _scopes(inner)
