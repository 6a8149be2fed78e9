"""Run a stack through every AWS action of its functions, so that unused grants are found."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from boto3.dynamodb.types import TypeSerializer

from asrcore.core.audio import Audio
from asrcore.core.budget import Budget, BudgetEntry, micro
from asrcore.core.form import Form
from asrcore.core.job import Job, new_job
from asrcore.core.options import Options
from asrcore.core.rate_limit import vendor_day
from asrcore.core.step import GRACE_S, Next
from asrcore.core.transcript import Source
from asrcore.stores.budget import DynamoBudget
from asrcore.vendors.registry import VENDORS
from tests.support.inventory import put_inventory
from tests.support.recordings import Kind, record
from tests.support.stack_client import Journey

SAMPLES = Path(__file__).parents[2] / "samples"
MEETING = (SAMPLES / "meeting.wav").read_bytes()
# The function that ends the job: synchronously, by callback, by query.
ENDERS = ("tencent-sentence", "tencent-recording", "abcpen")
FAULTS = {
    "tencent-sentence": {"on": "submit", "code": "FailedOperation.UserHasNoAmount"},
    "tencent-recording": {"on": "result", "code": "10004"},
}
BUSY = {"on": "submit", "code": "1005"}
NEWEST = "F" * 32  # later than every test's recordings


def take_every_path(stack: Any) -> None:
    """Run every vendor, end and failure; return when all jobs have ended."""
    journey = Journey(stack)
    busy = refused_for_seconds(journey)
    every_vendor(journey)
    every_failure(journey)
    superseded = older_than_its_transcript(journey)
    transcript_gone_meanwhile(journey)
    by_request(journey)
    by_backfill(journey)
    by_api(journey, superseded)
    ended_early(journey)
    budget_reset(journey)
    same_bytes(journey)
    callback_wait_of_an_ended_job(journey)
    executions_that_end_badly(journey)
    events_that_fail(journey)
    unpublished_end(journey)
    converted(journey)
    stalled_job(journey)
    assert (row := journey.finished(busy))["status"] == "COMPLETED", row["error"]


def refused_for_seconds(journey: Journey) -> str:
    """Upload a recording that the state machine submits again, seconds later; return its job."""
    key = "incoming/volcengine/busy.wav"
    journey.fault("volcengine", about=key, **BUSY)
    return journey.drop(key, MEETING)


def every_vendor(journey: Journey) -> None:
    jobs = [journey.drop(f"incoming/{vendor}/meeting.wav", MEETING) for vendor in VENDORS]
    for job in jobs:
        assert (row := journey.finished(job))["status"] == "COMPLETED", row["error"]


def every_failure(journey: Journey) -> None:
    for vendor, fault in FAULTS.items():
        journey.fault(vendor, about=f"incoming/{vendor}/failing.wav", **fault)
    jobs = [journey.drop(f"incoming/{vendor}/failing.wav", MEETING) for vendor in FAULTS]
    for job in [*jobs, journey.drop("incoming/auto/notes.wav", b"no recording")]:
        assert (row := journey.finished(job))["status"] == "FAILED", row["source"]["key"]


def converted(journey: Journey) -> None:
    """Convert recordings; each function that ends a job deletes its converted recording."""
    stack, clip = journey.stack, record(Kind("aiff", "pcm_s16be", 16000))
    for row in by_every_ender(journey, "clip.aiff", clip):
        assert row["status"] == "COMPLETED", row["error"]
    job, left = str(row["job_id"]), f"converted/{row['job_id']}/wav-16000-1.wav"
    stack.client("s3").put_object(Bucket=stack.audio_bucket, Key=left)
    mark_unpublished(journey, job)
    stack.invoke("SweepFunction", event("sweep"))
    journey.finished(job)
    stack.client("s3").put_object(Bucket=stack.audio_bucket, Key=left)
    journey.until(lambda: call(journey, "DELETE", f"/jobs/{job}").status_code, lambda code: code == 204, job)
    gone = Source.model_validate({**row["source"], "version_id": "0" * 32})
    planned = new_job(gone, datetime.now(UTC)).plan(
        gone,
        Audio.model_validate(row["audio"]),
        Options(),
        vendors=["abcpen"],
        forms={"abcpen": Form(format="wav", sample_rate_hz=16000, channels=1)},
        warnings=[],
        now=datetime.now(UTC),
    )
    put_row(journey, planned)
    stack.invoke("ConvertFunction", {"action": "convert", "job_id": planned.job_id})
    stack.invoke("SubmitFunction", {"action": "submit", "job_id": planned.job_id})
    assert journey.finished(planned.job_id)["error"]["code"] == "ObjectNotFound"


def by_every_ender(journey: Journey, name: str, body: bytes) -> list[dict[str, Any]]:
    """Upload a recording for each vendor of ENDERS; return the rows of the ended jobs."""
    jobs = [journey.drop(f"incoming/{vendor}/{name}", body) for vendor in ENDERS]
    return [journey.finished(job) for job in jobs]


def older_than_its_transcript(journey: Journey) -> str:
    """Find a newer version's transcript, and store the older one as superseded; return the older job."""
    for vendor in ENDERS:
        journey.stack.client("s3").put_object(
            Bucket=journey.stack.transcript_bucket,
            Key=f"transcripts/incoming/{vendor}/older.wav.json",
            Metadata={"asr-sequencer": NEWEST},
        )
    for row in by_every_ender(journey, "older.wav", MEETING):
        assert row["transcript_key"].startswith("superseded/"), row
    return str(row["job_id"])


