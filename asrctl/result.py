"""What a command returns: its data for programs, its lines for people, and whether it succeeded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from asrcore.messages import Message

Text = Message | str  # a string needs no translation: it is a name, a number, or text of another program


@dataclass(frozen=True)
class TextTable:
    """A table of text. The writer aligns its columns and colours states."""

    header: Sequence[Text]
    rows: Iterable[Sequence[Text]]


@dataclass(frozen=True)
class ExactText:
    """Text of a transcript, or an address that gives no access by itself: URLs in it stay."""

    text: str


Line = Text | TextTable | ExactText
ShapeT_co = TypeVar("ShapeT_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True)
class CommandResult(Generic[ShapeT_co]):
    """One command's result in two forms: `data` for `--json`, `lines` for people.

    content: a file's content, written in place of the lines exactly as it is, without a line end after it.
    ok: False when something failed or is missing; the exit status is then 1.
    """

    data: ShapeT_co
    lines: Sequence[Line] = ()
    content: str | None = None
    ok: bool = True


class OperatorError(Exception):
    """The command cannot be done. The message gives the reason and what to do.

    hints: lines below it.  status: the exit status.
    """

    status = 1

    def __init__(self, message: Text, hints: Sequence[Line] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


class AmbiguousNameError(OperatorError):
    """A name fits several jobs. The hints are a table of them."""

    status = 2
