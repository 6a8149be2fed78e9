"""Transcribe recordings end to end on the local stack; check the transcript or the error."""

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from asrcore.core.job import job_id
from asrcore.core.transcript import Source
from tests.support.operator import RECORDING, Operator
from tests.support.pipeline import wav

SAMPLES = Path(__file__).parents[2] / "samples"
FRESH = count()


def key(vendor: str, name: str) -> str:
    """Return a key that no other test uses."""
    return f"incoming/{vendor}/{next(FRESH)}/{name}"


@dataclass(frozen=True)
class EmptyObjects:
    """Jobs of an empty version, of the version with the content that follows it, and of an object that stays empty."""

    first: str
    second: str
    only: str


@pytest.fixture(scope="module", autouse=True)
def empty(stack):
    """Put empty objects. Their jobs rest for half a minute, during which the other tests run."""
    operator = Operator(stack)
    mounted = "incoming/abcpen/mounted.wav"
    return EmptyObjects(
        operator.drop(mounted, b""), operator.drop(mounted, RECORDING), operator.drop("incoming/abcpen/empty.wav", b"")
    )


@pytest.fixture(scope="module")
def uploaded() -> dict[tuple[str, str], str]:
    """The jobs of `transcribed`."""
    return {}


@pytest.fixture
def transcribed(journey, uploaded):
    """Return a function that returns the row of an ended job of a vendor and a sample, the same for all tests."""

    def row(vendor: str, sample: str) -> dict[str, Any]:
        if (vendor, sample) not in uploaded:
            uploaded[vendor, sample] = journey.drop(key(vendor, sample), (SAMPLES / sample).read_bytes())
        return journey.finished(uploaded[vendor, sample])

    return row


@pytest.mark.parametrize(
    ("vendor", "sample", "utterances", "words", "says"),
    [
        pytest.param("tencent-sentence", "meeting.wav", 1, True, "大家好，欢迎参加今天的会议。", id="synchronous"),
        pytest.param("tencent-rec-task", "call.wav", 3, True, "您好，是王先生吗？", id="callback or query"),
        pytest.param("volcengine-bigmodel", "news.mp3", 6, True, "各位听众，早上好。", id="callback, chosen task id"),
        pytest.param("abcpen-offline", "lecture.m4a", 7, True, "同学们好，", id="query, chosen task id"),
        pytest.param("tencent-recording", "greeting.wav", 2, False, "您好，这里是客户服务中心。", id="callback only"),
        pytest.param("volcengine", "news.mp3", 6, True, "各位听众，早上好。", id="callback, query as fallback"),
        pytest.param("abcpen", "lecture.m4a", 7, True, "同学们好，今天我们学习声音的基本知识。", id="query"),
        pytest.param("openai-compatible", "news.mp3", 6, True, "各位听众，早上好。", id="synchronous, long request"),
        pytest.param("auto", "hello.mp3", 1, True, "Hello", id="automatic, English"),
        pytest.param("auto", "call.wav", 3, True, "您好，是王先生吗？", id="automatic, two channels"),
    ],
)
def test_recording_becomes_a_transcript(journey, transcribed, vendor, sample, utterances, words, says):
    row = transcribed(vendor, sample)

    transcript = journey.transcript(row)
    assert row["status"] == "COMPLETED", row.get("error")
    assert row["transcript_key"] == f"transcripts/{row['source']['key']}.json"
    assert transcript["job_id"] == row["job_id"]
    assert transcript["text"].startswith(says)
    assert len(transcript["utterances"]) == utterances
    assert all(bool(utterance["words"]) is words for utterance in transcript["utterances"])
    assert journey.raw(row["job_id"])


@pytest.mark.parametrize("vendor", ["tencent-rec-task", "tencent-recording"])
def test_two_channels_are_transcribed_separately(journey, transcribed, vendor):
    transcript = journey.transcript(transcribed(vendor, "call.wav"))

    assert {utterance["channel"] for utterance in transcript["utterances"]} == {0, 1}


