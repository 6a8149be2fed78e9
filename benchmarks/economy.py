"""What a job costs on AWS: counted in a simulation of the real state machine, functions and stores, for each vendor.

A vendor's turnaround is the published one, or hours where the recording waits in a queue. Each case runs without and
with turnaround statistics of the vendor. The peer is the loop of the vendors' demos as a state machine: submit, wait 2
or 3 seconds, query, repeat. Prints a table; `python -m benchmarks.economy
[VENDOR …]`.
"""

import logging
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from asrcore.core.aws_usage import QUERY_MS, SUBMIT_MS, AwsUsage
from asrcore.core.cost import priced
from asrcore.core.money import DIGITS, Amount
from asrcore.core.prices import VENDOR_PRICES
from asrcore.core.vendor import Completion
from asrcore.vendors.registry import LONG_CALLS, VENDORS
from benchmarks.polling import IN_A_QUEUE, SEED, Median, World, by_document_a, by_document_b, proportional
from tests.simulation.schedule import Schedule
from tests.support.usage_scenarios import CountedWorld, rates, run

MINUTE_S, HOUR_S = 60.0, 3600.0
LENGTHS_S: Mapping[str, float] = {"1 min": MINUTE_S - 1, "1 h": HOUR_S - 1, "5 h": 5 * HOUR_S - 1}
USUAL, QUEUED = 24, 3  # turnarounds of recordings that stand in no queue, and in one; where two documents differ 12, 3
JOBS = 1000
LOOPS_S = (2, 3)
CHINA = "cn-northwest-1"
_ABCPEN = (by_document_a, by_document_b)  # it is unknown which of them holds: each for half of the jobs

_COLUMNS = {
    "transitions": ("transitions", 13),
    "invocations": ("invocations", 13),
    "requests": ("requests", 10),
    "usd": ("USD/1,000", 11),
    "cny": ("CNY/1,000", 11),
    "usd_learned": ("learned USD", 13),
    "cny_in_china": ("in China CNY", 14),
    "usd_demo_2_s": ("demo 2 s USD", 14),
    "usd_demo_3_s": ("demo 3 s USD", 14),
}


class Turnaround(NamedTuple):
    """One turnaround. share: of the vendor's jobs.  typical_s: what the turnaround statistics would hold."""

    seconds: float
    share: float
    is_queued: bool
    typical_s: int


def turnarounds(vendor: str, length_s: float) -> list[Turnaround]:
    """Return a vendor's turnarounds for a length: the middles of equally likely parts."""
    medians = _ABCPEN if vendor.startswith("abcpen") else (proportional,)
    return [each for median in medians for each in _published(median, length_s, 1 / len(medians))]


def _published(median: Median, length_s: float, share: float) -> Iterator[Turnaround]:
    usual, queued = World({"": (median, 1.0)}).draw_apart(length_s, np.random.default_rng(SEED))
    typical_s = round(1 / np.mean(1 / np.concatenate([usual, queued])))  # the mean of speeds, as history has it
    for drawn, count, part in ((usual, round(USUAL * share), 1 - IN_A_QUEUE), (queued, QUEUED, IN_A_QUEUE)):
        for place in range(count):
            seconds = float(drawn[int((place + 0.5) / count * len(drawn))])
            yield Turnaround(seconds, share * part / count, drawn is queued, typical_s)


def counted(world: CountedWorld) -> AwsUsage:
    """Return a job's usage as counted, and as estimated where the simulation cannot count it; without sent bytes."""
    counted, estimated = world.counts.usage(world.job), world.estimate
    return replace(
        counted,
        compute_ms=estimated.compute_ms,
        s3_gets=estimated.s3_gets,
        secret_reads=estimated.secret_reads,
        logged_bytes=estimated.logged_bytes,
    )


def demo_loop(turnaround_s: float, every_s: float, like: AwsUsage) -> AwsUsage:
    """Return the usage of the demo's loop for the same job: submit, then wait, query and choose until the result.

    like: the job whose transcript it writes. The loop has no row, no rate limit and no callback.
    """
    queries = math.ceil(turnaround_s / every_s)
    return replace(
        like,
        transitions=3 * queries + 2,
        invocations=queries + 1,
        compute_ms=SUBMIT_MS + QUERY_MS * queries,
        table_writes=0,
        table_reads=0,
        api_requests=0,
        logged_bytes=like.logged_bytes // like.invocations * (queries + 1),
    )


def takes(vendor: str, length_s: float) -> bool:
    """Return whether a vendor accepts a recording of this length."""
    return length_s * 1000 <= VENDORS[vendor].limits.max_duration_ms


def measure(vendors: Iterable[str] = tuple(VENDORS)) -> dict[str, Any]:
    """Return for each vendor and length the means over its turnarounds, per job and, in money, per 1,000 jobs."""
    cells = {
        vendor: {name: _cell(vendor, length_s) for name, length_s in LENGTHS_S.items() if takes(vendor, length_s)}
        for vendor in vendors
    }
    return {"jobs": JOBS, "vendors": cells, **means(cells)}


