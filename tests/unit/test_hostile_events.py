"""Hostile events and names: rejected whole with a reason, or handled as plain data."""

import io
import json

import pytest

from asrcore.core.transcript import LONGEST_KEY_BYTES, Source, transcript_key
from asrcore.events import callback_request, ended_execution, new_objects, request_event, step_event
from asrcore.failures import SomeFailedError
from asrcore.job_creation import handle_new_objects
from asrcore.log import LOG
from asrcore.vendors import coerce
from tests.support.pipeline import SOURCE, drop, wav, world

S3 = {"bucket": {"name": "b"}, "object": {"key": "a.wav", "size": 1, "eTag": "e", "sequencer": "0A"}}


def without(document, *path):
    """Return a copy without one element."""
    name, *rest = path
    return {
        each: without(value, *rest) if each == name else value
        for each, value in document.items()
        if each != name or rest
    }


def with_(document, value, *path):
    """Return a copy with one element replaced."""
    name, *rest = path
    return {**document, name: with_(document[name], value, *rest) if rest else value}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param({"s3": None}, id="null about S3"),
        pytest.param({"s3": without(S3, "bucket")}, id="no bucket"),
        pytest.param({"s3": without(S3, "bucket", "name")}, id="a bucket without a name"),
        pytest.param({"s3": without(S3, "object")}, id="no object"),
        pytest.param({"s3": without(S3, "object", "key")}, id="no key"),
        pytest.param({"s3": with_(S3, None, "object", "key")}, id="a key that is null"),
        pytest.param({"s3": with_(S3, 7, "object", "key")}, id="a key that is a number"),
        pytest.param({"s3": with_(S3, ["a"], "bucket", "name")}, id="a bucket that is a list"),
        pytest.param({"s3": with_(S3, "huge", "object", "size")}, id="a size in words"),
        pytest.param({"s3": with_(S3, {"a": 1}, "object", "sequencer")}, id="a sequencer that is an object"),
    ],
)
def test_notification_with_an_invalid_record_is_rejected(record):
    with pytest.raises(ValueError, match=r"expected Records\[\]\.s3"):
        new_objects({"Records": [{"s3": S3}, record]})


@pytest.mark.parametrize("size", [-1, 2**63, 10**400])
def test_false_size_of_an_event_is_ignored(size):
    """S3's own response has precedence over the event."""
    (told,) = new_objects({"Records": [{"s3": with_(S3, size, "object", "size")}]})
    made = world("accepted")

    job = drop(made, SOURCE.model_copy(update={"size_bytes": told.size_bytes}))

    assert job.source.size_bytes == len(wav())


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param(None, id="null"),
        pytest.param({}, id="nothing"),
        pytest.param({"name": "n", "status": "FAILED"}, id="no input"),
        pytest.param({"input": None, "name": "n", "status": "FAILED"}, id="an input that was left out"),
        pytest.param({"input": "{}", "name": "n", "status": "FAILED"}, id="an input without a job"),
        pytest.param({"input": "[]", "name": "n", "status": "FAILED"}, id="an input that is a list"),
        pytest.param({"input": "{", "name": "n", "status": "FAILED"}, id="an input that is no JSON"),
        pytest.param({"input": '{"job_id":"j"}', "name": "n"}, id="no status"),
    ],
)
def test_invalid_execution_event_is_rejected(detail):
    with pytest.raises(ValueError, match=r"expected detail\.input"):
        ended_execution({"source": "aws.states", "detail": detail})


