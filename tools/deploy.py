"""`make deploy`: ask the first time, store the answers in samconfig.local.toml, and run `sam deploy`.

Questions are in English with the Chinese after it, as the template's descriptions are; other texts, in the shell's
language.

SAM's own guide asks for every parameter of the template and pins today's default. This one asks only for what has no
default that fits; other parameters keep theirs, unless the file has them. The file is first read as the functions read
it, because a value that they refuse would stop every one of them.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from asrcore.aws import CONFIG
from asrcore.core.errors import AsrError
from asrcore.core.prices import REFERENCE
from asrcore.messages import LOCALES, Message, render
from asrcore.settings import Settings
from asrctl.language import localized, translated
from devstack.expand import ParameterError, check_parameters, load_template

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "samconfig.toml"
LOCAL = ROOT / "samconfig.local.toml"
ASKED = ("VendorChain", "AlarmTopicArn", "RetentionDays", "KmsKeyArn")
_LONGEST_NAME = 20  # the buckets are named after the stack, and a bucket's name has at most 63 characters
# One parameter as SAM reads it, of all the forms that it reads the only ones that mean what they look like.
_PARAMETER = re.compile(r"""([A-Za-z0-9]+)=("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"'\\]+)(?: +|$)""", re.DOTALL)
_PLAIN = re.compile(r"""[^\s"'\\]+""")

# States in which CloudFormation updates nothing, and the way out of each (CloudFormation guide, "Stack status codes").
_DELETE = "cloudformation delete-stack"
_STUCK = {
    "ROLLBACK_COMPLETE": (Message("cli.deploy.first_failed_and_removed"), _DELETE),
    "ROLLBACK_FAILED": (Message("cli.deploy.first_failed_and_left"), _DELETE),
    "CREATE_FAILED": (Message("cli.deploy.first_failed"), _DELETE),
    "DELETE_FAILED": (Message("cli.deploy.deletion_failed"), _DELETE),
    "UPDATE_ROLLBACK_FAILED": (Message("cli.deploy.update_failed"), "cloudformation continue-update-rollback"),
}

_EVENTS = "aws cloudformation describe-stack-events"
_FAILED = "--query \"StackEvents[?ends_with(ResourceStatus, '_FAILED')].[LogicalResourceId, ResourceStatusReason]\""

Table = dict[str, Any]
Ask = Callable[[str], str]


class DeployError(Exception):
    """The stack cannot be deployed like this. The message says what to do."""

    def __init__(self, message: Message | str) -> None:
        super().__init__(message)
        self.message = message


class OverridesError(ValueError):
    """A text of parameters that SAM reads differently than it looks."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def main(arguments: Sequence[str] | None = None, ask: Ask = input) -> int:
    """Deploy what was built. Return SAM's exit status, or 1 after a line that names what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=localized("cli.deploy.help"))
    parser.add_argument("profile", nargs="?", default="default", help=localized("cli.deploy.help.profile"))
    parser.add_argument("--sam", default="sam", help=localized("cli.deploy.help.sam"))
    parser.add_argument("--config", type=Path, default=LOCAL, help=localized("cli.deploy.help.config"))
    options = parser.parse_args(arguments)
    try:
        set_up(options.profile, options.config, ask)
        check(options.profile, options.config)
        refuse_stuck(options.profile, options.config)
        command = [options.sam, "deploy", "--config-env", options.profile, "--config-file", str(options.config)]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - no shell
        if status:
            refuse_stuck(options.profile, options.config)
    except FileNotFoundError:
        _complain(Message("cli.deploy.no_sam", {"sam": repr(options.sam)}))
    except EOFError:
        _complain(Message("cli.deploy.no_terminal"))
    except DeployError as error:
        _complain(error.message)
    else:
        return status
    return 1


def set_up(profile: str, config: Path, ask: Ask) -> None:
    """Add a profile to the file of answers by asking, unless it has it. Raises DeployError for an unknown one."""
    answered = tomllib.loads(config.read_text(encoding="utf-8")) if config.exists() else {}
    if profile in answered:
        return
    shipped = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    if not isinstance(shipped.get(profile), dict):
        known = [name for name, table in shipped.items() if isinstance(table, dict)]
        raise DeployError(Message("cli.deploy.no_profile", {"profile": repr(profile), "known": known}))
    tables: dict[str, Table] = {command: dict(table["parameters"]) for command, table in shipped[profile].items()}
    _answer(tables, ask)
    text = config.read_text(encoding="utf-8") if config.exists() else "version = 0.1\n"
    config.write_text(text + _written(profile, tables), encoding="utf-8")
    print(localized("cli.deploy.kept", file=config.name))


def check(profile: str, config: Path) -> None:
    """Read a profile's parameters as CloudFormation and the functions do. Raises DeployError for what they refuse."""
    kept = _kept(profile, config)
    template = load_template(ROOT / "template.yaml")
    declared = template["Parameters"]
    try:
        given = overrides(kept.get("parameter_overrides", ""))
        check_parameters(declared, given)
        values = {name: str(rules["Default"]) for name, rules in declared.items()} | given
        Settings.from_environment(_variables(template, values, kept.get("region", REFERENCE)))
    except AsrError as error:
        raise DeployError(error.reason) from error
    except ValueError as error:
        problem = error.message if isinstance(error, OverridesError | ParameterError) else str(error)
        about = {"profile": profile, "file": config.name, "problem": problem}
        raise DeployError(Message("cli.deploy.rejected_overrides", about)) from error


def refuse_stuck(profile: str, config: Path) -> None:
    """Raise DeployError with the way out when the stack is in a state in which CloudFormation cannot update it.

    Does nothing when AWS rejects or misses the call: SAM reports the reason.
    """
    kept = _kept(profile, config)
    name, region = kept.get("stack_name", ""), kept.get("region")
    try:
        session = boto3.Session(profile_name=kept.get("profile"), region_name=region)
        (stack,) = session.client("cloudformation", config=CONFIG).describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError):  # no such stack yet, no credentials, no network
        return
    if stack["StackStatus"] not in _STUCK:
        return
    why, way_out = _STUCK[stack["StackStatus"]]
    where = f"--stack-name {name}" + "".join(
        f" --{option} {value}" for option, value in (("region", region), ("profile", kept.get("profile"))) if value
    )
    about = {"stack": name, "status": stack["StackStatus"], "why": why}
    raise DeployError(
        Message("cli.deploy.stuck", {**about, "see": f"{_EVENTS} {where} {_FAILED}", "end": f"aws {way_out} {where}"})
    )


