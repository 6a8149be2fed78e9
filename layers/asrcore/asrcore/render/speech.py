"""A transcript prepared for display: clean text, its speaker, and when each piece of it was spoken.

A vendor's words have no punctuation and may be spelt differently from its sentences ("二十五" for "25"). So the
sentence is shown, and the words supply only the times.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from asrcore.core.transcript import Transcript, Utterance, Word, join_text
from asrcore.messages import Language, Message, render

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]+")
_SPACES = re.compile(r"\s+")
# Han, kana and their punctuation; not Hangul, whose words are spaced.
_UNSPACED = r"[\u3001-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff]"
_STRAY_SPACE = re.compile(f"(?<={_UNSPACED}) (?={_UNSPACED})")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"(?:SPEAKER_)?([0-9]{1,9})")  # a label that is a number; abcpen's have the word as well

# How many characters of a sentence are searched for a word before it counts as spelt differently.
_LOOKAHEAD = 12


class Piece(NamedTuple):
    """A part of a turn's text, usually a word and its punctuation.

    start_ms, end_ms: in milliseconds.  confidence: from 0 to 1; None if the vendor gives none.
    """

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


@dataclass(frozen=True)
class Turn:
    """One utterance.

    Attributes:
        speaker: an index into `Speech.speakers`; None when unknown.
        text: clean, not empty.
        pieces: their texts joined are `text`; empty without times.
    """

    speaker: int | None
    text: str
    pieces: tuple[Piece, ...]

    @property
    def timed(self) -> bool:
        """Return whether the times are known."""
        return bool(self.pieces)


class Speaker(NamedTuple):
    """A speaker. channel: from 0, where channels distinguish speakers.  label: a number from 1, or a vendor's name."""

    channel: int | None
    label: int | str | None

    @property
    def key(self) -> str:
        """The speaker's key within the transcript, by which a reader's names for speakers are kept."""
        return f"{'' if self.channel is None else self.channel}/{'' if self.label is None else self.label}"

    def message(self) -> Message | None:
        """Return the speaker's name for display; None if it is the vendor's, which is in no language."""
        if self.channel is None:
            return Message("speaker.number", {"number": self.label}) if isinstance(self.label, int) else None
        channel = _CHANNELS.get(self.channel, Message("speaker.channel", {"channel": self.channel}))
        if self.label is None:
            return channel
        speaker = Speaker(None, self.label).message() or str(self.label)
        return Message("speaker.on_channel", {"channel": channel, "speaker": speaker})

    def name(self, language: Language) -> str:
        """Return the speaker's name in a language."""
        message = self.message()
        return render(message, language) if message else str(self.label)


_CHANNELS = {0: Message("speaker.left_channel"), 1: Message("speaker.right_channel")}


@dataclass(frozen=True)
class Speech:
    """A whole transcript.

    Attributes:
        language: a BCP 47 tag; None when unknown.
        speakers: in order of appearance.
        turns: the utterances that have text.
    """

    language: str | None
    speakers: tuple[Speaker, ...]
    turns: tuple[Turn, ...]

    def names(self, language: Language | None = None) -> tuple[str, ...]:
        """Return the speakers' names in a language; without one in that of files, which is the recording's."""
        return tuple(speaker.name(language or _file_language(self.language)) for speaker in self.speakers)


def speech(transcript: Transcript) -> Speech:
    """Prepare a transcript, without empty utterances. One that has only a text becomes one turn without times."""
    utterances = transcript.utterances or [Utterance(start_ms=None, end_ms=None, text=transcript.text)]
    spoken = [(utterance, text) for utterance in utterances if (text := _text(utterance))]
    with_channels = len({utterance.channel for utterance, _ in spoken}) > 1
    # Some vendors number speakers from 0, and the transcript keeps their number; readers expect 1.
    counts_from_0 = any(_number(_label(utterance)) == 0 for utterance in utterances)
    speakers: dict[Speaker, int] = {}
    turns = []
    for utterance, text in spoken:
        found = _speaker(utterance, shift=int(counts_from_0), with_channels=with_channels)
        speaker = speakers.setdefault(found, len(speakers)) if found else None
        turns.append(Turn(speaker, text, _pieces(text, utterance)))
    return Speech(transcript.language, tuple(speakers), tuple(turns))


