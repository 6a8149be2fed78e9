"""Run actions after an answer was sent: a few daemon threads that run each at its time."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

LOG = logging.getLogger(__name__)

Action = Callable[[], None]


class Scheduler(Protocol):
    """Runs actions now or later, from `start` to `stop`."""

    def start(self) -> None:
        """Begin to run actions."""

    def stop(self) -> None:
        """Run no further action, and end every pause."""

    def after(self, delay_s: float, action: Action) -> None:
        """Run `action` once, `delay_s` seconds from now (0: at once)."""

    def pause(self, duration_s: float) -> None:
        """Hold the caller for a while, or until `stop`."""


class Background:
    """A pool of threads that runs actions now or later; `stop` drops the waiting ones."""

    def __init__(self, name: str, workers: int = 8) -> None:
        self._wakeup = threading.Condition()
        self._waiting: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        with self._wakeup:
            self._wakeup.notify_all()

    def after(self, delay_s: float, action: Action) -> None:
        """Run `action` once, `delay_s` seconds from now (0: at once), in another thread."""
        with self._wakeup:
            heapq.heappush(self._waiting, (time.monotonic() + delay_s, next(self._order), action))
            self._wakeup.notify()

    def pause(self, duration_s: float) -> None:
        """Hold the calling thread for a while, or until the pool stops."""
        self._stopped.wait(duration_s)

    def _work(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            except Exception:  # a worker survives errors of its actions; vendors handle the errors of tasks themselves
                LOG.exception("background action failed")

    def _next(self) -> Action | None:
        with self._wakeup:
            while not self._stopped.is_set():
                now = time.monotonic()
                if self._waiting and self._waiting[0][0] <= now:
                    return heapq.heappop(self._waiting)[2]
                self._wakeup.wait(self._waiting[0][0] - now if self._waiting else None)
        return None
