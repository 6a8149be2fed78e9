"""Cues: which lines are shown from when to when.

A cue has at most two lines of 42 columns (21 Chinese characters), broken at punctuation where possible, and lasts at
most 7 seconds. Cues are in order and do not overlap. A cue stays during the pause after it until it can be read
comfortably. Without a pause, as when two people talk at once, the next cue is delayed until this one can be read at
all.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

from asrcore.render.lines import BOUND, MAX_COLUMNS, Layout, columns
from asrcore.render.speech import Piece, Speech, Turn

LONGEST_MS = 7_000
PAUSE_MS = 1_500  # a pause that ends a cue
EASY_COLUMNS_PER_S, SHORTEST_EASY_MS = 17, 1_000
FASTEST_COLUMNS_PER_S, SHORTEST_MS = 25, 400
_UNUSED_COLUMNS = 8  # of a full cue: lines are seldom filled to their last column
_SLOWEST_MS_PER_COLUMN = 500  # without word times: a short sentence with a long time is spoken at its start


@dataclass(frozen=True)
class Cue:
    """One or two lines of plain text, and when they are shown.

    Attributes:
        start_ms: from the start of the recording.
        end_ms: from the start of the recording.
        lines: without line breaks and surrounding spaces.
        speaker: an index into `Speech.speakers`; None when unknown.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: int | None


@dataclass(frozen=True)
class CueSize:
    """How much text a cue has: the width of a line in columns, and 1 or 2 lines."""

    max_columns: int = MAX_COLUMNS
    max_lines: int = 2

    @property
    def full_columns(self) -> int:
        """Return the columns of a well filled cue."""
        return max(1, self.max_lines * self.max_columns - _UNUSED_COLUMNS)


USUAL_SIZE = CueSize()


def cues(speech: Speech, size: CueSize = USUAL_SIZE) -> list[Cue]:
    """Return the cues of all utterances with times, in order and without overlap."""
    spoken = sorted(
        (cue for turn in speech.turns if turn.timed for cue in _cut(turn, speech.language, size)),
        key=lambda cue: cue.start_ms,
    )
    starts: list[int] = []
    free_ms = 0
    for cue in spoken:
        starts.append(max(cue.start_ms, free_ms))
        free_ms = starts[-1] + _readable_ms(cue, FASTEST_COLUMNS_PER_S, SHORTEST_MS)
    return [
        Cue(start_ms, _end_ms(cue, start_ms, next_ms), cue.lines, cue.speaker)
        for cue, (start_ms, next_ms) in zip(spoken, pairwise([*starts, None]), strict=True)
        if start_ms is not None
    ]


def _end_ms(cue: Cue, start_ms: int, next_ms: int | None) -> int:
    end_ms = max(cue.end_ms, start_ms + _readable_ms(cue, EASY_COLUMNS_PER_S, SHORTEST_EASY_MS))
    end_ms = min(end_ms, start_ms + LONGEST_MS)
    return end_ms if next_ms is None else min(end_ms, next_ms)


def _readable_ms(cue: Cue, columns_per_s: int, least_ms: int) -> int:
    return max(least_ms, ceil(sum(map(columns, cue.lines)) * 1000 / columns_per_s))


class _CharacterTimes:
    """When each character of a turn is spoken: the characters of a piece share its time by their width."""

    def __init__(self, pieces: Sequence[Piece], layout: Layout) -> None:
        self._pieces = pieces
        self._columns = layout.columns
        self.offsets = [0, *accumulate(len(piece.text) for piece in pieces)]
        self._slowest_ms = _SLOWEST_MS_PER_COLUMN if len(pieces) == 1 else LONGEST_MS

    def start_ms(self, offset: int) -> int:
        """Return when the character at an offset begins."""
        return self._at(bisect_right(self.offsets, offset) - 1, offset)

    def end_ms(self, offset: int) -> int:
        """Return when the character before an offset ends."""
        return self._at(bisect_left(self.offsets, offset) - 1, offset)

    def _at(self, index: int, offset: int) -> int:
        piece = self._pieces[index]
        first, last = self._columns[self.offsets[index]], self._columns[self.offsets[index + 1]]
        span_ms = min(piece.end_ms - piece.start_ms, (last - first) * self._slowest_ms)
        return piece.start_ms + span_ms * (self._columns[offset] - first) // max(1, last - first)


def _cut(turn: Turn, language: str | None, size: CueSize) -> Iterator[Cue]:
    """Yield a turn's cues, each at the time of its words."""
    layout = Layout(
        turn.text, frozenset(accumulate(len(piece.text) for piece in turn.pieces)), language, size.max_columns
    )
    times = _CharacterTimes(turn.pieces, layout)
    pauses = [
        offset
        for offset, (before, after) in zip(times.offsets[1:], pairwise(turn.pieces), strict=False)
        if after.start_ms - before.end_ms >= PAUSE_MS and layout.scores[offset] > BOUND
    ]
    for first, last in pairwise([0, *pauses, len(turn.text)]):
        start = first
        while start < last:
            end = _next_cut(layout, times, start, last, size)
            yield Cue(times.start_ms(start), times.end_ms(end), layout.lines(start, end), turn.speaker)
            start = end


def _next_cut(layout: Layout, times: _CharacterTimes, start: int, last: int, size: CueSize) -> int:
    """Return the offset at which a cue that begins at `start` ends: `last`, or the best break before it.

    The rest of the text is divided into cues of similar length, so that a full cue is not followed by a single word.
    """
    latest_ms = times.start_ms(start) + LONGEST_MS
    fits = layout.line_end(start, last)
    if size.max_lines > 1:
        fits = layout.line_end(fits, last)
    if fits == last and times.end_ms(last) <= latest_ms:
        return last
    limit = _last_in_time(layout, times, start, fits, latest_ms)
    rest = layout.width(start, last)
    cues_left = max(2, ceil(rest / size.full_columns))
    return layout.best(start, start + 1, limit, min(rest // cues_left, layout.width(start, limit)))


def _last_in_time(layout: Layout, times: _CharacterTimes, start: int, fits: int, latest_ms: int) -> int:
    """Return the last offset that is spoken by `latest_ms`; if no good break is, the first good break after it."""
    offsets = range(start + 1, fits + 1)
    in_time = start + bisect_right(offsets, latest_ms, key=times.end_ms)
    good = [offset for offset in offsets if layout.scores[offset] >= 0]
    if not good:
        return fits
    return max(in_time, good[0])
