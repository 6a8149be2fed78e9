"""Check facts of the template and the state machine that a reviewer would look for."""

import json
import math
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from asrcore.core.job import CLAIM_MARGIN_S, claim_s
from asrcore.core.routing import INCOMING
from asrcore.core.step import GRACE_S, THROTTLED_GRACE_S, Next
from asrcore.core.vendor import SHORT_CALL_S
from asrcore.events import Action
from asrcore.settings import Settings
from asrcore.stores.objects import PREFIXES
from asrcore.vendors.registry import VENDORS
from tests.support.template import NOTIFYING, ROOT, TEMPLATE, TEXT, THROTTLED, Loader, deployed, statements_of

ASL_TEXT = (ROOT / "statemachine/poller.asl.json").read_text()
ASL = json.loads(ASL_TEXT)
LAMBDA_LIMIT_S = 900  # AWS Lambda developer guide, "Lambda quotas"
# Added to the longest vendor request it gives SubmitFunction's timeout; added again, the timeout of a state.
FUNCTION_MARGIN_S, STATE_MARGIN_S = 25, 60
RESOURCES = deployed(**NOTIFYING)
FUNCTIONS = {name: r["Properties"] for name, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"}


def statements(role: str) -> list[dict[str, Any]]:
    return statements_of(RESOURCES, role)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", FUNCTIONS)
class TestFunctions:
    def test_function_has_its_own_role_log_group_and_folder(self, name):
        function = FUNCTIONS[name]
        stem = name.removesuffix("Function")

        assert function["Role"] == {"Fn::GetAtt": f"{stem}Role.Arn"}
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": f"{stem}Logs"}
        assert function["CodeUri"] == f"functions/{stem.lower()}"

    def test_role_is_limited_to_the_stacks_resources(self, name):
        for statement in statements(name.removesuffix("Function") + "Role"):
            actions = listed(statement["Action"])
            assert not [action for action in actions if "*" in action], statement["Sid"]
            for resource in listed(statement["Resource"]):
                assert resource != "*", statement["Sid"]

    def test_handler_is_thin(self, name):
        source = ROOT / FUNCTIONS[name]["CodeUri"]

        assert [path.name for path in source.iterdir() if path.name != "__pycache__"] == ["app.py"]
        assert len((source / "app.py").read_text().splitlines()) <= 40
        assert "boto3" not in (source / "app.py").read_text()


FINISHING = {"s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions", "s3:DeleteObjectVersion"}
FINISHING |= {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
FINISHING |= {"events:PutEvents", "logs:CreateLogStream", "logs:PutLogEvents"}
READ_SECRET = "secretsmanager:GetSecretValue"
# Step Functions developer guide, "Using CloudWatch Logs to log execution history".
LOG_DELIVERY = {"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"}
LOG_DELIVERY |= {"logs:ListLogDeliveries", "logs:PutResourcePolicy"}
LOG_DELIVERY |= {"logs:DescribeResourcePolicies", "logs:DescribeLogGroups"}


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        (
            "SubmitRole",
            FINISHING
            | {READ_SECRET, "s3:GetObjectVersion", "states:StartExecution", "states:StopExecution", "sqs:SendMessage"},
        ),
        (
            "ConvertRole",
            {"s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "s3:AbortMultipartUpload"}
            | {"dynamodb:GetItem", "dynamodb:PutItem", "logs:CreateLogStream", "logs:PutLogEvents"},
        ),
        ("CallbackRole", FINISHING | {READ_SECRET, "states:SendTaskSuccess"}),
        ("PollerRole", FINISHING | {READ_SECRET, "states:SendTaskSuccess"}),
        (
            "SweepRole",
            {"dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
            | {"s3:ListBucketVersions", "s3:DeleteObjectVersion"}
            | {
                "states:StartExecution",
                "states:DescribeExecution",
                "states:StopExecution",
                "events:PutEvents",
                "sqs:SendMessage",
            }
            | {"logs:CreateLogStream", "logs:PutLogEvents"},
        ),
        (
            "NotifyRole",
            {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}
            | {READ_SECRET, "dynamodb:GetItem", "logs:CreateLogStream", "logs:PutLogEvents"},
        ),
        (
            "ApiRole",
            {"s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObjectVersion"}
            | {"s3:ListBucket", "s3:ListBucketVersions", "states:StartExecution", "states:StopExecution"}
            | {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"}
            | {"dynamodb:UpdateItem", "events:PutEvents", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}
            | {"logs:CreateLogStream", "logs:PutLogEvents"},
        ),
        ("PollerStateMachineRole", LOG_DELIVERY | {"lambda:InvokeFunction"}),
        (
            "BackfillStateMachineRole",
            LOG_DELIVERY
            | {
                "s3:ListBucket",
                "s3:GetObject",
                "s3:PutObject",
                "s3:ListMultipartUploadParts",
                "s3:AbortMultipartUpload",
            }
            | {"lambda:InvokeFunction", "states:StartExecution", "states:DescribeExecution", "states:StopExecution"},
        ),
    ],
)
def test_role_grants_exactly_its_functions_actions(role, actions):
    assert {action for statement in statements(role) for action in listed(statement["Action"])} == actions


JOBS = "?" * 32  # the keys of jobs' rows, and of no others


@pytest.mark.parametrize(
    ("role", "keys"),
    [
        ("ConvertRole", {JOBS}),
        ("NotifyRole", {JOBS}),
        ("CallbackRole", {JOBS, "history#*", "totals#*", "budget#*", "limiter#*"}),
        ("PollerRole", {JOBS, "history#*", "totals#*", "budget#*", "limiter#*"}),
        ("SweepRole", {JOBS, "history#*", "totals#*", "budget#*", "limiter#*"}),
        ("SubmitRole", {JOBS, "history#*", "totals#*", "budget#*", "limiter#*"}),
        ("ApiRole", {JOBS, "asked#*", "history#*", "totals#*", "budget#*", "limiter#*"}),
    ],
)
def test_role_reads_and_writes_only_the_rows_it_needs(role, keys):
    items = [each for each in statements(role) if any(a.endswith("Item") for a in listed(each["Action"]))]
    conditions = [each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for each in items]

    assert {key for each in conditions for key in each} == keys


def test_only_the_audio_bucket_may_invoke_submit_function():
    permission = RESOURCES["SubmitPermission"]["Properties"]

    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert permission["SourceArn"]["Fn::Sub"] == "arn:${AWS::Partition}:s3:::" + BUCKET_NAME
    assert RESOURCES["AudioBucket"]["Properties"]["BucketName"]["Fn::Sub"] == BUCKET_NAME
    assert RESOURCES["AudioBucket"]["DependsOn"] == "SubmitPermission"  # S3 checks it when the bucket is created


BUCKET_NAME = "${AWS::StackName}-audio-${AWS::AccountId}-${AWS::Region}"


@pytest.mark.parametrize("machine", ["poller", "backfill"])
def test_only_its_state_machine_may_assume_its_role(machine):
    role = RESOURCES[f"{machine.capitalize()}StateMachineRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trust["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(f":${{AWS::StackName}}-{machine}*")


@pytest.mark.parametrize("role", ["CallbackRole", "SweepRole"])
def test_role_without_slots_updates_no_row_of_a_job(role):
    (statement,) = (each for each in statements(role) if "dynamodb:UpdateItem" in listed(each["Action"]))

    keys = ["limiter#*", "history#*", "totals#*", "budget#*"]
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}


def test_version_listings_are_granted_where_the_layer_lists():
    (statement,) = (each for each in statements("ApiRole") if "s3:ListBucketVersions" in listed(each["Action"]))

    assert statement["Condition"] == {"StringLike": {"s3:prefix": [f"{place}*" for place in PREFIXES]}}


def test_listings_are_granted_where_recordings_are():
    (statement,) = (
        each for each in statements("BackfillStateMachineRole") if "s3:ListBucket" in listed(each["Action"])
    )

    assert statement["Condition"] == {"StringLike": {"s3:prefix": f"{INCOMING}*"}}


LOGGING = {
    "Level": "ERROR",
    "IncludeExecutionData": False,
    "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": "ExecutionLogs.Arn"}}}],
}


