"""Each event of `events/`, given to its function as `sam local invoke` would, in the order of their story."""

import json
from pathlib import Path

import pytest

from tests.support.journey import Journey

ROOT = Path(__file__).parents[2]


def event(name):
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


PUT, ODD = event("query-step")["job_id"], event("callback-token-step")["job_id"]


@pytest.fixture(scope="module")
def journey(stack):
    """The two samples that the events are about lie where the events say."""
    journey = Journey(stack)
    for name, sample in {
        "incoming/volcengine/news.mp3": "news.mp3",
        "incoming/tencent-recording/会议 a+b%20c.wav": "greeting.wav",
    }.items():
        journey.finished(journey.drop(name, (ROOT / "samples" / sample).read_bytes()))
    return journey


def test_every_event_file_has_a_test():
    told = Path(__file__).read_text()

    assert [path.stem for path in (ROOT / "events").glob("*.json") if f'"{path.stem}"' not in told] == []


@pytest.mark.parametrize(("name", "job"), [("s3-put", PUT), ("s3-put-odd-key", ODD)])
def test_s3_events_make_the_jobs_that_the_other_events_are_about(journey, name, job):
    assert journey.stack.invoke("SubmitFunction", event(name)) is None

    assert journey.finished(job)["status"] == "COMPLETED"


def test_the_s3_test_event_is_no_recording(journey):
    assert journey.stack.invoke("SubmitFunction", event("s3-test")) is None


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("SubmitFunction", "submit-step"),
        ("PollerFunction", "query-step"),
        ("PollerFunction", "look-again-step"),
        ("PollerFunction", "callback-token-step"),
        ("PollerFunction", "recover-step"),
    ],
)
def test_steps_of_a_completed_job_say_so(journey, function, name):
    journey.stack.invoke("SubmitFunction", event("s3-put"))
    journey.stack.invoke("SubmitFunction", event("s3-put-odd-key"))
    step = event(name)
    journey.finished(step["job_id"])

    assert journey.stack.invoke(function, step) == {"job_id": step["job_id"], "next": "completed", "wait_s": 0}


@pytest.mark.parametrize(("name", "job"), [("callback-tencent", ODD), ("callback-volcengine", PUT)])
def test_callbacks_at_signed_addresses_are_acknowledged(journey, name, job):
    journey.stack.invoke("SubmitFunction", event("s3-put"))
    journey.stack.invoke("SubmitFunction", event("s3-put-odd-key"))

    answer = journey.stack.invoke("CallbackFunction", event(name))

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (200, 0)
    assert journey.finished(job)["status"] == "COMPLETED"


def test_the_end_of_a_completed_jobs_execution_changes_nothing(journey):
    journey.stack.invoke("SubmitFunction", event("s3-put"))
    before = journey.finished(PUT)

    journey.stack.invoke("SweepFunction", event("execution-ended"))

    assert journey.row(PUT) == before


def test_a_request_for_a_recording_that_has_a_job_is_answered_with_that_job(journey):
    step = journey.stack.invoke("SubmitFunction", event("request"))

    assert step["next"] == "completed"
    assert journey.row(step["job_id"])["source"]["key"] == event("request")["key"]


def test_the_schedule_sweeps(journey):
    assert journey.stack.invoke("SweepFunction", event("sweep"))["found"] >= 0
