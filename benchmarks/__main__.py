"""Runs the benchmarks, prints one table with what is missed first, and writes `benchmarks/results.json`.

The tables of the documentation are written from there. Exit status: 1 if an aim is missed, or a measurement failed.

`--all` adds those that take long: hours of words, the page that shows them, a hundred thousand recordings, many on the
local stack, twenty minutes of speech. Without it their results stay as they were. What is simulated takes the cores
together; what is timed runs alone, one after the other.
"""

import argparse
import json
import logging
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from benchmarks import (
    burst,
    cold_start,
    command_line,
    conversion,
    economy,
    figures,
    jobs_page,
    polling,
    recognition,
    size,
    stack,
    viewer,
    warm,
)
from benchmarks.environment import stop_by_signal
from benchmarks.table import Figure, read, table
from tools import tables

RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Measure, print, write. Nothing is written before all is measured. Return the exit status."""
    start = time.monotonic()
    stop_by_signal()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--all", action="store_true", help="the long ones, too")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    results = json.loads(RESULTS.read_text())
    measured = {"short": _part(_short, figures.of_short)}
    if asked.all:
        measured["long"] = _part(_long, figures.of_long)
    RESULTS.write_text(json.dumps({**results, **measured}, indent=2, ensure_ascii=False) + "\n")
    tables.main()
    found = [each for part in measured.values() for each in read(part["figures"])]
    for line in table(found):
        print(line)
    print(f"measured and written in {time.monotonic() - start:.0f} s")
    return int(any(each.is_missed for each in found))


def _part(
    measure: Callable[[], dict[str, Any]], say: Callable[[Mapping[str, Any]], Iterable[Figure]]
) -> dict[str, Any]:
    """Return a part of the results: where and when it was measured, its figures, and all that was found."""
    start, load = time.monotonic(), os.getloadavg()[0]
    found = measure()
    machine = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_before": load,
        "seconds": round(time.monotonic() - start),
    }
    return {"machine": machine, "figures": [each._asdict() for each in say(found)], "found": found}


def _short() -> dict[str, Any]:
    """Measure what needs no clock, in as many processes as there are cores; then what is timed."""
    # Leaving the pool ends its processes, also when this one is interrupted. Each simulation has one of its own.
    with Pool(initializer=_simulate_only, maxtasksperchild=1) as pool:
        bursts = [pool.apply_async(burst.burst, (burst.STRICT_COUNT,), {"counts_queries": True})]
        bursts += [pool.apply_async(burst.burst, (count,)) for count in burst.COUNTS]
        others = {"polling": pool.apply_async(polling.measure), "economy": pool.apply_async(economy.measure)}
        simulated = {
            "burst": [asdict(each.get()) for each in bursts],
            **{name: each.get() for name, each in others.items()},
        }
    return {
        **simulated,
        "cold_start": cold_start.measure(),
        "command_line": command_line.measure(),
        "warm": warm.measure(),
        "size": size.measure(size.SHORT_MINUTES),
        "conversion": conversion.measure(conversion.SHORT_MINUTES),
        "jobs_page": jobs_page.measure(),
        "callbacks": stack.measure("callbacks"),
        "recognition": recognition.measure(),
    }


def _simulate_only() -> None:
    """Prepare a process of the pool: no log, and its end, with Ctrl-C too, is what the pool decides."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _long() -> dict[str, Any]:
    return {
        "burst": [asdict(burst.burst(burst.LONG_COUNT))],
        "size": size.measure(size.LONG_MINUTES),
        "conversion": conversion.measure(conversion.LONG_MINUTES),
        "viewer": viewer.measure(),
        "together": stack.measure("together"),
        "recognition": recognition.measure_long(),
    }


if __name__ == "__main__":
    sys.exit(main())
