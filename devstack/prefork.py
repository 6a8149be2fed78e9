"""Starts processes of functions by forking one that has imported what they all import.

Run as a script by functions.py with the numbers of a socket and of a pipe, then the modules to import. Each byte on the
socket brings three descriptors and starts one process: of its runtime API, of its log, and of a socket for its exit
status. When the other end of that socket is closed for writing, the process is killed. The first message on the
runtime API holds the process's folder, path and variables. Like runtime.py, it imports nothing of the local stack.
"""

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace

# Those that a function has a client of.
SERVICES = ("dynamodb", "events", "s3", "secretsmanager", "sqs", "stepfunctions")
STATUS = struct.Struct(">i")
RUNTIME = str(Path(__file__).with_name("runtime.py"))


class ForkingServer:
    """The process that is forked. It has one thread, as a fork copies no other."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._processes: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        # A process that ends wakes the selector.
        self._ended, self._signalled = os.pipe()
        os.set_blocking(self._ended, False)
        os.set_blocking(self._signalled, False)
        self._selector.register(self._ended, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._signalled)

    def serve(self) -> tuple[int, int] | None:
        """Start processes until the local stack's process ends. In each of them, return its runtime API and log."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._requests:
                    byte, descriptors, *_ = socket.recv_fds(self._requests, 1, 3)
                    if not byte:
                        return None
                    if self._fork(*descriptors):
                        return descriptors[0], descriptors[1]
                elif key.fileobj == self._ended:
                    os.read(self._ended, 4096)
                    self._report()
                elif key.data in self._processes:
                    self._selector.unregister(key.fileobj)
                    os.killpg(key.data, signal.SIGKILL)

    def _fork(self, api: int, log: int, status: int) -> bool:
        """Return whether this is the new process."""
        process = os.fork()
        if not process:
            os.setpgid(0, 0)
            os.close(status)
            self._close()
            return True
        # In both processes, as either may be the first to rely on it.
        os.setpgid(process, process)
        os.close(api)
        os.close(log)
        self._processes[process] = socket.socket(fileno=status)
        self._selector.register(self._processes[process], selectors.EVENT_READ, process)
        return False

    def _close(self) -> None:
        """Leave a new process nothing of this one."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        os.close(self._ended)
        os.close(self._signalled)
        for each in (self._requests, *self._processes.values()):
            each.close()

    def _report(self) -> None:
        """Send the status of each process that has ended, and kill what it has started."""
        while self._processes and (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            # Until it is waited for, no other process can have its number.
            os.killpg(found.si_pid, signal.SIGKILL)
            _, code = os.waitpid(found.si_pid, 0)
            status = self._processes.pop(found.si_pid)
            if status in self._selector.get_map():
                self._selector.unregister(status)
            with status, contextlib.suppress(OSError):  # which means that no thread waits for it
                status.send(STATUS.pack(os.waitstatus_to_exitcode(code)))


def become_runtime(runtime: ModuleType, api: int, log: int, lifeline: int) -> None:
    """Make this process what runtime.py is when it is started by itself."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    connection = socket.socket(fileno=api)
    start, _ = runtime.receive(connection)
    connection.detach()
    os.environ.clear()
    os.environ.update(start["variables"])
    time.tzset()
    os.chdir(start["folder"])
    shorten_pauses(start["speed"])
    sys.path[:] = [*start["path"], *(each for each in sys.path if each not in start["path"])]
    sys.argv = [RUNTIME, str(api), str(lifeline)]
    sys.modules["__main__"] = runtime
    runtime.main()


def shorten_pauses(speed: float) -> None:
    """Divide the AWS SDK's pauses between the attempts of a request, as clock.py says."""
    if speed > 1 and (endpoint := sys.modules.get("botocore.endpoint")):
        vars(endpoint)["time"] = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / speed))


def load_runtime() -> ModuleType:
    """Return runtime.py as a module."""
    runtime = ModuleType("runtime")
    runtime.__file__ = RUNTIME
    SourceFileLoader(runtime.__name__, RUNTIME).exec_module(runtime)
    return runtime


def read_models() -> None:
    """Let boto3's default session, which each process has then, read the models of the services that functions call.

    It reads the region, the address and the credentials only as a process makes a client.
    """
    import boto3  # noqa: PLC0415 - the layer's, if it has one

    make: Callable[..., object] = boto3.client  # typed for literal names only
    credentials = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "unused")
    for service in SERVICES:
        make(service, "us-east-1", **credentials)


def main() -> None:
    """Import the modules, then start processes until the local stack's process ends."""
    requests, lifeline = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    for name in sys.argv[3:]:
        # A function that imports it reports why it cannot be imported.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # A process that makes a client reports why it cannot be made.
    with contextlib.suppress(Exception):
        read_models()
    runtime = load_runtime()
    gc.freeze()
    started = ForkingServer(requests).serve()
    if started:
        become_runtime(runtime, *started, lifeline)


if __name__ == "__main__":
    main()
