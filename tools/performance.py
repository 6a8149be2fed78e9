"""The tables of docs/performance.md, out of what `make bench` and `make bench-all` have measured."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.markdown import table

_ALONE = ", its imports alone"
_TARGETS = {"short": "make bench", "long": "make bench-all"}
_MONEY = ("usd", "usd_learned", "cny_in_china", "usd_demo_2_s", "usd_demo_3_s")
RESULTS = Path(__file__).parents[1] / "benchmarks/results.json"


def _results() -> dict[str, Any]:
    """Return the parts of the results by name, the short one first."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {name: found[name] for name in _TARGETS}


def measured() -> str:
    """Return when and where the figures were measured, a line for each part."""
    return "".join(
        f"- `{_TARGETS[name]}`: {machine['date']}, {machine['seconds']} s on {machine['cores']} cores, Python "
        f"{machine['python']}, {machine['system']}\n"
        for name, machine in ((name, part["machine"]) for name, part in _results().items())
    )


def aims() -> str:
    """Return every figure that has an aim; those that are missed first, then those that are nearest to it."""
    figures = [each for part in _results().values() for each in part["figures"] if each["aim"] is not None]
    figures.sort(key=lambda each: (each["value"] <= each["aim"], -each["value"] / (each["aim"] or 1)))
    rows = (
        (
            each["what"],
            each["against"],
            f"{each['value']:.2f}",
            f"{each['aim']:g}",
            "met" if each["value"] <= each["aim"] else "**missed**",
        )
        for each in figures
    )
    return table(("figure", "held against", "ratio", "at most", ""), rows)


def starts() -> str:
    """Return a row per function: CPU until it is ready, and what it is of the start of others."""
    cpu_s = _results()["short"]["found"]["cold_start"]["starts_cpu_s"]
    names = sorted(name for name in cpu_s if f"{name}{_ALONE}" in cpu_s)
    floor_s, sdk_s = cpu_s["boto3 and the stack's clients"], cpu_s["vendor's SDK"]
    rows = (
        (
            name,
            f"{1000 * cpu_s[name]:.0f} ms",
            f"{cpu_s[name] / cpu_s[name + _ALONE]:.2f}",
            f"{cpu_s[name] / floor_s:.2f}",
            f"{cpu_s[name] / sdk_s:.2f}",
        )
        for name in names
    )
    header = (
        "function",
        "CPU",
        "its imports alone",
        "boto3 and the stack's clients",
        "these and Tencent's SDK, compiled",
    )
    return table(header, rows)


def schedules() -> str:
    """Return a row per schedule of queries."""
    rows = (
        (
            name,
            f"{outcome['queries']:.1f}",
            f"{100 * outcome['late']:.1f} %",
            f"{outcome['most_queries']:,}",
            f"{100 * outcome['given_up']:.0f} %",
        )
        for name, outcome in _results()["short"]["found"]["polling"].items()
    )
    return table(("schedule", "queries a job", "added latency", "most for one job", "given up"), rows)


def bursts() -> str:
    """Return a row per number of recordings that are dropped at once."""
    runs = [run for part in _results().values() for run in part["found"]["burst"]]
    rows = (
        (
            f"{run['recordings']:,}{', queries counted too' if run['counts_queries'] else ''}",
            f"{run['over_limit']:.3f}",
            str(run["refusals"]),
            f"{run['writes_per_job']:.1f}",
        )
        for run in sorted(runs, key=lambda run: (run["counts_queries"], run["recordings"]))
    )
    return table(("recordings at once", "time, of the vendor's rate", "refused", "writes to the table a job"), rows)


def replies() -> str:
    """Return a row per form of reply, for five hours of words."""
    cases = _results()["long"]["found"]["size"]["replies"]
    rows = ((vendor, *_reply(by_minutes)) for vendor, by_minutes in cases.items())
    header = ("reply of", "CPU, read to stored", "of it reading", "peak of the process", "CPU a word, against one hour")
    return table(header, rows)


def _reply(by_minutes: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    hour, longest = (by_minutes[minutes] for minutes in sorted(by_minutes, key=int)[-2:])
    yield f"{longest['cpu_s']:.2f} s"
    yield f"{longest['read_s']:.2f} s"
    yield f"{longest['peak_mib']:.0f} MiB"
    yield f"{(longest['cpu_s'] / longest['words']) / (hour['cpu_s'] / hour['words']):.2f}"


def callbacks() -> str:
    """Return a row per vendor that calls back: from its post to the end of the execution, on the local stack."""
    taken = _results()["short"]["found"]["callbacks"]
    return table(("vendor", "seconds"), ((f"`{name}`", f"{each['ended_s']:.2f}") for name, each in taken.items()))


def costs() -> str:
    """Return a row per vendor and length: what AWS does for a job, and charges for a thousand."""
    vendors = _results()["short"]["found"]["economy"]["vendors"]
    rows = (
        (
            f"`{vendor}`",
            length,
            *(f"{cell[name]:.1f}" for name in ("transitions", "invocations")),
            f"{cell['requests']:.0f}",
            *(f"{cell[name]:.2f}" if name in cell else "–" for name in _MONEY),
        )
        for vendor, lengths in vendors.items()
        for length, cell in lengths.items()
    )
    header = ("vendor", "recording", "states entered", "runs of functions", "requests", "USD for 1,000", "with history")
    return table((*header, "CNY in China", "demo loop, 2 s", "3 s"), rows)


def usd_per_thousand_jobs(length: str) -> Mapping[str, float]:
    """Return what AWS charges for a thousand jobs of a length, without history, by vendor."""
    vendors = _results()["short"]["found"]["economy"]["vendors"]
    return {vendor: lengths[length][_MONEY[0]] for vendor, lengths in vendors.items()}


def conversions() -> str:
    """Return a row per kind and length of recording: what its conversion takes."""
    rows = (
        (
            f"{kind}, {minutes} min, {case['megabytes']:.0f} MB",
            f"{case['cpu_s']:.1f} s",
            f"{case['peak_mib']:.0f} MiB",
            f"{case['read_for_each_byte']:.2f}",
        )
        for part in _results().values()
        for kind, lengths in part["found"].get("conversion", {}).items()
        for minutes, case in lengths.items()
    )
    return table(("recording", "CPU", "peak of memory", "bytes read for each"), rows)
