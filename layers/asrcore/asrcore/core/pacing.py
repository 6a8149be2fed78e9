"""Waits that keep a herd apart: the vendor's pace for submissions, and growing, jittered waits between retries."""

import hashlib

MAX_TRIES = 4  # submissions of one recording to one vendor, while its errors are of class retry
_FIRST_RETRY_S = 5.0
_GROWTH = 4.0


def retry_wait_s(job_id: str, tries: int) -> float:
    """Seconds before the next try after `tries` failed ones: 5, 20, 80, each cut by up to half.

    The cut comes from the job's id, so that it is the same whenever it is computed and different between jobs.
    """
    digest = hashlib.sha256(f"{job_id}/{tries}".encode()).digest()
    jitter = int.from_bytes(digest[:4], "big") / 2**32
    return _FIRST_RETRY_S * _GROWTH ** (tries - 1) * (1 - jitter / 2)


def slot_interval_us(per_second: int) -> int:
    """Microseconds between two submissions at a vendor's pace."""
    return 1_000_000 // per_second
