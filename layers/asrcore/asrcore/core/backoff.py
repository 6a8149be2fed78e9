"""The waits before a retry: of an attempt, of a step that failed, and of a webhook. They grow with each failure."""

import hashlib

MAX_ATTEMPTS = 4  # submissions of one recording to one vendor, while its errors are of class retry
MAX_RESTARTS = 3  # of one job, without an operator
# Standard Webhooks 1.0.0, "Deliverability and reliability", as far as SQS can hide a message: 12 hours.
WEBHOOK_WAITS_S = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
BACKFILL_WAIT_S = 10  # before keys that failed for unknown reasons are processed again
_ATTEMPT_WAIT_S = 5.0
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
    digest = hashlib.sha256(f"{job_id}/{failed}".encode()).digest()
    jitter = int.from_bytes(digest[:4], "big") / 2**32
    return max(_ATTEMPT_WAIT_S * _GROWTH ** (failed - 1) * (1 - jitter / 2), retry_after_s)


def restart_wait_s(restarts: int) -> float:
    """Return the seconds before a job continues after a step failed: 30, 120, 480. restarts: this one included."""
    return _RESTART_WAIT_S * _GROWTH ** max(0, restarts - 1)


def webhook_wait_s(tries: int, most: int) -> int:
    """Return the seconds before the next try of a webhook, 5 to 36,000; 0 after the last of `most` tries."""
    return WEBHOOK_WAITS_S[min(tries, len(WEBHOOK_WAITS_S)) - 1] if tries < most else 0