def transcript_gone_meanwhile(journey: Journey) -> None:
    """Read a deleted transcript: S3 answers 404 only to roles that may list the bucket."""
    for vendor in ENDERS:
        journey.stack.faults.change_s3(journey.stack.transcript_bucket, f"transcripts/incoming/{vendor}/gone.wav", 1)
    for row in by_every_ender(journey, "gone.wav", MEETING):
        assert row["transcript_key"] == f"transcripts/{row['source']['key']}.json"


def by_request(journey: Journey) -> None:
    bucket, key = journey.stack.audio_bucket, "incoming/auto/meeting.wav"
    journey.finished(journey.drop(key, MEETING))
    journey.stack.invoke("SubmitFunction", {"action": "request", "bucket": bucket, "key": key})
    voice = {"tencent-rec-task-roleaudiourl": "https://voices.example.com/a.wav"}
    journey.finished(journey.drop("incoming/tencent-rec-task/voice.wav", MEETING, **voice))


def by_backfill(journey: Journey) -> None:
    """Backfill from a listing and from an inventory, each with a new and a known recording."""
    stack, s3 = journey.stack, journey.stack.client("s3")
    told = s3.get_bucket_notification_configuration(Bucket=stack.audio_bucket)["LambdaFunctionConfigurations"]
    s3.put_bucket_notification_configuration(Bucket=stack.audio_bucket, NotificationConfiguration={})
    job = journey.drop("incoming/auto/old/meeting.wav", MEETING)
    wanted = {"LambdaFunctionConfigurations": told}
    s3.put_bucket_notification_configuration(Bucket=stack.audio_bucket, NotificationConfiguration=wanted)
    manifest = put_inventory(stack, ["incoming/auto/old/meeting.wav"], "weekly")
    for asked in ({"prefix": "incoming/auto/old/"}, {"inventory": manifest}):
        answer = stack.client("stepfunctions").start_execution(
            stateMachineArn=stack.outputs["BackfillStateMachineArn"],
            name=f"by-{next(iter(asked))}",
            input=json.dumps({**asked, "concurrency": 2}),
        )
        assert ended(journey, answer["executionArn"])["status"] == "SUCCEEDED"
    journey.finished(job)


def by_api(journey: Journey, superseded: str) -> None:
    """Create, read and delete jobs by the API: an upload, an address, a stored recording, old and new versions."""
    bucket = journey.stack.audio_bucket
    upload_in_parts(journey)
    uploaded = upload(journey)
    source = {"source": f"s3://{bucket}/{journey.row(uploaded)['source']['key']}"}
    call(journey, "POST", "/jobs", source)
    call(journey, "POST", "/jobs", {**source, "version_id": journey.row(uploaded)["source"]["version_id"]})
    call(journey, "POST", "/jobs", {"source": f"s3://{bucket}/incoming/auto/nowhere.wav"})
    linked = call(journey, "POST", "/jobs", {"source": address(journey), "vendor": "tencent-sentence"}).json()["job_id"]
    call(journey, "GET", "/jobs")
    assert call(journey, "GET", "/jobs?key=inventory/manifest.json").json()["jobs"] == []  # the API lists no such keys
    for job in (uploaded, linked, superseded):
        journey.finished(job)
        exported = journey.row(job)["transcript_key"].removesuffix("json")
        journey.stack.client("s3").delete_object(Bucket=journey.stack.transcript_bucket, Key=f"{exported}vtt")
        for form in ("json", "srt", "vtt", "html"):
            read(call(journey, "GET", f"/jobs/{job}/transcript?format={form}"))
        journey.until(
            lambda job=job: call(journey, "DELETE", f"/jobs/{job}").status_code, lambda code: code == 204, job
        )


