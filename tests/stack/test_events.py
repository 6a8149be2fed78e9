"""Invoke functions with each event of `events/`, like `sam local invoke`, in the order of a job's stages."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from tests.support.stack_client import Journey

ROOT = Path(__file__).parents[2]


def event(name):
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


PUT, ODD = event("query-step")["job_id"], event("callback-token-step")["job_id"]


@pytest.fixture(scope="module")
def journey(stack):
    """Put the two samples of the events under the events' keys."""
    journey = Journey(stack)
    for name, sample in {
        "incoming/volcengine/news.mp3": "news.mp3",
        "incoming/tencent-recording/会议 a+b%20c.wav": "greeting.wav",
    }.items():
        journey.finished(journey.drop(name, (ROOT / "samples" / sample).read_bytes()))
    return journey


@pytest.fixture(scope="module")
def ended(journey):
    """Return the two jobs after their end."""
    for name, job in (("s3-put", PUT), ("s3-put-odd-key", ODD)):
        journey.stack.invoke("SubmitFunction", event(name))
        journey.finished(job)
    return journey


def test_every_event_file_has_a_test():
    told = Path(__file__).read_text() + Path(__file__).with_name("test_notifications.py").read_text()

    assert [path.stem for path in (ROOT / "events").glob("*.json") if f'"{path.stem}"' not in told] == []


@pytest.mark.parametrize(("name", "job"), [("s3-put", PUT), ("s3-put-odd-key", ODD)])
def test_s3_event_files_create_their_jobs(journey, name, job):
    assert journey.stack.invoke("SubmitFunction", event(name)) is None

    assert journey.finished(job)["status"] == "COMPLETED"


def test_s3_test_event_creates_no_job(journey):
    assert journey.stack.invoke("SubmitFunction", event("s3-test")) is None


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("SubmitFunction", "submit-step"),
        ("ConvertFunction", "convert-step"),
        ("PollerFunction", "query-step"),
        ("PollerFunction", "check-overdue-step"),
        ("PollerFunction", "callback-token-step"),
        ("PollerFunction", "recover-step"),
    ],
)
def test_step_of_a_completed_job_returns_completed(ended, function, name):
    step = event(name)

    assert ended.stack.invoke(function, step) == {"job_id": step["job_id"], "next": "completed", "wait_s": 0}


@pytest.mark.parametrize(("name", "job"), [("callback-tencent", ODD), ("callback-volcengine", PUT)])
def test_callback_with_a_valid_signature_is_acknowledged(ended, name, job):

    answer = ended.stack.invoke("CallbackFunction", event(name))

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (200, 0)
    assert ended.finished(job)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("api-create-upload", 201, "x-amz-meta-asr-speakers"),
        ("api-create-job", 200, '"key":"incoming/volcengine/news.mp3"'),
        ("api-list-jobs", 200, PUT),
        ("api-get-job", 200, '"stage":"completed"'),
        ("api-get-transcript", 200, "图书馆一共有六层"),
        ("api-estimate", 200, '"vendor":"tencent-rec-task"'),
        ("api-openapi", 200, '"openapi":"3.1.0"'),
        ("api-unknown", 404, "urn:asrcore:problem:no-such-path"),
    ],
)
def test_http_api_answers_each_route(ended, name, status, says):
    answer = ended.stack.invoke("ApiFunction", event(name))

    assert answer["statusCode"] == status, answer
    body = b64decode(answer["body"]).decode() if answer.get("isBase64Encoded") else answer["body"]
    assert says in body


def test_execution_end_of_a_completed_job_changes_nothing(ended):
    before = ended.row(PUT)

    ended.stack.invoke("SweepFunction", event("execution-ended"))

    assert ended.row(PUT) == before


def test_request_for_a_known_recording_returns_its_job(journey):
    step = journey.stack.invoke("SubmitFunction", event("request"))

    assert step["next"] == "completed"
    assert journey.row(step["job_id"])["source"]["key"] == event("request")["key"]


def test_backfill_step_returns_the_result_of_each_recording(ended):
    answer = ended.stack.invoke("SubmitFunction", event("backfill-step"))

    assert (answer["next"], answer["Items"]) == ("done", [])
    assert [entry["outcome"] for entry in answer["recordings"]] == ["known", "skipped"]


def test_scheduled_event_starts_a_sweep(journey):
    assert journey.stack.invoke("SweepFunction", event("sweep"))["found"] >= 0
