"""Shorten the waits of the local stack: the one setting that makes tests quick. For development only.

`LocalStack(speed=20)` divides these by 20: Step Functions' waits before a query and before a recovery, its pauses
between the retries of a task, Lambda's pauses between the attempts of an asynchronous event, and the AWS SDK's between
those of a function's request. What a function, a vendor or a reader compares with the time of day keeps its length:
rate-limit slots and the pause before a submission is repeated (SubmitFunction would return to the wait until the moment
has come), callback patience, time limits, schedules, the times in rows.
"""

from dataclasses import dataclass

# Waits whose end the next function compares with the time of day.
REAL_WAITS = frozenset({"WaitToSubmit"})


@dataclass(frozen=True)
class WaitClock:
    """Converts the waits of AWS to those of a local stack. Raises ValueError for a speed below 1."""

    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.speed < 1:
            raise ValueError(f"the speed of a local stack is 1 or more, not {self.speed}")

    def wait_s(self, state: str, seconds: float) -> float:
        """Return the seconds for which the Wait state called `state` waits here."""
        return seconds if state in REAL_WAITS else self.pause_s(seconds)

    def pause_s(self, seconds: float) -> float:
        """Return the seconds between two attempts here."""
        return seconds / self.speed
