"""Check requests of minutes to a synchronous vendor that gets the recording's bytes: their claims, times and number."""

import json
from datetime import timedelta

import pytest

from asrcore.api.job_views import stage
from asrcore.api.models import Stage
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import CLAIM_MARGIN_S, Status, claim_s
from asrcore.core.rate_limit import SHORT_WAIT_S
from asrcore.core.step import Next
from asrcore.core.vendor import SHORT_CALL_S, HttpReply
from asrcore.events import RequestEvent
from asrcore.failures import SomeFailedError
from asrcore.job_creation import handle_new_objects, handle_request
from asrcore.submit import submit
from asrcore.vendors.openai_compatible import OpenaiCompatible
from tests.support.fake_services import START, World
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, wav, world
from tests.support.reasons import reason
from tests.support.recognition_requests import bytes_of
from tests.support.toy import Script

OWN = OpenaiCompatible()
LONG_CLAIM_S = claim_s(OWN.longest_call_s)
TEXT = "今天天气怎么样。"
DONE = json.dumps({"text": TEXT}).encode()


def own_engine(*words, vendors=(OWN,), key="k", **world_fields):
    """Fakes with one recording, an own engine, and its responses."""
    secret = {"openai_compatible": {"api_key": key}} if key else {}
    held = {"toy": {"key": "k"}, "callback": {"keys": ["callback-key"]}, **secret}
    made = World(vendors={vendor.name: vendor for vendor in vendors}, send=Script(*words), secret=held, **world_fields)
    made.audio[KEY] = (wav(), {})
    return made


def step_of(made):
    return made.executions.started[made.job().execution_name]


def test_event_leaves_a_long_call_to_the_state_machine():
    made = own_engine(DONE)

    job = drop(made)

    assert made.send.requests == []
    assert (job.status, job.attempt.claims) == (Status.IN_PROGRESS, 0)
    assert step_of(made).next is Next.SUBMIT


def test_event_reserves_the_slot_of_a_long_call():
    made = own_engine(DONE)

    job = drop(made)

    assert job.attempt.has_slot
    assert job.attempt.due_at == START + timedelta(seconds=SHORT_WAIT_S)
    assert step_of(made).wait_s <= SHORT_WAIT_S


def test_submit_step_makes_the_long_call_in_the_reserved_slot():
    made = own_engine(DONE)
    drop(made)
    made.pass_time(step_of(made).wait_s)

    step = submit(made.job().job_id, made.services)

    job = made.job()
    assert step.next is Next.COMPLETED
    assert (job.status, job.attempt.has_slot, job.attempt.claims) == (Status.COMPLETED, True, 1)
    assert wav() in bytes_of(made.send.requests[0])
    assert TEXT in made.results[job.transcript_key].decode()


def test_request_by_name_leaves_a_long_call_to_the_state_machine():
    made = own_engine(DONE)

    step = handle_request(RequestEvent(action="request", bucket="audio", key=KEY), made.services)

    assert made.send.requests == []
    assert step.next is Next.SUBMIT


def test_event_still_makes_a_short_call_by_itself():
    made = world("done", vendors=(SYNC,))

    assert drop(made).status is Status.COMPLETED


@pytest.mark.parametrize(("vendor", "seconds"), [(OWN, LONG_CLAIM_S), (QUERY, 150)], ids=["long", "short"])
def test_claim_lasts_as_long_as_the_vendors_longest_call(vendor, seconds):
    made = own_engine(RuntimeError("the process dies"), DONE, vendors=(vendor,))
    if vendor is OWN:
        drop(made)
        made.pass_time(step_of(made).wait_s)
        with pytest.raises(RuntimeError):
            submit(made.job().job_id, made.services)
    else:
        with pytest.raises(SomeFailedError):
            handle_new_objects([SOURCE], made.services)

    job = made.job()
    assert (job.attempt.claims, job.attempt.claim_s) == (1, seconds)
    assert submit(job.job_id, made.services).wait_s == seconds
    assert len(made.send.requests) == 1


def test_claims_leave_time_for_the_call_and_what_is_around_it():
    assert claim_s(SHORT_CALL_S) == SHORT_CALL_S + CLAIM_MARGIN_S == 150


def test_no_call_begins_that_could_outlive_its_claim():
    made = world("accepted", "accepted", vendors=(QUERY,))
    presign = made.recordings.presign

    def slow(source):
        made.pass_time(100)  # as a process does that AWS lets wait
        return presign(source)

    made.recordings.presign = slow
    job = drop(made)

    assert made.send.requests == []
    assert (job.status, job.attempt.claims, len(job.attempts)) == (Status.IN_PROGRESS, 1, 1)

    made.recordings.presign = presign
    made.pass_time(step_of(made).wait_s)
    submit(job.job_id, made.services)
    assert len(made.send.requests) == 1


