"""Compare the AWS usage in a job's row with the stack's states, invocations and AWS requests."""

import re
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from asrcore.core.aws_usage import footprint
from asrcore.core.job import Job
from asrcore.settings import Settings
from tests.support.scanned_stack import SearchedStack
from tests.support.stack_client import Journey

SAMPLES = Path(__file__).parents[2] / "samples"
FRESH = count()
WRITES = ("PutItem", "UpdateItem")
OF_A_JOB = ("SubmitFunction", "PollerFunction", "CallbackFunction")
# The reads of the secret and of turnaround statistics depend on the number of processes.
HELD_FOR_MINUTES = 4


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Deploy a separate stack, without activity of other tests."""
    with SearchedStack(region="us-west-2", log_dir=tmp_path_factory.mktemp("logs")) as stack:
        yield stack


@pytest.fixture
def journey(stack):
    return Journey(stack)


def runs(stack):
    """Return the number of invocations of each function."""
    return Counter({name: stack.logs(name).count("REPORT RequestId") for name in OF_A_JOB})


def entered(journey, job):
    """Return the states that the job's execution entered and its retried tasks; 0 without an execution."""
    if not journey.executions(job):
        return 0
    arn = journey.ended_execution(job)["executionArn"]
    pages = journey.stack.client("stepfunctions").get_paginator("get_execution_history")
    events = [event["type"] for page in pages.paginate(executionArn=arn) for event in page["events"]]
    return sum(bool(re.fullmatch(r"(Choice|Wait|Task|Succeed)StateEntered", kind)) for kind in events)


@pytest.mark.parametrize(
    ("vendor", "sample"),
    [
        pytest.param("tencent-sentence", "meeting.wav", id="tencent-sentence"),
        pytest.param("tencent-rec-task", "call.wav", id="tencent-rec-task"),
        pytest.param("volcengine-bigmodel", "news.mp3", id="volcengine-bigmodel"),
        pytest.param("abcpen-offline", "lecture.m4a", id="abcpen-offline"),
        pytest.param("tencent-recording", "greeting.wav", id="tencent-recording"),
        pytest.param("volcengine", "news.mp3", id="volcengine"),
        pytest.param("abcpen", "meeting.wav", id="abcpen"),
    ],
)
def test_aws_usage_in_the_row_matches_the_requests(journey, stack, vendor, sample):
    asked_before, refused_before, runs_before = (
        stack.request_counter.counts(),
        stack.request_counter.refused(),
        runs(stack),
    )

    job = journey.drop(f"incoming/{vendor}/cost/{next(FRESH)}/{sample}", (SAMPLES / sample).read_bytes())
    row = journey.finished(job)
    transitions = entered(journey, job)
    derived = footprint(Job.model_validate(row), Settings.from_environment(environment(stack)).rates)
    journey.until(lambda: runs(stack), lambda seen: (seen - runs_before).total() >= derived.invocations, "the last run")
    asked, ran = stack.request_counter.counts() - asked_before, runs(stack) - runs_before
    # A slot's first write is rejected by design. Each further rejection may be a conflict, whose write is repeated: a
    # callback and the step that waits for it may write the row concurrently.
    refused = (stack.request_counter.refused() - refused_before)["UpdateItem"]

    assert row["status"] == "COMPLETED", row.get("error")
    assert derived.transitions == transitions
    assert derived.invocations == ran.total()
    assert sum(asked[operation] for operation in WRITES) - derived.table_writes in range(refused)
    assert abs(derived.table_reads - asked["GetItem"]) <= HELD_FOR_MINUTES + refused
    assert derived.s3_puts == asked["S3 PUT"]
    assert (
        abs(derived.s3_gets - asked["S3 GET"] - asked["S3 HEAD"]) <= 2
    )  # how a recording is probed, which side downloads it
    # Both the callback and the step that it resumes may publish one end.
    assert derived.events <= asked["PutEvents"] <= derived.events + 1
    assert derived.api_requests == ran["CallbackFunction"]


def test_transcript_and_row_have_the_same_cost(journey, stack):
    key = f"incoming/tencent-sentence/cost/{next(FRESH)}/meeting.wav"

    row = journey.finished(journey.drop(key, (SAMPLES / "meeting.wav").read_bytes()))

    cost = Job.model_validate(row).cost
    assert cost is not None
    assert cost.vendor is not None
    assert cost.vendor.cny == 0.0032
    assert 0 < cost.aws.usd < 0.001
    assert cost.aws.cny == pytest.approx(7.1 * cost.aws.usd, rel=1e-4)
    assert journey.transcript(row)["cost"]["vendor"] == cost.vendor.model_dump()


def environment(stack):
    """Return the environment of the stack's functions."""
    return stack.environments["SubmitFunction"]
