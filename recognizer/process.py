"""Run the recognizer in a child process: start it, restart it after a crash, stop it with its parent."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from asrctl.language import localized
from devstack.web import bind_port
from recognizer.client import Client
from recognizer.weights import ROOT

LOG = logging.getLogger(__name__)

START_S = 60.0  # to listen: loading Python's packages, joining the weights once
STOP_S = 5.0
WAITING_CONNECTIONS = 128
MAX_CRASHES = 3  # in a row, each within SHORT_LIFE_S; then it is not restarted
SHORT_LIFE_S = 30.0
SWITCH = "RECOGNIZER"  # environment variable; `none` leaves the recognizer out


class RecognizerProcess:
    """Runs `python -m recognizer` while a `with` lasts.

    url: its address, the same after each restart, for which requests wait. None if it cannot run: `problem` was called
    with the reason.
    """

    url: str | None = None
    _listener: socket.socket

    def __init__(
        self,
        problem: Callable[[str], None],
        log_path: Path | None = None,
        bind: str = "127.0.0.1",
        command: tuple[str, ...] = (sys.executable, "-m", "recognizer"),
    ) -> None:
        """problem: called at most once, from any thread. log_path: of its log; None for this process's own stderr."""
        self._problem, self._log_path, self._command = problem, log_path, (*command, "--until-eof", "--bind", bind)
        self._bind = bind
        self._open = contextlib.ExitStack()
        self._known = threading.Event()  # whether it can run
        self._stopping = threading.Event()
        self._gone = False
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._supervise, name="recognizer", daemon=True)

    def client(self) -> Client | None:
        """Return a client; None where it cannot run."""
        return Client(self.url, lambda: self.is_gone) if self.url and not self.is_gone else None

    @property
    def is_gone(self) -> bool:
        """Return whether it does not run and will not be restarted."""
        return self._gone

    def __enter__(self) -> Self:
        if os.environ.get(SWITCH) == "none":
            self._gone = True
            return self
        # This process keeps the port while the recognizer restarts: another program would get it, and the requests.
        self._listener = self._open.enter_context(bind_port(self._bind, 0))
        self._listener.listen(WAITING_CONNECTIONS)
        self._thread.start()
        if not self._known.wait(START_S):
            self._give_up(localized("cli.recognizer.no_start", limit_s=round(START_S), log=self._log_name))
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._process is not None:
            _end(self._process)
        if self._thread.is_alive():
            self._thread.join(STOP_S)
        self._open.close()

    def kill(self) -> None:
        """Kill the process, as the kernel does without memory; it is restarted."""
        if self._process is not None:
            self._process.kill()

    def _supervise(self) -> None:
        crashes = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            status = self._run()
            if self._stopping.is_set() or self._gone:
                return
            crashes = crashes + 1 if time.monotonic() - started < SHORT_LIFE_S else 1
            LOG.warning("the recognizer crashed", extra={"status": status, "crashes": crashes})
            if crashes >= MAX_CRASHES:
                self._give_up(localized("cli.recognizer.crashes", count=crashes, status=status, log=self._log_name))
                return

    def _run(self) -> int:
        """Run the process once; return its exit status."""
        listener = self._listener.fileno()
        with self._log() as log:
            process = self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*self._command, "--socket", str(listener)],
                cwd=ROOT,
                pass_fds=[listener],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the parent, which then stops it
            )
        if self._stopping.is_set():  # `__exit__` was called meanwhile
            process.terminate()
        try:
            if process.stdout is not None:
                for line in process.stdout:
                    self._note(line.strip())
            return process.wait()
        finally:
            _end(process)

    def _log(self) -> IO[str]:
        if self._log_path is None:
            return os.fdopen(os.dup(2), "a")
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        return self._log_path.open("a", encoding="utf-8")

    def _note(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "READY":
            self.url = rest
            self._known.set()
        elif word == "MISSING":
            self._give_up(rest)

    @property
    def _log_name(self) -> str:
        return str(self._log_path) if self._log_path else localized("cli.recognizer.its_log")

    def _give_up(self, why: str) -> None:
        if self._gone:
            return
        self._gone = True
        self._open.close()  # which ends the connections that wait
        self._problem(why)
        self._known.set()


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for file in (process.stdin, process.stdout):
        if file is not None:
            file.close()
