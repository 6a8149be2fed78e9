"""The end of a job: a vendor's result goes in, a transcript comes out, once.

In this order, each step harmless to repeat: the vendor's reply as it came, the transcript, the row, the event.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from asrcore.core.cost import incurred
from asrcore.core.errors import AsrError
from asrcore.core.form import converted_prefix
from asrcore.core.job import Job, Status
from asrcore.core.job_event import JobEvent
from asrcore.core.money import Cost
from asrcore.core.routing import followers
from asrcore.core.transcript import LONGEST_KEY_BYTES, Recognition, Source, Transcript
from asrcore.core.vendor import HttpReply, Vendor, read_warnings
from asrcore.log import LOG
from asrcore.services import Services


@dataclass(frozen=True)
class Raw:
    """A vendor's reply or callback as it came."""

    body: bytes = field(repr=False)
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)  # that say what the body does not
    warning: str = ""  # the HTTP header

    @classmethod
    def of(cls, reply: HttpReply, vendor: Vendor) -> "Raw":
        """A vendor's HTTP reply."""
        told = {name: reply.headers[name] for name in vendor.result_headers if name in reply.headers}
        return cls(reply.body, reply.headers.get("content-type", ""), told, reply.headers.get("warning", ""))


def finish(job: Job, heard: Recognition, raw: Raw, services: Services, *, vendor_task_id: str | None = None) -> Job:
    """Keep what the vendor heard in the job's current attempt and complete the job, unless it moved on meanwhile.

    vendor_task_id: as a callback names it; it may come before the submission's answer was noted.
    """
    if job.finished:
        return announce(job, services)
    now, number, key = services.now(), job.attempt.number, transcript_key(job.source)
    warnings = [] if heard.text else ["nobody speaks in this recording, says the vendor"]
    warnings += read_warnings(raw.warning)
    done = job.complete(vendor_task_id, key, warnings, now, duration_ms=heard.duration_ms)
    saved = done.model_copy(update={"row_version": done.row_version + 1})
    transcript = _transcript(done, heard, incurred(saved, services.settings.rates))
    body = transcript.model_dump_json(by_alias=True).encode()
    services.transcripts.put_raw(job.job_id, raw.body, {"content-type": raw.content_type, **raw.headers})
    if services.transcripts.put_transcript(key, body, job.source):
        warnings = [*warnings, *_export(transcript, key, services)]
    else:
        key = f"superseded/{job.job_id}.json"
        warnings = [*warnings, "a newer version of this recording has its transcript already; this one is kept apart"]
        services.transcripts.put_superseded(key, body, job.source)

    def complete(current: Job) -> Job:
        is_same = current.planned and current.attempt.number == number
        if not is_same:
            return current
        return current.complete(vendor_task_id, key, warnings, now, duration_ms=heard.duration_ms)

    moved = services.update_job(job.job_id, complete)
    if moved.status is Status.COMPLETED:
        LOG.info("completed", attempt=number, vendor=job.attempt.vendor, utterances=len(heard.utterances))
    return announce(moved, services)


def _export(transcript: Transcript, key: str, services: Services) -> Sequence[str]:
    """Write the exports beside a transcript; what could not be exported, in words."""
    wanted = services.settings.exports
    if not wanted:
        return []
    from asrcore.render import FORMATS, Exports  # noqa: PLC0415 - only who ends a job needs it

    exports = Exports(transcript)
    for name in (name for name in exports.formats if name in wanted):
        made = FORMATS[name]
        beside = key.removesuffix(".json") + made.extension
        services.transcripts.put_transcript(beside, exports.write(name), transcript.source, made.content_type)
    return exports.warnings if any(FORMATS[name].timed for name in wanted) else []


