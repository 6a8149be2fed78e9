"""A vendor's rate limit: slots for submissions and queries, so that its limit is used fully and never exceeded."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

# A vendor counts the requests that arrive in any one second. Slots are longer than its limit demands, as the network
# delays requests by some hundredths of a second. A submission that misses its slot by more reserves a new one.
SLOT_LENGTH = 1.08  # of the interval that the vendor's limit allows
SLOT_TOLERANCE_S = 0.02
SLOT_LEAD_S = 0.2  # time to store a slot before it begins
LONG_QUEUE_S = 6 * 3600  # a later slot is not reserved if another vendor of the chain may be sooner
UPLOADER_PERCENT = 80  # of the places of a later day that one uploader may take
STARTUP_S = 2  # of a cold process: up to 1.5 s
SHORT_WAIT_S = STARTUP_S + 1.0  # a function waits so long for a slot itself: cheaper than an invocation and transitions
_CHINA = timezone(timedelta(hours=8))  # no daylight saving since 1991


@dataclass(frozen=True)
class RateLimit:
    """The submissions that a vendor accepts. per_day: None without a daily limit."""

    per_second: int
    per_day: int | None = None

    @property
    def uploader_per_day(self) -> int:
        """The submissions of one uploader on a later day, so that its backlog leaves places for others."""
        return max(1, (self.per_day or 0) * UPLOADER_PERCENT // 100)

    @property
    def interval_us(self) -> int:
        """Microseconds between two submissions."""
        return round(SLOT_LENGTH * 1_000_000 / self.per_second)


def vendor_day(moment: datetime) -> date:
    """Return the day on which a vendor counts a submission, in China's time zone."""
    return moment.astimezone(_CHINA).date()


def day_start(day: date) -> datetime:
    """Return the first moment of a vendor's day, UTC."""
    return datetime.combine(day, time(), _CHINA).astimezone(UTC)
