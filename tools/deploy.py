"""`make deploy`: check what a deployment needs, ask the first time, build, and run `sam deploy`.

The answers are stored in samconfig.local.toml.

Questions are in English with the Chinese after it, as the template's descriptions are; other texts, in the shell's
language.

SAM's own guide asks for every parameter of the template and pins today's default. This one asks only for what has no
default that fits; other parameters keep theirs, unless the file has them. The file is first read as the functions read
it, because a value that they refuse would stop every one of them.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
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
from tools.preflight import Target, check_account, check_machine, find_builder
from tools.sam_progress import follow

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "samconfig.toml"
LOCAL = ROOT / "samconfig.local.toml"
ASKED = ("RetentionDays",)  # beside the stack's name and region; every other parameter has a default that fits
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

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


class OverridesError(ValueError):
    """A text of parameters that SAM reads differently than it looks."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def main(arguments: Sequence[str] | None = None, ask: Ask = input) -> int:
    """Build and deploy. Return SAM's exit status, or 1 after lines that name what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=localized("cli.deploy.help"))
    parser.add_argument("profile", nargs="?", default="default", help=localized("cli.deploy.help.profile"))
    parser.add_argument("--sam", default="sam", help=localized("cli.deploy.help.sam"))
    parser.add_argument("--config", type=Path, default=LOCAL, help=localized("cli.deploy.help.config"))
    options = parser.parse_args(arguments)
    try:
        return _deploy(options.profile, options.config, options.sam, ask)
    except EOFError:
        _complain(Message("cli.deploy.no_terminal"))
    except DeployError as error:
        _complain(error.message)
    except KeyboardInterrupt:
        _complain(Message("cli.run.stopped"))
    return 1


def _deploy(profile: str, config: Path, sam: str, ask: Ask) -> int:
    """Check everything, ask what is not known, build and deploy. Return SAM's exit status. Raises DeployError."""
    is_first = not is_answered(profile, config)
    builder = find_builder()
    account = check_account(_target(profile, config), asks_region=is_first)
    missing = [*check_machine(builder, sam), *account.missing, *([] if is_first else _refusals(profile, config))]
    if builder is None or missing:
        raise _missing(missing)
    if is_first:
        set_up(profile, config, ask)
        account = check_account(_target(profile, config), asks_region=False)
        if missing := [*account.missing, *_refusals(profile, config)]:
            raise _missing(missing)
    _say(account.notes)
    path = os.pathsep.join(filter(None, (builder.folder, os.environ.get("PATH"))))
    if status := _run([sam, "build", *builder.arguments], {**os.environ, "PATH": path}):
        return status
    kept = _kept(profile, config)
    command = [sam, "deploy", "--config-env", profile, "--config-file", str(config)]
    # SAM asks for a confirmation of the changes in its own form alone.
    deploy = _run if kept.get("confirm_changeset") or not _reports_json(sam) else _run_with_progress
    if status := deploy(command):
        refuse_stuck(profile, config)
        return status
    _offer(kept, ask if is_first else None)
    return 0


def _missing(problems: Sequence[Message]) -> DeployError:
    """Return the error that lists all problems."""
    items = [Message("cli.deploy.item", {"problem": problem}) for problem in problems]
    return DeployError(Message("cli.deploy.missing", {"problems": items}))


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> int:
    """Run a program and return its exit status."""
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - no shell


