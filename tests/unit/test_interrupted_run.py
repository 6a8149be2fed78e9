"""Check that an interrupted test run cleans up."""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.fake_functions import wait_for
from tests.support.process import ROOT, running

WAITS = """
import signal
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# A shell starts what runs in the background with this signal ignored, and all that it starts inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def made():
    (HERE / "made").touch()
    yield
    (HERE / "made").unlink()


def test_waits(made):
    (HERE / "running").touch()
    while True:  # a signal that comes just before a sleep does not end that one
        time.sleep(0.1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_tears_its_fixtures_down(tmp_path: Path, number: signal.Signals):
    (tmp_path / "test_waits.py").write_text(WAITS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    with running([*command, f"--rootdir={tmp_path}", str(tmp_path)], cwd=ROOT) as process:
        wait_for((tmp_path / "running").exists, 60)

        process.send_signal(number)

        assert process.wait(60) == pytest.ExitCode.INTERRUPTED
    assert not (tmp_path / "made").exists()
