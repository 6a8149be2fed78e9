"""The AWS usage of simulated jobs: the estimate from their rows, and the economy that the benchmark measures."""

from itertools import product

import pytest

from asrcore.core.aws_usage import ERROR
from asrcore.core.cost import priced
from asrcore.vendors.registry import VENDORS
from benchmarks.economy import LENGTHS_S, demo_loop, measure, takes, turnarounds
from tests.simulation.schedule import Schedule
from tests.support.sampled import exhaustive
from tests.support.usage_scenarios import rates, requests_only, run


@pytest.mark.parametrize(
    ("vendor", "length"),
    [(vendor, length) for vendor, length in product(VENDORS, LENGTHS_S) if takes(vendor, LENGTHS_S[length])],
)
def test_estimate_is_within_its_error(vendor, length):
    """The local stack cannot hold this for recordings of hours, and for vendors with a queue of hours."""
    for turnaround in turnarounds(vendor, LENGTHS_S[length])[::5]:
        world = run(Schedule((vendor,)), turnaround_s=turnaround.seconds, audio_s=LENGTHS_S[length])

        counted = priced(world.counts.usage(world.job), rates()).usd

        assert priced(requests_only(world.estimate), rates()).usd == pytest.approx(counted, rel=ERROR), turnaround


@pytest.mark.parametrize("vendor", VENDORS)
def test_turnarounds_two_percent_of_jobs_wait_in_a_queue(vendor):
    drawn = turnarounds(vendor, LENGTHS_S["1 min"])

    assert sum(each.share for each in drawn) == pytest.approx(1)
    assert sum(each.share for each in drawn if each.is_queued) == pytest.approx(0.02)


# A function waits for the whole call of a vendor that accepts no URL, which costs more than any number of queries.
BY_URL = tuple(name for name, vendor in VENDORS.items() if vendor.limits.accepts_urls)


@pytest.mark.parametrize("vendors", [("volcengine",), exhaustive(BY_URL, id="every vendor")])
def test_economy_aws_is_a_small_part_of_the_bill(vendors):
    found = measure(vendors)

    assert found["mean_usd"] <= 0.7
    assert found["mean_usd_learned"] < found["mean_usd"] < found["mean_usd_demo_2_s"] / 10
    assert all(share <= 0.01 for share in found["share_of_the_vendors_bill"].values())


def test_demo_loop_enters_three_states_per_query():
    ours = run(Schedule(("abcpen",)), turnaround_s=60, audio_s=60).estimate

    loop = demo_loop(60, 3, ours)

    assert (loop.transitions, loop.invocations, loop.table_writes) == (62, 21, 0)
