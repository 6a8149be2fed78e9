"""Expand template.yaml to plain CloudFormation with the translator of a deployment, and check its parameters.

The translator needs code in S3 or inline. Functions get a placeholder as inline code and run from the folders that the
template's CodeUri and ContentUri name; a state machine's DefinitionUri is read and inlined.
"""

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from boto3.session import Session
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import intrinsics_multi_constructor

import asrctl  # noqa: F401 - the layer is on the path from here on
from asrcore.messages import Message, Param

Json = dict[str, Any]


class TemplateError(Exception):
    """The template cannot be expanded or deployed on the local stack; the message says what and where."""


class ParameterError(ValueError):
    """Parameters of the stack do not fit the template; the message names them and the allowed values."""

    def __init__(self, *problems: Message) -> None:
        self.message = Message("cli.parameter.problems", {"problems": list(problems)})
        super().__init__(self.message)


@dataclass(frozen=True)
class Expanded:
    """The template as CloudFormation, and the folders of its code on this machine.

    function_folders: by the function's logical id.
    layer_folders: by the layer version's logical id in the expanded template.
    """

    template: Json
    function_folders: dict[str, Path]
    layer_folders: dict[str, Path]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads the short forms as the translator does, but in C where PyYAML brings it, ten times as fast."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def load_template(path: Path) -> Json:
    """Read the template, with short forms (!Ref, !Sub, ...) expanded. Raises TemplateError if it cannot be read."""
    try:
        template = copy.deepcopy(_parse(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TemplateError(f"cannot read the template {path}: {error.strerror}") from error
    if not isinstance(template, dict) or "Resources" not in template:
        raise TemplateError(f"{path} is not a CloudFormation template: it has no Resources")
    return template


@functools.cache
def _parse(text: str) -> Any:
    """Parse a template once in this process, which takes eight times as long as to copy it."""
    return yaml.load(text, _Loader)  # noqa: S506  # nosec B506 - a SafeLoader


def expand(template: Json, folder: Path, region: str) -> Expanded:
    """Expand the AWS::Serverless resources of `template`, whose paths are relative to `folder`, for `region`.

    Raises TemplateError with the translator's message.
    """
    source: Json = json.loads(json.dumps(template))
    functions = {name: _replace_code(name, properties, folder) for name, properties in _of_type(source, "Function")}
    layers = {name: _replace_content(name, properties, folder) for name, properties in _of_type(source, "LayerVersion")}
    for name, properties in _of_type(source, "StateMachine"):
        _inline_definition(name, properties, folder)

    try:
        expanded = Translator({}, Parser(), boto_session=Session(region_name=region)).translate(source, {})
    except InvalidDocumentException as error:
        reasons = "; ".join(cause.message for cause in error.causes)
        raise TemplateError(f"the template cannot be expanded: {reasons}") from error
    # SAM gives a layer version a logical id with a hash; the content's key still is the template's.
    layer_folders = {
        name: layers[resource["Properties"]["Content"]["S3Key"]]
        for name, resource in expanded["Resources"].items()
        if resource["Type"] == "AWS::Lambda::LayerVersion"
    }
    return Expanded(expanded, functions, layer_folders)


def check_parameters(declared: Mapping[str, Json], given: Mapping[str, str]) -> None:
    """Refuse what CloudFormation would: unknown names, and values that the template does not allow.

    declared: the template's Parameters. Raises ParameterError naming every problem.
    """
    problems = [problem for name, value in given.items() for problem in _problems(declared, name, value)]
    problems += [
        Message("cli.parameter.missing", {"name": name}) for name in declared if _is_missing(declared, given, name)
    ]
    if problems:
        raise ParameterError(*problems)


def _is_missing(declared: Mapping[str, Json], given: Mapping[str, str], name: str) -> bool:
    return name not in given and "Default" not in declared[name]


def _problems(declared: Mapping[str, Json], name: str, value: str) -> Iterator[Message]:
    if name not in declared:
        yield Message("cli.parameter.unknown", {"name": repr(name), "names": sorted(declared)})
        return
    rules = declared[name]
    if allowed := [str(item) for item in rules.get("AllowedValues", [])]:
        if value not in allowed:
            yield Message("cli.parameter.not_allowed", {"name": name, "value": repr(value), "allowed": allowed})
        return
    if rules["Type"] == "Number":
        yield from _number_problems(name, value, rules)
        return
    parts = value.split(",") if rules["Type"] == "CommaDelimitedList" else [value]
    if (pattern := rules.get("AllowedPattern")) and not all(re.fullmatch(pattern, part) for part in parts):
        constraint = str(rules.get("ConstraintDescription", pattern))
        yield Message("cli.parameter.no_match", {"name": name, "value": repr(value), "constraint": constraint})
    shortest, longest = int(rules.get("MinLength", 0)), int(rules.get("MaxLength", 4096))
    if not shortest <= len(value) <= longest:
        limits: dict[str, Param] = {"length": len(value), "shortest": shortest, "longest": longest}
        yield Message("cli.parameter.length", {"name": name, **limits})


def _number_problems(name: str, value: str, rules: Json) -> Iterator[Message]:
    try:
        number = float(value)
    except ValueError:
        yield Message("cli.parameter.no_number", {"name": name, "value": repr(value)})
        return
    least, most = float(rules.get("MinValue", "-inf")), float(rules.get("MaxValue", "inf"))
    if not least <= number <= most:
        yield Message("cli.parameter.range", {"name": name, "value": value, "least": f"{least:g}", "most": f"{most:g}"})


def _of_type(template: Json, kind: str) -> list[tuple[str, Json]]:
    return [
        (name, resource["Properties"])
        for name, resource in template["Resources"].items()
        if resource["Type"] == f"AWS::Serverless::{kind}"
    ]


def _folder_of(name: str, value: object, folder: Path) -> Path:
    path = folder / value if isinstance(value, str) else None
    if path is None or not path.exists():
        raise TemplateError(f"{name}: its code must be a path beside the template, and {value!r} is not there")
    return path.resolve()


def _replace_code(name: str, properties: Json, folder: Path) -> Path:
    properties["InlineCode"] = "runs from its folder"
    return _folder_of(name, properties.pop("CodeUri", None), folder)


def _replace_content(name: str, properties: Json, folder: Path) -> Path:
    content = properties.pop("ContentUri", None)
    properties["ContentUri"] = {"Bucket": "this-machine", "Key": name}
    return _folder_of(name, content, folder)


def _inline_definition(name: str, properties: Json, folder: Path) -> None:
    if "DefinitionUri" in properties:
        path = _folder_of(name, properties.pop("DefinitionUri"), folder)
        properties["Definition"] = json.loads(path.read_text(encoding="utf-8"))