def announce(job: Job, services: Services) -> Job:
    """Tell the event bus of a job's end, unless that was done."""
    if not job.finished or job.event_published:
        return job
    _delete_converted(job, services)
    cost = incurred(job, services.settings.rates)
    announcement = JobEvent.of(job, services.settings.transcript_bucket, cost)
    services.events.publish(announcement.detail_type, announcement.model_dump(mode="json", by_alias=True))
    expires_at = int((services.now() + timedelta(days=services.settings.row_retention_days)).timestamp())
    is_first = False

    def tell(current: Job) -> Job:
        nonlocal is_first
        is_first = not current.event_published
        return current.mark_event_published(expires_at, cost) if is_first else current

    told = services.update_job(job.job_id, tell)
    if is_first:  # of several that told of this end at once, one counts it
        services.metrics.ended(told, before=job.cost)
        _note_turnaround(told, services)
    return told


def _delete_converted(job: Job, services: Services) -> None:
    """Delete what the recording was converted to, in every version: nothing needs it after the end."""
    if not job.forms:
        return
    for version in services.versions.under(job.source.bucket, converted_prefix(job.job_id)):
        services.versions.delete(version)


def _note_turnaround(job: Job, services: Services) -> None:
    """What this vendor took, from the submission to the result: for people, and for when to ask it next time."""
    if job.status is not Status.COMPLETED:
        return
    attempt = job.attempt
    if job.audio_s is not None and attempt.submitted_at is not None and attempt.ended_at is not None:
        turnaround_s = (attempt.ended_at - attempt.submitted_at).total_seconds()
        services.history.note(attempt.vendor, job.audio_s, turnaround_s, services.now())


def attempt_failed(job: Job, error: AsrError, services: Services) -> Job:
    """The job's current attempt ended without a transcript: what follows is written on the job."""
    number, vendor = job.attempt.number, job.attempt.vendor
    if error.vendor is None:  # a failure on the way to the vendor
        error = AsrError(
            error.error_class,
            error.code,
            error.message,
            vendor,
            constraint=error.constraint,
            retry_after_s=error.retry_after_s,
        )
    services.metrics.attempt_failed(vendor, error.error_class)
    LOG.warning("attempt failed", attempt=number, vendor=vendor, code=error.code, error_class=error.error_class)
    following = followers(job.chain, services.vendors[vendor], error, services.vendors)
    moved = services.update_job(job.job_id, lambda job: job.attempt_failed(number, error, following, services.now()))
    return announce(moved, services)


def end(job_id: str, error: AsrError, services: Services) -> Job:
    """Mark a job FAILED whatever it was doing, unless it ended."""
    LOG.warning("job failed", code=error.code, error_class=error.error_class)
    return announce(services.update_job(job_id, lambda job: job.fail(error, services.now())), services)


def transcript_key(source: Source) -> str:
    """The recording's own name and more, since two recordings may differ by their extension only.

    A name that leaves no room for more is cut, and told apart from others by a digest of the whole.
    """
    key = f"transcripts/{source.key}.json"
    if len(key.encode()) <= LONGEST_KEY_BYTES:
        return key
    digest = hashlib.sha256(source.key.encode()).hexdigest()[:32]
    room_bytes = LONGEST_KEY_BYTES - len(f"transcripts/~{digest}.json")
    return f"transcripts/{source.key.encode()[:room_bytes].decode(errors='ignore')}~{digest}.json"


def _transcript(done: Job, heard: Recognition, cost: Cost) -> Transcript:
    attempt = done.attempt
    return Transcript(
        job_id=done.job_id,
        source=done.source,
        vendor=attempt.vendor,
        vendor_task_id=attempt.vendor_task_id,
        language=heard.language or done.options.language,
        audio=done.planned_audio,
        text=heard.text,
        utterances=heard.utterances,
        attempts=[each.record() for each in done.attempts],
        cost=cost,
        conversion=done.converted.record() if done.converted else None,
        warnings=done.warnings,
        submitted_at=attempt.submitted_at,
        completed_at=done.updated_at,
    )
