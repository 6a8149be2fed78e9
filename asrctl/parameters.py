"""Types of arguments and options, and the options that all commands share. Imports only what help needs."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from asrcore.messages import Message, Param
from asrctl.columns import COLUMNS
from asrctl.formatting import parse_duration
from asrctl.help import LocalizedOption, option
from asrctl.language import localized, translated

USUAL_STACK = "asrcore"
JOB, RUN = Message("cli.help.job"), Message("cli.help.run")


class LazyChoice(click.ParamType[str]):
    """One of several values. They are loaded when needed, as that is slower than help."""

    name = "value"

    def __init__(self, load: Callable[[], Iterable[str]]) -> None:
        self._load = load

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value. Fails for any other one, with the values there are and the nearest of them."""
        values = list(self._load())
        if value not in values:
            self.fail(translated(_no_choice(value, values)), param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the values that begin so."""
        return [CompletionItem(value) for value in self._load() if value.startswith(incomplete)]


def _no_choice(value: str, values: list[str]) -> Message:
    """Say what there is, and suggest the value that resembles the given one, in whatever case it is written."""
    by_lower = {each.lower(): each for each in values}
    said: dict[str, Param] = {"value": repr(value), "values": [str(each) for each in values]}
    for near in get_close_matches(value.lower(), by_lower, n=1):
        return Message("cli.usage.no_choice_but_near", {**said, "near": repr(str(by_lower[near]))})
    return Message("cli.usage.no_choice", said)


class Duration(click.ParamType[timedelta]):
    """`90s`, `15m`, `2h` or `3d`."""

    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration. Fails for anything else."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(translated(error.args[0]), param, ctx)


class Moment(click.ParamType[timedelta | datetime]):
    """A duration before now, or a date, with or without a time of the day."""

    name = "moment"

    def convert(
        self, value: str | timedelta | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        """Return the duration, or the date; one without an offset is UTC. Fails for anything else."""
        if not isinstance(value, str):
            return value
        with suppress(ValueError):
            return parse_duration(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(localized("cli.usage.moment", text=repr(value)), param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Columns(LazyChoice):
    """Names separated by commas."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the names. Fails for an unknown one."""
        return ",".join(super(Columns, self).convert(each.strip(), param, ctx) for each in value.split(","))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return what the last name may be."""
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{each.value}") for each in super().shell_complete(ctx, param, last)]


class ExistingFile(click.ParamType[Path]):
    """A file of this machine."""

    name = "file"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path. Fails for what is no file."""
        if not Path(value).is_file():
            self.fail(localized("cli.local.no_file", file=repr(str(value))), param, ctx)
        return Path(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Have the shell complete the name of a file."""
        return [CompletionItem(incomplete, type="file")]


class NamedValue(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`."""

    name = "pair"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the name and the value. Fails without an equals sign."""
        if not isinstance(value, str):
            return value
        name, equals, text = value.partition("=")
        if not (name and equals):
            self.fail(localized("cli.usage.pair", text=repr(value)), param, ctx)
        return name, text


def _statuses() -> Iterable[str]:
    from asrcore.core.job import Status

    return list(Status)


def _error_classes() -> Iterable[str]:
    from asrcore.core.errors import ErrorClass

    return list(ErrorClass)


def _formats() -> Iterable[str]:
    from asrcore.api.models import TranscriptFormat

    return list(TranscriptFormat)


def _vendors() -> Iterable[str]:
    from asrcore.vendors.registry import VENDORS

    return list(VENDORS)


def _accounts() -> Iterable[str]:
    from asrctl.accounts import ACCOUNTS

    return list(ACCOUNTS)


def _key_kinds() -> Iterable[str]:
    from asrctl.signing_keys import GENERATORS

    return list(GENERATORS)


STATUS, ERROR_CLASS, VENDOR, DURATION = (
    LazyChoice(_statuses),
    LazyChoice(_error_classes),
    LazyChoice(_vendors),
    Duration(),
)
ACCOUNT, KEY_KIND = LazyChoice(_accounts), LazyChoice(_key_kinds)
FORMAT, COLUMN_NAMES, MOMENT = LazyChoice(_formats), Columns(lambda: COLUMNS), Moment()
FILE, NAMED_VALUE = ExistingFile(), NamedValue()
NUMBER = click.IntRange(min=1)
YUAN = click.FloatRange(min=0, max=1e9)


def stack_options() -> list[click.Parameter]:
    """Return the options that every command has: which stack, and the form of the result."""
    return [
        LocalizedOption(["--stack"], default=USUAL_STACK, metavar="NAME", message=Message("cli.help.stack")),
        LocalizedOption(["--region"], metavar="NAME", message=Message("cli.help.region")),
        LocalizedOption(["--profile"], metavar="NAME", message=Message("cli.help.profile")),
        LocalizedOption(["--endpoint-url"], metavar="URL", message=Message("cli.help.endpoint_url")),
        LocalizedOption(["--local"], is_flag=True, message=Message("cli.help.local")),
        LocalizedOption(["--json", "as_json"], is_flag=True, message=Message("cli.help.json")),
    ]


def vendor_option(code: str = "cli.help.vendor") -> Callable[..., Callable[..., object]]:
    """Return the decorator that adds `--vendor`. code: of its help."""
    return option("--vendor", type=VENDOR, metavar="VENDOR", message=Message(code))


error_class_option = option(
    "--class", "error_class", type=ERROR_CLASS, metavar="CLASS", message=Message("cli.help.class")
)
dry_run_option = option("--dry-run", is_flag=True, message=Message("cli.help.dry_run"))
no_test_option = option("--no-test", is_flag=True, message=Message("cli.help.no_test"))
yes_option = option("--yes", is_flag=True, message=Message("cli.help.yes"))
