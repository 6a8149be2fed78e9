"""SIGINT and SIGTERM end the local stack through every `with`, and neither is lost.

Python runs a signal's handler in the main thread, between two of its instructions. What the handler raises vanishes if
these belong to a finalizer ("Exception ignored in"); and if the kernel gives the signal to another thread, a main
thread that sleeps or waits for a lock is not woken. So the interpreter also writes each signal to a socket, in any
thread, and to wait is to read from that socket.
"""

import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


class Stop:
    """The wish to stop, from now on. Only the main thread may make one; one per process."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno())
        for number in SIGNALS:
            signal.signal(number, self._leave)

    def wait(self) -> NoReturn:
        """Block until a signal arrives, or has arrived. Raises SystemExit, which leaves through every `with`."""
        while (number := self._reader.recv(1)[0]) not in SIGNALS:  # SIGCHLD and others come this way too
            pass
        self._leave(number, None)

    def _leave(self, number: int, _frame: FrameType | None) -> NoReturn:
        for each in SIGNALS:  # once: what is closed on the way out is closed in peace
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)
