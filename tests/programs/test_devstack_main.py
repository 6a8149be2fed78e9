"""Check that `make local` reports a port in use at once, before it loads moto, which takes seconds."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Also prints whether the slow part was loaded: a proof by state, where a time limit would depend on the machine.
PROGRAM = """
import sys
from devstack.__main__ import main
status = main(sys.argv[1:])
print("moto" in sys.modules)
sys.exit(status)
"""


def run_local(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, "local", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize("option", ["--port", "--api-port"])
def test_local_with_taken_port_fails_before_loading_moto(option: str, taken_port: int):
    done = run_local(option, str(taken_port))

    assert (done.returncode, done.stdout) == (1, "False\n")
    assert done.stderr == (
        f"devstack: cannot listen on 127.0.0.1:{taken_port} (Address already in use);"
        " choose another port, or none for any free one\n"
    )


def test_local_with_one_port_for_both_servers_fails_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    done = run_local("--port", str(port), "--api-port", str(port))

    assert (done.returncode, done.stdout) == (1, "False\n")
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
