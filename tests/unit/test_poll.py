"""The state machine's steps."""

from datetime import timedelta

import pytest

from asrcore.core.job import DEADLINE_S, Status
from asrcore.core.polling import CALLBACK_DEADLINE_S, RESULT_DEADLINE_S, SHORTEST_PATIENCE_S
from asrcore.core.step import Next
from asrcore.events import Action, StateError, StepEvent
from asrcore.poll import await_callback, check_overdue, dispatch_step, query
from asrcore.submit import submit
from tests.support.pipeline import BOTH, CALLBACK, QUERY, SYNC, drop, requests, world
from tests.support.reasons import reason


def test_queries_complete_the_job():
    made = world("accepted", "working", "done")
    job = drop(made)

    made.pass_time(3)
    first = query(job.job_id, made.services)
    made.pass_time(first.wait_s)
    second = query(job.job_id, made.services)

    assert (first.next, second.next) == (Next.QUERY, Next.COMPLETED)
    assert made.job().status is Status.COMPLETED
    assert made.job().attempt.queries == 1


def test_silent_recording_completes_with_a_warning():
    made = world("accepted", "silent")
    job = drop(made)

    query(job.job_id, made.services)

    assert made.job().status is Status.COMPLETED
    assert [each.text for each in made.job().warnings] == ["the vendor recognized no speech"]


@pytest.mark.parametrize("word", ["query-retry", "query-config"])
def test_failed_query_does_not_end_the_attempt(word):
    made = world("accepted", word, "done")
    job = drop(made)

    assert query(job.job_id, made.services).next is Next.QUERY
    assert query(job.job_id, made.services).next is Next.COMPLETED
    assert requests(made).count("POST submit/toy-query") == 1


def test_network_failure_is_a_failed_query():
    from asrcore.core.errors import AsrError, ErrorClass

    made = world("accepted", AsrError(ErrorClass.RETRY, "Timeout", reason("no answer in 30 s")), "done")
    job = drop(made)

    assert query(job.job_id, made.services).next is Next.QUERY
    assert query(job.job_id, made.services).next is Next.COMPLETED


@pytest.mark.parametrize(
    ("word", "following"),
    [
        pytest.param("bad_audio", Next.FAILED, id="the recording will not do: the end"),
        pytest.param("config", Next.FAILED, id="an operator must act: the end"),
        pytest.param("retry", Next.SUBMIT, id="retryable: submit again"),
    ],
)
def test_failed_task_ends_the_attempt(word, following):
    made = world("accepted", word)
    job = drop(made)

    assert query(job.job_id, made.services).next is following


def test_overdue_result_is_submitted_again():
    made = world("accepted", "working", "accepted")
    job = drop(made)

    made.pass_time(RESULT_DEADLINE_S)
    step = query(job.job_id, made.services)
    made.pass_time(step.wait_s)

    assert step.next is Next.SUBMIT
    assert made.job().attempts[0].code == "NoResultInTime"
    assert submit(job.job_id, made.services).next is Next.QUERY


def test_no_attempt_begins_after_the_jobs_deadline():
    made = world("accepted", "working", vendors=(QUERY, SYNC))
    job = drop(made)

    made.pass_time(DEADLINE_S)
    step = query(job.job_id, made.services)

    assert step.next is Next.FAILED
    assert [attempt.code for attempt in made.job().attempts] == ["NoResultInTime"]


def test_token_is_stored_while_a_callback_is_awaited():
    made = world("accepted", vendors=(CALLBACK,))
    job = drop(made)

    step = await_callback(job.job_id, "token", made.services)

    assert made.job().task_token == "token"
    assert step.next is Next.CALLBACK
    assert made.executions.woken == []


def test_callback_before_the_token_completes_the_task_at_once():
    made = world("accepted", vendors=(CALLBACK,))
    job = drop(made)
    made.services.update_job(job.job_id, lambda job: job.complete("task-1", "transcripts/x.json", [], made.clock))

    await_callback(job.job_id, "token", made.services)

    assert [(token, step.next) for token, step in made.executions.woken] == [("token", Next.COMPLETED)]


@pytest.mark.parametrize(
    ("vendor", "waited_s", "following"),
    [
        pytest.param(BOTH, SHORTEST_PATIENCE_S, Next.QUERY, id="where the vendor can be asked, it is asked"),
        pytest.param(
            CALLBACK, CALLBACK_DEADLINE_S, Next.SUBMIT, id="where it cannot, the recording is submitted again"
        ),
        pytest.param(CALLBACK, CALLBACK_DEADLINE_S - 1, Next.CALLBACK, id="woken too early, it waits on"),
    ],
)
def test_missed_callback_is_followed_by_a_query_or_an_attempt(vendor, waited_s, following):
    made = world("accepted", vendors=(vendor,))
    job = drop(made)

    made.pass_time(waited_s)

    assert check_overdue(job.job_id, made.services).next is following


def test_missed_callbacks_of_a_pinned_vendor_fail_the_job():
    made = world(*["accepted"] * 4, vendors=(CALLBACK,))
    job = drop(made)

    step = check_overdue(job.job_id, made.services)
    while step.next is not Next.FAILED:
        made.pass_time(step.wait_s)
        do = submit if step.next is Next.SUBMIT else check_overdue
        step = do(job.job_id, made.services)

    assert made.job().error.code == "NoResultInTime"
    assert len(made.job().attempts) == 4


@pytest.mark.parametrize("action", [Action.QUERY, Action.CHECK_OVERDUE, Action.AWAIT_CALLBACK, Action.RECOVER])
def test_step_of_a_finished_job_queries_no_vendor(action):
    made = world("done", vendors=(SYNC,))
    job = drop(made)

    step = dispatch_step(
        StepEvent(action=action, job_id=job.job_id, task_token="t", error=StateError(Error="E")), made.services
    )

    assert step.next is Next.COMPLETED
    assert len(requests(made)) == 1


def test_submit_step_is_rejected_by_the_poller():
    made = world("accepted", vendors=(QUERY,))
    job = drop(made)

    with pytest.raises(ValueError, match="SubmitFunction"):
        dispatch_step(StepEvent(action=Action.SUBMIT, job_id=job.job_id), made.services)


def test_deleted_row_is_an_error_that_names_the_job():
    with pytest.raises(LookupError, match="gone"):
        query("gone", world().services)


class TestQueryRate:
    def test_queries_keep_the_vendors_rate_limit(self):
        made = world("accepted", "working", "working")
        made.queries_per_second = {"toy-query": 1}
        job = drop(made)

        before = made.clock
        query(job.job_id, made.services)
        query(job.job_id, made.services)

        assert (made.clock - before).total_seconds() >= 1

    def test_far_query_slot_is_saved_and_awaited_outside(self):
        made = world("accepted", "done")
        made.queries_per_second = {"toy-query": 1}
        job = drop(made)
        made.occupy("toy-query#query", made.clock + timedelta(seconds=60))

        step = query(job.job_id, made.services)
        made.pass_time(step.wait_s)

        assert (step.next, step.wait_s) == (Next.QUERY, 58)
        assert made.job().attempt.queries == 0
        assert query(job.job_id, made.services).next is Next.COMPLETED

    def test_unlimited_vendor_is_queried_without_a_slot(self):
        made = world("accepted", "working")
        job = drop(made)

        before = made.clock
        query(job.job_id, made.services)

        assert made.clock == before
