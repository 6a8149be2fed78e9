"""Give the utterances of a recording: from a sample's script, from a recognition, or as placeholders."""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
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
    """Speech without a long pause. `speaker` and `channel` count from 0; `channel` is None unless they are split."""

    text: str
    start_ms: int
    end_ms: int
    speaker: int
    channel: int | None
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Script:
    """The lines of a recording, in order, and the speaker of each (from 0) where that is known."""

    lines: tuple[str, ...]
    speakers: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Token:
    """A word or a mark of a script; `start` and `end` are its offsets within its line."""

    line: int
    start: int
    end: int
    text: str
    punctuation: bool

    @property
    def weight(self) -> int:
        """Return its share of the speech time: its letters."""
        return 0 if self.punctuation else len(self.text)


class ScriptStore:
    """The scripts of known recordings, by the SHA-256 of the audio file; an absent file has no scripts.

    recognizer: recognizes the other recordings; None leaves them without words.
    """

    def __init__(self, path: Path = SAMPLE_SCRIPTS, recognizer: Client | None = None) -> None:
        self._path, self._recognizer = path, recognizer

    def recognize(self, file: IO[bytes], wait_s: float) -> Recognition | None:
        """Recognize an audio file; None without a recognizer. Raises recognizer.client.StillWorkingError."""
        return self._recognizer.recognize(file, wait_s) if self._recognizer else None

    def find(self, sha256: str) -> Script | None:
        """Return the script of a recording, None if it has none. The file is read each time, so it may grow."""
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
    """Return what is said in the segments of a recording, and nothing outside them.

    Args:
        segments: The stretches of speech.
        speech: A recognition keeps its own times, a sentence an utterance, with the speaker of the segment that it
            overlaps most. A script with a line per segment is paired with them; any other is spread over the speech
            time by its characters. None gives `[simulated utterance N]` for each segment.
        speakers: Where the script does not name the speakers, this many alternate.
        han_per_word: The most Chinese characters in a word.
    """
    if isinstance(speech, Recognition):
        return tuple(_recognized_utterances(segments, speech, speakers, han_per_word))
    return tuple(_scripted_utterances(segments, speech or _placeholders(segments), speakers, han_per_word))


def _placeholders(segments: Sequence[Segment]) -> Script:
    lines = [segment.text or f"[simulated utterance {number}]" for number, segment in enumerate(segments, start=1)]
    return Script(tuple(lines))


def _scripted_utterances(
    segments: Sequence[Segment], script: Script, speakers: int, han_per_word: int
) -> Iterator[Utterance]:
    """Yield an utterance for each line, or part of a line, in each segment."""
    tokens = [token for line, text in enumerate(script.lines) for token in _tokenize(line, text, han_per_word)]
    for segment, share in zip(segments, _assign_to_segments(tokens, segments, len(script.lines)), strict=True):
        words = _give_times(share, segment)
        pairs = zip(share, words, strict=True)
        for line, group in groupby(pairs, key=lambda pair: pair[0].line):
            line_tokens, line_words = zip(*group, strict=True)
            speaker = script.speakers[line] if line < len(script.speakers) else line
            yield Utterance(
                text=script.lines[line][line_tokens[0].start : line_tokens[-1].end],
                start_ms=line_words[0].start_ms,
                end_ms=line_words[-1].end_ms,
                speaker=speaker % speakers,
                channel=segment.channel,
                words=line_words,
            )


def _recognized_utterances(
    segments: Sequence[Segment], recognition: Recognition, speakers: int, han_per_word: int
) -> Iterator[Utterance]:
    """Yield the recognizer's sentences that overlap a segment, cut into words of the vendor's length."""
    for sentence in recognition.sentences:
        overlaps_ms = [
            min(segment.end_ms, sentence.end_ms) - max(segment.start_ms, sentence.start_ms) for segment in segments
        ]
        if not overlaps_ms or max(overlaps_ms) < 0:
            continue
        number = overlaps_ms.index(max(overlaps_ms))
        starts, ends = _character_times(sentence)
        yield Utterance(
            text=sentence.text,
            start_ms=sentence.start_ms,
            end_ms=sentence.end_ms,
            speaker=number % speakers,
            channel=segments[number].channel,
            words=tuple(
                Word(token.text, starts[token.start], ends[token.end - 1], token.punctuation)
                for token in _tokenize(0, sentence.text, han_per_word)
            ),
        )


