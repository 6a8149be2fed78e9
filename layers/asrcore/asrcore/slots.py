"""Slots of a vendor's rate limits: one per submission, and one per query where the vendor limits queries."""

from datetime import datetime, timedelta

from asrcore.core.budget import uploader_group
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job
from asrcore.core.rate_limit import LONG_QUEUE_S, SHORT_WAIT_S, SLOT_LEAD_S, SLOT_TOLERANCE_S, vendor_day
from asrcore.messages import Message
from asrcore.services import Services
from asrcore.spending import reserve_budget


def reserve_submission_slot(job: Job, services: Services, *, ahead_s: float) -> Job:
    """Reserve a slot for the current attempt, unless it has one that is not over.

    Args:
        job: a planned job whose attempt is not submitted.
        services: the stack's services.
        ahead_s: seconds from now before which the slot must not be.

    Returns:
        The job with the slot, saved.

    Raises:
        AsrError: `config`, DailyLimitReached: the next slot is days away, and another vendor may accept sooner;
            BudgetTooSmall: the recording alone costs more than the budget allows.
        BudgetReachedError: the budget has no room for the attempt.
        ConflictError: another invocation changed the job.
    """
    attempt, now = job.attempt, services.now()
    if attempt.has_slot and (now - attempt.due_at).total_seconds() <= SLOT_TOLERANCE_S:
        return job
    entry = reserve_budget(job, services)
    slot = services.jobs.reserve_slot(
        attempt.vendor,
        services.settings.rate_limit(attempt.vendor),
        now + timedelta(seconds=ahead_s),
        counted=vendor_day(attempt.due_at) if attempt.has_slot else None,
        latest=now + timedelta(seconds=LONG_QUEUE_S) if job.chain else None,
        group=uploader_group(job.source.key),
    )
    if slot is None:
        if entry:
            services.budget.cancel(entry)
        raise _daily_limit_reached(attempt.vendor)
    reserved = job.with_budget_entry(entry) if entry else job
    saved = services.jobs.save(reserved.assign_slot(slot, now))
    if entry:
        services.budget.forget(entry)
    return saved


def reserve_query_slot(job: Job, services: Services) -> datetime | None:
    """Return when the vendor may be queried about the current attempt; None for at once, without a rate limit.

    A slot that is further away than SHORT_WAIT_S seconds is saved on the job.
    """
    attempt, now = job.attempt, services.now()
    rate = services.settings.query_rate_limit(attempt.vendor)
    if rate is None:
        return None
    slot = attempt.query_slot
    if slot is None or (now - slot).total_seconds() > SLOT_TOLERANCE_S:
        slot = services.jobs.reserve_slot(f"{attempt.vendor}#query", rate, now + timedelta(seconds=SLOT_LEAD_S)) or now
        if (slot - now).total_seconds() > SHORT_WAIT_S:
            services.update_job(job.job_id, lambda job: job.assign_query_slot(attempt.number, slot, now))
    return slot


def _daily_limit_reached(vendor: str) -> AsrError:
    return AsrError(ErrorClass.CONFIG, "DailyLimitReached", Message("DailyLimitReached"), vendor)
