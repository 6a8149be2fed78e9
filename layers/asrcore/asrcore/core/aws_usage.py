"""What a job does on AWS, counted from its row and the state machine's shape: nothing is counted at run time.

A step of the state machine leaves its mark on the row: claims, questions, waits for callbacks, restarts, and the
revision, which is the number of writes. What follows from them is written down here once; a test on the local stack
holds it against what really happened. What leaves no mark (an event that comes twice, a callback that is ignored, a
step that AWS repeats) is not in it, nor is what belongs to no job (the sweep, the dashboard, storage).
"""

import math
from dataclasses import dataclass

from asrcore.core.job import Attempt, Job, Status
from asrcore.core.polling import callback_patience_s
from asrcore.core.prices import Rates
from asrcore.core.rate_limit import SHORT_WAIT_S
from asrcore.core.vendor import Completion

# Vendors whose questions stand in a line, and whose days are counted: the parameters of template.yaml.
COUNTS_QUERIES = frozenset({"tencent-rec-task", "volcengine-bigmodel", "abcpen"})
COUNTS_DAYS = frozenset({"abcpen-offline"})

WRITES_A_SLOT = 2  # of a line that is empty: the first write asks whether it is not
OPENING_READS = 4  # of a recording that is planned: its head, its sidecar, two ranges for the probe
HISTORY_READS = 2  # of what a vendor usually takes: two months, if nobody read them just now
LATE = "NoResultInTime"  # the code of an attempt that was given up while the vendor may still be at work
CONVERTED_PART_BYTES, CONVERTED_RANGE_BYTES = 8 * 1024 * 1024, 4 * 1024 * 1024  # of `stores/converter.py`
CONVERT_GB = 1.75  # memory of ConvertFunction; of all others, 1
IN_THE_EVENT_S = SHORT_WAIT_S + 30  # a first claim that came later was made by a step of the state machine

# Measured nowhere near AWS, and a twentieth of the whole: milliseconds of a function with 1 GB of memory.
SUBMIT_MS, QUERY_MS, CALLBACK_MS, STEP_MS, FINISH_MS = 1000, 250, 150, 60, 300
FINISH_MS_AN_HOUR = 250  # of the recording, more for a transcript of it
LOGGED_BYTES = 1200  # of an invocation, AWS Lambda's own lines included
GB = 2**30


@dataclass(frozen=True)
class AwsUsage:
    """How much of what AWS counts. table_writes, table_reads: requests; *_units: what they are paid as."""

    transitions: int
    invocations: int
    compute_ms: float
    table_writes: int
    table_write_units: int
    table_reads: int
    table_read_units: int
    s3_puts: int
    s3_gets: int
    api_requests: int
    events: int
    secret_reads: int
    logged_bytes: int
    sent_bytes: int

    def quantities(self) -> dict[str, float]:
        """In the units of AwsPrices, by its fields' names."""
        return {
            "million_transitions": self.transitions / 1e6,
            "million_invocations": self.invocations / 1e6,
            "gb_second": self.compute_ms / 1000,
            "million_table_writes": self.table_write_units / 1e6,
            "million_table_reads": self.table_read_units / 1e6,
            "million_s3_puts": self.s3_puts / 1e6,
            "million_s3_gets": self.s3_gets / 1e6,
            "million_api_requests": self.api_requests / 1e6,
            "million_events": self.events / 1e6,
            "million_secret_reads": self.secret_reads / 1e6,
            "gb_logged": self.logged_bytes / GB,
            "gb_sent": self.sent_bytes / GB,
        }


@dataclass(frozen=True)
class _Steps:
    """What an attempt, or several, took: steps of the state machine by kind, and callbacks."""

    submits: int = 0
    queries: int = 0
    waits: int = 0
    woken: int = 0  # waits that a callback ended
    callbacks: int = 0

    def __add__(self, other: "_Steps") -> "_Steps":
        return _Steps(
            self.submits + other.submits,
            self.queries + other.queries,
            self.waits + other.waits,
            self.woken + other.woken,
            self.callbacks + other.callbacks,
        )

    @property
    def looks(self) -> int:
        """Waits for a callback that were in vain: what is next?"""
        return self.waits - self.woken


def footprint(job: Job, rates: Rates) -> AwsUsage:
    """What a job did so far; of one that has ended, with the writes that its end still takes."""
    steps = _steps(job, rates)
    revision = job.row_version + _writes_to_come(job)
    recoveries = sum(not restart.by_operator for restart in job.restarts) - (job.run - 1 - _redrives(job))
    executions = job.run if steps.submits or steps.queries or steps.waits or job.run > 1 else 0
    ends = _redrives(job) + job.finished
    completed = job.status is Status.COMPLETED
    slots = sum(attempt.slots for attempt in job.attempts)
    days = sum(attempt.slots > 0 and attempt.vendor in COUNTS_DAYS for attempt in job.attempts)
    asked = sum(_steps_of(job, each, rates).queries for each in job.attempts if each.vendor in COUNTS_QUERIES)
    looked_up = {
        each.vendor
        for each in job.attempts
        if each.claims and Completion.QUERY in rates.completion_modes.get(each.vendor, frozenset())
    }
    claims = sum(attempt.claims for attempt in job.attempts)
    conversions = int(job.conversion is not None or job.conversion_error is not None)

    invocations = 1 + steps.submits + steps.queries + steps.waits + steps.looks + steps.callbacks + 2 * recoveries
    invocations += conversions
    writes = 1 + revision + WRITES_A_SLOT * (slots + asked) + days + completed
    reads = revision - slots - claims + invocations - steps.waits + HISTORY_READS * len(looked_up)
    row_bytes = len(job.model_dump_json(by_alias=True))
    return AwsUsage(
        transitions=2 * executions
        + 3 * (steps.submits + steps.queries)
        + steps.waits
        + steps.woken
        + 2 * steps.looks
        + 2 * conversions
        + 4 * recoveries,
        invocations=invocations,
        compute_ms=_compute_ms(job, steps, completed=completed) + _waited_ms(job, rates),
        table_writes=writes,
        table_write_units=_write_units(1 + revision, row_bytes) + (writes - 1 - revision),
        table_reads=reads,
        table_read_units=reads * math.ceil(row_bytes / 4096),
        s3_puts=(2 + rates.exports) * completed + _conversion_puts(job),
        s3_gets=OPENING_READS * max(1, job.plannings)
        + conversions * (math.ceil(job.source.size_bytes / CONVERTED_RANGE_BYTES) + 1)
        + sum(attempt.submitted_at is not None for attempt in job.attempts),
        api_requests=steps.callbacks + (job.requested is not None),
        events=ends,
        secret_reads=1,
        logged_bytes=LOGGED_BYTES * invocations,
        sent_bytes=(job.conversion or job.source).size_bytes
        * sum(attempt.submitted_at is not None for attempt in job.attempts),
    )


