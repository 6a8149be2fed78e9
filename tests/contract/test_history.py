"""Check turnaround statistics on the fake DynamoDB and on moto's."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from asrcore.core.turnaround_stats import ENOUGH
from asrcore.stores.turnaround_stats import KEPT_DAYS, READ_EVERY_S, DynamoTurnaroundStats
from tests.support import mocked_aws
from tests.support.fake_aws import DynamoDb
from tests.support.fake_services import START
from tests.support.table import create_jobs_table

HOUR_S = 3600


@pytest.fixture
def client(aws):
    client = mocked_aws.client("dynamodb")
    create_jobs_table(client)
    return client


@pytest.fixture(params=["fake", "moto"])
def history(request, client):
    return DynamoTurnaroundStats(DynamoDb() if request.param == "fake" else client, "jobs")


def note(history, turnaround_s=120, *, times=ENOUGH, vendor="toy", now=START, audio_s=HOUR_S):
    for _ in range(times):
        history.record(vendor, audio_s, turnaround_s, now)


def test_vendor_without_completed_jobs_has_no_statistics(history):
    assert history.typical_s("toy", HOUR_S, START) is None


def test_typical_turnaround_is_derived_from_enough_jobs(history):
    note(history, 120)

    assert history.typical_s("toy", HOUR_S, START) == pytest.approx(120, rel=1e-3)


def test_too_few_jobs_give_no_typical_turnaround(history):
    note(history, times=ENOUGH - 1)

    assert history.typical_s("toy", HOUR_S, START) is None


def test_each_vendor_has_its_own_statistics(history):
    note(history)

    assert history.typical_s("other", HOUR_S, START) is None


@pytest.mark.parametrize(
    ("noted", "asked", "is_known"),
    [
        pytest.param(
            datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), True, id="last month"
        ),
        pytest.param(datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC), True, id="over new year"),
        pytest.param(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), False, id="the one before"),
    ],
)
def test_this_month_and_the_last_one_count(history, noted, asked, is_known):
    note(history, now=noted)

    assert (history.typical_s("toy", HOUR_S, asked) is not None) is is_known


def test_concurrent_writes_are_all_counted(client):
    history, others = DynamoTurnaroundStats(client, "jobs"), []

    def another(**_call):
        if len(others) < 9:
            others.append("writes before this call reaches the table")
            history.record("toy", HOUR_S, 100, START)

    client.meta.events.register("before-call.dynamodb", another)
    history.record("toy", HOUR_S, 100, START)

    (item,) = client.scan(TableName="jobs")["Items"]
    assert item["count_11"] == {"N": "10"}
    assert item["speed_11"] == {"N": str(10 * 10_000)}


def test_item_expires_when_it_is_no_longer_read(client):
    DynamoTurnaroundStats(client, "jobs").record("toy", HOUR_S, 100, START)

    (item,) = client.scan(TableName="jobs")["Items"]
    assert item["job_id"] == {"S": f"history#toy#{START:%Y-%m}"}
    assert item["expires_at"] == {"N": str(int((START + timedelta(days=KEPT_DAYS)).timestamp()))}


def test_process_reads_statistics_at_most_every_five_minutes(client):
    reader, writer = DynamoTurnaroundStats(client, "jobs"), DynamoTurnaroundStats(client, "jobs")
    assert reader.typical_s("toy", HOUR_S, START) is None
    note(writer)

    soon, later = START + timedelta(seconds=READ_EVERY_S - 1), START + timedelta(seconds=READ_EVERY_S)

    assert reader.typical_s("toy", HOUR_S, soon) is None
    assert reader.typical_s("toy", HOUR_S, later) is not None


class Unwell:
    """A client whose every call fails and is counted."""

    def __init__(self, error):
        self.error, self.calls = error, 0

    def _fail(self, **_):
        self.calls += 1
        raise self.error

    get_item = update_item = _fail


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem"), id="throttled"),
        pytest.param(ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem"), id="not allowed"),
        pytest.param(ConnectTimeoutError(endpoint_url="https://dynamodb.example.com"), id="not reached"),
    ],
)
def test_failing_table_is_ignored_and_not_read_again_at_once(error):
    client = Unwell(error)
    history = DynamoTurnaroundStats(client, "jobs")

    history.record("toy", HOUR_S, 100, START)
    told = [history.typical_s("toy", HOUR_S, START) for _ in range(3)]

    assert told == [None] * 3
    assert client.calls == 3  # one write, and each month read once
