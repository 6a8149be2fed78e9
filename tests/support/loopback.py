"""A web server on loopback for as long as a test wants it: what is common to the other ends that tests play."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from devstack.web import WebServer


class Loopback(ABC):
    """Answers requests on a port of its own while it is entered."""

    def __enter__(self) -> Self:
        self._server = WebServer(Request.application(self.answer_to), "127.0.0.1", 0, _Quiet)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @abstractmethod
    def answer_to(self, request: Request) -> Response:
        """What is said to a request; several come at once."""

    def at(self, path: str) -> str:
        """The address of a path."""
        return f"{self._server.url}{path}"


@contextmanager
def closed_port() -> Iterator[int]:
    """Reserve a port that refuses connections: bound, so that no other program gets it, and without a listener."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class _Quiet(WSGIRequestHandler):
    timeout = 30

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: the tests look at what was received."""
