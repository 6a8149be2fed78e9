"""Runs every benchmark, prints one table of ratios and targets, and writes `benchmarks/results.json`."""

import json
import logging
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import burst, cold_start, polling, size, warm
from benchmarks.artefact import FUNCTIONS

RESULTS = Path(__file__).with_name("results.json")
MEGA = 1_000_000
MS_A_QUERY = 5.0


class Row(NamedTuple):
    """One figure beside what it is held against."""

    what: str
    figure: float
    unit: str
    target: float

    def line(self) -> str:
        """As text; a missed target says so."""
        verdict = "" if self.figure <= self.target else "  MISSED"
        return f"{self.what:<66} {self.figure:>9.3f} {self.unit:<9} {self.target:>8g}{verdict}"


def main() -> int:
    """Measure, print, write."""
    logging.disable(logging.CRITICAL)
    results = {
        "machine": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
        },
        "cold_start": cold_start.measure(),
        "warm": warm.measure(),
        "polling": polling.measure(),
        "burst": [asdict(burst.burst(count)) for count in burst.COUNTS],
        "size": size.measure(),
    }
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    print(f"{'':<66} {'measured':>9} {'':<9} {'at most':>8}")
    for row in rows(results):
        print(row.line())
    return 0


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """The table."""
    yield from _start_rows(results["cold_start"])
    for name, case in results["warm"]["exchanges"].items():
        yield Row(f"{name}: CPU against the vendor's SDK", case["ours_ms"] / case["sdk_ms"], "x", 1.0)
    for vendor, steps in results["warm"]["steps"].items():
        if "query_ms" in steps:
            yield Row(f"{vendor}: CPU of a query step that finds no result yet", steps["query_ms"], "ms", MS_A_QUERY)
    yield from _polling_rows(results["polling"])
    for run in results["burst"]:
        yield Row(
            f"{run['recordings']} recordings at once: time against the vendor's rate", run["over_limit"], "x", 1.1
        )
        yield Row(f"{run['recordings']} recordings at once: refused by the vendor", run["refusals"], "", 0)
    for vendor, cases in results["size"]["replies"].items():
        longest, shorter = cases[str(size.MINUTES[-1])], cases[str(size.MINUTES[-2])]
        growth = longest["cpu_s"] / shorter["cpu_s"] / (longest["words"] / shorter["words"])
        yield Row(f"{vendor}: 5 hours with words, read, normalised, written, exported", longest["cpu_s"], "CPU s", 2.0)
        yield Row(f"{vendor}: peak of memory of the process", longest["peak_mib"], "MiB", 256.0)
        yield Row(f"{vendor}: CPU a word, 5 hours against 1 hour", growth, "x", 1.2)
    for kind, read_bytes in results["size"]["probe"].items():
        yield Row(f"probing a {kind} of 600 MB reads", read_bytes / MEGA, "MB", 1.0)


def _start_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    cpu_s = {name: start["cpu_s"] for name, start in results["starts"].items()}
    floor_s, sdk_s = cpu_s["floor"], cpu_s["vendor's SDK"]
    for name in FUNCTIONS:
        yield Row(f"{name}: start, as `sam build` leaves it, against boto3 alone", cpu_s[name] / floor_s, "x", 1.25)
        compiled_s = cpu_s[f"{name}, compiled"]
        yield Row(f"{name}: start, layer compiled, against boto3 alone", compiled_s / floor_s, "x", 1.25)
        yield Row(f"{name}: start, layer compiled, against the SDK", compiled_s / sdk_s, "x", 0.9)
        with_clients = cpu_s[f"{name}, compiled, with its usual clients"] / cpu_s[f"floor of {name}"]
        yield Row(f"{name}: the same, both with its usual clients only", with_clients, "x", 1.25)
    yield Row("layer, zipped", results["layer_bytes"]["zipped"] / MEGA, "MB", 12.0)
    yield Row("layer with compiled files, zipped", results["compiled_layer_bytes"]["zipped"] / MEGA, "MB", 12.0)


def _polling_rows(results: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    ours, best = results["asrcore"], results["best possible, as late"]
    learned = results["with each vendor's history"]
    yield Row("polling: mean queries a job", ours["queries"], "", 8.0)
    yield Row("polling: mean added latency", 100 * ours["late"], "%", 8.0)
    yield Row("polling: most queries of any job", ours["most_queries"], "", 90)
    yield Row("polling: jobs given up", 100 * ours["given_up"], "%", 0.0)
    yield Row("polling: queries against the best schedule, as late", ours["queries"] / best["queries"], "x", 1.15)
    yield Row("polling with vendors' history (simulated only): mean queries a job", learned["queries"], "", 8.0)
    yield Row("polling with vendors' history (simulated only): mean added latency", 100 * learned["late"], "%", 8.0)


if __name__ == "__main__":
    sys.exit(main())
