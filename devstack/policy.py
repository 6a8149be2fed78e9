"""Evaluate IAM policies: actions and resources with their wildcards, and the conditions that this project uses.

Source: IAM guide, "Policy evaluation logic" and "IAM JSON policy elements". One deny overrides every allow; what no
statement matches is denied. Elements and operators that no policy of this project has raise PolicyError.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Document = Mapping[str, Any]
Statement = Mapping[str, Any]

# Condition keys that a request has several values of (Service Authorization Reference, type "ArrayOf…"), lower-case.
MULTI_VALUED = frozenset(
    {"events:source", "dynamodb:leadingkeys", "dynamodb:attributes", "aws:tagkeys", "aws:calledvia"}
)
_EVALUATED = {"Sid", "Effect", "Action", "Resource", "Condition"}


class PolicyError(Exception):
    """A policy has an element that is not evaluated here; the message names it."""


@dataclass(frozen=True)
class Call:
    """An action on one resource, and its condition keys (`events:source`, ...) in lower case with their values."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Grant:
    """One action on one resource pattern that a statement allows."""

    sid: str
    action: str
    resource: str


def is_allowed(documents: Iterable[Document], call: Call) -> bool:
    """Return whether policies allow a call. Raises PolicyError for elements and operators that are not evaluated."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in statements(document)
        if _matches_call(statement, call)
    }
    return effects == {"Allow"}


def grants(document: Document) -> Iterator[Grant]:
    """Yield each action on each resource that a policy allows, as written."""
    for statement in statements(document):
        if statement["Effect"] == "Allow":
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield Grant(statement.get("Sid", ""), action, resource)


def statements(document: Document) -> list[Statement]:
    """Return a policy's statements; a single one need not be in a list."""
    return _listed(document["Statement"])


def without(document: Document, sid: str, action: str) -> Document:
    """Return the policy without one action of one statement."""
    kept = []
    for statement in statements(document):
        actions = _listed(statement["Action"])
        if statement.get("Sid", "") == sid:
            actions = [each for each in actions if each != action]
        if actions:
            kept.append({**statement, "Action": actions})
    return {**document, "Statement": kept}


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Return whether a pattern with `*` (any text, also slashes and colons) and `?` (one character) matches."""
    return bool(_compiled(pattern, ignore_case).fullmatch(text))


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile("".join(parts.get(character, re.escape(character)) for character in pattern), flags)


def _matches_call(statement: Statement, call: Call) -> bool:
    if unknown := set(statement) - _EVALUATED:
        raise PolicyError(f"{', '.join(sorted(unknown))} in a policy is not evaluated here: see devstack/policy.py")
    return (
        any(matches(action, call.action, ignore_case=True) for action in _listed(statement["Action"]))
        and any(matches(resource, call.resource) for resource in _listed(statement["Resource"]))
        and all(_holds(operator, keys, call) for operator, keys in statement.get("Condition", {}).items())
    )


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
}


def _holds(operator: str, keys: Mapping[str, Any], call: Call) -> bool:
    """Return whether a condition holds: for all of its keys, any of the wanted values."""
    return all(
        _key_holds(operator, key, [str(each) for each in _listed(wanted)], call.context.get(key.lower()))
        for key, wanted in keys.items()
    )


def _key_holds(operator: str, key: str, wanted: list[str], found: tuple[str, ...] | None) -> bool:
    """Return whether a condition holds for one key. An absent key satisfies only `Null` and `ForAllValues`.

    IAM guide, "Set operators for multivalued context keys": these keys need one, and others must not have one.
    """
    if operator == "Null":
        return wanted == [str(found is None).lower()]
    quantifier, _, name = operator.rpartition(":")
    if name not in _OPERATORS or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise PolicyError(f"the condition {operator} is not evaluated here: see devstack/policy.py")
    if bool(quantifier) != (key.lower() in MULTI_VALUED):
        needs = "has several values and needs ForAllValues or ForAnyValue" if not quantifier else "has one value"
        raise PolicyError(f"the condition {operator} on {key} is not evaluated by AWS as it reads: {key} {needs}")
    held = [any(_OPERATORS[name](each, value) for each in wanted) for value in found or ()]
    return all(held) if quantifier == "ForAllValues" else any(held)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
