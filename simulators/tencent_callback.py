"""What both generations of Tencent's recording recognition say and send: codes, timed lines, callbacks as forms.

Source: "Tencent recording recognition", legacy API page and callback page 1093/52632 of 2025-03-31.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote_plus

import requests

from simulators import outgoing
from simulators.recording import EmptyRecordingError, NotAudioError, TooLongError, UndecodableError
from simulators.script import Utterance

SHORTEST_MS = 1000  # by answers in the vendor's FAQ; no page has a number
TOO_SHORT = "10002"
FORM = "application/x-www-form-urlencoded"
# What a task ends with, by what is wrong with its recording.
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
    """A line an utterance, `[start,end]  text`; `number` gives what follows the times: a speaker or a channel."""
    lines = []
    for utterance in utterances:
        marks = [_clock(utterance.start_ms), _clock(utterance.end_ms)]
        if (who := number(utterance)) is not None:
            marks.append(str(who))
        lines.append(f"[{','.join(marks)}]  {utterance.text}\n")
    return "".join(lines)


def form_body(fields: Mapping[str, object], text_charset: str = "utf-8", charset: str = "utf-8") -> bytes:
    """The fields in their order; the percent escapes of `text` are bytes of `text_charset`, all others of `charset`."""
    encoded = {name: quote_plus(str(value).encode(charset)) for name, value in fields.items()}
    encoded["text"] = quote_plus(str(fields["text"]).encode(text_charset, errors="replace"))
    return "&".join(f"{name}={value}" for name, value in encoded.items()).encode("ascii")


def is_acknowledged(response: requests.Response) -> bool:
    """Whether a receiver's answer ends the repetition of a callback: HTTP 200 and JSON with code 0."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return False
    return response.status_code == 200 and isinstance(answer, dict) and str(answer.get("code")) == "0"


def _clock(time_ms: int) -> str:
    """Minutes, which may exceed 59, seconds and milliseconds."""
    return f"{time_ms // 60_000}:{time_ms // 1000 % 60}.{time_ms % 1000:03d}"
