"""Count the requests of functions to the local AWS; AWS would charge for each."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from devstack.fault_injection import StartResponse, is_from_function


class RequestCounter:
    """A WSGI application in front of another one. Safe to use from several threads."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def counts(self) -> Counter[str]:
        """Return the requests so far, by operation (`PutItem`, `PutEvents`), for S3 by method (`S3 PUT`)."""
        with self._lock:
            return self._counts.copy()

    def refused(self) -> Counter[str]:
        """Return the requests that AWS refused, such as a write whose condition was false, by the same names."""
        with self._lock:
            return self._refused.copy()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if not is_from_function(environ):
            return self._forward(environ, start_response)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or f"S3 {environ['REQUEST_METHOD']}"
        with self._lock:
            self._counts[operation] += 1

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if status[0] in "45":
                with self._lock:
                    self._refused[operation] += 1
            return start_response(status, headers, *more)

        return self._forward(environ, start)

    def _forward(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer
