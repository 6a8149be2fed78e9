"""Run `aws` and `python -m asrctl` in processes forked from one that has loaded them: most of their time is loading.

`WarmPrograms` starts the server below, and gives the shell functions that stand for the two programs. Each command is a
process of its own, with the caller's arguments, folder, environment and files.
"""

import functools
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.warm_client import LENGTH, read

HERE = Path(__file__)
CLIENT = HERE.with_name("warm_client.py")
SERVICES = (
    "cloudwatch",
    "cloudformation",
    "dynamodb",
    "events",
    "lambda",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "stepfunctions",
)


class WarmPrograms:
    """A server on a Unix socket in `folder` while a `with` lasts; `functions` are lines for a shell."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._socket = folder / "programs"
        self._root = root
        client = f'"{sys.executable}" -I -S "{CLIENT}" "{self._socket}"'
        self.functions = f"""
aws() {{ {client} aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}
python() {{ if [ "${{1-}} ${{2-}}" = "-m asrctl" ]; then {client} asrctl "${{@:3}}"; else command python "$@"; fi; }}
"""

    def __enter__(self) -> Self:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._socket))
        listener.listen()
        with listener:
            self._process = subprocess.Popen(
                [sys.executable, "-P", HERE, str(listener.fileno())],
                cwd=self._root,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(map(str, (self._root, self._root / "layers/asrcore"))),
                },
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def serve(listener: socket.socket) -> None:
    """Fork a process for each command, until standard input closes, as it does when the test process ends."""
    import selectors

    run_aws = load()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while all(key.fileobj is listener for key, _ in selector.select()):
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            status = 1
            try:
                status = perform(connection, run_aws)
            finally:
                connection.sendall(bytes([status & 255]))
                os._exit(status & 255)
        connection.close()
        reap()


def reap() -> None:
    """Forget the processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def load() -> Callable[[], int]:
    """Import the programs, and read the models of the services that they call; return what runs `aws`."""
    import gc
    from contextlib import suppress

    import awscli.clidriver
    import boto3
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    import asrctl

    for module in pkgutil.iter_modules(asrctl.__path__, "asrctl."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    setattr(sys.modules["asrctl.queue"], "_WAITS_S", 0)  # noqa: B010 - the local stack has one server

    driver = awscli.clidriver.create_clidriver()
    theirs = driver.session
    theirs.get_available_services()
    del os.environ["AWS_DATA_PATH"]  # which awscli sets for itself
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    ours = boto3.Session("x", "x", region_name="us-east-1")
    for service in SERVICES:
        ours.client(service)
        theirs.create_client(service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        for read_model in (theirs.get_waiter_model, theirs.get_paginator_model):
            with suppress(UnknownServiceError):  # not every service has both
                read_model(service)
    gc.freeze()  # or each child copies what it only reads
    run_aws: Callable[[], int] = driver.main
    return run_aws


def perform(connection: socket.socket, run_aws: Callable[[], int]) -> int:
    """Run the command that a client sends, in this process; its exit status."""
    length, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
    wanted: dict[str, Any] = json.loads(read(connection, LENGTH.unpack(length)[0]))
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    program, *arguments = wanted["arguments"]
    sys.argv = [program, *arguments]
    try:
        if program == "aws":
            status = run_aws()
        else:
            runpy.run_module("asrctl", run_name="__main__", alter_sys=True)
            status = 0
    except SystemExit as ended:
        status = ended.code
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
