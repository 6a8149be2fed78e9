"""Runs one command against a stack: finds the stack, reports errors, writes the result."""

import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging import StreamHandler
from typing import Any, TextIO, cast

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ValidationError

from asrcore.log import LOG
from asrcore.messages import Message
from asrctl.language import reader_language
from asrctl.live import LiveTable
from asrctl.output import write_content, write_json, write_lines
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError, Text
from asrctl.stack import DeployedStack, StackLocation


@dataclass(frozen=True)
class Invocation:
    """What each command gets: the stack, a progress reporter and the present moment in UTC."""

    stack: DeployedStack
    progress: ProgressReporter = field(default_factory=lambda: ProgressReporter(sys.stderr, reader_language()))
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    as_json: bool = False

    def live_table(self, *, beside_result: bool = False) -> LiveTable:
        """Return a table of jobs that changes. It is written to standard error beside a result on standard output."""
        stream = sys.stderr if beside_result or self.as_json else sys.stdout
        return LiveTable(stream, reader_language())

    @staticmethod
    def browse(address: str) -> None:
        """Open an address in the browser if the result is written to a terminal, not to a program or file."""
        if sys.stdout.isatty():
            webbrowser.open(address)

    @staticmethod
    def confirmation(*, yes: bool) -> Callable[[Sequence[Line]], bool]:
        """Return the function that asks the operator to confirm; with `yes` it confirms without asking."""
        return (lambda _shown: True) if yes else _ask


def run(command: Callable[..., CommandResult[BaseModel]], values: dict[str, Any]) -> int:
    """Run a command with the values of its options, write its result, and return its exit status.

    Errors that an operator can act on become lines on standard error and exit status 1, or 2 for an ambiguous name.

    Args:
        command: receives an `Invocation` and the values, and returns a `CommandResult`.
        values: the options by name, those of the stack included.

    Returns:
        0 for a result that is `ok`, else 1 or 2.
    """
    as_json, local = values.pop("as_json"), values.pop("local")
    location = StackLocation(*(values.pop(name) for name in ("stack", "region", "profile", "endpoint_url")))
    try:
        with _logs_on_standard_error():
            stack = DeployedStack(StackLocation.local() if local else location)
            result = command(Invocation(stack, as_json=as_json), **values)
    except OperatorError as error:
        return _fail(error.message, *error.hints, status=error.status)
    except (BotoCoreError, ClientError) as error:
        return _fail(str(error), *([] if local else _local_hint()))
    except ValidationError as error:
        return _fail(Message("cli.run.other_version", {"what": error.title}))
    except KeyboardInterrupt:
        return _fail(Message("cli.run.stopped"))
    if as_json:
        write_json(result.data, sys.stdout)
    elif result.content is not None:
        write_content(result.content, sys.stdout)
    else:
        write_lines(result.lines, sys.stdout, reader_language())
    return 0 if result.ok else 1


@contextmanager
def _logs_on_standard_error() -> Iterator[None]:
    """Send the layer's log, which a function writes to standard output, to standard error."""
    handler = cast("StreamHandler[TextIO]", LOG.handlers[0])
    usual, handler.stream = handler.stream, sys.stderr
    try:
        yield
    finally:
        handler.stream = usual


def _fail(problem: Text, *hints: Line, status: int = 1) -> int:
    write_lines([Message("cli.run.failed", {"problem": problem}), *hints], sys.stderr, reader_language())
    return status


def _local_hint() -> list[Message]:
    """Return a hint when a local stack runs, which the operator may have meant."""
    if not StackLocation.is_local_there():
        return []
    return [Message("cli.run.local_hint")]


def _ask(shown: Sequence[Line]) -> bool:
    """Return whether the operator types yes. Any other input, and the end of input, is a refusal."""
    write_lines([*shown, Message("cli.run.confirm")], sys.stderr, reader_language())
    return sys.stdin.readline().strip() == "yes"
