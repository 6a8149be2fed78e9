"""What a job costs on AWS: counted in a simulation of the real state machine, functions and stores, for each vendor.

A vendor takes as long as it publishes, and calls back then if it does; first nobody knows how long it usually takes,
then somebody does. Beside it stands the loop of the vendors' demos as a state machine: submit, wait 2 or 3 seconds,
ask, once more. Prints a table; `python -m benchmarks.economy`.
"""

import logging
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from asrcore.core.cost import priced
from asrcore.core.footprint import QUERY_MS, SUBMIT_MS, Footprint
from asrcore.core.money import DIGITS, Amount
from asrcore.core.prices import VENDOR_PRICES
from asrcore.core.vendor import Completion
from asrcore.vendors.registry import VENDORS
from benchmarks.polling import SEED, Median, World, by_document_a, by_document_b, proportional
from tests.simulation.schedule import Schedule
from tests.support.counted import CountedWorld, rates, run

MINUTE_S, HOUR_S = 60.0, 3600.0
LENGTHS_S: Mapping[str, float] = {"1 min": MINUTE_S - 1, "1 h": HOUR_S - 1, "5 h": 5 * HOUR_S - 1}
TURNAROUNDS = 25  # for each vendor and length, equally likely; the last is of a recording that stood in a queue
JOBS = 1000
LOOPS_S = (2, 3)
CHINA = "cn-northwest-1"
_ABCPEN = {"document A": (by_document_a, 0.5), "document B": (by_document_b, 0.5)}
_OTHERS: Mapping[str, tuple[Median, float]] = {"published": (proportional, 1.0)}


_COLUMNS = {
    "transitions": ("transitions", 13),
    "invocations": ("invocations", 13),
    "requests": ("requests", 10),
    "usd": ("USD/1,000", 11),
    "usd_learned": ("learned", 9),
    "cny_in_china": ("CNY/1,000", 11),
    "usd_demo_2_s": ("demo 2 s", 10),
    "usd_demo_3_s": ("demo 3 s", 10),
}


def turnarounds(vendor: str, length_s: float) -> list[float]:
    """What a vendor takes for a recording, in seconds: the middles of equally likely parts."""
    world = World(_ABCPEN if vendor.startswith("abcpen") else _OTHERS)
    drawn = world.draw(length_s, np.random.default_rng(SEED))
    return [float(drawn[int((part + 0.5) / TURNAROUNDS * len(drawn))]) for part in range(TURNAROUNDS)]


def counted(world: CountedWorld) -> Footprint:
    """What a job did, counted; what no simulation can count, as derived from its row."""
    counts, derived = world.counts(), world.derived()
    seen = {name: value for name, value in asdict(counts).items() if name not in ("secret_reads", "s3_gets")}
    return replace(derived, **seen, sent_bytes=0)


def demo_loop(turnaround_s: float, every_s: float, like: Footprint) -> Footprint:
    """The demo's loop around the same job: a state to submit, then wait, ask and choose until there is a result.

    like: whose transcript it writes; it keeps no row, no line, and waits for no callback.
    """
    queries = math.ceil(turnaround_s / every_s)
    return replace(
        like,
        transitions=3 * queries + 2,
        invocations=queries + 1,
        compute_ms=SUBMIT_MS + QUERY_MS * queries,
        table_writes=0,
        table_write_units=0,
        table_reads=0,
        table_read_units=0,
        api_requests=0,
        logged_bytes=like.logged_bytes // like.invocations * (queries + 1),
    )


def takes(vendor: str, length_s: float) -> bool:
    """Whether a vendor takes a recording of this length."""
    return length_s * 1000 <= VENDORS[vendor].limits.max_duration_ms


