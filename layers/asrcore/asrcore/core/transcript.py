"""The canonical transcript: one shape for the results of all vendors.

Times are whole milliseconds from the start of the recording, `0 <= start <= end`, in order. What a vendor does not give
is null or an empty list, never invented. The JSON Schema in `schemas/transcript.schema.json` is published from here.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from operator import le
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from asrcore.core.audio import Audio
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.form import Conversion
from asrcore.core.money import Cost
from asrcore.messages import Message
from asrcore.messages.stored import Params, StoredMessage

# Of a result. Ten hours of speech, the most that a vendor accepts, are 20,000 sentences and a million characters.
MOST_UTTERANCES = 50_000
MOST_CHARACTERS = 2_000_000  # of the whole text, of all sentences, and of all words
LONGEST_LABEL = 32  # characters of a speaker's name, which is said again with each sentence


class Model(BaseModel):
    """Immutable, and strict about names: an unknown field is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Word(Model):
    """A word (a character or two in Chinese); confidence is 0 to 1."""

    start_ms: int | None
    end_ms: int | None
    text: str
    confidence: float | None = None


class Utterance(Model):
    """A sentence or turn. `speaker` and `emotion` are the vendor's labels, `channel` is 0 for left or mono, 1 right."""

    start_ms: int | None
    end_ms: int | None
    text: str
    speaker: str | None = None
    channel: int | None = None
    emotion: str | None = None
    words: list[Word] = []


LONGEST_KEY_BYTES = 1024  # Amazon S3 user guide, "Naming Amazon S3 objects"
_CUT = re.compile(r"~[0-9a-f]{32}\Z")
_MOST_BYTES_A_CHARACTER = 4  # UTF-8


class Source(Model):
    """The object version of the recording. `sequencer` orders the versions of one key (Amazon S3 event message)."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str
    size_bytes: int
    sequencer: str = ""


class AttemptRecord(Model):
    """One submission to one vendor, as the transcript keeps it; `outcome` is `completed` or an error class."""

    vendor: str
    vendor_task_id: str | None
    submitted_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    message: str | None
    message_code: str | None = None
    params: Params = {}


class Correction(Model):
    """The correction of a transcript. number: from 1.  at: when, UTC.  by: who made it."""

    number: int
    at: datetime
    by: str


class Recognition(Model):
    """A vendor's result in canonical form, without its job. An empty `text` means that there is no speech."""

    text: str
    utterances: list[Utterance] = []
    duration_ms: int | None = None
    language: str | None = None


class Transcript(Model):
    """The published document, `transcripts/<audio key>.json`."""

    schema_: Literal["asrcore.transcript.v1"] = Field(default="asrcore.transcript.v1", alias="schema")
    job_id: str
    source: Source
    vendor: str
    vendor_task_id: str | None
    language: str | None
    audio: Audio
    text: str
    utterances: list[Utterance]
    attempts: list[AttemptRecord]
    cost: Cost | None = None
    conversion: Conversion | None = None
    correction: Correction | None = None
    warnings: list[StoredMessage] = []
    tags: dict[str, str] = {}
    submitted_at: datetime | None
    completed_at: datetime


Timed = TypeVar("Timed", Word, Utterance)


def recognition(
    utterances: Iterable[Utterance],
    *,
    text: str | None = None,
    duration_ms: int | None = None,
    language: str | None = None,
) -> Recognition:
    """Put a vendor's utterances in order: no negative times, no end before its start, none before its predecessor.

    text: the vendor's whole text; without one, the utterances' texts joined by script.
    Raises AsrError (`retry`, ResultTooLarge) for more than any recording holds: what is made of a result is many times
    its size.
    """
    taken = list(islice(utterances, MOST_UTTERANCES + 1))
    if len(taken) > MOST_UTTERANCES or _characters(text, taken) > MOST_CHARACTERS:
        reason = Message("ResultTooLarge", {"sentences": MOST_UTTERANCES, "characters": MOST_CHARACTERS})
        raise AsrError(ErrorClass.RETRY, "ResultTooLarge", reason)
    ordered = _in_order([_tidy(utterance) for utterance in taken])
    whole = text if text is not None else join_text([utterance.text for utterance in ordered])
    return Recognition(text=whole.strip(), utterances=ordered, duration_ms=duration_ms, language=language)


