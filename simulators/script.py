"""What is said in a recording: a sample's script, the embedded recogniser's words, or placeholders."""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from pathlib import Path
from typing import IO

from recognizer.client import Client
from recognizer.recognition import Recognition, Sentence
from simulators.segmentation import Segment

SAMPLE_SCRIPTS = Path(__file__).resolve().parents[1] / "samples" / "scripts.json"

HAN = "\u3400-\u9fff\uf900-\ufaff"
CLAUSE_MARKS = "，。！？、；：,.!?;:"


@dataclass(frozen=True)
class Word:
    """A word or a punctuation mark; a mark takes no time."""

    text: str
    start_ms: int
    end_ms: int
    punctuation: bool


@dataclass(frozen=True)
class Utterance:
    """Speech without a long pause; `speaker` and `channel` count from 0, `channel` only where channels are split."""

    text: str
    start_ms: int
    end_ms: int
    speaker: int
    channel: int | None
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Script:
    """The lines spoken in a recording, in order, and who speaks each (from 0), where that is known."""

    lines: tuple[str, ...]
    speakers: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Token:
    line: int
    start: int
    end: int
    text: str
    punctuation: bool

    @property
    def weight(self) -> int:
        return 0 if self.punctuation else len(self.text)


class ScriptStore:
    """The scripts of known recordings, by the SHA-256 of the audio file; an absent file is an empty book.

    recognizer: hears the recordings that have none; None leaves them without words.
    """

    def __init__(self, path: Path = SAMPLE_SCRIPTS, recognizer: Client | None = None) -> None:
        self._path, self._recognizer = path, recognizer

    def recognise(self, file: IO[bytes], wait_s: float) -> Recognition | None:
        """What the recogniser hears in an audio file; None without one. Raises recognizer.client.StillWorkingError."""
        return self._recognizer.recognise(file, wait_s) if self._recognizer else None

    def find(self, sha256: str) -> Script | None:
        """The script of a recording, or None when nobody wrote one. The file is read anew, so it may grow meanwhile."""
        try:
            entry = json.loads(self._path.read_text(encoding="utf-8")).get(sha256)
        except FileNotFoundError:
            return None
        if entry is None:
            return None
        labels = entry.get("speakers") or ()
        numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        return Script(tuple(entry["lines"]), tuple(numbers[label] for label in labels))


def make_utterances(
    segments: Sequence[Segment], speech: Script | Recognition | None, *, speakers: int = 1, han_per_word: int = 2
) -> tuple[Utterance, ...]:
    """Lay a script over the speech of a recording; nothing is ever said outside the segments.

    What the recogniser heard keeps its own times, a sentence an utterance, in the voice of the segment where it is.

    Without a script each segment says `[simulated utterance N]`. A script with as many lines as there are segments
    goes line by segment; any other is spread over the whole speech time by its characters. Where the script does not
    tell who speaks, up to `speakers` voices take turns.
    """
    if isinstance(speech, Recognition):
        return _repeat(segments, speech, speakers, han_per_word)
    script = speech or Script(
        tuple(segment.text or f"[simulated utterance {number}]" for number, segment in enumerate(segments, start=1))
    )
    tokens = [token for line, text in enumerate(script.lines) for token in _split(line, text, han_per_word)]
    return tuple(
        Utterance(
            text=script.lines[line][group[0][0].start : group[-1][0].end],
            start_ms=group[0][1].start_ms,
            end_ms=group[-1][1].end_ms,
            speaker=(script.speakers[line] if line < len(script.speakers) else line) % speakers,
            channel=segment.channel,
            words=tuple(word for _, word in group),
        )
        for segment, share in zip(segments, _share(tokens, segments, len(script.lines)), strict=True)
        for line, group in _by_line(_time(share, segment))
    )


def join_texts(texts: Sequence[str]) -> str:
    """Sentences as one text, with a space between two only where both are written with spaces, as English is."""
    joined: list[str] = []
    for text in filter(None, texts):
        last = joined[-1][-1] if joined else " "
        gap = re.match(f"[^{HAN}。，、！？；：\\s]", last) and re.match(f"[^{HAN}\\s]", text)
        joined.append(f" {text}" if gap else text)
    return "".join(joined)


def strip_punctuation(text: str) -> str:
    """A text without the punctuation between its clauses."""
    return text.translate({ord(mark): None for mark in CLAUSE_MARKS})


