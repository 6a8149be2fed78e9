"""Editions of a vendor's product that the account has no right to, as the vendor's refusals said.

Kept in the memory of the process and nowhere else: a cold function learns it anew with one refused call, which costs
nothing and takes a fraction of a second. The edition that a task was submitted to is on the job's attempt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

REMEMBERED = timedelta(hours=1)  # then the preferred edition is tried again: an account may have gained the right


@dataclass(frozen=True)
class RefusedEditions:
    """Refusals of the last hour, by vendor and edition."""

    _refused_at: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def add(self, vendor: str, edition: str, now: datetime) -> None:
        """Remember that the account has no right to an edition."""
        self._refused_at[vendor, edition] = now

    def first(self, vendor: str, editions: Sequence[str], now: datetime) -> str | None:
        """Return the first edition that was not refused lately, the first of all if each was; None without editions."""
        left = [each for each in editions if not self._was_refused(vendor, each, now)]
        return next(iter([*left, *editions]), None)

    def _was_refused(self, vendor: str, edition: str, now: datetime) -> bool:
        refused_at = self._refused_at.get((vendor, edition))
        return refused_at is not None and now - refused_at < REMEMBERED