CALLBACK = {
    "pathParameters": {"vendor": "v", "job_id": "j", "attempt": "1", "signature": "s"},
    "headers": {},
    "body": "code=0",
    "isBase64Encoded": False,
}


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({}, id="nothing"),
        pytest.param(without(CALLBACK, "pathParameters"), id="no path"),
        pytest.param(with_(CALLBACK, None, "pathParameters"), id="a path that is null"),
        *(
            pytest.param(without(CALLBACK, "pathParameters", part), id=f"no {part}")
            for part in CALLBACK["pathParameters"]
        ),
        pytest.param(with_(CALLBACK, {"a": 1}, "body"), id="a body that is an object"),
        pytest.param({**CALLBACK, "body": "a", "isBase64Encoded": True}, id="a body that is no base64"),
        pytest.param({**CALLBACK, "body": "ä", "isBase64Encoded": True}, id="a body that is no ASCII"),
        pytest.param(with_(CALLBACK, None, "headers"), id="headers that are null"),
    ],
)
def test_invalid_callback_is_rejected(event):
    with pytest.raises(ValueError, match="expected pathParameters"):
        callback_request(event)


def test_half_a_character_in_a_body_becomes_a_question_mark():
    assert callback_request(with_(CALLBACK, "code=\ud800", "body")).body == b"code=?"


@pytest.mark.parametrize(
    "event",
    [{}, {"action": "query"}, {"action": "steal", "job_id": "j"}, {"action": "query", "job_id": None}, {"job_id": "j"}],
)
def test_invalid_step_is_rejected(event):
    with pytest.raises(ValueError, match=r"action|job_id"):
        step_event(event)


@pytest.mark.parametrize(
    "change",
    [{"bucket": None}, {"key": 7}, {"options": []}, {"options": None}, {"vendor": {}}, {"version_id": 3}, {"x": 1}],
)
def test_invalid_request_event_is_rejected(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        request_event({"action": "request", "bucket": "b", "key": "k", **change})


EVIL = 'incoming/auto/a\n{"level":"ERROR","message":"forged"}\r\n\u2028.wav'


def test_key_cannot_forge_a_log_line(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(LOG.registered_handler, "stream", log)
    made = world("accepted")
    made.audio[EVIL] = (b"not audio", {})
    failing = SOURCE.model_copy(update={"key": f"{EVIL}2"})
    look_up = made.recordings.look_up

    def fail_for_one(source):
        if source.key == failing.key:
            raise OSError(source.key)
        return look_up(source)

    made.recordings.look_up = fail_for_one

    with pytest.raises(SomeFailedError) as failed:
        handle_new_objects([SOURCE.model_copy(update={"key": EVIL}), failing], made.services)

    lines = log.getvalue().rstrip("\n").split("\n")
    assert len(str(failed.value).splitlines()) == 1
    assert {json.loads(line)["message"] for line in lines} >= {"job created", "a recording could not be handled"}
    assert not [line for line in lines if json.loads(line)["message"] == "forged"]


def named(key):
    return Source(bucket="b", key=key, etag="e", size_bytes=1)


def test_short_key_is_kept_in_the_transcript_key():
    assert transcript_key(named("a" * 1007)) == f"transcripts/{'a' * 1007}.json"


@pytest.mark.parametrize("letter", ["a", "é", "会", "🎙"])
@pytest.mark.parametrize("left", range(5))
def test_long_key_is_cut_at_a_character_with_a_digest(letter, left):
    key = (letter * LONGEST_KEY_BYTES).encode()[: LONGEST_KEY_BYTES - left].decode(errors="ignore")
    short, long = transcript_key(named(f"{key[:-1]}1")), transcript_key(named(f"{key[:-1]}2"))

    assert short != long
    assert short == transcript_key(named(f"{key[:-1]}1").model_copy(update={"etag": "another version"}))
    assert LONGEST_KEY_BYTES - 4 < len(short.encode()) <= LONGEST_KEY_BYTES
    assert short.startswith(f"transcripts/{key[:200]}")
    assert short.endswith(".json")


@pytest.mark.parametrize("value", ["a\nb", "a\0", "\u202ea", "a" * 257, "\x1b[2J", "", 0, None, True, 1.5, {}, []])
def test_invalid_task_id_is_none(value):
    assert coerce.identifier(value) is None


@pytest.mark.parametrize("value", ["550e8400-e29b", 2**63, "../..", "任务"])
def test_a_task_id_is_opaque(value):
    assert coerce.identifier(value) == str(value)
