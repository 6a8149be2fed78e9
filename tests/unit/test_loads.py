"""Attack by load: many files of one uploader, a rotation of keys among many callbacks, a giant backfill."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider

from asrcore.core.budget import Budget
from asrcore.core.callback_url import callback_url, is_signed
from asrcore.core.job import Status, job_id
from asrcore.core.rate_limit import vendor_day
from asrcore.job_creation import handle_new_objects
from asrcore.stores.secret import FRESH_S, StackSecret
from tests.support.pipeline import FOREVER, QUERY, SOURCE, wav, world
from tests.support.sampled import exhaustive
from tests.unit.test_backfill import bucket_of, jobs, keys, outcomes, step
from tests.unit.test_secret import SecretsManager

COST = 0.003  # yuan, more than a second costs and less than two
LARGEST_ROW_BYTES = 400 * 1024  # DynamoDB's limit; a row as JSON is a little larger than DynamoDB counts it


# A row that kept the budget's entry of each of 3,000 files would exceed the limit.
@pytest.mark.parametrize("junk", [50, exhaustive(3_000)])
def test_many_files_of_one_uploader_do_not_delay_another(junk):
    made = world(*["accepted"] * 2, vendors=(QUERY,))
    made.budget = Budget(per_day=COST * junk, uploader_per_day=COST)
    sources = [SOURCE.model_copy(update={"key": f"incoming/auto/mallory/{number}.wav"}) for number in range(junk)]
    honest = SOURCE.model_copy(update={"key": "incoming/auto/alice/meeting.wav"})
    content = wav()
    made.audio.update({each.key: (content, {}) for each in (*sources, honest)})

    for source in (*sources, honest):
        handle_new_objects([source], made.services)

    held = made.jobs.load(job_id(honest))
    assert (held.status, held.attempt.submitted_at) == (Status.IN_PROGRESS, made.clock)
    waiting = [job for job in jobs(made) if job.status is Status.QUEUED]
    assert len(waiting) == junk - 1
    assert {vendor_day(job.deadline_at) > vendor_day(made.clock) for job in waiting} == {True}
    assert max(len(json.dumps(row)) for row in made.table.items.values()) < LARGEST_ROW_BYTES


@pytest.mark.parametrize("callbacks", [200, exhaustive(10_000)])
def test_keys_rotate_among_many_callbacks(monkeypatch, callbacks):
    """Keys are rotated while callbacks, forged ones among them, are checked by several threads of a process."""
    monkeypatch.setenv("POWERTOOLS_PARAMETERS_MAX_AGE", "300")
    aws, clock = SecretsManager(json.dumps({"callback": {"keys": ["key-0"]}})), count(0, FRESH_S)
    secret = StackSecret("SigningSecret", SecretsProvider(boto3_client=aws), "arn", lambda: next(clock))

    def is_accepted(key: str) -> bool:
        signature = callback_url("https://x", "toy", "job", 1, [key], expires_at=FOREVER).rpartition("/")[2]
        return any(
            is_signed("toy", "job", "1", signature, secret(fresh=fresh)["callback"]["keys"]) for fresh in (False, True)
        )

    with ThreadPoolExecutor(8) as threads:
        for number in range(1, 5):
            current, former = f"key-{number}", f"key-{number - 1}"
            aws.text = json.dumps({"callback": {"keys": [current, former]}})
            sent = [(former, current, "forged")[each % 3] for each in range(callbacks // 4)]
            accepted = list(threads.map(is_accepted, sent))
            assert accepted == [key != "forged" for key in sent]


@pytest.mark.parametrize("recordings", [200, exhaustive(2_000)])
def test_giant_backfill_creates_each_job_once(recordings):
    listed = [f"incoming/auto/old/{number}.wav" for number in range(recordings)]
    made = bucket_of(*listed)
    made.pass_time(timedelta(days=1).total_seconds())

    for first in range(0, recordings, 100):
        batch = listed[first : first + 100]
        answer = step(made, keys(*batch))
        assert [key for key, _ in outcomes(answer)] == batch
        again = step(made, keys(*batch))
        assert {outcome for _, outcome in outcomes(again)} == {"known"}

    assert len(jobs(made)) == len(made.executions.started) == recordings
