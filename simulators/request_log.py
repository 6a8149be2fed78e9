"""Keep the requests and answers of a simulator, without secrets, for tests and developers."""

import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

SECRETS = frozenset({"authorization", "secretid", "signature", "signa", "token", "data", "x-app-signature"})


MAX_ENTRIES = 100_000


class RequestLog:
    """The latest calls, in the order of their answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[dict[str, object]] = deque(maxlen=MAX_ENTRIES)

    def note(self, kind: str, code: str, *, task_id: str | None, **details: object) -> None:
        entry = {"at": datetime.now(UTC).isoformat(), "kind": kind, "code": code, "task_id": task_id, **details}
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[dict[str, object]]:
        with self._lock:
            return list(self._entries)


def without_secrets(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return parameters without keys, tokens, signatures and audio; of an address only its public parts."""
    return {name: _shown(name, value) for name, value in parameters.items() if name.lower() not in SECRETS}


def _shown(name: str, value: object) -> object:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list):
        return [_shown(name, each) for each in value]
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        parts = urlsplit(value)
        # A presigned URL is signed in its query, a callback URL in its path.
        path = "/…" if "callback" in name.lower() else parts.path
        return f"{parts.scheme}://{parts.hostname}{path}"
    return value
