"""The CloudWatch metrics of the stack, written as lines of its log (embedded metric format).

`METRICS` is the whole list: an alarm or a widget may use these names with these dimensions and no others. A line is
written when the event happens, not when the function ends, so that a crash loses one count at most. Beside
numbers a line holds the stack's name, vendors, error classes and the job's id: nothing that a person or a vendor wrote.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from asrcore.core.errors import ErrorClass
from asrcore.core.job import Job, Status
from asrcore.core.money import NOTHING, Cost

NAMESPACE = "asrcore"
SERVICE = "asrcore"
NO_VENDOR = "none"  # the vendor of a job that failed before one was chosen


@dataclass(frozen=True)
class Metric:
    """One metric, kept for the stack as a whole (dimensions `service` and `stack`) and, besides, for each of `by`."""

    unit: MetricUnit
    meaning: str
    by: tuple[tuple[str, ...], ...] = ()


_BY_VENDOR = (("vendor",),)
_BY_CLASS = (("class",), ("class", "vendor"))

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "RecordingsReceived": Metric(MetricUnit.Count, "new recordings, each version once"),
        "Submissions": Metric(MetricUnit.Count, "submissions of a recording to a vendor", _BY_VENDOR),
        "AttemptsFailed": Metric(MetricUnit.Count, "attempts that ended without a transcript", _BY_CLASS),
        "JobsCompleted": Metric(MetricUnit.Count, "jobs that ended with a transcript", _BY_VENDOR),
        "JobsFailed": Metric(
            MetricUnit.Count, "jobs that ended without one, but for cancelled and withdrawn ones", _BY_CLASS
        ),
        "FailureRate": Metric(MetricUnit.Percent, "100 for a job that failed, 0 for another: average it", _BY_VENDOR),
        "Turnaround": Metric(MetricUnit.Seconds, "from the recording's arrival to its transcript", _BY_VENDOR),
        "TurnaroundRatio": Metric(MetricUnit.NoUnit, "the turnaround in lengths of the recording", _BY_VENDOR),
        "AttemptsPerJob": Metric(MetricUnit.Count, "attempts that an ended job took", _BY_VENDOR),
        "QueriesPerJob": Metric(MetricUnit.Count, "queries of an ended job that brought no result", _BY_VENDOR),
        "CostUsd": Metric(MetricUnit.NoUnit, "what an ended job cost in US dollars, as far as is known", _BY_VENDOR),
        "CostCny": Metric(MetricUnit.NoUnit, "the same in yuan", _BY_VENDOR),
        "JobsRestarted": Metric(MetricUnit.Count, "stalled jobs that were restarted"),
        "CallbacksRefused": Metric(MetricUnit.Count, "callbacks whose URL had no valid signature"),
        "RefusedWebhookAge": Metric(MetricUnit.Seconds, "since a job's end, at each try of a webhook that failed"),
        "OpenJobs": Metric(MetricUnit.Count, "jobs that have not ended and do not wait for the budget"),
        "JobsWaitingForBudget": Metric(MetricUnit.Count, "jobs that wait for the budget's next day or month"),
        "BudgetUsed": Metric(
            MetricUnit.Percent, "of the day's or the month's budget, the greater; 100 while a job waits for it"
        ),
        "OldestOpenJobAge": Metric(MetricUnit.Seconds, "since the oldest of them was created; 0 when there is none"),
    }
)


class Metrics:
    """Counts the events of one stack. write: writes one line; on AWS Lambda, `print`."""

    def __init__(self, stack: str, write: Callable[[str], None]) -> None:
        self._stack = stack
        self._write = write

    def received(self) -> None:
        """Count a new recording."""
        self._count("RecordingsReceived")

    def submitted(self, vendor: str) -> None:
        """Count an attempt that is submitted now."""
        self._count("Submissions", {"vendor": vendor})

    def attempt_failed(self, vendor: str, error_class: ErrorClass) -> None:
        """Count an attempt that ended without a transcript."""
        self._count("AttemptsFailed", {"vendor": vendor, "class": str(error_class)})

    def ended(self, job: Job, *, before: Cost | None = None) -> None:
        """Count the end of a job, once: its result, effort and cost. before: its cost until an earlier end."""
        vendor = job.vendor or NO_VENDOR
        is_failure = job.status is Status.FAILED and not job.withdrawn
        values: dict[str, float] = {
            "FailureRate": 100 if is_failure else 0,
            "AttemptsPerJob": len(job.attempts),
            "QueriesPerJob": sum(attempt.queries for attempt in job.attempts),
        }
        if job.cost is not None:
            already = before.shares(vendor) if before else {}
            for payee, share in job.cost.shares(vendor).items():
                spent = share - already.get(payee, NOTHING)
                self._emit({"CostUsd": spent.usd, "CostCny": spent.cny}, {"vendor": payee}, job.job_id)
        if job.status is Status.COMPLETED:
            values |= {"JobsCompleted": 1, **({} if job.reused else _turnaround(job))}
        self._emit(values, {"vendor": vendor}, job.job_id)
        if job.error and is_failure:
            at_fault = {"vendor": job.error.vendor or vendor, "class": str(job.error.class_)}
            self._emit({"JobsFailed": 1}, at_fault, job.job_id)

    def restarted(self) -> None:
        """Count a restart of a job."""
        self._count("JobsRestarted")

    def callback_refused(self) -> None:
        """Count a callback without a valid signature."""
        self._count("CallbacksRefused")

    def webhook_refused(self, age_s: float) -> None:
        """Count an attempt at a webhook that was not accepted. age_s: since the job ended."""
        self._emit({"RefusedWebhookAge": age_s})

    def open_jobs(self, since: Iterable[datetime], now: datetime) -> None:
        """Report how many jobs are open, and the oldest one's age. since: when each of them was opened, UTC."""
        ages_s = [(now - opened).total_seconds() for opened in since]
        self._emit({"OpenJobs": len(ages_s), "OldestOpenJobAge": max(ages_s, default=0)})

    def budget_used(self, percent: float, waiting: int) -> None:
        """Report how much of the budget is reserved, and how many jobs wait for it."""
        self._emit({"BudgetUsed": max(percent, 100 if waiting else 0), "JobsWaitingForBudget": waiting})

    def budget_reached(self) -> None:
        """Report that the budget has no room for a job, before the next sweep does."""
        self._emit({"BudgetUsed": 100})

    def _count(self, name: str, dimensions: Mapping[str, str] = MappingProxyType({})) -> None:
        self._emit({name: 1}, dimensions)

    def _emit(
        self, values: Mapping[str, float], dimensions: Mapping[str, str] = MappingProxyType({}), job_id: str = ""
    ) -> None:
        """Write one line of metrics that are kept by the same dimensions."""
        (by,) = {METRICS[name].by for name in values}
        whole = {"service": SERVICE, "stack": self._stack}
        line = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
        for name, of in whole.items():
            line.add_dimension(name, of)
        for names in by:
            line.add_dimensions(**whole, **{name: dimensions[name] for name in names})
        for name, value in values.items():
            line.add_metric(name, METRICS[name].unit, value)
        if job_id:
            line.add_metadata("job_id", job_id)
        self._write(json.dumps(line.serialize_metric_set()))


def _turnaround(job: Job) -> dict[str, float]:
    """Return a completed job's turnaround; without the ratio when the recording's length is unknown."""
    turnaround_s = (job.updated_at - job.created_at).total_seconds()
    length_ms = job.audio.duration_ms if job.audio else None
    return {"Turnaround": turnaround_s, **({"TurnaroundRatio": turnaround_s * 1000 / length_ms} if length_ms else {})}
