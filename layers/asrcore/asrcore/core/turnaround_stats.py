"""How long a vendor usually takes, told from the jobs that it completed.

Kept are sums only, for each doubling of the recording's length, so that any number of writers can add to them at once.
Turnarounds are summed as speeds: the mean of speeds is little moved by one job in fifty that stood in a queue for
hours, as the mean of turnarounds is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

BUCKETS = 15  # doublings of a second: the last one begins at 4.5 hours and holds all that is longer
ENOUGH = 5  # turnarounds in a band, below which it tells nothing
SPEED_UNIT = 1_000_000  # speeds are whole numbers: millionths of a job a second


@dataclass(frozen=True)
class TurnaroundSum:
    """Completed jobs of similar length: how many, and the sum of their speeds."""

    count: int = 0
    speed: int = 0

    def __add__(self, other: "TurnaroundSum") -> "TurnaroundSum":
        return TurnaroundSum(self.count + other.count, self.speed + other.speed)


def duration_bucket(audio_s: float) -> int:
    """The band of a recording's length, from 0."""
    return min(BUCKETS - 1, math.floor(math.log2(max(1.0, audio_s))))


def turnaround_sum(turnaround_s: float) -> TurnaroundSum:
    """One job's. A turnaround below a second counts as one, one above a day as a day."""
    return TurnaroundSum(1, round(SPEED_UNIT / min(86_400.0, max(1.0, turnaround_s))))


def typical_s(tallies: Mapping[int, TurnaroundSum], audio_s: float) -> float | None:
    """The usual turnaround for a recording's length, in seconds; None where too few like it were completed.

    tallies: by band.  Towards a neighbouring band that is known it is interpolated, on logarithmic scales.
    """
    own = duration_bucket(audio_s)
    place = math.log2(max(1.0, audio_s)) - 0.5  # a band's middle is at its number
    other = own - 1 if place < own else own + 1
    own_s, other_s = (_mean_s(tallies.get(each, TurnaroundSum())) for each in (own, other))
    if own_s is None or other_s is None:
        return own_s
    share = abs(place - own)
    return float(own_s ** (1 - share) * other_s**share)


def _mean_s(held: TurnaroundSum) -> float | None:
    """The turnaround at the mean speed; None where that is of too few."""
    return SPEED_UNIT * held.count / held.speed if held.count >= ENOUGH else None
