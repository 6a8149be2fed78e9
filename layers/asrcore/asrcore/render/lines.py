"""Where a line of text may end, and how wide it is: in columns, of which a Chinese character takes two."""

import unicodedata
from bisect import bisect_right
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from functools import lru_cache
from itertools import accumulate

MAX_COLUMNS = 42

# The score of a break, in columns: a break that scores more may be that much further from the ideal column.
SENTENCE, CLAUSE, WORD, GLYPH = 56, 20, 8, 0
# Only where there is no other: between two words that nothing separates, within a word, before a closing mark, before
# an accent.
_JOINT, _WITHIN, _FORBIDDEN, _TORN = -1_000, -2_000, -10_000, -1_000_000

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
    ACCENT = auto()


_TRAILING = frozenset({_CharacterClass.SPACE, _CharacterClass.STOP, _CharacterClass.PAUSE, _CharacterClass.CLOSE})


@lru_cache(maxsize=8192)
def columns_of(character: str) -> int:
    """0 for accents and invisible characters, 2 for wide ones (Unicode Standard Annex 11), else 1."""
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def columns(text: str) -> int:
    """How wide a text is."""
    return sum(map(columns_of, text))


@lru_cache(maxsize=8192)
def _character_class(character: str) -> _CharacterClass:
    category = unicodedata.category(character)
    classes = {
        "Ps": _CharacterClass.OPEN,
        "Pi": _CharacterClass.OPEN,
        "Pe": _CharacterClass.CLOSE,
        "Pf": _CharacterClass.CLOSE,
        "Zs": _CharacterClass.SPACE,
    }
    if character in STOPS:
        return _CharacterClass.STOP
    if character in _PAUSES:
        return _CharacterClass.PAUSE
    if columns_of(character) == 0 or category == "Sk":  # a skin tone belongs to its emoji
        return _CharacterClass.ACCENT
    return classes.get(category, _CharacterClass.WORD)


class Layout:
    """A text of single spaces, measured.

    word_starts: offsets at which a vendor's words begin. `scores[offset]` is the score of a break before that offset.
    """

    def __init__(self, text: str, word_starts: AbstractSet[int] = frozenset()) -> None:
        self.text = text
        self.columns = [0, *accumulate(map(columns_of, text))]
        self.scores = _scores(text, word_starts)

    def width(self, start: int, end: int) -> int:
        """Columns from one offset to another, without the space at the end."""
        return self.columns[end] - self.columns[start] - (end > start and self.text[end - 1] == " ")

    def line_end(self, start: int, limit: int) -> int:
        """The last good offset up to `limit` at which a line that begins at `start` may end; more than `start`."""
        reach = self._reach(start, limit)
        if reach == limit:
            return limit
        for offset in range(reach, start, -1):
            if self.scores[offset] >= GLYPH:
                return offset
        return max(range(start + 1, reach + 1), key=lambda offset: (self.scores[offset], offset))

    def best(self, start: int, first: int, last: int, aim: int) -> int:
        """The best offset from `first` to `last` for a break about `aim` columns behind `start`."""
        origin = self.columns[start] + aim
        scores, at = self.scores, self.columns
        return max(range(first, last + 1), key=lambda offset: scores[offset] - abs(at[offset] - origin))

    def lines(self, start: int, end: int) -> tuple[str, ...]:
        """One line, or two of similar length. The stretch fits two lines: `line_end` twice reaches `end`."""
        if self.width(start, end) <= MAX_COLUMNS:
            return (self.text[start:end].strip(),)
        last = self._reach(start, end)
        first = next(offset for offset in range(start + 1, last + 1) if self.width(offset, end) <= MAX_COLUMNS)
        middle = self.best(start, first, last, self.width(start, end) // 2)
        return self.text[start:middle].strip(), self.text[middle:end].strip()

    def _reach(self, start: int, limit: int) -> int:
        """The last offset up to `limit` that lies within a line's width, the space behind it included."""
        reach = bisect_right(self.columns, self.columns[start] + MAX_COLUMNS, lo=start + 1) - 1
        reach += reach < len(self.text) and self.text[reach] == " "
        return min(reach, limit)


def _scores(text: str, word_starts: AbstractSet[int]) -> list[int]:
    classes = [_character_class(character) for character in text]
    scores, mark, is_wide_mark = [_TORN], 0, False
    for offset in range(1, len(text)):
        before, after = classes[offset - 1], classes[offset]
        if before is _CharacterClass.STOP or before is _CharacterClass.PAUSE:
            mark = max(mark, SENTENCE if before is _CharacterClass.STOP else CLAUSE)
            is_wide_mark = columns_of(text[offset - 1]) > 1 or text[offset - 1] in "…—"
        elif before is not _CharacterClass.CLOSE and before is not _CharacterClass.SPACE:
            mark = 0
        is_wide = columns_of(text[offset - 1]) > 1 or columns_of(text[offset]) > 1
        if after is _CharacterClass.ACCENT or text[offset - 1] == _JOINER:
            scores.append(_TORN)
        elif after in _TRAILING or before is _CharacterClass.OPEN:
            scores.append(_FORBIDDEN)
        elif before is _CharacterClass.SPACE or (mark and (is_wide_mark or is_wide)):
            scores.append(mark or WORD)
        elif is_wide:
            scores.append(WORD if offset in word_starts else GLYPH)
        else:
            scores.append(_JOINT if offset in word_starts else _WITHIN)
    return [*scores, SENTENCE] if text else scores
