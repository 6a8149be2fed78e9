"""Jobs that end early, on the local stack: cancelled, deleted, or withdrawn with their object."""

from itertools import count

import pytest
import requests

from tests.support.template import ROOT

RECORDING = (ROOT / "samples/hello.mp3").read_bytes()
FRESH = count(1)


@pytest.fixture(params=["tencent-recording", "volcengine", "abcpen"])
def waiting(request, journey):
    """A job whose vendor has accepted the recording and has no result yet, and its key."""
    key = f"incoming/{request.param}/cancelled-{next(FRESH)}.mp3"
    journey.fault(request.param, about=key, on="result", delay_s=3600)
    job = journey.drop(key, RECORDING)
    is_submitted = lambda row: row.get("attempts") and "submitted_at" in row["attempts"][-1]  # noqa: E731
    journey.until(lambda: journey.row(job), is_submitted, f"job {job} to be submitted")
    journey.until(lambda: journey.executions(job), bool, f"the execution of {job} to start")
    return job, key


def results(stack, job, key):
    """Return the keys of what was made of a recording."""
    client, bucket = stack.client("s3"), stack.transcript_bucket
    prefixes = (f"transcripts/{key}", f"raw/{job}", f"superseded/{job}")
    return [
        each["Key"]
        for prefix in prefixes
        for each in client.list_object_versions(Bucket=bucket, Prefix=prefix).get("Versions", [])
    ]


def assert_stopped_as(journey, stack, job, key, code):
    row = journey.finished(job)
    assert (row["status"], row["error"]["code"]) == ("FAILED", code)
    assert "may still bill" in row["error"]["message"]
    assert journey.ended_execution(job)["status"] == "ABORTED"
    assert results(stack, job, key) == []
    return row


def test_cancelled_job_keeps_its_recording(journey, stack, waiting):
    job, key = waiting

    answer = requests.post(f"{stack.api_url}/jobs/{job}/cancel", json={}, timeout=60)

    assert (answer.status_code, answer.json()["error"]["code"]) == (200, "Cancelled")
    row = assert_stopped_as(journey, stack, job, key, "Cancelled")
    again = requests.post(f"{stack.api_url}/jobs/{job}/cancel", json={}, timeout=60)
    assert (again.status_code, journey.row(job)) == (200, row)
    assert stack.client("s3").head_object(Bucket=stack.audio_bucket, Key=key)


def test_deleted_job_leaves_nothing(journey, stack, waiting):
    job, key = waiting

    answer = requests.delete(f"{stack.api_url}/jobs/{job}", timeout=60)

    assert answer.status_code == 200
    assert "may still bill" in answer.json()["message"]
    assert journey.ended_execution(job)["status"] == "ABORTED"
    assert journey.row(job) == {}
    assert results(stack, job, key) == []
    assert "Versions" not in stack.client("s3").list_object_versions(Bucket=stack.audio_bucket, Prefix=key)


@pytest.mark.parametrize("of", ["key", "version"])
def test_deletion_of_the_object_withdraws_its_job(journey, stack, waiting, of):
    job, key = waiting
    version = {"VersionId": journey.row(job)["source"]["version_id"]} if of == "version" else {}

    stack.client("s3").delete_object(Bucket=stack.audio_bucket, Key=key, **version)

    assert_stopped_as(journey, stack, job, key, "Withdrawn")


def test_command_cancels_a_job(journey, operator, stack, waiting):
    job, key = waiting

    told = operator.run("cancel", job)

    assert told.status == 0
    assert "may still bill" in told.stdout
    assert_stopped_as(journey, stack, job, key, "Cancelled")
    assert operator.found("cancel", job) == {"job_id": job, "dry_run": False}