def _reports_json(sam: str) -> bool:
    """Return whether this SAM CLI reports its progress as JSON."""
    shown = subprocess.run([sam, "deploy", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    return "--output" in (shown.stdout or "")


def _run_with_progress(command: list[str]) -> int:
    """Run `sam deploy`, write a line for each finished resource, and return its exit status."""
    options = ["--output", "json"]
    with subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        follow(process.stdout or (), lambda line: print(translated(line), flush=True))
    return process.returncode


def _offer(kept: Table, ask: Ask | None) -> None:
    """Offer the commands that come next; run them after a first deployment if the operator agrees."""
    options = (("--stack", "stack_name"), ("--region", "region"), ("--profile", "profile"))
    where = [word for option, name in options if kept.get(name) for word in (option, kept[name])]
    offers = (("setup", Message("cli.deploy.ask.setup")), ("doctor", Message("cli.deploy.ask.doctor")))
    for command, question in offers:
        if ask is not None and _agrees(question, ask):
            _run([sys.executable, "-m", "asrctl", command, *where])
        else:
            _say([Message("cli.deploy.next", {"what": question, "arguments": shlex.join([command, *where])})])


def _agrees(question: Message, ask: Ask) -> bool:
    """Return whether the operator agrees, which is the default; the end of the input is a refusal."""
    try:
        return ask(f"{_in_both(question)} [yes]: ").strip().lower() in {"", "y", "yes"}
    except EOFError:
        return False


def is_answered(profile: str, config: Path) -> bool:
    """Return whether the file of answers has a profile."""
    return config.exists() and profile in tomllib.loads(config.read_text(encoding="utf-8"))


def _refusals(profile: str, config: Path) -> list[Message]:
    """Return why a profile's parameters, or its stack, cannot be deployed."""
    found = []
    for refuse in (check, refuse_stuck):
        try:
            refuse(profile, config)
        except DeployError as error:
            found.append(error.message)
    return found


def _target(profile: str, config: Path) -> Target:
    """Return where a profile is deployed to, as answered or as shipped. Raises DeployError for an unknown profile."""
    kept = _kept(profile, config) if is_answered(profile, config) else _deploy_parameters(_tables(profile))
    try:
        parameters = overrides(kept.get("parameter_overrides", ""))
    except OverridesError:  # `check` explains it
        parameters = {}
    return Target(kept.get("region"), kept.get("profile"), parameters)


def _say(lines: Sequence[Message]) -> None:
    for line in lines:
        print(translated(line), flush=True)


def set_up(profile: str, config: Path, ask: Ask) -> None:
    """Add a profile to the file of answers by asking, unless it has it. Raises DeployError for an unknown one."""
    if is_answered(profile, config):
        return
    tables: dict[str, Table] = {command: dict(table["parameters"]) for command, table in _tables(profile).items()}
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
    name, region = kept.get("stack_name"), kept.get("region")
    if not name:  # SAM reports it
        return
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
    return _deploy_parameters(tables)


def _deploy_parameters(tables: Mapping[str, Table]) -> Table:
    """Return the parameters of `sam deploy`."""
    return {**_parameters(tables, "global"), **_parameters(tables, "deploy")}


def _tables(profile: str) -> dict[str, Any]:
    shipped = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    tables = shipped.get(profile)
    if not isinstance(tables, dict):
        known = [name for name, table in shipped.items() if isinstance(table, dict)]
        raise DeployError(Message("cli.deploy.no_profile", {"profile": repr(profile), "known": known}))
    return tables


def _variables(template: Table, values: Mapping[str, str], region: str) -> dict[str, str]:
    """Return SubmitFunction's variables, most of all functions, with these parameters. Other values are `1`."""
    own = template["Resources"]["SubmitFunction"]["Properties"]
    written = {**template["Globals"]["Function"]["Environment"]["Variables"], **own["Environment"]["Variables"]}
    del written["AWS_ENDPOINT_URL"]  # there is none in AWS
    variables = {name: _resolved(value, values) for name, value in written.items() if isinstance(value, dict)}
    return {**variables, "AWS_REGION": region}


def _resolved(value: Table, values: Mapping[str, str]) -> str:
    """Return a `!Ref` or `!Sub` with the values of parameters; `1` stands for anything else."""
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([^}]+)\}", lambda name: values.get(name[1], "1"), str(value["Fn::Sub"]))
    return values.get(value.get("Ref", ""), "1")


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
        _in_both(Message("cli.deploy.ask.region")), common.get("region") or _shell_region(common), _region_problem, ask
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


def _shell_region(common: Table) -> str:
    """Return the region of the AWS settings of the shell; empty without one."""
    return Target(None, common.get("profile"), {}).session().region_name or ""


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
    return None if region in _regions() else Message("cli.deploy.region_form")


@cache
def _regions() -> frozenset[str]:
    """Return the regions in which botocore knows Lambda."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return frozenset(region for each in partitions for region in session.get_available_regions("lambda", each))


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