def measure() -> dict[str, Any]:
    """For each vendor and length: means over its turnarounds, per job and, in money, per 1,000 jobs."""
    cells = {
        vendor: {name: _cell(vendor, length_s) for name, length_s in LENGTHS_S.items() if takes(vendor, length_s)}
        for vendor in VENDORS
    }
    every = [cell for lengths in cells.values() for cell in lengths.values()]
    hours = [_share(vendor, lengths["1 h"]) for vendor, lengths in cells.items() if "1 h" in lengths]
    return {
        "jobs": JOBS,
        "vendors": cells,
        "mean_usd": float(np.mean([cell["usd"] for cell in every])),
        "mean_usd_learned": float(np.mean([cell["usd_learned"] for cell in every])),
        "mean_cny_in_china": float(np.mean([cell["cny_in_china"] for cell in every])),
        "mean_usd_demo_2_s": float(np.mean([cell["usd_demo_2_s"] for cell in every if "usd_demo_2_s" in cell])),
        "share_of_the_vendors_bill": {name: share for name, share in hours if share is not None},
    }


def _cell(vendor: str, length_s: float) -> dict[str, float]:
    is_sync = Completion.SYNC in VENDORS[vendor].completes_by
    drawn = turnarounds(vendor, length_s)[: 1 if is_sync else None]
    schedule, usual_s = Schedule((vendor,)), float(np.median(drawn))
    jobs: list[Footprint] = []
    learned: list[Footprint] = []
    loops: dict[int, list[Footprint]] = {every_s: [] for every_s in LOOPS_S}
    for turnaround_s in drawn:
        done = counted(run(schedule, turnaround_s=turnaround_s, audio_s=length_s))
        jobs.append(done)
        learned.append(counted(run(schedule, turnaround_s=turnaround_s, audio_s=length_s, typical_s=round(usual_s))))
        for every_s in LOOPS_S:
            loops[every_s].append(demo_loop(turnaround_s, every_s, done))
    cell = {
        "transitions": _mean([job.transitions for job in jobs]),
        "most_transitions": max(job.transitions for job in jobs),
        "invocations": _mean([job.invocations for job in jobs]),
        "requests": _mean(
            [job.table_writes + job.table_reads + job.s3_puts + job.s3_gets + job.events for job in jobs]
        ),
        "transitions_learned": _mean([job.transitions for job in learned]),
        "usd": _money(jobs).usd,
        "usd_learned": _money(learned).usd,
        "cny": _money(jobs).cny,
        "cny_in_china": _money(jobs, CHINA).cny,
    }
    if not is_sync:
        for every_s, loop in loops.items():
            cell[f"transitions_demo_{every_s}_s"] = _mean([each.transitions for each in loop])
            cell[f"usd_demo_{every_s}_s"] = _money(loop).usd
    return cell


def _money(jobs: list[Footprint], region: str = "us-east-1") -> Amount:
    """Of a thousand such jobs."""
    amounts = [priced(job, rates(region)) for job in jobs]
    return Amount(
        usd=round(JOBS * _mean([each.usd for each in amounts]), DIGITS),
        cny=round(JOBS * _mean([each.cny for each in amounts]), DIGITS),
    )


def _share(vendor: str, cell: Mapping[str, float]) -> tuple[str, float | None]:
    """AWS's part of the vendor's bill for an hour; None where nobody knows what the vendor asks."""
    price = VENDOR_PRICES[vendor]
    if price.price is None:
        return vendor, None
    return vendor, cell["usd"] / JOBS / rates().exchange.amount(price.price, price.currency).usd


def _mean(values: list[float] | list[int]) -> float:
    return float(np.mean(values))


def main() -> int:
    """Count and print."""
    logging.disable(logging.CRITICAL)
    found = measure()
    print(f"{'vendor':<21} length" + "".join(f"{name:>{width}}" for name, width in _COLUMNS.values()))
    for vendor, lengths in found["vendors"].items():
        for name, cell in lengths.items():
            figures = "".join(f"{cell.get(key, 0):>{width}.3f}" for key, (_, width) in _COLUMNS.items())
            print(f"{vendor:<21} {name:>6}{figures}")
    means = ", ".join(f"{name.removeprefix('mean_')} {found[name]:.3f}" for name in found if name.startswith("mean_"))
    print(f"means for {JOBS} jobs: {means}")
    print(f"of the vendor's bill for an hour: {found['share_of_the_vendors_bill']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
