"""Inject faults into the local stack: killed processes, AWS errors, an API outage, lost callbacks."""

from itertools import count
from pathlib import Path

import pytest
import requests

from tests.support.simulator_control import Control

MEETING = (Path(__file__).parents[2] / "samples/meeting.wav").read_bytes()
FRESH = count()
OPERATIONS = ("PutItem", "GetItem", "UpdateItem")
MORE_THAN_BOTOCORE_TRIES = 6
HOLDS_S = 3600  # a request that is cut off; the test does not wait for its end


def drop(journey, vendor, **fault):
    """Put a recording; the vendor does something wrong for it."""
    key = f"incoming/{vendor}/chaos/{next(FRESH)}.wav"
    if fault:
        journey.fault(vendor, about=key, **fault)
    return journey.drop(key, MEETING)


@pytest.mark.parametrize(
    ("function", "moment", "vendor"),
    [
        pytest.param("SubmitFunction", "submit", "abcpen-offline", id="during submission"),
        pytest.param("PollerFunction", "query", "abcpen", id="during a query"),
    ],
)
def test_killed_function_is_invoked_again(journey, function, moment, vendor):
    job = drop(journey, vendor, on=moment, delay_s=HOLDS_S)

    journey.until(lambda: faults(journey, vendor), lambda left: not left, f"{vendor} to hold the {moment}")
    killed = journey.stack.kill(function)
    row = journey.finished(job)

    assert killed >= 1
    assert row["status"] == "COMPLETED", row.get("error")
    assert len(row["attempts"]) == 1


def faults(journey, vendor):
    """Return the faults that a simulated vendor has not used yet."""
    return requests.get(f"{journey.stack.simulators[vendor]}/_simulator/faults", timeout=60).json()


@pytest.fixture
def faulty(journey):
    """Let requests to AWS fail; those that have not failed when the test ends succeed."""
    faults = journey.stack.faults
    yield faults
    for operation in OPERATIONS:
        faults.throttle_dynamodb(operation, 0)
    faults.slow_down_s3("PUT", journey.stack.transcript_bucket, 0)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_throttled_table_delays_but_loses_no_job(journey, faulty, operation):
    faulty.throttle_dynamodb(operation, MORE_THAN_BOTOCORE_TRIES)

    row = journey.finished(drop(journey, "volcengine"))

    assert row["status"] == "COMPLETED", row.get("error")


def test_callback_is_acknowledged_only_after_s3_recovers(journey, faulty):
    faulty.slow_down_s3("PUT", journey.stack.transcript_bucket, MORE_THAN_BOTOCORE_TRIES)

    row = journey.finished(drop(journey, "tencent-recording"))

    assert row["status"] == "COMPLETED", row.get("error")
    assert journey.transcript(row)["text"]


@pytest.fixture
def insistent(journey):
    """A vendor that repeats a callback for as long as any outage takes."""
    vendor = "tencent-recording"
    control = Control(journey.stack.simulators[vendor])
    control.options(callback_attempts=20, callback_interval_s=0.1)
    yield vendor
    control.reset()


def test_callback_during_an_api_outage_is_repeated(journey, insistent):
    vendor = insistent
    with journey.stack.api_down():
        job = drop(journey, vendor)
        row = journey.until(
            lambda: journey.row(job), lambda row: (row.get("attempts") or [{}])[-1].get("submitted_at"), "a submission"
        )
        journey.until(lambda: callbacks(journey, vendor, row), bool, "the first callback, which is not answered")

    assert journey.finished(job)["status"] == "COMPLETED"


def callbacks(journey, vendor, row):
    """Return the number of callbacks that a simulated vendor has sent for a row's latest attempt."""
    noted = requests.get(f"{journey.stack.simulators[vendor]}/_simulator/requests", timeout=60).json()
    task = row["attempts"][-1]["vendor_task_id"]
    return sum(entry["kind"] == "callback" and str(entry["task_id"]) == str(task) for entry in noted)


def test_dropped_callback_is_replaced_by_a_query(journey):
    job = drop(journey, "volcengine", on="callback", drop=True)

    journey.lose_patience(job)
    row = journey.finished(job)

    assert row["status"] == "COMPLETED"
    assert len(row["attempts"]) == 1


@pytest.mark.parametrize("vendor", ["tencent-recording", "volcengine"])
def test_repeated_callback_changes_nothing(journey, vendor):
    job = drop(journey, vendor, on="callback", duplicate=True)
    before = journey.finished(job)
    journey.until(lambda: callbacks(journey, vendor, before), lambda number: number >= 2, "the second callback")

    assert journey.row(job) == before
    assert (before["status"], len(before["attempts"])) == ("COMPLETED", 1)
