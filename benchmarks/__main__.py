"""Runs every benchmark, prints one table of figures and targets, and writes `benchmarks/results.json`.

What is simulated takes the cores together, beside the starts of functions, whose figures are ratios; what else is timed
runs alone, one after the other, and the local stack comes last.
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

from benchmarks import burst, cold_start, economy, polling, recognition, size, stack, viewer, warm
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
        return f"{self.what:<66} {self.against:<36} {self.figure:>9.3f} {self.unit:<8} {target:>7}{missed}"


def main() -> int:
    """Measure, print, write."""
    logging.disable(logging.CRITICAL)
    start = time.monotonic()
    machine: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    results = {
        "machine": machine,
        **starts_and_simulations(),
        "warm": warm.measure(),
        "size": size.measure(),
        "viewer": viewer.measure(),
        "stack": stack.measure(),
        "recognition": recognition.measure(),
    }
    machine["seconds"] = round(time.monotonic() - start)
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    found = list(rows(results))
    print(f"{'':<66} {'against':<36} {'measured':>9} {'':<8} {'at most':>7}")
    for row in found:
        print(row.line())
    missed = sum(row.is_missed for row in found)
    print(f"{len(found)} figures, {missed} missed, in {machine['seconds']} s")
    return 0


def starts_and_simulations() -> dict[str, Any]:
    """What needs no clock, in as many processes as there are cores; starts are measured beside the longest of it.

    A start is a single process and every figure of it a ratio, so that a neighbour does not change them.
    """
    *shorter, longest = burst.COUNTS
    with ProcessPoolExecutor(os.cpu_count(), initializer=logging.disable, initargs=(logging.CRITICAL,)) as pool:
        bursts = {longest: pool.submit(burst.burst, longest)}
        cold = cold_start.measure()
        strict = pool.submit(burst.burst, burst.STRICT_COUNT, counts_queries=True)
        bursts |= {count: pool.submit(burst.burst, count) for count in shorter}
        others = {"polling": pool.submit(polling.measure), "economy": pool.submit(economy.measure)}
        return {
            "cold_start": cold,
            "burst": [asdict(each.result()) for each in (*(bursts[count] for count in burst.COUNTS), strict)],
            **{name: each.result() for name, each in others.items()},
        }


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """The table."""
    yield from _start_rows(results["cold_start"])
    yield from _warm_rows(results["warm"])
    yield from _size_rows(results["size"])
    yield from _viewer_rows(results["viewer"])
    yield from _polling_rows(results["polling"])
    yield from _burst_rows(results["burst"])
    yield from _stack_rows(results["stack"])
    yield from _economy_rows(results["economy"])
    yield from (Row(*row) for row in recognition.rows(results["recognition"]))


def _start_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    cpu_s = results["starts_cpu_s"]
    for name in FUNCTIONS:
        yield Row(f"{name}: start", "boto3 and the stack's clients", cpu_s[name] / cpu_s["floor"], "x", 1.25)
        built, compiled = cpu_s["vendor's SDK, sources only"], cpu_s["vendor's SDK"]
        yield Row(f"{name}: start", "with Tencent's SDK, by `sam build`", cpu_s[name] / built, "x", 0.9)
        yield Row(f"{name}: start", "with Tencent's SDK, compiled as ours", cpu_s[name] / compiled, "x", 0.9)
        ready_s = cpu_s[f"{name}, ready for its usual step"]
        yield Row(
            f"{name}: ready for its usual step",
            "boto3, this step's clients",
            ready_s / cpu_s[f"floor of {name}"],
            "x",
            1.25,
        )
        sdk_s = cpu_s[f"vendor's SDK for {name}"]
        yield Row(f"{name}: ready for its usual step", "these clients and the SDK, compiled", ready_s / sdk_s, "x", 0.9)
    uncompiled = cold_start.UNCOMPILED
    sources = cpu_s[f"{uncompiled}, sources only"] / cpu_s[uncompiled]
    yield Row(f"{uncompiled}: start if the layer were not compiled", "as it is", sources, "x")
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
            yield Row(f"{vendor}: CPU of the query step with the result", "", steps["finish_ms"], "ms")
        if "callback_ms" in steps:
            yield Row(f"{vendor}: CPU of the callback with the result", "", steps["callback_ms"], "ms")
            yield Row(f"{vendor}: CPU of a whole job that calls back", "", steps["callback_job_ms"], "ms")
        if "query_ms" in steps:
            yield Row(f"{vendor}: CPU of a whole job that is asked about", "", steps["job_ms"], "ms")
        elif "callback_ms" not in steps:
            yield Row(f"{vendor}: CPU of a whole job, answered at once", "", steps["job_ms"], "ms")


def _size_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    for vendor, cases in results["replies"].items():
        shortest, hour, longest = (cases[str(minutes)] for minutes in (size.MINUTES[0], *size.MINUTES[-2:]))
        yield Row(f"{vendor}: 5 hours of words, read to stored", "", longest["cpu_s"], "CPU s", 2.0)
        yield Row(f"{vendor}: peak of memory of the process", "", longest["peak_mib"], "MiB", 256.0)
        yield Row(f"{vendor}: CPU a word, 5 hours", "1 minute", _growth(shortest, longest, "cpu_s"), "x", 1.2)
        yield Row(f"{vendor}: CPU a word, 5 hours", "1 hour", _growth(hour, longest, "cpu_s"), "x", 1.2)
        yield Row(f"{vendor}: CPU a word, 5 hours, reading alone", "1 hour", _growth(hour, longest, "read_s"), "x")
    for kind, read_bytes in results["probe"].items():
        yield Row(f"probing a recording of 600 MB ({kind}) reads", "", read_bytes / MEGA, "MB", 1.0)


def _growth(shorter: Mapping[str, float], longer: Mapping[str, float], what: str) -> float:
    """Of what a word takes."""
    return (longer[what] / longer["words"]) / (shorter[what] / shorter["words"])


def _viewer_rows(results: Mapping[str, float]) -> Iterator[Row]:
    yield Row("viewer, 5 hours of words: first words on the screen", "", results["first_words_ms"] / 1000, "s", 2.0)
    yield Row("viewer, 5 hours of words: page loaded", "", results["load_ms"] / 1000, "s", 2.0)
    yield Row(f"viewer, 5 hours of words: search, {results['hits']} hits", "", results["search_ms"], "ms")
    yield Row("viewer, 5 hours of words: 95 % of frames, flicking", "", results["flick_p95_ms"], "ms", 34.0)
    yield Row("viewer, 5 hours of words: 95 % of frames, dragging", "", results["drag_p95_ms"], "ms")


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
    yield Row("polling, vendors known: queries", "best schedule that knows the vendor", queries, "x", 1.15)


def _burst_rows(results: list[Mapping[str, Any]]) -> Iterator[Row]:
    for run in results:
        counts = ", questions counted" if run["counts_queries"] else ""
        what = f"{run['recordings']} recordings at once{counts}"
        yield Row(f"{what}: time", "the vendor's rate", run["over_limit"], "x", 1.1)
        yield Row(f"{what}: refused by the vendor", "", run["refusals"], "", 0)
        yield Row(f"{what}: writes a job", "", run["writes_per_job"], "")


def _stack_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    for vendor, taken in results["callbacks"].items():
        yield Row(f"local stack, {vendor}: callback to execution's end", "", taken["ended_s"], "s")
    together = results["together"]
    yield Row(f"local stack, {together['recordings']} at once: recordings a minute", "", together["a_minute"], "")


def _economy_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    yield Row("AWS for 1,000 jobs, each vendor and length alike", "", results["mean_usd"], "USD", 0.7)
    yield Row("the same, vendors' history known", "", results["mean_usd_learned"], "USD", 0.7)
    yield Row("the same, no history, in China", "", results["mean_cny_in_china"], "CNY")
    for vendor, lengths in results["vendors"].items():
        for length, cell in lengths.items():
            what = f"{vendor}, {length}"
            yield Row(f"{what}: states entered a job", "", cell["transitions"], "")
            yield Row(f"{what}: runs of functions a job", "", cell["invocations"], "")
            yield Row(f"{what}: requests a job", "", cell["requests"], "")
            yield Row(f"{what}: AWS for 1,000 jobs", "", cell["usd"], "USD")
            yield Row(f"{what}: AWS for 1,000 jobs in China", "", cell["cny_in_china"], "CNY")
            if "usd_demo_3_s" in cell:
                ratio = cell["usd"] / cell["usd_demo_3_s"]
                yield Row(f"{what}: AWS", "the demo's loop of 3 s", ratio, "x", 1.0)
    for vendor, share in results["share_of_the_vendors_bill"].items():
        yield Row(f"{vendor}: AWS for an hour", "the vendor's bill", 100 * share, "%", 1.0)


if __name__ == "__main__":
    sys.exit(main())
