"""The waits before a retry: of an attempt, a step that failed, a webhook and a write. They grow with each failure."""

import hashlib

MAX_ATTEMPTS = 4  # submissions of one recording to one vendor, while its errors are of class retry
MAX_RESTARTS = 3  # of one job, without an operator
# Standard Webhooks 1.0.0, "Deliverability and reliability", as far as SQS can hide a message: 12 hours.
WEBHOOK_WAITS_S = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
BACKFILL_WAIT_S = 10  # before keys that failed for unknown reasons are processed again
_ATTEMPT_WAIT_S = 5.0
_WRITE_WAIT_S = 0.05
_RESTART_WAIT_S = 30.0
_GROWTH = 4.0


def attempt_wait_s(job_id: str, failed: int, retry_after_s: float = 0) -> float:
    """Return the seconds before the next attempt: 5, 20, 80, each cut by up to half, so that jobs do not collide.

    The cut comes from the job's id: it is the same whenever it is computed, and different between jobs.

    Args:
        job_id: of the job.
        failed: attempts that failed, 1 or more.
        retry_after_s: the least wait, as the vendor demands.
    """
    return max(_ATTEMPT_WAIT_S * _GROWTH ** (failed - 1) * (1 - jitter(job_id, failed) / 2), retry_after_s)


def write_wait_s(job_id: str, tries: int) -> float:
    """Return the seconds before a write to the jobs table that met another one is repeated: up to 0.05, 0.1, … 3.2.

    They are cut by a share that comes from the job's id, so that jobs do not collide again.
    """
    return _WRITE_WAIT_S * 2.0 ** (tries - 1) * jitter(job_id, tries)


def jitter(job_id: str, number: int) -> float:
    """Return a number from 0 to 1 that is the same whenever it is computed, and different between jobs."""
    digest = hashlib.sha256(f"{job_id}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def restart_wait_s(restarts: int) -> float:
    """Return the seconds before a job continues after a step failed: 30, 120, 480. restarts: this one included."""
    return _RESTART_WAIT_S * _GROWTH ** max(0, restarts - 1)


def webhook_wait_s(tries: int, most: int) -> int:
    """Return the seconds before the next try of a webhook, 5 to 36,000; 0 after the last of `most` tries."""
    return WEBHOOK_WAITS_S[min(tries, len(WEBHOOK_WAITS_S)) - 1] if tries < most else 0
