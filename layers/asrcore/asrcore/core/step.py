"""The next step of a job, from its row alone, so that every invocation decides the same."""

import math
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from asrcore.core.job import Job, Status
from asrcore.core.polling import callback_patience_s, next_delay
from asrcore.core.rate_limit import STARTUP_S
from asrcore.core.vendor import Completion

# Seconds after a step was due. Longer than a step and the recovery from it can take, with every retry: past it, a job
# whose execution does not run is stalled. A step with a long call to a vendor claims the attempt before it.
GRACE_S = 1320
# The same with every long call cut off, and while AWS Lambda has no room for either: past it, every job is stalled.
THROTTLED_GRACE_S = 13500


class Next(StrEnum):
    """The steps that the state machine dispatches."""

    CONVERT = "convert"
    SUBMIT = "submit"
    QUERY = "query"
    CALLBACK = "callback"
    COMPLETED = "completed"
    FAILED = "failed"


class Step(BaseModel):
    """The envelope that every Lambda task returns to the state machine: references only, never a transcript."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    next: Next
    wait_s: int = 0

    def envelope(self) -> dict[str, str | int]:
        """Return the step as JSON values."""
        return {"job_id": self.job_id, "next": str(self.next), "wait_s": self.wait_s}


def next_step(job: Job, completion_modes: AbstractSet[Completion], now: datetime) -> Step:
    """Return the next step, and in how many seconds. completion_modes: of the current attempt's vendor."""
    if job.finished:
        return Step(job_id=job.job_id, next=Next.COMPLETED if job.status is Status.COMPLETED else Next.FAILED)
    if not job.planned:
        return Step(job_id=job.job_id, next=Next.SUBMIT, wait_s=_queued_s(job, now))
    attempt = job.attempt
    if job.awaits_conversion:
        return Step(job_id=job.job_id, next=Next.CONVERT)
    if attempt.submitted_at is None:
        return Step(job_id=job.job_id, next=Next.SUBMIT, wait_s=_wait_to_submit_s(job, now))
    elapsed_s = (now - attempt.submitted_at).total_seconds()
    patience_s = _patience_s(job, completion_modes)
    can_query = Completion.QUERY in completion_modes
    if (
        Completion.CALLBACK in completion_modes
        and not attempt.called_back
        and (elapsed_s < patience_s or not can_query)
    ):
        # Never 0: a task that waits for its token needs a time limit above it.
        return Step(job_id=job.job_id, next=Next.CALLBACK, wait_s=max(1, math.ceil(patience_s - elapsed_s)))
    has_news = attempt.called_back and attempt.queries == 0
    delay_s = 0 if has_news else next_delay(job.audio_s or 0.0, elapsed_s, attempt.queries, attempt.typical_s)
    return Step(job_id=job.job_id, next=Next.QUERY, wait_s=math.ceil(delay_s))


def end_of_deleted(job_id: str) -> Step:
    """Return the step that ends the execution of a job whose row was deleted."""
    return Step(job_id=job_id, next=Next.FAILED)


def next_check_deadline(job: Job, completion_modes: AbstractSet[Completion]) -> datetime:
    """Return when a job that no step has changed is stalled.

    The last move decides how long to wait; a step that runs is not GRACE_S late.
    """
    wait_s = next_step(job, completion_modes, job.updated_at).wait_s
    return job.updated_at + timedelta(seconds=wait_s + GRACE_S)


def is_overdue(job: Job, completion_modes: AbstractSet[Completion], result_deadline_s: float, now: datetime) -> bool:
    """Return whether the current attempt has waited too long. result_deadline_s: of a vendor with queries."""
    submitted_at = job.attempt.submitted_at if job.planned else None
    if submitted_at is None:
        return False
    return now >= submitted_at + timedelta(seconds=result_limit_s(job, completion_modes, result_deadline_s))


def result_limit_s(job: Job, completion_modes: AbstractSet[Completion], result_deadline_s: float) -> float:
    """Return the seconds after its submission at which the current attempt ends. result_deadline_s: as above."""
    return result_deadline_s if Completion.QUERY in completion_modes else _patience_s(job, completion_modes)


def _patience_s(job: Job, completion_modes: AbstractSet[Completion]) -> float:
    return callback_patience_s(job.audio_s or 0.0, can_query=Completion.QUERY in completion_modes)


def _queued_s(job: Job, now: datetime) -> int:
    """Return the seconds until a job without a plan continues; 0 for one that waits for nothing."""
    return max(0, math.ceil((job.queued_until - now).total_seconds())) if job.queued_until else 0


def _wait_to_submit_s(job: Job, now: datetime) -> int:
    """Return whole seconds; before a slot, STARTUP_S less, so that a process can start and keep the slot."""
    wait_s = (job.free_from() - now).total_seconds()
    awaits_slot = job.attempt.has_slot and job.free_from() == job.attempt.due_at
    return max(0, math.floor(wait_s - STARTUP_S) if awaits_slot else math.ceil(wait_s))
