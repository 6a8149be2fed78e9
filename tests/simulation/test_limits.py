"""Check the invariants with faults around early ends, budgets and daily limits."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain, islice

import pytest

from asrcore.core.job import Status
from asrcore.core.rate_limit import vendor_day
from asrcore.services import Services
from asrcore.stores.budget import DynamoBudget
from tests.simulation.explore import (
    EVERY_NTH,
    budget_journeys,
    covering,
    daily_limit_journeys,
    journeys,
    single_faults,
)
from tests.simulation.fake_vendors import TOYS
from tests.simulation.faults import Kind
from tests.simulation.invariants import violations
from tests.simulation.world import World
from tests.support.sampled import EXHAUSTIVE, each_vendor, exhaustive

VENDORS = ("toy-query", "toy-callback", "toy-sync-slow", "toy-both")


@EXHAUSTIVE
@pytest.mark.parametrize(
    "journey", ["cancelled", "deleted", "withdrawn with its version", "withdrawn by a delete marker"]
)
@pytest.mark.parametrize("vendor", VENDORS)
def test_invariants_hold_with_any_fault_of_an_early_end(vendor, journey, counts):
    counts.run_all(single_faults(journeys(vendor)[journey]))


@pytest.mark.parametrize(
    "vendor", [*(exhaustive(name) if name.endswith("-own-id") else name for name in TOYS), *each_vendor()]
)
def test_invariants_hold_with_a_limit(vendor, counts):
    counts.run_all((budget_journeys(vendor) | daily_limit_journeys(vendor)).values())


@pytest.mark.parametrize("vendor", [exhaustive(vendor) for vendor in ("toy-sync", "toy-callback")])
def test_invariants_hold_with_a_fault_of_every_budget_journey(vendor, counts):
    for number, journey in enumerate(budget_journeys(vendor).values()):
        counts.run_all(islice(single_faults(journey), 1 + number, None, EVERY_NTH))


@pytest.mark.parametrize("journey", [exhaustive(name) for name in budget_journeys("toy-query")])
def test_invariants_hold_with_any_fault_of_a_budget_journey(journey, counts):
    counts.run_all(single_faults(budget_journeys("toy-query")[journey]))


@pytest.mark.parametrize("journey", [exhaustive(name) for name in daily_limit_journeys("toy-query")])
def test_invariants_hold_with_each_fault_of_a_daily_limit(journey, counts):
    counts.run_all(chain(*covering({journey: daily_limit_journeys("toy-query")[journey]}).values()))


def test_submission_that_is_released_twice_is_detected(monkeypatch):
    """Two invocations publish the same end: the second one while the first one waits."""
    journey = daily_limit_journeys("toy-query")["beyond the daily limit, cancelled twice at once"]
    publish = next(point for point in World(journey).run().points if point.at_s >= 3600 and "put_events" in point.what)
    both = replace(journey, faults={publish.number: Kind.DELAYED})
    assert not violations(World(both).run())

    update_job = Services.update_job

    def release_and_update(self, job_id, change, *, released=None):
        if released:
            key = {"job_id": {"S": f"limiter#{released.limiter}#{released.day}"}}
            less = {":less": {"N": "-1"}}
            self.jobs._client.update_item(Key=key, UpdateExpression="ADD taken :less", ExpressionAttributeValues=less)
        return update_job(self, job_id, change)

    monkeypatch.setattr(Services, "update_job", release_and_update)

    assert any("submissions" in broken for broken in violations(World(both).run()))


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