@pytest.mark.parametrize(
    ("name", "fact", "value"),
    [
        ("PollerStateMachine", "Type", "STANDARD"),
        ("BackfillStateMachine", "Type", "STANDARD"),
        ("PollerStateMachine", "Logging", LOGGING),
        ("BackfillStateMachine", "Logging", LOGGING),
        ("JobsTable", "SSESpecification", {"SSEEnabled": True}),
        ("FailedEventsQueue", "SqsManagedSseEnabled", True),
    ],
)
def test_template_facts(name, fact, value):
    assert RESOURCES[name]["Properties"][fact] == value


def test_template_is_valid_yaml():
    assert len(TEXT.splitlines()) <= 2000
    assert len(TEMPLATE["Parameters"]) <= 55


# AWS IAM and Amazon EC2 reject descriptions beyond ASCII, which would roll the deployment back; CloudFormation's own
# texts are shown only, and CloudWatch accepts any.
READ_ONLY = {"Description", "ConstraintDescription", "AlarmDescription", "default"}


def test_chinese_stands_only_in_texts_that_aws_shows():
    assert {path for path, text in _texts(TEMPLATE) if not text.isascii() and not _is_shown(path)} == set()


def test_outputs_are_ascii():
    """CloudFormation returns a question mark for each other character of an output (coverage roadmap, issue 814)."""
    texts = _texts({name: output["Value"] for name, output in TEMPLATE["Outputs"].items()})

    assert [path for path, text in texts if not text.isascii()] == []


