"""`status`, `list` and `why`: commands that change nothing."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count, islice

from asrcore.core.job import Job, Status
from asrcore.core.vendor import Completion
from asrcore.messages import Message
from asrcore.vendors.registry import VENDORS
from asrctl.columns import NO_VENDOR, USUAL, job_table
from asrctl.explain import explain_job
from asrctl.filters import Filter
from asrctl.find import find_job, matching_jobs, matching_jobs_newest_first
from asrctl.formatting import format_duration, quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, Text, TextTable
from asrctl.shapes import JobRow, ListShape, StatusShape, WhyShape
from asrctl.stack import DeployedStack


def status(stack: DeployedStack, progress: ProgressReporter, now: datetime) -> CommandResult[StatusShape]:
    """Count jobs by state and vendor, running executions and failed events; find the oldest open job."""
    counts: Counter[tuple[str, Status]] = Counter()
    oldest: Job | None = None
    for job in matching_jobs(Filter(), stack, progress, now):
        counts[job.vendor or NO_VENDOR, job.status] += 1
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
        _oldest_open(oldest, now) if oldest else Message("cli.status.no_open_job"),
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
    stack: DeployedStack,
    progress: ProgressReporter,
    wanted: Filter,
    limit: int,
    now: datetime,
    *,
    newest: bool = False,
    columns: Sequence[str] = USUAL,
) -> CommandResult[ListShape]:
    """List the jobs that match, oldest first, and count those beyond the limit.

    Args:
        stack: the stack of the jobs.
        progress: counts the jobs that are read.
        wanted: which jobs.
        limit: 1 or more.
        now: the moment to which ages are counted.
        newest: newest first; only as many jobs are read as are listed, so that the rest is not counted.
        columns: names of COLUMNS, in their order.
    """
    if newest:
        jobs, more = _first(matching_jobs_newest_first(wanted, stack, now), limit)
    else:
        jobs, more = _oldest(matching_jobs(wanted, stack, progress, now), limit)
    lines: list[Line] = [job_table(jobs, columns, now)] if jobs else [Message("cli.list.none")]
    if more is None:
        lines.append(Message("cli.list.more_uncounted"))
    elif more:
        lines.append(Message("cli.list.more", {"count": more}))
    return CommandResult(ListShape(jobs=[JobRow.from_job(job) for job in jobs], more=more), lines)


def _oldest(jobs: Iterator[Job], limit: int) -> tuple[list[Job], int | None]:
    """Return the oldest jobs, and how many there are beyond the limit."""
    number = count()
    counted = (job for job, _ in zip(jobs, number, strict=False))
    kept = heapq.nsmallest(limit, counted, key=lambda job: (job.created_at, job.job_id))
    return kept, next(number) - len(kept)


def _first(jobs: Iterator[Job], limit: int) -> tuple[list[Job], int | None]:
    """Return the first jobs, and 0, or None if there are more."""
    kept = list(islice(jobs, limit))
    return kept, 0 if next(jobs, None) is None else None


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
        job,
        completion_modes(job),
        execution=execution,
        transcript_bucket=stack.transcript_bucket,
        now=now,
        options=stack.options,
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


def _oldest_open(job: Job, now: datetime) -> Message:
    return Message(
        "cli.status.oldest",
        {
            "job": job.job_id,
            "age": format_duration(now - job.created_at),
            "vendor": job.vendor or NO_VENDOR,
            "key": quote_name(job.source.key),
        },
    )


def queue_depth(stack: DeployedStack, url: str) -> int:
    attributes = stack.sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return sum(int(value) for value in attributes.values())