def _steps(job: Job, rates: Rates) -> _Steps:
    steps = sum((_steps_of(job, attempt, rates) for attempt in job.attempts), _Steps())
    # A job that an operator had tried again starts with a step, whatever came of it.
    return steps + _Steps(submits=max(0, _redrives(job) - steps.submits))


def _steps_of(job: Job, attempt: Attempt, rates: Rates) -> _Steps:
    completion_modes = rates.completion_modes.get(attempt.vendor, frozenset())
    submits = attempt.claims - _was_claimed_in_the_event(job, attempt, rates)
    if attempt.submitted_at is None or Completion.SYNC in completion_modes:
        return _Steps(submits=submits)
    is_over = attempt.ended_at is not None
    if Completion.CALLBACK not in completion_modes:
        return _Steps(submits=submits, queries=attempt.queries + is_over)
    # A callback that came before the submission's answer was noted left nothing to wait for.
    waits = 0 if attempt.waits == 0 and attempt.submitted_at == attempt.claimed_at else max(1, attempt.waits)
    woken = attempt.called_back or (is_over and attempt.code != LATE and not _was_asked(job, attempt, completion_modes))
    return _Steps(
        submits=submits,
        queries=attempt.queries + (is_over and (attempt.queries > 0 or _was_asked(job, attempt, completion_modes))),
        waits=waits,
        woken=min(waits, int(woken)),
        callbacks=int(woken),
    )


def _was_asked(job: Job, attempt: Attempt, completion_modes: frozenset[Completion]) -> bool:
    """Whether an attempt with a callback ended by a question: after the callback was waited for in vain, or called."""
    if Completion.QUERY not in completion_modes or attempt.submitted_at is None or attempt.ended_at is None:
        return False
    if attempt.called_back or attempt.queries:
        return True
    patience_s = callback_patience_s(job.audio_s or 0.0, can_query=True)
    return (attempt.ended_at - attempt.submitted_at).total_seconds() > patience_s


def _was_claimed_in_the_event(job: Job, attempt: Attempt, rates: Rates) -> bool:
    """Whether the function that took the recording submitted it too, as it does when there is no line.

    Not so for a job that was asked for: it begins with a step of the state machine, as every long call does.
    """
    if attempt.vendor in job.forms:
        return False
    if attempt.number != 1 or attempt.claimed_at is None or job.requested is not None:
        return False
    if attempt.vendor in rates.long_calls:
        return False
    return attempt.claims > 1 or (attempt.claimed_at - job.created_at).total_seconds() < IN_THE_EVENT_S


def _redrives(job: Job) -> int:
    return sum(restart.by_operator for restart in job.restarts)


def _writes_to_come(job: Job) -> int:
    """The note that the end was told."""
    return int(job.finished and not job.event_published)


def _write_units(times: int, row_bytes: int) -> int:
    """What writing a row so often is paid as, with its indexes.

    Each write moves an open job in the index of open jobs: out of its place there, and into another. The index of
    recent jobs holds the status, which changes twice.
    """
    return times * math.ceil(row_bytes / 1024) + 2 * (times - 1) + 3


def _waited_ms(job: Job, rates: Rates) -> float:
    """Return the time in which a function did nothing but wait for the answer to a long call."""
    return sum(
        (attempt.ended_at - attempt.claimed_at).total_seconds() * 1000
        for attempt in job.attempts
        if attempt.vendor in rates.long_calls and attempt.claimed_at and attempt.ended_at
    )


def _conversion_puts(job: Job) -> int:
    """The parts of a converted recording; a list of what there is, at the job's end, costs as much as one."""
    parts = math.ceil(job.conversion.size_bytes / CONVERTED_PART_BYTES) if job.conversion else 0
    return parts + (job.finished and bool(job.forms))


def _compute_ms(job: Job, steps: _Steps, *, completed: bool) -> float:
    finish_ms = FINISH_MS + FINISH_MS_AN_HOUR * (job.audio_s or 0.0) / 3600
    return (
        SUBMIT_MS * (1 + steps.submits)
        + QUERY_MS * steps.queries
        + CALLBACK_MS * steps.callbacks
        + STEP_MS * (steps.waits + steps.looks)
        + finish_ms * completed
        + (CONVERT_GB * job.conversion.compute_ms if job.conversion else 0)
    )
