"""The last stage of a job: the outcome of the stages before is recorded here and nowhere else.

A result is stored in this order, each step harmless to repeat: the vendor's raw reply, the transcript and its exports,
the row, the event.
"""

from collections.abc import Sequence

from asrcore.core.cost import incurred
from asrcore.core.errors import AsrError
from asrcore.core.job import Job, Status
from asrcore.core.money import Cost
from asrcore.core.redaction import mask_addresses, mask_addresses_in_bytes
from asrcore.core.routing import followers
from asrcore.core.transcript import Recognition, Transcript, transcript_key
from asrcore.core.vendor import read_warnings
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.outcome import AttemptFailed, JobFailed, Outcome, Recognized, Reused
from asrcore.publication import publish_end
from asrcore.services import Services


def settle(outcome: Outcome, services: Services) -> Job:
    """Record the outcome of a stage on its job, and publish the job's event if it ended.

    Args:
        outcome: a result, that of an earlier version, a failed attempt, a failed job, or a job on whose row everything
            is recorded already.
        services: the stack's services.

    Returns:
        The job as it is saved now. A job that ended meanwhile stays as it ended.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    match outcome:
        case Recognized():
            job = _complete(outcome, services)
        case Reused():
            job = _reuse(outcome, services)
        case AttemptFailed():
            job = _fail_attempt(outcome.job, outcome.error, services)
        case JobFailed():
            job = _fail_job(outcome.job, outcome.error, services)
        case _:
            job = outcome
    return publish_end(job, services)


def _complete(result: Recognized, services: Services) -> Job:
    """Store a result and complete its job, unless the job has another attempt or has ended meanwhile."""
    job, recognition = services.load_job(result.job.job_id), result.recognition  # a vendor's call may take minutes
    if job.finished or job.attempt.number != result.job.attempt.number:
        LOG.info("a late result is discarded", attempt=result.job.attempt.number)
        return job
    now, number, key = services.now(), job.attempt.number, transcript_key(job.source)
    warnings = [] if recognition.text else [Message("warning.no-speech")]
    warnings += read_warnings(result.raw.warning)
    done = job.complete(result.vendor_task_id, key, warnings, now, duration_ms=recognition.duration_ms)
    saved = done.model_copy(update={"row_version": done.row_version + 1})
    transcript = _transcript(done, recognition, incurred(saved, services.settings.rates))
    raw = result.raw
    kept = {name: mask_addresses(value) for name, value in raw.headers.items()}
    fields = services.vendors[done.attempt.vendor].form_fields
    body = mask_addresses_in_bytes(raw.body, fields)  # vendors repeat the recording's address, which is a secret
    services.transcripts.put_raw(job.job_id, body, {"content-type": raw.content_type, **kept})
    key, more = _store(transcript, services)
    warnings += more

    def complete(current: Job) -> Job:
        is_same = current.planned and current.attempt.number == number
        if not is_same:
            return current
        return current.complete(result.vendor_task_id, key, warnings, now, duration_ms=recognition.duration_ms)

    moved = services.update_job(job.job_id, complete)
    if moved.status is Status.COMPLETED:
        LOG.info("completed", attempt=number, vendor=job.attempt.vendor, utterances=len(recognition.utterances))
    return moved


def _store(transcript: Transcript, services: Services) -> tuple[str, Sequence[Message]]:
    """Store a transcript with its exports; apart from them, if a newer version has its transcript already.

    Returns:
        Its key, and a warning for each part that could not be stored as usual.
    """
    key, body = transcript_key(transcript.source), transcript.model_dump_json(by_alias=True).encode()
    if services.transcripts.put_transcript(key, body, transcript.source):
        return key, _export(transcript, key, services)
    key = f"superseded/{transcript.job_id}.json"
    services.transcripts.put_superseded(key, body, transcript.source)
    return key, [Message("warning.superseded")]


def _reuse(reused: Reused, services: Services) -> Job:
    """Store the transcript of an earlier version for this one, which has the same bytes, and complete its job."""
    job, new, earlier = services.load_job(reused.job.job_id), reused.new, reused.earlier
    if job.status is not Status.QUEUED:
        return job
    now = services.now()
    warnings = [Message("warning.reused", {"job": earlier.job.job_id})]

    def complete(current: Job, key: str = transcript_key(new.source), more: Sequence[Message] = ()) -> Job:
        return current.reuse(
            earlier.job,
            new.source,
            new.requested,
            digests=new.digests,
            transcript_key=key,
            warnings=[*warnings, *more],
            now=now,
        )

    done = complete(job)
    changes = {
        "job_id": job.job_id,
        "source": new.source,
        "attempts": [],
        "warnings": done.warnings,
        "tags": done.tags,
        "completed_at": now,
    }
    cost = incurred(done.model_copy(update={"row_version": done.row_version + 1}), services.settings.rates)
    key, more = _store(earlier.transcript.model_copy(update={**changes, "cost": cost}), services)
    moved = services.update_job(job.job_id, lambda current: complete(current, key, more))
    LOG.info("completed with an earlier version's transcript", earlier_job=earlier.job.job_id)
    return moved


def _export(transcript: Transcript, key: str, services: Services) -> Sequence[Message]:
    """Write the exports beside a transcript; return a warning for each part that could not be exported."""
    configured = services.settings.exports
    if not configured:
        return []
    from asrcore.render import FORMATS, Exports  # noqa: PLC0415 - only an invocation that completes a job needs it

    exports = Exports(transcript)
    for name in (name for name in exports.formats if name in configured):
        made = FORMATS[name]
        beside = key.removesuffix(".json") + made.extension
        services.transcripts.put_transcript(beside, exports.write(name), transcript.source, made.content_type)
    return exports.warnings if any(FORMATS[name].timed for name in configured) else []


def _fail_attempt(job: Job, error: AsrError, services: Services) -> Job:
    """End the current attempt; the job gets another one, of the same vendor or the next, or fails."""
    number, vendor = job.attempt.number, job.attempt.vendor
    if error.vendor is None:  # a failure before the vendor was reached
        error = AsrError(
            error.error_class,
            error.code,
            error.reason,
            vendor,
            constraint=error.constraint,
            retry_after_s=error.retry_after_s,
        )
    services.metrics.attempt_failed(vendor, error.error_class)
    LOG.warning("attempt failed", attempt=number, vendor=vendor, code=error.code, error_class=error.error_class)
    following = followers(job.chain, services.vendors[vendor], error, services.vendors)
    return services.update_job(job.job_id, lambda job: job.attempt_failed(number, error, following, services.now()))


def _fail_job(job: Job, error: AsrError, services: Services) -> Job:
    """Mark a job FAILED in whatever state it is, unless it ended."""
    LOG.warning("job failed", code=error.code, error_class=error.error_class)
    return services.update_job(job.job_id, lambda job: job.fail(error, services.now()))


def _transcript(done: Job, recognition: Recognition, cost: Cost) -> Transcript:
    attempt = done.attempt
    return Transcript(
        job_id=done.job_id,
        source=done.source,
        vendor=attempt.vendor,
        vendor_task_id=attempt.vendor_task_id,
        language=recognition.language or done.options.language,
        audio=done.planned_audio,
        text=recognition.text,
        utterances=recognition.utterances,
        attempts=[each.record() for each in done.attempts],
        cost=cost,
        conversion=done.converted.record() if done.converted else None,
        warnings=done.warnings,
        tags=done.tags,
        submitted_at=attempt.submitted_at,
        completed_at=done.updated_at,
    )
