"""The event of a job that ended, published once, with what is due at the end of every job."""

from datetime import timedelta

from asrcore.core.budget import uploader_group
from asrcore.core.cost import incurred
from asrcore.core.form import converted_prefix
from asrcore.core.job import Job, Status
from asrcore.core.job_event import JobEvent
from asrcore.core.rate_limit import vendor_day
from asrcore.ports import CountedSubmission
from asrcore.services import Services
from asrcore.spending import correct_budget


def publish_end(job: Job, services: Services) -> Job:
    """Publish the event of a job that ended, unless that was done.

    Returns:
        The job, marked as published. Of several invocations that publish the same end, one counts its metrics. The end
        of a superseded job is marked, but neither published nor counted.
    """
    if not job.finished or job.event_published:
        return job
    _delete_converted(job, services)
    cost = incurred(job, services.settings.rates)
    if not job.superseded:  # the newer object has a job of its own, and that one's event
        event = JobEvent.of(job, services.settings.transcript_bucket, cost)
        services.events.publish(event.detail_type, event.model_dump(mode="json", by_alias=True))
    correction = correct_budget(job, services)
    expires_at = int((services.now() + timedelta(days=services.settings.row_retention_days)).timestamp())
    is_first = False

    def mark(current: Job) -> Job:
        nonlocal is_first
        is_first = current.run == job.run and not current.event_published
        return current.mark_event_published(expires_at, cost, correction) if is_first else current

    marked = services.update_job(job.job_id, mark, released=_unused_submission(job, services))
    if is_first and correction:
        services.budget.forget(correction)
    if is_first and not job.superseded:
        services.metrics.ended(marked, before=job.cost)
        _record_turnaround(marked, services)
    return marked


def _unused_submission(job: Job, services: Services) -> CountedSubmission | None:
    """Return the submission that a day of the vendor counts although the job ended before it; None without one."""
    attempt = job.attempts[-1] if job.attempts else None
    if attempt is None or not attempt.has_slot or attempt.claimed_at or attempt.ended_at:
        return None
    if not services.settings.rate_limit(attempt.vendor).per_day:
        return None
    return CountedSubmission(attempt.vendor, vendor_day(attempt.due_at), uploader_group(job.source.key))


def _delete_converted(job: Job, services: Services) -> None:
    """Delete every version of what the recording was converted to: nothing reads it after the end."""
    if not job.forms:
        return
    for version in services.versions.under(job.source.bucket, converted_prefix(job.job_id)):
        services.versions.delete(version)


def _record_turnaround(job: Job, services: Services) -> None:
    """Record the vendor's time from submission to result: it decides when the next job's vendor is queried."""
    if job.status is not Status.COMPLETED or job.reused:
        return
    attempt = job.attempt
    if job.audio_s is not None and attempt.submitted_at is not None and attempt.ended_at is not None:
        turnaround_s = (attempt.ended_at - attempt.submitted_at).total_seconds()
        services.turnaround_stats.record(attempt.vendor, job.audio_s, turnaround_s, services.now())
