"""`status`, `list` and `why`: commands that change nothing."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from asrcore.core.job import Job, Status
from asrcore.core.vendor import Completion
from asrcore.messages import Message
from asrcore.vendors.registry import VENDORS
from asrctl.explain import explain_job
from asrctl.filters import Filter
from asrctl.find import find_job, matching_jobs
from asrctl.formatting import format_duration, quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, Text, TextTable
from asrctl.shapes import JobRow, ListShape, StatusShape, WhyShape
from asrctl.stack import DeployedStack

_NO_VENDOR = "-"  # for a job that has no vendor yet
_HEADER = (
    Message("cli.column.job"),
    Message("cli.column.state"),
    Message("cli.column.vendor"),
    Message("cli.column.age"),
    Message("cli.column.error"),
    Message("cli.column.recording"),
)


def status(stack: DeployedStack, progress: ProgressReporter, now: datetime) -> CommandResult[StatusShape]:
    """Count jobs by state and vendor, running executions and failed events; find the oldest open job."""
    counts: Counter[tuple[str, Status]] = Counter()
    oldest: Job | None = None
    for job in matching_jobs(Filter(), stack, progress, now):
        counts[job.vendor or _NO_VENDOR, job.status] += 1
        if not job.finished and (oldest is None or job.created_at < oldest.created_at):
            oldest = job
    waiting = queue_depth(stack, stack.queue_url)
    undelivered = queue_depth(stack, stack.undelivered_queue_url) if stack.has_webhook else None
    running = sum(1 for _ in progress.track("cli.progress.executions_running", stack.running(stack.state_machine_arn)))
    vendors = sorted({vendor for vendor, _ in counts})
    totals = {state: sum(counts[vendor, state] for vendor in vendors) for state in Status}
    rows: list[Sequence[Text]] = [(vendor, *(str(counts[vendor, state]) for state in Status)) for vendor in vendors]
    lines: list[Line] = [
        TextTable(
            (Message("cli.column.vendor"), *Status), [*rows, (Message("cli.column.all"), *map(str, totals.values()))]
        ),
        "",
        _oldest(oldest, now) if oldest else Message("cli.status.no_open_job"),
        Message("cli.status.executions", {"number": running}),
        Message("cli.status.failed_events", {"number": waiting}),
        *([] if undelivered is None else [Message("cli.status.undelivered", {"number": undelivered})]),
    ]
    data = StatusShape(
        states=totals,
        vendors={vendor: {state: counts[vendor, state] for state in Status} for vendor in vendors},
        oldest_open=JobRow.from_job(oldest) if oldest else None,
        running_executions=running,
        failed_events=waiting,
        undelivered_webhooks=undelivered,
    )
    return CommandResult(data, lines)


def list_jobs(
    stack: DeployedStack, progress: ProgressReporter, wanted: Filter, limit: int, now: datetime
) -> CommandResult[ListShape]:
    """List the jobs that match, oldest first, and count those beyond the limit.

    Args:
        limit: 1 or more.
        now: the moment to which ages are counted.
    """
    number = 0

    def counted() -> Iterator[Job]:
        nonlocal number
        for job in matching_jobs(wanted, stack, progress, now):
            number += 1
            yield job

    jobs = heapq.nsmallest(limit, counted(), key=lambda job: (job.created_at, job.job_id))
    lines: list[Line] = (
        [TextTable(_HEADER, [_columns(job, now) for job in jobs])] if jobs else [Message("cli.list.none")]
    )
    more = number - len(jobs)
    if more:
        lines.append(Message("cli.list.more", {"count": more}))
    return CommandResult(ListShape(jobs=[JobRow.from_job(job) for job in jobs], more=more), lines)


def why(stack: DeployedStack, reference: str, now: datetime) -> CommandResult[WhyShape]:
    """Explain one job, and what to do about it.

    Args:
        reference: of `find_job`.

    Raises:
        OperatorError: there is no such job.
    """
    job = find_job(reference, stack)
    execution = stack.execution_status(job)
    story = explain_job(
        job, completion_modes(job), execution=execution, transcript_bucket=stack.transcript_bucket, now=now
    )
    data = WhyShape(
        job=JobRow.from_job(job),
        execution=execution,
        story=[line for sentence in story.sentences for line in str(sentence).split("\n")],
        advice=str(story.advice),
    )
    return CommandResult(data, [*story.sentences, Message("cli.why.what_to_do", {"advice": story.advice})])


def completion_modes(job: Job) -> frozenset[Completion]:
    """Return how the current attempt's vendor completes; empty without a vendor, or when it was removed since."""
    vendor = VENDORS.get(job.attempt.vendor) if job.planned else None
    return vendor.completion_modes if vendor else frozenset()


def _columns(job: Job, now: datetime) -> Sequence[Text]:
    error = f"{job.error.code} ({job.error.class_})" if job.error else ""
    return (
        job.job_id,
        job.status,
        job.vendor or _NO_VENDOR,
        format_duration(now - job.created_at),
        error,
        quote_name(job.source.key),
    )


def _oldest(job: Job, now: datetime) -> Message:
    return Message(
        "cli.status.oldest",
        {
            "job": job.job_id,
            "age": format_duration(now - job.created_at),
            "vendor": job.vendor or _NO_VENDOR,
            "key": quote_name(job.source.key),
        },
    )


def queue_depth(stack: DeployedStack, url: str) -> int:
    attributes = stack.sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return sum(int(value) for value in attributes.values())
