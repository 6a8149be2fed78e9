"""The worst that can happen to the real processes: they die, AWS refuses, the API is gone, callbacks get lost."""

import time
from itertools import count
from pathlib import Path

import pytest

MEETING = (Path(__file__).parents[2] / "samples/meeting.wav").read_bytes()
FRESH = count()
MORE_THAN_BOTOCORE_TRIES = 6


def drop(journey, vendor):
    return journey.drop(f"incoming/{vendor}/chaos/{next(FRESH)}.wav", MEETING)


@pytest.mark.parametrize(
    ("function", "moment", "vendor"),
    [
        pytest.param("SubmitFunction", "submit", "abcpen-offline", id="while the recording is handed over"),
        pytest.param("PollerFunction", "query", "abcpen", id="while the vendor is asked"),
    ],
)
def test_a_process_that_is_killed_in_the_middle_is_followed_by_another(journey, function, moment, vendor):
    journey.fault(vendor, on=moment, delay_s=3)
    job = drop(journey, vendor)

    journey.until(lambda: is_at(journey, job, moment), bool, f"the {moment} to be under way")
    time.sleep(0.5)  # well inside the three seconds that the vendor takes
    killed = journey.stack.kill(function)
    row = journey.finished(job)

    assert killed >= 1
    assert row["status"] == "COMPLETED", row.get("error")
    assert len(row["attempts"]) == 1


def is_at(journey, job, moment):
    """Whether a job is being submitted, or about to be asked about for the first time."""
    attempts = journey.row(job).get("attempts")
    if not attempts:
        return False
    if moment == "submit":
        return bool(attempts[-1].get("claimed_at"))
    return any(
        event["type"] == "TaskScheduled"
        for execution in journey.executions(job)
        for event in journey.stack.client("stepfunctions").get_execution_history(
            executionArn=execution["executionArn"]
        )["events"]
    )


@pytest.mark.parametrize("operation", ["PutItem", "GetItem", "UpdateItem"])
def test_a_table_that_throttles_delays_and_loses_nothing(journey, operation):
    journey.stack.refusals.throttle_dynamodb(operation, MORE_THAN_BOTOCORE_TRIES)

    row = journey.finished(drop(journey, "volcengine"))

    assert row["status"] == "COMPLETED", row.get("error")


def test_a_bucket_that_fails_keeps_the_vendors_yes_waiting_until_the_transcript_is_stored(journey):
    journey.stack.refusals.slow_down_s3("PUT", journey.stack.transcript_bucket, MORE_THAN_BOTOCORE_TRIES)

    row = journey.finished(drop(journey, "tencent-recording"))

    assert row["status"] == "COMPLETED", row.get("error")
    assert journey.transcript(row)["text"]


def test_an_api_that_is_gone_while_the_vendor_calls_back_gets_the_callback_again(journey):
    with journey.stack.api_down():
        job = drop(journey, "tencent-recording")
        journey.until(
            lambda: (journey.row(job).get("attempts") or [{}])[-1].get("submitted_at"),
            bool,
            "the recording to be taken",
        )
        time.sleep(1)  # longer than the vendor takes, so that its first callback finds nobody

    assert journey.finished(job)["status"] == "COMPLETED"


def test_a_callback_that_is_dropped_is_made_up_for_by_a_query(journey):
    journey.fault("volcengine", on="callback", drop=True)

    row = journey.finished(drop(journey, "volcengine"))

    assert row["status"] == "COMPLETED"
    assert len(row["attempts"]) == 1


@pytest.mark.parametrize("vendor", ["tencent-recording", "volcengine"])
def test_a_callback_that_is_repeated_changes_nothing(journey, vendor):
    journey.fault(vendor, on="callback", duplicate=True)

    job = drop(journey, vendor)
    before = journey.finished(job)
    time.sleep(1)  # the second one comes right behind the first

    assert journey.row(job) == before
    assert before["status"] == "COMPLETED"
