"""Vendors' callbacks: what is believed, what is stored, what is answered."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from asrcore.callback import receive
from asrcore.core.callback_url import callback_url, expiry, is_signed
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Status
from asrcore.core.polling import callback_patience_s
from asrcore.core.step import GRACE_S, Next
from asrcore.core.vendor import RESULT_DEADLINE_S
from asrcore.events import CallbackRequest
from asrcore.poll import await_callback, query
from tests.support.pipeline import BOTH, CALLBACK, FOREVER, QUERY, drop, world
from tests.support.reasons import reason, texts
from tests.support.toy import toy_message

KEYS = ["callback-key"]


DONE = toy_message("done")


def posted(job, body=DONE, *, attempt=1, vendor="toy-callback", signature=None, keys=KEYS, expires_at=FOREVER):
    url = callback_url("https://api.example.com", vendor, job.job_id, attempt, keys, expires_at=expires_at)
    return CallbackRequest(vendor, job.job_id, str(attempt), signature or url.rsplit("/", 1)[1], body, "text/plain")


@pytest.fixture
def made():
    made = world("accepted", "accepted", vendors=(CALLBACK, QUERY))
    drop(made)
    return made


def test_callback_is_stored_and_completes_the_task(made):
    job = made.job()
    await_callback(job.job_id, "token", made.services)

    answer = receive(posted(job), made.services)

    assert (answer.status, json.loads(answer.body)["code"]) == (200, 0)
    assert made.job().status is Status.COMPLETED
    assert made.results[f"raw/{job.job_id}.json"] == DONE
    assert [(token, step.next) for token, step in made.executions.woken] == [("token", Next.COMPLETED)]


def test_warning_header_of_a_callback_is_a_warning_of_the_job(made):
    said = replace(posted(made.job()), warning='299 - "times are guessed"')

    receive(said, made.services)

    assert "the vendor says: times are guessed" in texts(made.job().warnings)


def test_callback_before_the_token_completes_the_job(made):
    answer = receive(posted(made.job()), made.services)

    assert answer.status == 200
    assert made.job().status is Status.COMPLETED
    assert made.executions.woken == []


def test_failed_recognition_completes_the_task_with_what_is_next(made):
    job = made.job()
    await_callback(job.job_id, "token", made.services)

    answer = receive(posted(job, toy_message("config")), made.services)

    assert answer.status == 200
    assert made.job().vendor == "toy-query"
    assert made.executions.woken[0][1].next is Next.SUBMIT


def test_callback_without_a_result_leads_to_a_query():
    made = world("accepted", "done", vendors=(BOTH,))
    job = drop(made)
    await_callback(job.job_id, "token", made.services)

    answer = receive(posted(job, toy_message("working"), vendor="toy-both"), made.services)
    ((_, step),) = made.executions.woken

    assert answer.status == 200
    assert (step.next, step.wait_s) == (Next.QUERY, 0)
    assert query(job.job_id, made.services).next is Next.COMPLETED


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"signature": "A" * 43}, id="a wrong signature"),
        pytest.param({"signature": "签名"}, id="a signature that is not even ASCII"),
        pytest.param({"keys": ["another-key"]}, id="signed with another key"),
        pytest.param({"vendor": "unknown"}, id="a vendor that does not exist"),
    ],
)
def test_invalid_signature_is_forbidden_and_changes_nothing(made, change):
    before = dict(made.rows)

    answer = receive(posted(made.job(), **change), made.services)

    assert answer.status == 403
    assert made.rows == before
    assert made.results == {}


def test_invalid_signature_is_forbidden_before_a_table_is_read(made):
    services = replace(made.services, jobs=None)

    assert receive(posted(made.job(), keys=["another-key"]), services).status == 403


def test_expired_address_is_acknowledged_before_a_table_is_read(made, caplog):
    expired = posted(made.job(), expires_at=made.clock)
    services = replace(made.services, now=lambda: made.clock + timedelta(seconds=1), jobs=None)

    answer = receive(expired, services)

    assert (answer.status, json.loads(answer.body)["code"]) == (200, 0)
    assert caplog.records[-1].message == "callback address expired"
    assert made.job().status is Status.IN_PROGRESS


@pytest.mark.parametrize(
    ("vendor", "limit_s"),
    [
        pytest.param(CALLBACK, callback_patience_s(1.0, can_query=False), id="a vendor without queries"),
        pytest.param(BOTH, RESULT_DEADLINE_S, id="a vendor with queries"),
    ],
)
def test_address_expires_after_its_attempt_ends(vendor, limit_s):
    made = world("accepted", vendors=(vendor,))

    url = made.services.callback_url(drop(made))

    after = timedelta(seconds=limit_s + GRACE_S)
    assert after <= expiry(url.rpartition("/")[2]) - made.clock < after + timedelta(seconds=1)


def test_later_expiry_of_a_known_address_is_forbidden(made):
    known = posted(made.job(), expires_at=made.clock)
    _, _, digest = known.signature.partition("-")

    for until in (str(int(FOREVER.timestamp())), "9" * 5000, "", "签名"):
        assert receive(replace(known, signature=f"{until}-{digest}"), made.services).status == 403


@pytest.mark.parametrize("part", ["vendor", "job_id", "attempt"])
def test_signature_covers_every_part_of_the_path(part):
    url = callback_url("https://api.example.com", "toy", "job", 1, KEYS, expires_at=FOREVER)
    address = {"vendor": "toy", "job_id": "job", "attempt": "1"}

    assert is_signed(**address, signature=url.rsplit("/", 1)[1], keys=KEYS)
    assert not is_signed(**{**address, part: address[part] + "1"}, signature=url.rsplit("/", 1)[1], keys=KEYS)


def test_old_key_is_accepted_until_it_is_removed(made):
    old = posted(made.job())

    made.secret["callback"] = {"keys": ["new-key", *KEYS]}
    assert receive(old, made.services).status == 200
    made.secret["callback"] = {"keys": ["new-key"]}
    assert receive(old, made.services).status == 403


@pytest.mark.parametrize("keys", [[], [""]])
def test_missing_key_is_an_error(keys):
    with pytest.raises(AsrError, match="CallbackKeyMissing"):
        is_signed("toy", "job", "1", "", keys)


def test_repeated_callback_is_acknowledged_without_a_change(made):
    first = receive(posted(made.job()), made.services)
    before = dict(made.rows)

    second = receive(posted(made.job()), made.services)

    assert first == second
    assert made.rows == before
    assert len(made.bus.published) == 1


def test_callback_of_an_earlier_attempt_changes_nothing(made):
    job = made.job()
    receive(posted(job, toy_message("config")), made.services)

    answer = receive(posted(job, DONE, attempt=1), made.services)

    assert answer.status == 200
    assert made.job().status is Status.IN_PROGRESS


def test_failure_of_an_unrecorded_task_keeps_the_attempt(made):
    job = made.services.update_job(
        made.job().job_id, lambda job: job._attempt_moved(made.clock, vendor_task_id="task-2")
    )

    answer = receive(posted(job, toy_message("retry")), made.services)

    assert answer.status == 200
    assert len(made.job().attempts) == 1


def test_late_callback_of_a_redriven_job_is_acknowledged(made):
    job = made.job()
    made.services.update_job(job.job_id, lambda job: job.fail(AsrError(ErrorClass.RETRY, "c", reason("m")), made.clock))
    made.services.update_job(job.job_id, lambda job: job.redrive(reason("asked for"), made.clock))
    before = dict(made.rows)

    assert receive(posted(job), made.services).status == 200
    assert made.rows == before


def test_callback_for_a_deleted_row_is_acknowledged(made):
    callback = posted(made.job())
    made.table.items.clear()

    assert receive(callback, made.services).status == 200
    assert made.rows == {}


def test_invalid_body_is_rejected_and_changes_nothing(made):
    before = dict(made.rows)

    answer = receive(posted(made.job(), b""), made.services)

    assert answer.status == 400
    assert json.loads(answer.body)["code"] != 0
    assert made.rows == before


def damaged(job, **changes):
    return replace(posted(job, **changes), is_damaged=True)


def test_unreadable_result_is_rejected_and_the_attempt_continues(made):
    answer = receive(damaged(made.job()), made.services)

    assert answer.status == 400
    assert json.loads(answer.body)["code"] != 0
    assert (made.job().attempt.number, made.job().attempt.unreadable_callbacks) == (1, 1)
    assert made.results == {}
    assert receive(posted(made.job()), made.services).status == 200
    assert made.job().status is Status.COMPLETED


def test_unreadable_result_leads_to_a_query_at_once():
    made = world("accepted", "done", vendors=(BOTH,))
    job = drop(made)
    await_callback(job.job_id, "token", made.services)

    answer = receive(damaged(job, vendor="toy-both"), made.services)
    ((_, step),) = made.executions.woken

    assert answer.status == 400
    assert (step.next, step.wait_s) == (Next.QUERY, 0)
    assert query(job.job_id, made.services).next is Next.COMPLETED


def test_attempt_ends_with_the_last_unreadable_result(made, monkeypatch):
    monkeypatch.setattr(CALLBACK, "most_callbacks", 2, raising=False)
    await_callback(made.job().job_id, "token", made.services)

    first, second = (receive(damaged(made.job()), made.services) for _ in range(2))

    assert (first.status, second.status) == (400, 400)
    assert made.job().attempts[0].code == "UnreadableCallback"
    assert (made.job().attempt.number, made.job().attempt.vendor) == (2, "toy-callback")
    assert [step.next for _, step in made.executions.woken] == [Next.SUBMIT]


def test_failure_in_a_damaged_callback_is_recorded(made):
    assert receive(damaged(made.job(), body=toy_message("config")), made.services).status == 200
    assert made.job().vendor == "toy-query"


def test_unstored_callback_is_not_acknowledged(made):
    made.transcripts.put_raw = lambda *_: (_ for _ in ()).throw(RuntimeError("S3 is down"))

    with pytest.raises(RuntimeError):
        receive(posted(made.job()), made.services)
    assert made.job().status is Status.IN_PROGRESS
