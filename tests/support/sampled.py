"""What `make test` runs of a test that holds for every vendor or example alike; `make test-all` runs all of it."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import settings

from asrcore.vendors.registry import VENDORS

EXHAUSTIVE = pytest.mark.exhaustive
# The registry's first vendor for each set of completion modes.
SAMPLE = frozenset({vendor.completion_modes: name for name, vendor in reversed(VENDORS.items())}.values())


def each_vendor(among: Iterable[str] = VENDORS) -> list[Any]:
    """Return every vendor as a parameter; those outside the sample are marked exhaustive."""
    return [name if name in SAMPLE else exhaustive(name) for name in among]


def each_value_once(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Any]:
    """Return every pair of two sets of named values; marked exhaustive, but for as many as show each value once."""
    longest = max(len(first), len(second))
    shown = {(number % len(first), number % len(second)) for number in range(longest)}
    return [
        pytest.param(one, other, id=f"{name}-{with_name}", marks=() if (row, column) in shown else EXHAUSTIVE)
        for row, (name, one) in enumerate(first.items())
        for column, (with_name, other) in enumerate(second.items())
    ]


def exhaustive(*values: Any, id: str | None = None) -> Any:
    """Return a parameter that `make test` leaves out."""
    return pytest.param(*values, id=id, marks=EXHAUSTIVE)


def vendors_of_this_run() -> list[str]:
    """Return the sample in `make test`, every vendor in `make test-all`; for a test that runs over all at once."""
    return [name for name in VENDORS if name in SAMPLE or examples(100) == 100]


def examples(most: int) -> int:
    """Return how many examples of a property are run, of as many as `make test-all` has."""
    return most * settings.default.max_examples // 100
