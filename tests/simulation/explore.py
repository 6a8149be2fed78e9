"""Choose the schedules: every single fault of every scenario, and random ones with several faults."""

import random
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from asrcore.core.polling import CALLBACK_DEADLINE_S
from asrcore.core.vendor import SHORT_CALL_S, Completion
from tests.simulation.fake_vendors import PROFILES
from tests.simulation.faults import APPLICABLE, Effect, Kind, Point
from tests.simulation.invariants import violations
from tests.simulation.schedule import Schedule
from tests.simulation.world import World

Name = TypeVar("Name", bound=Hashable)
Pair = tuple[str, tuple[str, ...], Kind]  # a function, the lines that lead to one of its effects, a kind of fault

LOG_LINES = 120
EVERY_NTH = 23  # of a scenario's single faults, where others of its kind are run
HELPER = "toy-query"  # the next vendor of the chain, if there is one


@dataclass
class Counts:
    """The numbers of schedules and of fault points that were run."""

    schedules: int = 0
    points: int = 0

    def run_all(self, schedules: Iterable[Schedule]) -> None:
        """Run schedules. Raises AssertionError with the log of the first one that broke an invariant."""
        for schedule in schedules:
            report = self.run(schedule)
            assert not report, report

    def run(self, schedule: Schedule) -> str:
        """Run one schedule; return the log of its fewest sufficient faults if it broke an invariant, else None."""
        found = _faultless(schedule.to_json()) if not schedule.faults else _outcome(schedule)
        self.schedules += 1
        self.points += sum(point.fault is not None for point in found.points)
        return _report(_shrunk(schedule)) if found.violations else ""


@dataclass(frozen=True)
class _Outcome:
    """What remains of a run."""

    points: tuple[Point, ...]
    violations: tuple[str, ...]


def _outcome(schedule: Schedule) -> _Outcome:
    world = World(schedule).run()
    return _Outcome(tuple(world.points), tuple(violations(world)))


@cache
def _faultless(schedule: str) -> _Outcome:
    """Run a schedule without faults, in JSON, once: tests take its points, and others check its invariants."""
    return _outcome(Schedule.from_json(schedule))


def _report(schedule: Schedule) -> str:
    world = World(schedule).run()
    return "\n".join(["", *violations(world), "", *world.log[-LOG_LINES:], "", schedule.to_json()])


def _shrunk(schedule: Schedule) -> Schedule:
    """Return a failing schedule without the faults that are not needed for the failure."""
    for number in schedule.faults:
        fewer = {point: kind for point, kind in schedule.faults.items() if point != number}
        if violations(World(smaller := replace(schedule, faults=fewer)).run()):
            return _shrunk(smaller)
    return schedule


