"""The budget: the sums that vendors may charge per day and per month, and what jobs have reserved of them.

A job reserves the estimate of an attempt before it is submitted, and its end corrects that to what was charged. Sums
are whole micro-yuan, which a table adds exactly. Days and months are China's, as the vendors bill them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from asrcore.core.backoff import jitter
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.rate_limit import day_start, vendor_day
from asrcore.core.routing import INCOMING
from asrcore.messages import Message

MICRO = 1_000_000  # micro-yuan in a yuan
WAKE_S = 600  # after a day or month began, all jobs that waited for it have continued, those that waited longest first
_JITTER_S = 60  # of these


class BudgetAction(StrEnum):
    """What happens to a job that the budget has no room for."""

    WAIT = "wait"
    REFUSE = "refuse"


class BudgetLimit(StrEnum):
    """The limits of a budget."""

    DAY = "day"
    MONTH = "month"
    UPLOADER = "uploader"  # of one prefix of keys, per day


class Budget(BaseModel):
    """The limits in yuan; 0 for none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_day: float = Field(0, ge=0, le=1e9, allow_inf_nan=False)
    per_month: float = Field(0, ge=0, le=1e9, allow_inf_nan=False)
    uploader_per_day: float = Field(0, ge=0, le=1e9, allow_inf_nan=False)
    when_reached: BudgetAction = BudgetAction.WAIT

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return any((self.per_day, self.per_month, self.uploader_per_day))

    def limit(self, which: BudgetLimit) -> float:
        """Return a limit in yuan; 0 for none."""
        by_name = {BudgetLimit.DAY: self.per_day, BudgetLimit.MONTH: self.per_month}
        return by_name.get(which, self.uploader_per_day)

    def smallest(self) -> BudgetLimit:
        """Return the lowest limit that is set."""
        return min((each for each in BudgetLimit if self.limit(each)), key=self.limit)


class Reservation(BaseModel):
    """What a job's row holds of the budget.

    days: micro-yuan by the day on which they were reserved.  account: of its uploader, where that has a limit.
    entries: the numbers of the entries by which the budget's rows were changed, so that none of them counts twice.
    """

    model_config = ConfigDict(frozen=True)

    days: dict[date, int] = {}
    account: str = ""
    entries: list[int] = []

    @property
    def total(self) -> int:
        """The sum in micro-yuan."""
        return sum(self.days.values())

    def corrections(self, actual: int, today: date) -> dict[date, int]:
        """Return the changes by day that make `actual` of the total: less on the last days first, more on the last."""
        change, changes = actual - self.total, dict[date, int]()
        if change > 0:
            return {max(self.days, default=today): change}
        for day in sorted(self.days, reverse=True):
            taken = max(change, -self.days[day])
            if taken:
                changes[day] = taken
            change -= taken
        return changes


@dataclass(frozen=True)
class BudgetEntry:
    """One change of the budget's rows, which stands in them until the job's row has it.

    days: micro-yuan by day; below 0, what is given back.  at: UNIX seconds.
    """

    job_id: str
    number: int
    days: Mapping[date, int]
    account: str
    at: int


@dataclass(frozen=True)
class Balance:
    """What is reserved in a month, in micro-yuan, and the entries that no row of a job is known to have."""

    month: int = 0
    days: Mapping[date, int] = field(default_factory=dict)
    entries: tuple[BudgetEntry, ...] = ()

    def room(self, budget: Budget, day: date) -> int:
        """Return the micro-yuan that the stack may still reserve on a day."""
        limits = [(budget.per_day, self.days.get(day, 0)), (budget.per_month, self.month)]
        return min((micro(limit) - used for limit, used in limits if limit), default=micro(1e9))

    def percent(self, budget: Budget, day: date) -> float:
        """Return how much of a limit is reserved, in percent: the greater of day and month; 0 without limits."""
        limits = [(budget.per_day, self.days.get(day, 0)), (budget.per_month, self.month)]
        return max((100 * used / micro(limit) for limit, used in limits if limit), default=0.0)


_REACHED = {
    BudgetLimit.DAY: "BudgetReached.day",
    BudgetLimit.MONTH: "BudgetReached.month",
    BudgetLimit.UPLOADER: "BudgetReached.uploader",
}


class BudgetReachedError(Exception):
    """The budget has no room for a job. amount: micro-yuan that the job needs."""

    def __init__(self, limit: BudgetLimit, budget: Budget, amount: int) -> None:
        super().__init__(limit)
        self.limit, self.budget, self.amount = limit, budget, amount

    def reason(self) -> Message:
        """Return which limit is reached."""
        return Message(_REACHED[self.limit], {"limit": f"{self.budget.limit(self.limit):g}"})

    def refusal(self) -> AsrError:
        """Return the error of a job that does not wait."""
        return AsrError(ErrorClass.CONFIG, "BudgetReached", Message("BudgetReached", {"reason": self.reason()}))


def micro(yuan: float) -> int:
    """Return a sum in micro-yuan."""
    return round(yuan * MICRO)


def read_budget(text: str) -> Budget:
    """Read the stack's parameters as `template.yaml` joins them: `300/3000/0/wait`; nothing is a budget without limits.

    Raises ValueError or pydantic.ValidationError for anything else.
    """
    if not text:
        return Budget()
    per_day, per_month, uploader_per_day, when_reached = text.split("/")
    return Budget(
        per_day=float(per_day),
        per_month=float(per_month),
        uploader_per_day=float(uploader_per_day),
        when_reached=BudgetAction(when_reached),
    )


def uploader(key: str) -> str:
    """Return the prefix of keys that counts as one uploader: `incoming/<vendor>/<first folder>/`.

    Recordings without a folder share `incoming/<vendor>/`, remote ones `linked/`.
    """
    folders = key.split("/")[:-1]
    return "".join(f"{folder}/" for folder in (folders[:3] if key.startswith(INCOMING) else folders[:1]))


def account_of(key: str) -> str:
    """Return the name of an uploader's account in the budget's rows."""
    return hashlib.sha256(uploader(key).encode()).hexdigest()[:16]


def uploader_group(key: str) -> str:
    """Return the group of an uploader in the rows of a vendor's days: one of 64, so that these rows stay small."""
    return f"of_{int(account_of(key), 16) % 64:02}"


def wait_end(limit: BudgetLimit, job_id: str, now: datetime) -> datetime:
    """Return when a job that the budget has no room for continues: soon after the next day or month begins, UTC.

    A job that waits longer continues earlier. Jobs of one moment are spread by their ids.
    """
    today = vendor_day(now)
    first, last = today, today + timedelta(days=1)
    if limit is BudgetLimit.MONTH:
        first = today.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    begins, ends = day_start(first), day_start(last)
    share = (now - begins) / (ends - begins)
    return ends + timedelta(seconds=round((WAKE_S - _JITTER_S) * share + _JITTER_S * jitter(job_id, 0)))
