"""What a piece of work takes in a process of its own."""

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path


def peak_bytes(work: Callable[[], object]) -> int:
    """The most memory that a fresh process has held when it is through with the work, a function of a module."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work,))


def _measured(work: Callable[[], object]) -> int:
    work()
    # Not getrusage: its peak is inherited from the process that started this one.
    told = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert told
    return int(told[1]) * 1024
