"""Nothing lost, nothing twice, nothing stuck: whatever goes wrong, wherever.

`make chaos SEED=7 BUDGET_S=600` runs the same without these bounds.
"""

import ast
from dataclasses import replace
from itertools import islice

import pytest

from asrcore.core.job import Status
from asrcore.vendors.registry import VENDORS
from tests.simulation.counters import COUNTERS
from tests.simulation.explore import Counts, journeys, random_schedule, single_faults
from tests.simulation.faults import Kind
from tests.simulation.invariants import violations
from tests.simulation.schedule import Schedule
from tests.simulation.world import World
from tests.support.template import ROOT

MODULES = sorted([*(ROOT / "layers/asrcore/asrcore").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
SAMPLE = 23  # of the other journeys' single faults, every so manieth
RANDOM_SCHEDULES, CHUNK = 900, 100


@pytest.fixture
def counts(record_property):
    counted = Counts()
    yield counted
    record_property("schedules", counted.schedules)
    record_property("points", counted.points)


def test_every_vendor_of_the_registry_takes_part():
    assert not VENDORS.keys() - COUNTERS.keys(), "give it a desk in tests/simulation/counters.py"


@pytest.mark.parametrize("vendor", COUNTERS)
def test_every_single_fault_at_every_point_of_a_vendors_journey(vendor, counts):
    for schedule in single_faults(journeys(vendor)["plain"]):
        assert not (story := counts.run(schedule)), story


@pytest.mark.parametrize("vendor", COUNTERS)
def test_single_faults_of_every_other_kind_of_journey(vendor, counts):
    for number, journey in enumerate(journeys(vendor).values()):
        assert not (story := counts.run(journey)), story
        for schedule in islice(single_faults(journey), 1 + number, None, SAMPLE):
            assert not (story := counts.run(schedule)), story


@pytest.mark.parametrize("first_seed", range(0, RANDOM_SCHEDULES, CHUNK))
def test_several_faults_at_random(first_seed, counts):
    for seed in range(first_seed, first_seed + CHUNK):
        assert not (story := counts.run(random_schedule(COUNTERS, seed))), story


@pytest.mark.parametrize("vendor", COUNTERS)
def test_lambda_without_room_costs_a_job_time_and_nothing_else(vendor):
    for seed in range(10):
        world = World(replace(journeys(vendor)["Lambda has no room"], seed=seed)).run()

        (job,) = world.jobs.values()
        assert (job.status, len(job.attempts), job.restarts) == (Status.COMPLETED, 1, []), world.story


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(ROOT).as_posix())
def test_nothing_holds_a_process_that_dies(module):
    handlers = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ExceptHandler)]

    caught = [ast.unparse(handler.type) if handler.type else "everything" for handler in handlers]
    assert not {"everything", "BaseException"} & set(caught)


def test_a_broken_promise_is_noticed():
    world = World(Schedule(("toy-query",))).run()
    (job,) = world.jobs.values()

    del world.s3.objects["transcripts", job.transcript_key]

    assert any("has no transcript" in broken for broken in violations(world))


def test_the_same_schedule_tells_the_same_story():
    schedule = replace(random_schedule(COUNTERS, 7), faults={9: Kind.DELAYED, 20: Kind.DIES_AFTER})

    assert World(schedule).run().story == World(Schedule.from_json(schedule.to_json())).run().story
