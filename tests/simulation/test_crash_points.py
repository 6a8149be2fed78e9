"""Check the invariants with every fault at every point of a recording's way.

`make test` has each kind of fault on each path (test_scenarios.py), and here every fault of two vendors.
`make chaos SEED=7 BUDGET_S=600` runs more.
"""

import ast
from dataclasses import replace

import pytest

from asrcore.core.job import Status
from asrcore.vendors.registry import VENDORS
from tests.simulation.explore import covering, journeys, pairs, random_schedule, single_faults
from tests.simulation.fake_vendors import PROFILES, TOYS
from tests.simulation.faults import Kind
from tests.simulation.invariants import violations
from tests.simulation.schedule import Schedule
from tests.simulation.world import World
from tests.support.sampled import EXHAUSTIVE, exhaustive
from tests.support.template import ROOT

SAMPLE_TOYS = ("toy-sync", "toy-both")  # of `make test`: at once; by callback, or by queries
MODULES = sorted([*(ROOT / "layers/asrcore/asrcore").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])


def test_every_registered_vendor_has_a_profile():
    assert not VENDORS.keys() - PROFILES.keys(), "give it a profile in tests/simulation/fake_vendors.py"


@pytest.mark.parametrize("vendor", PROFILES)
def test_job_without_faults_completes_at_the_first_attempt(vendor):
    (job,) = World(journeys(vendor)["plain"]).run().jobs.values()

    assert (job.status, len(job.attempts)) == (Status.COMPLETED, 1)


@pytest.mark.parametrize("vendor", [name if name in SAMPLE_TOYS else exhaustive(name) for name in TOYS])
def test_invariants_hold_with_any_fault_of_a_toy_vendor(vendor, counts):
    counts.run_all(single_faults(journeys(vendor)["plain"]))


@EXHAUSTIVE
@pytest.mark.parametrize(
    ("journey", "vendors"),
    [
        ("plain", tuple(VENDORS)),
        ("converted", ("toy-sync", "toy-both")),
        ("two-step writer", ("toy-sync", "toy-both")),
        ("empty", ("toy-sync", "toy-both")),
        ("same bytes again", ("toy-query", "tencent-sentence")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_invariants_hold_with_any_fault(journey, vendors, counts):
    for vendor in vendors:
        counts.run_all(single_faults(journeys(vendor)[journey]))


def test_covering_has_every_pair_of_path_and_fault_once():
    scenarios = {vendor: journeys(vendor)["same bytes again"] for vendor in ("toy-query", "tencent-sentence")}

    chosen = covering(scenarios)

    found = [pair for name, each in chosen.items() for pair in pairs_of(scenarios[name], each)]
    assert len(found) == len(set(found))
    assert set(found) == {pair for scenario in scenarios.values() for pair, _ in pairs(scenario)}


def pairs_of(scenario, schedules):
    """Return the pair of each schedule's fault."""
    by_fault = {(point.number, pair[2]): pair for pair, point in pairs(scenario)}
    return [by_fault[fault] for schedule in schedules for fault in schedule.faults.items()]


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


def test_same_schedule_gives_the_same_log():
    schedule = replace(random_schedule(PROFILES, 7), faults={9: Kind.DELAYED, 20: Kind.DIES_AFTER})

    assert World(schedule).run().log == World(Schedule.from_json(schedule.to_json())).run().log
