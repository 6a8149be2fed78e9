"""Runs functions as Lambda does: each execution environment is a process of its own, used again while it is warm.

Kept from Lambda: one event at a time per environment, more environments when events come together, the environment's
variables (the template's and Lambda's own, nothing of the developer's shell), the timeout, size limits, error shapes.
Not kept: the memory limit, and throttling (an event beyond the last environment waits for one).
"""

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from devstack import prefork, runtime
from devstack.clock import WaitClock

# Lambda quotas: invocation payload, synchronous and asynchronous; the response may be a little larger than the request.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_ASYNC_EVENT_BYTES = 256 * 1024
MAX_RESPONSE_BYTES = 6_291_556
INIT_LIMIT_S = 10
MAX_ENVIRONMENTS = 10

INTERPRETER = (sys.executable, "-P", "-s", "-u")
# What handlers import, most of a process's start. As they are imported they read no variable in which two functions of
# a prefork server differ.
LAYER_PACKAGE = "asrcore"
PRELOADED = (
    "boto3.s3.inject",
    "asrcore.api.jobs_page",
    "asrcore.api.routes",
    "asrcore.aws",
    "asrcore.backfill",
    "asrcore.callback",
    "asrcore.convert",
    "asrcore.net.vendor_http",
    "asrcore.net.webhook_client",
    "asrcore.notify",
    "asrcore.poll",
    "asrcore.render",
    "asrcore.sweep",
)


@dataclass(frozen=True)
class Credentials:
    """A session of a role, which Lambda gives to the function's processes."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """One deployed function. `variables` are the template's; `layers` are folders in the place of /opt/python."""

    logical_id: str
    name: str
    arn: str
    handler: str
    runtime: str
    region: str
    folder: Path
    layers: tuple[Path, ...]
    variables: dict[str, str]
    timeout_s: float
    memory_mb: int
    log_group: str
    credentials: Credentials
    clock: WaitClock


@dataclass(frozen=True)
class Answer:
    """What an invocation gives: JSON, which describes an error if `is_error`."""

    payload: bytes
    is_error: bool = False


class Function:
    """A function and its execution environments. Safe to use from several threads."""

    def __init__(self, settings: Settings, log_path: Path, environments: int = MAX_ENVIRONMENTS) -> None:
        """environments: how many processes it has at most."""
        self.settings = settings
        self.log_path = log_path
        self._slots = threading.BoundedSemaphore(environments)
        self._lock = threading.Lock()
        self._idle: list[_Environment] = []
        self._all: set[_Environment] = set()
        self._retired: set[_Environment] = set()
        self._is_closed = False

    def invoke(self, event: bytes, request_id: str | None = None) -> Answer:
        """Runs the handler with `event` (JSON) and waits for its answer. Errors are answers, as in Lambda."""
        request_id = request_id or str(uuid.uuid4())
        with self._slots:
            started = time.monotonic()
            self._log(f"START RequestId: {request_id} Version: $LATEST")
            answer = self._run(event, request_id)
            self._log(f"END RequestId: {request_id}")
            self._log(f"REPORT RequestId: {request_id}\tDuration: {(time.monotonic() - started) * 1000:.2f} ms")
        return answer

    def close(self) -> None:
        """Ends every environment, busy or idle; events under way get an error."""
        with self._lock:
            self._is_closed = True
            idle, busy = self._idle, self._all.difference(self._idle)
        for environment in idle:
            environment.stop()
        for environment in busy:
            environment.kill()

    def kill(self) -> int:
        """Ends every busy environment as a crash would; how many there were. The next event gets a fresh one."""
        with self._lock:
            busy = self._all.difference(self._idle)
        for environment in busy:
            environment.kill()
        return len(busy)

    def retire(self) -> None:
        """End every idle environment, and each busy one after its event. The next event gets a fresh one."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
            self._retired |= self._all
        for environment in idle:
            environment.stop()

    def _run(self, event: bytes, request_id: str) -> Answer:
        environment = None
        try:
            environment = self._take()
            answer = environment.run(event, request_id)
        except _NoAnswerError as failure:
            if environment:
                self._drop(environment)
            self._log(f"{request_id} {failure.message}")
            return failure.answer(request_id)
        with self._lock:
            is_retired = environment in self._retired
            if not is_retired:
                self._idle.append(environment)
        if is_retired:
            self._drop(environment)
        if len(answer.payload) > MAX_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            return _error("Function.ResponseSizeTooLarge", message)
        return answer

    def _take(self) -> "_Environment":
        with self._lock:
            if self._is_closed:
                raise _NoAnswerError("Runtime.ExitError", "the local stack is shutting down")
            if self._idle:
                return self._idle.pop()
            environment = _Environment(self.settings, self.log_path)
            self._all.add(environment)
        try:
            environment.wait_until_ready()
        except _NoAnswerError:
            self._drop(environment)
            raise
        return environment

    def _drop(self, environment: "_Environment") -> None:
        environment.stop()
        with self._lock:
            self._all.discard(environment)
            self._retired.discard(environment)

    def _log(self, line: str) -> None:
        with self.log_path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")


class _NoAnswerError(Exception):
    """The environment gave no answer: it timed out, ended or could not start."""

    def __init__(self, error_type: str, message: str, payload: bytes | None = None) -> None:
        super().__init__(message)
        self.error_type, self.message, self.payload = error_type, message, payload

    def answer(self, request_id: str) -> Answer:
        if self.payload is not None:
            return Answer(self.payload, is_error=True)
        return _error(self.error_type, f"RequestId: {request_id} Error: {self.message}")


class _Environment:
    """One process. Its socket is its runtime API; it ends with the process of the local stack, however that ends."""

    def __init__(self, settings: Settings, log_path: Path) -> None:
        self._settings = settings
        self._connection, theirs = socket.socketpair()
        self._process: Process
        with theirs, log_path.open("ab") as log:
            if layer := preloaded_layer(settings):
                self._process = prefork_server(layer, settings).start(theirs, log.fileno())
                start = {
                    "folder": str(settings.folder),
                    "path": [str(path) for path in (settings.folder, *settings.layers)],
                    "variables": process_environment(settings),
                    "speed": settings.clock.speed,
                }
                with contextlib.suppress(OSError):  # it has ended, which the first wait for it finds
                    runtime.send(self._connection, start)
            else:
                self._process = StartedProcess(settings, theirs, log.fileno())

    def wait_until_ready(self) -> None:
        """Lambda gives loading a limit of its own and, past it, the function's."""
        header, payload = self._receive(INIT_LIMIT_S + self._settings.timeout_s)
        if not header["is_ready"]:
            raise _NoAnswerError("Runtime.InitError", "the handler could not be loaded", payload)

    def run(self, event: bytes, request_id: str) -> Answer:
        header: dict[str, Any] = {
            "request_id": request_id,
            "function_arn": self._settings.arn,
            "deadline_ms": int((time.time() + self._settings.timeout_s) * 1000),
        }
        self._connection.settimeout(self._settings.timeout_s)
        try:
            runtime.send(self._connection, header, event)
        except OSError as error:
            raise self._exit_failure() from error
        header, payload = self._receive(self._settings.timeout_s)
        return Answer(payload, is_error=bool(header["is_error"]))

    def _receive(self, limit_s: float) -> tuple[dict[str, Any], bytes]:
        self._connection.settimeout(limit_s)
        try:
            return runtime.receive(self._connection)
        except TimeoutError as error:
            message = f"Task timed out after {self._settings.timeout_s:.2f} seconds"
            raise _NoAnswerError("Sandbox.Timedout", message) from error
        except (EOFError, OSError) as error:
            raise self._exit_failure() from error

    def _exit_failure(self) -> _NoAnswerError:
        status = self._process.exit_status(1)
        if not status:
            return _NoAnswerError("Runtime.ExitError", "Runtime exited without providing a reason")
        reason = f"exit status {status}" if status > 0 else f"signal: {signal.Signals(-status).name}"
        return _NoAnswerError("Runtime.ExitError", f"Runtime exited with error: {reason}")

    def kill(self) -> None:
        """Kills the process and whatever it started; the thread that waits for its answer sees it gone and closes up.

        Closed here, the socket's number might be another socket's before that thread looks at it again.
        """
        self._process.kill()
        self._process.exit_status(5)

    def stop(self) -> None:
        """Kill the process and close its socket; only for the caller that holds the environment."""
        self.kill()
        self._connection.close()


class Process(Protocol):
    """A process of a function, and all that it starts, in a process group of its own."""

    def kill(self) -> None:
        """End them all, if there is still one."""

    def exit_status(self, limit_s: float) -> int | None:
        """Return its exit status, a signal's number below 0, or None while it runs after `limit_s`."""