def test_lost_answer_after_rejected_edition_creates_one_task(stack, journey):
    vendor, audio_key = "volcengine-bigmodel", key("volcengine-bigmodel", "meeting.wav")
    journey.fault(vendor, about=audio_key, on="submit", code="45000030")  # the account lacks the preferred edition
    journey.fault(vendor, about=audio_key, on="submit", accepted=True, drop=True)

    row = journey.finished(journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes()))

    noted = requests.get(f"{stack.simulators[vendor]}/_simulator/requests", timeout=60).json()
    taken = {entry["task_id"] for entry in noted if entry["kind"] == "submit" and entry["task_id"]}
    (attempt,) = row["attempts"]
    assert row["status"] == "COMPLETED", row.get("error")
    edition, _, request_id = attempt["vendor_task_id"].partition("/")
    assert (edition, request_id in taken) == ("volc.bigasr.auc", True)


def test_exports_are_stored_beside_the_transcript(transcribed, stack):
    audio_key = transcribed("volcengine", "news.mp3")["source"]["key"]

    for suffix, content_type, says in [
        (".srt", "application/x-subrip", "各位听众"),
        (".vtt", "text/vtt", "WEBVTT"),
        (".txt", "text/plain", "各位听众"),
        (".html", "text/html", "Content-Security-Policy"),
    ]:
        answer = stack.client("s3").get_object(Bucket=stack.transcript_bucket, Key=f"transcripts/{audio_key}{suffix}")
        assert answer["ContentType"].startswith(content_type)
        assert says in answer["Body"].read().decode()


def test_speakers_are_separated_when_requested(journey):
    recording = (SAMPLES / "news.mp3").read_bytes()

    row = journey.finished(journey.drop(key("volcengine", "news.mp3"), recording, speakers="0"))

    assert all(utterance["speaker"] for utterance in journey.transcript(row)["utterances"])


def test_metadata_overrides_the_folder(journey):
    recording = (SAMPLES / "meeting.wav").read_bytes()

    row = journey.finished(journey.drop(key("tencent-sentence", "meeting.wav"), recording, vendor="volcengine"))

    assert row["vendor"] == "volcengine"


@pytest.mark.parametrize(
    ("vendor", "body", "code", "said"),
    [
        pytest.param("auto", b"<html>not a recording</html>", "NotAudio", "", id="not audio"),
        pytest.param("auto", wav()[:20], "TruncatedAudio", "", id="a truncated header"),
        pytest.param("unknown", wav(), "UnknownVendor", "tencent-sentence", id="an unknown vendor"),
        pytest.param(
            "tencent-sentence", wav(61), "NoVendorFits", "accepts up to 59.999 s", id="too long for the vendor"
        ),
    ],
)
def test_untranscribable_recording_fails_with_its_reason(journey, vendor, body, code, said):
    row = journey.finished(journey.drop(key(vendor, "recording.wav"), body))

    assert (row["status"], row["error"]["code"]) == ("FAILED", code)
    assert said in row["error"]["message"]
    assert journey.executions(row["job_id"]) == []


def test_wrong_extension_is_a_warning(journey):
    row = journey.finished(journey.drop(key("abcpen", "meeting.mp3"), (SAMPLES / "meeting.wav").read_bytes()))

    assert row["status"] == "COMPLETED"
    warning = {"code": "warning.other-format", "params": {"extension": "mp3", "format": "wav"}}
    text = "the name says .mp3, the content is wav; the content counts"
    assert row["warnings"] == [{**warning, "text": text}]


def test_folder_marker_creates_no_job(operator):
    marker = f"incoming/auto/{next(FRESH)}/"
    job = operator.drop(marker, b"")

    operator.handle_events([marker])

    assert operator.row(job) == {}


@pytest.mark.parametrize(
    ("vendor", "fault", "error_class", "code"),
    [
        pytest.param("volcengine", {"on": "submit", "code": "1002"}, "config", "1002", id="an operator must act"),
        pytest.param("volcengine", {"on": "result", "code": "1012"}, "bad_audio", "1012", id="unusable recording"),
        pytest.param(
            "tencent-recording", {"on": "result", "code": "10004"}, "bad_audio", "10004", id="error by callback"
        ),
        pytest.param("abcpen", {"on": "submit", "code": "10110"}, "config", "10110", id="no licence"),
        pytest.param(
            "tencent-sentence",
            {"on": "submit", "code": "InvalidParameterValue.ErrorInvalidVoicedata"},
            "bad_audio",
            "InvalidParameterValue.ErrorInvalidVoicedata",
            id="error in the reply",
        ),
    ],
)
def test_vendor_error_is_stored_in_the_row(journey, vendor, fault, error_class, code):
    audio_key = key(vendor, "meeting.wav")
    journey.fault(vendor, about=audio_key, **fault)

    row = journey.finished(journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes()))

    assert row["status"] == "FAILED"
    assert (row["error"]["class"], row["error"]["vendor"], row["error"]["code"]) == (error_class, vendor, code)
    assert len(row["error"]["message"]) > 20


