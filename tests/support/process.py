"""Processes of the tests: what a piece of work takes in one of its own, and that none outlives its test."""

import multiprocessing
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@contextmanager
def running(command: list[str], **settings: Any) -> "Iterator[subprocess.Popen[str]]":
    """Run a command while a `with` lasts, or as long as this process lives, if that is shorter.

    settings: as of subprocess.Popen.
    """
    with subprocess.Popen(command, text=True, **settings) as process:
        # Its standard input closes with this process, however that ends.
        watch = ["sh", "-c", f"read _; kill -TERM {process.pid}"]
        with subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True) as watcher:
            try:
                yield process
            finally:
                watcher.kill()
                if process.poll() is None:
                    process.terminate()
                    process.wait(60)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=60
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


def descendants(pid: int) -> list[int]:
    """Return the processes that a running process, or one that it started, has started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=60)
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.stdout.splitlines())}
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [each for child in found for each in descendants(child)]


def peak_bytes(work: Callable[[], object]) -> int:
    """The most memory that a fresh process has held when it is through with the work, a function of a module."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work,))


def _measured(work: Callable[[], object]) -> int:
    work()
    # Not getrusage: its peak is inherited from the process that started this one.
    state = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert state
    return int(state[1]) * 1024
