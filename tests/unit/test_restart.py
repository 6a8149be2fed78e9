"""Restarts: of jobs whose execution failed, of stalled jobs, and by an operator."""

import pytest

from asrcore.core.backoff import MAX_RESTARTS
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import DEADLINE_S, Status, new_job
from asrcore.core.polling import CALLBACK_DEADLINE_S
from asrcore.core.step import GRACE_S, THROTTLED_GRACE_S, Next
from asrcore.events import EndedExecution
from asrcore.execution_events import execution_ended
from asrcore.failures import SomeFailedError
from asrcore.poll import query
from asrcore.restart import recover, redrive
from asrcore.submit import submit
from asrcore.sweep import sweep
from tests.support.pipeline import CALLBACK, QUERY, SOURCE, SYNC, drop, world
from tests.support.reasons import reason


def ended(job, status="FAILED", run=1):
    return EndedExecution(job.job_id, f"{job.job_id}-{run}", status)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_failed_execution_is_replaced_by_a_new_one(status):
    made = world("accepted", "done")
    job = drop(made)

    execution_ended(ended(job, status), made.services)
    step = made.executions.started[f"{job.job_id}-2"]
    query(job.job_id, made.services)

    assert step.next is Next.QUERY
    assert made.job().status is Status.COMPLETED
    assert made.job().restarts[0].reason.text == f"its execution ended: {status}"
    assert len(made.job().attempts) == 1


def test_aborted_execution_ends_the_job():
    made = world("accepted")
    job = drop(made)

    execution_ended(ended(job, "ABORTED"), made.services)

    assert (made.job().status, made.job().error.code) == (Status.FAILED, "ExecutionAborted")


def test_aborted_execution_after_a_failed_step_ends_the_job():
    made = world("accepted")
    job = drop(made)
    recover(job.job_id, "States.TaskFailed", made.services)

    execution_ended(ended(job, "ABORTED"), made.services)

    assert (made.job().status, made.job().error.code) == (Status.FAILED, "ExecutionAborted")


def test_end_of_an_earlier_execution_changes_nothing():
    made = world("accepted")
    job = drop(made)
    execution_ended(ended(job), made.services)

    execution_ended(ended(job), made.services)

    assert made.job().run == 2


def test_end_of_a_finished_jobs_execution_changes_nothing():
    made = world("done", vendors=(SYNC,))
    job = drop(made)

    execution_ended(ended(job), made.services)

    assert made.job() == job
    assert len(made.bus.published) == 1


def test_restarts_wait_longer_each_time_and_are_bounded():
    made = world("accepted")
    job = drop(made)

    steps = [recover(job.job_id, "States.TaskFailed", made.services) for _ in range(MAX_RESTARTS + 1)]

    assert [step.next for step in steps] == [Next.QUERY] * MAX_RESTARTS + [Next.FAILED]
    assert [step.wait_s for step in steps[:-1]] == [30, 120, 480]
    assert made.job().error.code == "TooManyRestarts"
    assert [detail_type for detail_type, _ in made.bus.published] == ["Transcript Failed"]


class TestSweep:
    def test_running_job_is_not_recovered(self):
        made = world("accepted", vendors=(CALLBACK,))
        job = drop(made)

        made.pass_time(CALLBACK_DEADLINE_S)

        assert sweep(made.services) == 0
        assert made.job() == job

    @pytest.mark.parametrize(
        ("vendor", "late_s"),
        [
            pytest.param(QUERY, GRACE_S + 10, id="one that should have been asked"),
            pytest.param(CALLBACK, CALLBACK_DEADLINE_S + GRACE_S + 1, id="one that waited for a callback"),
        ],
    )
    def test_job_without_an_execution_gets_a_new_one(self, vendor, late_s):
        made = world("accepted", vendors=(vendor,))
        job = drop(made)

        made.pass_time(late_s)

        assert sweep(made.services) == 1
        assert f"{job.job_id}-2" in made.executions.started
        assert made.job().restarts[0].reason.text == "its next step is overdue"

    def test_throttled_execution_has_a_longer_grace(self):
        made = world("accepted", vendors=(QUERY,))
        job = drop(made)
        made.executions.statuses[job.execution_name] = "RUNNING"

        made.pass_time(GRACE_S + 10)
        assert sweep(made.services) == 0

        made.pass_time(THROTTLED_GRACE_S - GRACE_S)
        assert sweep(made.services) == 1
        assert f"{job.job_id}-2" in made.executions.started

    def test_unplanned_job_of_a_lost_event_is_recovered(self):
        made = world("accepted")
        job = new_job(SOURCE, made.clock)
        made.jobs.create(job)

        made.pass_time(GRACE_S + 1)
        sweep(made.services)
        step = submit(job.job_id, made.services)

        assert made.executions.started[f"{job.job_id}-2"].next is Next.SUBMIT
        assert step.next is Next.QUERY

    def test_job_past_its_deadline_fails_with_a_reason(self):
        made = world("accepted")
        drop(made)

        made.pass_time(DEADLINE_S)
        sweep(made.services)

        assert (made.job().status, made.job().error.code) == (Status.FAILED, "DeadlinePassed")

    def test_failed_recovery_does_not_stop_the_others(self):
        made = world("accepted", "accepted")
        jobs = [drop(made, SOURCE.model_copy(update={"version_id": version})) for version in ("v1", "v2")]
        start = made.workflow.start

        def fail_for_the_first(name, step):
            if step.job_id == jobs[0].job_id:
                raise RuntimeError("Step Functions does not answer")
            start(name, step)

        made.workflow.start = fail_for_the_first
        made.pass_time(GRACE_S + 10)
        with pytest.raises(SomeFailedError, match=jobs[0].job_id):
            sweep(made.services)

        assert f"{jobs[1].job_id}-2" in made.executions.started

    def test_missing_end_event_is_published(self):
        made = world("accepted")
        job = drop(made)
        made.services.update_job(
            job.job_id, lambda job: job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), made.clock)
        )

        made.pass_time(GRACE_S + 1)
        sweep(made.services)
        sweep(made.services)

        assert [detail_type for detail_type, _ in made.bus.published] == ["Transcript Failed"]


class TestRedrive:
    def test_failed_job_is_redriven_in_a_new_execution(self):
        made = world("config", "done", vendors=(SYNC,))
        job = drop(made)

        redrive(job.job_id, made.services)
        submit(job.job_id, made.services)

        assert made.executions.started[f"{job.job_id}-2"].next is Next.SUBMIT
        assert made.job().status is Status.COMPLETED
        assert [attempt.outcome for attempt in made.job().attempts] == ["config", "completed"]
        assert [detail_type for detail_type, _ in made.bus.published] == [
            "Transcript Failed",
            "Transcript Completed",
        ]

    def test_job_that_did_not_fail_is_not_redriven(self):
        made = world("done", vendors=(SYNC,))
        job = drop(made)

        redrive(job.job_id, made.services)

        assert made.job() == job
        assert made.executions.started == {}
