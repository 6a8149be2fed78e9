"""Check that the local stack invokes functions like AWS, with functions scripted by the test."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import requests
from botocore.exceptions import ClientError

from asrcore.messages import render
from asrcore.vendors.registry import VENDORS
from devstack import commands
from devstack.__main__ import _parameters, _parser
from devstack.demo import CONVERTED, HEADING, SAMPLES_BY_VENDOR, run_demo
from devstack.expand import ParameterError
from devstack.settings import ROOT, VENDOR_PARAMETERS
from devstack.stack import FunctionError
from devstack.stopping import StopSignal
from tests.support import mocked_aws
from tests.support.fake_functions import wait_for, write_project
from tests.support.mocked_aws import mocked_boto3
from tests.support.process import descendants, is_running, running
from tests.support.scanned_stack import SearchedStack
from tests.support.table import create_jobs_table

REGION = "eu-west-1"
SPEED = 1000
A_DAY_S = 86_400

# Stores each event in the transcript bucket; fails when the object's key says so; returns its environment on request.
SUBMIT = """
    import json, os, uuid
    import boto3

    def lambda_handler(event, context):
        if "Records" not in event:
            return dict(os.environ)
        for record in event["Records"]:
            if "broken" in record["s3"]["object"]["key"]:
                raise ValueError("cannot read this one")
            head = boto3.client("s3").head_object(
                Bucket=record["s3"]["bucket"]["name"], Key=record["s3"]["object"]["key"].replace("%", "%25")
            ) if record["s3"]["object"]["key"].endswith("plain.wav") else {"Metadata": {}}
            boto3.client("s3").put_object(
                Bucket=os.environ["TRANSCRIPT_BUCKET"],
                Key=f"events/{record['s3']['object']['key']}/{uuid.uuid4()}",
                Body=json.dumps({"record": record, "metadata": head["Metadata"]}),
            )
"""

# Stands for the functions of the state machine and the event bus. Follows the script in the job's row, a list of
# results per action, and records every action, and its input error, in the row.
POLLER = """
    import json, os
    import boto3

    table = boto3.resource("dynamodb").Table(os.environ["JOBS_TABLE"])

    def note(job_id, what):
        table.update_item(
            Key={"job_id": job_id},
            UpdateExpression="SET notes = list_append(if_not_exists(notes, :none), :what)",
            ExpressionAttributeValues={":none": [], ":what": [what]},
        )

    def lambda_handler(event, context):
        if event.get("source") == "aws.states":
            detail = event["detail"]
            note(json.loads(detail["input"])["job_id"], f"bus {detail['status']} {event['detail-type']}")
            return
        job_id, action = event["job_id"], event["action"]
        if action == "await_callback":
            table.update_item(
                Key={"job_id": job_id},
                UpdateExpression="SET task_token = :token",
                ExpressionAttributeValues={":token": event["task_token"]},
            )
        note(job_id, f"{action} {event['error']['Error']}" if "error" in event else action)
        row = table.get_item(Key={"job_id": job_id}, ConsistentRead=True)["Item"]
        script = json.loads(row["script"]).get(action, [])
        done = sum(1 for noted in row["notes"] if noted.split()[0] == action)
        answer = script[min(done, len(script)) - 1] if script else "failed"
        if answer == "no room":
            raise type("Lambda.TooManyRequestsException", (Exception,), {})("Rate Exceeded.")
        if answer == "crash":
            os._exit(1)
        return {"job_id": job_id, "next": answer, "wait_s": 0}
"""

TUNING = '{"abcpen": {"submissions_per_second": 7}}'

CALLBACK = """
    import boto3, json, os

    def lambda_handler(event, context):
        job_id = event["pathParameters"]["job_id"]
        row = boto3.resource("dynamodb").Table(os.environ["JOBS_TABLE"]).get_item(Key={"job_id": job_id})["Item"]
        output = json.dumps({"job_id": job_id, "next": "completed", "wait_s": 0})
        boto3.client("stepfunctions").send_task_success(taskToken=row["task_token"], output=output)
        return {"code": 0, "base64": event["isBase64Encoded"]}
