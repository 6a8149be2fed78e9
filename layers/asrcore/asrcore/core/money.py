"""What something costs, in US dollars and in yuan, and what the figures rest on."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

DIGITS = 9  # after the point: a thousandth of the smallest thing that is paid for


class Currency(StrEnum):
    """ISO 4217."""

    USD = "USD"
    CNY = "CNY"


class Amount(BaseModel):
    """The same sum in both currencies, at the rate of exchange that the cost names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: float
    cny: float

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(usd=round(self.usd + other.usd, DIGITS), cny=round(self.cny + other.cny, DIGITS))

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(usd=round(self.usd - other.usd, DIGITS), cny=round(self.cny - other.cny, DIGITS))


NOTHING = Amount(usd=0.0, cny=0.0)


class Cost(BaseModel):
    """What a job costs, or would. What nobody knows is null, and never taken for nothing.

    vendor: null when a vendor that has to be paid has no price here, or the recording's length is not known.
    vendors: what each asks, by name, of those of whom that is known.
    aws: an estimate of requests, computing time, and sending the recording to the vendor (`docs/cost.md` states its
    error).  total: null when vendor is.
    prices_from: the day of the oldest price that was used.  assumptions: what the figures take for granted, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: Amount | None
    vendors: dict[str, Amount] = {}
    aws: Amount
    total: Amount | None
    usd_in_cny: float
    prices_from: date
    assumptions: list[str] = []

    @property
    def known(self) -> Amount:
        """As much of it as has prices."""
        return sum(self.vendors.values(), self.aws)

    def shares(self, vendor: str) -> dict[str, Amount]:
        """What is known of it, by vendor; AWS's part goes with `vendor`, the job's last one."""
        return {**self.vendors, vendor: self.vendors.get(vendor, NOTHING) + self.aws}