RETRYABLE = {
    "busy": {"on": "submit", "code": "1005"},
    "HTML": {"on": "submit", "http_status": 502, "body": "<html>Bad Gateway</html>"},
    "nothing": {"on": "submit", "body": ""},
    "a closed connection": {"on": "submit", "drop": True},
    "a task that timed out": {"on": "result", "code": "1021"},
}


def test_retryable_error_is_retried_and_stored_in_the_row(journey):
    jobs = {}
    for case, fault in RETRYABLE.items():
        audio_key = key("volcengine", "meeting.wav")
        journey.fault("volcengine", about=audio_key, **fault)
        jobs[case] = journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes())

    rows = {case: journey.finished(job) for case, job in jobs.items()}

    for case, row in rows.items():
        assert row["status"] == "COMPLETED", (case, row.get("error"))
        assert [attempt["outcome"] for attempt in row["attempts"]] == ["retry", "completed"], case


def test_failover_records_both_attempts_in_the_transcript(journey):
    audio_key = key("auto", "meeting.wav")
    journey.fault("tencent-sentence", about=audio_key, on="submit", code="FailedOperation.UserHasNoAmount")

    row = journey.finished(journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes()))

    told = [(attempt["vendor"], attempt["outcome"]) for attempt in journey.transcript(row)["attempts"]]
    assert told == [("tencent-sentence", "config"), ("tencent-rec-task", "completed")]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"on": "query", "code": "10800"}, id="over the licence"),
        pytest.param({"on": "query", "http_status": 500, "body": "oops"}, id="an HTTP error"),
    ],
)
def test_failed_query_does_not_fail_the_job(journey, fault):
    audio_key = key("abcpen", "meeting.wav")
    journey.fault("abcpen", about=audio_key, **fault)

    row = journey.finished(journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes()))

    assert row["status"] == "COMPLETED", row.get("error")
    assert len(row["attempts"]) == 1


def test_callback_before_the_answer_completes_the_job_once(journey):
    audio_key = key("tencent-recording", "meeting.wav")
    journey.fault("tencent-recording", about=audio_key, on="callback", before_answer=True)

    job = journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes())
    row = journey.finished(job)

    assert row["status"] == "COMPLETED"
    assert len(row["attempts"]) == 1


def test_callback_with_a_wrong_signature_changes_nothing(journey, transcribed, stack):
    before = transcribed("volcengine", "news.mp3")
    job = before["job_id"]

    answer = requests.post(f"{stack.api_url}/callbacks/volcengine/{job}/1/forged", json={"resp": {}}, timeout=60)

    assert answer.status_code == 403
    assert journey.row(job) == before


def test_duplicate_event_gives_one_job_and_one_submission(journey, transcribed, stack):
    row = transcribed("abcpen", "lecture.m4a")
    job, source = row["job_id"], row["source"]
    record = {
        "bucket": {"name": source["bucket"]},
        "object": {
            "key": source["key"],
            "versionId": source["version_id"],
            "eTag": source["etag"],
            "size": 1,
            "sequencer": source["sequencer"],
        },
    }

    stack.invoke("SubmitFunction", {"Records": [{"eventSource": "aws:s3", "s3": record}]})

    assert len(journey.row(job)["attempts"]) == len(journey.executions(job)) == 1


def test_object_deleted_before_reading_fails_with_a_message(journey, stack):
    event = json.loads((SAMPLES.parent / "events/s3-put.json").read_text())
    bucket, described = stack.audio_bucket, event["Records"][0]["s3"]["object"]
    event["Records"][0]["s3"]["bucket"]["name"] = bucket
    described.update(key="incoming/auto/gone.wav")

    stack.invoke("SubmitFunction", event)

    version = {"etag": described["eTag"], "sequencer": described["sequencer"], "size_bytes": described["size"]}
    row = journey.finished(job_id(Source(bucket=bucket, key="incoming/auto/gone.wav", **version)))
    assert row["error"]["code"] == "ObjectNotFound"
    assert "upload it again" in row["error"]["message"]