"""


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchedStack]:
    """Return the template with the functions above."""
    folder = tmp_path_factory.mktemp("project")
    template = write_project(folder, {"submit": SUBMIT, "poller": POLLER, "sweep": POLLER, "callback": CALLBACK})
    with SearchedStack(
        {"VendorChain": "abcpen", "VendorTuning": TUNING},
        region=REGION,
        simulate=False,
        template=template,
        speed=SPEED,
        log_dir=folder / "logs",
    ) as stack:
        yield stack


def events_of(stack: SearchedStack, key: str, number: int = 1) -> list[dict[str, Any]]:
    """Return SubmitFunction's events of an object, once there are `number` of them."""
    s3, prefix = stack.client("s3"), f"events/{quote_plus(key, safe='/')}/"

    def look() -> list[str]:
        listed = s3.list_objects_v2(Bucket=stack.transcript_bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in listed] if len(listed) == number else []

    found = wait_for(look)
    return [json.loads(s3.get_object(Bucket=stack.transcript_bucket, Key=each)["Body"].read()) for each in found]


def start(stack: SearchedStack, job_id: str, first: str, script: dict[str, list[str]], wait_s: int = 0) -> str:
    """Start an execution for a job whose functions answer by `script`; return its ARN."""
    stack.client("dynamodb").put_item(
        TableName=stack.jobs_table, Item={"job_id": {"S": job_id}, "script": {"S": json.dumps(script)}}
    )
    execution = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.state_machine_arn,
        name=job_id,
        input=json.dumps({"job_id": job_id, "next": first, "wait_s": wait_s}),
    )
    return str(execution["executionArn"])


def row_of(stack: SearchedStack, job_id: str) -> dict[str, Any]:
    return dict(stack.client("dynamodb").get_item(TableName=stack.jobs_table, Key={"job_id": {"S": job_id}})["Item"])


def notes_of(stack: SearchedStack, job_id: str) -> list[str]:
    return [note["S"] for note in row_of(stack, job_id).get("notes", {"L": []})["L"]]


def ended(stack: SearchedStack, execution_arn: str, limit_s: float = 120) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        execution = stack.client("stepfunctions").describe_execution(executionArn=execution_arn)
        return None if execution["status"] == "RUNNING" else dict(execution)

    return wait_for(look, limit_s)


def test_functions_see_the_template_as_deployed(scripted: SearchedStack):
    variables = scripted.invoke("SubmitFunction", {})

    assert variables["AWS_ENDPOINT_URL"] == scripted.aws_endpoint_url
    assert variables["CALLBACK_BASE_URL"] == scripted.api_url == scripted.outputs["ApiUrl"]
    assert variables["STATE_MACHINE_ARN"] == scripted.state_machine_arn
    assert variables["JOBS_TABLE"] == scripted.jobs_table
    assert variables["SECRET_ARN"] == scripted.secret_arns["VendorSecret"]
    assert variables["SIGNING_SECRET_ARN"] == scripted.secret_arns["SigningSecret"]
    assert variables["TRANSCRIPT_BUCKET"] == scripted.transcript_bucket
    assert (variables["VENDOR_CHAIN"], variables["VENDOR_TUNING"]) == ("abcpen", TUNING)
    assert variables["ABCPEN_BASE_URL"] == "https://ai.abcpen.com"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/asrcore/submit"
    assert {name: variables[name] for name in scripted.environments["SubmitFunction"]} == scripted.environments[
        "SubmitFunction"
    ]


@pytest.mark.parametrize(
    ("name", "content"), [("VendorSecret", "credentials.json"), ("SigningSecret", "signing_keys.json")]
)
def test_secret_holds_its_local_content(scripted: SearchedStack, name: str, content: str):
    value = scripted.client("secretsmanager").get_secret_value(SecretId=scripted.secret_arns[name])["SecretString"]

    assert json.loads(value) == json.loads((ROOT / "devstack" / content).read_text())