def journeys(vendor: str) -> dict[str, Schedule]:
    """Return every scenario of a recording with a vendor without faults, by name."""
    plain = Schedule((vendor,))
    completion_modes = PROFILES[vendor].vendor.completion_modes
    has_execution = Completion.SYNC not in completion_modes or PROFILES[vendor].vendor.longest_call_s > SHORT_CALL_S
    found = {
        "plain": plain,
        "S3 tells twice at once": replace(plain, events=((0, 1), (0, 1))),
        "S3 tells again later": replace(plain, events=((0, 1), (40, 1))),
        "two versions": replace(plain, events=((0, 1), (1, 2))),
        "two versions, the newer first": replace(plain, events=((0, 2), (1, 1))),
        "two-step writer": replace(plain, events=((0, 1), (1, 2)), empty=(1,)),
        "two-step writer, S3 tells twice": replace(plain, events=((0, 1), (1, 2), (5, 1), (40, 1)), empty=(1,)),
        "two-step writer, the newer first": replace(plain, events=((0, 2), (1, 1)), empty=(1,)),
        "two-step writer, slow": replace(plain, events=((0, 1), (90, 2)), empty=(1,)),
        "three-step writer": replace(plain, events=((0, 1), (20, 2), (40, 3)), empty=(1, 2)),
        "empty": replace(plain, empty=(1,)),
        "refused for a while": replace(plain, script=("refuses:retry", "refuses:retry")),
        "refused for good, next vendor": replace(plain, vendors=_chain(vendor), script=("refuses:config",)),
        "converted": replace(plain, converts=True),
        "converted, S3 tells twice": replace(plain, converts=True, events=((0, 1), (20, 1))),
        "converted for the next vendor": replace(
            plain, converts=True, vendors=_chain(vendor), script=("refuses:config",)
        ),
        "converted while Lambda has no room": replace(plain, converts=True, throttled=((0, 60), (65, 600))),
        "same bytes again": replace(plain, events=((0, 1), (600, 2)), copies=(1, 2)),
        "same bytes at once": replace(plain, events=((0, 1), (1, 2)), copies=(1, 2)),
        "same bytes after others": replace(plain, events=((0, 1), (600, 2), (1200, 3)), copies=(1, 3)),
        "cancelled": replace(plain, ends=((5, "cancel"),)),
        "cancelled after its end": replace(plain, ends=((3600, "cancel"),)),
        "deleted": replace(plain, ends=((5, "delete"),)),
        "withdrawn with its version": replace(plain, ends=((5, "version"),)),
        "withdrawn by a delete marker": replace(plain, ends=((5, "marker"),)),
        "cancelled before the newer version": replace(plain, events=((0, 1), (20, 2)), ends=((5, "cancel"),)),
        "cancelled while refused": replace(plain, script=("refuses:retry",) * 3, ends=((15, "cancel"),)),
        "cancelled during the conversion": replace(plain, converts=True, ends=((5, "cancel"),)),
        "bad audio": replace(plain, script=("fails:bad_audio",)),
        "fails once": replace(plain, script=("fails:retry",)),
        "never accepted": replace(plain, script=("refuses:retry",) * 8),
        "Lambda has no room": replace(plain, throttled=((0, 60), (65, 600)), callbacks=(10, 700)),
    }
    if Completion.SYNC not in completion_modes:
        found |= {
            "fails, next vendor": replace(plain, vendors=_chain(vendor), script=("fails:config",)),
            "no result, then one": replace(plain, script=("never",)),
        }
    if has_execution:
        found |= {
            "execution deleted": replace(plain, strikes=((5, "DELETED"),)),
            "execution timed out": replace(plain, strikes=((5, "TIMED_OUT"),)),
            "execution timed out, event lost": replace(plain, strikes=((5, "TIMED_OUT"),), loses_end_events=True),
            "execution aborted": replace(plain, strikes=((5, "ABORTED"),)),
        }
    if Completion.CALLBACK in completion_modes:
        found |= {
            "callback twice": replace(plain, callbacks=(10, 10)),
            "callback before the answer": replace(plain, callbacks=(-1, 10)),
            "callback late": replace(plain, callbacks=(CALLBACK_DEADLINE_S + 300,)),
            "no callback": replace(plain, callbacks=()),
            "callback of an earlier attempt": replace(plain, script=("fails:retry",), callbacks=(10, 60)),
        }
    return found


def budget_journeys(vendor: str) -> dict[str, Schedule]:
    """Return scenarios with a budget for one recording per day, by name."""
    one = Schedule((vendor,), budget=1)
    two = replace(one, events=((0, 1), (1, 2)))
    waits = replace(one, events=((0, 2), (1, 1)))  # version 1 waits
    return {
        "within the budget": one,
        "within the budget, S3 tells twice at once": replace(one, events=((0, 1), (0, 1))),
        "within the budget, refused for a while": replace(one, script=("refuses:retry",)),
        "within the budget, next vendor": replace(one, vendors=_chain(vendor), script=("refuses:config",)),
        "within the budget, cancelled": replace(one, ends=((5, "cancel"),)),
        "within the budget, deleted": replace(one, ends=((5, "delete"),)),
        "within the budget, fails": replace(one, script=("fails:bad_audio",)),
        "within the uploader's budget": replace(one, budget=0, uploader_budget=1),
        "beyond the uploader's budget": replace(two, budget=0, uploader_budget=1),
        "beyond the uploader's budget, within the stack's": replace(two, budget=2, uploader_budget=1),
        "beyond the budget": two,
        "beyond the budget, the first fails": replace(two, script=("fails:bad_audio",)),
        "beyond the budget, raised": replace(two, raised=(3700,)),
        "beyond the budget, converted": replace(two, converts=True),
        "beyond the budget, cancelled": replace(waits, ends=((3600, "cancel"),)),
        "beyond the budget, deleted": replace(waits, ends=((3600, "delete"),)),
        "beyond the budget, withdrawn": replace(waits, ends=((3600, "version"),)),
        "beyond the budget, the execution is lost": replace(two, strikes=((3600, "DELETED"),)),
    }


