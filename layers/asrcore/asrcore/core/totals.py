"""Totals of jobs by month: how many have each status, the hours that they have transcribed, and their cost.

A month's totals are the sum of SHARDS rows of the jobs table, so that a burst of jobs does not write to one row. A
write that changes what a job adds to them changes one such row in the same transaction. The job's row keeps what it has
added (`Counted`), so that the next write adds the difference only.

A month is one of the time zone by which vendors count (`rate_limit.vendor_day`), and a job is of the month of its
creation. The jobs of deleted rows leave the counts; what they have cost stays.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from pydantic import BaseModel, ConfigDict

from asrcore.core.money import DIGITS, NOTHING, Amount, Cost
from asrcore.core.rate_limit import vendor_day

SHARDS = 32  # of a month
MONTHS = 13  # whose totals are read
KEPT_DAYS = 400 + 31  # after the first day of the month
TOTALS = "totals#"
_COST = 10**DIGITS


class Counted(BaseModel):
    """What a job adds to the totals of its month.

    status: None for a deleted job.  length_ms: of the recording, when it is transcribed.  usd, cny: of the known cost,
    in billionths.
    """

    model_config = ConfigDict(frozen=True)

    status: str | None = None
    length_ms: int = 0
    usd: int = 0
    cny: int = 0

    @classmethod
    def of(cls, status: str, length_ms: int, cost: Cost | None) -> "Counted":
        """Return what a job adds. cost: None before its first end."""
        known = cost.known if cost else NOTHING
        return cls(status=status, length_ms=length_ms, usd=round(known.usd * _COST), cny=round(known.cny * _COST))

    def since(self, before: "Counted | None") -> dict[str, int]:
        """Return the numbers of a totals row that change, by name, each with its difference."""
        new, old = self._numbers(), before._numbers() if before else {}
        changes = {name: new.get(name, 0) - old.get(name, 0) for name in {**old, **new}}
        return {name: each for name, each in sorted(changes.items()) if each}

    def _numbers(self) -> dict[str, int]:
        statuses = {self.status: 1} if self.status else {}
        return {**statuses, "length_ms": self.length_ms, "usd": self.usd, "cny": self.cny}


@dataclass(frozen=True)
class MonthSum:
    """The totals of a month. numbers: as in its rows, by name."""

    month: str
    numbers: Mapping[str, int] = field(default_factory=dict)

    def count(self, status: str) -> int:
        """Return the number of jobs with a status."""
        return self.numbers.get(status, 0)

    @property
    def length_s(self) -> float:
        """The seconds of recordings that are transcribed."""
        return self.numbers.get("length_ms", 0) / 1000

    @property
    def cost(self) -> Amount:
        """The known cost."""
        usd, cny = (round(self.numbers.get(name, 0) / _COST, DIGITS) for name in ("usd", "cny"))
        return Amount(usd=usd, cny=cny)


def totals_key(job_id: str, created_at: datetime) -> str:
    """Return the key of the row that a job adds to."""
    return _key(_month(vendor_day(created_at)), int(job_id[:8], 16) % SHARDS)


def totals_keys(month: str) -> list[str]:
    """Return the keys of a month's rows."""
    return [_key(month, shard) for shard in range(SHARDS)]


def expires_at(created_at: datetime) -> int:
    """Return when the totals of a job's month are deleted, UNIX seconds."""
    first = vendor_day(created_at).replace(day=1)
    return int(datetime(first.year, first.month, 1, tzinfo=UTC).timestamp()) + KEPT_DAYS * 86400


def latest_months(now: datetime, count: int) -> list[str]:
    """Return the last months, this one first, as YYYY-MM."""
    return list(islice(_months_before(vendor_day(now)), count))


def month_sum(month: str, rows: Iterable[Mapping[str, int]]) -> MonthSum:
    """Return the sum of a month's rows. rows: their numbers, by name."""
    numbers: dict[str, int] = {}
    for row in rows:
        for name, each in row.items():
            numbers[name] = numbers.get(name, 0) + each
    return MonthSum(month, numbers)


def _months_before(day: date) -> Iterator[str]:
    while True:
        yield _month(day)
        day = day.replace(day=1) - timedelta(days=1)


def _month(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def _key(month: str, shard: int) -> str:
    return f"{TOTALS}{month}#{shard:02}"
