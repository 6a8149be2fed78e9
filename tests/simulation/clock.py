"""Simulated time: a queue of timed calls. Nothing runs concurrently; interleaved calls are nested."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """The simulated time in seconds since START, and its timed calls.

    `errands` counts the calls that still matter when every job has ended: a redelivery, a callback. Timers that only
    guard another call (`timer=True`) do not keep the simulation running.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.errands = 0
        self._due: list[tuple[float, int, bool, Callable[[], None]]] = []
        self._order = count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def after(self, wait_s: float, action: Callable[[], None], *, timer: bool = False) -> None:
        """Schedule a call; calls of the same time run in the order in which they were scheduled."""
        self.errands += not timer
        heapq.heappush(self._due, (self.now_s + wait_s, next(self._order), timer, action))

    def step(self) -> None:
        """Run the next call."""
        due_s, _, timer, action = heapq.heappop(self._due)
        self.errands -= not timer
        self.now_s = max(self.now_s, due_s)
        action()

    def pass_time(self, seconds: float) -> None:
        """Advance the time, and run all calls that are due meanwhile."""
        until_s = self.now_s + seconds
        while self._due and self._due[0][0] <= until_s:
            self.step()
        self.now_s = max(self.now_s, until_s)
