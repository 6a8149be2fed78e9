"""Run the simulation for a time: `make chaos SEED=7 BUDGET_S=600`.

Single faults first, for half of the time at most, then random schedules from the seed on. Stops at the first schedule
that breaks an invariant, and prints its log and how to store the schedule.
"""

# ruff: noqa: T201 - a command

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, count

from tests.simulation.explore import Counts, journeys, random_schedule, single_faults
from tests.simulation.fake_vendors import PROFILES
from tests.simulation.schedule import Schedule


def main() -> int:
    """Run schedules until the time is over; return 1 if one broke an invariant."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first random schedule")
    parser.add_argument("--budget-s", type=float, default=60, help="seconds of work")
    asked = parser.parse_args()
    started_s, counts = time.monotonic(), Counts()

    def spent_s() -> float:
        return time.monotonic() - started_s

    for schedule in chain(
        _until(asked.budget_s / 2, _singles(), spent_s), (random_schedule(PROFILES, seed) for seed in count(asked.seed))
    ):
        if spent_s() >= asked.budget_s:
            break
        if report := counts.run(schedule):
            print(report, "Keep it: put the JSON above into tests/simulation/regressions/, named after the symptom.")
            return 1
    print(f"{counts.schedules} schedules, {counts.points} faults, nothing lost, nothing twice, nothing stuck")
    return 0


def _singles() -> Iterator[Schedule]:
    for vendor in PROFILES:
        for journey in journeys(vendor).values():
            yield from single_faults(journey)


def _until(limit_s: float, schedules: Iterator[Schedule], spent_s: Callable[[], float]) -> Iterator[Schedule]:
    for schedule in schedules:
        if spent_s() >= limit_s:
            return
        yield schedule


if __name__ == "__main__":
    sys.exit(main())
