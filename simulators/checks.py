"""Check parameters as every vendor does."""

import re
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from urllib.parse import urlsplit


def whole_number(value: object) -> int | None:
    """Return the value of an integer or of its decimal text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    return None


def is_http_url(value: object) -> bool:
    """Return whether a value is an absolute http or https address."""
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def is_uuid(value: object, version: int | None = None) -> bool:
    """Return whether a value is the usual text of a UUID, of `version` if it is given."""
    if not isinstance(value, str):
        return False
    try:
        parsed = uuid.UUID(value)
    except ValueError:
        return False
    return str(parsed) == value.lower() and version in {None, parsed.version}


class RateLimit:
    """A limit on the calls of an account within a sliding window of time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def allows(self, account: str, most: int, window_s: float = 1.0) -> bool:
        """Count one call; False if it exceeds the limit (a refused call does not count)."""
        now = self._clock()
        with self._lock:
            calls = self._calls[account]
            while calls and now - calls[0] >= window_s:
                calls.popleft()
            if len(calls) >= most:
                return False
            calls.append(now)
            return True
