"""What a command returns: its data for programs, its lines for people, and whether it succeeded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel


@dataclass(frozen=True)
class TextTable:
    """A table of text. The writer aligns its columns and colours states."""

    header: Sequence[str]
    rows: Iterable[Sequence[str]]


Line = str | TextTable
ShapeT_co = TypeVar("ShapeT_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True)
class CommandResult(Generic[ShapeT_co]):
    """One command's result in two forms: `data` for `--json`, `lines` for people.

    ok: False when something failed or is missing; the exit status is then 1.
    """

    data: ShapeT_co
    lines: Sequence[Line] = ()
    ok: bool = True


class OperatorError(Exception):
    """The command cannot be done. The message gives the reason and what to do."""