@pytest.mark.parametrize("key", ["", "k"])
def test_optional_credentials_may_be_missing(key):
    made = own_engine(DONE, key=key)
    drop(made)
    made.pass_time(step_of(made).wait_s)

    submit(made.job().job_id, made.services)

    assert made.job().status is Status.COMPLETED
    assert ("Authorization" in made.send.requests[0].headers) == bool(key)


class Refuses:
    """Respond to every request with one HTTP status."""

    def __init__(self, status, **headers):
        self.requests = []
        self._reply = HttpReply(status, b'{"detail": "no"}', headers)

    def __call__(self, request):
        self.requests.append(request)
        return self._reply


def test_missing_key_is_read_once_and_not_called_again():
    made = own_engine(key="")
    made.send = Refuses(401)
    drop(made)
    made.pass_time(step_of(made).wait_s)

    submit(made.job().job_id, made.services)

    assert len(made.send.requests) == 1
    assert (made.job().status, made.job().error.code) == (Status.FAILED, "Http401")


def test_added_key_is_used_at_once():
    made = own_engine(key="")
    made.kept_secret = dict(made.secret)
    made.secret["openai_compatible"] = {"api_key": "new"}
    made.send = Refuses(401)
    drop(made)
    made.pass_time(step_of(made).wait_s)

    submit(made.job().job_id, made.services)

    assert [request.headers.get("Authorization") for request in made.send.requests] == [None, "Bearer new"]


@pytest.mark.parametrize(("retry_after", "wait_s"), [("600", 600), ("999999", 3600)])
def test_next_attempt_waits_as_long_as_the_server_asks(retry_after, wait_s):
    made = own_engine()
    made.send = Refuses(503, **{"retry-after": retry_after})
    drop(made)
    made.pass_time(step_of(made).wait_s)

    submit(made.job().job_id, made.services)

    job = made.job()
    assert job.attempts[0].code == "Http503"
    assert (job.attempt.due_at - job.updated_at).total_seconds() == wait_s


def test_unreadable_recording_is_tried_again():
    made = own_engine(AsrError(ErrorClass.RETRY, "RecordingUnreadable", reason("S3 hung up")))
    drop(made)
    made.pass_time(step_of(made).wait_s)

    submit(made.job().job_id, made.services)

    assert [attempt.code for attempt in made.job().attempts] == ["RecordingUnreadable", None]


def test_recording_in_a_long_call_waits_for_the_result():
    seen = []
    made = own_engine()
    drop(made)
    made.pass_time(step_of(made).wait_s)

    def answer(_request):
        seen.append(stage(made.job(), made.services))
        return HttpReply(200, DONE)

    made.send = answer
    submit(made.job().job_id, made.services)

    assert seen == [Stage.WAITING_FOR_RESULT]


# ---- off -------------------------------------------------------------------------------------------------------------


def test_disabled_vendor_is_left_out_of_automatic_choice():
    made = own_engine("accepted", vendors=(OWN, QUERY), off=(OWN.name,))

    assert (drop(made).vendor, made.job().chain) == (QUERY.name, [])


def test_enabled_vendor_follows_without_credentials():
    made = own_engine("accepted", vendors=(QUERY, OWN), key="")

    assert (drop(made).vendor, made.job().chain) == (QUERY.name, [OWN.name])


@pytest.mark.parametrize("key", [f"incoming/{OWN.name}/a.wav", KEY], ids=["named", "alone-in-the-chain"])
def test_recording_for_a_disabled_vendor_fails_with_a_reason(key):
    made = own_engine(off=(OWN.name,))
    made.audio[key] = (wav(), {})

    handle_new_objects([SOURCE.model_copy(update={"key": key})], made.services)

    job = made.job()
    assert (job.status, job.error.code, job.error.class_) == (Status.FAILED, "VendorOff", ErrorClass.CONFIG)
    assert "base URL" in job.error.message
    assert made.send.requests == []


def test_request_for_a_disabled_vendor_is_rejected():
    made = own_engine(off=(OWN.name,))

    with pytest.raises(AsrError, match="VendorOff"):
        handle_request(RequestEvent(action="request", bucket="audio", key=KEY, vendor=OWN.name), made.services)

    assert made.rows == {}