def _is_shown(path: tuple[str, ...]) -> bool:
    in_resources, name = path[0] == "Resources", path[-1]
    return name == "AlarmDescription" if in_resources else name in READ_ONLY


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(part, (*path, str(key)))


def test_resources_are_in_pipeline_order():
    sections = re.findall(r"(?m)^  # ---- (\w+): ", TEXT)

    assert sections == ["ingest", "submit", "poll", "callback", "API", "notify", "backfill", "operate"]


def test_functions_run_on_python_3_13():
    assert TEMPLATE["Globals"]["Function"]["Runtime"] == "python3.13"


def test_secrets_in_the_template_are_never_changed():
    assert {name: RESOURCES[name]["Properties"]["SecretString"] for name in ("VendorSecret", "SigningSecret")} == {
        "VendorSecret": '{"tencent": {}, "volcengine": {}, "abcpen": {}, "callback": {"keys": []}}',
        "SigningSecret": '{"callback": {"keys": []}, "webhook": {"keys": []}}',
    }


@pytest.mark.parametrize(
    ("role", "secrets"),
    [
        ("SubmitRole", ["VendorSecret", "SigningSecret"]),
        ("PollerRole", ["VendorSecret"]),
        ("CallbackRole", ["SigningSecret"]),
        ("NotifyRole", ["SigningSecret"]),
        *((role, []) for role in ("ApiRole", "ConvertRole", "SweepRole")),
    ],
)
def test_role_reads_only_the_secrets_it_needs(role, secrets):
    granted = [each["Resource"] for each in statements(role) if READ_SECRET in listed(each["Action"])]

    assert [each["Ref"] for resource in granted for each in listed(resource)] == secrets


PINNED = re.compile(r"[a-z0-9.-]+==[^ ;]+( ;.+?)?( +--hash=sha256:[0-9a-f]{64})+")
SETS = sorted(path.stem for path in (ROOT / "requirements").glob("*.in"))


def requirements(name: str) -> str:
    layers = {"layer": "layers/asrcore/requirements.txt", "media": "layers/media/requirements.txt"}
    return (ROOT / layers.get(name, f"requirements/{name}.txt")).read_text()


@pytest.mark.parametrize("name", SETS)
def test_requirements_have_hashes_and_name_no_registry(name):
    text = requirements(name)
    lines = re.sub(r"(?m)^ *#.*\n", "", text).replace("\\\n", "").splitlines()

    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    assert "://" not in text


