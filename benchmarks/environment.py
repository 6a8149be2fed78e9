"""Measured processes: their folders, their environment variables, and their end when the benchmarks are interrupted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.support.process import running

ROOT = Path(__file__).resolve().parents[1]
LAYER = ROOT / "layers" / "asrcore"


def environment(path: Iterable[Path] = (LAYER, ROOT), **variables: str) -> dict[str, str]:
    """Return the variables of a measured process. path: where it imports from, besides the standard library."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONHASHSEED": "0",
        "AWS_ACCESS_KEY_ID": "sample",
        "AWS_SECRET_ACCESS_KEY": "sample",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        **variables,
    }


def found_alone(module: str, *arguments: str, timeout_s: float) -> Any:
    """Run a module in a process of its own and return its last line, which is JSON.

    The process ends with this one, and removes what it made. Ctrl-C reaches it through this process alone, so that it
    is interrupted once.

    Raises:
        CalledProcessError: The process failed; it has printed why.
        TimeoutExpired: It did not end in time.
    """
    command = [sys.executable, "-m", module, *arguments]
    with running(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment(), start_new_session=True) as process:
        printed, _ = process.communicate(timeout=timeout_s)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return json.loads(printed.splitlines()[-1])


def print_found(measure: Callable[[], object]) -> None:
    """Print what a measurement finds, for `found_alone`."""
    stop_by_signal()
    print(json.dumps(measure(), ensure_ascii=False))


def stop_by_signal() -> None:
    """SIGTERM ends this process as Ctrl-C does: what it started ends, and what it wrote is removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
