"""Where a line of text may end, and how wide it is: in columns, of which a Chinese character takes two."""

import unicodedata
from bisect import bisect_right
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from functools import lru_cache
from itertools import accumulate

MAX_COLUMNS = 42

# What a break is worth, in columns by which it may lie away from the best place.
SENTENCE, CLAUSE, WORD, GLYPH = 56, 20, 8, 0
# Only where there is no other: between two words that nothing separates, within a word, before a closing mark, before
# an accent.
_JOINT, _WITHIN, _FORBIDDEN, _TORN = -1_000, -2_000, -10_000, -1_000_000

STOPS = frozenset("。！？!?…；;.｡")
_PAUSES = frozenset("，、,：:—､")
_JOINER = "\u200d"


class _Kind(Enum):
    WORD = auto()
    SPACE = auto()
    STOP = auto()
    PAUSE = auto()
    OPEN = auto()
    CLOSE = auto()
    ACCENT = auto()


_TRAILING = frozenset({_Kind.SPACE, _Kind.STOP, _Kind.PAUSE, _Kind.CLOSE})


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
def _kind(character: str) -> _Kind:
    category = unicodedata.category(character)
    kinds = {"Ps": _Kind.OPEN, "Pi": _Kind.OPEN, "Pe": _Kind.CLOSE, "Pf": _Kind.CLOSE, "Zs": _Kind.SPACE}
    if character in STOPS:
        return _Kind.STOP
    if character in _PAUSES:
        return _Kind.PAUSE
    if columns_of(character) == 0 or category == "Sk":  # a skin tone belongs to its emoji
        return _Kind.ACCENT
    return kinds.get(category, _Kind.WORD)


class Layout:
    """A text of single spaces, measured.

    joints: offsets at which a vendor's words begin. `worth[offset]` is what a break in front of that offset is worth.
    """

    def __init__(self, text: str, joints: AbstractSet[int] = frozenset()) -> None:
        self.text = text
        self.columns = [0, *accumulate(map(columns_of, text))]
        self.worth = _worth(text, joints)

    def width(self, start: int, end: int) -> int:
        """Columns from one offset to another, without the space at the end."""
        return self.columns[end] - self.columns[start] - (end > start and self.text[end - 1] == " ")

    def line_end(self, start: int, limit: int) -> int:
        """The last good offset up to `limit` at which a line that begins at `start` may end; more than `start`."""
        reach = self._reach(start, limit)
        if reach == limit:
            return limit
        for offset in range(reach, start, -1):
            if self.worth[offset] >= GLYPH:
                return offset
        return max(range(start + 1, reach + 1), key=lambda offset: (self.worth[offset], offset))

    def best(self, start: int, first: int, last: int, aim: int) -> int:
        """The best offset from `first` to `last` for a break about `aim` columns behind `start`."""
        origin = self.columns[start] + aim
        worth, at = self.worth, self.columns
        return max(range(first, last + 1), key=lambda offset: worth[offset] - abs(at[offset] - origin))

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


def _worth(text: str, joints: AbstractSet[int]) -> list[int]:
    kinds = [_kind(character) for character in text]
    worth, mark, is_wide_mark = [_TORN], 0, False
    for offset in range(1, len(text)):
        before, after = kinds[offset - 1], kinds[offset]
        if before is _Kind.STOP or before is _Kind.PAUSE:
            mark = max(mark, SENTENCE if before is _Kind.STOP else CLAUSE)
            is_wide_mark = columns_of(text[offset - 1]) > 1 or text[offset - 1] in "…—"
        elif before is not _Kind.CLOSE and before is not _Kind.SPACE:
            mark = 0
        is_wide = columns_of(text[offset - 1]) > 1 or columns_of(text[offset]) > 1
        if after is _Kind.ACCENT or text[offset - 1] == _JOINER:
            worth.append(_TORN)
        elif after in _TRAILING or before is _Kind.OPEN:
            worth.append(_FORBIDDEN)
        elif before is _Kind.SPACE or (mark and (is_wide_mark or is_wide)):
            worth.append(mark or WORD)
        elif is_wide:
            worth.append(WORD if offset in joints else GLYPH)
        else:
            worth.append(_JOINT if offset in joints else _WITHIN)
    return [*worth, SENTENCE] if text else worth
