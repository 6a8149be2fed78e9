"""Objects as real buckets have them: metadata, archive classes, rights, names."""

import http.client
from datetime import UTC, datetime, timedelta
from unicodedata import normalize
from urllib.parse import urlsplit

import pytest

from asrcore.core.job import job_id, new_job
from tests.support.operator import RECORDING, Operator


@pytest.fixture(scope="module")
def operator(stack):
    return Operator(stack)


def put_header(operator, key: str, name: str, value: bytes) -> str:
    """Put a recording with a metadata header of any bytes, which boto3 refuses to send; return its job id."""
    s3, bucket = operator.stack.client("s3"), operator.stack.audio_bucket
    url = urlsplit(s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key}))
    connection = http.client.HTTPConnection(url.hostname, url.port)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader(f"x-amz-meta-{name}", value)
    connection.putheader("Content-Length", str(len(RECORDING)))
    connection.endheaders(RECORDING)
    with connection.getresponse() as answer:
        assert answer.status == 200, answer.read()
    connection.close()
    return job_id(operator.source(key))


def test_metadata_beyond_ascii_are_options(operator):
    job = put_header(operator, "incoming/abcpen/metadata.wav", "asr-hotwords", "会议,笔声".encode())

    held = operator.stack.client("s3").head_object(
        Bucket=operator.stack.audio_bucket, Key="incoming/abcpen/metadata.wav"
    )
    assert held["Metadata"]["asr-hotwords"].startswith("=?UTF-8?B?")
    assert operator.finished(job)["options"]["hotwords"] == ["会议", "笔声"]


@pytest.mark.parametrize(("stored", "requested"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_name_in_another_unicode_form_is_found(operator, stored, requested):
    name = f"incoming/abcpen/{stored}/Réunion à Hà Nội, ガイド.wav"
    job = operator.drop(normalize(stored, name), RECORDING)
    operator.finished(job)

    asked = normalize(requested, name)
    told = [
        operator.found("why", reference)["job"] for reference in (asked, f"s3://{operator.stack.audio_bucket}/{asked}")
    ]

    assert [(each["job_id"], each["source"]["key"]) for each in told] == [(job, normalize(stored, name))] * 2


def test_files_that_are_no_recordings_get_no_job(operator):
    folder = "incoming/abcpen/none"
    names = [".DS_Store", "._meeting.wav", "meeting.wav.part", "album.m3u8"]
    skipped = [operator.drop(f"{folder}/{name}", RECORDING) for name in names]
    operator.finished(operator.drop(f"{folder}/behind.wav", RECORDING))
    operator.handle_events([f"{folder}/{name}" for name in names])

    reconciled = operator.found("reconcile", "--dry-run")
    foreseen = operator.found("backfill", "start", "--prefix", f"{folder}/", "--dry-run")
    told = [operator.run("why", f"{folder}/{name}") for name in names]

    assert [operator.row(job) for job in skipped] == [{}] * len(names)
    assert [each for each in reconciled["submitted"] if each["key"].startswith(folder)] == []
    assert foreseen["recordings"] == 1
    assert [(each.status, "is no recording, but" in each.stderr) for each in told] == [(1, True)] * len(names)


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_archived_recording_fails_and_is_redriven_when_restored(operator, storage_class):
    s3, bucket = operator.stack.client("s3"), operator.stack.audio_bucket
    name = f"incoming/abcpen/archived/{storage_class}.wav"
    s3.put_object(Bucket=bucket, Key=name, Body=RECORDING, StorageClass=storage_class)
    job = job_id(operator.source(name))

    failed = operator.finished(job)
    advice = operator.found("why", job)["advice"]
    s3.restore_object(Bucket=bucket, Key=name, RestoreRequest={"Days": 1})
    s3.head_object(Bucket=bucket, Key=name)  # moto restores at the second request
    operator.found("redrive", job)
    row = operator.until(lambda: operator.row(job), lambda row: row["status"] == "COMPLETED", "the restored recording")

    assert (failed["status"], failed["error"]["class"], failed["error"]["code"]) == (
        "FAILED",
        "config",
        "ObjectArchived",
    )
    assert "restore it" in failed["error"]["message"]
    assert f"redrive {job}" in advice
    assert len(row["attempts"]) == 1


@pytest.mark.parametrize(
    ("status", "code", "said", "error"),
    [
        pytest.param(
            "400 Bad Request",
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption.",
            "ObjectEncrypted",
            id="a customer's key",
        ),
        pytest.param(
            "403 Forbidden",
            "AccessDenied",
            "not authorized to perform: kms:Decrypt",
            "ObjectKeyDenied",
            id="KMS denied",
        ),
        pytest.param("400 Bad Request", "KMS.DisabledException", "", "ObjectKeyUnusable", id="KMS key disabled"),
        pytest.param("403 Forbidden", "AccessDenied", "Access Denied", "ObjectAccessDenied", id="a bucket policy"),
    ],
)
def test_recording_that_s3_does_not_return_fails_with_the_reason(operator, status, code, said, error):
    name = f"incoming/abcpen/refused/{error}.wav"
    operator.stack.faults.refuse_s3(operator.stack.audio_bucket, name, status, code, said)
    job = operator.drop(name, RECORDING)

    row = operator.finished(job)
    operator.stack.faults.accept_s3(operator.stack.audio_bucket, name)
    operator.found("redrive", job)

    assert (row["status"], row["error"]["class"], row["error"]["code"]) == ("FAILED", "config", error)
    operator.until(lambda: operator.row(job), lambda row: row["status"] == "COMPLETED", "the corrected recording")


def test_why_of_a_resting_job_names_the_version_to_come(operator):
    name, now = "incoming/abcpen/resting.wav", datetime.now(UTC)
    with operator.without_events():
        operator.drop(name, b"")
    resting = new_job(operator.source(name), now).rest(now + timedelta(days=1))
    operator.put(resting)

    told = operator.run("why", resting.job_id).stdout
    operator.forget(resting.job_id)

    assert "its object is empty, and a version with the content may follow" in told
