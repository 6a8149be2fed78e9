"""A figure, and the one table of all of them.

A figure with an aim is a ratio, to a limit that is stated or to a peer that was measured in the same run, and at most
`aim`. Every other figure is information.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

LINES = 40


class Figure(NamedTuple):
    """One figure. aim: what it may be at most; None for information."""

    what: str
    against: str
    value: float
    unit: str = "x"
    aim: float | None = None

    @property
    def is_missed(self) -> bool:
        return self.aim is not None and self.value > self.aim

    @property
    def verdict(self) -> str:
        """As the tables have it: `missed`, `met` or nothing."""
        return "" if self.aim is None else "missed" if self.is_missed else "met"


def table(figures: Sequence[Figure], most: int = LINES) -> Iterator[str]:
    """Yield at most so many lines: a header, what is missed, what is met, information as far as there is room."""
    aimed = sorted(
        (each for each in figures if each.aim is not None), key=lambda each: (not each.is_missed, -_used(each))
    )
    shown = [*aimed, *(each for each in figures if each.aim is None)][: most - 2]
    yield f"{'':<58} {'against':<42} {'measured':>9} {'':<4} {'at most':>8}"
    for each in shown:
        aim = "" if each.aim is None else f"{each.aim:g}"
        verdict = "  MISSED" if each.is_missed else ""
        yield f"{each.what:<58} {each.against:<42} {each.value:>9.3f} {each.unit:<4} {aim:>8}{verdict}"
    missed = sum(each.is_missed for each in figures)
    yield f"{len(figures)} figures, {len(aimed)} with an aim, {missed} missed (all: benchmarks/results.json)"


def _used(figure: Figure) -> float:
    """How much of its aim a figure takes up."""
    return figure.value / figure.aim if figure.aim else 0.0


def read(results: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """Return the figures as `results.json` keeps them."""
    return [Figure(**each) for each in results]
