"""Check the events in `events/`: each is accepted by its function.

`s3-put.json` and `s3-put-odd-key.json` are of two samples, the steps and callbacks of their jobs,
so that they work one after the other against the local stack too.
"""

import hashlib
import json
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from pydantic import ValidationError

from asrcore.core.callback_url import is_signed
from asrcore.core.job import job_id
from asrcore.core.option_sources import read_request
from asrcore.events import (
    Action,
    EndedExecution,
    callback_request,
    ended_execution,
    is_s3_test,
    new_objects,
    request_event,
    step_event,
)
from asrcore.vendors.registry import VENDORS

ROOT = Path(__file__).parents[2]


def event(name):
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


PUT = job_id(new_objects(event("s3-put"))[0])
ODD = job_id(new_objects(event("s3-put-odd-key"))[0])


@pytest.mark.parametrize(
    ("name", "sample", "key"),
    [
        pytest.param("s3-put", "news.mp3", "incoming/volcengine/news.mp3", id="a plain key"),
        pytest.param(
            "s3-put-odd-key",
            "greeting.wav",
            "incoming/tencent-recording/会议 a+b%20c.wav",
            id="spaces, plus, percent, Chinese",
        ),
    ],
)
def test_s3_notifications(name, sample, key):
    (source,) = new_objects(event(name))

    assert source.key == key
    assert source.etag == hashlib.md5((ROOT / "samples" / sample).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "key",
    ["a b.wav", "a+b.wav", "a%20b.wav", "会议.wav", "a&b=c?.wav", "%E4.wav", "🎙.wav", "a/b/../c.wav"],
)
def test_any_key_is_decoded_from_a_notification(key):
    notification = event("s3-put")
    notification["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")

    assert new_objects(notification)[0].key == key


def test_example_request_has_allowed_options():
    asked = request_event(event("request"))

    assert asked is not None
    assert asked.key == new_objects(event("s3-put"))[0].key
    assert asked.version_id is None
    assert read_request(asked.vendor, asked.options, VENDORS).options.vendor_options("tencent-recording") == {
        "res_text_format": 2
    }


@pytest.mark.parametrize("name", ["s3-put", "submit-step", "s3-test"])
def test_other_event_is_no_request(name):
    assert request_event(event(name)) is None


def test_request_with_an_unknown_field_is_rejected():
    with pytest.raises(ValidationError, match="colour"):
        request_event({**event("request"), "colour": "red"})


@pytest.mark.parametrize("version_id", ["null", None])
def test_version_null_is_no_version(version_id):
    notification = event("s3-put")
    notification["Records"][0]["s3"]["object"]["versionId"] = version_id

    assert new_objects(notification)[0].version_id is None


def test_s3_test_event_is_recognized():
    assert is_s3_test(event("s3-test"))
    assert not is_s3_test(event("s3-put"))


@pytest.mark.parametrize(
    ("name", "action", "job"),
    [
        ("submit-step", Action.SUBMIT, PUT),
        ("query-step", Action.QUERY, PUT),
        ("callback-token-step", Action.AWAIT_CALLBACK, ODD),
        ("check-overdue-step", Action.CHECK_OVERDUE, PUT),
        ("recover-step", Action.RECOVER, PUT),
    ],
)
def test_steps(name, action, job):
    step = step_event(event(name))

    assert (step.action, step.job_id) == (action, job)


def test_ended_execution_has_its_status():
    assert ended_execution(event("execution-ended")) == EndedExecution(PUT, f"{PUT}-1", "TIMED_OUT")


def test_schedule_event_has_no_execution():
    assert ended_execution(event("sweep")) is None


@pytest.mark.parametrize(
    ("name", "vendor", "job"),
    [("callback-tencent", "tencent-recording", ODD), ("callback-volcengine", "volcengine", PUT)],
)
def test_callbacks_are_signed_with_the_local_stacks_key(name, vendor, job):
    keys = json.loads((ROOT / "devstack/signing_keys.json").read_text())["callback"]["keys"]
    callback = callback_request(event(name))

    assert (callback.vendor, callback.job_id, callback.attempt) == (vendor, job, "1")
    assert is_signed(callback.vendor, callback.job_id, callback.attempt, callback.signature, keys)


@pytest.mark.parametrize("unknown", [{}, {"Records": "x"}, {"Records": [{"Sns": {}}]}, {"detail": {}}])
def test_unknown_event_is_rejected_with_the_expected_shape(unknown):
    with pytest.raises(ValueError, match=r"expected Records\[\]\.s3"):
        new_objects(unknown)


def test_task_token_is_not_printed():
    assert "a-token" not in repr(step_event(event("callback-token-step")))
