"""Run `asrctl smoke` and `make smoke`, with success and failure."""

import os
import subprocess

import pytest

from asrcore.core.job import job_id
from tests.support.operator import ROOT, Operator

OUR_FAULT = {"on": "submit", "code": "1002"}


def left(operator: Operator, key: str) -> list[str]:
    """Return a recording's remaining objects, in any version."""
    stack = operator.stack
    return operator.versions(stack.audio_bucket, key) + operator.versions(stack.transcript_bucket, f"transcripts/{key}")


def test_smoke_transcribes_a_sample_and_deletes_it(operator):
    found = operator.found("smoke")

    assert found["status"] == "COMPLETED"
    assert found["text"]
    assert left(operator, found["key"]) == []
    assert operator.row(found["job_id"]) == {}


def test_smoke_keep_leaves_the_sample(operator):
    found = operator.found("smoke", "--keep", "--vendor", "abcpen")

    assert (found["status"], found["vendor"]) == ("COMPLETED", "abcpen")
    assert len(left(operator, found["key"])) == 6  # recording, transcript, four exports
    assert operator.row(found["job_id"])["status"] == "COMPLETED"


def test_each_smoke_has_its_own_job(operator):
    assert operator.found("smoke")["job_id"] != operator.found("smoke")["job_id"]


def test_failed_smoke_explains_the_job_and_deletes_it(operator):
    operator.fault("volcengine", about="incoming/volcengine/smoke-", **OUR_FAULT)

    told = operator.run("smoke", "--vendor", "volcengine")

    assert told.status == 1
    assert "It FAILED with 1002 of volcengine (class config)" in told.stdout
    assert "What to do: correct what the message names" in told.stdout
    assert operator.versions(operator.stack.audio_bucket, "incoming/volcengine/smoke-") == []


@pytest.fixture
def clock(monkeypatch):
    """Replace the command's clock by one that advances only in its pauses. pause: what a test does in each."""

    class Clock:
        now_s = 0.0

        def __init__(self) -> None:
            self.pause = lambda: None

        def monotonic(self) -> float:
            return self.now_s

        def sleep(self, seconds: float) -> None:
            self.now_s += seconds
            self.pause()

    clock = Clock()
    monkeypatch.setattr("asrctl.smoke.time", clock)
    return clock


def test_smoke_timeout_keeps_the_sample_and_reports_it(operator, clock):
    samples = "incoming/tencent-recording/smoke-"
    others = operator.versions(operator.stack.audio_bucket, samples)

    def wait_for_its_execution():
        (key,) = set(operator.versions(operator.stack.audio_bucket, samples)) - set(others)
        job = job_id(operator.source(key))
        operator.until(lambda: operator.row(job), lambda row: row.get("task_token"), f"{job} to wait for a callback")

    operator.fault("tencent-recording", about=samples, on="callback", drop=True)
    clock.pause = wait_for_its_execution

    told = operator.run("smoke", "--vendor", "tencent-recording", "--within", "3s")

    assert told.status == 1
    assert "no end within 3 s" in told.stdout
    assert "it waits for the callback of tencent-recording" in told.stdout
    assert "it is kept; when it has ended: delete" in told.stdout


def test_missing_event_keeps_the_sample_and_reports_it(operator, clock):
    with operator.without_events():
        done = operator.run("smoke", "--within", "1s")

    assert done.status == 1
    assert "no job within 1 s: see the log of SubmitFunction, and `queue`" in done.stdout


OF_ANOTHER_MAKE = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "ARGS"}  # `make test ARGS=…` passes its own


def recipe(*settings: str) -> str:
    """Return the command that `make smoke` runs."""
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "smoke", *settings],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in OF_ANOTHER_MAKE},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    (line,) = [line for line in made.stdout.splitlines() if "-m asrctl smoke" in line]
    return line.partition("-m asrctl ")[2].strip()


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        pytest.param([], "smoke --local", id="no arguments"),
        pytest.param(["LOCAL=1"], "smoke --local", id="local"),
        pytest.param(["STACK=asrcore"], "smoke --stack asrcore", id="in AWS"),
        pytest.param(
            ["STACK=a", "REGION=cn-north-1", "CLI_PROFILE=china", "ARGS=--keep"],
            "smoke --stack a --region cn-north-1 --profile china --keep",
            id="in AWS China",
        ),
    ],
)
def test_make_smoke_runs_the_command(settings, arguments):
    assert " ".join(recipe(*settings).split()) == arguments


def test_smoke_without_a_stack_says_what_to_do(operator, monkeypatch, tmp_path):
    monkeypatch.setattr("devstack.settings.FACTS", tmp_path / "nothing.json")

    told = operator.run("smoke", "--local")

    assert told.status == 1
    assert told.stderr == "asrctl: no local stack runs here: start one with `make local`, or name one in AWS\n"
