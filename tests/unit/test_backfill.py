"""A backfill's batches: what becomes of each key, and that new recordings never wait long behind old ones."""

import json
from collections.abc import Callable
from datetime import timedelta
from heapq import heappop, heappush
from typing import Any
from urllib.parse import quote_plus

import pytest

from asrcore.backfill import LONGEST_QUEUE_S, ROUND_S, handle_batch
from asrcore.core.backoff import BACKFILL_WAIT_S
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job, Status, new_job
from asrcore.core.transcript import Source
from asrcore.core.vendor import HttpReply, HttpRequest
from asrcore.events import BackfillOutcome, backfill_event
from asrcore.failures import SomeFailedError
from asrcore.messages import Message
from tests.support.fake_services import START, World
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, wav, world
from tests.support.toy import toy_message

LookUp = Callable[[Source], tuple[Source, dict[str, str]]]
TRANSCRIPT = f"transcripts/{KEY}.json"


def bucket_of(*keys: str, send: Callable[[HttpRequest], HttpReply] | None = None, vendor: Any = QUERY) -> World:
    """Return a world with recordings under some keys, whose vendor accepts all of them."""
    made = world(vendors=(vendor,))
    made.audio.clear()
    made.audio.update({key: (wav(), {}) for key in keys})
    made.send = send or (lambda _request: HttpReply(200, toy_message("accepted"), {}))
    return made


def step(made: World, batch: dict[str, Any]) -> dict[str, Any]:
    """One step of a batch, as the state machine makes it: what goes in and what comes out is JSON."""
    event = backfill_event({"action": "backfill", "bucket": "audio", "batch": json.loads(json.dumps(batch))})
    assert event
    return handle_batch(event, made.services).envelope()


def keys(*listed: str, **more: bool) -> dict[str, Any]:
    """Return a batch as Step Functions passes it."""
    return {"Items": [{"key": key, **more} for key in listed]}


def outcomes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["key"], entry["outcome"]) for entry in answer["recordings"]]


def jobs(made: World) -> list[Job]:
    return [job for job in map(made.jobs.load, made.rows) if job]


def test_recording_without_a_job_gets_one_and_an_execution():
    made = bucket_of(KEY)

    answer = step(made, keys(KEY))

    (job,) = jobs(made)
    assert answer == {
        "next": "done",
        "wait_s": 0,
        "Items": [],
        "recordings": [{"key": KEY, "outcome": "created", "job_id": job.job_id}],
    }
    assert list(made.executions.started) == [job.execution_name]
    assert job.attempt.submitted_at


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("ObjectArchived", "archived"), ("ObjectAccessDenied", "failed"), ("ObjectEncrypted", "failed")],
)
@pytest.mark.parametrize("method", ["look_up", "read"])
def test_object_that_s3_does_not_return_gets_no_job(monkeypatch, method, code, outcome):
    made = bucket_of(KEY)
    refuse(monkeypatch, made, method, code)
    (entry,) = step(made, keys(KEY))["recordings"]

    assert (entry["key"], entry["outcome"], "job_id" in entry) == (KEY, outcome, False)
    assert entry["why"].startswith(f"{code}: ")
    assert made.rows == {}


def refuse(monkeypatch, made, method, code):
    def raise_reason(source, *_range):
        raise AsrError(ErrorClass.CONFIG, code, Message(code, {"key": source.key}))

    monkeypatch.setattr(made.recordings, method, raise_reason)


def test_archived_recording_with_a_job_is_known(monkeypatch):
    made = bucket_of(KEY)
    step(made, keys(KEY))
    refuse(monkeypatch, made, "read", "ObjectArchived")

    assert outcomes(step(made, keys(KEY))) == [(KEY, "known")]