def daily_limit_journeys(vendor: str) -> dict[str, Schedule]:
    """Return scenarios with a vendor that accepts some submissions per day, by name.

    Version 1 has a slot of the next day when it is ended early: that day counts one submission less, once.
    """
    waits = Schedule((vendor,), per_day=1, events=((0, 2), (1, 1)))
    two_wait = replace(waits, per_day=3, events=((0, 2), (1, 3), (2, 4), (3, 1), (4, 5)))  # versions 1 and 5
    return {
        "beyond the daily limit": waits,
        "beyond the daily limit, cancelled": replace(waits, ends=((3600, "cancel"),)),
        "beyond the daily limit, cancelled twice at once": replace(two_wait, ends=((3600, "cancel"), (3601, "cancel"))),
    }


def scenarios(vendors: Iterable[str]) -> dict[tuple[str, str], Schedule]:
    """Return the scenarios of vendors without faults, by vendor and name; those of a limit with one vendor."""
    every = {(vendor, name): each for vendor in vendors for name, each in journeys(vendor).items()}
    limits = budget_journeys(HELPER) | daily_limit_journeys(HELPER)
    return every | {(HELPER, name): each for name, each in limits.items()}


def covering(scenarios: Mapping[Name, Schedule]) -> dict[Name, list[Schedule]]:
    """Return as few schedules with one fault as have each kind of fault on each path to an effect.

    A path is the lines of the layer that lead to the effect. It counts once, of whichever scenario: of those that have
    it, the one with the fewest schedules so far.

    Args:
        scenarios: without faults, by name.

    Returns:
        The schedules by the name of their scenario, with every name.
    """
    found: dict[Pair, dict[Name, int]] = {}
    for name, scenario in scenarios.items():
        for pair, point in pairs(scenario):
            found.setdefault(pair, {}).setdefault(name, point.number)
    chosen: dict[Name, list[Schedule]] = {name: [] for name in scenarios}
    for pair, numbers in found.items():
        name = min(numbers, key=lambda each: len(chosen[each]))
        chosen[name].append(replace(scenarios[name], faults={numbers[name]: pair[2]}))
    return chosen


def pairs(journey: Schedule) -> Iterator[tuple[Pair, Point]]:
    """Yield every pair of a path to an effect and a kind of fault, with the point."""
    for point in significant(_faultless(journey.to_json()).points):
        for kind in APPLICABLE[point.effect]:
            yield (point.actor.split("#")[0], point.path, kind), point


def single_faults(journey: Schedule) -> Iterator[Schedule]:
    """Yield the scenario itself, then the scenario with each possible fault at each of its points."""
    yield journey
    for (_, _, kind), point in pairs(journey):
        yield replace(journey, faults={point.number: kind})


def significant(points: Iterable[Point]) -> Iterator[Point]:
    """Return the points at which a fault can have its own effect.

    Excluded are those of a sweep that only reads; of repeated invocations, as in polling, included are
    those of the first two and of the last.
    """
    for (function, _), alike in _by_shape(points).items():
        if function == "Sweep" and not any(point.effect is Effect.WRITE for point in alike[0]):
            continue
        for invocation in alike if len(alike) <= 3 else (*alike[:2], alike[-1]):
            yield from invocation


def _by_shape(points: Iterable[Point]) -> dict[tuple[str, tuple[str, ...]], list[list[Point]]]:
    """Return the invocations, each with its points, by function and by their effects."""
    invocations: dict[str, list[Point]] = {}
    for point in points:
        invocations.setdefault(point.actor, []).append(point)
    shapes: dict[tuple[str, tuple[str, ...]], list[list[Point]]] = {}
    for name, each in invocations.items():
        shapes.setdefault((name.split("#")[0], tuple(point.what for point in each)), []).append(each)
    return shapes


def random_schedule(vendors: Iterable[str], seed: int) -> Schedule:
    """Return a scenario with several faults; the same for the same seed."""
    chance = random.Random(seed)
    vendor = chance.choice(sorted(vendors))
    found = journeys(vendor) | budget_journeys(vendor) | daily_limit_journeys(vendor)
    journey = found[chance.choice(sorted(found))]
    count = chance.choice((2, 2, 3, 3, 4, 6, 10))
    reach = chance.choice((30, 60, 120))
    faults = {chance.randint(1, reach): chance.choice(list(Kind)) for _ in range(count)}
    return replace(journey, faults=faults, seed=seed)


def _chain(vendor: str) -> tuple[str, ...]:
    return (vendor, HELPER) if vendor != HELPER else (vendor, "toy-sync")
