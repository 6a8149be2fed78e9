"""Read template.yaml as data."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Load CloudFormation's short forms as their long forms; by libyaml where available, ten times as fast."""


def short_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)
TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE = yaml.load(TEXT, Loader)

# These parameters deploy every optional part.
NOTIFYING = {
    "NotificationTopicArn": "arn:aws:sns:us-east-1:123456789012:job-ends",
    "WebhookUrl": "https://receiver.example.com/told",
}
_NOTHING = {"Ref": "AWS::NoValue"}
# Step Functions developer guide, "Handle transient Lambda service exceptions"; the first `Retry` of each task.
THROTTLED = {
    "ErrorEquals": [
        "Lambda.TooManyRequestsException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
    ],
    "IntervalSeconds": 2,
    "BackoffRate": 2,
    "MaxAttempts": 20,
    "MaxDelaySeconds": 300,
    "JitterStrategy": "FULL",
}


def deployed(**given: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a deployment with these parameters (and `Partition`), with conditions resolved."""
    section: dict[str, dict[str, Any]] = decided(TEMPLATE["Resources"], **given)
    return {name: each for name, each in section.items() if holds(each.get("Condition"), given)}


def decided(value: Any, **given: str) -> Any:
    """Return a part of the template with every Fn::If replaced by these parameters' branch."""
    match value:
        case {"Fn::If": [condition, yes, no]}:
            return decided(yes if holds(condition, given) else no, **given)
        case dict():
            items = {key: decided(item, **given) for key, item in value.items()}
            return {key: item for key, item in items.items() if item != _NOTHING}
        case list():
            return [item for item in (decided(each, **given) for each in value) if item != _NOTHING]
    return value


def holds(condition: str | None, given: dict[str, str]) -> bool:
    """Return whether a condition of the template (none: always) holds with these parameters."""
    return condition is None or bool(_matches(TEMPLATE["Conditions"][condition], given))


def _matches(value: Any, given: dict[str, str]) -> Any:  # noqa: PLR0911 - each of CloudFormation's functions has its own
    match value:
        case {"Ref": name}:
            return given.get(name.removeprefix("AWS::"), str(TEMPLATE["Parameters"].get(name, {}).get("Default", "")))
        case {"Condition": name}:
            return holds(name, given)
        case {"Fn::Equals": [one, other]}:
            return str(_matches(one, given)) == str(_matches(other, given))
        case {"Fn::Not": [one]}:
            return not _matches(one, given)
        case {"Fn::Or": several}:
            return any(_matches(each, given) for each in several)
        case {"Fn::And": several}:
            return all(_matches(each, given) for each in several)
        case {"Fn::Join": [_, one]}:
            return _matches(one, given)
    return value


def policies_of(resource: dict[str, Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the managed policies and inline documents of a role."""
    properties = resource["Properties"]
    return properties.get("ManagedPolicyArns", []), [each["PolicyDocument"] for each in properties["Policies"]]


def statements_of(resources: dict[str, dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return all statements of a role, by its logical id."""
    managed, documents = policies_of(resources[name])
    documents = [*documents, *(resources[each["Ref"]]["Properties"]["PolicyDocument"] for each in managed)]
    return [statement for document in documents for statement in document["Statement"]]


def needed(value: Any) -> Iterator[str]:
    """Return the names that a part of a template refers to: resources, parameters and pseudo parameters."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]} | {"Fn::GetAtt": str(name)}:
            yield name.partition(".")[0]
        case Mapping():
            for key, item in value.items():
                if key == "DependsOn":
                    yield from [item] if isinstance(item, str) else item
                elif key == "Fn::Sub":
                    text = item if isinstance(item, str) else item[0]
                    yield from (name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
                    yield from () if isinstance(item, str) else needed(item[1])
                else:
                    yield from needed(item)
        case list():
            for item in value:
                yield from needed(item)