@pytest.mark.parametrize(
    ("key", "told_key"),
    [
        pytest.param("incoming/auto/plain.wav", "incoming/auto/plain.wav", id="plain, slashes stay"),
        pytest.param("incoming/auto/a b+c%20d.wav", "incoming/auto/a+b%2Bc%2520d.wav", id="space, plus and percent"),
        pytest.param("incoming/abcpen/会议.m4a", "incoming/abcpen/%E4%BC%9A%E8%AE%AE.m4a", id="Chinese"),
        pytest.param("incoming/auto/q?#&=;(1).mp3", "incoming/auto/q%3F%23%26%3D%3B%281%29.mp3", id="signs of a URL"),
    ],
)
def test_notification_is_what_s3_sends(scripted: SearchedStack, key: str, told_key: str):
    put = scripted.client("s3").put_object(
        Bucket=scripted.audio_bucket, Key=key, Body=b"RIFF", Metadata={"asr-vendor": "abcpen"}
    )

    (told,) = events_of(scripted, key)

    record = told["record"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["awsRegion"] == REGION
    assert record["s3"]["bucket"]["name"] == scripted.audio_bucket
    assert record["s3"]["object"]["key"] == told_key
    assert record["s3"]["object"]["versionId"] == put["VersionId"]
    assert record["s3"]["object"]["eTag"] == put["ETag"].strip('"')
    assert record["s3"]["object"]["size"] == 4
    assert int(record["s3"]["object"]["sequencer"], 16) > 0
    if key.endswith("plain.wav"):
        assert told["metadata"] == {"asr-vendor": "abcpen"}


def test_later_version_has_a_greater_sequencer(scripted: SearchedStack):
    s3 = scripted.client("s3")
    for _ in range(2):
        s3.put_object(Bucket=scripted.audio_bucket, Key="incoming/auto/twice.wav", Body=b"RIFF")

    told = events_of(scripted, "incoming/auto/twice.wav", number=2)
    versions = [each["record"]["s3"]["object"] for each in told]

    ordered = s3.list_object_versions(Bucket=scripted.audio_bucket, Prefix="incoming/auto/twice.wav")["Versions"]
    newest = next(version["VersionId"] for version in ordered if version["IsLatest"])
    assert max(versions, key=lambda item: item["sequencer"])["versionId"] == newest


def test_object_outside_the_prefix_invokes_no_function(scripted: SearchedStack, monkeypatch: pytest.MonkeyPatch):
    s3, events, invoke = scripted.client("s3"), list[bytes](), scripted.run_function_later

    def record(name: str, event: bytes) -> None:
        events.append(event)
        invoke(name, event)

    monkeypatch.setattr(scripted, "run_function_later", record)
    for key in ("elsewhere/outside.wav", "incoming/auto/inside.wav"):
        s3.put_object(Bucket=scripted.audio_bucket, Key=key, Body=b"RIFF")  # which returns after the invocation

    assert [sum(name in event for event in events) for name in (b"outside.wav", b"inside.wav")] == [0, 1]


WAITS = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 0, "End": True}}}


def run_mocked(machine: dict[str, Any]) -> str:
    """Return the status in which an execution in the mock ends."""
    states = mocked_aws.client("stepfunctions")
    role = "arn:aws-us-gov:iam::123456789012:role/r"
    arn = states.create_state_machine(name="m", definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]

    def ended() -> str | None:
        status: str = states.describe_execution(executionArn=execution)["status"]
        return None if status == "RUNNING" else status

    return wait_for(ended)


def test_mock_in_the_same_process_leaves_the_stack(scripted: SearchedStack):
    scripted.client("s3").put_object(Bucket=scripted.audio_bucket, Key="elsewhere/kept.wav", Body=b"RIFF")

    with mocked_boto3():
        mocked_aws.create_bucket("mocked").put_object(Bucket="mocked", Key="a", Body=b"b")
        mocked_aws.forget()
        create_jobs_table(mocked_aws.client("dynamodb"))
        assert run_mocked(WAITS) == "SUCCEEDED"

    kept = scripted.client("s3").get_object(Bucket=scripted.audio_bucket, Key="elsewhere/kept.wav")
    assert kept["Body"].read() == b"RIFF"
    assert scripted.client("dynamodb").list_tables()["TableNames"] == [scripted.jobs_table]


