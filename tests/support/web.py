"""The other end of a vendor: a web server on loopback that serves files, redirects, and takes callbacks."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from werkzeug.wrappers import Request, Response

from tests.support.loopback import Loopback

T = TypeVar("T")

DEADLINE_S = 120  # a loaded machine takes its time; what has happened is not waited for


@dataclass(frozen=True)
class Received:
    """A callback as it came in."""

    path: str
    content_type: str
    body: bytes
    warning: str = ""


@dataclass
class Web(Loopback):
    """Serves `files`, sends `redirects` on, and answers each POST with the next of `replies`; the last one stays."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    replies: list[tuple[int, str]] = field(default_factory=lambda: [(200, '{"code": 0, "message": "success"}')])
    received: list[Received] = field(default_factory=list)
    _may_answer: threading.Event = field(default_factory=threading.Event)
    # A late callback of an earlier test may reach this port, but not this path.
    _base: str = field(default_factory=lambda: f"/{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self._may_answer.set()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep every download waiting for as long as this is entered."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def at(self, path: str) -> str:
        """Return the address of a path."""
        return super().at(self._base + path)

    def serve(self, path: str, content: bytes) -> str:
        """Offer a file; returns its URL."""
        self.files[path] = content
        return self.at(path)

    def redirect(self, path: str, target: str) -> str:
        self.redirects[path] = target
        return self.at(path)

    def reply_with(self, *replies: tuple[int, str]) -> None:
        """Status and body of the answers to the next callbacks."""
        self.replies = list(replies)

    def answer_to(self, request: Request) -> Response:
        """A file, a redirect, or the next reply to a callback."""
        path = request.path.removeprefix(self._base)
        if request.method == "POST":
            if path == request.path:
                return Response("a callback of another test", status=404)
            self.received.append(
                Received(path, request.mimetype, request.get_data(), request.headers.get("Warning", ""))
            )
            status, text = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            return Response(text, status=status, mimetype="application/json")
        self._may_answer.wait(DEADLINE_S)
        if path in self.redirects:
            return Response(status=302, headers={"Location": self.redirects[path]})
        if path in self.files:
            return Response(self.files[path])
        return Response("no such file", status=404)


def eventually(probe: Callable[[], T | None]) -> T:
    """What the probe gives as soon as it gives something; an AssertionError when the deadline passes."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing within {DEADLINE_S} s")


def form_fields(body: bytes) -> dict[str, bytes]:
    """A form body as names and raw value bytes: percent escapes are bytes of any charset."""
    pairs: Sequence[tuple[bytes, bytes, bytes]] = [pair.partition(b"=") for pair in body.split(b"&")]
    return {name.decode(): unquote_to_bytes(value.replace(b"+", b" ")) for name, _, value in pairs}
