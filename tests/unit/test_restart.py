"""Nobody is left behind."""

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


def ended(job, status="FAILED", run=1):
    return EndedExecution(job.job_id, f"{job.job_id}-{run}", status)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_an_execution_that_ended_badly_is_followed_by_a_fresh_one_that_goes_on_where_it_stood(status):
    made = world("accepted", "done")
    job = drop(made)

    execution_ended(ended(job, status), made.services)
    step = made.workflow.started[f"{job.job_id}-2"]
    query(job.job_id, made.services)

    assert step.next is Next.QUERY
    assert made.job().status is Status.COMPLETED
    assert made.job().restarts[0].reason == f"its execution ended: {status}"
    assert len(made.job().attempts) == 1


def test_an_execution_that_a_person_aborted_ends_the_job():
    made = world("accepted")
    job = drop(made)

    execution_ended(ended(job, "ABORTED"), made.services)

    assert (made.job().status, made.job().error.code) == (Status.FAILED, "ExecutionAborted")


def test_an_execution_that_a_person_aborted_after_a_step_had_failed_ends_the_job_too():
    made = world("accepted")
    job = drop(made)
    recover(job.job_id, "States.TaskFailed", made.services)

    execution_ended(ended(job, "ABORTED"), made.services)

    assert (made.job().status, made.job().error.code) == (Status.FAILED, "ExecutionAborted")


def test_the_end_of_an_earlier_run_is_no_news():
    made = world("accepted")
    job = drop(made)
    execution_ended(ended(job), made.services)

    execution_ended(ended(job), made.services)

    assert made.job().run == 2


def test_the_end_of_a_finished_jobs_execution_changes_nothing():
    made = world("done", vendors=(SYNC,))
    job = drop(made)

    execution_ended(ended(job), made.services)

    assert made.job() == job
    assert len(made.events.published) == 1


def test_a_step_that_failed_again_and_again_goes_on_later_each_time_and_ends_in_the_end():
    made = world("accepted")
    job = drop(made)

    steps = [recover(job.job_id, "States.TaskFailed", made.services) for _ in range(MAX_RESTARTS + 1)]

    assert [step.next for step in steps] == [Next.QUERY] * MAX_RESTARTS + [Next.FAILED]
    assert [step.wait_s for step in steps[:-1]] == [30, 120, 480]
    assert made.job().error.code == "TooManyRestarts"
    assert [detail_type for detail_type, _ in made.events.published] == ["Transcript Failed"]


class TestSweep:
    def test_a_job_that_somebody_looks_after_is_left_alone(self):
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
    def test_a_job_whose_execution_is_gone_gets_a_fresh_one(self, vendor, late_s):
        made = world("accepted", vendors=(vendor,))
        job = drop(made)

        made.pass_time(late_s)

        assert sweep(made.services) == 1
        assert f"{job.job_id}-2" in made.workflow.started
        assert made.job().restarts[0].reason == "its next step is overdue"

    def test_one_whose_execution_runs_may_wait_for_lambda_to_have_room(self):
        made = world("accepted", vendors=(QUERY,))
        job = drop(made)
        made.workflow.statuses[job.execution_name] = "RUNNING"

        made.pass_time(GRACE_S + 10)
        assert sweep(made.services) == 0

        made.pass_time(THROTTLED_GRACE_S - GRACE_S)
        assert sweep(made.services) == 1
        assert f"{job.job_id}-2" in made.workflow.started

    def test_a_job_whose_event_was_lost_before_anybody_understood_it_is_understood_now(self):
        made = world("accepted")
        job = new_job(SOURCE, made.clock)
        made.jobs.create(job)

        made.pass_time(GRACE_S + 1)
        sweep(made.services)
        step = submit(job.job_id, made.services)

        assert made.workflow.started[f"{job.job_id}-2"].next is Next.SUBMIT
        assert step.next is Next.QUERY

    def test_a_job_past_its_deadline_ends_with_a_reason(self):
        made = world("accepted")
        drop(made)

        made.pass_time(DEADLINE_S)
        sweep(made.services)

        assert (made.job().status, made.job().error.code) == (Status.FAILED, "DeadlinePassed")

    def test_one_job_that_cannot_be_seen_to_does_not_keep_the_others_waiting(self):
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

        assert f"{jobs[1].job_id}-2" in made.workflow.started

    def test_an_end_that_was_not_told_is_told(self):
        made = world("accepted")
        job = drop(made)
        made.services.update_job(job.job_id, lambda job: job.fail(AsrError(ErrorClass.CONFIG, "c", "m"), made.clock))

        made.pass_time(GRACE_S + 1)
        sweep(made.services)
        sweep(made.services)

        assert [detail_type for detail_type, _ in made.events.published] == ["Transcript Failed"]


class TestRedrive:
    def test_a_failed_job_is_tried_again_in_a_new_run(self):
        made = world("config", "done", vendors=(SYNC,))
        job = drop(made)

        redrive(job.job_id, made.services)
        submit(job.job_id, made.services)

        assert made.workflow.started[f"{job.job_id}-2"].next is Next.SUBMIT
        assert made.job().status is Status.COMPLETED
        assert [attempt.outcome for attempt in made.job().attempts] == ["config", "completed"]
        assert [detail_type for detail_type, _ in made.events.published] == [
            "Transcript Failed",
            "Transcript Completed",
        ]

    def test_a_job_that_did_not_fail_is_left_as_it_is(self):
        made = world("done", vendors=(SYNC,))
        job = drop(made)

        redrive(job.job_id, made.services)

        assert made.job() == job
        assert made.workflow.started == {}