@pytest.mark.parametrize(
    ("key", "body", "outcome", "why"),
    [
        pytest.param(f"{KEY}.asr.json", b"{}", "skipped", "a sidecar, which is read with its recording", id="sidecar"),
        pytest.param("incoming/auto/2025/", b"", "skipped", "a folder marker", id="folder marker"),
        pytest.param("inventory/list.csv.gz", b"x", "skipped", "not under incoming/", id="somewhere else"),
        pytest.param("incoming/auto/gone.wav", None, "skipped", "deleted since it was listed", id="deleted"),
        pytest.param("incoming/auto/notes.txt", b"to do", "failed", "NotAudio: incoming/auto/notes.txt", id="no audio"),
    ],
)
def test_other_object_is_skipped_with_a_reason(key, body, outcome, why):
    made = bucket_of()
    if body is not None:
        made.audio[key] = (body, {})

    (entry,) = step(made, keys(key))["recordings"]

    assert (entry["key"], entry["outcome"]) == (key, outcome)
    assert entry["why"].startswith(why)
    assert bool(jobs(made)) is (outcome == "failed")


class TestOneJobWhicheverWayItCame:
    def test_backfill_after_the_event_finds_its_job(self):
        made = bucket_of(KEY)
        job = drop(made, SOURCE)

        answer = step(made, keys(KEY))

        assert answer["recordings"] == [{"key": KEY, "outcome": "known", "job_id": job.job_id}]
        assert jobs(made) == [job]

    def test_event_after_the_backfill_finds_its_job(self):
        made = bucket_of(KEY)
        (entry,) = step(made, keys(KEY))["recordings"]
        before = jobs(made)

        job = drop(made, SOURCE)

        assert entry["job_id"] == job.job_id
        assert jobs(made) == before
        assert list(made.executions.started) == [job.execution_name]

    def test_second_backfill_finds_the_job(self):
        made = bucket_of(KEY)
        step(made, keys(KEY))
        before = jobs(made)

        answer = step(made, keys(KEY))

        assert outcomes(answer) == [(KEY, "known")]
        assert jobs(made) == before


def test_job_without_an_execution_is_started():
    made = bucket_of(KEY)
    left = new_job(SOURCE, START)
    made.jobs.create(left)

    answer = step(made, keys(KEY))

    assert outcomes(answer) == [(KEY, "known")]
    assert list(made.executions.started) == [left.execution_name]


def test_transcribed_recording_without_a_row_is_not_submitted():
    made = bucket_of(KEY)
    made.transcripts.put_transcript(TRANSCRIPT, b"{}", SOURCE)

    answer = step(made, keys(KEY))

    assert outcomes(answer) == [(KEY, "known")]
    assert jobs(made) == []


@pytest.mark.parametrize("version_id", ["v0", None])
def test_replaced_recording_is_after_the_transcribed_version(version_id):
    made = bucket_of(KEY)
    made.transcripts.put_transcript(TRANSCRIPT, b"{}", SOURCE.model_copy(update={"version_id": version_id}))

    answer = step(made, keys(KEY))

    (job,) = jobs(made)
    assert outcomes(answer) == [(KEY, "created")]
    assert job.source.sequencer == "0A1"


@pytest.mark.parametrize(
    ("listed", "key"),
    [
        pytest.param("incoming/auto/a+b%2B%E4%BC%9A.wav", "incoming/auto/a b+会.wav", id="as an inventory writes it"),
        pytest.param("incoming/auto/a+100%.wav", "incoming/auto/a+100%.wav", id="plain after all"),
    ],
)
def test_inventory_key_is_read_encoded_or_plain(listed, key):
    made = bucket_of(key)

    answer = step(made, keys(listed, encoded=True))

    assert outcomes(answer) == [(key, "created")]


def test_long_deleted_inventory_key_is_skipped():
    key = f"incoming/auto/{'会' * 330}.wav"

    answer = step(bucket_of(), keys(quote_plus(key, safe="/"), encoded=True))

    assert [entry["why"] for entry in answer["recordings"]] == ["deleted since it was listed"]


def test_listed_key_is_not_decoded():
    made = bucket_of("incoming/auto/a+b%20.wav")

    answer = step(made, keys("incoming/auto/a+b%20.wav"))

    assert outcomes(answer) == [("incoming/auto/a+b%20.wav", "created")]


def names(number: int) -> list[str]:
    return [f"incoming/auto/{index:03}.wav" for index in range(number)]