def _complain(problem: Message | str) -> None:
    print(localized("cli.deploy.failed", problem=problem), file=sys.stderr)


def _kept(profile: str, config: Path) -> Table:
    """Return what the file of answers holds for `sam deploy`."""
    tables = tomllib.loads(config.read_text(encoding="utf-8"))[profile]
    return {**_parameters(tables, "global"), **_parameters(tables, "deploy")}


def _variables(template: Table, values: Mapping[str, str], region: str) -> dict[str, str]:
    """Return SubmitFunction's variables, most of all functions, with these parameters. Other values are `1`."""
    own = template["Resources"]["SubmitFunction"]["Properties"]
    written = {**template["Globals"]["Function"]["Environment"]["Variables"], **own["Environment"]["Variables"]}
    del written["AWS_ENDPOINT_URL"]  # there is none in AWS
    variables = {
        name: values.get(value.get("Ref", ""), "1") for name, value in written.items() if isinstance(value, dict)
    }
    return {**variables, "AWS_REGION": region}


def _parameters(tables: Mapping[str, Table], command: str) -> Table:
    parameters: Table = tables.get(command, {}).get("parameters", {})
    return parameters


def overrides(given: str | Sequence[str]) -> dict[str, str]:
    """Return the parameters in `Name=value Name="value with spaces"`, as SAM reads them.

    Raises OverridesError for what SAM would read differently than it looks, or drop silently.
    """
    found = {}
    for text in [given] if isinstance(given, str) else given:
        rest = text.strip()
        while rest:
            parameter = _PARAMETER.match(rest)
            if parameter is None:
                raise OverridesError(_complaint(rest))
            found[parameter[1]] = _unquoted(parameter[2])
            rest = rest[parameter.end() :]
    return found


def _complaint(text: str) -> Message:
    """Return what is wrong with the parameter that a text begins with, and how it is written right."""
    word = text.split(" ", 1)[0]
    if word.split() != [word]:
        return Message("cli.deploy.overrides.separated", {"text": repr(word)})
    name, equals, value = word.partition("=")
    if not equals:
        return Message("cli.deploy.overrides.no_pair", {"text": repr(word)})
    if not value:
        return Message("cli.deploy.overrides.no_value", {"text": word, "name": name})
    if value[0] in "\"'":
        return Message("cli.deploy.overrides.no_end", {"name": name})
    return Message("cli.deploy.overrides.quote_all", {"name": name})


def _unquoted(value: str) -> str:
    if value[0] in "\"'":
        value = value[1:-1]
    return re.sub(r"""\\([ "'])""", r"\1", value)


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', r"\"") + '"'


def _answer(tables: dict[str, Table], ask: Ask) -> None:
    common, deploy = tables["global"], tables["deploy"]
    common["stack_name"] = _until_right(
        _in_both(Message("cli.deploy.ask.stack_name")), common["stack_name"], _name_problem, ask
    )
    common["region"] = _until_right(
        _in_both(Message("cli.deploy.ask.region")), common.get("region", ""), _region_problem, ask
    )
    declared = load_template(ROOT / "template.yaml")["Parameters"]
    given = overrides(deploy.pop("parameter_overrides", ""))
    for name in ASKED:
        default = str(declared[name]["Default"])
        question = f"{name}. {declared[name]['Description']}"
        value = _until_right(question, given.get(name, default), _parameter_problem(declared, name), ask)
        if value != default:
            given[name] = value
        else:
            given.pop(name, None)
    if given:
        deploy["parameter_overrides"] = " ".join(f"{name}={_quoted(value)}" for name, value in given.items())


def _in_both(message: Message) -> str:
    """Return a text in every language, English first."""
    return " | ".join(render(message, language) for language in LOCALES)


def _until_right(question: str, default: str, problem: Callable[[str], Message | None], ask: Ask) -> str:
    while True:
        value = ask(f"{question} [{default}]: ").strip() or default
        if not (said := problem(value)):
            return value
        print(f"  {translated(said)}")


def _name_problem(name: str) -> Message | None:
    fits = name.replace("-", "").isalnum() and name.isascii() and name == name.lower() and name[0].isalpha()
    fits = fits and len(name) <= _LONGEST_NAME
    return None if fits else Message("cli.deploy.name_form", {"most": _LONGEST_NAME})


def _region_problem(region: str) -> Message | None:
    return None if region.count("-") >= 2 and " " not in region else Message("cli.deploy.region_form")


def _parameter_problem(declared: Mapping[str, Table], name: str) -> Callable[[str], Message | None]:
    def problem(value: str) -> Message | None:
        try:
            check_parameters(declared, {name: value})
        except ParameterError as error:
            return error.message
        return None

    return problem


def _written(profile: str, tables: Mapping[str, Table]) -> str:
    """Return tables as TOML, where strings and booleans are written as in JSON."""
    return "".join(
        f"\n[{profile}.{command}.parameters]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
        for command, table in tables.items()
    )


if __name__ == "__main__":
    sys.exit(main())