def means(cells: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Return the means over all vendors and lengths, each with the same weight.

    A vendor that answers in one long call is left out: its function runs as long as the vendor needs, whatever we do.
    """
    polled = {vendor: lengths for vendor, lengths in cells.items() if vendor not in LONG_CALLS}
    every = [cell for lengths in polled.values() for cell in lengths.values()]
    hours = [_share(vendor, lengths["1 h"]) for vendor, lengths in polled.items() if "1 h" in lengths]
    return {
        "mean_usd": float(np.mean([cell["usd"] for cell in every])),
        "mean_usd_learned": float(np.mean([cell["usd_learned"] for cell in every])),
        "mean_cny_in_china": float(np.mean([cell["cny_in_china"] for cell in every])),
        "mean_usd_demo_2_s": float(np.mean([cell["usd_demo_2_s"] for cell in every if "usd_demo_2_s" in cell])),
        "share_of_the_vendors_bill": {name: share for name, share in hours if share is not None},
    }


def _cell(vendor: str, length_s: float) -> dict[str, float]:
    is_sync = Completion.SYNC in VENDORS[vendor].completion_modes
    drawn = turnarounds(vendor, length_s)[: 1 if is_sync else None]
    shares = [each.share for each in drawn]
    schedule = Schedule((vendor,))
    jobs: list[AwsUsage] = []
    requests: list[int] = []
    learned: list[AwsUsage] = []
    loops: dict[int, list[AwsUsage]] = {every_s: [] for every_s in LOOPS_S}
    for each in drawn:
        world = run(schedule, turnaround_s=each.seconds, audio_s=length_s)
        done = counted(world)
        jobs.append(done)
        requests.append(world.counts.requests - world.counts.s3_gets + done.s3_gets)
        known = run(schedule, turnaround_s=each.seconds, audio_s=length_s, typical_s=each.typical_s)
        learned.append(counted(known))
        for every_s in LOOPS_S:
            loops[every_s].append(demo_loop(each.seconds, every_s, done))
    cell = {
        "transitions": _mean([job.transitions for job in jobs], shares),
        "most_transitions": max(job.transitions for job in jobs),
        "invocations": _mean([job.invocations for job in jobs], shares),
        "requests": _mean(requests, shares),
        "transitions_learned": _mean([job.transitions for job in learned], shares),
        "usd": _money(jobs, shares).usd,
        "usd_learned": _money(learned, shares).usd,
        "cny": _money(jobs, shares).cny,
        "cny_in_china": _money(jobs, shares, CHINA).cny,
    }
    if Completion.QUERY in VENDORS[vendor].completion_modes:
        for every_s, loop in loops.items():
            cell[f"transitions_demo_{every_s}_s"] = _mean([each.transitions for each in loop], shares)
            cell[f"usd_demo_{every_s}_s"] = _money(loop, shares).usd
    return cell


def _money(jobs: Sequence[AwsUsage], shares: Sequence[float], region: str = "us-east-1") -> Amount:
    """Return the cost of a thousand such jobs."""
    amounts = [priced(job, rates(region)) for job in jobs]
    return Amount(
        usd=round(JOBS * _mean([each.usd for each in amounts], shares), DIGITS),
        cny=round(JOBS * _mean([each.cny for each in amounts], shares), DIGITS),
    )


def _share(vendor: str, cell: Mapping[str, float]) -> tuple[str, float | None]:
    """Return AWS's share of the vendor's price for an hour; None without a price, or where it is unknown."""
    price = VENDOR_PRICES[vendor]
    if not price.price:
        return vendor, None
    return vendor, cell["usd"] / JOBS / rates().exchange.amount(price.price, price.currency).usd


def _mean(values: Sequence[float], shares: Sequence[float]) -> float:
    return float(np.average(values, weights=shares))


def main() -> int:
    """Measure and print."""
    logging.disable(logging.CRITICAL)
    found = measure(sys.argv[1:] or tuple(VENDORS))
    print(f"{'vendor':<21} length" + "".join(f"{name:>{width}}" for name, width in _COLUMNS.values()))
    for vendor, lengths in found["vendors"].items():
        for name, cell in lengths.items():
            figures = (f"{cell[key]:.3f}" if key in cell else "–" for key in _COLUMNS)
            row = "".join(f"{each:>{width}}" for each, (_, width) in zip(figures, _COLUMNS.values(), strict=True))
            print(f"{vendor:<21} {name:>6}{row}")
    means = ", ".join(f"{name.removeprefix('mean_')} {found[name]:.3f}" for name in found if name.startswith("mean_"))
    print(f"means for {JOBS} jobs, every vendor and length alike: {means}")
    print(f"of the vendor's bill for an hour: {found['share_of_the_vendors_bill']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
