"""Tolerant reading of vendors' values: whatever JSON can hold goes in, a usable value or none comes out.

Nothing here raises. Vendors send numbers as text, text as numbers, and null, "" or -1 for what they do not know.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

LATEST_MS = 10**9  # eleven days: what lies beyond is no time within a recording
LONGEST_NUMBER = 32
LONGEST_ID = 256


def text(value: object) -> str:
    """Text, or a whole number as text, without surrounding blanks; "" for everything else.

    Halves of surrogate pairs, which JSON may carry and UTF-8 may not, become question marks.
    """
    if isinstance(value, str):
        # A printable text has no halves, and nearly all are.
        return (value if value.isprintable() else value.encode("utf-8", "replace").decode("utf-8")).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def identifier(value: object) -> str | None:
    """A vendor's id for a task, as opaque text; None for nothing, 0, and what is too long or has control characters."""
    found = text(value)
    return found if found not in ("", "0") and len(found) <= LONGEST_ID and found.isprintable() else None


def milliseconds(value: object, unit_ms: int = 1, origin_ms: int = 0) -> int | None:
    """A time given as a number or as its decimal text, in whole milliseconds from 0 to LATEST_MS; else None.

    unit_ms: 1000 for seconds.  origin_ms: what it is counted from, where that is not the recording's start.
    """
    if type(value) is int and unit_ms == 1:  # as nearly all come, of which five hours have 150,000
        return value + origin_ms if 0 <= value <= LATEST_MS - origin_ms else None
    number = _number(value)
    if number is None or not 0 <= number * unit_ms <= LATEST_MS - origin_ms:
        return None
    return round(number * unit_ms) + origin_ms


def spans(
    items: Sequence[Mapping[str, Any]],
    start: Sequence[str],
    end: Sequence[str],
    *,
    earliest_ms: int | None,
) -> list[tuple[int | None, int | None]]:
    """Return start and end of items in order of time, each in milliseconds or None.

    Some JSON encoders leave out zeros. A start that is not there at all counts as 0 where the item has an end and
    nothing before it began later than 0.

    start, end: names, of which the first that has a value counts.  earliest_ms: when the first item can begin; None
    where that is unknown, and nothing counts as 0.
    """
    found = []
    latest_ms = earliest_ms
    for item in items:
        start_ms, end_ms = milliseconds(first(item, *start)), milliseconds(first(item, *end))
        if start_ms is None and latest_ms == 0 and end_ms is not None and item.keys().isdisjoint(start):
            start_ms = 0
        if start_ms and latest_ms is not None:
            latest_ms = max(latest_ms, start_ms)
        found.append((start_ms, end_ms))
    return found


def confidence(value: object) -> float | None:
    """A confidence from 0 to 1, given as a number or text."""
    number = _number(value)
    return float(number) if number is not None and 0 <= number <= 1 else None


def _number(value: object) -> int | Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    number = value if isinstance(value, int) else _decimal(str(value))
    return number if -LATEST_MS <= number <= LATEST_MS else None


def _decimal(written: str) -> Decimal:
    """A number from its text; infinity for what is none, or too long to be meant."""
    try:
        number = Decimal(written if len(written) <= LONGEST_NUMBER else "Infinity")
    except ArithmeticError:
        return Decimal("Infinity")
    return Decimal("Infinity") if number.is_nan() else number


def mapping(value: object) -> Mapping[str, Any]:
    """The JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; other elements are left out."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def first(record: Mapping[str, Any], *names: str) -> Any:
    """The value under the first of the names that has one; null and "" are none."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None
