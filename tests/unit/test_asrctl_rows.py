"""The jobs table for asrctl: reading all jobs, finding one, deleting one."""

from types import SimpleNamespace

import pytest

from asrcore.core.job import new_job
from asrcore.core.rate_limit import RateLimit
from asrcore.ports import ConflictError
from asrcore.stores.jobs import DynamoJobs
from asrctl.find import find_job
from asrctl.result import OperatorError
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


def test_job_of_a_deleted_recording_is_found_by_its_key(jobs):
    longer = JOBS[1].source.model_copy(update={"key": f"incoming/auto/{JOBS[0].source.key}"})
    for job in (*JOBS, new_job(longer, START)):
        jobs.create(job)
    stack = SimpleNamespace(jobs=jobs, audio_bucket=SOURCE.bucket, versions_of=lambda *_: [])
    key = JOBS[0].source.key

    assert find_job(key, stack) == JOBS[0]
    assert find_job(f"s3://{SOURCE.bucket}/{key}", stack) == JOBS[0]
    with pytest.raises(OperatorError, match="in another has a job"):
        find_job(f"s3://another/{key}", stack)


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
