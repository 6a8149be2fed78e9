"""Queue recognitions: one piece at a time, each recording once, small recordings first."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from recognizer.audio import sha256_of
from recognizer.recognition import Recognition

LOG = logging.getLogger(__name__)

MAX_KEPT = 500  # recordings whose recognition is remembered


class Recognize(Protocol):
    """The signature of `engine.recognize` with a loaded model. model_lock: held for each piece."""

    def __call__(
        self,
        file: IO[bytes],
        *,
        language: str | None,
        hints: str,
        model_lock: Callable[[], AbstractContextManager[None]],
        progress: Callable[[int], None],
    ) -> Recognition:
        """Return the recognition."""


@dataclass
class _Recording:
    """A known recording. results: by requested language and hints. lock: held during a recognition."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    results: dict[tuple[str | None, str], Recognition] = field(default_factory=dict)

    def known(self, language: str | None, hints: str) -> Recognition | None:
        """Return the recognition, if there is one; one in the detected language also serves requests for it."""
        detected = self.results.get((None, hints))
        if detected is not None and language in {None, detected.language}:
            return detected
        return self.results.get((language, hints))


class FairLock:
    """A lock for one thread at a time: of the waiting ones the one of lowest rank, then in order of arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._arrivals = itertools.count()
        self._taken = False

    @contextmanager
    def acquire(self, rank: int) -> Iterator[None]:
        """Acquire the lock, and release it after the `with` block."""
        with self._changed:
            ticket = (rank, next(self._arrivals))
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: not self._taken and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()


class Queue:
    """The recognitions of many threads. Closed until `open` is called with a model."""

    def __init__(self) -> None:
        self._recognize: Recognize | None = None
        self._opened = threading.Event()
        self._model_lock = FairLock()
        self._lock = threading.Lock()
        self._recordings: dict[str, _Recording] = {}
        self._jobs: dict[int, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    @property
    def is_open(self) -> bool:
        """Return whether there is a model."""
        return self._recognize is not None

    def open(self, recognize: Recognize) -> None:
        """Set the model's recognizer, and start to recognize."""
        self._recognize = recognize
        self._opened.set()

    def wait_open(self, wait_s: float) -> bool:
        """Wait at most wait_s seconds for a model; return whether there is one."""
        return self._opened.wait(wait_s)

    def waiting(self) -> list[dict[str, Any]]:
        """Return the recognitions in progress: number, size in bytes, milliseconds recognized, seconds so far."""
        now = time.monotonic()
        with self._lock:
            return [
                {"number": number, "size_bytes": job["size_bytes"], "done_ms": job["done_ms"], "s": now - job["since"]}
                for number, job in self._jobs.items()
            ]

    def recognize(self, file: IO[bytes], language: str | None, hints: str) -> Recognition:
        """Recognize a recording, or return its earlier recognition. Raises recognizer.audio.UnreadableError."""
        sha256, size_bytes = sha256_of(file)
        recording = self._recording(sha256)
        with recording.lock:
            known = recording.known(language, hints)
            if known is None:
                known = recording.results[language, hints] = self._run(file, size_bytes, language, hints)
            return known

    def _recording(self, sha256: str) -> _Recording:
        with self._lock:
            recording = self._recordings.pop(sha256, None) or _Recording()
            self._recordings[sha256] = recording
            if len(self._recordings) > MAX_KEPT:
                del self._recordings[next(iter(self._recordings))]
            return recording

    def _run(self, file: IO[bytes], size_bytes: int, language: str | None, hints: str) -> Recognition:
        job: dict[str, Any] = {"size_bytes": size_bytes, "done_ms": 0, "since": time.monotonic()}
        number = next(self._numbers)
        with self._lock:
            self._jobs[number] = job
            LOG.info("recognition waits", extra={"recording": number, "in_queue": len(self._jobs)})

        def progress(done_ms: int) -> None:
            is_next_minute = done_ms // 60_000 > job["done_ms"] // 60_000
            job["done_ms"] = done_ms
            if is_next_minute:
                LOG.info("recognized so far", extra={"recording": number, "done_ms": done_ms})

        if self._recognize is None:
            raise RuntimeError("the queue is not open")
        try:
            recognition = self._recognize(
                file,
                language=language,
                hints=hints,
                model_lock=lambda: self._model_lock.acquire(size_bytes),
                progress=progress,
            )
        finally:
            with self._lock:
                del self._jobs[number]
        took_s = round(time.monotonic() - job["since"], 1)
        LOG.info("recognized", extra={"recording": number, "sentences": len(recognition.sentences), "took_s": took_s})
        return recognition
