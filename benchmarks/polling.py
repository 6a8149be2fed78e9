"""How many queries a job needs, and how late its result is seen, under our schedule and under others.

A turnaround is drawn from what vendors publish (Tencent recording recognition: 1 to 3 minutes for an hour; abcpen long
ASR: a table by length in each of two documents, and 5 hours at most; Volcengine AUC: "minutes", taken as Tencent's).
Nothing here waits: a schedule is a list of times, and a turnaround falls between two of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from asrcore.core.polling import RESULT_DEADLINE_S, next_delay
from asrcore.core.turnaround_stats import TurnaroundSum, duration_bucket, turnaround_sum, typical_s

HOUR_S = 3600.0
SHORTEST_S, LONGEST_S = 10.0, 5 * HOUR_S
LENGTHS = 48  # equally likely on a logarithmic scale
TURNAROUNDS = 20_000  # for each length
OUTER_LIMIT_S = 5 * HOUR_S
IN_A_QUEUE = 0.02
SPREAD = 0.4  # of the turnaround's logarithm: four fifths of the jobs within the factor 3 of "1 to 3 minutes"
LEAST_S = 20.0  # assumed for the shortest recording, as no vendor publishes it: fetching it, finding a free engine
LEARNED_FROM = (100, 1000)  # completed jobs of each vendor
SEED = 20_260_102

Times = NDArray[np.float64]
Schedule = Callable[[float], Times]  # from a recording's length to the times of the questions, after submission
Median = Callable[[float], float]


def proportional(length_s: float, least_s: float = LEAST_S) -> float:
    """Return two minutes for an hour, in proportion."""
    return max(least_s, length_s / 30)


def by_document_a(length_s: float) -> float:
    """Return the abcpen table of "below 2 minutes", then 2 to 3 minutes for an hour."""
    return 60.0 if length_s < HOUR_S else 150.0 * length_s / HOUR_S


def by_document_b(length_s: float) -> float:
    """Return the middles of the other abcpen table: below 3, 3 to 6, 6 to 10, 10 to 20 minutes."""
    steps = ((600.0, 90.0), (1800.0, 270.0), (HOUR_S, 480.0))
    return next((median for below, median in steps if length_s < below), 900.0)


@dataclass(frozen=True)
class World:
    """A distribution of turnarounds. medians: by vendor and document, with its share of the jobs."""

    medians: Mapping[str, tuple[Median, float]]

    def draw(self, length_s: float, random: np.random.Generator) -> Times:
        """Draw sorted turnarounds, in seconds, of recordings of one length."""
        return np.sort(np.concatenate(self.draw_apart(length_s, random)))

    def draw_apart(self, length_s: float, random: np.random.Generator) -> tuple[Times, Times]:
        """Draw the same in two parts: without and with a wait in the vendor's queue."""
        shares = [share for _, share in self.medians.values()]
        counts = random.multinomial(TURNAROUNDS, shares)
        medians = np.repeat([median(length_s) for median, _ in self.medians.values()], counts)
        usual = np.minimum(OUTER_LIMIT_S, random.lognormal(np.log(medians), SPREAD))
        queued = random.random(TURNAROUNDS) < IN_A_QUEUE
        in_a_queue = random.uniform(usual, OUTER_LIMIT_S)
        return np.sort(usual[~queued]), np.sort(in_a_queue[queued])


PUBLISHED = World(
    {
        "tencent": (proportional, 1 / 3),
        "volcengine": (proportional, 1 / 3),
        "abcpen A": (by_document_a, 1 / 6),
        "abcpen B": (by_document_b, 1 / 6),
    }
)


@dataclass(frozen=True)
class ScheduleResult:
    """A schedule's result over all jobs. late: the mean added latency as a share of the job's turnaround."""

    queries: float
    late: float
    most_queries: int
    given_up: float


Jobs = Sequence[tuple[float, Times]]


def draw(world: World) -> Jobs:
    """Draw the turnarounds of every length."""
    random = np.random.default_rng(SEED)
    steps = (np.arange(LENGTHS) + 0.5) / LENGTHS
    lengths = SHORTEST_S * (LONGEST_S / SHORTEST_S) ** steps
    return [(float(length), world.draw(float(length), random)) for length in lengths]


def evaluate(schedule: Schedule, jobs: Jobs) -> ScheduleResult:
    """Return a schedule's result. A job that it gives up counts its queries until then, and no latency."""
    queries, late, most, given_up = [], [], 0, []
    for length_s, turnarounds in jobs:
        times = schedule(length_s)
        index = np.searchsorted(times, turnarounds)
        seen = index < len(times)
        queries.append(np.minimum(index + 1, len(times)).mean())
        late.append((times[index[seen]] / turnarounds[seen] - 1).sum() / len(turnarounds))
        most = max(most, int(min(index[-1] + 1, len(times))))
        given_up.append(1 - seen.mean())
    return ScheduleResult(float(np.mean(queries)), float(np.mean(late)), most, float(np.mean(given_up)))


def every(interval_s: float, until_s: float = RESULT_DEADLINE_S) -> Schedule:
    """Return a schedule with a fixed interval."""
    times = np.arange(interval_s, until_s + interval_s, interval_s)
    return lambda _length_s: times


