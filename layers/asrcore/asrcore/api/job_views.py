"""A job as the API shows it: its row without secrets, its stage, and the paths about it."""

from asrcore.api.models import (
    JobDetail,
    JobSummary,
    Links,
    NumberedAttempt,
    Recording,
    Stage,
    VendorReason,
    WaitingReason,
)
from asrcore.core.choice import VendorChoice
from asrcore.core.cost import incurred
from asrcore.core.job import Attempt, Job, Status
from asrcore.core.recording_keys import file_name
from asrcore.core.remote_recordings import is_remote
from asrcore.core.step import Next
from asrcore.core.vendor import SHORT_CALL_S
from asrcore.messages import Language, Message, render, render_stored
from asrcore.services import Services


def summary(job: Job, services: Services, language: Language) -> JobSummary:
    """Return a job as in a list. language: of its texts."""
    here = f"/jobs/{job.job_id}"
    until = job.updated_at if job.finished else services.now()
    at = stage(job, services)
    typical_s = None
    if job.vendor and job.audio_s is not None:
        typical_s = services.turnaround_stats.typical_s(job.vendor, job.audio_s, services.now())
    return JobSummary(
        job_id=job.job_id,
        name=file_name(job.source.key),
        status=job.status,
        stage=at,
        waiting=_waiting(job, at, language),
        vendor=job.vendor,
        recording=Recording(
            bucket=job.source.bucket,
            key=job.source.key,
            version_id=job.source.version_id,
            size_bytes=None if is_remote(job.source.key) else job.source.size_bytes,
            audio=job.audio,
        ),
        length_s=job.audio_s,
        created_at=job.created_at,
        updated_at=job.updated_at,
        elapsed_s=max(0.0, (until - job.created_at).total_seconds()),
        typical_s=typical_s,
        # The stored cost is of the last end: a job that was redriven costs more by now.
        cost=(job.cost if job.event_published else None) or incurred(job, services.settings.rates),
        error=job.error.in_language(language) if job.error else None,
        warnings=[warning.in_language(language) for warning in job.warnings],
        tags=job.tags,
        links=Links(self=here, transcript=f"{here}/transcript" if job.status is Status.COMPLETED else None),
    )


def detail(job: Job, services: Services, language: Language) -> JobDetail:
    """Return a job with everything that the API shows. language: of its texts."""
    return JobDetail(
        **dict(summary(job, services, language)),
        choice=choice(job.choice, language) if job.choice else None,
        conversion=job.converted.record() if job.converted else None,
        correction=job.correction,
        attempts=[_attempt(each, language) for each in job.attempts],
        options=job.options.model_dump(mode="json"),
    )


def choice(chosen: VendorChoice, language: Language) -> VendorReason:
    """Return why a vendor was chosen. language: of the text."""
    return VendorReason(code=chosen.code, params=chosen.params, text=render(chosen.reason, language))


def _waiting(job: Job, at: Stage, language: Language) -> WaitingReason | None:
    """Return why a job waits before it is submitted; None if it does not. at: its stage."""
    if job.budget_wait is not None and at is Stage.WAITING_FOR_BUDGET:
        known, end = job.budget_wait.reason, job.budget_wait.until
        said = {"reason": known.in_language(language).text, "time": f"{end:%Y-%m-%d %H:%M} UTC"}
        text = render(Message("waiting.budget", said), language)
        return WaitingReason(code="BudgetReached", params=known.params, text=text, until=end)
    reason, until = None, None
    if at is Stage.NEW and job.rests_until is not None:
        reason, until = Message("waiting.content"), job.rests_until
    elif at is Stage.WAITING_FOR_SLOT:
        failed = next((each for each in reversed(job.attempts) if each.code), None)
        reason, until = _waiting_for_slot(job.attempt, failed), job.free_from()
    if reason is None:
        return None
    return WaitingReason(code=reason.code, params=dict(reason.params), text=render(reason, language), until=until)


def _waiting_for_slot(attempt: Attempt, failed: Attempt | None) -> Message:
    """Return why an attempt is not submitted yet. failed: the job's last attempt that failed, if one did."""
    if attempt.has_slot or failed is None or failed.vendor != attempt.vendor:
        return Message("waiting.slot", {"vendor": attempt.vendor})
    return Message("waiting.retry", {"vendor": attempt.vendor, "code": failed.code or ""})


def _attempt(attempt: Attempt, language: Language) -> NumberedAttempt:
    shown = {name: getattr(attempt, name) for name in NumberedAttempt.model_fields}
    if attempt.message is not None:
        shown["message"] = render_stored(attempt.message_code, attempt.params, attempt.message, language)
    return NumberedAttempt(**shown)


def stage(job: Job, services: Services) -> Stage:
    """Return the job's stage, read off its row as the next step is."""
    if job.finished:
        return Stage.COMPLETED if job.status is Status.COMPLETED else Stage.FAILED
    if not job.planned or job.awaits_conversion:
        queued = Stage.WAITING_FOR_BUDGET if job.waits_for_budget else Stage.NEW
        return Stage.CONVERTING if job.planned else queued
    attempt, following = job.attempt, services.next_step(job)
    if attempt.submitted_at is None:
        is_claimed = attempt.claimed_at is not None and attempt.claimed_at >= attempt.due_at
        if not is_claimed:
            return Stage.WAITING_FOR_SLOT
        is_long = services.vendors[attempt.vendor].longest_call_s > SHORT_CALL_S
        return Stage.WAITING_FOR_RESULT if is_long else Stage.SUBMITTING
    if following.next is Next.CALLBACK:
        return Stage.WAITING_FOR_CALLBACK
    return Stage.FETCHING_RESULT if attempt.called_back else Stage.WAITING_FOR_RESULT
