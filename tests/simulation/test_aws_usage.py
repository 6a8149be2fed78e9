"""What is derived from a job's row is what really happened: counted in the simulation, for every kind of journey."""

from dataclasses import asdict

import pytest

from asrcore.core.aws_usage import WRITES_A_SLOT
from asrcore.core.vendor import Completion
from asrcore.vendors.registry import VENDORS
from benchmarks.economy import LENGTHS_S, demo_loop, measure, takes, turnarounds
from tests.simulation.explore import journeys
from tests.simulation.schedule import Schedule
from tests.support.sampled import exhaustive
from tests.support.usage_scenarios import run

# Nothing of these is on the row: an event or a callback that came besides, an execution that somebody struck down, an
# invocation that was turned away.
UNSEEN = {
    "S3 tells twice at once",
    "S3 tells again later",
    "two versions",
    "two versions, the newer first",
    "callback twice",
    "callback late",
    "callback before the answer",
    "callback of an earlier attempt",
    "execution deleted",
    "execution timed out",
    "execution timed out, nobody hears",
    "execution aborted",
    "Lambda has no room",
    "converted, S3 tells twice",
    "converted while Lambda has no room",
}
# The probe is played, processes live for one event each, and what a vendor usually takes is held for some minutes.
ELSEWHERE = {"s3_gets", "secret_reads", "table_reads"}


def differences(world):
    """Counted and derived, where they differ."""
    derived = world.derived()
    return {
        name: (count, getattr(derived, name))
        for name, count in asdict(world.counts()).items()
        if name not in ELSEWHERE and count != getattr(derived, name)
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_of_every_journey_that_leaves_its_marks_on_the_row(vendor):
    seen = {name: schedule for name, schedule in journeys(vendor).items() if name not in UNSEEN}

    found = {name: differences(run(schedule, audio_s=30)) for name, schedule in seen.items()}

    assert found == {name: {} for name in seen}


@pytest.mark.parametrize("vendor", VENDORS)
def test_of_recordings_of_every_length(vendor):
    found = {key: differences(world) for key, world in played(vendor, is_queued=False)}

    assert found == {key: {} for key in found}


@pytest.mark.parametrize("vendor", VENDORS)
def test_of_recordings_that_stand_in_a_queue_but_for_the_callback_that_nobody_waits_for_any_more(vendor):
    for key, world in played(vendor, is_queued=True):
        counts, derived = world.counts(), world.derived()
        late = counts.api_requests - derived.api_requests

        # It ends a job that is being asked about, before the next question has its place in the line; or it comes to
        # nothing, where a vendor that cannot be asked was given up.
        if VENDORS[vendor].completion_modes == {Completion.CALLBACK, Completion.QUERY}:
            assert late == 1, key
        assert counts.invocations - derived.invocations == late, key
        assert 0 <= derived.table_writes - counts.table_writes <= WRITES_A_SLOT * late, key
        assert differences(world).keys() <= ({"api_requests", "invocations", "table_writes"} if late else set()), key


def played(vendor, *, is_queued):
    """Jobs of each length, usual ones or those that stand in a queue, with their length and turnaround."""
    for name, length_s in LENGTHS_S.items():
        if takes(vendor, length_s):
            drawn = [each.seconds for each in turnarounds(vendor, length_s) if each.is_queued == is_queued]
            for turnaround_s in drawn if is_queued else drawn[::4]:
                yield (name, turnaround_s), run(Schedule((vendor,)), turnaround_s=turnaround_s, audio_s=length_s)


@pytest.mark.parametrize("vendor", VENDORS)
def test_two_recordings_in_a_hundred_stand_in_a_queue(vendor):
    drawn = turnarounds(vendor, LENGTHS_S["1 min"])

    assert sum(each.share for each in drawn) == pytest.approx(1)
    assert sum(each.share for each in drawn if each.is_queued) == pytest.approx(0.02)


@pytest.mark.parametrize("vendor", VENDORS)
def test_reads_of_the_table_are_right_but_for_what_is_held_for_some_minutes(vendor):
    for name, schedule in journeys(vendor).items():
        if name not in UNSEEN:
            world = run(schedule, audio_s=30)

            assert abs(world.derived().table_reads - world.counts().table_reads) <= 4, name


# A function waits for the whole call of a vendor that accepts no URL, which costs more than any number of queries.
BY_URL = tuple(name for name, vendor in VENDORS.items() if vendor.limits.accepts_urls)


@pytest.mark.parametrize("vendors", [("volcengine",), exhaustive(BY_URL, id="every vendor")])
def test_aws_stays_a_small_part_of_the_bill(vendors):
    found = measure(vendors)

    assert found["mean_usd"] <= 0.7
    assert found["mean_usd_learned"] < found["mean_usd"] < found["mean_usd_demo_2_s"] / 10
    assert all(share <= 0.01 for share in found["share_of_the_vendors_bill"].values())


def test_the_demos_loop_enters_three_states_a_question():
    ours = run(Schedule(("abcpen",)), turnaround_s=60, audio_s=60).derived()

    loop = demo_loop(60, 3, ours)

    assert (loop.transitions, loop.invocations, loop.table_writes) == (62, 21, 0)
