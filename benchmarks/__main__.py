"""Runs every benchmark, prints one table of figures and targets, and writes `benchmarks/results.json`.

What is timed runs alone, one after the other; what is simulated takes the cores together; the local stack comes last.
"""

import json
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import burst, cold_start, economy, polling, size, stack, warm
from benchmarks.artefact import FUNCTIONS

RESULTS = Path(__file__).with_name("results.json")
MEGA = 1_000_000
MS_A_QUERY = 5.0


class Row(NamedTuple):
    """One figure beside what it is held against. target: None where nothing was aimed at."""

    what: str
    against: str
    figure: float
    unit: str
    target: float | None = None

    @property
    def is_missed(self) -> bool:
        """Whether the figure is above its target."""
        return self.target is not None and self.figure > self.target

    def line(self) -> str:
        """As text; a missed target says so."""
        target = "" if self.target is None else f"{self.target:g}"
        missed = "  MISSED" if self.is_missed else ""
        return f"{self.what:<58} {self.against:<36} {self.figure:>9.3f} {self.unit:<8} {target:>7}{missed}"


def main() -> int:
    """Measure, print, write."""
    logging.disable(logging.CRITICAL)
    start = time.monotonic()
    results = {
        "machine": {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "load_before": os.getloadavg()[0],
        },
        "cold_start": cold_start.measure(),
        "warm": warm.measure(),
        "size": size.measure(),
        **simulated(),
        "stack": stack.measure(),
    }
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    found = list(rows(results))
    print(f"{'':<58} {'against':<36} {'measured':>9} {'':<8} {'at most':>7}")
    for row in found:
        print(row.line())
    missed = sum(row.is_missed for row in found)
    print(f"{len(found)} figures, {missed} missed, in {time.monotonic() - start:.0f} s")
    return 0


