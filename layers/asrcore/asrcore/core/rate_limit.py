"""A vendor's rate limit: slots for submissions and queries, so that its limit is used fully and never exceeded."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

# A vendor counts what reaches it in any one second. Slots leave room for the time that a submission takes to get there,
# which differs by some hundredths of a second; who comes later than that to his slot takes a new one.
SPREAD = 1.08  # seconds that as many slots take as the vendor allows in one
LATE_S = 0.02
AHEAD_S = 0.2  # a slot this far ahead can be written down and still be kept
FAR_S = 6 * 3600  # a more distant slot is not reserved where another vendor may serve sooner
EARLY_S = 2  # a cold process takes up to 1.5 s to start
SHORT_WAIT_S = EARLY_S + 1.0  # a slot this near is waited for where it is: cheaper than an invocation and transitions
_CHINA = timezone(timedelta(hours=8))  # no daylight saving since 1991


@dataclass(frozen=True)
class RateLimit:
    """The submissions that a vendor accepts. per_day: None without a daily limit."""

    per_second: int
    per_day: int | None = None

    @property
    def interval_us(self) -> int:
        """Microseconds between two submissions."""
        return round(SPREAD * 1_000_000 / self.per_second)


def vendor_day(moment: datetime) -> date:
    """Return the day on which a vendor counts a submission, in China's time zone."""
    return moment.astimezone(_CHINA).date()


def day_start(day: date) -> datetime:
    """Return the first moment of a vendor's day, UTC."""
    return datetime.combine(day, time(), _CHINA).astimezone(UTC)
