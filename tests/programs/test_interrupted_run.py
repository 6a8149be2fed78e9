"""Check that an interrupted test run cleans up."""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.fake_functions import wait_for
from tests.support.process import ROOT, is_running, running

WAIT_S = 120

WAITS = """
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.process import running

HERE = Path(__file__).parent
# A shell starts what runs in the background with this signal ignored, and all that it starts inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def made():
    with running([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (HERE / "made").write_text(str(process.pid))
        yield
    (HERE / "made").unlink()


def test_waits(made):
    (HERE / "running").touch()
    while True:  # a signal that comes just before a sleep does not end that one
        time.sleep(0.1)
"""


COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "test_waits.py").write_text(WAITS)
    return [*COMMAND, f"--rootdir={tmp_path}", str(tmp_path)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_tears_its_fixtures_down(tmp_path: Path, command: list[str], number: signal.Signals):
    with running(command, cwd=ROOT) as process:
        wait_for((tmp_path / "running").exists)

        process.send_signal(number)

        assert process.wait(WAIT_S) == pytest.ExitCode.INTERRUPTED
    assert not (tmp_path / "made").exists()


def test_killed_run_leaves_no_process(tmp_path: Path, command: list[str]):
    with running([*command, "-n", "1"], cwd=ROOT) as process:
        wait_for((tmp_path / "running").exists)
        started = int((tmp_path / "made").read_text())

        process.kill()

        wait_for(lambda: not is_running(started))
        wait_for(lambda: not (tmp_path / "made").exists())