def clean(text: str) -> str:
    """Return text for one line: without control characters, single spaces, none between Chinese characters."""
    if text.isalnum():  # most words
        return text
    text = _SURROGATES.sub("?", _CONTROLS.sub("", text))
    return _STRAY_SPACE.sub("", _SPACES.sub(" ", text)).strip()


def _text(utterance: Utterance) -> str:
    return clean(utterance.text) or clean(join_text([word.text for word in utterance.words]))


def _file_language(spoken: str | None) -> Language:
    return "zh-CN" if (spoken or "zh").split("-")[0] in {"zh", "yue", "wuu"} else "en"


def _label(utterance: Utterance) -> str:
    return clean(utterance.speaker or "")


def _number(label: str) -> int | None:
    """Return the number in a speaker's label; None for a name, or no label."""
    found = _NUMBER.fullmatch(label)
    return int(found[1]) if found else None


def _speaker(utterance: Utterance, *, shift: int, with_channels: bool) -> Speaker | None:
    """Return who speaks, or None if the vendor does not say. shift: added to a number."""
    channel = utterance.channel if with_channels else None
    label = _label(utterance)
    number = _number(label)
    found = Speaker(channel, (label or None) if number is None else number + shift)
    return None if found == (None, None) else found


def _pieces(text: str, utterance: Utterance) -> tuple[Piece, ...]:
    words = [word for word in utterance.words if word.start_ms is not None and word.end_ms is not None]
    start_ms, end_ms = utterance.start_ms, utterance.end_ms
    if start_ms is None or end_ms is None:
        if not words:
            return ()
        start_ms, end_ms = words[0].start_ms or 0, words[-1].end_ms or 0
    return _in_order(_aligned(text, words, start_ms, end_ms))


def _aligned(text: str, words: Sequence[Word], start_ms: int, end_ms: int) -> list[Piece]:
    """Cut a sentence at its words. Text between found words has the times of the words not found, or of the gap."""
    pieces: list[Piece] = []
    folded, at = _folded(text), 0
    missed: list[Word] = []

    def close_gap(until: int, before_ms: int) -> int:
        """Assign the text up to `until` to the last piece or a new one; return where the next piece begins."""
        while at < until < len(text) and _is_opening(text[until - 1]):  # opening marks belong to the next word
            until -= 1
        gap = text[at:until]
        marks = next((index for index, character in enumerate(gap) if _is_said(character)), len(gap))
        if pieces and marks:
            last = pieces[-1]
            pieces[-1] = last._replace(text=last.text + gap[:marks])
        elif marks == len(gap):
            return at
        if marks < len(gap):
            first_ms = missed[0].start_ms if missed else (pieces[-1].end_ms if pieces else start_ms)
            last_ms = missed[-1].end_ms if missed else before_ms
            pieces.append(Piece(gap[marks:] if pieces else gap, first_ms or 0, last_ms or 0))
        return until

    for word in words:
        sought = _folded(clean(word.text))
        found = folded.find(sought, at, at + _LOOKAHEAD + len(sought)) if sought else -1
        if found < 0:
            missed.append(word)
            continue
        begin = close_gap(found, word.start_ms or 0)
        at = found + len(sought)
        pieces.append(Piece(text[begin:at], word.start_ms or 0, word.end_ms or 0, word.confidence))
        missed.clear()
    if close_gap(len(text), end_ms) < len(text):  # punctuation alone
        pieces.append(Piece(text, start_ms, end_ms))
    return pieces


def _is_said(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNS"


def _is_opening(character: str) -> bool:
    return unicodedata.category(character) in {"Ps", "Pi"}


def _folded(text: str) -> str:
    """Return lower case of the same length, for comparison character by character."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _in_order(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Adjust times so that no piece starts before the previous one or ends after the next one's start."""
    starts, latest = [], 0
    for piece in pieces:
        latest = max(latest, piece.start_ms)
        starts.append(latest)
    ends = [*starts[1:], max((piece.end_ms for piece in pieces[-1:]), default=0)]
    return tuple(
        Piece(piece.text, start, max(start, min(piece.end_ms, end)), piece.confidence)
        for piece, start, end in zip(pieces, starts, ends, strict=True)
    )
