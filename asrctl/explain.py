"""The story of one job in plain words, read off its row: what happened when, what it waits for, what to do."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from asrcore.core.errors import ErrorClass
from asrcore.core.job import Attempt, Job, Status
from asrcore.core.step import Next, next_check_deadline, next_step
from asrcore.core.vendor import Completion
from asrctl.formatting import count, describe_recording, first_line, format_money, quote_name

_ADVICE = {
    ErrorClass.CONFIG: "put right what the message says, then: python -m asrctl redrive {job_id}",
    ErrorClass.RETRY: "it may have passed by now: python -m asrctl redrive {job_id}",
    ErrorClass.BAD_AUDIO: "upload the recording again, corrected; this one ends the same way unless vendors were added",
}


@dataclass(frozen=True)
class JobExplanation:
    """What there is to tell: sentences in the order of time, then one that says what to do."""

    sentences: list[str]
    advice: str


@dataclass
class _Calendar:
    """Says a moment with its date when that is another one than was said before."""

    said: str = ""

    def at(self, moment: datetime) -> str:
        date, time = moment.strftime("%Y-%m-%d %H:%M:%S").split(" ")
        if date == self.said:
            return f"at {time}"
        self.said = date
        return f"on {date} at {time}"


def explain_job(
    job: Job, completion_modes: AbstractSet[Completion], *, execution: str | None, transcript_bucket: str, now: datetime
) -> JobExplanation:
    """The job's story.

    completion_modes: of the current attempt's vendor.  execution: the status of the current execution, None without.
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
    moments = [(job.created_at, "it was taken from the bucket")]
    moments += [(restart.at, f"it was set going again: {restart.reason}") for restart in job.restarts]
    for attempt in job.attempts:
        moments += _moments(attempt)
    return sorted(moments, key=lambda moment: moment[0])


def _moments(attempt: Attempt) -> Iterator[tuple[datetime, str]]:
    vendor, number = attempt.vendor, attempt.number
    if attempt.submitted_at is not None:
        task = f", task {attempt.vendor_task_id}" if attempt.vendor_task_id else ""
        yield attempt.submitted_at, f"it was handed to {vendor} (attempt {number}{task})"
    elif attempt.claimed_at is not None:
        yield attempt.claimed_at, f"handing it to {vendor} began (attempt {number})"
    if attempt.ended_at is None:
        return
    if attempt.outcome == "completed":
        yield attempt.ended_at, f"{vendor} gave the transcript"
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
        if not any(attempt.ended_at for attempt in job.attempts):  # else the story has them already
            yield from details
    if job.cost is not None:
        without = "" if job.cost.total else ", without the vendor, whose price is unknown"
        yield f"It cost {format_money(job.cost.known)}{without}."
    if job.finished and not job.event_published:
        yield "The event that tells of this end has not been sent yet; the sweep sends it."


def _wait(
    job: Job, completion_modes: AbstractSet[Completion], execution: str | None, calendar: _Calendar, now: datetime
) -> Iterator[str]:
    if job.finished:
        return
    if job.awaits_conversion and job.form is not None:
        yield f"It is {job.status}: its sound is converted to {job.form.in_words()}, which {job.vendor} takes."
    else:
        yield f"It is {job.status}: {_waits_for(job, completion_modes, calendar)}."
    if execution != "RUNNING":
        state = f"is {execution}" if execution else "does not exist"
        yield f"Its execution {job.execution_name} {state}: nobody looks after it but the sweep."
    if now >= _next_check_deadline(job, completion_modes):
        yield f"Nobody has moved it for longer than any step takes: since {calendar.at(job.updated_at)}."


def _waits_for(job: Job, completion_modes: AbstractSet[Completion], calendar: _Calendar) -> str:
    step = next_step(job, completion_modes, job.updated_at)
    if not job.planned:
        return "it waits to be looked at, which takes seconds"
    due = calendar.at(job.updated_at + timedelta(seconds=step.wait_s))
    vendor, number = job.attempt.vendor, job.attempt.number
    match step.next:
        case Next.CALLBACK if Completion.QUERY in completion_modes:
            return f"it waits for the callback of {vendor}, which is asked {due} if none has come"
        case Next.CALLBACK:
            return f"it waits for the callback of {vendor}; attempt {number} has failed if none has come {due}"
        case Next.QUERY:
            return f"{vendor} was asked {count(job.attempt.queries, 'time')} and is asked again {due}"
        case _ if job.attempt.claimed_at is not None:
            return f"whether {vendor} took it is not known yet; if that stays so it is handed over again {due}"
        case _:
            turn = calendar.at(job.free_from())  # the state machine wakes a little earlier
            return f"it is handed to {vendor} (attempt {number}) {turn}, when its turn has come"


def _advice(job: Job, completion_modes: AbstractSet[Completion], now: datetime) -> str:
    if job.error is not None:
        return _ADVICE[job.error.class_].format(job_id=job.job_id)
    if job.finished:
        return "nothing"
    if now >= _next_check_deadline(job, completion_modes):
        return "if the sweep does not pick it up within five minutes, see whether SweepFunction runs"
    deadline = job.deadline_at.strftime("%Y-%m-%d %H:%M:%S")
    return f"nothing, it goes on by itself; at the latest it ends FAILED on {deadline}"


def _next_check_deadline(job: Job, completion_modes: AbstractSet[Completion]) -> datetime:
    return min(next_check_deadline(job, completion_modes), job.deadline_at)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
