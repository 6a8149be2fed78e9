"""Change, correct and rotate the secret of a running stack, and check that no output contains it."""

import base64
import gzip
import json
import re
import time
from itertools import count

import pytest
import requests

from asrcore.core.callback_url import callback_url
from devstack.settings import CREDENTIALS, ROOT, SIGNING_KEYS
from tests.support.fake_functions import write_project
from tests.support.permission_scenarios import MEETING
from tests.support.pipeline import FOREVER
from tests.support.scanned_stack import SearchedStack
from tests.support.secrets_scan import CANARIES, Execution, Finding, Scanner, Written, history, leaks
from tests.support.simulator_control import Control
from tests.support.stack_client import Journey
from tests.support.web import Web

HELD = json.loads(CREDENTIALS.read_text())
KEYS = json.loads(SIGNING_KEYS.read_text())
(OLD_KEY,) = KEYS["callback"]["keys"]
NEW_KEY = "the-key-that-follows-the-first"
ONLY_BY_CALLBACK = "tencent-recording"
FRESH = count()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Deploy a stack whose secrets the tests change, with the default SecretMaxAgeSeconds."""
    with SearchedStack(region="eu-west-2", log_dir=tmp_path_factory.mktemp("logs")) as stack:
        yield stack


@pytest.fixture
def journey(running):
    yield Journey(running)
    put(running, HELD)
    put_keys(running, OLD_KEY)
    for function in running.environments:
        running.retire(function)  # so that no process keeps the test's secrets


def put(stack, held):
    stack.client("secretsmanager").put_secret_value(
        SecretId=stack.secret_arns["VendorSecret"], SecretString=json.dumps(held)
    )


def put_keys(stack, *keys):
    """Store the keys that sign callback addresses, the first of which signs."""
    stack.client("secretsmanager").put_secret_value(
        SecretId=stack.secret_arns["SigningSecret"], SecretString=json.dumps({**KEYS, "callback": {"keys": keys}})
    )


def drop(journey, vendor):
    return journey.drop(f"incoming/{vendor}/secrets/{next(FRESH)}.wav", MEETING)


def submitted(journey, vendor):
    job = drop(journey, vendor)
    journey.until(
        lambda: (journey.row(job).get("attempts") or [{}])[-1].get("submitted_at"), bool, "the recording to be taken"
    )
    return job


def test_corrected_credentials_are_used_within_seconds(journey):
    put(journey.stack, {**HELD, "volcengine": {**HELD["volcengine"], "token": "mistyped"}})
    journey.stack.retire("SubmitFunction")
    refused = journey.finished(drop(journey, "volcengine"))
    put(journey.stack, HELD)

    row = journey.until(
        lambda: journey.finished(drop(journey, "volcengine")),
        lambda row: row["status"] == "COMPLETED",
        "a completed job",
    )

    assert (refused["status"], refused["error"]["class"]) == ("FAILED", "config")
    assert len(row["attempts"]) == 1


def test_callbacks_in_flight_survive_a_key_rotation(journey):
    journey.finished(drop(journey, ONLY_BY_CALLBACK))  # by now the processes have read the secret
    # However long the outage takes, a later callback is sent.
    Control(journey.stack.simulators[ONLY_BY_CALLBACK]).options(callback_attempts=20, callback_interval_s=0.1)

    with journey.stack.api_down():  # so that the callback comes after the rotation
        in_flight = submitted(journey, ONLY_BY_CALLBACK)
        put_keys(journey.stack, NEW_KEY, OLD_KEY)
    journey.stack.retire("SubmitFunction")  # so that the next callback address is signed with the new key
    later = drop(journey, ONLY_BY_CALLBACK)

    assert [journey.finished(job)["status"] for job in (in_flight, later)] == ["COMPLETED", "COMPLETED"]
    assert [len(journey.row(job)["attempts"]) for job in (in_flight, later)] == [1, 1]


def test_removed_key_is_rejected_after_the_secret_expires(tmp_path):
    with SearchedStack({"SecretMaxAgeSeconds": "1"}, region="eu-west-3", log_dir=tmp_path) as stack:
        journey = Journey(stack)
        job = drop(journey, ONLY_BY_CALLBACK)
        journey.finished(job)
        address = callback_url(stack.api_url, ONLY_BY_CALLBACK, job, 1, [OLD_KEY], expires_at=FOREVER)
        accepted = requests.post(address, data={"code": "0"}, timeout=60).status_code

        put_keys(stack, NEW_KEY)

        assert accepted == 200
        journey.until(lambda: requests.post(address, timeout=60).status_code, lambda code: code == 403, "a refusal")


SIGNATURE = "a callback's signature"


def planted(kind):
    return CANARIES[f"a canary in {kind}"]


def role(canary):
    return {"RoleAudioUrl": f"https://voices.example.com/{canary}/a.wav?sig={canary}", "RoleName": "Ann"}


def test_canaries_of_every_input_are_nowhere(journey):
    stack, s3 = journey.stack, journey.stack.client("s3")
    key = f"incoming/tencent-rec-task/secrets/{next(FRESH)}.wav"
    sidecar = {"tencent-rec-task": role(planted("a sidecar"))}
    s3.put_object(Bucket=stack.audio_bucket, Key=f"{key}.asr.json", Body=json.dumps(sidecar).encode())
    jobs = [
        journey.drop(key, MEETING),
        journey.upload(f"{key}.wav", MEETING, {"note": planted("metadata")}),
    ]
    with Web() as web:
        url = web.serve(f"/{planted('the path of a URL')}/{planted('the path of a URL')}.wav", MEETING)
        address = f"{url}?sig={planted('the query of a URL')}"
        for vendor in ("abcpen-offline", "tencent-rec-task", "openai-compatible"):
            options = {"tencent-rec-task": role(planted("an option that is an address"))}
            body = {"source": address, "vendor": vendor, "options": options}
            answer = requests.post(f"{stack.api_url}/jobs", json=body, timeout=60)
            jobs.append(answer.json()["job_id"])
        rows = [journey.finished(job) for job in jobs]
    forged = f"{stack.api_url}/callbacks/volcengine/{jobs[0]}/1/{planted(SIGNATURE)}"
    headers = {"X-Note": planted("a request header"), "Authorization": f"Basic {planted('a request header')}"}
    refused = requests.post(forged, data={"code": planted("a form field")}, headers=headers, timeout=60)
    invalid = requests.post(f"{stack.api_url}/jobs", json={"source": planted("a request body")}, timeout=60)
    for job in jobs:
        for path in ("", "/transcript?format=html", "/transcript"):
            requests.get(f"{stack.api_url}/jobs/{job}{path}", headers=headers, timeout=60)

    assert {row["status"] for row in rows} == {"COMPLETED"}
    assert (refused.status_code, invalid.status_code) == (403, 422)
    assert [finding for finding in leaks(stack) if finding.what in CANARIES] == []


TEXT = "这句话只在录音里说过一次"
SESSION = "FQoGZXIvYXdzEBYaDsessiontoken"
SHOUT = """
    import json

    def lambda_handler(event, context):
        print(json.dumps(event))
        return {"job_id": "j", "next": "completed", "wait_s": 0}
