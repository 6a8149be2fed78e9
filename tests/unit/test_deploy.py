"""`make deploy` checks what it needs, asks once, stores the answers, builds, and runs SAM."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import session
from botocore.exceptions import ProfileNotFound
from moto.cloudformation.models import cloudformation_backends
from moto.core import DEFAULT_ACCOUNT_ID

from devstack.expand import load_template
from devstack.settings import ROOT
from tests.support.mocked_aws import REGION, mocked_boto3
from tools.deploy import DeployError, check, main, overrides, set_up
from tools.preflight import Builder, find_builder
from tools.sam_progress import follow


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    """Have an account in which there is no stack yet."""
    with mocked_boto3():
        yield


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Have Python 3.13, and a shell without a region of its own."""
    monkeypatch.setattr("tools.deploy.find_builder", lambda: Builder("/opt/python/bin"))
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def quotas(monkeypatch):
    """Have the quotas of an account in use; a test sets others."""
    limits = {"ConcurrentExecutions": 1000}
    monkeypatch.setattr("tools.preflight._account_limits", lambda _session: limits)
    return limits


@pytest.fixture(scope="module", autouse=True)
def files_read_once() -> Iterator[None]:
    """SAM's reader of the template and botocore's of its models are slow, and both files stay the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.deploy.load_template", cache(load_template))
        patch.setattr(session, "create_loader", cache(session.create_loader))
        yield


class Person:
    """Answers questions in turn, nothing where a default will do, and remembers what was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else ""


@pytest.fixture
def config(tmp_path):
    return tmp_path / "samconfig.local.toml"


def kept(config: Path, profile: str) -> dict[str, dict[str, str]]:
    tables = tomllib.loads(config.read_text())[profile]
    return {command: table["parameters"] for command, table in tables.items()}


def test_first_deployment_asks_only_for_unknown_values(config):
    person = Person("", "ap-southeast-1")

    set_up("default", config, person)

    assert len(person.asked) == 3
    assert "[asrcore]" in person.asked[0]
    assert kept(config, "default")["global"] == {"stack_name": "asrcore", "region": "ap-southeast-1"}
    assert "parameter_overrides" not in kept(config, "default")["deploy"]


def test_profile_has_its_own_answers(config):
    person = Person()

    set_up("china", config, person)

    assert "[cn-northwest-1]" in person.asked[1]
    chain = overrides(kept(config, "china")["deploy"]["parameter_overrides"])["VendorChain"]
    assert "tencent-recording" not in chain.split(",")


def test_answers_are_stored_beside_the_profile(config):
    set_up("prod", config, Person("calls", "cn-north-1", "400"))

    assert kept(config, "prod")["global"] == {"stack_name": "calls", "region": "cn-north-1"}
    assert overrides(kept(config, "prod")["deploy"]["parameter_overrides"]) == {
        "Tracing": "on",
        "LogRetentionDays": "90",
        "RetentionDays": "400",
    }
    assert kept(config, "prod")["deploy"]["confirm_changeset"] is True


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        pytest.param(["Big_Name", "asrcore", REGION], "small letters", id="stack's name"),
        pytest.param(["a" * 21, "asrcore", REGION], "at most 20", id="too long a name"),
        pytest.param(["", "Singapore", REGION], "such as", id="no region"),
        pytest.param(["", "us-east-9", REGION], "such as", id="unknown region"),
        pytest.param(["", REGION, "31", "30"], "is not one of", id="days"),
    ],
)
def test_wrong_answer_is_explained_and_asked_again(config, capsys, answers, says):
    person = Person(*answers)

    set_up("default", config, person)

    assert says in capsys.readouterr().out
    assert person.answers == []
    assert len(person.asked) == 4


def test_second_deployment_asks_nothing(config):
    set_up("default", config, Person("", REGION))
    first = config.read_text()

    set_up("prod", config, Person("", REGION))
    set_up("default", config, again := Person())

    assert again.asked == []
    assert config.read_text().startswith(first)
    assert set(tomllib.loads(config.read_text())) == {"version", "default", "prod"}


def test_unknown_profile_lists_the_known_ones(config):
    with pytest.raises(DeployError, match="default, prod, china"):
        set_up("production", config, Person())

    assert not config.exists()


@pytest.fixture
def sam(tmp_path):
    """Stands for the SAM CLI: prints what it was called with. It builds, and ends as after a failed deployment."""
    path = tmp_path / "sam"
    path.write_text('#!/bin/sh\necho "$PWD $PATH" "$@"\n[ "$1" = build ] || exit 3\n')
    path.chmod(0o755)
    return path


def test_deployment_passes_profile_and_answers_to_sam(config, sam, capfd):
    status = main(["prod", "--sam", str(sam), "--config", str(config)], Person("", REGION))

    *_, built, deployed = capfd.readouterr().out.splitlines()
    assert status == 3
    assert built.startswith(f"{ROOT} /opt/python/bin:")
    assert built.endswith(" build")
    assert deployed.endswith(f" deploy --config-env prod --config-file {config}")


def written(config: Path, parameters: str) -> Path:
    """Write a file of answers by hand."""
    config.write_text(f"[default.deploy.parameters]\nregion = 'cn-north-1'\nparameter_overrides = {parameters}\n")
    return config


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        pytest.param("VendorChain=volcengin", "vendor names separated by commas", id="no vendor"),
        pytest.param("Vendors=abcpen", "unknown parameter 'Vendors'", id="no parameter"),
        pytest.param("LogLevel=INFO please", "'please' is not of the form Name=value", id="no pair"),
        pytest.param('LogLevel="INFO', "closing quotation", id="no end of a quotation"),
        pytest.param("""DefaultOptions='{"vendor": "abcpen"}'""", "vendor cannot be set here", id="options"),
        pytest.param("""DefaultOptions='{"language": "Welsh"}'""", "DefaultOptions: language='Welsh'", id="a language"),
        pytest.param('DefaultOptions={"language":"zh-CN"}', "DefaultOptions='…'", id="quotes that are lost"),
        pytest.param("AlarmTopicArn= LogRetentionDays=90", 'write AlarmTopicArn="" for none', id="an empty value"),
        pytest.param(
            "LogRetentionDays=90 AlarmTopicArn=", 'write AlarmTopicArn="" for none', id="an empty one at the end"
        ),
        pytest.param("LogLevel=INFO\nLogRetentionDays=90", "separated by spaces, not by line ends", id="line ends"),
        pytest.param('LogLevel="INFO"LogRetentionDays=90', "no space behind it", id="no space"),
        pytest.param("""VendorPrices='{"acme": {"price": 1}}'""", "acme is no vendor", id="a vendor's price"),
        pytest.param("""AwsPrices='{"currency": "USD"}'""", "give these anew", id="a region's prices"),
        pytest.param("""VendorTuning='{"abcpen": {"max_duration_s": 1}}'""", "has no 'max_duration_s'", id="tuning"),
        pytest.param("SubmitReservedConcurrency=many", "SubmitReservedConcurrency", id="a reservation"),
        pytest.param("UsdInCny=0", "UsdInCny: '0' is no rate", id="a rate"),
        pytest.param("UsdInCny=7.1@2026-02-30", "is no rate", id="a day"),
        pytest.param("AbcpenBaseUrl=http://127.0.0.1:9", "BaseUrl of abcpen must begin with https", id="clear text"),
    ],
)
def test_parameter_that_functions_refuse_is_not_deployed(config, sam, capfd, parameters, says):
    status = main(["--sam", str(sam), "--config", str(written(config, f"'''{parameters}'''"))])

    told = capfd.readouterr()
    assert (status, told.out) == (1, "")
    assert says in told.err


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param('""', id="none"),
        pytest.param(
            """'''DefaultOptions='{"language": "zh-CN", "hotwords": ["会 议"]}' LogLevel=DEBUG'''""", id="JSON"
        ),
        pytest.param(r"""'''DefaultOptions="{\"language\": \"zh-CN\"}" AlarmTopicArn=""'''""", id="escaped JSON"),
        pytest.param("""'AlarmTopicArn="" LogRetentionDays=90'""", id="an empty value in quotes"),
        pytest.param("""["VendorChain=abcpen", '''AwsPrices='{"million_transitions": 27.9}'''']""", id="a list"),
    ],
)
def test_parameter_that_functions_accept_is_deployed(config, parameters):
    check("default", written(config, parameters))


def test_empty_value_of_a_list_is_refused(config):
    with pytest.raises(DeployError, match='write AlarmTopicArn="" for none'):
        check("default", written(config, '["AlarmTopicArn=", "LogRetentionDays=90"]'))


def test_parameters_are_read_as_sam_reads_them():
    text = r"""A=1,2  B="x= y" C='{"k": "v w"}' D="{\"k\": 1}" E="" F='' G=a=b"""

    assert overrides(text) == {
        "A": "1,2", "B": "x= y", "C": '{"k": "v w"}', "D": '{"k": 1}', "E": "", "F": "", "G": "a=b"
    }  # fmt: skip


@pytest.fixture
def stack() -> Iterator[Any]:
    """Have a stack in the account; its `status` may be set."""
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(StackName="calls", TemplateBody='{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}')
    yield cloudformation_backends[DEFAULT_ACCOUNT_ID][REGION].get_stack("calls")
    cloudformation.delete_stack(StackName="calls")


def for_stack(config: Path) -> Path:
    """Write answers that name the stack."""
    config.write_text(f"[default.global.parameters]\nstack_name = 'calls'\nregion = '{REGION}'\n")
    return config


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        pytest.param("ROLLBACK_COMPLETE", "delete-stack", id="first deployment failed"),
        pytest.param("DELETE_FAILED", "delete-stack", id="deletion failed"),
        pytest.param("UPDATE_ROLLBACK_FAILED", "continue-update-rollback", id="way back failed"),
    ],
)
def test_stack_that_cannot_be_updated_is_not_deployed(config, sam, stack, capfd, status, way_out):
    stack.status = status

    ended = main(["--sam", str(sam), "--config", str(for_stack(config))])

    output = capfd.readouterr()
    assert (ended, output.out) == (1, "")
    assert f"stack calls is {status}" in output.err
    assert f"Then: aws cloudformation {way_out} --stack-name calls --region {REGION}\n" in output.err


def test_failed_first_deployment_names_the_remedy(config, sam, stack, capfd, monkeypatch):
    def fail(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        if command[1] == "build":
            return subprocess.CompletedProcess(command, 0)
        stack.status = "ROLLBACK_COMPLETE"
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr("tools.deploy.subprocess.run", fail)

    assert main(["--sam", str(sam), "--config", str(for_stack(config))]) == 1
    assert "its first deployment failed" in capfd.readouterr().err


def test_stack_that_can_be_updated_is_deployed(config, sam, stack, capfd):
    stack.status = "UPDATE_ROLLBACK_COMPLETE"

    assert main(["--sam", str(sam), "--config", str(for_stack(config))]) == 3
    assert capfd.readouterr().out.endswith(f"--config-file {config}\n")


def test_deployment_without_sam_names_what_to_install(config, tmp_path, capsys):
    status = main(["--sam", str(tmp_path / "no-sam"), "--config", str(config)], Person("", REGION))

    assert status == 1
    assert "the SAM CLI: there is no" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("end", "says"), [(EOFError, "no answer can be read"), (KeyboardInterrupt, "the command can be repeated")]
)
def test_deployment_whose_questions_end_stores_no_answers(config, sam, capsys, end, says):
    def ended_input(_question: str) -> str:
        raise end

    status = main(["--sam", str(sam), "--config", str(config)], ended_input)

    assert status == 1
    assert says in capsys.readouterr().err
    assert not config.exists()


def test_questions_are_in_english_and_then_chinese(config):
    person = Person("", REGION)

    set_up("default", config, person)

    assert [
        question for question in person.asked if not re.match(r"[ -~]+ \| .*[\u4e00-\u9fff].* \[.*\]: $", question)
    ] == []


def test_rejected_answer_is_explained_in_the_shells_language(config, capsys, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    set_up("default", config, Person("Big_Name", "", REGION))

    assert "小写字母、数字和连字符，最多 20 个字符" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        pytest.param("'VendorChain=volcengin'", "vendor names separated by commas", id="answered"),
        pytest.param(None, "AWS credentials that work", id="first deployment"),
    ],
)
def test_all_that_is_missing_is_named_at_once(config, tmp_path, capfd, monkeypatch, parameters, says):
    def without_credentials(**_: object) -> None:
        raise ProfileNotFound(profile="unknown")

    monkeypatch.setattr("tools.deploy.find_builder", lambda: None)
    monkeypatch.setattr("tools.preflight.boto3.Session", without_credentials)
    if parameters:
        written(config, parameters)

    status = main(["--sam", str(tmp_path / "no-sam"), "--config", str(config)], Person("", REGION))

    told = capfd.readouterr()
    assert (status, told.out) == (1, "")
    first, *items = told.err.splitlines()
    assert first == "deploy: not deployed:"
    assert [line for line in items if not line.startswith("- ")] == []
    for missing in ("Python 3.13", "the SAM CLI: there is no", "AWS credentials that work", says):
        assert missing in told.err


def test_region_that_is_not_known_is_missing(config, sam, capfd):
    config.write_text("[default.global.parameters]\nstack_name = 'calls'\n")

    assert main(["--sam", str(sam), "--config", str(config)]) == 1
    assert "- a region: set AWS_REGION" in capfd.readouterr().err


def test_region_of_the_shell_is_the_default(config, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")

    set_up("default", config, person := Person())

    assert "[eu-west-3]" in person.asked[1]
    assert kept(config, "default")["global"]["region"] == "eu-west-3"


def test_reservation_above_the_quota_is_missing(config, sam, capfd, quotas):
    quotas["ConcurrentExecutions"] = 120

    status = main(["--sam", str(sam), "--config", str(written(config, "'SubmitReservedConcurrency=21'"))])

    assert status == 1
    assert "the parameters reserve 21 of 120 invocations" in capfd.readouterr().err


def test_quota_of_a_new_account_is_a_note(config, sam, capfd, quotas):
    quotas["ConcurrentExecutions"] = 10

    main(["--sam", str(sam), "--config", str(config)], Person("", REGION))

    assert "Lambda runs only 10 invocations at once here" in capfd.readouterr().out


@pytest.fixture
def started(monkeypatch):
    """Return the commands that are started, without those for help; all succeed."""
    commands = []

    def start(command, **_):
        if "--help" not in command:
            commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("tools.deploy.subprocess.run", start)
    return commands


def test_build_without_python_runs_in_a_container(config, sam, started, monkeypatch):
    monkeypatch.setattr("tools.deploy.find_builder", lambda: Builder(None))

    assert main(["--sam", str(sam), "--config", str(config)], Person("", REGION, "", "no", "no")) == 0

    assert started[0] == [str(sam), "build", "--use-container"]


def test_first_deployment_ends_with_setup_and_doctor(config, sam, started):
    person = Person("calls", REGION)

    assert main(["--sam", str(sam), "--config", str(config)], person) == 0

    where = ["--stack", "calls", "--region", REGION]
    assert [command[1:] for command in started[2:]] == [
        ["-m", "asrctl", "setup", *where],
        ["-m", "asrctl", "doctor", *where],
    ]
    assert len(person.asked) == 5  # three to deploy, two offers


def test_later_deployment_names_setup_and_doctor(config, sam, started, capsys):
    assert main(["--sam", str(sam), "--config", str(written(config, "''"))]) == 0

    assert len(started) == 2
    assert 'Set up the vendors\' accounts: make ctl ARGS="setup --region cn-north-1"\n' in capsys.readouterr().out


def test_refused_offer_starts_nothing(config, sam, started, capsys):
    assert main(["--sam", str(sam), "--config", str(config)], Person("", REGION, "", "no", "no")) == 0

    assert len(started) == 2
    assert 'Check the installation: make ctl ARGS="doctor --stack asrcore' in capsys.readouterr().out


UV = '[ "$*" = "python find --system --no-python-downloads 3.13" ] && echo /uv/bin/python3.13'


@pytest.mark.parametrize(
    ("programs", "builder"),
    [
        pytest.param({"python3.13": "echo /opt/python/bin/python3.13"}, Builder("/opt/python/bin"), id="in PATH"),
        pytest.param({"python3.13": "exit 1", "uv": UV}, Builder("/uv/bin"), id="of uv"),
        pytest.param({"uv": "exit 2", "docker": "exit 0"}, Builder(None), id="container"),
        pytest.param({"docker": "exit 1"}, None, id="Docker that does not run"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_builder_is_python_or_a_container(programs, builder, tmp_path, monkeypatch):
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_builder() == builder


def event(name: str, status: str, reason: str = "") -> dict[str, str]:
    return {"type": "event", "logical_id": name, "status": status, "resource_type": "AWS::SQS::Queue", "reason": reason}


REPORTED = [
    {"type": "info", "managed_s3_bucket": "samples"},
    {"type": "changeset", "action": "Add", "logical_id": "JobsTable", "resource_type": "AWS::DynamoDB::Table"},
    {"type": "changeset", "action": "Add", "logical_id": "AudioBucket", "resource_type": "AWS::S3::Bucket"},
    event("calls", "CREATE_IN_PROGRESS"),
    event("JobsTable", "CREATE_IN_PROGRESS"),
    event("JobsTable", "CREATE_COMPLETE"),
    event("AudioBucket", "CREATE_FAILED", "the name is taken"),
    {"type": "outputs", "stack_outputs": [{"key": "SetupCommand", "value": "python -m asrctl setup"}]},
]


@pytest.fixture
def reporting_sam(tmp_path):
    """Stands for a SAM CLI that reports its progress as JSON."""
    lines = tmp_path / "lines"
    lines.write_text("Uploading\n" + "".join(f"{json.dumps(each)}\n" for each in REPORTED))
    path = tmp_path / "sam"
    path.write_text(f'#!/bin/sh\ncase "$*" in *--help) echo "--output [text|json]" ;; *json) cat {lines} ;; esac\n')
    path.chmod(0o755)
    return path


def test_deployment_prints_a_line_per_finished_resource(config, reporting_sam, capfd):
    assert main(["--sam", str(reporting_sam), "--config", str(config)], Person("", REGION, "", "no", "no")) == 0

    shown = capfd.readouterr().out.splitlines()
    begin = shown.index("Uploading")
    assert shown[begin : begin + 4] == [
        "Uploading",
        "1/2  CREATE_COMPLETE  JobsTable",
        "2/2  CREATE_FAILED  AudioBucket: the name is taken",
        "SetupCommand: python -m asrctl setup",
    ]


def test_deployment_without_changes_says_so(capsys):
    follow(['{"type": "result", "status": "no_changes", "message": "No changes"}\n'], print)

    assert capsys.readouterr().out == "the stack has these resources already\n"


def test_changes_that_are_confirmed_are_shown_by_sam(config, reporting_sam, capfd):
    person = Person("", REGION, "", "no", "no")

    assert main(["prod", "--sam", str(reporting_sam), "--config", str(config)], person) == 0
    assert "CREATE_COMPLETE" not in capfd.readouterr().out
