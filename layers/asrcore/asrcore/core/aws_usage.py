"""An estimate of the AWS resources that a job uses, from counts that its row has anyway.

Each completion mode has its steps of the state machine; submissions, queries, callbacks and bytes say how often. What
is on no row is not in the estimate: an event or a callback that comes twice, a step that AWS Step Functions retries, a
write that is repeated after a conflict. `tests/stack/test_aws_usage.py` measures the error on the local stack and holds
it to ERROR. What AWS charges in fact is shown by the cost-allocation tags of the stack's resources.
"""

import math
from dataclasses import dataclass

from asrcore.core.job import Job, Status
from asrcore.core.prices import Rates
from asrcore.core.rate_limit import SHORT_WAIT_S
from asrcore.core.vendor import Completion

ERROR = 0.15  # of the price of all requests, at most; measured on the local stack for every vendor

# Transitions of the state machine: an execution's first and last state; wait, task and choice of a step; task and
# choice of a wait for a callback, or of a conversion.
EXECUTION_TRANSITIONS, STEP_TRANSITIONS, TASK_TRANSITIONS = 2, 3, 2
SLOT_WRITES = 2  # of a rate limiter without a queue: the first write fails
ROW_READS = 2  # of an invocation
INDEX_WRITE_UNITS = 2  # of a row's write: the entry in the index of open jobs is replaced
BUDGET_WRITES = 2  # of an entry: it is counted, and removed
TOTALS_WRITE_UNITS = 2  # of a row of totals in a transaction
PROBE_GETS = 5  # of a recording: its head, its sidecar, two ranges, its transcript's head
IN_EVENT_S = SHORT_WAIT_S + 30  # the function that receives the event claims a job within this time, or a step does
CONVERTED_PART_BYTES = 8 * 1024 * 1024  # of a multipart upload
CONVERT_GB = 1.75  # memory of ConvertFunction; of all others, 1

# Not measured on AWS: milliseconds of a function with 1 GB of memory.
SUBMIT_MS, QUERY_MS, CALLBACK_MS, FINISH_MS = 1000, 250, 200, 300
FINISH_MS_AN_HOUR = 250  # of the recording
LOGGED_BYTES = 1200  # of an invocation, AWS Lambda's own lines included
GB = 2**30


@dataclass(frozen=True)
class AwsUsage:
    """Quantities of what AWS charges for. compute_ms: of 1 GB of memory.  table_writes, table_reads: request units."""

    transitions: int
    invocations: int
    compute_ms: float
    table_writes: int
    table_reads: int
    s3_puts: int
    s3_gets: int
    api_requests: int
    events: int
    secret_reads: int
    logged_bytes: int
    sent_bytes: int

    def quantities(self) -> dict[str, float]:
        """Return the quantities in the units of AwsPrices, by the names of its fields."""
        return {
            "million_transitions": self.transitions / 1e6,
            "million_invocations": self.invocations / 1e6,
            "gb_second": self.compute_ms / 1000,
            "million_table_writes": self.table_writes / 1e6,
            "million_table_reads": self.table_reads / 1e6,
            "million_s3_puts": self.s3_puts / 1e6,
            "million_s3_gets": self.s3_gets / 1e6,
            "million_api_requests": self.api_requests / 1e6,
            "million_events": self.events / 1e6,
            "million_secret_reads": self.secret_reads / 1e6,
            "gb_logged": self.logged_bytes / GB,
            "gb_sent": self.sent_bytes / GB,
        }


def estimate_usage(job: Job, rates: Rates) -> AwsUsage:
    """Estimate the AWS usage of a job so far; of an ended one, with the writes that its end still takes."""
    steps = _steps(job, rates)
    is_completed = job.status is Status.COMPLETED
    submitted = sum(attempt.submitted_at is not None for attempt in job.attempts)
    row_bytes = len(job.model_dump_json(by_alias=True))
    row_writes = 1 + job.row_version + (job.finished and not job.event_published)
    transactions = _transactions(job)
    slot_writes = SLOT_WRITES * sum(attempt.claims for attempt in job.attempts)
    invocations = 1 + steps.invocations
    return AwsUsage(
        transitions=steps.transitions + EXECUTION_TRANSITIONS * (job.run if steps.transitions else 0),
        invocations=invocations,
        compute_ms=_compute_ms(job, steps, rates),
        table_writes=row_write_units(row_bytes) * (row_writes - transactions)
        + transaction_write_units(row_bytes) * transactions
        + slot_writes
        + BUDGET_WRITES * len(job.reservation.entries)
        + is_completed,
        table_reads=math.ceil(row_bytes / 4096) * (ROW_READS * invocations + is_completed)
        + len(job.reservation.entries),  # of the budget's limits
        s3_puts=(2 - (job.reused is not None) + rates.exports) * is_completed + _converted_parts(job),
        s3_gets=PROBE_GETS * max(1, job.plannings) + submitted,
        api_requests=steps.callbacks + (job.requested is not None),
        events=sum(restart.by_operator for restart in job.restarts) + (job.finished and not job.superseded),
        secret_reads=1,
        logged_bytes=LOGGED_BYTES * invocations,
        sent_bytes=submitted * (job.conversion or job.source).size_bytes,
    )


