"""Waits that keep a herd apart: the vendor's pace for submissions, and growing, jittered waits between retries."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

MAX_TRIES = 4  # submissions of one recording to one vendor, while its errors are of class retry
# A vendor counts what reaches it in any one second. Slots leave room for the time that a submission takes to get there,
# which differs by some hundredths of a second; who comes later than that to his slot takes a new one.
SPREAD = 1.08  # seconds that as many slots take as the vendor allows in one
LATE_S = 0.02
AHEAD_S = 0.2  # a slot this far ahead can be written down and still be kept
FAR_S = 6 * 3600  # a slot farther off is left alone where another vendor may serve sooner
EARLY_S = 2  # a cold process takes up to 1.5 s to start
SHORT_WAIT_S = EARLY_S + 1.0  # a slot this near is waited for where it is: cheaper than an invocation and transitions
_FIRST_RETRY_S = 5.0
_GROWTH = 4.0
_CHINA = timezone(timedelta(hours=8))  # no daylight saving since 1991


def retry_wait_s(job_id: str, tries: int, retry_after_s: float = 0) -> float:
    """Seconds before the next try after `tries` failed ones: 5, 20, 80, each cut by up to half.

    The cut comes from the job's id, so that it is the same whenever it is computed and different between jobs.
    retry_after_s: at least so long, as the vendor asks.
    """
    digest = hashlib.sha256(f"{job_id}/{tries}".encode()).digest()
    jitter = int.from_bytes(digest[:4], "big") / 2**32
    usual_s = _FIRST_RETRY_S * _GROWTH ** (tries - 1)
    return max(usual_s * (1 - jitter / 2), retry_after_s)


@dataclass(frozen=True)
class RateLimit:
    """How many submissions a vendor takes; per_day is None where it does not count days."""

    per_second: int
    per_day: int | None = None

    @property
    def interval_us(self) -> int:
        """Microseconds between two submissions."""
        return round(SPREAD * 1_000_000 / self.per_second)


def vendor_day(moment: datetime) -> date:
    """The day on which a vendor counts a submission: theirs is China's."""
    return moment.astimezone(_CHINA).date()


def day_start(day: date) -> datetime:
    """The first moment of a vendor's day, UTC."""
    return datetime.combine(day, time(), _CHINA).astimezone(UTC)
