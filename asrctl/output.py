"""Writes results: text and tables for people, JSON for programs. No URL with a signature is written."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TextIO

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text as StyledText

from asrcore.messages import DEFAULT, Language, Message, render
from asrctl.formatting import printable, redact_urls
from asrctl.result import ExactText, Line, Text, TextTable
from asrctl.streams import ClosedPipeStream

_STYLES: Mapping[str, str] = MappingProxyType(
    {
        "COMPLETED": "green",
        "SUCCEEDED": "green",
        "QUEUED": "cyan",
        "IN_PROGRESS": "yellow",
        "RUNNING": "yellow",
        "FAILED": "red",
        "TIMED_OUT": "red",
        "ABORTED": "red",
    }
)
# Fields that are written exactly: names of objects and files, which may look like a URL, and transcripts.
_NAMES = frozenset({"key", "keys", "about", "bucket", "inventory", "prefix", "transcript_key", "file"})
_EXACT = _NAMES | {"content", "transcript", "url"}  # of `get` and `up`; of `open`, which gives no access by itself


def console(stream: TextIO) -> Console:
    """Return a console that writes text as it is. Colours appear on a terminal only, and never with NO_COLOR."""
    return Console(file=stream, markup=False, emoji=False, highlight=False)


def is_drawable(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor, unlike one with TERM=dumb."""
    return stream.isatty() and not console(stream).is_dumb_terminal


def write_lines(lines: Iterable[Line], stream: TextIO, language: Language) -> None:
    """Write text and tables for people, in a language."""
    target = console(stream)
    for text in styled(lines, language):
        target.print(text, soft_wrap=True)  # never cut, so that it can be searched and copied


def write_content(content: str, stream: TextIO) -> None:
    """Write a file's content: as UTF-8 whatever the shell's encoding, on a terminal without control characters."""
    if stream.isatty():
        stream.write("\n".join(map(printable, content.split("\n"))))
    elif isinstance(stream, ClosedPipeStream):
        stream.write_utf8(content)
    else:
        stream.write(content)
    stream.flush()


def write_json(data: BaseModel, stream: TextIO) -> None:
    """Write data for programs: its texts are English, and ASCII only, so that it leaves a terminal as it is."""
    stream.write(f"{json.dumps(_redacted(data.model_dump(mode='json', by_alias=True)), indent=2)}\n")
    stream.flush()


def styled(lines: Iterable[Line], language: Language) -> Iterable[StyledText]:
    """Yield the lines of text and tables, in a language, as a console prints them."""
    for line in lines:
        yield from _styled_lines(line, language)


def _styled_lines(line: Line, language: Language) -> Iterable[StyledText]:
    if isinstance(line, TextTable):
        return _table_lines(line, language)
    if isinstance(line, ExactText):
        return [StyledText(printable(each)) for each in line.text.split("\n")]
    return [StyledText(_safe(each, language)) for each in plain_text(line, language).split("\n")]


def _table_lines(table: TextTable, language: Language) -> Iterable[StyledText]:
    """Yield the lines of a table. Columns are two spaces apart; a Chinese character is two columns wide."""

    def cell(text: Text, style: str) -> StyledText:
        return StyledText(_safe(plain_text(text, language), language), style=style)

    rows = [[cell(name, "bold") for name in table.header]]
    rows += [[cell(each, _STYLES.get(each, "") if isinstance(each, str) else "") for each in row] for row in table.rows]
    widths = [max(each.cell_len for each in column) for column in zip(*rows, strict=True)]
    for row in rows:
        for each, width in zip(row, widths, strict=True):
            each.pad_right(width - each.cell_len)
        line = StyledText("  ").join(row)
        line.rstrip()
        yield line


def plain_text(text: Text, language: Language) -> str:
    """Return a text, or a message in a language."""
    return render(text, language) if isinstance(text, Message) else text


def _safe(text: str, language: Language) -> str:
    return printable(redact_urls(text, language))


def _redacted(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _redacted(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each, name) for each in value]
    return redact_urls(value, DEFAULT) if isinstance(value, str) and name not in _EXACT else value
