"""Small questions that every vendor asks about a parameter."""

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from urllib.parse import urlsplit


def whole_number(value: object) -> int | None:
    """The value of an integer or of its decimal text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    return None


def is_http_url(value: object) -> bool:
    """Whether this is an absolute http or https address."""
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


class RateLimit:
    """At most so many calls in any one second, per account."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def allows(self, account: str, per_s: int) -> bool:
        """Count one call; False when it is one too many (a refused call does not count)."""
        now = self._clock()
        with self._lock:
            calls = self._calls[account]
            while calls and now - calls[0] >= 1:
                calls.popleft()
            if len(calls) >= per_s:
                return False
            calls.append(now)
            return True
