"""What can go wrong at a point: at every effect that a process has on the world outside it."""

from dataclasses import dataclass
from enum import StrEnum


class Died(BaseException):
    """The process is gone. No `except Exception` of the layer holds it, as none would hold a killed process."""


class Kind(StrEnum):
    """What happens at a point instead of the effect and its answer."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    REFUSED = "refused"  # throttled or not reached: no effect, an error
    LOST = "answer lost"  # the effect happened, the caller sees a time-out
    REPEATED = "repeated"  # the answer got lost inside the SDK, which asks again: the effect happens twice
    BROKEN = "answered 503"  # by the vendor: no effect, no sense in the reply
    DELAYED = "delayed"  # what is due meanwhile happens first
    DELAYED_LONG = "delayed long"  # longer than most functions may run


DELAYS_S = {Kind.DELAYED: 15.0, Kind.DELAYED_LONG: 100.0}


class Effect(StrEnum):
    """The kinds of effects, by what can go wrong with them."""

    READ = "read"  # of AWS: whether it happened makes no difference
    WRITE = "write"  # to AWS, by an SDK that asks again
    VENDOR = "vendor"  # an HTTP exchange with a vendor, sent once


APPLICABLE = {
    Effect.READ: (Kind.DIES_BEFORE, Kind.REFUSED, Kind.DELAYED, Kind.DELAYED_LONG),
    Effect.WRITE: (
        Kind.DIES_BEFORE,
        Kind.DIES_AFTER,
        Kind.REFUSED,
        Kind.LOST,
        Kind.REPEATED,
        Kind.DELAYED,
        Kind.DELAYED_LONG,
    ),
    Effect.VENDOR: (
        Kind.DIES_BEFORE,
        Kind.DIES_AFTER,
        Kind.REFUSED,
        Kind.LOST,
        Kind.BROKEN,
        Kind.DELAYED,
        Kind.DELAYED_LONG,
    ),
}


@dataclass(frozen=True)
class Point:
    """One effect, as it came up: the how-manieth of the schedule, when (s), by whom, on what, and what befell it."""

    number: int
    at_s: float
    who: str
    what: str
    effect: Effect
    fault: Kind | None = None
