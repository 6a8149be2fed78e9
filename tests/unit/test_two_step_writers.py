"""Empty objects: their content may follow in a newer version, seconds later."""

import pytest

from asrcore.core.aws_usage import EXECUTION_TRANSITIONS, STEP_TRANSITIONS, estimate_usage
from asrcore.core.job import EMPTY_REST_S, Status
from asrcore.core.step import Next
from asrcore.restart import redrive
from asrcore.submit import submit
from tests.support.fake_services import World
from tests.support.pipeline import KEY, SOURCE, SYNC, drop, wav, world
from tests.support.template import ROOT

NEWER = SOURCE.model_copy(update={"version_id": "v2", "sequencer": "0B"})


@pytest.fixture
def made() -> World:
    made = world("done", vendors=(SYNC,))
    made.audio[KEY] = (b"", {})
    return made


def write_content(made: World) -> None:
    made.s3.put_object(Bucket="audio", Key=KEY, Body=wav())


def published(made: World) -> list[tuple[str, str]]:
    return [(what, detail["source"]["version_id"]) for what, detail in made.bus.published]


def test_empty_object_rests_without_a_running_function(made):
    job = drop(made)

    assert (job.status, job.error, made.bus.published) == (Status.QUEUED, None, [])
    (step,) = made.executions.started.values()
    assert (step.next, step.wait_s) == (Next.SUBMIT, EMPTY_REST_S)
    assert EMPTY_REST_S < 60


def test_empty_object_without_content_fails_after_its_rest(made):
    job = drop(made)
    made.pass_time(EMPTY_REST_S)

    step = submit(job.job_id, made.services)

    assert (step.next, made.job().error.code) == (Next.FAILED, "EmptyObject")
    assert published(made) == [("Transcript Failed", "v1")]


def test_empty_version_with_a_newer_one_is_closed_silently(made):
    job = drop(made)
    write_content(made)
    done = drop(made, NEWER)
    made.pass_time(EMPTY_REST_S)
    lines = len(made.measured)

    step = submit(job.job_id, made.services)

    closed = made.jobs.load(job.job_id)
    assert (step.next, closed.status, closed.error.code) == (Next.FAILED, Status.FAILED, "ObjectReplaced")
    assert (closed.superseded, closed.event_published, closed.open) == (True, True, None)
    assert closed.expires_at is not None
    assert (done.status, published(made)) == (Status.COMPLETED, [("Transcript Completed", "v2")])
    assert len(made.measured) == lines


def test_empty_version_whose_event_is_late_is_closed_at_once(made):
    write_content(made)
    drop(made, NEWER)

    job = drop(made)

    assert job.superseded
    assert published(made) == [("Transcript Completed", "v2")]


def test_newer_empty_version_has_a_rest_of_its_own(made):
    first = drop(made)
    made.s3.put_object(Bucket="audio", Key=KEY, Body=b"")
    made.pass_time(EMPTY_REST_S - 1)
    second = drop(made, NEWER)
    made.pass_time(1)

    submit(first.job_id, made.services)

    assert made.jobs.load(first.job_id).superseded
    assert made.jobs.load(second.job_id).status is Status.QUEUED


@pytest.mark.parametrize("seconds", [0, 1, EMPTY_REST_S - 1])
def test_rest_is_neither_shortened_nor_extended(made, seconds):
    job = drop(made)
    made.pass_time(seconds)

    again = drop(made)
    step = submit(job.job_id, made.services)

    assert again.rests_until == job.rests_until
    assert (step.next, step.wait_s) == (Next.SUBMIT, EMPTY_REST_S - seconds)


def test_redriven_empty_object_fails_at_once(made):
    job = drop(made)
    made.pass_time(EMPTY_REST_S)
    submit(job.job_id, made.services)

    redrive(job.job_id, made.services)
    step = submit(job.job_id, made.services)

    assert step.next is Next.FAILED


def test_replaced_recording_with_content_is_transcribed():
    made = world("done", vendors=(SYNC,))
    write_content(made)

    job = drop(made)

    assert (job.status, job.superseded) == (Status.COMPLETED, False)


def test_event_without_a_size_does_not_make_a_recording_empty():
    made = world("done", vendors=(SYNC,))

    job = drop(made, SOURCE.model_copy(update={"size_bytes": 0}))

    assert (job.status, job.rests_until) == (Status.COMPLETED, None)


def test_replaced_object_is_published_unless_it_was_empty():
    for size_bytes, ends in ((7, [("Transcript Failed", None)]), (0, [])):
        made = world()

        job = drop(made, SOURCE.model_copy(update={"version_id": None, "etag": "before", "size_bytes": size_bytes}))

        assert (job.status, job.error.code) == (Status.FAILED, "ObjectReplaced")
        assert published(made) == ends


@pytest.mark.parametrize(("has_content", "events"), [(True, 0), (False, 1)])
def test_cost_of_a_rest_is_one_step_of_an_execution(made, has_content, events):
    job = drop(made)
    if has_content:
        write_content(made)
    made.pass_time(EMPTY_REST_S)
    submit(job.job_id, made.services)

    usage = estimate_usage(made.job(), made.services.settings.rates)

    assert (usage.transitions, usage.invocations) == (EXECUTION_TRANSITIONS + STEP_TRANSITIONS, 2)
    assert usage.events == len(made.bus.published) == events


@pytest.mark.parametrize(
    ("page", "said"), [("troubleshooting.md", "within {} seconds"), ("zh-CN/troubleshooting.md", "{} 秒内")]
)
def test_the_manual_names_the_length_of_the_rest(page, said):
    assert said.format(EMPTY_REST_S) in (ROOT / "docs" / page).read_text("utf-8")