def simulated() -> dict[str, Any]:
    """What needs no clock, in as many processes as there are cores; the longest first."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=logging.disable, initargs=(logging.CRITICAL,)) as pool:
        bursts = [pool.submit(burst.burst, count) for count in reversed(burst.COUNTS)]
        others = {"polling": pool.submit(polling.measure), "economy": pool.submit(economy.measure)}
        return {
            "burst": [asdict(each.result()) for each in reversed(bursts)],
            **{name: each.result() for name, each in others.items()},
        }


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """The table."""
    yield from _start_rows(results["cold_start"])
    yield from _warm_rows(results["warm"])
    yield from _size_rows(results["size"])
    yield from _polling_rows(results["polling"])
    yield from _burst_rows(results["burst"])
    yield from _stack_rows(results["stack"])
    yield from _economy_rows(results["economy"])


def _start_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    cpu_s = {name: start["cpu_s"] for name, start in results["starts"].items()}
    for name in FUNCTIONS:
        yield Row(f"{name}: start", "boto3 and the stack's clients", cpu_s[name] / cpu_s["floor"], "x", 1.25)
        built, compiled = cpu_s["vendor's SDK, sources only"], cpu_s["vendor's SDK"]
        yield Row(f"{name}: start", "with Tencent's SDK, by `sam build`", cpu_s[name] / built, "x", 0.9)
        yield Row(f"{name}: start", "with Tencent's SDK, compiled as ours", cpu_s[name] / compiled, "x")
        ready = cpu_s[f"{name}, with its usual clients"] / cpu_s[f"floor of {name}"]
        yield Row(f"{name}: start, and its usual step's clients", "boto3 and these clients", ready, "x", 1.25)
        sources = cpu_s[f"{name}, sources only"] / cpu_s[name]
        yield Row(f"{name}: start if the layer were not compiled", "as it is", sources, "x")
    trimmed = cpu_s["floor, botocore trimmed to our services"] / cpu_s["floor"]
    yield Row("boto3 and clients, botocore trimmed to our services", "Lambda's own", trimmed, "x")
    yield Row("layer, zipped", "", results["layer_bytes"]["zipped"] / MEGA, "MB", 12.0)
    yield Row("layer, unzipped", "", results["layer_bytes"]["unzipped"] / MEGA, "MB")


def _warm_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    for name, case in results["exchanges"].items():
        yield Row(f"{name}: CPU", "Tencent's SDK", case["ours_ms"] / case["sdk_ms"], "x", 1.0)
    for vendor, steps in results["steps"].items():
        if "query_ms" in steps:
            yield Row(f"{vendor}: CPU of a query step without result", "", steps["query_ms"], "ms", MS_A_QUERY)
        yield Row(f"{vendor}: CPU of a whole job", "", steps["job_ms"], "ms")


def _size_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    for vendor, cases in results["replies"].items():
        longest, shorter = cases[str(size.MINUTES[-1])], cases[str(size.MINUTES[-2])]
        growth = longest["cpu_s"] / shorter["cpu_s"] / (longest["words"] / shorter["words"])
        yield Row(f"{vendor}: 5 hours of words, read to exported", "", longest["cpu_s"], "CPU s", 2.0)
        yield Row(f"{vendor}: peak of memory of the process", "", longest["peak_mib"], "MiB", 256.0)
        yield Row(f"{vendor}: CPU a word, 5 hours", "1 hour", growth, "x", 1.2)
    for kind, read_bytes in results["probe"].items():
        yield Row(f"probing a {kind} of 600 MB reads", "", read_bytes / MEGA, "MB", 1.0)


def _polling_rows(results: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    ours, best = results["asrcore"], results["best possible, as late"]
    yield Row("polling, no history: queries a job", "", ours["queries"], "", 8.0)
    yield Row("polling, no history: added latency", "", 100 * ours["late"], "%", 8.0)
    yield Row("polling, no history: most queries of any job", "", ours["most_queries"], "", 90)
    yield Row("polling, no history: jobs given up", "", 100 * ours["given_up"], "%", 0.0)
    yield Row("polling, no history: queries", "best schedule, as late", ours["queries"] / best["queries"], "x", 1.15)
    for completed in polling.LEARNED_FROM:
        known = results[polling.learned_from(completed)]
        yield Row(f"polling, {completed} jobs of each vendor known: queries", "", known["queries"], "", 8.0)
        yield Row(f"polling, {completed} jobs of each vendor known: latency", "", 100 * known["late"], "%", 8.0)
    queries = known["queries"] / results["best possible for a known vendor, as late"]["queries"]
    yield Row("polling, vendors known: queries", "best schedule that knows the vendor", queries, "x")


def _burst_rows(results: list[Mapping[str, Any]]) -> Iterator[Row]:
    for run in results:
        what = f"{run['recordings']} recordings at once"
        yield Row(f"{what}: time", "the vendor's rate", run["over_limit"], "x", 1.1)
        yield Row(f"{what}: refused by the vendor", "", run["refusals"], "", 0)
        yield Row(f"{what}: writes a job", "", run["writes_per_job"], "")


def _stack_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    for vendor, taken in results["callbacks"].items():
        yield Row(f"local stack, {vendor}: callback to execution's end", "", taken["ended_s"], "s")
    together = results["together"]
    yield Row(f"local stack, {together['recordings']} at once: recordings a minute", "", together["a_minute"], "")


def _economy_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    yield Row("AWS for 1,000 jobs, mean of vendors and lengths", "", results["mean_usd"], "USD", 0.7)
    yield Row("the same, vendors' history known", "", results["mean_usd_learned"], "USD", 0.7)
    for vendor, lengths in results["vendors"].items():
        for length, cell in lengths.items():
            if "usd_demo_3_s" in cell:
                ratio = cell["usd"] / cell["usd_demo_3_s"]
                yield Row(f"{vendor}, {length}: AWS", "the demo's loop of 3 s", ratio, "x", 1.0)
    for vendor, share in results["share_of_the_vendors_bill"].items():
        yield Row(f"{vendor}: AWS for an hour", "the vendor's bill", 100 * share, "%", 1.0)


if __name__ == "__main__":
    sys.exit(main())