def test_event_that_always_fails_is_queued(scripted: SearchedStack):
    scripted.client("s3").put_object(Bucket=scripted.audio_bucket, Key="incoming/auto/broken.wav", Body=b"RIFF")

    def look() -> list[dict[str, Any]] | None:
        reply = scripted.client("sqs").receive_message(QueueUrl=scripted.failed_events_queue_url)
        return reply.get("Messages")

    envelope = json.loads(wait_for(look)[0]["Body"])
    assert envelope["requestContext"]["condition"] == "RetriesExhausted"
    assert envelope["requestContext"]["approximateInvokeCount"] == 3
    assert envelope["requestPayload"]["Records"][0]["s3"]["object"]["key"] == "incoming/auto/broken.wav"
    assert envelope["responsePayload"]["errorMessage"] == "cannot read this one"


def test_error_of_an_invoked_function_is_unhandled(scripted: SearchedStack):
    event = {"Records": [{"s3": {"object": {"key": "broken"}}}]}
    name = scripted.invoke("SubmitFunction", {})["AWS_LAMBDA_FUNCTION_NAME"]

    answer = scripted.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"
    with pytest.raises(FunctionError, match="ValueError: cannot read this one"):
        scripted.invoke("SubmitFunction", event)


def test_asynchronous_event_has_a_size_limit(scripted: SearchedStack):
    name = scripted.invoke("SubmitFunction", {})["AWS_LAMBDA_FUNCTION_NAME"]

    with pytest.raises(ClientError, match="too large for the Event invocation type") as caught:
        scripted.client("lambda").invoke(
            FunctionName=name, InvocationType="Event", Payload=json.dumps("x" * 256 * 1024)
        )

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_state_machine_queries_until_the_job_is_done(scripted: SearchedStack):
    execution = start(scripted, "queries", "query", {"query": ["query", "query", "completed"]})

    assert ended(scripted, execution)["status"] == "SUCCEEDED"
    assert notes_of(scripted, "queries") == ["query", "query", "query"]


def test_waits_are_scaled_down(scripted: SearchedStack):
    execution = start(scripted, "in an hour", "query", {"query": ["completed"]}, wait_s=3600)

    found = ended(scripted, execution)

    assert found["status"] == "SUCCEEDED"
    assert (found["stopDate"] - found["startDate"]).total_seconds() < 1800


def test_callback_resumes_the_execution(scripted: SearchedStack):
    execution = start(scripted, "called-back", "callback", {}, wait_s=60)
    wait_for(lambda: "task_token" in row_of(scripted, "called-back"))

    response = requests.post(
        f"{scripted.api_url}/callbacks/tencent-recording/called-back/1/signature", data={"code": "0"}, timeout=60
    )

    assert response.json() == {"code": 0, "base64": True}
    assert ended(scripted, execution)["status"] == "SUCCEEDED"
    assert notes_of(scripted, "called-back") == ["await_callback"]


def test_missing_callback_times_out(scripted: SearchedStack):
    execution = start(scripted, "missed", "callback", {"check_overdue": ["completed"]}, wait_s=1)

    assert ended(scripted, execution)["status"] == "SUCCEEDED"
    assert notes_of(scripted, "missed") == ["await_callback", "check_overdue"]


def test_unknown_step_fails_the_execution_and_invokes_the_sweep(scripted: SearchedStack):
    execution = start(scripted, "unforeseen", "query", {"query": ["dance"]})

    assert ended(scripted, execution)["status"] == "FAILED"
    wait_for(lambda: len(notes_of(scripted, "unforeseen")) == 2)
    assert notes_of(scripted, "unforeseen") == ["query", "bus FAILED Step Functions Execution Status Change"]


def test_stopped_execution_invokes_the_sweep(scripted: SearchedStack):
    execution = start(scripted, "stopped", "query", {}, wait_s=A_DAY_S * SPEED)
    wait_for(lambda: scripted.client("stepfunctions").get_execution_history(executionArn=execution)["events"])

    scripted.client("stepfunctions").stop_execution(executionArn=execution)

    assert ended(scripted, execution)["status"] == "ABORTED"
    wait_for(lambda: notes_of(scripted, "stopped"))
    assert notes_of(scripted, "stopped") == ["bus ABORTED Step Functions Execution Status Change"]


