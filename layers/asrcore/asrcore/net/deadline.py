"""A time limit for a whole HTTP exchange.

A read timeout starts again with every byte, so a server that sends one byte per second never runs into it. A deadline
shuts the socket down instead, whatever is being transferred.
"""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Deadline:
    """A context manager that shuts down the watched connection when its time is over.

    Attributes:
        passed: whether the time is over. A reply may look complete although it was cut off, so check this last.
    """

    def __init__(self, limit_s: float) -> None:
        """Prepare the timer; it starts on entry.

        Args:
            limit_s: seconds from entry.
        """
        self.passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(limit_s, self._expire)
        self._timer.daemon = True

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection down at the deadline, or at once if the deadline has passed.

        The socket is duplicated, because TLS detaches the original.
        """
        with self._lock:
            self._socket = connection.dup()
        if self.passed:
            self._expire()

    def _expire(self) -> None:
        self.passed = True
        with self._lock, contextlib.suppress(OSError):  # the peer may have closed the connection
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._socket:
                self._socket.close()
            self._socket = None
