"""What a command comes back with, and how it says that it cannot."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CommandResult:
    """The same findings twice: `data` for programs (`--json`), `lines` for people. ok: nothing failed."""

    data: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    ok: bool = True


class OperatorError(Exception):
    """The command cannot be carried out; the message says why, and what would help."""