def test_job_end_is_published_to_eventbridge(journey, stack):
    events, sqs, audio_key = stack.client("events"), stack.client("sqs"), key("tencent-sentence", "meeting.wav")
    queue_url = sqs.create_queue(QueueName="told")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["asrcore"], "detail": {"source": {"key": [audio_key]}}}
    events.put_rule(Name="told", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="told", Targets=[{"Id": "told", "Arn": queue_arn}])

    job = journey.drop(audio_key, (SAMPLES / "meeting.wav").read_bytes())
    row = journey.finished(job)
    (message,) = journey.until(
        lambda: sqs.receive_message(QueueUrl=queue_url).get("Messages", []), bool, f"the event of {job}"
    )
    events.remove_targets(Rule="told", Ids=["told"])

    event = json.loads(message["Body"])
    assert event["detail"]["job_id"] == job
    assert event["detail-type"] == "Transcript Completed"
    assert event["detail"]["transcript"] == {"bucket": stack.transcript_bucket, "key": row["transcript_key"]}


def test_transcript_is_not_in_step_functions_or_dynamodb(journey, transcribed, stack):
    row = transcribed("abcpen", "lecture.m4a")
    job = row["job_id"]
    execution = journey.ended_execution(job)

    states = stack.client("stepfunctions")
    history = json.dumps(
        states.get_execution_history(executionArn=execution["executionArn"]), default=str, ensure_ascii=False
    )
    assert execution["status"] == "SUCCEEDED"
    assert job in history
    for utterance in journey.transcript(row)["utterances"]:
        assert utterance["text"] not in history
        assert utterance["text"] not in json.dumps(row, default=str, ensure_ascii=False)


def test_logs_are_json_with_job_id_and_without_secrets(journey, transcribed, stack):
    row = transcribed("volcengine", "news.mp3")
    job, transcript = row["job_id"], journey.transcript(row)
    secrets = json.loads((SAMPLES.parent / "devstack/credentials.json").read_text())
    signing_keys = json.loads((SAMPLES.parent / "devstack/signing_keys.json").read_text())

    logs = "".join(stack.logs(name) for name in ("SubmitFunction", "CallbackFunction", "PollerFunction"))
    # A log of its own: another test's process may have been killed in the middle of a line.
    ours = [json.loads(line) for line in logs.split("\n") if line.startswith("{") and f'"{job}"' in line]
    assert any(line.get("job_id") == job for line in ours)
    for forbidden in [
        "X-Amz-Signature",
        "/callbacks/",
        secrets["tencent"]["secret_key"],
        secrets["volcengine"]["token"],
        secrets["abcpen"]["api_key"],
        signing_keys["callback"]["keys"][0],
        transcript["utterances"][0]["text"],
    ]:
        assert forbidden not in logs


@pytest.mark.parametrize("again", [False, True], ids=["reused", "asked for again"])
def test_same_bytes_are_transcribed_once(journey, stack, again):
    key = f"incoming/auto/copied-{again}.mp3"
    body = (SAMPLES / "hello.mp3").read_bytes()
    first = journey.finished(journey.drop(key, body))
    before = journey.transcript(first)

    second = journey.finished(journey.drop(key, body, **({"again": "true"} if again else {})))

    after = journey.transcript(second)
    assert second["status"] == "COMPLETED"
    assert len(second["attempts"]) == again
    assert second.get("reused") == (None if again else first["job_id"])
    assert (after["text"], after["source"]["version_id"]) == (before["text"], second["source"]["version_id"])
    assert journey.executions(second["job_id"]) == [] or again


def test_two_step_writer_has_one_transcript_and_no_failure(operator, empty):
    row, closed = operator.finished(empty.second), operator.finished(empty.first)

    assert row["status"] == "COMPLETED"
    assert (closed["status"], closed["error"]["code"]) == ("FAILED", "ObjectReplaced")
    assert "the newer version of the recording has a job of its own" in operator.run("why", empty.first).stdout


def test_object_that_stays_empty_fails(operator, empty):
    row = operator.finished(empty.only)

    assert (row["status"], row["error"]["code"]) == ("FAILED", "EmptyObject")
    assert len(operator.executions(empty.only)) == 1
