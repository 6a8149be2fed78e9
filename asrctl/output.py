"""Writes results: text and tables for people, JSON for programs. No URL with a signature is written."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TextIO

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from asrctl.formatting import printable, redact_urls
from asrctl.result import Line, TextTable

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
# Fields that hold names of objects. A key may look like a URL and is written exactly.
_EXACT = frozenset({"key", "keys", "about", "bucket", "inventory", "prefix", "transcript_key"})


def console(stream: TextIO) -> Console:
    """Return a console that writes text as it is. Colours appear on a terminal only, and never with NO_COLOR."""
    return Console(file=stream, markup=False, emoji=False, highlight=False)


def write_lines(lines: Iterable[Line], stream: TextIO) -> None:
    """Write text and tables for people."""
    target = console(stream)
    for line in lines:
        for text in _table_lines(line) if isinstance(line, TextTable) else [Text(_safe(line))]:
            target.print(text, soft_wrap=True)  # never cut, so that it can be searched and copied


def write_json(data: BaseModel, stream: TextIO) -> None:
    """Write data for programs: ASCII only, so that it leaves a terminal as it is."""
    stream.write(f"{json.dumps(_redacted(data.model_dump(mode='json', by_alias=True)), indent=2)}\n")
    stream.flush()


def _table_lines(table: TextTable) -> Iterable[Text]:
    """Yield the lines of a table. Columns are two spaces apart; a Chinese character is two columns wide."""
    rows = [[Text(_safe(name), style="bold") for name in table.header]]
    rows += [[Text(_safe(cell), style=_STYLES.get(cell, "")) for cell in row] for row in table.rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        for cell, width in zip(row, widths, strict=True):
            cell.pad_right(width - cell.cell_len)
        line = Text("  ").join(row)
        line.rstrip()
        yield line


def _safe(text: str) -> str:
    return printable(redact_urls(text))


def _redacted(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _redacted(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each, name) for each in value]
    return redact_urls(value) if isinstance(value, str) and name not in _EXACT else value
