"""The columns of a list of jobs, by the names that `list --columns` accepts. Imports only what help needs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from asrcore.messages import Message
from asrctl.formatting import format_duration, format_money, format_size, quote_name

if TYPE_CHECKING:
    from asrcore.core.job import Job
    from asrctl.result import Text, TextTable

_SHORT_ID = 8  # digits, which commands accept as a job's name
NO_VENDOR = "-"  # for a job that has no vendor yet


def describe_error(job: "Job") -> "Text":
    """Return a failed job's error, or what an open job waits for; empty without both."""
    if job.error:
        return f"{job.error.code} ({job.error.class_})"
    if job.budget_wait is not None and job.waits_for_budget:
        return Message("cli.list.waits_for_budget", {"time": f"{job.budget_wait.until:%Y-%m-%d %H:%M}"})
    return ""


def _length(job: "Job") -> "Text":
    return "" if job.audio_s is None else format_duration(timedelta(seconds=job.audio_s))


def _cost(job: "Job") -> "Text":
    return "" if job.cost is None else format_money(job.cost.known)


_Cell = Callable[["Job", datetime], "Text"]
COLUMNS: Mapping[str, tuple[Message, _Cell]] = MappingProxyType(
    {
        "job": (Message("cli.column.job"), lambda job, _: job.job_id),
        "id": (Message("cli.column.id"), lambda job, _: job.job_id[:_SHORT_ID]),
        "status": (Message("cli.column.status"), lambda job, _: job.status),
        "vendor": (Message("cli.column.vendor"), lambda job, _: job.vendor or NO_VENDOR),
        "age": (Message("cli.column.age"), lambda job, now: format_duration(now - job.created_at)),
        "error": (Message("cli.column.error"), lambda job, _: describe_error(job)),
        "recording": (Message("cli.column.recording"), lambda job, _: quote_name(job.source.key)),
        "name": (Message("cli.column.name"), lambda job, _: quote_name(job.source.key.rpartition("/")[2])),
        "created": (Message("cli.column.created"), lambda job, _: f"{job.created_at:%Y-%m-%d %H:%M:%S}"),
        "length": (Message("cli.column.duration"), lambda job, _: _length(job)),
        "size": (Message("cli.column.size"), lambda job, _: format_size(job.source.size_bytes)),
        "attempts": (Message("cli.column.attempts"), lambda job, _: str(len(job.attempts))),
        "cost": (Message("cli.column.cost"), lambda job, _: _cost(job)),
    }
)
USUAL = ("job", "status", "vendor", "age", "error", "recording")


def job_table(jobs: Iterable["Job"], columns: Sequence[str], now: datetime) -> "TextTable":
    """Return a table of jobs. now: the moment to which ages are counted."""
    from asrctl.result import TextTable  # noqa: PLC0415 - help does without

    chosen = [COLUMNS[name] for name in columns]
    return TextTable([header for header, _ in chosen], [[cell(job, now) for _, cell in chosen] for job in jobs])