def test_failing_step_is_recovered_and_checked_again(scripted: SearchedStack):
    execution = start(scripted, "hopeless", "query", {"query": ["crash"]})

    assert ended(scripted, execution)["status"] == "SUCCEEDED"
    assert notes_of(scripted, "hopeless") == [*["query"] * 5, "recover Runtime.ExitError", "check_overdue"]


def test_throttled_step_is_retried_for_longer(scripted: SearchedStack):
    execution = start(scripted, "no-room", "query", {"query": [*["no room"] * 20, "completed"]})

    assert ended(scripted, execution)["status"] == "SUCCEEDED"
    assert notes_of(scripted, "no-room") == ["query"] * 21


@pytest.fixture
def frequent_turns() -> Iterator[None]:
    """Switch threads, moto's included, far more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_concurrent_writes_of_a_row_all_count(scripted: SearchedStack, frequent_turns: None):
    table = scripted.client("dynamodb")
    add = {
        "TableName": scripted.jobs_table,
        "Key": {"job_id": {"S": "a counter"}},
        "UpdateExpression": "SET n = if_not_exists(n, :none) + :one, m = if_not_exists(m, :none) + :one",
        "ExpressionAttributeValues": {":none": {"N": "0"}, ":one": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
    }

    with ThreadPoolExecutor(8) as pool:
        seen = [each["Attributes"] for each in pool.map(lambda _: table.update_item(**add), range(80))]

    assert sorted(int(row["n"]["N"]) for row in seen) == list(range(1, 81))
    assert all(row["n"] == row["m"] for row in seen)


def test_row_is_read_back_as_it_was_written(scripted: SearchedStack):
    table, nested = scripted.client("dynamodb"), {"M": {"list": {"L": [{"S": "会议"}, {"N": "1.5"}, {"NULL": True}]}}}
    row = {"job_id": {"S": "a nested row"}, "nested": nested, "set": {"NS": ["1", "2"]}, "is_true": {"BOOL": True}}

    table.put_item(TableName=scripted.jobs_table, Item=row)

    assert table.get_item(TableName=scripted.jobs_table, Key={"job_id": row["job_id"]})["Item"] == row


def test_row_above_dynamodbs_limit_is_rejected(scripted: SearchedStack):
    table, key = scripted.client("dynamodb"), {"job_id": {"S": "a long row"}}

    with pytest.raises(ClientError, match="Item size has exceeded"):
        table.put_item(TableName=scripted.jobs_table, Item={**key, "text": {"S": "x" * 410_000}})

    assert "Item" not in table.get_item(TableName=scripted.jobs_table, Key=key)


def test_refused_transaction_changes_no_row(scripted: SearchedStack):
    table, name = scripted.client("dynamodb"), scripted.jobs_table
    keys = [{"job_id": {"S": f"part {number}"}} for number in range(3)]
    table.put_item(TableName=name, Item={**keys[0], "n": {"N": "1"}})
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    parts = [
        {"Update": {"TableName": name, "Key": keys[0], **add}},
        {"Put": {"TableName": name, "Item": keys[1]}},
        {"ConditionCheck": {"TableName": name, "Key": keys[2], "ConditionExpression": "attribute_exists(n)"}},
    ]

    with pytest.raises(table.exceptions.TransactionCanceledException):
        table.transact_write_items(TransactItems=parts)

    found = [table.get_item(TableName=name, Key=key, ConsistentRead=True).get("Item") for key in keys]
    assert found == [{**keys[0], "n": {"N": "1"}}, None, None]


@pytest.mark.parametrize("operation", ["create_state_machine", "update_state_machine"])
def test_state_machine_with_a_duplicate_name_is_rejected(scripted: SearchedStack, operation: str):
    states = scripted.client("stepfunctions")
    deployed = states.describe_state_machine(stateMachineArn=scripted.state_machine_arn)
    done = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    twice = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [done, done], "End": True}}}
    target = {
        "create_state_machine": {"name": "twice", "roleArn": deployed["roleArn"]},
        "update_state_machine": {"stateMachineArn": scripted.state_machine_arn},
    }[operation]

    with pytest.raises(ClientError, match="DUPLICATE_STATE_NAME") as refused:
        getattr(states, operation)(definition=json.dumps(twice), **target)

    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"
    assert (
        states.describe_state_machine(stateMachineArn=scripted.state_machine_arn)["definition"]
        == deployed["definition"]
    )


def test_execution_that_awaits_a_callback_is_stopped_at_once(scripted: SearchedStack):
    states = scripted.client("stepfunctions")
    execution = start(scripted, "awaits", "callback", {}, wait_s=3600)
    wait_for(lambda: notes_of(scripted, "awaits"))

    states.stop_execution(executionArn=execution)

    assert ended(scripted, execution)["status"] == "ABORTED"


WAITING = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 86400, "End": True}}})


WAITING_STACK = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "waits",
                "AssumeRolePolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "states.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ]
                },
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "waits",
                "DefinitionString": WAITING,
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            },
        },
    }
}


def start_waiting(stack: SearchedStack, machine: str) -> str:
    """Start an execution that waits for a day, and return its ARN when it does."""
    states = stack.client("stepfunctions")
    execution = str(states.start_execution(stateMachineArn=machine)["executionArn"])
    wait_for(lambda: len(states.get_execution_history(executionArn=execution)["events"]) > 1)
    return execution


def test_state_machine_is_deleting_until_its_executions_end(scripted: SearchedStack):
    states = scripted.client("stepfunctions")
    role = states.describe_state_machine(stateMachineArn=scripted.state_machine_arn)["roleArn"]
    machine = states.create_state_machine(name="waiting", definition=WAITING, roleArn=role)["stateMachineArn"]
    execution = start_waiting(scripted, machine)

    states.delete_state_machine(stateMachineArn=machine)

    assert states.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
    with pytest.raises(states.exceptions.StateMachineDeleting):
        states.start_execution(stateMachineArn=machine)
    with pytest.raises(states.exceptions.StateMachineDeleting):
        states.create_state_machine(name="waiting", definition=WAITING, roleArn=role)
    states.stop_execution(executionArn=execution)
    wait_for(lambda: machine not in [each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"]])


def status_of(stack: SearchedStack, name: str) -> str:
    """Return the status of a stack of CloudFormation, and DELETE_COMPLETE when there is none."""
    try:
        (described,) = stack.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return "DELETE_COMPLETE"
    return str(described["StackStatus"])


def test_stack_is_deleted_when_its_executions_have_ended(scripted: SearchedStack):
    cloudformation, iam = scripted.client("cloudformation"), scripted.client("iam")
    cloudformation.create_stack(StackName="waits", TemplateBody=json.dumps(WAITING_STACK))
    described = cloudformation.describe_stack_resource(StackName="waits", LogicalResourceId="Machine")
    execution = start_waiting(scripted, described["StackResourceDetail"]["PhysicalResourceId"])

    cloudformation.delete_stack(StackName="waits")

    assert status_of(scripted, "waits") == "DELETE_IN_PROGRESS"
    assert iam.get_role(RoleName="waits")
    scripted.client("stepfunctions").stop_execution(executionArn=execution)
    wait_for(lambda: status_of(scripted, "waits") == "DELETE_COMPLETE")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="waits")


def test_execution_name_is_used_once(scripted: SearchedStack):
    execution = start(scripted, "once", "completed", {})
    ended(scripted, execution)

    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(scripted, "once", "completed", {})


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        pytest.param({"VendorChains": "abcpen"}, "unknown parameter 'VendorChains'; the template has", id="unknown"),
        pytest.param({"AwsEndpointUrl": "http://x"}, "AwsEndpointUrl is the local stack's own", id="its own"),
    ],
)
def test_invalid_parameters_are_rejected_before_the_start(params: dict[str, str], complaint: str):
    with pytest.raises(ParameterError, match=complaint):
        SearchedStack(params)


def test_second_stack_in_a_region_is_rejected(scripted: SearchedStack):
    with pytest.raises(RuntimeError, match=f"already runs a local stack in {REGION}"):
        SearchedStack(region=REGION, simulate=False).__enter__()

    assert scripted.client("s3").list_buckets()["Buckets"]


def test_region_is_free_after_a_stack_stops(tmp_path: Path):
    template = write_project(tmp_path, {})
    for _ in range(2):
        with SearchedStack(region="ap-east-1", simulate=False, template=template, log_dir=tmp_path) as stack:
            assert stack.client("s3").list_objects_v2(Bucket=stack.audio_bucket)["KeyCount"] == 0
            stack.client("s3").put_object(Bucket=stack.audio_bucket, Key="left.wav", Body=b"RIFF")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return the threads that the test itself starts: other stacks of this process start threads at any time."""
    own, threads, start = threading.current_thread(), list[threading.Thread](), threading.Thread.start

    def record(thread: threading.Thread) -> None:
        start(thread)
        if threading.current_thread() is own:
            threads.append(thread)

    monkeypatch.setattr(threading.Thread, "start", record)
    return threads


