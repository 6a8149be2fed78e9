"""The progress of long work, on standard error: a live line on a terminal, elsewhere a line every ten seconds."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from asrcore.messages import Language, Message, render
from asrctl.formatting import format_size
from asrctl.output import console, is_drawable

T = TypeVar("T")
_LOG_EVERY_S = 10.0


class ProgressReporter:
    """Counts items and bytes. clock: seconds, never backwards."""

    def __init__(self, stream: TextIO, language: Language, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._language = language
        self._clock = clock

    def track(self, code: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items as they are. code: of the message that counts them."""
        return self._draw(code, items) if is_drawable(self._stream) else self._log(code, items)

    @contextmanager
    def transfer(self, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Yield a function that counts bytes, from any thread, while a `with` lasts."""
        if is_drawable(self._stream):
            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            with Progress(*columns, console=console(self._stream), transient=True) as drawn:
                task = drawn.add_task("", total=total_bytes)
                yield lambda more_bytes: drawn.advance(task, more_bytes)
            return
        lock, sent_bytes, written_at = threading.Lock(), 0, self._clock()

        def log(more_bytes: int) -> None:
            nonlocal sent_bytes, written_at
            with lock:
                sent_bytes += more_bytes
                if (now := self._clock()) - written_at >= _LOG_EVERY_S:
                    written_at = now
                    sizes = {"sent": format_size(sent_bytes), "total": format_size(total_bytes)}
                    self._write_line(render(Message("cli.progress.uploaded", sizes), self._language))

        yield log

    def _draw(self, code: str, items: Iterable[T]) -> Iterator[T]:
        """Keep a line on the terminal while the work lasts."""
        columns = (SpinnerColumn(), _Count(self._language), _Rate(), TimeElapsedColumn())
        with Progress(*columns, console=console(self._stream), transient=True) as drawn:
            yield from drawn.track(items, description=code)

    def _log(self, code: str, items: Iterable[T]) -> Iterator[T]:
        """Write a line every ten seconds and at the end; work that ends sooner writes none."""
        start = written_at = self._clock()
        number = 0
        for number, item in enumerate(items, start=1):
            yield item
            now = self._clock()
            if now - written_at >= _LOG_EVERY_S:
                written_at = now
                self._write(code, number, now - start)
        if written_at != start:
            self._write(code, number, self._clock() - start)

    def _write(self, code: str, number: int, elapsed_s: float) -> None:
        self._write_line(f"{_counted(code, number, self._language)}, {number / elapsed_s:.0f}/s")

    def _write_line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


def _counted(code: str, number: int, language: Language) -> str:
    return render(Message(code, {"count": number}), language)


class _Count(ProgressColumn):
    """How many items there were, and what they are."""

    def __init__(self, language: Language) -> None:
        super().__init__(Column(no_wrap=True))
        self._language = language

    def render(self, task: Task) -> Text:
        return Text(_counted(task.description, int(task.completed), self._language))


class _Rate(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")
