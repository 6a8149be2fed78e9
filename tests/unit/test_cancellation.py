"""Jobs that end early: cancelled by a caller, or withdrawn with their object."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from asrcore.callback import receive
from asrcore.cancellation import cancel, withdraw_removed
from asrcore.core.budget import uploader_group
from asrcore.core.callback_url import callback_url
from asrcore.core.job import Status
from asrcore.core.step import Next
from asrcore.deletion import delete
from asrcore.events import Action, CallbackRequest, EndedExecution, RemovedObject, StepEvent, removed_objects
from asrcore.execution_events import execution_ended
from asrcore.finish import settle
from asrcore.poll import await_callback, dispatch_step, query
from asrcore.publication import publish_end
from asrcore.restart import redrive
from asrcore.submit import submit
from asrcore.sweep import sweep
from tests.support.pipeline import BOTH, CALLBACK, FOREVER, KEY, QUERY, SOURCE, SYNC, drop, world
from tests.support.reasons import reason
from tests.support.toy import toy_message

MARKER = RemovedObject("audio", KEY, "v9", "0F", is_marker=True)
DELETED_VERSION = RemovedObject("audio", KEY, "v1", "0F", is_marker=False)


def hide(made):
    """Add a delete marker: no version is the current one."""
    listed = made.s3.list_object_versions

    def without_current(**asked):
        return {"Versions": [{**each, "IsLatest": False} for each in listed(**asked)["Versions"]]}

    made.s3.list_object_versions = without_current


def cancelled(made):
    return cancel(made.job().job_id, made.services)


def withdrawn(made):
    hide(made)
    withdraw_removed([MARKER], made.services)
    return made.job()


def deleted_version(made):
    withdraw_removed([DELETED_VERSION], made.services)
    return made.job()


ENDINGS = {"Cancelled": cancelled, "Withdrawn": withdrawn, "Withdrawn with its version": deleted_version}
every_ending = pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
every_mode = pytest.mark.parametrize("vendor", [QUERY, CALLBACK, BOTH], ids=lambda vendor: vendor.name)


@every_ending
@every_mode
def test_row_is_marked_before_the_execution_is_stopped(end, vendor):
    made = world("accepted", vendors=(vendor,))
    job = drop(made)
    at_the_stop, stop = [], made.executions.stop_execution

    def stop_execution(**execution):
        at_the_stop.append(made.job().status)
        stop(**execution)

    made.executions.stop_execution = stop_execution
    ended = end(made)

    assert ended.withdrawn
    assert at_the_stop == [Status.FAILED]
    assert made.executions.stopped == [job.execution_name]


@every_ending
def test_stopped_execution_is_no_second_failure(end):
    made = world("accepted")
    job = drop(made)
    ended = end(made)
    published = list(made.bus.published)

    execution_ended(EndedExecution(job.job_id, job.execution_name, "ABORTED"), made.services)

    assert made.job() == ended
    assert made.bus.published == published
    assert [detail["error"]["code"] for _, detail in published] == [ended.error.code]


@every_ending
def test_early_end_is_not_counted_as_a_failure(end):
    made = world("accepted")
    drop(made)

    end(made)

    assert not any('"JobsFailed"' in line for line in made.measured)
    assert any('"FailureRate":[0.0]' in line.replace(" ", "") for line in made.measured)


@every_ending
@pytest.mark.parametrize("vendor", [CALLBACK, BOTH], ids=lambda vendor: vendor.name)
def test_late_callback_is_acknowledged_and_discarded(end, vendor):
    made = world("accepted", vendors=(vendor,))
    job = drop(made)
    await_callback(job.job_id, "token", made.services)
    ended = end(made)
    signature = callback_url("https://a", vendor.name, job.job_id, 1, ["callback-key"], expires_at=FOREVER).rsplit(
        "/", 1
    )[1]

    answer = receive(
        CallbackRequest(vendor.name, job.job_id, "1", signature, toy_message("done"), "text/plain"), made.services
    )

    assert answer.status == 200
    assert made.job() == ended
    assert dict(made.results) == {}


@every_ending
def test_result_of_a_call_in_progress_is_discarded(end):
    made = world("done", vendors=(SYNC,))
    send = made.send

    def end_meanwhile(request):
        reply = send(request)
        end(made)
        return reply

    made.send = end_meanwhile
    drop(made)

    assert made.job().withdrawn
    assert dict(made.results) == {}


@every_ending
def test_result_of_a_query_in_progress_is_discarded(end):
    made = world("accepted", "done")
    job = drop(made)
    send = made.send

    def end_meanwhile(request):
        end(made)
        return send(request)

    made.send = end_meanwhile
    step = query(job.job_id, made.services)

    assert step.next is Next.FAILED
    assert made.job().withdrawn
    assert dict(made.results) == {}


@every_ending
def test_answer_says_whether_the_vendor_may_bill(end):
    submitted, waiting = world("accepted"), world("accepted")
    waiting.occupy("toy-query", waiting.clock + timedelta(hours=1))
    drop(submitted)
    drop(waiting)

    assert "may still bill" in end(submitted).error.message
    assert "bill" not in end(waiting).error.message


@every_ending
@pytest.mark.parametrize("per_day", [0, 2])
def test_waiting_job_gives_its_slot_to_the_next(end, per_day):
    made = world(vendors=(QUERY,))
    made.per_day = {"toy-query": per_day}
    made.occupy("toy-query" + ("#2026-01-02" if per_day else ""), made.clock + timedelta(hours=1))
    slot = drop(made).attempt.due_at

    end(made)

    rate = made.services.settings.rate_limit("toy-query")
    assert made.jobs.reserve_slot("toy-query", rate, made.clock, latest=made.clock + timedelta(hours=2)) == slot


def places(made, day="2026-01-02"):
    row = made.table.items[f"limiter#toy-query#{day}"]
    return {name: int(row[name]["N"]) for name in row if name.startswith(("taken", "of_"))}


def waiting_for_its_day():
    made = world(vendors=(QUERY,))
    made.per_day = {"toy-query": 5}
    made.occupy("toy-query#2026-01-02", made.clock + timedelta(hours=2))
    return made, drop(made)


@every_ending
def test_ended_job_leaves_its_daily_place_once(end):
    made, job = waiting_for_its_day()
    group = uploader_group(job.source.key)
    assert places(made) == {"taken": 1, group: 1}

    end(made)
    end(made)

    assert places(made) == {"taken": 0, group: 0}


def test_place_is_left_once_although_the_process_dies():
    made, job = waiting_for_its_day()
    publish, made.events.publish = made.events.publish, Mock(side_effect=RuntimeError("the process dies"))
    with pytest.raises(RuntimeError):
        cancelled(made)
    made.events.publish = publish
    save, made.jobs.save = made.jobs.save, Mock(side_effect=RuntimeError("the process dies"))
    with pytest.raises(RuntimeError):
        settle(made.job(), made.services)
    made.jobs.save = save

    settle(made.job(), made.services)

    assert places(made) == {"taken": 0, uploader_group(job.source.key): 0}


def test_end_published_twice_leaves_the_daily_place_once():
    made, job = waiting_for_its_day()
    drop(made, SOURCE.model_copy(update={"version_id": "v2"}))
    publish, made.events.publish = made.events.publish, Mock(side_effect=RuntimeError("the process dies"))
    with pytest.raises(RuntimeError):
        cancel(job.job_id, made.services)
    made.events.publish = publish
    unpublished = made.jobs.load(job.job_id)

    for _ in range(2):
        publish_end(unpublished, made.services)

    assert places(made) == {"taken": 1, uploader_group(KEY): 1}


def test_end_that_is_published_after_a_redrive_is_not_counted():
    made = world("accepted", "accepted")
    drop(made)
    publish, made.events.publish = made.events.publish, Mock(side_effect=RuntimeError("the process dies"))
    with pytest.raises(RuntimeError):
        cancelled(made)
    made.events.publish = publish
    unpublished = made.job()
    made.jobs.save(unpublished.redrive(reason("m"), made.clock))
    made.measured.clear()

    publish_end(unpublished, made.services)

    assert not any("FailureRate" in line for line in made.measured)


def test_submitted_job_keeps_its_daily_place():
    made = world("accepted", vendors=(QUERY,))
    made.per_day = {"toy-query": 5}
    drop(made)

    cancelled(made)

    assert places(made)["taken"] == 1


def test_job_whose_recording_is_gone_leaves_its_daily_place():
    made, job = waiting_for_its_day()
    del made.audio[KEY]
    made.clock = job.attempt.due_at

    submit(job.job_id, made.services)

    assert (made.job().error.code, places(made)["taken"]) == ("ObjectNotFound", 0)


def test_places_of_many_cancelled_jobs_all_come_back(monkeypatch):
    monkeypatch.setattr("asrcore.stores.jobs.MAX_RELEASED", 2)
    made = world(vendors=(QUERY,))
    made.per_day = {"toy-query": 100}
    made.occupy("toy-query#2026-01-02", made.clock + timedelta(hours=2))
    jobs = [drop(made, SOURCE.model_copy(update={"version_id": f"v{number}"})) for number in range(5)]

    for job in jobs:
        cancel(job.job_id, made.services)

    assert places(made)["taken"] == 0


@every_ending
def test_ended_job_does_nothing_more(end):
    made = world("accepted", vendors=(BOTH,))
    job = drop(made)
    ended = end(made)

    submit(job.job_id, made.services)
    query(job.job_id, made.services)
    made.pass_time(3 * 86400)
    sweep(made.services)

    assert made.job() == ended
    assert list(made.executions.started) == [job.execution_name]


def test_cancelled_job_can_be_redriven():
    made = world("accepted", "accepted")
    job = drop(made)
    cancelled(made)

    redrive(job.job_id, made.services)
    submit(job.job_id, made.services)

    assert made.job().status is Status.IN_PROGRESS
    assert made.job().attempt.number == 2


def test_crash_before_the_stop_is_repaired_by_a_repetition():
    made = world("accepted")
    job = drop(made)
    stop, made.executions.stop_execution = made.executions.stop_execution, lambda **_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        cancelled(made)
    made.executions.stop_execution = stop

    ended = cancelled(made)

    assert made.executions.stopped == [job.execution_name]
    assert ended.event_published


@pytest.mark.parametrize("word", ["done", "config"])
@every_ending
def test_ended_job_stays_as_it_ended(end, word):
    made = world(word, vendors=(SYNC,))
    job = drop(made)

    assert end(made) == job
    assert made.executions.stopped == []


def test_version_after_the_delete_marker_keeps_its_job():
    made = world("accepted", "accepted")
    older = drop(made)
    newer = drop(made, SOURCE.model_copy(update={"version_id": "v2", "sequencer": "10"}))

    withdraw_removed([MARKER], made.services)

    assert made.jobs.load(older.job_id).withdrawn
    assert made.jobs.load(newer.job_id) == newer


def test_delete_marker_before_a_replaced_version_keeps_its_job():
    made = world("accepted")
    job = drop(made)
    hide(made)

    withdraw_removed([replace(MARKER, sequencer="09")], made.services)

    assert made.job() == job


def test_deletion_of_another_object_changes_nothing():
    made = world("accepted")
    job = drop(made)

    withdraw_removed([replace(MARKER, key=f"{KEY}.wav"), replace(DELETED_VERSION, version_id="v7")], made.services)

    assert made.job() == job


@pytest.mark.parametrize(
    ("name", "is_marker"), [("ObjectRemoved:Delete", False), ("ObjectRemoved:DeleteMarkerCreated", True)]
)
def test_removal_is_read_from_the_event(name, is_marker):
    s3_object = {"key": "incoming/auto/a+b.wav", "versionId": "v1", "sequencer": "0F", "eTag": "e"}
    event = {"Records": [{"eventName": name, "s3": {"bucket": {"name": "audio"}, "object": s3_object}}]}

    assert removed_objects(event) == [RemovedObject("audio", "incoming/auto/a b.wav", "v1", "0F", is_marker)]


class TestDeletedRow:
    """After a deletion nothing of the job's execution fails."""

    @pytest.fixture
    def gone(self):
        made = world("accepted", vendors=(BOTH,))
        job = drop(made)
        delete(job, made.services)
        return made, job

    @pytest.mark.parametrize("action", [Action.QUERY, Action.CHECK_OVERDUE, Action.RECOVER, Action.AWAIT_CALLBACK])
    def test_step_ends_the_execution(self, gone, action):
        made, job = gone

        assert dispatch_step(StepEvent(action=action, job_id=job.job_id), made.services).next is Next.FAILED

    def test_submit_step_ends_the_execution(self, gone):
        made, job = gone

        assert submit(job.job_id, made.services).next is Next.FAILED

    def test_waiting_task_is_completed(self, gone):
        made, job = gone
        step = StepEvent(action=Action.AWAIT_CALLBACK, job_id=job.job_id, task_token="token")

        dispatch_step(step, made.services)

        assert [(token, step.next) for token, step in made.executions.woken] == [("token", Next.FAILED)]

    def test_end_of_its_execution_is_no_error(self, gone):
        made, job = gone

        execution_ended(EndedExecution(job.job_id, job.execution_name, "ABORTED"), made.services)

    def test_deletion_during_the_submission_is_no_error(self):
        made = world("accepted")
        send = made.send

        def delete_meanwhile(request):
            reply = send(request)
            delete(made.job(), made.services)
            return reply

        made.send = delete_meanwhile

        with pytest.raises(AssertionError):  # there is no row
            drop(made)
        assert made.rows == {}
