"""A limit to the whole of an HTTP exchange.

A time-out of a read begins anew with every byte: it never ends a header, the length of a chunk or a trailer of which a
byte comes every second. Here the connection itself is cut off, whatever is being said then.
"""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from asrcore.core.addresses import is_public


class Deadline:
    """Cuts off one connection when its time is over. passed: whether it is."""

    def __init__(self, limit_s: float) -> None:
        self.passed = False
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(limit_s, self._cut)
        self._timer.daemon = True

    def watch(self, connection: socket.socket) -> None:
        """Watch this connection, through a handle of its own: TLS takes the first one away."""
        with self._lock:
            self._handle = connection.dup()
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        self.passed = True
        with self._lock, contextlib.suppress(OSError):  # the other side may have hung up
            if self._handle:
                self._handle.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._handle:
                self._handle.close()
            self._handle = None


class PublicAddressError(Exception):
    """A connection that may lead to private addresses only leads to a public one."""


class DeadlineAdapter(HTTPAdapter):
    """Connects as any other, through proxies too, and has the deadline watch the connection from its first byte.

    private_only: nothing is sent to a public address, whatever the name stands for: PublicAddressError is raised.
    """

    def __init__(self, deadline: Deadline, *, private_only: bool = False) -> None:
        self._deadline = deadline
        self._private_only = private_only
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """The pool for a request, its connections watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline, private_only=self._private_only)
        return pool


def _watched(kind: type[HTTPConnection], deadline: Deadline, *, private_only: bool) -> type[HTTPConnection]:
    class Watched(kind):  # type: ignore[valid-type, misc]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            if private_only and is_public(connection.getpeername()[0]):
                connection.close()
                raise PublicAddressError
            deadline.watch(connection)
            return connection

    return Watched
