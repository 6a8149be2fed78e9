"""Check the secret's cache: its age, and fresh reads at most once a second."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from asrcore.callback import receive
from asrcore.core.callback_url import callback_url
from asrcore.core.errors import AsrError
from asrcore.core.job import Status
from asrcore.events import CallbackRequest
from asrcore.poll import query
from asrcore.stores.secret import FRESH_S, StackSecret
from tests.support.pipeline import CALLBACK, FOREVER, drop, requests, world
from tests.support.toy import toy_message

OLD, NEW = {"key": "old"}, {"key": "new"}


class SecretsManager:
    """A fake Secrets Manager, with the secret's value and the number of reads."""

    class meta:  # noqa: N801 - as boto3 names it
        class events:  # noqa: N801
            @staticmethod
            def register_first(*_: Any, **__: Any) -> None: ...

    def __init__(self, text: str = "{}") -> None:
        self.text, self.reads = text, 0

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        self.reads += 1
        return {"SecretString": self.text}


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_PARAMETERS_MAX_AGE", "300")
    return SecretsManager(json.dumps(OLD))


def read_by(aws, clock=lambda: 0.0):
    return StackSecret("VendorSecret", SecretsProvider(boto3_client=aws), "arn", clock)


def test_secret_is_read_once_and_cached(aws):
    secret = read_by(aws)

    assert [secret(), secret(), secret()] == [OLD] * 3
    assert aws.reads == 1


def test_secret_is_read_again_after_its_maximum_age(aws, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_PARAMETERS_MAX_AGE", "0")
    secret = read_by(aws)
    secret()
    aws.text = json.dumps(NEW)

    assert secret() == NEW


def test_fresh_read_happens_at_most_once_a_second(aws):
    moments_s = iter((0.0, FRESH_S / 2, FRESH_S))
    secret = read_by(aws, lambda: next(moments_s))

    reads = [secret(fresh=True) and aws.reads for _ in range(3)]

    assert reads == [1, 1, 2]


def test_fresh_read_updates_the_cache(aws):
    secret = read_by(aws)
    secret()
    aws.text = json.dumps(NEW)
    secret(fresh=True)

    assert secret() == NEW


@pytest.mark.parametrize("text", ["not JSON", "[]", '"text"'])
def test_invalid_secret_is_a_config_error(aws, text):
    aws.text = text

    with pytest.raises(AsrError, match="put one there") as refused:
        read_by(aws)()

    assert refused.value.code == "SecretUnreadable"
    assert text not in str(refused.value)


def process_that_kept(old, *words, now, **kinds):
    """Return fakes in which the secret was changed after a process had read it."""
    base = {"callback": {"keys": ["callback-key"]}}
    made = world(*words, **kinds)
    made.kept_secret, made.secret = {**base, **old}, {**base, **now}
    return made


def test_rejected_credentials_are_replaced_if_changed():
    made = process_that_kept({"toy": OLD}, "config", "accepted", now={"toy": NEW})

    job = drop(made)

    assert job.status is Status.IN_PROGRESS
    assert len(job.attempts) == 1
    assert len(requests(made)) == 2


def test_unchanged_rejected_credentials_fail_the_attempt():
    made = process_that_kept({"toy": OLD}, "config", now={"toy": OLD})

    job = drop(made)

    assert job.status is Status.FAILED
    assert (len(requests(made)), made.fresh_reads) == (1, 1)


def test_other_errors_read_no_secret():
    made = process_that_kept({"toy": OLD}, "bad_audio", now={"toy": NEW})

    assert drop(made).status is Status.FAILED
    assert made.fresh_reads == 0


def test_query_is_repeated_with_changed_credentials():
    made = process_that_kept({"toy": OLD}, "accepted", "config", "done", now={"toy": NEW})
    job = drop(made)

    query(job.job_id, made.services)

    assert made.jobs.load(job.job_id).status is Status.COMPLETED


@pytest.mark.parametrize("kept", [{}, {"toy": {}}])
def test_credentials_stored_just_now_are_found(kept):
    made = process_that_kept(kept, "accepted", now={"toy": NEW})

    assert drop(made).status is Status.IN_PROGRESS


def callback_at(job, key):
    signature = callback_url("https://x", job.attempt.vendor, job.job_id, 1, [key], expires_at=FOREVER).rpartition("/")[
        2
    ]
    return CallbackRequest(job.attempt.vendor, job.job_id, "1", signature, toy_message("done"), "text/plain")


def test_callback_signed_with_a_newer_key_is_accepted():
    keys = {"callback": {"keys": ["new-key", "callback-key"]}}
    made = process_that_kept({"toy": OLD}, "accepted", now={"toy": OLD, **keys}, vendors=(CALLBACK,))
    job = drop(made)

    assert receive(callback_at(job, "new-key"), made.services).status == 200


def test_callback_keys_stored_just_now_are_found():
    made = process_that_kept({"callback": {"keys": []}, "toy": OLD}, "accepted", now={"toy": OLD}, vendors=(CALLBACK,))
    job = drop(made)

    assert receive(callback_at(job, "callback-key"), made.services).status == 200


def test_forged_callback_is_rejected_after_one_fresh_read():
    made = process_that_kept({"toy": OLD}, "accepted", now={"toy": OLD}, vendors=(CALLBACK,))
    job = drop(made)

    assert receive(callback_at(job, "guessed-key"), made.services).status == 403
    assert made.fresh_reads == 1