def row_write_units(row_bytes: int) -> int:
    """Return the write request units of one write of a job's row, with its entry in the index of open jobs."""
    return math.ceil(row_bytes / 1024) + INDEX_WRITE_UNITS


def transaction_write_units(row_bytes: int) -> int:
    """Return the write request units of a transaction of a job's row and a row of totals: twice those of each."""
    return 2 * math.ceil(row_bytes / 1024) + INDEX_WRITE_UNITS + TOTALS_WRITE_UNITS


def _transactions(job: Job) -> int:
    """Return how many writes of a job's row changed the totals: its creation, plans, ends, redrives, and costs."""
    redrives = sum(restart.by_operator for restart in job.restarts)
    return 1 + redrives + job.plannings + 2 * (redrives + job.finished)


@dataclass(frozen=True)
class _Steps:
    """How often each kind of step ran.

    submissions: without one in the function that received the S3 event; with the one after an empty object's rest.
    """

    submissions: int
    queries: int
    waits: int  # for a callback
    callbacks: int
    conversions: int
    recoveries: int  # by a step of the same execution

    @property
    def transitions(self) -> int:
        steps = STEP_TRANSITIONS * (self.submissions + self.queries + self.recoveries)
        return steps + TASK_TRANSITIONS * (self.waits + self.conversions)

    @property
    def invocations(self) -> int:
        steps = self.submissions + self.queries + self.waits + self.conversions + self.recoveries
        return steps + self.callbacks


def _steps(job: Job, rates: Rates) -> _Steps:
    submissions = sum(attempt.claims for attempt in job.attempts)
    queries = waits = callbacks = 0
    for attempt in job.attempts:
        modes = rates.completion_modes.get(attempt.vendor, frozenset())
        if attempt.submitted_at is None or Completion.SYNC in modes:
            continue
        has_callback = Completion.CALLBACK in modes and (attempt.called_back or not attempt.queries)
        ended_by_query = attempt.ended_at is not None and (attempt.called_back or not has_callback)
        callbacks += has_callback
        # A callback that arrives before the answer to the submission leaves nothing to wait for, and no task token.
        came_first = job.task_token is None and attempt.submitted_at == attempt.claimed_at
        waits += has_callback and not came_first
        queries += attempt.queries + ended_by_query
    return _Steps(
        submissions=submissions - _was_submitted_by_event(job, rates) + (job.rests_until is not None),
        queries=queries,
        waits=waits,
        callbacks=callbacks,
        conversions=int(job.conversion is not None or job.conversion_error is not None),
        recoveries=len(job.restarts) - (job.run - 1),
    )


def _was_submitted_by_event(job: Job, rates: Rates) -> bool:
    """Return whether the function that received the S3 event submitted the recording, with no step after it."""
    if not job.attempts or job.requested is not None or job.forms or job.attempts[0].vendor in rates.long_calls:
        return False
    claimed_at = job.attempts[0].claimed_at
    return claimed_at is not None and (claimed_at - job.created_at).total_seconds() < IN_EVENT_S


def _compute_ms(job: Job, steps: _Steps, rates: Rates) -> float:
    long_calls_s = sum(
        (attempt.ended_at - attempt.claimed_at).total_seconds()
        for attempt in job.attempts
        if attempt.vendor in rates.long_calls and attempt.claimed_at and attempt.ended_at
    )
    finish_ms = FINISH_MS + FINISH_MS_AN_HOUR * (job.audio_s or 0.0) / 3600
    return (
        SUBMIT_MS * (1 + steps.submissions)
        + QUERY_MS * (steps.queries + steps.recoveries)
        + CALLBACK_MS * steps.callbacks
        + finish_ms * (job.status is Status.COMPLETED)
        + 1000 * long_calls_s
        + (CONVERT_GB * job.conversion.compute_ms if job.conversion else 0)
    )


def _converted_parts(job: Job) -> int:
    return math.ceil(job.conversion.size_bytes / CONVERTED_PART_BYTES) if job.conversion else 0
