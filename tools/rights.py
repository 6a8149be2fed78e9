"""List every permission of the template as text: role, action, resource and condition.

`make docs` writes it into `docs/rights.md`, where a right that is added, widened or no longer conditional shows.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from devstack.expand import expand, load_template
from devstack.settings import ROOT, TEMPLATE

Json = Mapping[str, Any]
_OF_A_ROLE = {"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "Tags"}  # SAM tags the roles that it writes
_OF_A_STATEMENT = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_OF_A_PERMISSION = {"Action", "FunctionName", "Principal", "SourceArn", "SourceAccount"}


class UnknownRightError(ValueError):
    """The template grants something in a form that is not written out here; the message says where."""


@cache
def resources() -> Json:
    """The template's resources as CloudFormation has them: with what SAM adds."""
    expanded: Json = expand(load_template(TEMPLATE), ROOT, "us-east-1").template["Resources"]
    return expanded


def rights(of: Json) -> str:
    """All that resources grant, in their order. Raises UnknownRightError rather than leave something out."""
    return "".join(f"{line}\n" for name, resource in of.items() for line in _of_resource(name, resource))


def text(value: Any) -> str:
    """A value of the template's as it would stand in a `!Sub`."""
    match value:
        case str(plain):
            return plain
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(written)}:
            return written
        case {"Fn::If": [str(condition), yes, {"Ref": "AWS::NoValue"}]}:
            return f"{text(yes)} if {condition}"
    return json.dumps(value, sort_keys=True)


def _of_resource(name: str, resource: Json) -> Iterator[str]:
    kind, properties = resource["Type"], resource["Properties"]
    title = f"{name} if {resource['Condition']}" if "Condition" in resource else name
    if kind == "AWS::IAM::Role":
        _check(name, properties, _OF_A_ROLE)
        yield title
        yield from (f"  has {text(each)}" for each in properties.get("ManagedPolicyArns", []))
        yield from _of_document(name, properties["AssumeRolePolicyDocument"])
        for policy in properties.get("Policies", []):
            yield from _of_document(name, policy["PolicyDocument"])
    elif kind == "AWS::Lambda::Permission":
        _check(name, properties, _OF_A_PERMISSION)
        yield title
        yield f"  {properties['Principal']} may {properties['Action']}"
        yield f"    on {text(properties['FunctionName'])}"
        yield from (f"    if {key} {text(properties[key])}" for key in sorted(properties) if key.startswith("Source"))
    elif "PolicyDocument" in properties:
        yield title
        yield from _of_document(name, properties["PolicyDocument"])
    elif kind.startswith("AWS::IAM::"):
        raise UnknownRightError(f"{name} is a {kind}: write it out in tools/rights.py")


def _of_document(name: str, document: Json) -> Iterator[str]:
    for statement in document["Statement"]:
        _check(name, statement, _OF_A_STATEMENT)
        named = [f"{statement['Sid']}:"] if "Sid" in statement else []
        who = [" and ".join(_pairs(statement["Principal"]))] if "Principal" in statement else []
        verb = {"Allow": "may", "Deny": "may not"}[statement["Effect"]]
        yield f"  {' '.join([*named, *who, verb, ', '.join(_listed(statement['Action']))])}"
        yield from (f"    on {text(each)}" for each in _listed(statement.get("Resource", [])))
        for operator, keys in statement.get("Condition", {}).items():
            yield from (f"    if {operator} {pair}" for pair in _pairs(keys))


def _pairs(value: Any) -> list[str]:
    """`key value or value` for each key of an object; what is no object as it is."""
    if not isinstance(value, Mapping):
        return [text(value)]
    return [f"{key} {' or '.join(map(text, _listed(each)))}" for key, each in value.items()]


def _check(name: str, written: Json, known: set[str]) -> None:
    if unknown := set(written) - known:
        raise UnknownRightError(f"{name} has {', '.join(sorted(unknown))}: write it out in tools/rights.py")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
