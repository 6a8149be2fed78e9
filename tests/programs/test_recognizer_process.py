"""Check the recognizer's process: started, restarted, abandoned, and stopped with its parent."""

import os
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from devstack.web import PortTakenError, bind_port
from recognizer import process
from recognizer.process import RecognizerProcess

WAIT_S = 60


def until(true):
    """Wait until something is true, a minute at most."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def switched_on(monkeypatch):
    monkeypatch.delenv("RECOGNIZER", raising=False)


@pytest.fixture
def command(tmp_path):
    """A command that notes its process and arguments in `lives`, then does what a test says."""

    def write(body):
        script = tmp_path / "recognizer.py"
        note = f"import os, sys; open({str(tmp_path / 'lives')!r}, 'a').write(f'{{os.getpid()}} {{sys.argv[-1]}}\\n')\n"
        script.write_text(note + textwrap.dedent(body))
        return sys.executable, str(script)

    return write


@pytest.fixture
def lives(tmp_path):
    def read():
        noted = tmp_path / "lives"
        return [line.split() for line in noted.read_text().splitlines()] if noted.exists() else []

    return read


SERVES = """
import socket
listener = socket.socket(fileno=int(sys.argv[-1]))
print(f"READY http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
sys.stdin.read()
"""


def test_crashed_process_restarts_at_its_port(command, lives, tmp_path):
    problems = []
    with RecognizerProcess(problems.append, tmp_path / "log", command=command(SERVES)) as running:
        url = running.url
        running.kill()
        until(lambda: len(lives()) == 2)
        assert running.url == url
        assert running.client() is not None

    assert problems == []


def test_port_is_kept_between_two_lives(command, lives, tmp_path):
    """The next life answers a request that arrived before it, and no other program gets the port meanwhile."""
    again = tmp_path / "again"
    answer = f"if os.path.exists({str(again)!r}): listener.accept()[0].send(b'here')\n"
    serves = command(SERVES.replace("sys.stdin", f"{answer}sys.stdin"))
    with RecognizerProcess(pytest.fail, tmp_path / "log", command=serves) as running:
        port = int(running.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
            again.touch()
            running.kill()
            with pytest.raises(PortTakenError):
                bind_port("127.0.0.1", port)
            connection.settimeout(WAIT_S)
            assert connection.recv(4) == b"here"


def test_repeated_crashes_are_reported_once_and_end_restarts(command, lives, tmp_path):
    problems = []
    with RecognizerProcess(problems.append, tmp_path / "log", command=command("sys.exit(3)")) as running:
        until(lambda: running.is_gone)
        assert running.client() is None

    assert len(lives()) == process.MAX_CRASHES
    (problem,) = problems
    assert "crashed 3 times in a row (status 3)" in problem
    assert str(tmp_path / "log") in problem


def test_missing_model_is_reported_once_without_retry(command, lives, tmp_path):
    problems = []
    body = "print('MISSING the weights are not installed', flush=True); sys.exit(2)"
    with RecognizerProcess(problems.append, tmp_path / "log", command=command(body)) as running:
        assert running.is_gone
        assert running.url is None

    assert problems == ["the weights are not installed"]
    assert len(lives()) == 1


def test_recognizer_without_model_names_what_is_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "recognizer"],
        env={**os.environ, "ASR_MODEL": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert (done.returncode, done.stdout.split()[0]) == (2, "MISSING")
    assert "no folder with a model.bin" in done.stdout


def test_recognizer_none_starts_and_reports_nothing(command, lives, monkeypatch):
    monkeypatch.setenv("RECOGNIZER", "none")
    problems = []
    with RecognizerProcess(problems.append, command=command(SERVES)) as running:
        assert running.is_gone
        assert running.client() is None

    assert (lives(), problems) == ([], [])


def test_process_ends_with_its_parent(command, lives, tmp_path):
    ended = tmp_path / "ended"
    # It prints nothing: the parent may be killed before it reads, and a closed pipe would end the process too.
    serves = command(f"sys.stdin.read(); open({str(ended)!r}, 'w')")
    body = f"""
        import sys, time
        from recognizer.process import RecognizerProcess
        with RecognizerProcess(print, command={serves!r}):
            time.sleep({WAIT_S})
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(body)], env={**os.environ, "PYTHONPATH": "."})
    try:
        until(lambda: lives() != [])
    finally:
        parent.kill()
        parent.wait(WAIT_S)

    until(ended.exists)