class StartedProcess:
    """A process that starts as Lambda's does, from the interpreter on."""

    def __init__(self, settings: Settings, api: socket.socket, log: int) -> None:
        # Its own session: Ctrl-C in the terminal is for the local stack, which then ends what it started.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [*INTERPRETER, runtime.__file__, str(api.fileno()), str(_lifeline())],
            cwd=settings.folder,
            env=process_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[api.fileno(), _lifeline()],
            start_new_session=True,
        )

    def kill(self) -> None:
        """As of Process."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def exit_status(self, limit_s: float) -> int | None:
        """As of Process."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(limit_s)
        return self._process.returncode


class ForkedProcess:
    """A process that prefork.py starts; `status` is the socket that stands for it."""

    def __init__(self, status: socket.socket) -> None:
        self._status = status
        self._lock = threading.Lock()
        self._exit_status: int | None = None

    def kill(self) -> None:
        """As of Process."""
        with contextlib.suppress(OSError):
            self._status.shutdown(socket.SHUT_WR)

    def exit_status(self, limit_s: float) -> int | None:
        """As of Process."""
        with self._lock:
            if self._exit_status is None:
                self._status.settimeout(limit_s)
                with contextlib.suppress(OSError):
                    if told := self._status.recv(prefork.STATUS.size):
                        (self._exit_status,) = prefork.STATUS.unpack(told)
            return self._exit_status


class PreforkServer:
    """The process that prefork.py runs in, for all functions with one layer. Safe to use from several threads."""

    def __init__(self, layer: Path, variables: dict[str, str]) -> None:
        """variables: those that the modules of the layer may read as they are imported."""
        self._requests, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [*INTERPRETER, prefork.__file__, str(theirs.fileno()), str(_lifeline()), *PRELOADED],
                env={**variables, "PYTHONPATH": str(layer)},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), _lifeline()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def start(self, api: socket.socket, log: int) -> ForkedProcess:
        """Start a process with `api` as its runtime API, on which its first message is to come."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            socket.send_fds(self._requests, [b"1"], [api.fileno(), log, theirs.fileno()])
        return ForkedProcess(ours)

    def close(self) -> None:
        """End it; the processes that it has started stay."""
        self._requests.close()
        self._process.wait()


def preloaded_layer(settings: Settings) -> Path | None:
    """Return the layer whose modules a process of the function is forked with, None where it starts as Lambda's does.

    macOS: its system libraries do not survive a fork.
    """
    if sys.platform == "darwin":
        return None
    return next((layer for layer in settings.layers if (layer / LAYER_PACKAGE).is_dir()), None)


_servers: dict[tuple[Path, tuple[tuple[str, str], ...]], PreforkServer] = {}
_servers_lock = threading.Lock()


def prefork_server(layer: Path, settings: Settings) -> PreforkServer:
    """Return this process's server for the function's layer, which starts when it is first needed."""
    # The layer's logger reads Powertools' variables, such as the log level, as it is imported.
    of_imports = {name: value for name, value in settings.variables.items() if name.startswith("POWERTOOLS_")}
    variables = {**common_variables(settings.runtime), **of_imports}
    key = layer, tuple(sorted(variables.items()))
    with _servers_lock:
        if key not in _servers:
            _servers[key] = PreforkServer(layer, variables)
        return _servers[key]


@functools.cache
def _lifeline() -> int:
    """Return the end of a pipe whose other end only this process holds: the pipe closes when the process ends."""
    reader, _ = os.pipe()
    return reader


def common_variables(lambda_runtime: str) -> dict[str, str]:
    """The variables that are the same for all functions of a Lambda runtime."""
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{lambda_runtime}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    }


def process_environment(settings: Settings) -> dict[str, str]:
    """The variables a function sees: the template's and those Lambda sets itself (Lambda guide: runtime variables)."""
    return {
        **common_variables(settings.runtime),
        "PYTHONPATH": os.pathsep.join(str(path) for path in (settings.folder, *settings.layers)),
        "LAMBDA_TASK_ROOT": str(settings.folder),
        "_HANDLER": settings.handler,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.credentials.secret_access_key,
        "AWS_SESSION_TOKEN": settings.credentials.session_token,
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": settings.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}",
        **settings.variables,
    }


def _error(error_type: str, message: str) -> Answer:
    return Answer(json.dumps({"errorType": error_type, "errorMessage": message}).encode(), is_error=True)
