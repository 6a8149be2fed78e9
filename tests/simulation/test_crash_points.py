"""Check the invariants with every fault at every point.

`make chaos SEED=7 BUDGET_S=600` runs more schedules.
"""

import ast
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from asrcore.core.job import Status
from asrcore.core.rate_limit import vendor_day
from asrcore.stores.budget import DynamoBudget
from asrcore.vendors.registry import VENDORS
from tests.simulation.explore import Counts, budget_journeys, journeys, random_schedule, single_faults
from tests.simulation.fake_vendors import PROFILES, TOYS
from tests.simulation.faults import Kind
from tests.simulation.invariants import violations
from tests.simulation.schedule import Schedule
from tests.simulation.world import World
from tests.support.sampled import each_vendor, exhaustive
from tests.support.template import ROOT

MODULES = sorted([*(ROOT / "layers/asrcore/asrcore").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
EVERY_NTH = 23  # of the other scenarios' single faults
RANDOM_SCHEDULES, CHUNK, SAMPLE_CHUNKS = 900, 50, 3
# The registry's vendors have the completion modes of the toys, so `make test` runs a part of their schedules.
ALL, SAMPLE, REST = "all", "a fifth", "the rest"
PARTS = [SAMPLE, exhaustive(REST)]


@pytest.fixture
def counts(record_property):
    counted = Counts()
    yield counted
    record_property("schedules", counted.schedules)
    record_property("points", counted.points)


def test_every_registered_vendor_has_a_profile():
    assert not VENDORS.keys() - PROFILES.keys(), "give it a profile in tests/simulation/fake_vendors.py"


@pytest.mark.parametrize("vendor", PROFILES)
def test_job_without_faults_completes_at_the_first_attempt(vendor):
    (job,) = World(journeys(vendor)["plain"]).run().jobs.values()

    assert (job.status, len(job.attempts)) == (Status.COMPLETED, 1)


def parts(*vendors, sampled):
    """Return vendors with all their schedules, and one that repeats their stages with a part of them."""
    return [*((vendor, ALL) for vendor in vendors), (sampled, SAMPLE), exhaustive(sampled, REST)]


def part_of(schedules, part):
    """Return all of these schedules, every fifth, or the others."""
    if part == ALL:
        return schedules
    return (each for number, each in enumerate(schedules) if (number % 5 == 0) == (part == SAMPLE))


def run_all(schedules, counts):
    for schedule in schedules:
        assert not (report := counts.run(schedule)), report


@pytest.mark.parametrize("vendor", TOYS)
def test_invariants_hold_with_any_fault_of_a_toy_vendor(vendor, counts):
    run_all(single_faults(journeys(vendor)["plain"]), counts)


@pytest.mark.parametrize(("vendor", "part"), parts("toy-sync", sampled="toy-both"))
def test_invariants_hold_with_any_fault_of_a_conversion(vendor, part, counts):
    run_all(part_of(single_faults(journeys(vendor)["converted"]), part), counts)


@pytest.mark.parametrize(("vendor", "part"), parts("toy-sync", sampled="toy-both"))
@pytest.mark.parametrize("journey", ["two-step writer", "empty"])
def test_invariants_hold_with_any_fault_of_an_empty_object(journey, vendor, part, counts):
    run_all(part_of(single_faults(journeys(vendor)[journey]), part), counts)


@pytest.mark.parametrize("vendor", PROFILES)
def test_two_step_writer_has_one_result_and_no_failure(vendor):
    world = World(journeys(vendor)["two-step writer"]).run()

    assert [what for what, _ in world.bus.published] == ["Transcript Completed"]
    assert {job.source.version_id: job.superseded for job in world.jobs.values()} == {"v1": True, "v2": False}


@pytest.mark.parametrize("vendor", PROFILES)
def test_object_that_stays_empty_fails_within_a_minute(vendor):
    (job,) = World(journeys(vendor)["empty"]).run().jobs.values()

    assert (job.status, job.error.code) == (Status.FAILED, "EmptyObject")
    assert (job.updated_at - job.created_at).total_seconds() < 60


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_invariants_hold_with_any_fault_of_a_vendor(vendor, part, counts):
    run_all(part_of(single_faults(journeys(vendor)["plain"]), part), counts)


def faults_of_every_kind_of_journey(vendor):
    for number, journey in enumerate(journeys(vendor).values()):
        yield from islice(single_faults(journey), 1 + number, None, EVERY_NTH)


@pytest.mark.parametrize("vendor", PROFILES)
def test_invariants_hold_in_every_scenario(vendor, counts):
    run_all(journeys(vendor).values(), counts)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("vendor", PROFILES)
def test_invariants_hold_with_a_fault_in_every_scenario(vendor, part, counts):
    run_all(part_of(faults_of_every_kind_of_journey(vendor), part), counts)


@pytest.mark.parametrize(
    "first_seed",
    [seed if seed < SAMPLE_CHUNKS * CHUNK else exhaustive(seed) for seed in range(0, RANDOM_SCHEDULES, CHUNK)],
)
def test_invariants_hold_with_several_random_faults(first_seed, counts):
    run_all((random_schedule(PROFILES, seed) for seed in range(first_seed, first_seed + CHUNK)), counts)


@pytest.mark.parametrize("vendor", [*TOYS, *each_vendor()])
def test_lambda_throttling_only_delays_a_job(vendor):
    for seed in range(10):
        world = World(replace(journeys(vendor)["Lambda has no room"], seed=seed)).run()

        (job,) = world.jobs.values()
        assert (job.status, len(job.attempts), job.restarts) == (Status.COMPLETED, 1, []), world.log


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(ROOT).as_posix())
def test_killed_process_stops_at_once(module):
    handlers = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ExceptHandler)]

    caught = [ast.unparse(handler.type) if handler.type else "everything" for handler in handlers]
    assert not {"everything", "BaseException"} & set(caught)