"""


class TestTheScanner:
    """The scanner must find planted secrets."""

    @pytest.mark.parametrize(
        ("said", "what"),
        [
            pytest.param(f"key={HELD['tencent']['secret_key']}", "tencent.secret_key of the secret", id="a secret"),
            pytest.param(json.dumps({"text": TEXT}), "the text of a transcript", id="text, escaped as JSON does"),
            pytest.param(f"token {SESSION}", "a session of a role", id="a session token"),
            pytest.param(
                "https://b.s3.amazonaws.com/a.wav?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0f",
                "a presigned URL",
                id="a presigned URL",
            ),
            pytest.param(
                "url=https%3A%2F%2Fb%2Fa%3Fx-amz-credential%3DASIA",
                "a presigned URL",
                id="a presigned URL encoded twice",
            ),
            pytest.param(
                "Authorization: AWS4-HMAC-SHA256 Credential=ASIA/2026/x", "AWS's signature", id="a request to AWS"
            ),
            pytest.param(
                "{'Authorization': 'TC3-HMAC-SHA256 Credential=AKID/2026-01-01/asr'}",
                "Tencent's signature",
                id="a request to Tencent",
            ),
            pytest.param('{"X-App-Signature": "aGVsbG8="}', "a signature in abcpen's header", id="a request to abcpen"),
            pytest.param("appid=1&signa=aGVsbG8gd29ybGQ%3D", "a signature in abcpen's form", id="a form for abcpen"),
            pytest.param("Authorization: Bearer; SYNTHETIC", "a bearer token", id="a request to Volcengine"),
            pytest.param(
                f"POST /callbacks/volcengine/{'a' * 32}/1/{'s' * 43}",
                "a signed callback address",
                id="a callback's address",
            ),
        ],
    )
    def test_scanner_detects(self, said, what):
        scanner = Scanner(
            {
                HELD["tencent"]["secret_key"]: "tencent.secret_key of the secret",
                TEXT: "the text of a transcript",
                SESSION: "a session of a role",
            }
        )

        assert Finding(what, "here") in scanner.scan([Written("here", said)])

    @pytest.mark.parametrize(
        "said",
        [
            '{"level":"INFO","message":"submitted","vendor_task_id":"1b2c","job_id":"0a1b"}',
            "POST /callbacks/{vendor}/{job_id}/{attempt}/{signature}",
            "the signature does not verify, or has expired",
        ],
    )
    def test_scanner_accepts(self, said):
        assert Scanner({}).scan([Written("here", said)]) == []

    def test_scanner_reads_every_store_when_a_stack_stops(self, tmp_path):
        template = write_project(tmp_path, {"submit": SHOUT, "poller": SHOUT})
        with (
            pytest.raises(AssertionError, match=r"abcpen\.api_key of the secret"),
            SearchedStack(region="eu-north-1", simulate=False, template=template, log_dir=tmp_path) as stack,
        ):
            found = leaks(plant(stack, HELD["abcpen"]["api_key"]))

        assert {finding.where for finding in found if finding.what == "abcpen.api_key of the secret"} == {
            "a message in " + stack.failed_events_queue_url.rpartition("/")[2],
            "a metric",
            "a trace",
            "an answer of ApiFunction",
            "an event on the bus",
            "the body of html/planted.html",
            "the body of raw/planted.json",
            "the body of search/planted",
            "the history of planted",
            "the key planted/" + HELD["abcpen"]["api_key"],
            "the log of SubmitFunction",
            "the metadata of planted",
            "the row planted",
        }
        assert {finding.what for finding in found} == {"abcpen.api_key of the secret"}

    @pytest.mark.parametrize("part", ["input", "output", "cause"])
    def test_scanner_reads_both_ends_of_an_execution_and_its_events(self, part):
        said = {part: json.dumps({"said": SESSION})}
        held = Execution("ends", said, []), Execution("events", {}, [{"stateExitedEventDetails": said}])

        found = Scanner({SESSION: "a session of a role"}).scan(map(history, held))

        assert [finding.where for finding in found] == ["the history of ends", "the history of events"]

    def test_scanner_is_skipped_by_no_test(self):
        imports = re.compile(r"(?m)^\s*from devstack\.stack import .*\bLocalStack\b")
        unsearched = {path.name for path in (ROOT / "tests").rglob("*.py") if imports.search(path.read_text())}

        assert unsearched == {"scanned_stack.py"}

    def test_scanner_accepts_task_tokens_in_step_input_only(self, tmp_path):
        template = write_project(tmp_path, {"poller": SHOUT})
        with SearchedStack(region="eu-north-1", simulate=False, template=template, log_dir=tmp_path) as stack:
            stack.unsearched = "a function tells its task token"
            execution = start(stack, {"job_id": "j", "next": "callback", "wait_s": 60})
            Journey(stack).until(lambda: stack.logs("PollerFunction"), lambda log: "task_token" in log, "a token")
            found = leaks(stack)
            stack.client("stepfunctions").stop_execution(executionArn=execution)
            # Its end is an event, which must not reach the next stack of this region.
            Journey(stack).until(
                lambda: stack.logs("SweepFunction"), lambda log: "START" in log, "the event of its end"
            )

        assert found == [Finding("a task token", "the log of PollerFunction")]


def plant(stack, secret):
    """Write a secret to every place that the scanner reads; return the stack."""
    said, s3 = json.dumps({"said": secret}), stack.client("s3")
    stack.client("events").put_events(Entries=[{"Source": "asrcore", "DetailType": "x", "Detail": said}])
    stack.client("sqs").send_message(QueueUrl=stack.failed_events_queue_url, MessageBody=said)
    stack.client("dynamodb").put_item(
        TableName=stack.jobs_table, Item={"job_id": {"S": "planted"}, "said": {"S": secret}}
    )
    s3.put_object(Bucket=stack.audio_bucket, Key="planted", Metadata={"said": secret})
    s3.put_object(Bucket=stack.audio_bucket, Key=f"planted/{secret}")
    for key in ("raw/planted.json", "html/planted.html", "search/planted"):
        s3.put_object(Bucket=stack.transcript_bucket, Key=key, Body=f"<p>{said}</p>".encode())
    dimension = {"Name": "said", "Value": secret}
    stack.client("cloudwatch").put_metric_data(
        Namespace="asrcore", MetricData=[{"MetricName": "planted", "Dimensions": [dimension], "Value": 1}]
    )
    segment = {"trace_id": f"1-{int(time.time()):x}-{'0' * 24}", "id": "0" * 16, "name": "planted", "start_time": 1}
    document = json.dumps({**segment, "end_time": 2, "annotations": {"said": secret}})
    stack.client("xray").put_trace_segments(TraceSegmentDocuments=[document])
    packed = base64.b64encode(gzip.compress(said.encode())).decode()
    stack.answers.add(("ApiFunction", json.dumps({"body": packed, "isBase64Encoded": True}).encode()))
    stack.invoke("SubmitFunction", {"said": secret})
    execution = start(stack, {"job_id": "j", "next": "completed", "wait_s": 0, "said": secret})
    Journey(stack).until(
        lambda: stack.client("stepfunctions").describe_execution(executionArn=execution)["status"],
        lambda status: status != "RUNNING",
        "the execution to end",
    )
    return stack


def start(stack, told):
    answer = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.state_machine_arn, name="planted", input=json.dumps(told)
    )
    return answer["executionArn"]
