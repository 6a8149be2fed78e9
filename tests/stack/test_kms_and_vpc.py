"""Deploy a stack in AWS China with a KMS key, a VPC and retention: check transcription, retention and destruction."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto.cloudformation.models import cloudformation_backends

from asrctl import destroy
from asrctl.cli import main
from devstack.expand import check_parameters
from devstack.settings import ACCOUNT_ID
from tests.support.fake_functions import wait_for
from tests.support.scanned_stack import SearchedStack
from tests.support.stack_client import Journey
from tests.support.template import TEMPLATE

ROOT = Path(__file__).parents[2]
REGION, OTHER_REGION = "cn-north-1", "cn-northwest-1"
RETENTION_DAYS = 30
SHELTERED = {
    "KmsKeyArn": f"arn:aws-cn:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "VpcSubnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e",
    "VpcSecurityGroupIds": "sg-0a1b2c3d",
    "Tracing": "on",
    "RetentionDays": str(RETENTION_DAYS),
    "SubmitReservedConcurrency": "20",
}


@pytest.fixture(scope="module")
def china(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchedStack]:
    with SearchedStack(SHELTERED, region=REGION, log_dir=tmp_path_factory.mktemp("logs")) as stack:
        yield stack


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[SearchedStack]:
    """Deploy a stack for the test that destroys it; its objects are under keys of which no function gets an event."""
    params = {**SHELTERED, "KmsKeyArn": SHELTERED["KmsKeyArn"].replace(REGION, OTHER_REGION)}
    with SearchedStack(params, region=OTHER_REGION, simulate=False, log_dir=tmp_path) as stack:
        stack.unsearched = "nothing is left of it"
        yield stack


@pytest.fixture(scope="module")
def journey(china: SearchedStack) -> Journey:
    return Journey(china)


@pytest.mark.parametrize(
    ("vendor", "sample"),
    [
        pytest.param("tencent-sentence", "greeting.wav", id="synchronous"),
        pytest.param("tencent-rec-task", "news.mp3", id="callback"),
        pytest.param("abcpen-offline", "meeting.wav", id="query"),
    ],
)
def test_recording_becomes_a_transcript(journey, vendor, sample):
    job = journey.drop(f"incoming/{vendor}/{sample}", (ROOT / "samples" / sample).read_bytes())

    row = journey.finished(job)

    assert row["status"] == "COMPLETED", row
    assert journey.transcript(row)["vendor"] == vendor


def test_every_arn_is_of_the_china_partition(china):
    s3 = china.client("s3")

    assert china.state_machine_arn.startswith(f"arn:aws-cn:states:{REGION}:")
    assert china.outputs["DashboardUrl"].startswith("https://console.amazonaws.cn/")
    assert s3.get_bucket_location(Bucket=china.audio_bucket)["LocationConstraint"] == REGION


def test_row_expires_after_the_retention(journey):
    job = journey.drop("incoming/tencent-sentence/kept.wav", (ROOT / "samples/greeting.wav").read_bytes())

    row = journey.finished(job)

    ended_at = datetime.fromisoformat(row["updated_at"])
    expires = datetime.fromtimestamp(int(row["expires_at"]), UTC)
    assert expires - ended_at == pytest.approx(timedelta(days=RETENTION_DAYS), abs=timedelta(hours=1))


def test_key_and_vpc_are_configured(china):
    function = china.client("lambda").get_function_configuration(
        FunctionName=china.client("cloudformation").describe_stack_resource(
            StackName="asrcore", LogicalResourceId="SubmitFunction"
        )["StackResourceDetail"]["PhysicalResourceId"]
    )
    (rule,) = china.client("s3").get_bucket_encryption(Bucket=china.audio_bucket)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    queue = china.client("sqs").get_queue_attributes(
        QueueUrl=china.failed_events_queue_url, AttributeNames=["KmsMasterKeyId", "SqsManagedSseEnabled"]
    )["Attributes"]

    assert function["VpcConfig"]["SubnetIds"] == SHELTERED["VpcSubnetIds"].split(",")
    assert function["TracingConfig"] == {"Mode": "PassThrough"}  # Lambda has no X-Ray in China
    assert rule["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": SHELTERED["KmsKeyArn"],
    }
    assert queue == {"KmsMasterKeyId": SHELTERED["KmsKeyArn"], "SqsManagedSseEnabled": "false"}
    assert china.outputs["EncryptionKey"] == SHELTERED["KmsKeyArn"]


def test_offered_key_template_works_with_the_stack(china):
    cloudformation = china.client("cloudformation")

    cloudformation.create_stack(StackName="asrcore-key", TemplateBody=(ROOT / "deploy/key.yaml").read_text())

    (output,) = cloudformation.describe_stacks(StackName="asrcore-key")["Stacks"][0]["Outputs"]
    check_parameters(TEMPLATE["Parameters"], {output["OutputKey"]: output["OutputValue"]})


class TestDestroy:
    """Destroy a stack."""

    @pytest.fixture(autouse=True)
    def stored(self, china):
        """Store an object in each bucket."""
        for bucket in (china.audio_bucket, china.transcript_bucket):
            china.client("s3").put_object(Bucket=bucket, Key="stored")

    def test_destroy_dry_run_deletes_nothing(self, china):
        status, told = run(china, "destroy", "--dry-run")

        deleted = [line for line in told.splitlines() if "would be deleted" in line]
        assert status == 0
        assert len([line for line in deleted if "execution" not in line]) == 6
        assert objects(china, china.audio_bucket)

    def test_destroy_without_confirmation_deletes_nothing(self, china):
        status, told = run(china, "destroy", answer="no\n")

        assert status == 1
        assert "nothing was deleted" in told
        assert objects(china, china.transcript_bucket)

    @pytest.mark.parametrize(
        ("field", "value", "says"),
        [
            pytest.param("enable_termination_protection", True, "--no-enable-termination-protection", id="protected"),
            pytest.param("status", "UPDATE_IN_PROGRESS", "run this again when that has ended", id="being updated"),
        ],
    )
    def test_destroy_of_a_protected_stack_deletes_nothing(self, china, monkeypatch, field, value, says):
        monkeypatch.setattr(cloudformation_backends[ACCOUNT_ID][REGION].get_stack("asrcore"), field, value)

        status, told = run(china, "destroy", "--yes")

        assert (status, says in told) == (1, True), told
        assert objects(china, china.audio_bucket)
        assert china.client("secretsmanager").describe_secret(SecretId=china.secret_arns["VendorSecret"])

    def test_destroy_deletes_every_version_and_the_stack(self, doomed, monkeypatch):
        s3 = doomed.client("s3")
        for bucket in (doomed.audio_bucket, doomed.transcript_bucket):
            for key in ("once.wav", "twice.wav", "twice.wav"):
                s3.put_object(Bucket=bucket, Key=key)
        s3.delete_object(Bucket=doomed.audio_bucket, Key="once.wav")  # leaves a mark
        for name in ("waits-a-day", "waits-too"):
            start_waiting(doomed, name)
        started = []
        monkeypatch.setattr(doomed, "run_function_later", lambda *call: started.append(call))
        monkeypatch.setattr(destroy, "_RULES_SETTLE_S", 0)  # the local stack disables rules at once
        monkeypatch.setattr(destroy, "_DELETION_DELAY_S", 0.1)
        monkeypatch.setattr(destroy, "_DELETION_CHECKS", 600)

        status, told = run(doomed, "destroy", "--yes", "--json")

        assert status == 0, told
        assert {name: json.loads(told)[name] for name in ("objects", "executions")} == {"objects": 7, "executions": 2}
        assert started == []  # no function is invoked for the stopped executions
        for bucket in (doomed.audio_bucket, doomed.transcript_bucket):
            with pytest.raises(ClientError, match="NoSuchBucket"):
                s3.list_objects_v2(Bucket=bucket)
        with pytest.raises(ClientError, match="ResourceNotFound"):
            doomed.client("dynamodb").describe_table(TableName=doomed.jobs_table)
        with pytest.raises(ClientError, match="ResourceNotFound"):
            doomed.client("secretsmanager").describe_secret(SecretId=doomed.secret_arns["VendorSecret"])
        with pytest.raises(ClientError, match="does not exist"):
            doomed.client("cloudformation").describe_stacks(StackName="asrcore")


def start_waiting(stack: SearchedStack, name: str) -> None:
    """Start an execution that waits for a day; return when it waits."""
    states = stack.client("stepfunctions")
    execution = states.start_execution(
        stateMachineArn=stack.state_machine_arn,
        name=name,
        input=json.dumps({"job_id": name, "next": "query", "wait_s": 86400}),
    )["executionArn"]
    wait_for(
        lambda: (
            "WaitStateEntered"
            in [event["type"] for event in states.get_execution_history(executionArn=execution)["events"]]
        )
    )


def objects(stack: SearchedStack, bucket: str) -> list[str]:
    listed = stack.client("s3").list_object_versions(Bucket=bucket)
    return [each["Key"] for each in listed.get("Versions", [])]


def run(stack: SearchedStack, *arguments: str, answer: str = "") -> tuple[int, str]:
    """Return the exit status and the output of a command."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        patch.setattr("sys.stdin", io.StringIO(answer))
        status = main([*arguments, "--endpoint-url", stack.aws_endpoint_url, "--region", stack.region])
    return status, out.getvalue()