def _characters(text: str | None, utterances: Sequence[Utterance]) -> int:
    """Return the characters of the longest of: the whole text, all sentences, all words."""
    in_words = sum(len(word.text) for utterance in utterances for word in utterance.words)
    return max(len(text or ""), sum(len(utterance.text) for utterance in utterances), in_words)


def _tidy(utterance: Utterance) -> Utterance:
    """Return an utterance with its words in order, possible times, and labels of limited length."""
    if _is_tidy(utterance):
        return utterance
    timed = _timed(utterance)
    tidied = {
        "text": utterance.text.strip(),
        "words": _in_order([_timed(word) for word in utterance.words]),
        "speaker": utterance.speaker and utterance.speaker[:LONGEST_LABEL],
        "emotion": utterance.emotion and utterance.emotion[:LONGEST_LABEL],
    }
    changed = {name: value for name, value in tidied.items() if value != getattr(timed, name)}
    return timed.model_copy(update=changed) if changed else timed


def _is_tidy(utterance: Utterance) -> bool:
    """Return whether an utterance needs no change, as most do: five hours have 75,000 words."""
    start_ms, end_ms, text = utterance.start_ms, utterance.end_ms, utterance.text
    if start_ms is None or end_ms is None or not 0 <= start_ms <= end_ms or text != text.strip():
        return False
    if len(utterance.speaker or "") > LONGEST_LABEL or len(utterance.emotion or "") > LONGEST_LABEL:
        return False
    latest_ms = 0
    for word in utterance.words:
        if word.start_ms is None or word.end_ms is None or not latest_ms <= word.start_ms <= word.end_ms:
            return False
        latest_ms = word.start_ms
    return True


def _timed(item: Timed) -> Timed:
    """Return an item with possible times: a negative time means unknown, and one time alone is dropped."""
    start_ms, end_ms = item.start_ms, item.end_ms
    if start_ms is None or end_ms is None or start_ms < 0 or end_ms < 0:
        return item if start_ms is end_ms is None else item.model_copy(update={"start_ms": None, "end_ms": None})
    return item if start_ms <= end_ms else item.model_copy(update={"end_ms": start_ms})


def _in_order(items: Sequence[Timed]) -> list[Timed]:
    """Return the items sorted by start; one without a time stays behind the one before it."""
    starts = [item.start_ms for item in items if item.start_ms is not None]
    if all(map(le, starts, starts[1:])):
        return list(items)
    keyed: list[tuple[int, Timed]] = []
    latest = 0
    for item in items:
        latest = item.start_ms if item.start_ms is not None else latest
        keyed.append((latest, item))
    return [item for _, item in sorted(keyed, key=lambda pair: pair[0])]


def join_text(parts: Sequence[str]) -> str:
    """Join pieces of speech: a space between words of spaced scripts, nothing next to a wide character."""
    joined = ""
    for part in filter(None, (part.strip() for part in parts)):
        if joined and not _wide(joined[-1]) and not _wide(part[0]):
            joined += " "
        joined += part
    return joined


def _wide(character: str) -> bool:
    """Return whether a script has no spaces: Korean is as wide as Chinese, and has them."""
    return unicodedata.east_asian_width(character) in "WF" and not unicodedata.name(character, "").startswith("HANGUL")


def transcript_key(source: Source) -> str:
    """Return the key of a recording's transcript: its own key and more, as two may differ by their extension only.

    A key that leaves no room for more is cut, and made unique by a digest of the whole key. So is one that could be a
    cut one: no two recordings have the same transcript key.
    """
    key = f"transcripts/{source.key}.json"
    size_bytes = len(key.encode())
    is_like_cut = size_bytes > LONGEST_KEY_BYTES - _MOST_BYTES_A_CHARACTER and _CUT.search(source.key)
    if size_bytes <= LONGEST_KEY_BYTES and not is_like_cut:
        return key
    digest = hashlib.sha256(source.key.encode()).hexdigest()[:32]
    room_bytes = LONGEST_KEY_BYTES - len(f"transcripts/~{digest}.json")
    return f"transcripts/{source.key.encode()[:room_bytes].decode(errors='ignore')}~{digest}.json"