@pytest.mark.parametrize("name", SETS)
def test_requirements_are_pinned_by_make_lock(name):
    (lock,) = re.findall(r"(?m)^lock:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())

    assert f'"{name} ' in lock


def test_default_chain_prefers_current_generations():
    chain = TEMPLATE["Parameters"]["VendorChain"]["Default"].split(",")
    clouds = [name for name in chain if not VENDORS[name].may_be_off]
    generations = [VENDORS[name].generation for name in clouds]

    assert generations == sorted(generations)
    assert chain[: len(clouds)] == clouds  # an own engine is chosen by name, or where no other vendor can serve


@pytest.mark.parametrize("name", ["SubmitFunction", "SweepFunction"])
def test_asynchronous_functions_have_a_failure_queue(name):
    config = FUNCTIONS[name]["EventInvokeConfig"]

    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": "FailedEventsQueue.Arn"}
    assert any(
        "sqs:SendMessage" in listed(statement["Action"]) for statement in statements(name.replace("Function", "Role"))
    )


@pytest.mark.parametrize("name", [name for name, r in RESOURCES.items() if r["Type"] == "AWS::S3::Bucket"])
def test_buckets_are_private_encrypted_and_versioned(name):
    bucket = RESOURCES[name]
    policy = RESOURCES[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"][0]

    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert bucket["Properties"]["BucketEncryption"]
    assert bucket["Properties"]["VersioningConfiguration"]["Status"] == "Enabled"
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert policy["Effect"] == "Deny"
    assert policy["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_jobs_table_is_on_demand_recoverable_and_expires_rows():
    table = RESOURCES["JobsTable"]["Properties"]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_first_step_of_another_index_leaves_a_valid_table():
    """The step that docs/deploy.md names: CloudFormation adds or removes one index per update."""
    (command,) = re.findall(r"`sed -i\.full (.*) template\.yaml`", (ROOT / "docs/deploy.md").read_text())
    first = subprocess.run(["sed", *shlex.split(command)], input=TEXT, capture_output=True, text=True, check=True)

    before, table = (yaml.load(text, Loader)["Resources"]["JobsTable"]["Properties"] for text in (TEXT, first.stdout))
    removed = [each["IndexName"] for each in before["GlobalSecondaryIndexes"]]
    removed.remove(table["GlobalSecondaryIndexes"][0]["IndexName"])
    keys = [*table["KeySchema"], *(key for index in table["GlobalSecondaryIndexes"] for key in index["KeySchema"])]

    assert removed == ["listed"]
    assert {each["AttributeName"] for each in table["AttributeDefinitions"]} == {each["AttributeName"] for each in keys}


def test_log_groups_have_a_retention():
    groups = [r["Properties"] for r in RESOURCES.values() if r["Type"] == "AWS::Logs::LogGroup"]

    assert len(groups) == len(FUNCTIONS) + 2  # the HTTP API's access logs, and the executions'
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups)


@pytest.mark.parametrize("text", [pytest.param(TEXT, id="template"), pytest.param(ASL_TEXT, id="state machine")])
def test_no_partition_region_account_or_suffix_is_hardcoded(text):
    principals = re.sub(r"\b(s3|lambda|states|apigateway|events|sns)\.amazonaws\.com", "", text)

    assert not re.findall(r"arn:aws[:-]|amazonaws\.com|\b\d{12}\b", principals)


def test_template_uses_no_yaml_alias():
    assert not re.findall(r"(?m)[:\-]\s+[&*][A-Za-z]", TEXT)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_has_a_base_url_parameter(vendor):
    stem = "".join(part.capitalize() for part in vendor.split("-"))
    parameters = TEMPLATE["Parameters"]
    environment = FUNCTIONS["SubmitFunction"]["Environment"]["Variables"]
    variable = vendor.upper().replace("-", "_")

    assert parameters[f"{stem}BaseUrl"]["Default"].startswith("https://") != VENDORS[vendor].may_be_off
    assert environment[f"{variable}_BASE_URL"] == {"Ref": f"{stem}BaseUrl"}


def test_the_default_chain_names_every_vendor():
    assert sorted(TEMPLATE["Parameters"]["VendorChain"]["Default"].split(",")) == sorted(VENDORS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_environment_is_what_the_layer_reads(name):
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = FUNCTIONS[name].get("Environment", {}).get("Variables", {})
    environment = {
        **dict.fromkeys({**shared, **own}, "1"),
        "DEFAULT_OPTIONS": "{}",
        "VENDOR_TUNING": "{}",
        "VENDOR_PRICES": "{}",
        "AWS_PRICES": "{}",
        "EXPORTS": "srt,html",
        "VENDOR_CHAIN": "abcpen",
        "BUDGET": "1/1/1/wait",
        **{variable: "https://vendor.example.com" for variable in own if variable.endswith("_BASE_URL")},
    }

    assert Settings.from_environment(environment).jobs_table == "1"


def test_every_parameter_is_described_grouped_and_used():
    grouped = [
        name
        for group in TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for name in group["Parameters"]
    ]

    assert sorted(grouped) == sorted(TEMPLATE["Parameters"])
    for name, parameter in TEMPLATE["Parameters"].items():
        assert parameter["Description"]
        assert re.search(rf"!Ref {name}\b", TEXT) or f"!Equals [!Ref {name}" in TEXT or f"${{{name}}}" in TEXT


class TestStateMachine:
    TASKS = {name: state for name, state in ASL["States"].items() if state["Type"] == "Task"}  # noqa: RUF012

    @pytest.mark.parametrize("name", TASKS)
    def test_every_task_has_a_time_limit_and_retries(self, name):
        task = self.TASKS[name]

        assert task.get("TimeoutSeconds") or task.get("TimeoutSecondsPath")
        assert all(retrier["JitterStrategy"] == "FULL" for retrier in task["Retry"])

    @pytest.mark.parametrize("name", TASKS)
    def test_lambda_throttling_has_its_own_retrier(self, name):
        first, other = self.TASKS[name]["Retry"]

        assert first == THROTTLED
        assert set(other["ErrorEquals"]) <= {"States.ALL", "States.TaskFailed"}

    def test_the_execution_has_a_time_limit(self):
        assert ASL["TimeoutSeconds"] > 0

    @pytest.mark.parametrize("name", [name for name in TASKS if name != "Recover"])
    def test_unexpected_error_leads_to_recover(self, name):
        assert self.TASKS[name]["Catch"][-1] == {
            "ErrorEquals": ["States.ALL"],
            "ResultPath": "$.error",
            "Next": "Recover",
        }

    def test_dispatch_handles_exactly_the_layers_results(self):
        dispatched = {choice["StringEquals"] for choice in ASL["States"]["Dispatch"]["Choices"]}

        assert dispatched == {str(following) for following in Next}

    def test_tasks_request_exactly_the_functions_actions(self):
        asked = {task["Parameters"]["Payload"]["action"] for task in self.TASKS.values()}

        assert asked == {str(action) for action in Action}

    def test_every_state_is_reachable(self):
        text = json.dumps(ASL)

        assert all(f'"Next": "{name}"' in text for name in ASL["States"] if name != ASL["StartAt"])

    @pytest.mark.parametrize(
        ("throttled", "grace_s"),
        [pytest.param(False, GRACE_S, id="errors"), pytest.param(True, THROTTLED_GRACE_S, id="throttling too")],
    )
    def test_stalled_threshold_exceeds_all_step_retries(self, throttled, grace_s):
        # A step with a long request claims the attempt first; the sweep waits for the claim besides the grace period.
        longest_step_s = math.inf if throttled else SHORT_CALL_S + FUNCTION_MARGIN_S

        def pauses_s(retrier: dict[str, Any]) -> float:
            growing = [retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n for n in range(retrier["MaxAttempts"])]
            return sum(min(pause, retrier["MaxDelaySeconds"]) for pause in growing)

        def longest_s(name: str) -> float:
            task = self.TASKS[name]
            without_room, other = task["Retry"]
            function = FUNCTIONS[task["Parameters"]["FunctionName"].strip("${}").removesuffix("Arn")]
            tried_s = (other["MaxAttempts"] + 1) * min(function["Timeout"], longest_step_s) + pauses_s(other)
            return tried_s + (pauses_s(without_room) if throttled else 0)

        assert max(longest_s(name) for name in ("Submit", "Query")) + longest_s("Recover") <= grace_s

    def test_timeouts_exceed_the_longest_vendor_request(self):
        longest_call_s = max(vendor.longest_call_s for vendor in VENDORS.values())
        function_s = FUNCTIONS["SubmitFunction"]["Timeout"]

        assert function_s == longest_call_s + FUNCTION_MARGIN_S <= LAMBDA_LIMIT_S
        assert self.TASKS["Submit"]["TimeoutSeconds"] == function_s + STATE_MARGIN_S
        assert claim_s(longest_call_s) == longest_call_s + CLAIM_MARGIN_S > function_s
        assert claim_s(SHORT_CALL_S) == 150

    def test_task_timeout_exceeds_the_functions(self):
        for task in self.TASKS.values():
            arn = task["Parameters"]["FunctionName"].strip("${}")
            function = FUNCTIONS[arn.removesuffix("Arn")]
            assert task.get("TimeoutSeconds", 10**9) > function["Timeout"]


@pytest.mark.parametrize("name", ["asrcore", "media"])
def test_layer_versions_equal_the_tested_versions(name):
    def pins(path: str) -> dict[str, str]:
        return dict(re.findall(r"(?m)^([a-z0-9-]+)==([^ ;\\]+)", (ROOT / path).read_text()))

    layer, tested = pins(f"layers/{name}/requirements.txt"), pins("requirements/dev.txt")

    assert layer
    assert {name: tested[name] for name in layer} == layer
    assert "boto3" not in layer


CREATED = "s3:ObjectCreated:*"


@pytest.mark.parametrize(("withdrawal", "events"), [("on", [CREATED, "s3:ObjectRemoved:*"]), ("off", [CREATED])])
def test_removed_recordings_are_reported_unless_switched_off(withdrawal, events):
    bucket = deployed(Withdrawal=withdrawal)["AudioBucket"]["Properties"]
    configurations = bucket["NotificationConfiguration"]["LambdaConfigurations"]

    assert [each["Event"] for each in configurations] == events
    for each in configurations:
        assert each["Function"] == {"Fn::GetAtt": "SubmitFunction.Arn"}
        (rule,) = each["Filter"]["S3Key"]["Rules"]
        assert (rule["Name"], rule["Value"]) == ("prefix", INCOMING)
