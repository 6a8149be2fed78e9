"""Amounts in US dollars and in yuan, and the cost of a job."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

DIGITS = 9  # after the point: a thousandth of the lowest unit price


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
    """The cost of a job, or its estimate. An unknown amount is null, not 0.

    vendor: null if a vendor that charges has no known price, or the recording's length is not known.
    vendors: the known amounts by vendor name.
    aws: an estimate of requests, computing time, and sending the recording to the vendor (`docs/cost.md` states its
    error).  total: null when vendor is.
    prices_from: the day of the oldest price that was used.  assumptions: of the figures, in words.
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
        """The sum of the known amounts."""
        return sum(self.vendors.values(), self.aws)

    def shares(self, vendor: str) -> dict[str, Amount]:
        """Return the known amounts by vendor; AWS's part is added to `vendor`, the job's last one."""
        return {**self.vendors, vendor: self.vendors.get(vendor, NOTHING) + self.aws}
