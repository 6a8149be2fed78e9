"""Check least privilege: each function runs with its own role, which grants exactly what the function uses."""

import json
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from asrcore.aws import s3_signer
from devstack.expand import load_template
from devstack.iam_enforcement import DeniedCall
from devstack.policy import Call, Document, Grant, grants, is_allowed, matches, without
from devstack.settings import ROOT, TEMPLATE
from tests.support.permission_scenarios import MEETING, take_every_path
from tests.support.receiver import Receiver
from tests.support.scanned_stack import SearchedStack
from tests.support.stack_client import Journey

ROLES = [
    name
    for name, resource in load_template(TEMPLATE)["Resources"].items()
    if resource["Type"] == "AWS::IAM::Role" and resource.get("Condition") in {None, "HasWebhook"}
]
NOTIFY = "NotifyRole"
# Granted, and not used by the local stack; by action or by statement.
UNUSED_LOCALLY = {
    "logs:CreateLogStream": "Lambda itself writes the logs, under the function's role; here they are files",
    "logs:PutLogEvents": "the same",
    "AbortUploads": "only of a conversion of more than 16 MB that fails",
    "StartChildren": "Step Functions starts a map's children itself; here they run inside their parent",
    "SuperviseChildren": "the same",
    "WriteLargeManifest": "Step Functions writes results of some megabytes in parts; here they are small",
    "DeliverLogs": "Step Functions has its log delivered by CloudWatch Logs; here it writes none",
}


@dataclass(frozen=True)
class Used:
    """Run every scenario; return the granted and the used actions by role."""

    stack: SearchedStack
    policies: dict[str, list[Document]]
    calls: dict[str, set[Call]]
    denials: list[DeniedCall]


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    answers = chain([503], repeat(200))
    logs = tmp_path_factory.mktemp("used")
    with (
        Receiver(lambda _post: next(answers)) as receiver,
        SearchedStack({"WebhookUrl": receiver.url}, region="ap-southeast-1", log_dir=logs) as stack,
    ):
        take_every_path(stack)
        policies = {role: list(stack.iam.policies(stack.roles[role]).values()) for role in ROLES}
        # Webhooks are posted after the jobs' ends, and their messages deleted after that.
        Journey(stack).until(
            lambda: unused(policies[NOTIFY], stack.iam.calls(stack.roles[NOTIFY])),
            lambda left: not left,
            "the webhooks to be posted",
        )
        yield Used(
            stack,
            policies,
            {role: stack.iam.calls(stack.roles[role]) for role in ROLES},
            stack.iam.denials,
        )


def test_every_used_action_is_granted(used):
    assert used.denials == []


@pytest.mark.parametrize("role", ROLES)
def test_every_granted_action_is_used(used, role):
    assert unused(used.policies[role], used.calls[role]) == []


@pytest.mark.parametrize("role", ROLES)
def test_role_without_any_one_action_fails(used, role):
    needless = [
        grant
        for document in used.policies[role]
        for grant in grants(document)
        if not is_unused_locally(grant)
        and all(is_allowed(reduced(used.policies[role], grant), call) for call in used.calls[role])
    ]

    assert needless == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ["s3:DeleteObject", "dynamodb:Scan", "dynamodb:*", "states:UpdateStateMachine"])
def test_unused_action_is_detected(used, role, action):
    more = {"Statement": {"Sid": "More", "Effect": "Allow", "Action": action, "Resource": "*"}}

    found = unused([*used.policies[role], more], used.calls[role])

    assert found == [Grant("More", action, "*")]


