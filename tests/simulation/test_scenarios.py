"""Check the invariants in every scenario of every vendor, with one fault on every path, and with several."""

from dataclasses import replace
from itertools import chain, islice

import pytest

from asrcore.core.job import Status
from tests.simulation.explore import EVERY_NTH, covering, journeys, random_schedule, scenarios, single_faults
from tests.simulation.fake_vendors import PROFILES, TOYS
from tests.simulation.world import World
from tests.support.sampled import EXHAUSTIVE, each_vendor, exhaustive, vendors_of_this_run

RANDOM_SCHEDULES, CHUNK, SAMPLE_CHUNKS = 900, 50, 3


@pytest.mark.parametrize("vendor", [*TOYS, *each_vendor()])
def test_invariants_hold_in_every_scenario(vendor, counts):
    counts.run_all(journeys(vendor).values())


def test_invariants_hold_with_each_kind_of_fault_on_every_path(counts):
    counts.run_all(chain(*covering(scenarios([*TOYS, *vendors_of_this_run()])).values()))


@EXHAUSTIVE
@pytest.mark.parametrize("vendor", PROFILES)
def test_invariants_hold_with_a_fault_in_every_scenario(vendor, counts):
    for number, journey in enumerate(journeys(vendor).values()):
        counts.run_all(islice(single_faults(journey), 1 + number, None, EVERY_NTH))


@pytest.mark.parametrize(
    "first_seed",
    [seed if seed < SAMPLE_CHUNKS * CHUNK else exhaustive(seed) for seed in range(0, RANDOM_SCHEDULES, CHUNK)],
)
def test_invariants_hold_with_several_random_faults(first_seed, counts):
    counts.run_all(random_schedule(PROFILES, seed) for seed in range(first_seed, first_seed + CHUNK))


@pytest.mark.parametrize("vendor", [*TOYS, *each_vendor()])
def test_lambda_throttling_only_delays_a_job(vendor):
    for seed in range(10):
        world = World(replace(journeys(vendor)["Lambda has no room"], seed=seed)).run()

        (job,) = world.jobs.values()
        assert (job.status, len(job.attempts), job.restarts) == (Status.COMPLETED, 1, []), world.log
