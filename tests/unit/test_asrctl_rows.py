"""The jobs table for asrctl: reading all jobs, deleting one."""

import pytest

from asrcore.core.job import new_job
from asrcore.core.rate_limit import RateLimit
from asrcore.ports import ConflictError
from asrcore.stores.jobs import DynamoJobs
from tests.support import mocked_aws
from tests.support.fake_services import START
from tests.support.mocked_aws import mocked_boto3
from tests.support.pipeline import SOURCE
from tests.support.table import create_jobs_table

JOBS = [new_job(SOURCE.model_copy(update={"key": f"incoming/auto/{number}.wav"}), START) for number in range(3)]


@pytest.fixture
def jobs():
    with mocked_boto3():
        client = mocked_aws.client("dynamodb")
        yield DynamoJobs(client, create_jobs_table(client))


def test_every_yields_all_jobs_and_no_other_rows(jobs):
    for job in JOBS:
        jobs.create(job)
    jobs.reserve_slot("volcengine", RateLimit(per_second=1, per_day=5), START)

    read = sorted(jobs.every(), key=lambda job: job.source.key)

    assert read == JOBS


def test_delete_of_an_unchanged_job_removes_its_row(jobs):
    jobs.create(JOBS[0])

    jobs.delete(JOBS[0])

    assert jobs.load(JOBS[0].job_id) is None


def test_delete_of_a_changed_job_keeps_its_row(jobs):
    jobs.create(JOBS[0])
    moved = jobs.save(JOBS[0])

    with pytest.raises(ConflictError):
        jobs.delete(JOBS[0])

    assert jobs.load(JOBS[0].job_id) == moved
