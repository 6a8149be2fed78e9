"""What functions ask of the embedded AWS, counted: each request is one that AWS would charge for."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from devstack.refusals import StartResponse, is_of_a_function


class Tally:
    """A WSGI application before another one. Safe to use from several threads."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def counts(self) -> Counter[str]:
        """Requests so far, by operation (`PutItem`, `PutEvents`), for S3 by method (`S3 PUT`)."""
        with self._lock:
            return self._counts.copy()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if is_of_a_function(environ):
            operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
            with self._lock:
                self._counts[operation or f"S3 {environ['REQUEST_METHOD']}"] += 1
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer
