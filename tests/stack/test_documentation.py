"""Run the documentation's commands with the `aws` CLI against a local stack.

The stack has every documented feature turned on. What a page calls by an example name (`meeting.wav`, `$JOB`,
the address of `make local`) gets that name here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from devstack.commands import aws_env
from tests.support.doc_examples import ROOT, Block, blocks
from tests.support.operator import RECORDING, Operator
from tests.support.receiver import Receiver
from tests.support.scanned_stack import SearchedStack
from tests.support.stack_client import Journey
from tests.support.warm_programs import WarmPrograms
from tools.exports import DOCUMENTS, excerpts, rewritten

REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
FAILING = "tencent-recording"
FAILS = {"on": "result", "code": "10004"}  # when it already has an execution
FRESH = count()
RUNBOOKS = "docs/runbooks/"
(NAMES, *_) = (block for block in blocks("sh") if block.page == f"{RUNBOOKS}README.md")
BEFORE_SAM_DELETE = [
    block
    for block in blocks("sh")
    if block.page == "docs/deploy.md" and ("disable-rule" in block.body or "stop-execution" in block.body)
]
# The pages' example values, and their values on this stack.
MADE_UP = {
    "http://127.0.0.1:PORT": "$AWS_ENDPOINT_URL",
    f"asrcore-audio-{ACCOUNT}-us-east-1": "$AUDIO_BUCKET",
    "AWS_DEFAULT_REGION=us-east-1": f"AWS_DEFAULT_REGION={REGION}",
    "s3://my-audio": "s3://$AUDIO_BUCKET",
    "s3://OLD-transcripts-ACCOUNT-REGION": "s3://$TRANSCRIPT_BUCKET",
    "s3://NEW-transcripts-ACCOUNT-REGION": "s3://another-stacks-transcripts",
    "get incoming/auto/call.wav": "get incoming/auto/meeting.wav",
    "why incoming/auto/call.wav": "why incoming/auto/meeting.wav",
}
# Version 1 of the CLI ignores AWS_ENDPOINT_URL for SQS.
AWS = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchedStack]:
    with Receiver() as receiver:
        params = {"WebhookUrl": receiver.url, "NotificationTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:told"}
        logs = tmp_path_factory.mktemp("logs")
        with SearchedStack(params, region=REGION, log_dir=logs) as stack:
            stack.client("sns").create_topic(Name="told")
            stack.client("s3").create_bucket(
                Bucket="another-stacks-transcripts", CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            person = Journey(stack)
            for key in ("incoming/auto/meeting.wav", "incoming/auto/calls/meeting.wav"):
                person.finished(person.drop(key, RECORDING))
            yield stack


@pytest.fixture(scope="module")
def operator(stack: SearchedStack) -> Operator:
    return Operator(stack)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with recordings."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("deploy", "samples"):
        (folder / part).symlink_to(ROOT / part)
    for name in ("meeting.wav", "call.wav", "recording.wav"):
        (folder / name).write_bytes(RECORDING)
    return folder


@pytest.fixture(scope="module")
def run(operator: Operator) -> str:
    """Return a finished backfill."""
    started = operator.found("backfill", "start", "--prefix", "incoming/nothing/")["run"]
    operator.until(
        lambda: operator.found("backfill", "status", started)["runs"],
        lambda runs: runs[0]["status"] != "RUNNING",
        "the backfill to end",
    )
    return str(started)


@pytest.fixture
def job(operator: Operator) -> Iterator[str]:
    """Return a failed job that had an execution."""
    key = f"incoming/{FAILING}/documentation {next(FRESH)}/meeting.wav"
    operator.fault(FAILING, about=key, **FAILS)
    job = operator.drop(key, RECORDING)
    assert operator.ended(job)["status"] == "FAILED"
    yield job
    requests.delete(f"{operator.stack.simulators[FAILING]}/_simulator/faults", timeout=60)


Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def cold_shell(stack: SearchedStack, folder: Path) -> Shell:
    """Run lines in a shell that stops at the first error."""
    (folder / ".local").mkdir(exist_ok=True)
    (folder / ".local/aws.env").write_text(aws_env(stack))
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "*",
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": stack.credential,
        "AWS_SECRET_ACCESS_KEY": stack.credential,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AUDIO_BUCKET": stack.audio_bucket,
        "TRANSCRIPT_BUCKET": stack.transcript_bucket,
    }

    def type_in(lines: str, **names: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", lines],
            cwd=folder,
            env={**environment, **names},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return type_in


@pytest.fixture(scope="module")
def shell(cold_shell: Shell, programs: WarmPrograms) -> Shell:
    """Run lines in a shell, with preloaded programs."""
    return lambda lines, **names: cold_shell(programs.functions + lines, **names)


@pytest.fixture(scope="module")
def names(shell: Shell) -> str:
    """Return the shell variables that the runbooks' first page defines."""
    done = shell(f"{NAMES.body}\ndeclare -f\ndeclare -p STACK TABLE QUEUE MACHINE")
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(lines: str) -> str:
    """Return a page's lines with the values of this stack."""
    for said, meant in MADE_UP.items():
        lines = lines.replace(said, meant)
    return lines


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=block.place)
        for block in blocks("sh")
        if not (block.mark or block.run_by) and block not in [NAMES, *BEFORE_SAM_DELETE]
    ],
)
def test_documented_example_runs(block: Block, shell, names, request):
    wanted = {name for name in ("JOB", "RUN", "NAME") if f"${name}" in block.body}
    known = {"JOB": "", "RUN": "", "NAME": ""}
    if wanted & {"JOB", "NAME"}:
        known["JOB"] = request.getfixturevalue("job")
        known["NAME"] = f"{known['JOB']}-1"
    if "RUN" in wanted:
        known["RUN"] = request.getfixturevalue("run")

    done = shell(f"{names if block.page.startswith(RUNBOOKS) else ''}\n{here(block.body)}", **known)

    assert done.returncode == 0, done.stderr + done.stdout


def test_documented_programs_run_as_installed(cold_shell):
    done = cold_shell(f'{AWS}aws s3 ls "s3://$AUDIO_BUCKET/incoming/auto/" && python -m asrctl status')

    assert done.returncode == 0, done.stderr + done.stdout
    assert "meeting.wav" in done.stdout
    assert "COMPLETED" in done.stdout


@pytest.fixture
def waiting(stack: SearchedStack) -> str:
    """Start an execution that waits for days."""
    started = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.state_machine_arn,
        name="waits-for-days",
        input=json.dumps({"job_id": "waits-for-days", "next": "submit", "wait_s": 172800}),
    )
    return str(started["executionArn"])


def test_commands_before_sam_delete_stop_executions(waiting: str, stack: SearchedStack, operator: Operator, shell):
    events = stack.client("events")
    disabled_before = disabled_rules(events)

    for block in BEFORE_SAM_DELETE:
        done = shell(block.body)
        assert done.returncode == 0, done.stderr + done.stdout

    disabled = disabled_rules(events)
    assert len(disabled) == 2
    assert all("SweepFunction" in name for name in disabled)
    operator.until(
        lambda: stack.client("stepfunctions").describe_execution(executionArn=waiting)["status"],
        lambda status: status == "ABORTED",
        "the execution to be stopped",
    )
    for name in set(disabled) - set(disabled_before):
        events.enable_rule(Name=name)


def disabled_rules(events: Any) -> list[str]:
    return [rule["Name"] for rule in events.list_rules()["Rules"] if rule["State"] == "DISABLED"]


def test_excerpts_are_real_exports(stack):
    parts = excerpts(stack)

    assert [page.name for page in DOCUMENTS if rewritten(page.read_text(), parts) != page.read_text()] == [], (
        "make docs"
    )


@pytest.mark.parametrize("output", ["UploadCommand", "TranscriptsCommand"])
def test_command_in_the_outputs_runs(output, stack, shell):
    done = shell(stack.outputs[output])

    assert done.returncode == 0, done.stderr
