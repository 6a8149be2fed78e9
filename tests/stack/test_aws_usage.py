"""The error of the estimate of a job's AWS usage, measured on the local stack, and the cost in row and transcript."""

import re
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from asrcore.core.aws_usage import ERROR, estimate_usage
from asrcore.core.cost import priced
from asrcore.core.job import Job, Status
from asrcore.settings import Settings
from tests.support.scanned_stack import SearchedStack
from tests.support.stack_client import Journey
from tests.support.usage_scenarios import Counts, requests_only

SAMPLES = Path(__file__).parents[2] / "samples"
FRESH = count()
OF_A_JOB = ("SubmitFunction", "PollerFunction", "CallbackFunction")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack of its own, so that no request of another test is counted."""
    with SearchedStack(region="us-west-2", log_dir=tmp_path_factory.mktemp("logs")) as stack:
        yield stack


@pytest.fixture
def journey(stack):
    return Journey(stack)


def runs(journey):
    """Count the invocations of each function, once all have ended: a job ends before the invocation that ended it."""

    def count_lines(kind):
        return Counter({name: journey.stack.logs(name).count(f"{kind} RequestId") for name in OF_A_JOB})

    journey.until(lambda: count_lines("START") - count_lines("REPORT"), lambda running: not running, "every REPORT")
    return count_lines("REPORT")


def entered(journey, job):
    """Count the states that the job's execution entered, retried tasks included; 0 without an execution."""
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
def test_estimate_is_within_its_error(journey, stack, vendor, sample):
    runs_before, requests_before = runs(journey), stack.request_counter.counts()

    job = journey.drop(f"incoming/{vendor}/cost/{next(FRESH)}/{sample}", (SAMPLES / sample).read_bytes())
    row = Job.model_validate(journey.finished(job))
    transitions = entered(journey, job)
    rates = Settings.from_environment(stack.environments["SubmitFunction"]).rates
    estimate = requests_only(estimate_usage(row, rates))
    ran = runs(journey) - runs_before
    requests = stack.request_counter.counts() - requests_before
    counted = Counts(
        transitions=transitions,
        invocations=ran.total(),
        row_writes=requests["PutItem"],
        transactions=requests["TransactWriteItems"],
        other_writes=requests["UpdateItem"],
        table_reads=requests["GetItem"],
        s3_puts=requests["S3 PUT"],
        s3_gets=requests["S3 GET"] + requests["S3 HEAD"],
        api_requests=ran["CallbackFunction"],
        events=requests["PutEvents"],
    )

    assert row.status is Status.COMPLETED, row.error
    counted_usd, estimated_usd = (priced(each, rates).usd for each in (counted.usage(row), estimate))
    assert estimated_usd == pytest.approx(counted_usd, rel=ERROR), (counted, estimate)


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
