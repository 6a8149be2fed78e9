"""The progress of long work, on standard error: a live line on a terminal, elsewhere a line every ten seconds."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from asrctl.output import console

T = TypeVar("T")
_LOG_EVERY_S = 10.0


class ProgressReporter:
    """Counts items. clock: seconds, never backwards."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def track(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items as they are. what: their name in the plural: `jobs read`."""
        return self._draw(what, items) if self._stream.isatty() else self._log(what, items)

    def _draw(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """Keep a line on the terminal while the work lasts."""
        columns = (SpinnerColumn(), TextColumn("{task.completed} {task.description}"), _Rate(), TimeElapsedColumn())
        with Progress(*columns, console=console(self._stream), transient=True) as drawn:
            yield from drawn.track(items, description=what)

    def _log(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """Write a line every ten seconds and at the end; work that ends sooner writes none."""
        start = written_at = self._clock()
        number = 0
        for number, item in enumerate(items, start=1):
            yield item
            now = self._clock()
            if now - written_at >= _LOG_EVERY_S:
                written_at = now
                self._write(what, number, now - start)
        if written_at != start:
            self._write(what, number, self._clock() - start)

    def _write(self, what: str, number: int, elapsed_s: float) -> None:
        self._stream.write(f"{number} {what}, {number / elapsed_s:.0f}/s\n")
        self._stream.flush()


class _Rate(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")
