"""How far long work has come, told beside the results."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")
_TERMINAL_EVERY_S = 0.5
_LOG_EVERY_S = 10.0


class ProgressReporter:
    """Counts what passes: on a terminal one line that is rewritten, elsewhere a line every ten seconds.

    Work that is done sooner than the first of these says nothing. clock: seconds, never backwards.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()

    def track(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """The items as they are. what: what they are, in the plural: `objects looked at`."""
        start = told_at = self._clock()
        every_s = _TERMINAL_EVERY_S if self._terminal else _LOG_EVERY_S
        number = 0
        for number, item in enumerate(items, start=1):
            yield item
            now = self._clock()
            if now - told_at >= every_s:
                told_at = now
                self._tell(what, number, now - start)
        if told_at != start:
            self._tell(what, number, self._clock() - start)
            if self._terminal:
                self._stream.write("\n")

    def _tell(self, what: str, number: int, elapsed_s: float) -> None:
        line = f"{number} {what}, {number / elapsed_s:.0f}/s"
        self._stream.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        self._stream.flush()
