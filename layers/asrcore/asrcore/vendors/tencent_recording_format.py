"""The formats of both generations of Tencent's recording recognition: callback forms, and lines of text with times.

Source: Tencent recording recognition, legacy API page and callback page 1093/52632 of 2025-03-31 (fields, codes, the
text's grammar).
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from itertools import islice
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from asrcore.vendors import asr, coerce, error_hints, failure_text

MOST_CALLBACKS = 2  # callback page 1093/52632 of 2025-03-31
FORM_FIELDS = (
    "code",
    "message",
    "requestId",
    "appid",
    "projectid",
    "audioUrl",
    "text",
    "audioTime",
    "resultDetail",
)
MOST_FIELDS = 1000  # of a form; the callback page has 9
_PART_BYTES = 1 << 16  # that is decoded at once
CONVERT = asr.Message("advice.convert-tencent")

CALLBACK_CODES: Mapping[str, asr.Code] = MappingProxyType(
    {
        "10000": asr.Code(
            asr.CodeKind.BAD_AUDIO, asr.Message("meaning.audio-no-standard-format-could-not-transcoded"), CONVERT
        ),
        "10001": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.recognition-did-not-succeed"), error_hints.WAIT),
        # Older pages print the words of 10003, "too long", for 10002 as well; the callback page of 2025 does not.
        "10002": failure_text.TOO_SHORT,
        "10003": failure_text.TOO_LONG,
        "10004": asr.Code(asr.CodeKind.BAD_AUDIO, asr.Message("meaning.audio-file-invalid"), CONVERT),
        "10005": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.another-failure-vendor-not-name"), error_hints.WAIT),
        "10006": failure_text.TRACKS,
        "10007": failure_text.NO_DOWNLOAD,
    }
)
_TIME = r"([0-9]{1,9}):([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_LINE = re.compile(rf"\[\s*{_TIME}\s*,\s*{_TIME}\s*(?:,\s*(-?[0-9]{{1,9}})\s*)?\]\s*(.*)")
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9_.~*+%-]*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_RESULT_FIELDS = frozenset({"text", "resultDetail"})
_CODE = re.compile(r"-?[0-9]{1,10}")


class ThirdNumber(Enum):
    """What the third number in a line's brackets, or a sentence's speaker number, means."""

    SPEAKER = auto()
    CHANNEL = auto()
    NOTHING = auto()  # sent although speakers were not requested

    def speaker(self, number: str) -> str | None:
        """Return the speaker's label; None if unknown. number: as sent: "" for none, negative for unknown."""
        return number if self is ThirdNumber.SPEAKER and number and not number.startswith("-") else None

    def channel(self, number: str) -> int | None:
        """Return the channel: 0 left, 1 right; None if unknown."""
        return int(number) if self is ThirdNumber.CHANNEL and number in ("0", "1") else None


def callback_code(fields: Mapping[str, object]) -> str | None:
    """Return the code of a callback; None without one."""
    code = coerce.text(fields.get("code"))
    return code if _CODE.fullmatch(code) else None


def length_ms(seconds: object) -> int | None:
    """Convert a recording's length from seconds to milliseconds; None for 0, which means unknown."""
    return coerce.milliseconds(seconds, unit_ms=1000) or None


def callback_fields(body: bytes, content_type: str, text_charset: str | None = None) -> dict[str, object]:
    """Return the fields of a form or of a JSON object, whose values may be percent-encoded twice.

    Args:
        body: of the callback.
        content_type: of the callback. Only its charset counts: some callbacks declare a form and send JSON.
        text_charset: the encoding that was requested for the recognized text; None if none was.

    Raises:
        UnknownCharsetError: the result is in no known encoding.
    """
    declared = asr.declared_charset(content_type)
    if body.lstrip().startswith(b"{"):
        whole = asr.decode(body, declared, "utf-8", text_charset)
        try:
            document = coerce.mapping(asr.read_json(whole))
        except ValueError:
            return {}
        return {
            name: _without_escapes(name, value, text_charset) if isinstance(value, str) else value
            for name, value in document.items()
        }
    if body.count(b"&") >= MOST_FIELDS:
        return {}
    # Escapes become bytes first, and bytes become text afterwards: the second byte of a GBK character may be an ASCII
    # letter.
    charset = text_charset or declared
    form: dict[str, object] = {}
    for field in filter(None, body.split(b"&")):
        name, _, value = field.partition(b"=")
        told = _unescaped(name).decode("latin-1")
        form[told] = _without_escapes(told, _value(told, _unescaped(value), charset), charset)
    return form


