"""The faults of a point, which is one effect of a process on AWS or a vendor."""

from dataclasses import dataclass
from enum import StrEnum


class Died(BaseException):
    """The process was killed. No `except Exception` of the layer catches it, as with a real killed process."""


class Kind(StrEnum):
    """The fault of a point, instead of the effect and its response."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    REFUSED = "refused"  # throttled or not reached: no effect, an error
    LOST = "answer lost"  # the effect happened, the caller sees a time-out
    REPEATED = "repeated"  # the response was lost inside the SDK, which repeats the request: the effect happens twice
    BROKEN = "answered 503"  # by the vendor: no effect, and an unusable reply
    DELAYED = "delayed"  # due calls run first
    DELAYED_LONG = "delayed long"  # longer than most functions may run


DELAYS_S = {Kind.DELAYED: 15.0, Kind.DELAYED_LONG: 100.0}


class Effect(StrEnum):
    """The kinds of effects, by their possible faults."""

    READ = "read"  # from AWS: a read without an effect
    WRITE = "write"  # to AWS, by an SDK that repeats requests
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
    """One effect: its number in the schedule, time (s), invocation, target and fault.

    path: the calls in the layer that lead to it, in a run without faults.
    """

    number: int
    at_s: float
    actor: str
    what: str
    effect: Effect
    fault: Kind | None = None
    path: tuple[str, ...] = ()
