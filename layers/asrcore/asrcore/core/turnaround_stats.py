"""A vendor's usual turnaround, computed from the jobs that it completed.

Only sums are kept, for each doubling of the recording's length, so that any number of writers can add to them at once.
Turnarounds are summed as speeds: the mean of speeds is little moved by one job in fifty that stood in a queue for
hours, as the mean of turnarounds is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

BUCKETS = 15  # doublings of a second: the last one begins at 4.5 hours and holds all that is longer
ENOUGH = 5  # turnarounds in a bucket, below which it has no usual turnaround
SPEED_UNIT = 1_000_000  # speeds are whole numbers: millionths of a job a second


@dataclass(frozen=True)
class TurnaroundSum:
    """Completed jobs of similar length: how many, and the sum of their speeds."""

    count: int = 0
    speed: int = 0

    def __add__(self, other: "TurnaroundSum") -> "TurnaroundSum":
        return TurnaroundSum(self.count + other.count, self.speed + other.speed)


def duration_bucket(audio_s: float) -> int:
    """Return the bucket of a recording's length, from 0."""
    return min(BUCKETS - 1, math.floor(math.log2(max(1.0, audio_s))))


def turnaround_sum(turnaround_s: float) -> TurnaroundSum:
    """Return the sum for one job. A turnaround counts as a second at least, a day at most."""
    return TurnaroundSum(1, round(SPEED_UNIT / min(86_400.0, max(1.0, turnaround_s))))


def typical_s(sums: Mapping[int, TurnaroundSum], audio_s: float) -> float | None:
    """Return the usual turnaround in seconds for a recording's length; None with fewer than ENOUGH completed jobs.

    sums: by bucket.  It is interpolated towards a neighbouring bucket that is known, on logarithmic scales.
    """
    own = duration_bucket(audio_s)
    place = math.log2(max(1.0, audio_s)) - 0.5  # a bucket's middle is at its number
    other = own - 1 if place < own else own + 1
    own_s, other_s = (_mean_s(sums.get(each, TurnaroundSum())) for each in (own, other))
    if own_s is None or other_s is None:
        return own_s
    share = abs(place - own)
    return float(own_s ** (1 - share) * other_s**share)


def _mean_s(held: TurnaroundSum) -> float | None:
    """Return the turnaround at the mean speed; None for too few jobs."""
    return SPEED_UNIT * held.count / held.speed if held.count >= ENOUGH else None