def test_missing_action_is_named_in_the_error(tmp_path):
    template = load_template(TEMPLATE)
    (policy,) = template["Resources"]["SubmitRole"]["Properties"]["Policies"]
    policy["PolicyDocument"] = without(policy["PolicyDocument"], "ReadSecrets", "secretsmanager:GetSecretValue")

    with SearchedStack(region="ap-southeast-2", template=project(tmp_path, template), log_dir=tmp_path) as stack:
        journey = Journey(stack)
        job = journey.drop("incoming/auto/meeting.wav", MEETING)
        (message,) = journey.until(
            lambda: stack.client("sqs").receive_message(QueueUrl=stack.failed_events_queue_url).get("Messages", []),
            bool,
            "the event to fail for good",
        )

        row, (denial, *_) = journey.row(job), stack.iam.denials
    said = json.loads(message["Body"])["responsePayload"]["errorMessage"]
    assert "is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:" in said
    assert (denial.caller, denial.action) == ("SubmitFunction", "secretsmanager:GetSecretValue")
    assert row["status"] == "QUEUED"


class TestAStranger:
    """Check conditions of grants that the local IAM enforcement evaluates."""

    def test_unknown_access_key_is_denied(self, used):
        stranger = boto3.client(
            "dynamodb",
            endpoint_url=used.stack.aws_endpoint_url,
            region_name=used.stack.region,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="x",
            config=Config(proxies={}),
        )

        with pytest.raises(ClientError):
            stranger.get_item(TableName=used.stack.jobs_table, Key={"job_id": {"S": "x"}})

    def test_unsigned_request_is_denied(self, used):
        answer = requests.get(
            f"{used.stack.aws_endpoint_url}/{used.stack.audio_bucket}/incoming/auto/meeting.wav", timeout=60
        )

        assert answer.status_code == 403

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [
            pytest.param("meeting.wav", "older.wav", id="another recording"),
            pytest.param("X-Amz-Expires=21600", "X-Amz-Expires=99999", id="for longer"),
            pytest.param("X-Amz-Security-Token=", "X-Amz-Security-Token=A", id="with another token"),
        ],
    )
    def test_url_signed_for_another_object_is_denied(self, used, wrong, right):
        url = presigned(used.stack, "incoming/tencent-sentence/meeting.wav")

        assert requests.get(url, timeout=60).content == MEETING
        assert wrong in url
        assert requests.get(url.replace(wrong, right), timeout=60).status_code in {400, 403}


@pytest.mark.parametrize(
    ("function", "service", "operation", "asked"),
    [
        pytest.param(
            "SubmitFunction", "s3", "get_object", {"Bucket": "audio", "Key": "elsewhere/a.wav"}, id="outside the prefix"
        ),
        pytest.param(
            "CallbackFunction", "s3", "get_object", {"Bucket": "audio", "Key": "incoming/auto/meeting.wav"}, id="audio"
        ),
        pytest.param(
            "PollerFunction",
            "s3",
            "put_object",
            {"Bucket": "transcripts", "Key": "transcript.json"},
            id="outside the folders",
        ),
        pytest.param("SweepFunction", "s3", "head_object", {"Bucket": "transcripts", "Key": "raw/x"}, id="any object"),
        pytest.param(
            "SubmitFunction",
            "events",
            "put_events",
            {"Entries": [{"Source": "aws.health", "DetailType": "x", "Detail": "{}"}]},
            id="an event of another source",
        ),
        pytest.param(
            "SweepFunction", "secretsmanager", "get_secret_value", {"SecretId": "secret"}, id="a secret it never needs"
        ),
        pytest.param(
            "CallbackFunction",
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "secret"},
            id="credentials-for-callbacks",
        ),
        pytest.param(
            "NotifyFunction",
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "secret"},
            id="credentials-for-webhooks",
        ),
        pytest.param(
            "ApiFunction",
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "signing"},
            id="signing-keys-for-the-public-API",
        ),
        pytest.param(
            "PollerFunction",
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "signing"},
            id="signing-keys-for-queries",
        ),
        pytest.param("CallbackFunction", "dynamodb", "scan", {"TableName": "table"}, id="every row"),
        pytest.param(
            "ApiFunction",
            "s3",
            "list_object_versions",
            {"Bucket": "audio", "Prefix": "inventory/"},
            id="versions outside the recordings",
        ),
        pytest.param(
            "ApiFunction", "s3", "list_object_versions", {"Bucket": "transcripts"}, id="versions of everything"
        ),
        pytest.param(
            "ApiFunction",
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "secret"},
            id="a secret for the public API",
        ),
        pytest.param(
            "NotifyFunction",
            "dynamodb",
            "get_item",
            {"TableName": "table", "Key": {"job_id": {"S": "limiter#tencent-sentence"}}},
            id="a row of no job for NotifyFunction",
        ),
    ],
)
def test_function_is_denied_what_it_never_needs(used, function, service, operation, asked):
    stack = used.stack
    names = {
        "audio": stack.audio_bucket,
        "transcripts": stack.transcript_bucket,
        "secret": stack.secret_arns["VendorSecret"],
        "signing": stack.secret_arns["SigningSecret"],
        "table": stack.jobs_table,
    }
    before = len(stack.iam.denials)

    with pytest.raises(ClientError) as refused:
        getattr(stack.client_of_function(function, service), operation)(
            **{name: names.get(value, value) if isinstance(value, str) else value for name, value in asked.items()}
        )

    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException", "403"}
    assert [denial.caller for denial in stack.iam.denials[before:]] == [function]


