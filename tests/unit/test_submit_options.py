"""What is asked of a recording, from where it is said to what the vendor is asked for."""

import json

import pytest

from asrcore.core.errors import AsrError
from asrcore.core.job import Status
from asrcore.core.option_sources import SIDECAR_SUFFIX
from asrcore.core.options import Options, RequestedOptions
from asrcore.core.step import Next
from asrcore.events import request_event
from asrcore.job_creation import handle_new_objects, handle_request
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, requests, wav, world
from tests.support.reasons import texts

BESIDE = f"{KEY}{SIDECAR_SUFFIX}"


def said(made, *, metadata=None, sidecar=None, stack=None, key=KEY):
    """Say something at some of the levels."""
    made.audio[key] = (wav(), metadata or {})
    if sidecar is not None:
        made.audio[f"{key}{SIDECAR_SUFFIX}"] = (json.dumps(sidecar).encode(), {})
    if stack is not None:
        made.defaults = RequestedOptions(options=Options.model_validate(stack))
    return made


def asked(**changes):
    event = {"action": "request", "bucket": "audio", "key": KEY, "version_id": "v1", "vendor": None, "options": {}}
    return request_event({**event, **changes})


@pytest.mark.parametrize(
    ("levels", "speakers"),
    [
        pytest.param({"stack": {"speakers": 1}}, 1, id="the stack alone"),
        pytest.param({"stack": {"speakers": 1}, "sidecar": {"speakers": 2}}, 2, id="the sidecar over the stack"),
        pytest.param(
            {"sidecar": {"speakers": 2}, "metadata": {"asr-speakers": "3"}}, 3, id="metadata over the sidecar"
        ),
        pytest.param(
            {"stack": {"speakers": 1}, "sidecar": {"punctuation": True}, "metadata": {"asr-words": "false"}},
            1,
            id="options missing in sources of higher precedence",
        ),
    ],
)
def test_source_of_higher_precedence_wins(levels, speakers):
    made = said(world("accepted"), **levels)

    assert drop(made).options.speakers == speakers


def test_request_has_the_highest_precedence_and_is_stored():
    made = said(world("accepted", vendors=(SYNC, QUERY)), sidecar={"speakers": 2, "words": False})

    step = handle_request(asked(vendor="toy-query", options={"speakers": 0}), made.services)

    job = made.job()
    assert (step.job_id, step.next) == (job.job_id, Next.QUERY)
    assert job.requested == RequestedOptions(vendor="toy-query", options=Options(speakers=0))
    assert job.options == Options(speakers=0, words=False)
    assert job.vendor == "toy-query"
    assert set(made.executions.started) == {job.execution_name}


def test_request_returns_the_existing_job():
    made = world("accepted")
    dropped = drop(made)

    step = handle_request(asked(options={"speakers": 4}), made.services)

    assert step.job_id == dropped.job_id
    assert made.job() == dropped
    assert requests(made) == ["POST submit/toy-query"]


@pytest.mark.parametrize("named", [pytest.param(None, id="unnamed"), pytest.param("v2", id="by its id")])
def test_requested_version_replaces_an_earlier_transcript(named):
    made = world("done", "done", vendors=(SYNC,))
    drop(made)
    made.s3.put_object(Bucket="audio", Key=KEY, Body=wav())

    step = handle_request(asked(version_id=named), made.services)

    assert made.jobs.load(step.job_id).transcript_key == f"transcripts/{KEY}.json"
    assert json.loads(made.results[f"transcripts/{KEY}.json"])["source"]["version_id"] == "v2"


def test_event_after_the_request_finds_its_job():
    made = world("accepted")

    step = handle_request(asked(options={"speakers": 4}), made.services)

    assert drop(made).job_id == step.job_id
    assert made.job().options.speakers == 4
    assert requests(made) == ["POST submit/toy-query"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"options": {"speakers": 99}}, "BadOption", id="out-of-range"),
        pytest.param({"vendor": "unknown"}, "UnknownVendor", id="no-vendor"),
        pytest.param({"key": "incoming/auto/none.wav"}, "ObjectNotFound", id="no-recording"),
    ],
)
def test_invalid_request_is_rejected_without_a_job(changes, code):
    made = world()

    with pytest.raises(AsrError) as refused:
        handle_request(asked(**changes), made.services)

    assert refused.value.code == code
    assert made.rows == {}


@pytest.mark.parametrize(
    ("folder", "sidecar", "metadata", "vendor"),
    [
        pytest.param("auto", {"vendor": "toy-query"}, {}, "toy-query", id="pinned by the sidecar"),
        pytest.param("toy-query", {"vendor": "auto"}, {}, "toy-sync", id="the sidecar may unpin"),
        pytest.param("auto", {"vendor": "toy-sync"}, {"asr-vendor": "toy-query"}, "toy-query", id="metadata wins"),
    ],
)
def test_sidecar_names_the_vendor(folder, sidecar, metadata, vendor):
    key = f"incoming/{folder}/a.wav"
    made = said(world("accepted", vendors=(SYNC, QUERY)), key=key, sidecar=sidecar, metadata=metadata)

    assert drop(made, SOURCE.model_copy(update={"key": key})).vendor == vendor


def test_sidecar_gets_no_job():
    made = said(world(), sidecar={"speakers": 2})

    handle_new_objects([SOURCE.model_copy(update={"key": BESIDE})], made.services)

    assert made.rows == {}


def test_invalid_sidecar_fails_the_job_with_the_allowed_values():
    made = said(world(), sidecar={"speakers": 99})

    job = drop(made)

    assert (job.status, job.error.code) == (Status.FAILED, "BadOption")
    assert f"the sidecar {BESIDE}: speakers=99: allowed: 0 to 10" in job.error.message


def test_parameter_of_another_vendor_is_a_warning():
    made = said(world("accepted", vendors=(QUERY, SYNC)), sidecar={"toy-sync": {"Mood": "sad"}})

    assert texts(drop(made).warnings) == ["toy-query does not support the option 'toy-sync.Mood'; it was left out"]


def test_parameter_of_the_chosen_vendor_is_no_warning():
    made = said(world("accepted"), metadata={"asr-toy-query-mood": "sad"})

    job = drop(made)

    assert job.warnings == []
    assert job.options.vendor_options("toy-query") == {"Mood": "sad"}