def _unescaped(text: bytes) -> bytes:
    """Return what percent-encoded text of a form stands for.

    By parts: at once, `unquote_to_bytes` needs 60 bytes of memory for an escape, and 230 before Python 3.12.
    """
    if b"%" not in text:
        return text.replace(b"+", b" ")
    parts, start = list[bytes](), 0
    while start < len(text):
        end = start + _PART_BYTES
        cut = text.rfind(b"%", end - 2, end)  # of an escape that would be parted
        end = end if cut < 0 else cut
        parts.append(unquote_to_bytes(text[start:end].replace(b"+", b" ")))
        start = end
    return b"".join(parts)


def _without_escapes(field: str, value: str, charset: str | None) -> str:
    """Return a value, decoded once more if it is still percent-encoded."""
    if _URL_CHARACTERS.fullmatch(value) and _ESCAPE.search(value):
        return _value(field, _unescaped(value.encode()), charset)
    return value


def _value(field: str, value: bytes, charset: str | None) -> str:
    """Return a field's text. charset: of the recognized text; other fields are the vendor's messages."""
    if field in _RESULT_FIELDS:
        return asr.decode(value, charset)
    try:
        return asr.decode(value)
    except asr.UnknownCharsetError:
        return value.decode("utf-8", "replace")  # a message, which is not part of a transcript


def read_lines(text: str, duration_ms: int | None, third: ThirdNumber) -> asr.Recognition:
    """Read lines `[m:s.mmm,m:s.mmm(,speaker)]  words`; a line without brackets continues the one before it.

    Args:
        text: the lines.
        duration_ms: length of the recording; None if unknown.
        third: what the third number in the brackets means.

    Raises:
        AsrError: as `recognition` raises it.
    """
    utterances = list(islice(_utterances(text, third), asr.MOST_UTTERANCES + 1))
    if len(utterances) == 1 and utterances[0].start_ms is None and duration_ms is not None:
        utterances = [utterances[0].model_copy(update={"start_ms": 0, "end_ms": duration_ms})]
    return asr.recognition(utterances, duration_ms=duration_ms)


def _utterances(text: str, third: ThirdNumber) -> Iterator[asr.Utterance]:
    mark: re.Match[str] | None = None
    parts: list[str] = []
    for line in text.split("\n"):
        found = _LINE.fullmatch(line.strip())
        if found:
            yield from _utterance(mark, parts, third)
            mark, parts = found, [found[6]]
        else:
            parts.append(line)
    yield from _utterance(mark, parts, third)


def _utterance(mark: re.Match[str] | None, parts: list[str], third: ThirdNumber) -> Iterator[asr.Utterance]:
    words = asr.join_text(parts)
    if not words:
        return
    if mark is None:
        yield asr.Utterance(start_ms=None, end_ms=None, text=words)
        return
    number = mark[5] or ""
    yield asr.Utterance(
        start_ms=_time_ms(mark[1], mark[2]),
        end_ms=_time_ms(mark[3], mark[4]),
        text=words,
        speaker=third.speaker(number),
        channel=third.channel(number),
    )


def _time_ms(minutes: str, seconds: str) -> int | None:
    """Return a time in milliseconds; minutes may exceed 59: an hour is 60:00.000."""
    whole_ms, part_ms = coerce.milliseconds(minutes, unit_ms=60_000), coerce.milliseconds(seconds, unit_ms=1000)
    return None if whole_ms is None or part_ms is None else coerce.milliseconds(whole_ms + part_ms)
