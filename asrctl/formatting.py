"""How things are put for people: tables, spans of time, sizes; and what is never put at all, addresses."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import timedelta

from asrcore.core.job import Job
from asrcore.core.money import Amount

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# A signed URL is a key: whoever reads it can fetch the recording, or call back in the vendor's name.
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+")
# Control and format characters (the reversal of writing among them), lone surrogates, line and paragraph separators.
_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def parse_duration(text: str) -> timedelta:
    """`90s`, `15m`, `2h` or `3d`. Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise ValueError(f"{text!r} is no span of time: write 90s, 15m, 2h or 3d")
    return timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])


def format_duration(time: timedelta) -> str:
    """The two largest units that count: `3 d 4 h`, `2 h 5 min`, `5 min`, `12 s`."""
    seconds = max(0, int(time.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def format_size(size_bytes: int) -> str:
    """Bytes in the unit that fits: `512 B`, `32 KB`, `1.2 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1000:.0f} KB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def format_money(amount: Amount) -> str:
    """`0.0041 CNY (0.0006 USD)`."""
    return f"{amount.cny:.4f} CNY ({amount.usd:.4f} USD)"


def count(number: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns under each other; a Chinese character is two columns wide."""
    lines = [header, *rows]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(_padded, line, widths)).rstrip() for line in lines]


def redact_urls(text: str) -> str:
    """A text in which no URL of the web is left; `s3://` ones open nothing by themselves and stay."""
    return _ADDRESS.sub("(an address)", text)


def printable(line: str) -> str:
    """A line that leaves a terminal as it is, whatever an object's name holds."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _STEERING else character for character in line
    )


def first_line(message: str) -> str:
    """The first line of a message, 300 characters at most."""
    line = message.split("\n", 1)[0]
    return line if len(line) <= 300 else f"{line[:299]}…"


def describe_recording(job: Job) -> str:
    """A recording in a few words: `wav, 16000 Hz, 2 channels, 1 min, 1.2 MB`."""
    audio = job.audio
    if audio is None:
        return format_size(job.source.size_bytes)
    facts = [
        audio.format,
        f"{audio.sample_rate_hz} Hz" if audio.sample_rate_hz else "",
        count(audio.channels, "channel") if audio.channels else "",
        format_duration(timedelta(milliseconds=audio.duration_ms)) if audio.duration_ms is not None else "",
        format_size(job.source.size_bytes),
    ]
    return ", ".join(fact for fact in facts if fact)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