def split_clauses(utterance: Utterance, max_length: int | None = None) -> tuple[Utterance, ...]:
    """The clauses of an utterance, each up to its mark; one of over `max_length` characters is cut between words."""
    clauses: list[list[tuple[int, int, Word]]] = []
    position = 0
    for word in utterance.words:
        start = utterance.text.index(word.text, position)
        position = start + len(word.text)
        current = clauses[-1] if clauses else []
        is_over = bool(current) and current[-1][2].text in CLAUSE_MARKS
        is_long = bool(current) and max_length is not None and position - current[0][0] > max_length
        if not current or ((is_over or is_long) and not word.punctuation):
            clauses.append([])
        clauses[-1].append((start, position, word))
    return tuple(
        replace(
            utterance,
            text=utterance.text[clause[0][0] : clause[-1][1]],
            start_ms=clause[0][2].start_ms,
            end_ms=clause[-1][2].end_ms,
            words=tuple(word for _, _, word in clause),
        )
        for clause in clauses
    )


def join_turns(utterances: Sequence[Utterance], voice: Callable[[Utterance], object]) -> tuple[Utterance, ...]:
    """Utterances that follow one another in the same voice, made one."""
    turns = [list(turn) for _, turn in groupby(utterances, key=voice)]
    return tuple(
        replace(
            turn[0],
            text=join_texts([utterance.text for utterance in turn]),
            end_ms=turn[-1].end_ms,
            words=tuple(word for utterance in turn for word in utterance.words),
        )
        for turn in turns
    )


def _split(line: int, text: str, han_per_word: int) -> list[_Token]:
    pattern = f"(?P<word>[{HAN}]{{1,{han_per_word}}}|[^\\W{HAN}]+(?:['’.-][^\\W{HAN}]+)*)|(?P<mark>[^\\s])"
    return [
        _Token(line, found.start(), found.end(), found.group(), found.lastgroup == "mark")
        for found in re.finditer(pattern, text)
    ]


def _repeat(
    segments: Sequence[Segment], recognition: Recognition, speakers: int, han_per_word: int
) -> tuple[Utterance, ...]:
    """The recogniser's sentences, where a segment overlaps them; words as long as this vendor's."""
    utterances = []
    for sentence in recognition.sentences:
        overlaps = [
            min(segment.end_ms, sentence.end_ms) - max(segment.start_ms, sentence.start_ms) for segment in segments
        ]
        if not overlaps or max(overlaps) < 0:
            continue
        number = overlaps.index(max(overlaps))
        starts, ends = _character_times(sentence)
        utterances.append(
            Utterance(
                text=sentence.text,
                start_ms=sentence.start_ms,
                end_ms=sentence.end_ms,
                speaker=number % speakers,
                channel=segments[number].channel,
                words=tuple(
                    Word(token.text, starts[token.start], ends[token.end - 1], token.punctuation)
                    for token in _split(0, sentence.text, han_per_word)
                ),
            )
        )
    return tuple(utterances)


def _character_times(sentence: Sentence) -> tuple[list[int], list[int]]:
    """When each character of a sentence's text starts and ends: a word's time is shared by its letters."""
    starts, ends = [], []
    for word in sentence.words:
        letters = sum(character.isalnum() for character in word.text) or 1
        spoken = 0
        for character in word.text:
            length_ms = word.end_ms - word.start_ms
            starts.append(word.start_ms + spoken * length_ms // letters)
            spoken += character.isalnum()
            ends.append(word.start_ms + spoken * length_ms // letters)
    whole = "".join(word.text for word in sentence.words)
    leading = len(whole) - len(whole.lstrip())
    return starts[leading:], ends[leading:]


def _share(tokens: Sequence[_Token], segments: Sequence[Segment], lines: int) -> list[list[_Token]]:
    """The tokens of each segment."""
    shares: list[list[_Token]] = [[] for _ in segments]
    if not segments:
        return shares
    if lines == len(segments):
        for token in tokens:
            shares[token.line].append(token)
        return shares
    ends = list(accumulate(segment.end_ms - segment.start_ms for segment in segments))
    total = max(1, sum(token.weight for token in tokens))
    before = 0
    for token in tokens:
        middle_ms = (before + token.weight / 2) * ends[-1] / total
        # A mark stays with the word that it follows.
        index = max((i for i, share in enumerate(shares) if share), default=0) if token.punctuation else None
        shares[min(bisect_right(ends, middle_ms), len(ends) - 1) if index is None else index].append(token)
        before += token.weight
    return shares


def _time(tokens: Sequence[_Token], segment: Segment) -> list[tuple[_Token, Word]]:
    total = max(1, sum(token.weight for token in tokens))
    length_ms = segment.end_ms - segment.start_ms
    ends = list(accumulate(token.weight for token in tokens))
    return [
        (
            token,
            Word(
                token.text,
                segment.start_ms + (end - token.weight) * length_ms // total,
                segment.start_ms + end * length_ms // total,
                token.punctuation,
            ),
        )
        for token, end in zip(tokens, ends, strict=True)
    ]


def _by_line(timed: Sequence[tuple[_Token, Word]]) -> list[tuple[int, list[tuple[_Token, Word]]]]:
    return [(line, list(group)) for line, group in groupby(timed, key=lambda pair: pair[0].line)]
