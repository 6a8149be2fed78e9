"""Text for people: durations, sizes, money and names; and text without the URLs that must not be printed."""

import re
import sys
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from asrcore.messages import Language, Message, render

if TYPE_CHECKING:
    from asrcore.core.job import Job
    from asrcore.core.money import Amount

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# A signed URL is a secret: a reader could fetch the recording with it, or post a callback as the vendor.
_URL = re.compile(r"https?://[^\s\"'<>\\]+")
# Control and format characters (bidirectional ones among them), lone surrogates, line and paragraph separators.
_CONTROL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_UNSEEN = _CONTROL | {"Co", "Cn", "Zs"}
# Further characters without a shape of their own (Unicode, Default_Ignorable_Code_Point), and an empty Braille cell.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\u2800\U000e0100-\U000e01ef]"
)


def program_name() -> str:
    """Return what the operator types to run this program."""
    return "asrctl" if Path(sys.argv[0]).name == "asrctl" else "python -m asrctl"


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `2h` or `3d`. Raises ValueError with a message for anything else."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise ValueError(Message("cli.usage.duration", {"text": repr(text)}))
    return timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])


def format_duration(time: timedelta) -> Message:
    """Return a duration in its two largest units: `3 d 4 h`, `2 h 5 min`, `5 min`, `12 s`."""
    seconds = max(0, int(time.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    if days:
        return Message("cli.duration.days_hours" if hours else "cli.duration.days", {"days": days, "hours": hours})
    if hours:
        code = "cli.duration.hours_minutes" if minutes else "cli.duration.hours"
        return Message(code, {"hours": hours, "minutes": minutes})
    return Message(
        "cli.duration.minutes" if minutes else "cli.duration.seconds", {"minutes": minutes, "seconds": seconds}
    )


def format_size(size_bytes: int) -> str:
    """Return bytes in the unit that fits: `512 B`, `32 KB`, `1.2 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1000:.0f} KB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def format_money(amount: "Amount") -> Message:
    """Return an amount in both currencies: `0.0041 CNY (0.0006 USD)`."""
    return Message("cli.money", {"cny": f"{amount.cny:.4f}", "usd": f"{amount.usd:.4f}"})


def redact_urls(text: str, language: Language) -> str:
    """Return a text without its web URLs. `s3://` ones give no access and stay."""
    return _URL.sub(render(Message("cli.address"), language), text)


def printable(line: str) -> str:
    """Return a line that cannot control a terminal: each control character is replaced."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _CONTROL else character for character in line
    )


def quote_name(name: str) -> str:
    """Return an object's name such that it can be copied back, as one word of bash, zsh or ksh, exactly.

    A name whose characters all show is returned as it is. One with characters that do not show (control characters,
    spaces other than single ones within, variation selectors) becomes `$'...'`, with their bytes as `\\x..`.
    """
    is_plain = not name.startswith(("$'", " ")) and not name.endswith(" ") and "  " not in name
    if is_plain and not any(map(_is_unseen, name)):
        return name
    return "$'" + "".join(_escaped(character) for character in name) + "'"


def _is_unseen(character: str) -> bool:
    if character == " ":
        return False
    return unicodedata.category(character) in _UNSEEN or _IGNORABLE.match(character) is not None


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if not _is_unseen(character):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def first_line(message: str) -> str:
    """Return the first line of a message, at most 300 characters of it."""
    line = message.split("\n", 1)[0]
    return line if len(line) <= 300 else f"{line[:299]}…"


def describe_recording(job: "Job") -> list[str | Message]:
    """Describe a recording: `wav`, `16000 Hz`, `2 channels`, `1 min`, `1.2 MB`."""
    size = format_size(job.source.size_bytes)
    audio = job.audio
    if audio is None:
        return [size]
    facts = [
        audio.format,
        f"{audio.sample_rate_hz} Hz" if audio.sample_rate_hz else "",
        Message("cli.channels", {"count": audio.channels}) if audio.channels else "",
        format_duration(timedelta(milliseconds=audio.duration_ms)) if audio.duration_ms is not None else "",
        size,
    ]
    return [fact for fact in facts if fact]