def join_texts(texts: Sequence[str]) -> str:
    """Join sentences, with a space between two only where both are written with spaces, as in English."""
    joined: list[str] = []
    for text in filter(None, texts):
        last = joined[-1][-1] if joined else " "
        gap = re.match(f"[^{HAN}。，、！？；：\\s]", last) and re.match(f"[^{HAN}\\s]", text)
        joined.append(f" {text}" if gap else text)
    return "".join(joined)


def strip_punctuation(text: str) -> str:
    """Return a text without the punctuation between its clauses."""
    return text.translate({ord(mark): None for mark in CLAUSE_MARKS})


def split_clauses(utterance: Utterance, max_length: int | None = None) -> tuple[Utterance, ...]:
    """Split an utterance after each clause's mark, and between words after `max_length` characters."""
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


def join_turns(utterances: Sequence[Utterance], speaker_of: Callable[[Utterance], object]) -> tuple[Utterance, ...]:
    """Merge consecutive utterances of one speaker."""
    turns = [list(turn) for _, turn in groupby(utterances, key=speaker_of)]
    return tuple(
        replace(
            turn[0],
            text=join_texts([utterance.text for utterance in turn]),
            end_ms=turn[-1].end_ms,
            words=tuple(word for utterance in turn for word in utterance.words),
        )
        for turn in turns
    )


def _tokenize(line: int, text: str, han_per_word: int) -> list[_Token]:
    pattern = f"(?P<word>[{HAN}]{{1,{han_per_word}}}|[^\\W{HAN}]+(?:['’.-][^\\W{HAN}]+)*)|(?P<mark>[^\\s])"
    return [
        _Token(line, found.start(), found.end(), found.group(), found.lastgroup == "mark")
        for found in re.finditer(pattern, text)
    ]


def _character_times(sentence: Sentence) -> tuple[list[int], list[int]]:
    """Return the start and end of each character of a sentence's text; a word's letters share its time equally."""
    starts, ends = [], []
    for word in sentence.words:
        letters = sum(character.isalnum() for character in word.text) or 1
        length_ms = word.end_ms - word.start_ms
        before = 0
        for character in word.text:
            starts.append(word.start_ms + before * length_ms // letters)
            before += character.isalnum()
            ends.append(word.start_ms + before * length_ms // letters)
    whole = "".join(word.text for word in sentence.words)
    leading = len(whole) - len(whole.lstrip())
    return starts[leading:], ends[leading:]


def _assign_to_segments(tokens: Sequence[_Token], segments: Sequence[Segment], lines: int) -> list[list[_Token]]:
    """Return the tokens of each segment: line by segment where the numbers agree, else by the middle of each token."""
    if not segments:
        return []
    shares: list[list[_Token]] = [[] for _ in segments]
    if lines == len(segments):
        for token in tokens:
            shares[token.line].append(token)
        return shares
    ends_ms = list(accumulate(segment.end_ms - segment.start_ms for segment in segments))
    total = max(1, sum(token.weight for token in tokens))
    before = index = 0
    for token in tokens:
        if not token.punctuation:  # a mark stays with the word before it
            middle_ms = (before + token.weight / 2) * ends_ms[-1] / total
            index = min(bisect_right(ends_ms, middle_ms), len(segments) - 1)
        shares[index].append(token)
        before += token.weight
    return shares


def _give_times(tokens: Sequence[_Token], segment: Segment) -> list[Word]:
    """Return the tokens as words that share the segment's time by their weights."""
    total = max(1, sum(token.weight for token in tokens))
    length_ms = segment.end_ms - segment.start_ms
    words, before = [], 0
    for token in tokens:
        start_ms = segment.start_ms + before * length_ms // total
        before += token.weight
        words.append(Word(token.text, start_ms, segment.start_ms + before * length_ms // total, token.punctuation))
    return words
