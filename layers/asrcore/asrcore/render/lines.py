"""Line breaking: the score of each break, and the width of a text in columns (two for a Chinese character)."""

import unicodedata
from bisect import bisect_right
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from functools import lru_cache
from itertools import accumulate

from asrcore.render.typography import NO_LINE_END, NO_LINE_START, binds_next_word, is_abbreviation, unbreakable

MAX_COLUMNS = 42

# The score of a break, in columns: a break that scores more may be that much further from the ideal column.
SENTENCE, CLAUSE, WORD, GLYPH = 56, 20, 8, 0
# Only where there is no other: between two words without a space; within a word; within a number or a dotted name, or
# after `Dr.`; where a line must not begin or end; before an accent.
_JOINT, _WITHIN, BOUND, _FORBIDDEN, _TORN = -1_000, -2_000, -5_000, -10_000, -1_000_000

STOPS = frozenset("。！？!?…；;.｡")
_PAUSES = frozenset("，、,：:—､")
_JOINER = "\u200d"


class _CharacterClass(Enum):
    WORD = auto()
    SPACE = auto()
    STOP = auto()
    PAUSE = auto()
    OPEN = auto()
    CLOSE = auto()
    NO_START = auto()
    ACCENT = auto()


_WORD, _SPACE, _STOP, _PAUSE, _OPEN, _CLOSE, _NO_START, _ACCENT = _CharacterClass
_CLASSES = {"Ps": _OPEN, "Pi": _OPEN, "Pe": _CLOSE, "Pf": _CLOSE, "Zs": _SPACE}
_TRAILING = frozenset({_SPACE, _STOP, _PAUSE, _CLOSE, _NO_START})


@lru_cache(maxsize=8192)
def columns_of(character: str) -> int:
    """Return 0 for accents and invisible characters, 2 for wide ones (Unicode Standard Annex 11), else 1."""
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def columns(text: str) -> int:
    """Return the width of a text in columns."""
    return sum(map(columns_of, text))


@lru_cache(maxsize=8192)
def _character_class(character: str) -> _CharacterClass:
    category = unicodedata.category(character)
    if character in STOPS:
        return _STOP
    if character in _PAUSES:
        return _PAUSE
    if columns_of(character) == 0 or category == "Sk":  # a skin tone belongs to its emoji
        return _ACCENT
    if character in NO_LINE_END:
        return _OPEN
    return _CLASSES.get(category, _NO_START if character in NO_LINE_START else _WORD)


class Layout:
    """The widths and the breaks of one text.

    Attributes:
        text: with single spaces.
        columns: the width of the text before each offset, in columns.
        scores: the score of a break before each offset; below 0, only where there is no other break.
    """

    def __init__(
        self,
        text: str,
        word_starts: AbstractSet[int] = frozenset(),
        language: str | None = None,
        max_columns: int = MAX_COLUMNS,
    ) -> None:
        """Measure a text.

        Args:
            text: with single spaces.
            word_starts: offsets at which a vendor's words begin.
            language: a BCP 47 tag, whose abbreviations end no sentence.
            max_columns: the width of a line.
        """
        self._max_columns = max_columns
        self.text = text
        self.columns = [0, *accumulate(map(columns_of, text))]
        self.scores = _scores(text, word_starts, language)

    def width(self, start: int, end: int) -> int:
        """Return the columns from one offset to another, without the space at the end."""
        return self.columns[end] - self.columns[start] - (end > start and self.text[end - 1] == " ")

    def line_end(self, start: int, limit: int) -> int:
        """Return the last good break, after `start` and up to `limit`, for a line that begins at `start`."""
        reach = self._reach(start, limit)
        if reach == limit:
            return limit
        for offset in range(reach, start, -1):
            if self.scores[offset] >= GLYPH:
                return offset
        return max(range(start + 1, reach + 1), key=lambda offset: (self.scores[offset], offset))

    def best(self, start: int, first: int, last: int, aim: int) -> int:
        """Return the best break from `first` to `last`, if `aim` columns after `start` are ideal."""
        origin = self.columns[start] + aim
        scores, at = self.scores, self.columns
        return max(range(first, last + 1), key=lambda offset: scores[offset] - abs(at[offset] - origin))

    def lines(self, start: int, end: int) -> tuple[str, ...]:
        """Return one line, or two of similar length. They fit: `line_end` twice reaches `end`."""
        if self.width(start, end) <= self._max_columns:
            return (self.text[start:end].strip(),)
        last = self._reach(start, end)
        first = next(offset for offset in range(start + 1, last + 1) if self.width(offset, end) <= self._max_columns)
        middle = self.best(start, first, last, self.width(start, end) // 2)
        return self.text[start:middle].strip(), self.text[middle:end].strip()

    def _reach(self, start: int, limit: int) -> int:
        """Return the last offset up to `limit` within a line's width, including a space after it."""
        reach = bisect_right(self.columns, self.columns[start] + self._max_columns, lo=start + 1) - 1
        reach += reach < len(self.text) and self.text[reach] == " "
        return min(reach, limit)


def _classes(text: str) -> list[_CharacterClass]:
    """Return each character's class; a straight quotation mark opens, and the next one closes."""
    classes = [_character_class(character) for character in text]
    quotes = [offset for offset, character in enumerate(text) if character == '"']
    for number, offset in enumerate(quotes):
        classes[offset] = _CLOSE if number % 2 else _OPEN
    return classes


def _scores(text: str, word_starts: AbstractSet[int], language: str | None) -> list[int]:
    classes = _classes(text)
    scores, mark, is_wide_mark = [_TORN], 0, False
    for offset in range(1, len(text)):
        before, after = classes[offset - 1], classes[offset]
        if before is _STOP and is_abbreviation(text, offset, language):
            mark = 0
        elif before is _STOP or before is _PAUSE:
            mark = max(mark, SENTENCE if before is _STOP else CLAUSE)
            is_wide_mark = columns_of(text[offset - 1]) > 1 or text[offset - 1] in "…—"
        elif before is not _CLOSE and before is not _SPACE:
            mark = 0
        is_wide = columns_of(text[offset - 1]) > 1 or columns_of(text[offset]) > 1
        if after is _ACCENT or text[offset - 1] == _JOINER:
            scores.append(_TORN)
        elif after in _TRAILING or before is _OPEN:
            scores.append(_FORBIDDEN)
        elif before is _SPACE or (mark and (is_wide_mark or is_wide)):
            scores.append(mark or WORD)
        elif is_wide:
            scores.append(WORD if offset in word_starts else GLYPH)
        else:
            scores.append(_JOINT if offset in word_starts else _WITHIN)
    _bind(text, scores, language)
    return [*scores, SENTENCE] if text else scores


def _bind(text: str, scores: list[int], language: str | None) -> None:
    """Lower the scores within numbers and dotted names, and after abbreviations that need the next word."""
    for start, end in unbreakable(text):
        for offset in range(start + 1, end):
            scores[offset] = min(scores[offset], BOUND)
    for offset in range(2, len(text)):
        if text[offset - 2 : offset] == ". " and binds_next_word(text, offset - 1, language):
            scores[offset] = min(scores[offset], BOUND)


def ends_sentence(text: str, end: int, language: str | None = None) -> bool:
    """Return whether a sentence ends before offset `end`, or before the spaces there."""
    end = len(text[:end].rstrip())
    return text[end - 1 : end] in STOPS and not is_abbreviation(text, end, language)