@pytest.mark.parametrize(
    ("role", "service", "operation", "asked"),
    [
        pytest.param(
            "BackfillStateMachineRole",
            "s3",
            "list_objects_v2",
            {"Prefix": "inventory/"},
            id="a list outside the recordings",
        ),
        pytest.param("BackfillStateMachineRole", "s3", "list_objects_v2", {}, id="a list of everything"),
        pytest.param(
            "BackfillStateMachineRole", "s3", "get_object", {"Key": "incoming/auto/meeting.wav"}, id="a recording"
        ),
        pytest.param(
            "PollerStateMachineRole", "s3", "list_objects_v2", {"Prefix": "incoming/"}, id="a list for PollerFunction"
        ),
    ],
)
def test_state_machine_is_denied_what_it_never_needs(used, role, service, operation, asked):
    stack = used.stack
    arn = stack.client("iam").get_role(RoleName=stack.roles[role])["Role"]["Arn"]

    with pytest.raises(ClientError) as refused:
        getattr(stack.client_of_role(arn, service), operation)(Bucket=stack.audio_bucket, **asked)

    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def unused(documents, made):
    """Return the granted actions that were never used."""
    return [
        grant
        for document in documents
        for grant in grants(document)
        if not is_unused_locally(grant) and not any(covers(grant, call) for call in made)
    ]


def is_unused_locally(grant: Grant) -> bool:
    return grant.action in UNUSED_LOCALLY or grant.sid in UNUSED_LOCALLY


def covers(grant: Grant, call: Call) -> bool:
    return grant.action == call.action and matches(grant.resource, call.resource)


def reduced(documents, grant):
    return [without(document, grant.sid, grant.action) for document in documents]


def project(folder: Path, template) -> Path:
    """Run the functions with another template."""
    for name in ("functions", "layers", "statemachine"):
        (folder / name).symlink_to(ROOT / name)
    path = folder / "template.yaml"
    path.write_text(json.dumps(template))
    return path


def presigned(stack, key: str) -> str:
    """Return a URL that SubmitFunction sends to a vendor."""
    client = stack.client_of_function("SubmitFunction", "s3")
    signer = s3_signer(
        lambda service, config: boto3.client(
            service,
            endpoint_url=stack.aws_endpoint_url,
            region_name=stack.region,
            **session_of(client),
            config=config,
        )
    )
    return str(signer.generate_presigned_url("get_object", {"Bucket": stack.audio_bucket, "Key": key}, ExpiresIn=21600))


def session_of(client) -> dict[str, str]:
    held = client._request_signer._credentials
    return {
        "aws_access_key_id": held.access_key,
        "aws_secret_access_key": held.secret_key,
        "aws_session_token": held.token,
    }
