"""Types of arguments and options, and the options that all commands share. Imports only what help needs."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from asrctl.formatting import parse_duration

JOB = "a job id, a key of the audio bucket, or s3://bucket/key"


class LazyChoice(click.ParamType[str]):
    """One of several values. They are loaded when needed, as that is slower than help."""

    name = "value"

    def __init__(self, load: Callable[[], Iterable[str]]) -> None:
        self._load = load

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value. Fails for any other one, with the values there are and the nearest of them."""
        values = list(self._load())
        if value not in values:
            self.fail(f"{value!r} is not one of {', '.join(values)}.{_hint(value, values)}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the values that begin so."""
        return [CompletionItem(value) for value in self._load() if value.startswith(incomplete)]


def _hint(value: str, values: Iterable[str]) -> str:
    """Suggest the value that resembles the given one, in whatever case it is written."""
    by_lower = {each.lower(): each for each in values}
    return "".join(
        f" Did you mean {str(by_lower[near])!r}?" for near in get_close_matches(value.lower(), by_lower, n=1)
    )


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
            self.fail(str(error), param, ctx)


def _states() -> Iterable[str]:
    from asrcore.core.job import Status

    return list(Status)


def _error_classes() -> Iterable[str]:
    from asrcore.core.errors import ErrorClass

    return list(ErrorClass)


def _vendors() -> Iterable[str]:
    from asrcore.vendors.registry import VENDORS

    return list(VENDORS)


STATE, ERROR_CLASS, VENDOR, DURATION = LazyChoice(_states), LazyChoice(_error_classes), LazyChoice(_vendors), Duration()
NUMBER = click.IntRange(min=1)


def stack_options() -> list[click.Parameter]:
    """Return the options that every command has: which stack, and the form of the result."""
    return [
        click.Option(["--stack"], default="asrcore", metavar="NAME", help="the stack's name (default: asrcore)"),
        click.Option(["--region"], metavar="NAME", help="its region (default: the shell's)"),
        click.Option(["--profile"], metavar="NAME", help="a profile of the AWS CLI"),
        click.Option(["--endpoint-url"], metavar="URL", help="one address for all AWS services"),
        click.Option(["--local"], is_flag=True, help="the stack that `make local` runs on this machine"),
        click.Option(["--json", "as_json"], is_flag=True, help="JSON for programs (schemas/asrctl.schema.json)"),
    ]


def vendor_option(text: str = "of this vendor") -> Callable[..., Callable[..., object]]:
    """Return the decorator that adds `--vendor`."""
    return click.option("--vendor", type=VENDOR, metavar="VENDOR", help=text)


error_class_option = click.option(
    "--class", "error_class", type=ERROR_CLASS, metavar="CLASS", help="that failed with retry, bad_audio or config"
)
dry_run_option = click.option("--dry-run", is_flag=True, help="show what would be done, and change nothing")
yes_option = click.option("--yes", is_flag=True, help="do not ask for confirmation")