def test_broken_invariant_is_detected():
    world = World(Schedule(("toy-query",))).run()
    (job,) = world.jobs.values()

    del world.s3.objects["transcripts", job.transcript_key]

    assert any("has no transcript" in broken for broken in violations(world))


@pytest.mark.parametrize("vendor", ["toy-query", "tencent-sentence", "volcengine-bigmodel"])
@pytest.mark.parametrize("journey", ["same bytes again", "same bytes after others"])
def test_same_bytes_are_submitted_once(vendor, journey):
    world = World(journeys(vendor)[journey]).run()

    first, *_, last = world.jobs.values()
    assert (last.status, last.reused) == (Status.COMPLETED, first.job_id)


@pytest.mark.parametrize("vendor", ["toy-query", "tencent-sentence", "volcengine-bigmodel"])
def test_transcript_of_other_bytes_is_detected(vendor, monkeypatch):
    monkeypatch.setattr("asrcore.reuse._have_same_content", lambda one, other: True)
    other_bytes = replace(journeys(vendor)["same bytes again"], copies=())

    assert any("of other bytes" in broken for broken in violations(World(other_bytes).run()))


@pytest.mark.parametrize(("vendor", "part"), parts("toy-query", "toy-callback", "toy-sync-slow", sampled="toy-both"))
@pytest.mark.parametrize(
    "journey", ["cancelled", "deleted", "withdrawn with its version", "withdrawn by a delete marker"]
)
def test_invariants_hold_with_any_fault_of_an_early_end(vendor, part, journey, counts):
    run_all(part_of(single_faults(journeys(vendor)[journey]), part), counts)


@pytest.mark.parametrize(("vendor", "part"), parts("toy-query", sampled="tencent-sentence"))
def test_invariants_hold_with_any_fault_of_a_reuse(vendor, part, counts):
    run_all(part_of(single_faults(journeys(vendor)["same bytes again"]), part), counts)


@pytest.mark.parametrize("vendor", [*TOYS, *each_vendor()])
def test_invariants_hold_with_a_budget(vendor, counts):
    run_all(budget_journeys(vendor).values(), counts)


def test_invariants_hold_with_any_fault_within_the_budget(counts):
    run_all(single_faults(budget_journeys("toy-query")["within the budget"]), counts)


@pytest.mark.parametrize("vendor", ["toy-query", *(exhaustive(vendor) for vendor in ("toy-sync", "toy-callback"))])
def test_invariants_hold_with_a_fault_of_every_budget_journey(vendor, counts):
    for number, journey in enumerate(budget_journeys(vendor).values()):
        run_all(islice(single_faults(journey), 1 + number, None, EVERY_NTH), counts)


@pytest.mark.parametrize("journey", [exhaustive(name) for name in budget_journeys("toy-query")])
def test_invariants_hold_with_any_fault_of_a_budget_journey(journey, counts):
    run_all(single_faults(budget_journeys("toy-query")[journey]), counts)


@pytest.mark.parametrize("vendor", ["toy-query", "tencent-sentence"])
def test_job_beyond_the_budget_completes_the_next_day(vendor):
    world = World(budget_journeys(vendor)["beyond the budget"]).run()

    first, second = world.jobs.values()
    assert {first.status, second.status} == {Status.COMPLETED}
    assert vendor_day(second.updated_at) - vendor_day(first.updated_at) == timedelta(days=1)
    waits = [execution.name for execution in world.machine.executions.values() if second.job_id in execution.name]
    assert len(waits) == 1, "one wait"


def test_raised_budget_ends_the_wait():
    world = World(budget_journeys("toy-query")["beyond the budget, raised"]).run()

    second = list(world.jobs.values())[1]
    assert (second.run, second.restarts) == (2, [])
    assert 3600 < (second.budget_wait.until - second.created_at).total_seconds() <= 3600 + 600


def test_reservation_that_is_not_given_back_is_detected(monkeypatch):
    journey = budget_journeys("toy-query")["within the budget"]
    save = next(point.number for point in World(journey).run().points if point.what == "dynamodb put_item")
    crash = replace(journey, faults={save: Kind.DIES_BEFORE}, ends=((30, "cancel"),))
    assert not violations(World(crash).run())

    monkeypatch.setattr(DynamoBudget, "cancel", DynamoBudget.forget)

    assert any("the budget's rows have" in broken for broken in violations(World(crash).run()))


def test_same_schedule_gives_the_same_log():
    schedule = replace(random_schedule(PROFILES, 7), faults={9: Kind.DELAYED, 20: Kind.DIES_AFTER})

    assert World(schedule).run().log == World(Schedule.from_json(schedule.to_json())).run().log
