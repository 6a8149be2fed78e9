"""Explain one job from its row: what happened and when, what it waits for, and what to do."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from asrcore.core.errors import ErrorClass
from asrcore.core.job import Attempt, Job, Status
from asrcore.core.step import Next, next_check_deadline, next_step
from asrcore.core.vendor import Completion
from asrctl.formatting import count, describe_recording, first_line, format_money, program_name, quote_name

_ADVICE = {
    ErrorClass.CONFIG: "correct what the message names, then: {program} redrive {job_id}",
    ErrorClass.RETRY: "the cause may be gone by now: {program} redrive {job_id}",
    ErrorClass.BAD_AUDIO: "upload a corrected recording; this one ends the same way unless vendors were added",
}


@dataclass(frozen=True)
class JobExplanation:
    """What happened, as sentences in time order, and what to do, as one clause."""

    sentences: list[str]
    advice: str


@dataclass
class _Calendar:
    """Write moments, with the date only where it changes."""

    date: str = ""

    def at(self, moment: datetime) -> str:
        date, time = moment.strftime("%Y-%m-%d %H:%M:%S").split(" ")
        if date == self.date:
            return f"at {time}"
        self.date = date
        return f"on {date} at {time}"


def explain_job(
    job: Job, completion_modes: AbstractSet[Completion], *, execution: str | None, transcript_bucket: str, now: datetime
) -> JobExplanation:
    """Return the explanation of a job.

    Args:
        completion_modes: of the current attempt's vendor.
        execution: the status of the current run's execution; None without one.
        now: UTC.
    """
    calendar = _Calendar()
    past = [f"{_capital(calendar.at(moment))} {what}." for moment, what in _past(job)]
    return JobExplanation(
        [
            f"Job {job.job_id}: {quote_name(job.source.key)} ({describe_recording(job)}). Times are UTC.",
            *past,
            *_choice(job),
            *_end(job, transcript_bucket),
            *_wait(job, completion_modes, execution, calendar, now),
            *(f"Warning: {warning}." for warning in job.warnings),
        ],
        _advice(job, completion_modes, now),
    )


def _past(job: Job) -> list[tuple[datetime, str]]:
    moments = [(job.created_at, "the job was created")]
    moments += [(restart.at, f"it was restarted: {restart.reason}") for restart in job.restarts]
    for attempt in job.attempts:
        moments += _moments(attempt)
    return sorted(moments, key=lambda moment: moment[0])


def _moments(attempt: Attempt) -> Iterator[tuple[datetime, str]]:
    vendor, number = attempt.vendor, attempt.number
    if attempt.submitted_at is not None:
        task = f", task {attempt.vendor_task_id}" if attempt.vendor_task_id else ""
        yield attempt.submitted_at, f"it was submitted to {vendor} (attempt {number}{task})"
    elif attempt.claimed_at is not None:
        yield attempt.claimed_at, f"its submission to {vendor} began (attempt {number})"
    if attempt.ended_at is None:
        return
    if attempt.outcome == "completed":
        yield attempt.ended_at, f"{vendor} returned the transcript"
    else:
        said = first_line(attempt.message or "").rstrip(".")
        yield attempt.ended_at, f"attempt {number} with {vendor} failed: {attempt.code} ({attempt.outcome}), {said}"


def _choice(job: Job) -> Iterator[str]:
    if job.vendor and job.choice:
        yield f"The vendor is {job.vendor}, {job.choice.text}."


def _end(job: Job, transcript_bucket: str) -> Iterator[str]:
    if job.status is Status.COMPLETED:
        yield f"It is COMPLETED: the transcript is {quote_name(f's3://{transcript_bucket}/{job.transcript_key}')}."
    elif job.error is not None:
        by = f" of {job.error.vendor}" if job.error.vendor else ""
        said, *details = job.error.message.rstrip(".").split("\n")
        yield f"It FAILED with {job.error.code}{by} (class {job.error.class_}): {said}."
        if not any(attempt.ended_at for attempt in job.attempts):  # else they are among the sentences above
            yield from details
    if job.cost is not None:
        without = "" if job.cost.total else ", without the vendor, whose price is unknown"
        yield f"It cost {format_money(job.cost.known)}{without}."
    if job.finished and not job.event_published:
        yield "The event of this end is not published yet; the sweep publishes it."


def _wait(
    job: Job, completion_modes: AbstractSet[Completion], execution: str | None, calendar: _Calendar, now: datetime
) -> Iterator[str]:
    if job.finished:
        return
    if job.awaits_conversion and job.form is not None:
        yield f"It is {job.status}: the recording is converted to {job.form.in_words()}, which {job.vendor} accepts."
    else:
        yield f"It is {job.status}: {_waits_for(job, completion_modes, calendar)}."
    if execution != "RUNNING":
        state = f"is {execution}" if execution else "does not exist"
        yield f"Its execution {job.execution_name} {state}: only the sweep can resume the job."
    if now >= _next_check_deadline(job, completion_modes):
        yield f"It last changed {calendar.at(job.updated_at)}: longer ago than any step needs."


def _waits_for(job: Job, completion_modes: AbstractSet[Completion], calendar: _Calendar) -> str:
    step = next_step(job, completion_modes, job.updated_at)
    if not job.planned:
        return "it waits for the probe of the recording, which needs seconds"
    due = calendar.at(job.updated_at + timedelta(seconds=step.wait_s))
    vendor, number = job.attempt.vendor, job.attempt.number
    match step.next:
        case Next.CALLBACK if Completion.QUERY in completion_modes:
            return f"it waits for the callback of {vendor}, which is queried {due} if none has come"
        case Next.CALLBACK:
            return f"it waits for the callback of {vendor}; if none has come {due}, attempt {number} fails"
        case Next.QUERY:
            return f"{vendor} was queried {count(job.attempt.queries, 'time')}, and is queried again {due}"
        case _ if job.attempt.claimed_at is not None:
            return f"it is unknown whether {vendor} accepted it; if that stays so, it is submitted again {due}"
        case _:
            slot = calendar.at(job.free_from())  # the state machine wakes a little earlier
            return f"it is submitted to {vendor} (attempt {number}) {slot}, at its reserved slot"


def _advice(job: Job, completion_modes: AbstractSet[Completion], now: datetime) -> str:
    if job.error is not None:
        return _ADVICE[job.error.class_].format(job_id=job.job_id, program=program_name())
    if job.finished:
        return "nothing"
    if now >= _next_check_deadline(job, completion_modes):
        return "if the sweep does not resume it within five minutes, check that SweepFunction runs"
    deadline = job.deadline_at.strftime("%Y-%m-%d %H:%M:%S")
    return f"nothing; it continues by itself, and ends FAILED on {deadline} at the latest"


def _next_check_deadline(job: Job, completion_modes: AbstractSet[Completion]) -> datetime:
    return min(next_check_deadline(job, completion_modes), job.deadline_at)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
