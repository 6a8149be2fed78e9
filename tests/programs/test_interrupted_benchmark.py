"""A benchmark that is ended by a signal ends the process that it measures, and leaves no folder."""

import os
import signal
import sys

import pytest

from tests.support.fake_functions import wait_for
from tests.support.process import ROOT, running

WAITS = """
import sys, tempfile, threading
from pathlib import Path
from benchmarks.environment import print_found

def waits():
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent):
        (Path(__file__).parent / "started").touch()
        while True:
            threading.Event().wait(0.1)

print_found(waits)
"""
MEASURES = """
import os, sys
from benchmarks import environment

given = environment.environment
environment.environment = lambda: given((*sys.path, *map(environment.Path, sys.argv[1:])))
environment.stop_by_signal()
environment.found_alone("waits", timeout_s=600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_measured_process_cleans_up_after_interruption(tmp_path, number):
    (tmp_path / "waits.py").write_text(WAITS)
    path = os.pathsep.join(map(str, (ROOT, ROOT / "layers/asrcore")))
    command = [sys.executable, "-c", MEASURES, str(tmp_path)]
    with running(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}) as process:
        wait_for((tmp_path / "started").exists)
        assert [*tmp_path.glob("tmp*")]

        process.send_signal(number)

        wait_for(lambda: not [*tmp_path.glob("tmp*")])
        assert process.wait(60) != 0
