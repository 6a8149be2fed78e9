"""Codes, timed lines and form callbacks of both generations of Tencent's recording recognition.

Source: "Tencent recording recognition", legacy API page and callback page 1093/52632 of 2025-03-31.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote_plus

import requests

from simulators import outgoing
from simulators.recording import EmptyRecordingError, NotAudioError, TooLongError, UndecodableError
from simulators.script import Utterance

SHORTEST_MS = 1000  # from answers in the vendor's FAQ; no page has a number
TOO_SHORT = "10002"
FORM = "application/x-www-form-urlencoded"
# The code of a task, by the error of its recording.
AUDIO_CODES = MappingProxyType(
    {
        outgoing.DownloadError: "10007",
        outgoing.OversizeError: "10003",
        EmptyRecordingError: "10004",
        NotAudioError: "10004",
        UndecodableError: "10000",
        TooLongError: "10003",
    }
)


def format_lines(utterances: Iterable[Utterance], number: Callable[[Utterance], int | None]) -> str:
    """Format an utterance a line, `[start,end]  text`; `number` returns the speaker or channel after the times."""
    lines = []
    for utterance in utterances:
        marks = [_clock(utterance.start_ms), _clock(utterance.end_ms)]
        if (label := number(utterance)) is not None:
            marks.append(str(label))
        lines.append(f"[{','.join(marks)}]  {utterance.text}\n")
    return "".join(lines)


def form_body(fields: Mapping[str, object], text_charset: str = "utf-8", charset: str = "utf-8") -> bytes:
    """Encode the fields as a form. text_charset: of the escaped bytes of `text`; charset: of the others."""
    encoded = {name: quote_plus(str(value).encode(charset)) for name, value in fields.items()}
    encoded["text"] = quote_plus(str(fields["text"]).encode(text_charset, errors="replace"))
    return "&".join(f"{name}={value}" for name, value in encoded.items()).encode("ascii")


def is_acknowledged(response: requests.Response) -> bool:
    """Return whether a receiver's answer acknowledges a callback: HTTP 200 and JSON with code 0."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return False
    return response.status_code == 200 and isinstance(answer, dict) and str(answer.get("code")) == "0"


def _clock(time_ms: int) -> str:
    """Return minutes, which may exceed 59, seconds and milliseconds."""
    return f"{time_ms // 60_000}:{time_ms // 1000 % 60}.{time_ms % 1000:03d}"
