"""Coerce values of vendors' JSON to the types that a transcript needs.

Vendors send numbers as text, text as numbers, and null, "" or -1 for unknown. No function here raises: it returns None,
or an empty value, for a value that is not usable.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

LATEST_MS = 10**9  # eleven days: a greater value is no time within a recording
LONGEST_NUMBER = 32
LONGEST_ID = 256


def text(value: object) -> str:
    """Return text, or a whole number as text, without surrounding spaces; "" for any other value.

    Lone surrogates, which JSON can hold and UTF-8 cannot, become question marks.
    """
    if isinstance(value, str):
        # A printable text has no surrogates, and nearly all texts are printable.
        return (value if value.isprintable() else value.encode("utf-8", "replace").decode("utf-8")).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def identifier(value: object) -> str | None:
    """Return a vendor's task id as opaque text; None if it is empty, 0, too long or has control characters."""
    found = text(value)
    return found if found not in ("", "0") and len(found) <= LONGEST_ID and found.isprintable() else None


def milliseconds(value: object, unit_ms: int = 1, origin_ms: int = 0) -> int | None:
    """Return a time in whole milliseconds from 0 to LATEST_MS; None for any other value.

    Args:
        value: a number, or its decimal text.
        unit_ms: milliseconds per unit of the value, such as 1000 for seconds.
        origin_ms: the time at which the value counts as 0, from the start of the recording.
    """
    if type(value) is int and unit_ms == 1:  # the usual case: five hours have 150,000 of them
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
    """Return the start and end of each item in milliseconds, None where unknown.

    Some JSON encoders omit zeros. So a missing start counts as 0 if the item has an end and no earlier item began later
    than 0.

    Args:
        items: in order of time.
        start: names of the start's field, of which the first with a value counts.
        end: names of the end's field, likewise.
        earliest_ms: when the first item can begin; None if unknown, and then no missing start counts as 0.
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
    """Return a confidence from 0 to 1, given as a number or text; None for any other value."""
    number = _number(value)
    return float(number) if number is not None and 0 <= number <= 1 else None


def _number(value: object) -> int | Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    number = value if isinstance(value, int) else _decimal(str(value))
    return number if -LATEST_MS <= number <= LATEST_MS else None


def _decimal(written: str) -> Decimal:
    """Return a number from its text; infinity for another text, or one that is too long."""
    try:
        number = Decimal(written if len(written) <= LONGEST_NUMBER else "Infinity")
    except ArithmeticError:
        return Decimal("Infinity")
    return Decimal("Infinity") if number.is_nan() else number


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the JSON objects of a list, without other elements; an empty list for any other value."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def first(record: Mapping[str, Any], *names: str) -> Any:
    """Return the value of the first name that has one; null and "" do not count."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None