def test_batch_pauses_while_the_queue_is_long():
    made = bucket_of(*names(5))
    made.occupy(QUERY.name, START + timedelta(seconds=LONGEST_QUEUE_S + 40))

    answer = step(made, keys(*names(5)))

    assert outcomes(answer) == [(names(5)[0], "created")]
    assert [item["key"] for item in answer["Items"]] == names(5)[1:]
    assert (answer["next"], answer["wait_s"]) == ("submit", LONGEST_QUEUE_S + 40)


def test_batch_continues_while_the_queue_is_short():
    made = bucket_of(*names(5))
    made.occupy(QUERY.name, START + timedelta(seconds=LONGEST_QUEUE_S - 5))

    answer = step(made, keys(*names(5)))

    assert (answer["next"], answer["Items"]) == ("done", [])


def test_batch_continues_in_another_invocation_in_time():
    def slow(_request: HttpRequest) -> HttpReply:
        made.pass_time(20)
        return HttpReply(200, toy_message("done"), {})

    made = bucket_of(*names(5), send=slow, vendor=SYNC)

    first = step(made, keys(*names(5)))
    second = step(made, first)

    assert (made.clock - START).total_seconds() < 2 * (ROUND_S + 21)
    assert (first["next"], first["wait_s"], len(first["recordings"])) == ("submit", 0, 3)
    assert (second["next"], outcomes(second)) == ("done", [(key, "created") for key in names(5)])
    assert {job.status for job in jobs(made)} == {Status.COMPLETED}


def troubled(look_up: LookUp) -> LookUp:
    """Return a look-up that fails for one object for an unknown reason."""

    def fail_for_one(source: Source) -> tuple[Source, dict[str, str]]:
        if source.key.endswith("001.wav"):
            raise TimeoutError("S3 does not answer")
        return look_up(source)

    return fail_for_one


def test_failed_key_stops_no_other_and_is_tried_again():
    made = bucket_of(*names(3))
    look_up = made.recordings.look_up
    made.recordings.look_up = troubled(look_up)

    first = step(made, keys(*names(3)))
    made.recordings.look_up = look_up
    second = step(made, first)

    assert outcomes(first) == [(names(3)[0], "created"), (names(3)[2], "created")]
    assert (first["next"], first["wait_s"], first["Items"][0]["key"]) == ("submit", BACKFILL_WAIT_S, names(3)[1])
    assert (second["next"], outcomes(second)[2]) == ("done", (names(3)[1], "created"))


def test_batch_fails_when_every_key_fails():
    made = bucket_of(*names(3))
    made.recordings.look_up = troubled(made.recordings.look_up)

    with pytest.raises(SomeFailedError, match=r"001\.wav: TimeoutError: S3 does not answer"):
        step(made, keys(names(3)[1]))


def test_new_recording_waits_for_one_slot_per_running_batch():
    """Five submissions a day, and sixty old recordings in four batches: the queue is never longer than the batches."""
    old, running = names(60), 4
    made = bucket_of(*old)
    made.per_day = {QUERY.name: 5}
    due: list[tuple[float, int, dict[str, Any]]] = []
    for number in range(running):
        heappush(due, (0.0, number, keys(*old[number::running])))
    ahead, done = [], []

    while due:
        at_s, number, batch = heappop(due)
        made.clock = max(made.clock, START + timedelta(seconds=at_s))
        answer = step(made, batch)
        ahead.append(sum(job.attempt.submitted_at is None and job.attempt.due_at > made.clock for job in jobs(made)))
        if answer["next"] == "done":
            done += outcomes(answer)
        else:
            next_s = (made.clock - START).total_seconds() + max(answer["wait_s"], 1)
            heappush(due, (next_s, number, answer))

    assert sorted(done) == [(key, str(BackfillOutcome.CREATED)) for key in old]
    assert max(ahead) <= running
    assert (made.clock - START) > timedelta(days=9)
    assert len({job.job_id for job in jobs(made)}) == len(old)


def test_job_id_is_that_of_s3s_event():
    made = bucket_of(KEY)

    (entry,) = step(made, keys(KEY))["recordings"]

    assert entry["job_id"] == new_job(SOURCE, START).job_id
