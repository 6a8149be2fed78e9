"""Check that a failing test reports the history of its jobs."""

from types import SimpleNamespace

import pytest

from tests.support.failure_report import newest_jobs, pytest_runtest_makereport, touched
from tests.support.operator import RECORDING, Operator


def sections(*, failed: bool) -> dict[str, str]:
    """Return the sections of a test's report, by the beginning of their names."""
    hook = pytest_runtest_makereport()
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(SimpleNamespace(failed=failed, sections=[]))
    return {name.rpartition(" ")[0]: text for name, text in ended.value.value.sections}


@pytest.fixture(scope="module")
def failed(stack):
    operator = Operator(stack)
    key = "incoming/volcengine/report/meeting.wav"
    operator.fault("volcengine", about=key, on="submit", code="1002")
    job = operator.drop(key, RECORDING)
    assert operator.finished(job)["status"] == "FAILED"
    return job


@pytest.fixture
def failed_job(operator, failed):
    """A failed job that the test has read."""
    assert operator.row(failed)
    return failed


def test_failed_test_reports_the_history_of_its_job(failed_job):
    found = sections(failed=True)

    assert list(found) == ["asrctl why", "functions' logs of", "vendors' request logs of"]
    assert "It FAILED with 1002 of volcengine" in found["asrctl why"]
    assert f'"job_id":"{failed_job}"' in found["functions' logs of"].replace(" ", "")
    assert "'code': '1002'" in found["vendors' request logs of"]


def test_failed_test_without_job_ids_reports_the_newest_jobs(failed_job):
    touched.clear()

    found = sections(failed=True)

    assert f'"job_id":"{failed_job}"' in found["functions' logs of"].replace(" ", "")


def test_row_that_is_no_whole_job_is_left_out_of_the_newest(failed_job, stack):
    damaged = {"job_id": {"S": "damaged"}, "source": {"M": {}}}
    stack.client("dynamodb").put_item(TableName=stack.jobs_table, Item=damaged)
    try:
        newest = newest_jobs(stack)
    finally:
        stack.client("dynamodb").delete_item(TableName=stack.jobs_table, Key={"job_id": damaged["job_id"]})

    assert failed_job in newest
    assert "damaged" not in newest


def test_passed_test_has_no_report(failed_job):
    assert sections(failed=False) == {}


def test_report_works_when_the_stack_does_not_answer(failed_job, stack, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(stack, "logs", lambda _function: 1 / 0)
        found = sections(failed=True)

    assert "ZeroDivisionError" in found["functions' logs of"]