def ended_early(journey: Journey) -> None:
    """End waiting jobs early: by the API, by a delete marker, and by the deletion of a version."""
    limiter = {"job_id": {"S": "limiter#abcpen"}}
    free_from_us = str(int((time.time() + 3600) * 1_000_000))
    table, s3 = {"TableName": journey.stack.jobs_table}, journey.stack.client("s3")
    journey.stack.client("dynamodb").put_item(**table, Item={**limiter, "free_from_us": {"N": free_from_us}})
    jobs = [journey.drop(f"incoming/abcpen/early-{number}.wav", MEETING) for number in range(4)]
    for number, job in enumerate(jobs):
        row = journey.until(lambda job=job: journey.row(job), lambda row: row.get("attempts"), f"{job} to be planned")
        if number < 2:
            method, path = (("POST", f"/jobs/{job}/cancel"), ("DELETE", f"/jobs/{job}"))[number]
            assert call(journey, method, path).ok
        else:
            version = {"VersionId": row["source"]["version_id"]} if number == 2 else {}
            s3.delete_object(Bucket=journey.stack.audio_bucket, Key=row["source"]["key"], **version)
            assert journey.finished(job)["error"]["code"] == "Withdrawn"
    journey.stack.client("dynamodb").delete_item(**table, Key=limiter)


def budget_reset(journey: Journey) -> None:
    """Let a job wait for the budget until it is reset, and leave an entry like a crashed invocation."""
    client = journey.stack.client("dynamodb")
    rows, now = DynamoBudget(client, journey.stack.jobs_table), datetime.now(UTC)
    rows.save_limits({"per_day": 1000})
    days = {vendor_day(now + timedelta(days=each)): micro(1000) for each in (0, 1)}  # midnight may be close
    left = BudgetEntry("0" * 32, 1, days, "", int(now.timestamp()) - GRACE_S - 60)
    rows.count(left, Budget())
    job = journey.drop("incoming/volcengine/beyond.wav", MEETING)
    journey.until(lambda: journey.row(job), lambda row: row.get("budget_wait"), f"{job} to wait for the budget")
    journey.stack.invoke("SweepFunction", event("sweep"))  # gives the entry back
    rows.save_limits({})
    journey.stack.invoke("SweepFunction", event("sweep"))
    assert journey.finished(job)["status"] == "COMPLETED"


def same_bytes(journey: Journey) -> None:
    """Upload a recording, another one over it, and the first one again, whose transcript is no longer the current."""
    other = (SAMPLES / "greeting.wav").read_bytes()
    rows = [
        journey.finished(journey.drop("incoming/tencent-sentence/same.wav", each)) for each in (MEETING, other, MEETING)
    ]
    assert rows[2]["reused"] == rows[0]["job_id"]


def upload(journey: Journey) -> str:
    """Upload a recording by the API's form; return its job id."""
    form = call(journey, "POST", "/uploads", {"name": "meeting.wav", "vendor": "tencent-sentence"}).json()
    answer = requests.post(form["url"], data=form["fields"], files={"file": MEETING}, timeout=60)
    assert answer.ok, answer.text
    (job,) = journey.until(lambda: call(journey, "GET", form["job"]).json()["jobs"], bool, "the upload to have a job")
    journey.finished(job["job_id"])
    return str(job["job_id"])


def upload_in_parts(journey: Journey) -> None:
    """Resume an upload in parts, complete one, and abort another one."""
    asked = {"name": "meeting.wav", "size_bytes": len(MEETING), "in_parts": True, "vendor": "tencent-sentence"}
    for ending in (("POST", "/complete"), ("DELETE", "")):
        started = call(journey, "POST", "/uploads", asked).json()
        here = f"/uploads/{started['multipart']['upload_id']}"
        (part,) = call(journey, "POST", f"{here}/parts", {"numbers": [1]}).json()["urls"]
        assert requests.put(part["url"], data=MEETING, timeout=60).ok
        assert call(journey, "GET", here).json()["uploaded"]
        assert call(journey, ending[0], here + ending[1]).ok
        if ending[1]:
            journey.until(lambda job=started["job"]: call(journey, "GET", job).json()["jobs"], bool, "the job")
            journey.finished(started["job_id"])


def address(journey: Journey) -> str:
    """Return a presigned address of a recording."""
    return str(
        journey.stack.client("s3").generate_presigned_url(
            "get_object", {"Bucket": journey.stack.audio_bucket, "Key": "incoming/auto/meeting.wav"}
        )
    )


def call(journey: Journey, method: str, path: str, body: Any = None) -> requests.Response:
    body = {} if method == "POST" and body is None else body  # it needs the type of JSON
    return requests.request(method, f"{journey.stack.api_url}{path}", json=body, timeout=60)


def read(answer: requests.Response) -> None:
    """Read a transcript or a page like a browser, which plays the page's recording."""
    assert answer.ok, answer.text
    for found in re.findall(r'id="recording">("[^<]+")<', answer.text):
        assert requests.get(json.loads(found), timeout=60).ok