def test_failed_start_leaves_no_threads_or_files(tmp_path: Path, started: list[threading.Thread]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(OSError, match="cannot listen on"):
            SearchedStack(region="ap-east-1", simulate=False, api_port=taken.getsockname()[1]).__enter__()

    assert started
    wait_for(lambda: not any(thread.is_alive() for thread in started))
    with SearchedStack(region="ap-east-1", simulate=False, template=write_project(tmp_path, {}), log_dir=tmp_path):
        pass


def test_access_key_is_drawn_at_each_start():
    drawn = {SearchedStack(region="ap-east-1", credential="").credential for _ in range(2)}

    assert len(drawn) == 2
    assert all(len(each) == 32 for each in drawn)
    assert SearchedStack(region="ap-east-1", credential="given").credential == "given"


def test_command_line_runs_a_china_stack_until_terminated(tmp_path: Path):
    command = [sys.executable, "-m", "devstack", "local", "--region", "cn-north-1", "--params", "LogLevel=DEBUG"]
    shell = {"AWS_PROFILE": "missing", "AWS_ENDPOINT_URL": "http://nowhere.invalid"}
    environment = {**os.environ, **shell, "DEVSTACK_FOLDER": str(tmp_path)}
    complaints = tmp_path / "stderr"
    with (
        complaints.open("wb") as stderr,
        running(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        assert process.stdout is not None
        word, _, facts_text = process.stdout.readline().partition(" ")
        wait_for(lambda: "Ctrl-C" in complaints.read_text(), 60)
        sam_env = json.loads((tmp_path / ".local/sam-env.json").read_text())
        shell_env = tmp_path / ".local/aws.env"
        exported, mode = shell_env.read_text(), shell_env.stat().st_mode & 0o777
        own = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        process.wait(timeout=120)

    assert (word, process.returncode, rest) == ("READY", 0, "")
    said = complaints.read_text()
    assert re.match(r"=+\n\n  The jobs page: (http://\S+)\n\n=+\n", said), "the page's address comes first"
    assert said.endswith("\nstopped\n")
    facts = json.loads(facts_text)
    assert facts["state_machine_arn"].startswith("arn:aws-cn:states:cn-north-1:")
    assert facts["secret_arn"].startswith("arn:aws-cn:")
    assert facts["signing_secret_arn"].startswith("arn:aws-cn:")
    assert set(facts["simulators"]) == set(VENDOR_PARAMETERS)
    assert f"  . {shell_env}\n" in said
    assert (mode, shell_env.exists()) == (0o600, False)
    assert f"export AWS_ENDPOINT_URL={facts['aws_endpoint_url']}\n" in exported
    assert f"export AWS_SECRET_ACCESS_KEY={facts['credential']}\n" in exported
    assert not (tmp_path / ".local/sam-env.json").exists()
    port = facts["aws_endpoint_url"].rpartition(":")[2]
    assert sam_env["SubmitFunction"]["AWS_ENDPOINT_URL"] == f"http://host.docker.internal:{port}"
    # No port is open without a process; a free one may already be another program's.
    wait_for(lambda: not any(map(is_running, own)))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["local", "--params", "Name"], "'Name' is not Name=value", id="parameter without value"),
        pytest.param(["demo", "--audio", "gone.wav"], "there is no file 'gone.wav'", id="no such recording"),
        pytest.param(["demo", "--vendor", "acme"], "invalid choice: 'acme'", id="unknown vendor"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], complaint: str):
    done = subprocess.run(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 2
    assert complaint in done.stderr


def test_unknown_parameter_is_explained(capsys):
    options = _parser().parse_args(["local", "--params", "Name=1"])

    status = commands.run(options, StopSignal.__new__(StopSignal))  # it waits for no signal

    assert status == 2
    assert "unknown parameter 'Name'; the template has" in capsys.readouterr().err


@pytest.fixture
def quick_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the demo in this process, on a stack of the tests."""
    stack = partial(SearchedStack, region="sa-east-1", log_dir=tmp_path / "logs")
    monkeypatch.setattr("devstack.demo.LocalStack", stack)
    monkeypatch.setattr("devstack.demo.OUT", tmp_path / "out")


@pytest.mark.exhaustive
def test_demo_runs_every_vendor_and_prints_a_table(quick_demo: None, capsys):
    status = run_demo(None, None)

    told = capsys.readouterr().out
    assert status == 0, told
    table = told[told.index("\nrecording ") :].split("\n\n")[0].splitlines()[2:]
    assert len(table) == len(SAMPLES_BY_VENDOR) + len(CONVERTED)
    assert told.count("its sound was converted to") == len(CONVERTED)
    assert all("COMPLETED" in row for row in table)
    assert {vendor for vendor, _ in SAMPLES_BY_VENDOR} == {*VENDORS, "auto"}
    assert {row.split()[1] for row in table} == set(VENDORS)
    printed = {*without_times(told), " ".join(render(each, "zh-CN") for each in HEADING), "..."}
    for page in ("README.md", "README.zh-CN.md"):
        (shown,) = re.findall(r"(?s)\nmake demo .*?```text\n(.*?)```", (ROOT / page).read_text("utf-8"))
        assert [line for line in without_times(shown) if line not in printed] == []


def without_times(output: str) -> list[str]:
    """Return the lines of a demo's output without its alignment and its measured seconds, and lengths without tenths.

    The simulators' decoder has another release on Python 3.11, which measures 17 ms more.
    """
    lines = [re.sub(r"(?<=\d )\d+\.\d s ", "", " ".join(line.split())) for line in output.splitlines()]
    return [re.sub(r"(\d)\.\d s\b", r"\1 s", line) for line in lines]


def test_make_passes_parameters_unchanged():
    given = 'VolcengineBaseUrl=http://127.0.0.1:9 DefaultOptions={"language": "en-US"} LogLevel=DEBUG'
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/local.ok", "VENV=.venv", "local", f"PARAMS={given}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout

    words = subprocess.run(
        ["sh", "-c", recipe.replace(".venv/bin/python -m devstack", "printf '%s\\n'")],
        env={**os.environ, "PARAMS": given},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout.splitlines()

    assert words[:3] == ["local", "--params", given]
    assert _parameters(given) == {
        "VolcengineBaseUrl": "http://127.0.0.1:9",
        "DefaultOptions": '{"language": "en-US"}',
        "LogLevel": "DEBUG",
    }


def test_vendor_with_a_given_address_is_not_simulated(tmp_path: Path):
    given = {"VolcengineBaseUrl": "http://127.0.0.1:9"}

    with SearchedStack(given, region="eu-central-1", log_dir=tmp_path) as stack:
        assert "volcengine" not in stack.simulators
        assert "abcpen" in stack.simulators
        assert stack.environments["SubmitFunction"]["VOLCENGINE_BASE_URL"] == "http://127.0.0.1:9"


def test_demo_of_a_non_recording_fails_with_a_message(quick_demo: None, tmp_path: Path, capsys):
    (tmp_path / "notes.wav").write_text("these are notes, not sounds")

    status = run_demo(tmp_path / "notes.wav", None)

    told = capsys.readouterr().out
    assert status == 1
    assert "notes.wav, -: FAILED: " in told
    assert "NotAudio" in told