def ours(length_s: float, typical_s: int | None = None) -> Times:
    """Return the schedule of `asrcore.core.polling`, in whole seconds as the state machine waits."""
    times: list[float] = []
    elapsed_s = 0.0
    while elapsed_s < RESULT_DEADLINE_S:
        elapsed_s += math.ceil(next_delay(length_s, elapsed_s, len(times), typical_s))
        times.append(elapsed_s)
    return np.array(times)


def best(jobs: Jobs, price: float) -> Schedule:
    """Return the schedule that makes `queries + price * late` least for these turnarounds, by dynamic programming.

    It has the distribution of turnarounds for every length: no schedule by length alone can be better.
    """
    found = {length_s: _best_times(turnarounds, price) for length_s, turnarounds in jobs}
    return lambda length_s: found[length_s]


def _best_times(turnarounds: Times, price: float) -> Times:
    grid = _grid(float(turnarounds[-1]))
    below = np.searchsorted(turnarounds, grid, side="right")
    share = below / len(turnarounds)
    inverse = np.concatenate([[0.0], np.cumsum(1 / turnarounds)])[below] / len(turnarounds)
    cost = np.zeros(len(grid))
    follower = np.zeros(len(grid), dtype=int)
    for here in range(len(grid) - 2, -1, -1):
        later = slice(here + 1, None)
        late = grid[later] * (inverse[later] - inverse[here]) - (share[later] - share[here])
        total = (1 - share[here]) + price * late + cost[later]
        follower[here] = here + 1 + int(np.argmin(total))
        cost[here] = float(np.min(total))
    times, here = [], 0
    while here < len(grid) - 1:
        here = int(follower[here])
        times.append(float(grid[here]))
    return np.array(times)


def _grid(end_s: float) -> Times:
    """Return whole seconds, from 100 s on in steps of 1 %."""
    steps = 100 * 1.01 ** np.arange(math.ceil(math.log(max(1.0, end_s / 100)) / math.log(1.01)) + 1)
    return np.unique(np.concatenate([np.arange(0.0, 100.0), np.floor(steps), [math.ceil(end_s)]]))


def best_at(late: float, jobs: Jobs) -> ScheduleResult:
    """Return the best schedule among those that add `late` or less."""
    low, high = 20.0, 500.0
    for _ in range(10):
        price = math.sqrt(low * high)
        low, high = (low, price) if evaluate(best(jobs, price), jobs).late <= late else (price, high)
    return evaluate(best(jobs, high), jobs)


def with_history(world: World, completed: int, random: np.random.Generator) -> Schedule:
    """Return our schedule for a vendor after so many completed jobs, each recorded when a query found its result."""
    tallies: dict[int, TurnaroundSum] = {}

    def known(length_s: float) -> int | None:
        usual_s = typical_s(tallies, length_s)
        return None if usual_s is None else max(1, round(usual_s))

    for length_s in SHORTEST_S * (LONGEST_S / SHORTEST_S) ** random.random(completed):
        turnaround_s = random.choice(world.draw(float(length_s), random))
        asked = ours(float(length_s), known(float(length_s)))
        place = duration_bucket(float(length_s))
        tallies[place] = tallies.get(place, TurnaroundSum()) + turnaround_sum(
            float(asked[np.searchsorted(asked, turnaround_s)])
        )
    return lambda length_s: ours(length_s, known(length_s))


def _mean(outcomes: Sequence[tuple[ScheduleResult, float]]) -> ScheduleResult:
    """Return the mean over several distributions by share."""
    return ScheduleResult(
        sum(share * outcome.queries for outcome, share in outcomes),
        sum(share * outcome.late for outcome, share in outcomes),
        max(outcome.most_queries for outcome, _ in outcomes),
        sum(share * outcome.given_up for outcome, share in outcomes),
    )


def measure() -> dict[str, dict[str, float]]:
    """Return every schedule's result, by its name."""
    jobs = draw(PUBLISHED)
    own = evaluate(ours, jobs)
    known = {completed: learned(completed) for completed in LEARNED_FROM}
    as_late = known[LEARNED_FROM[-1]].late
    outcomes = {
        "asrcore": own,
        "best possible, as late": best_at(own.late, jobs),
        "every 2 s": evaluate(every(2), jobs),
        "every 3 s": evaluate(every(3), jobs),
        "every 2 s, giving up at 300 s": evaluate(every(2, 300), jobs),
        **{learned_from(completed): outcome for completed, outcome in known.items()},
        "best possible for a known vendor, as late": _mean(
            [(best_at(as_late, draw(world)), share) for world, share in _alone()]
        ),
    }
    return {name: asdict(outcome) for name, outcome in outcomes.items()}


def learned_from(completed: int) -> str:
    """Return the name of our schedule after so many jobs of each vendor."""
    return f"asrcore, {completed} jobs of each vendor known"


def learned(completed: int) -> ScheduleResult:
    """Return our schedule's result after so many jobs of each vendor."""
    random = np.random.default_rng(SEED)
    return _mean([(evaluate(with_history(world, completed, random), draw(world)), share) for world, share in _alone()])


def _alone() -> list[tuple[World, float]]:
    """Return each vendor's distribution, with its share of the jobs."""
    return [(World({name: (median, 1.0)}), share) for name, (median, share) in PUBLISHED.medians.items()]