def callback_wait_of_an_ended_job(journey: Journey) -> None:
    """Wait for a callback of a job that has ended: the execution resumes at once."""
    job = journey.drop("incoming/tencent-sentence/ended.wav", MEETING)
    journey.finished(job)
    execution = start(journey, job, f"{job}-late", Next.CALLBACK)
    assert ended(journey, execution)["status"] == "SUCCEEDED"


def executions_that_end_badly(journey: Journey) -> None:
    """Let an execution time out, which restarts the job, and abort the second one, which fails it."""
    key = "incoming/tencent-recording/waiting.wav"
    journey.fault("tencent-recording", about=key, on="callback", drop=True)
    job = journey.drop(key, MEETING)
    # A job that another invocation changes at this moment is not restarted.
    journey.until(lambda: journey.row(job), lambda row: bool(row.get("task_token")), "the wait for a callback")
    (first,) = journey.executions(job)
    journey.stack.invoke("SweepFunction", news_of(first, job, "TIMED_OUT"))
    (second,) = [each for each in journey.executions(job) if each["name"] != first["name"]]
    journey.stack.invoke("SweepFunction", news_of(second, job, "ABORTED"))
    assert journey.finished(job)["error"]["code"] == "ExecutionAborted"


def news_of(execution: dict[str, Any], job: str, status: str) -> Any:
    """Return EventBridge's event of an execution's end."""
    told = event("execution-ended")
    said = {"status": status, "name": execution["name"], "executionArn": execution["executionArn"]}
    told["detail"].update(said, input=json.dumps({"job_id": job}))
    return told


def events_that_fail(journey: Journey) -> None:
    """Send invalid events, which go to the queue of failed events under each function's role."""
    for function in ("SubmitFunction", "SweepFunction"):
        journey.stack.invoke_later(function, {"source": "aws.states"})
    client, queue = journey.stack.client("sqs"), journey.stack.failed_events_queue_url
    journey.until(
        lambda: client.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])[
            "Attributes"
        ]["ApproximateNumberOfMessages"],
        lambda number: int(number) >= 2,
        "two failed events",
    )


def unpublished_end(journey: Journey) -> None:
    """Simulate a crash between a job's end and its event: the next function publishes it."""
    for function, told in (("SweepFunction", event("sweep")), ("SubmitFunction", {"action": "submit"})):
        job = journey.drop(f"incoming/tencent-sentence/{function}.wav", MEETING)
        journey.finished(job)
        mark_unpublished(journey, job)
        journey.stack.invoke(function, {**told, "job_id": job})
        journey.finished(job)


def mark_unpublished(journey: Journey, job: str) -> None:
    """Reset the row of an ended job to its state before the event."""
    values = {":no": {"BOOL": False}, ":part": {"S": job[0]}, ":then": {"S": "2026-01-01T00:00:00Z"}}
    journey.stack.client("dynamodb").update_item(
        TableName=journey.stack.jobs_table,
        Key={"job_id": {"S": job}},
        UpdateExpression="SET event_published = :no, #open = :part, updated_at = :then",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues=values,
    )


def put_row(journey: Journey, job: Job) -> None:
    """Write a job's row like the store."""
    counted = job.model_copy(update={"counted": job.countable})
    document = json.loads(counted.model_dump_json(), parse_float=Decimal)
    item = {name: value for name, value in document.items() if value is not None}
    journey.stack.client("dynamodb").put_item(
        TableName=journey.stack.jobs_table, Item=TypeSerializer().serialize(item)["M"]
    )


def stalled_job(journey: Journey) -> None:
    """Simulate a crash between a job's row and its execution: the sweep resumes it."""
    row = journey.finished(journey.drop("incoming/tencent-sentence/left.wav", MEETING))
    left = new_job(Source.model_validate(row["source"]), datetime.now(UTC) - timedelta(hours=1))
    put_row(journey, left)
    journey.stack.invoke("SweepFunction", event("sweep"))
    assert journey.finished(left.job_id)["restarts"]


def start(journey: Journey, job: str, name: str, first: Next) -> str:
    envelope = {"job_id": job, "next": first, "wait_s": 60}
    answer = journey.stack.client("stepfunctions").start_execution(
        stateMachineArn=journey.stack.state_machine_arn, name=name, input=json.dumps(envelope)
    )
    return str(answer["executionArn"])


def ended(journey: Journey, execution: str) -> dict[str, Any]:
    found: dict[str, Any] = journey.until(
        lambda: journey.stack.client("stepfunctions").describe_execution(executionArn=execution),
        lambda described: described["status"] != "RUNNING",
        "the execution to end",
    )
    return found


def event(name: str) -> Any:
    return json.loads((SAMPLES.parent / "events" / f"{name}.json").read_text())
