"""Explain one job from its row: what happened and when, what it waits for, and what to do."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from asrcore.core.errors import ErrorClass
from asrcore.core.job import Attempt, Job, JobError, Status
from asrcore.core.step import Next, next_check_deadline, next_step
from asrcore.core.vendor import Completion
from asrcore.messages import Message, Param, render
from asrctl.formatting import describe_recording, format_money, program_name, quote_name

_ADVICE = {
    ErrorClass.CONFIG: "cli.why.advice.config",
    ErrorClass.RETRY: "cli.why.advice.retry",
    ErrorClass.BAD_AUDIO: "cli.why.advice.bad_audio",
}


@dataclass(frozen=True)
class JobExplanation:
    """What happened, as sentences in time order, and what to do, as one clause."""

    sentences: list[Message]
    advice: Message


@dataclass
class _Calendar:
    """Write moments, with the date only where it changes."""

    date: str = ""

    def at(self, moment: datetime) -> str:
        date, time = moment.strftime("%Y-%m-%d %H:%M:%S").split(" ")
        if date == self.date:
            return time
        self.date = date
        return f"{date} {time}"


def explain_job(
    job: Job,
    completion_modes: AbstractSet[Completion],
    *,
    execution: str | None,
    transcript_bucket: str,
    now: datetime,
    options: str = "",
) -> JobExplanation:
    """Return the explanation of a job.

    Args:
        completion_modes: of the current attempt's vendor.
        execution: the status of the current run's execution; None without one.
        now: UTC.
        options: those that name the stack in a further command.
    """
    calendar = _Calendar()
    about: dict[str, Param] = {
        "job": job.job_id,
        "key": quote_name(job.source.key),
        "recording": describe_recording(job),
    }
    past = [Message(code, {"time": calendar.at(moment), **params}) for moment, code, params in _past(job)]
    return JobExplanation(
        [
            Message("cli.why.job", about),
            *past,
            *_choice(job),
            *_end(job, transcript_bucket),
            *_wait(job, completion_modes, execution, calendar, now),
            *(
                Message("cli.why.warning", {"warning": _known(warning.message, warning.text)})
                for warning in job.warnings
            ),
        ],
        _advice(job, completion_modes, now, options),
    )


_Event = tuple[datetime, str, dict[str, Param]]  # when, and a message about it without the time


def _known(message: Message | None, text: str | None) -> Message | str:
    """Return a message of the row, or its English text if this version does not have the message."""
    try:
        return message if message is not None and render(message) else text or ""
    except LookupError:
        return text or ""


def _past(job: Job) -> list[_Event]:
    events: list[_Event] = [(job.created_at, "cli.why.created", {})]
    events += [
        (each.at, "cli.why.restarted", {"reason": _known(each.reason.message, each.reason.text)})
        for each in job.restarts
    ]
    for attempt in job.attempts:
        events += _events(attempt)
    return sorted(events, key=lambda event: event[0])


def _events(attempt: Attempt) -> Iterator[_Event]:
    about: dict[str, Param] = {"vendor": attempt.vendor, "number": attempt.number}
    if attempt.submitted_at is not None and attempt.vendor_task_id:
        yield attempt.submitted_at, "cli.why.submitted_as_task", {**about, "task": attempt.vendor_task_id}
    elif attempt.submitted_at is not None:
        yield attempt.submitted_at, "cli.why.submitted", about
    elif attempt.claimed_at is not None:
        yield attempt.claimed_at, "cli.why.claimed", about
    if attempt.ended_at is None:
        return
    if attempt.outcome == "completed":
        yield attempt.ended_at, "cli.why.transcript_returned", about
    else:
        problem = _known(attempt.reason, attempt.message)
        failure: dict[str, Param] = {"code": str(attempt.code), "class": str(attempt.outcome), "problem": problem}
        yield attempt.ended_at, "cli.why.attempt_failed", {**about, **failure}


def _choice(job: Job) -> Iterator[Message]:
    if job.vendor and job.choice:
        yield Message("cli.why.vendor", {"vendor": job.vendor, "reason": job.choice.reason})


def _end(job: Job, transcript_bucket: str) -> Iterator[Message]:
    if job.status is Status.COMPLETED:
        transcript = quote_name(f"s3://{transcript_bucket}/{job.transcript_key}")
        yield Message("cli.why.completed", {"transcript": transcript})
    elif job.error is not None:
        yield _failure(job.error, has_attempts=any(attempt.ended_at for attempt in job.attempts))
    if job.cost is not None:
        code = "cli.why.cost" if job.cost.total else "cli.why.cost_without_vendor"
        yield Message(code, {"amount": format_money(job.cost.known)})
    if job.finished and not job.event_published:
        yield Message("cli.why.event_not_published")


def _failure(error: JobError, *, has_attempts: bool) -> Message:
    """Say with what a job failed, in full unless its attempts say the rest."""
    about: dict[str, Param] = {
        "code": error.code,
        "class": str(error.class_),
        "problem": _known(error.reason, error.message),
    }
    if error.vendor is None:
        return Message("cli.why.failed_in_short" if has_attempts else "cli.why.failed", about)
    code = "cli.why.failed_at_vendor_in_short" if has_attempts else "cli.why.failed_at_vendor"
    return Message(code, {**about, "vendor": error.vendor})


def _wait(
    job: Job, completion_modes: AbstractSet[Completion], execution: str | None, calendar: _Calendar, now: datetime
) -> Iterator[Message]:
    if job.finished:
        return
    status = str(job.status)
    if job.budget_wait is not None and job.waits_for_budget:
        reason, until = job.budget_wait.reason, calendar.at(job.budget_wait.until)
        about: dict[str, Param] = {"status": status, "reason": _known(reason.message, reason.text), "time": until}
        yield Message("cli.why.waits_for_budget", about)
    elif job.awaits_conversion and job.form is not None:
        yield Message("cli.why.converts", {"status": status, "form": job.form.in_words(), "vendor": str(job.vendor)})
    else:
        yield Message("cli.why.waits", {"status": status, "what": _waits_for(job, completion_modes, calendar)})
    if execution is None:
        yield Message("cli.why.no_execution", {"execution": job.execution_name})
    elif execution != "RUNNING":
        yield Message("cli.why.execution_ended", {"execution": job.execution_name, "state": execution})
    if now >= _next_check_deadline(job, completion_modes):
        yield Message("cli.why.stalled", {"time": calendar.at(job.updated_at)})


def _waits_for(job: Job, completion_modes: AbstractSet[Completion], calendar: _Calendar) -> Message:
    step = next_step(job, completion_modes, job.updated_at)
    if not job.planned:
        return _waits_for_plan(job, calendar)
    due = calendar.at(job.updated_at + timedelta(seconds=step.wait_s))
    about: dict[str, Param] = {"vendor": job.attempt.vendor, "number": job.attempt.number, "time": due}
    match step.next:
        case Next.CALLBACK if Completion.QUERY in completion_modes:
            return Message("cli.why.waits_for_callback_or_query", about)
        case Next.CALLBACK:
            return Message("cli.why.waits_for_callback", about)
        case Next.QUERY:
            return Message("cli.why.waits_for_query", {**about, "count": job.attempt.queries})
        case _ if job.attempt.claimed_at is not None:
            return Message("cli.why.waits_for_answer", about)
        case _:
            slot = calendar.at(job.free_from())  # the state machine wakes a little earlier
            return Message("cli.why.waits_for_slot", {**about, "time": slot})


def _waits_for_plan(job: Job, calendar: _Calendar) -> Message:
    if job.rests_until is None:
        return Message("cli.why.waits_for_probe")
    return Message("cli.why.waits_for_content", {"time": calendar.at(job.rests_until)})


def _advice(job: Job, completion_modes: AbstractSet[Completion], now: datetime, options: str) -> Message:
    if job.superseded:
        return Message("cli.why.advice.superseded")
    if job.error is not None:
        return Message(_ADVICE[job.error.class_], {"job": job.job_id, "program": program_name(), "options": options})
    if job.finished:
        return Message("cli.why.advice.nothing")
    if now >= _next_check_deadline(job, completion_modes):
        return Message("cli.why.advice.sweep")
    if job.waits_for_budget:
        return Message("cli.why.advice.budget", {"program": program_name(), "options": options})
    return Message("cli.why.advice.wait", {"time": job.deadline_at.strftime("%Y-%m-%d %H:%M:%S")})


def _next_check_deadline(job: Job, completion_modes: AbstractSet[Completion]) -> datetime:
    return min(next_check_deadline(job, completion_modes), job.deadline_at)
