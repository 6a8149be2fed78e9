"""CPU time of asrctl from its start to its help, to the completion of a command, and to its version."""

import os
import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.environment import ROOT, environment

RUNS = 5
LIMIT_S = 0.3  # after which a key that completes a word seems to do nothing
CASES: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = MappingProxyType(
    {
        "help": (("--help",), {}),
        "completion": (
            (),
            {"_ASRCTL_COMPLETE": "bash_complete", "COMP_WORDS": "asrctl st", "COMP_CWORD": "1"},
        ),
        "version": (("--version",), {}),
    }
)


def measure() -> dict[str, float]:
    """Return the CPU seconds, of user and system, of each case: the least of five runs."""
    return {name: min(_run(*case) for _ in range(RUNS)) for name, case in CASES.items()}


def _run(arguments: tuple[str, ...], variables: Mapping[str, str]) -> float:
    process = subprocess.Popen(
        [sys.executable, "-m", "asrctl", *arguments],
        cwd=ROOT,
        env={**environment(), **variables},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"asrctl {' '.join(arguments)} ended with exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime
