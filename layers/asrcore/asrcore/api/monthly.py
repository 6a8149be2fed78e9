"""GET /totals: how many jobs have each status, and the hours and the cost of each month."""

from collections.abc import Iterable

from asrcore.api.models import MonthTotals, StatusCounts, Totals
from asrcore.core.job import Status
from asrcore.core.totals import MonthSum, latest_months
from asrcore.services import Services


def read_totals(months: int, services: Services) -> Totals:
    """Return the totals of the last months. months: how many, this one included."""
    sums = services.jobs.totals(latest_months(services.now(), months))
    return Totals(
        counts=_counts(sums),
        months=[
            MonthTotals(month=each.month, counts=_counts([each]), hours=round(each.length_s / 3600, 4), cost=each.cost)
            for each in sums
        ],
    )


def _counts(sums: Iterable[MonthSum]) -> StatusCounts:
    months = list(sums)
    return StatusCounts.model_validate({status: sum(each.count(status) for each in months) for status in Status})
