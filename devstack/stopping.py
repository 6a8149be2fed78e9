"""Stop the local stack on SIGINT and SIGTERM: every context manager exits, and no signal is lost.

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


class StopSignal:
    """The handler of SIGINT and SIGTERM. One per process, created in the main thread."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno())
        for number in SIGNALS:
            signal.signal(number, self._exit)

    def wait(self) -> NoReturn:
        """Block until a signal arrives, or has arrived. Raises SystemExit, which exits every context manager."""
        while (number := self._reader.recv(1)[0]) not in SIGNALS:  # SIGCHLD and others arrive here too
            pass
        self._exit(number, None)

    def _exit(self, number: int, _frame: FrameType | None) -> NoReturn:
        for each in SIGNALS:  # a second signal does not interrupt the cleanup
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)
