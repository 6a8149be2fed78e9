"""The creation of jobs, one per object version: by S3's event, by request, by the HTTP API, and by backfill."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from asrcore.core.errors import OBJECT_NOT_FOUND, AsrError
from asrcore.core.job import Job, job_id, new_job
from asrcore.core.options import RequestedOptions
from asrcore.core.recording_keys import key_forms, skip_reason
from asrcore.core.sequencer import after
from asrcore.core.step import Step
from asrcore.core.transcript import Source, transcript_key
from asrcore.events import RequestEvent
from asrcore.failures import Failures
from asrcore.log import LOG
from asrcore.option_addresses import store_addresses
from asrcore.ports import TranscriptOrigin
from asrcore.services import JobDeletedError, Services
from asrcore.submit import start_job


def handle_new_objects(sources: Iterable[Source], services: Services) -> None:
    """Create and start a job for each new recording that S3 reports.

    A redelivered event finds the jobs that it created, and continues those that were not started.

    Raises:
        SomeFailedError: some recordings failed, after all were tried.
    """
    failures = Failures[Source]("a recording could not be handled")
    for source in sources:
        with failures.collect(source, source.key):
            if reason := skip_reason(source.key, source.size_bytes):
                LOG.info("an object is no recording", key=source.key, reason=str(reason))
                continue
            job, _ = get_or_create_job(source, services)
            with suppress(JobDeletedError):  # a caller deleted the job at this moment
                start_job(job, services)
    failures.raise_if_any()


def handle_request(request: RequestEvent, services: Services) -> Step:
    """Create and start the job of a recording that a caller names.

    Returns:
        The next step of its job. An existing job stays as it is.

    Raises:
        AsrError: an option is not allowed (BadOption, UnknownVendor), or the recording is not stored (ObjectNotFound).
    """
    requested = services.read_request(request.vendor, request.options)
    source = resolve_version(request.bucket, request.key, request.version_id, services)
    requested = store_addresses(requested, source.bucket, job_id(source), services)
    job, is_new = get_or_create_job(source, services, requested)
    return services.next_step(start_job(job, services) if is_new else job)


def get_or_create_job(
    source: Source, services: Services, requested: RequestedOptions | None = None
) -> tuple[Job, bool]:
    """Create the job of an object version, unless it has one.

    Args:
        source: the object version; S3's sequencer of it, where S3 keeps no versions.
        services: the stack's services.
        requested: the options that the caller asks for, besides those of the object and the stack.

    Returns:
        The job, and whether it is new. An existing job is returned as it is, whatever is requested.
    """
    job = new_job(source, services.now(), requested)
    LOG.append_keys(job_id=job.job_id)
    if not services.jobs.create(job):
        existing = services.load_job(job.job_id)
        if existing.source.version_id == source.version_id:
            LOG.info("the recording has a job already", key=source.key)
        else:
            LOG.warning("another version of an upload gets no job", key=source.key, version_id=source.version_id)
        return existing, False
    services.metrics.received()
    LOG.info("job created", key=source.key, size_bytes=source.size_bytes)
    return job, True


def resolve_version(bucket: str, key: str, version_id: str | None, services: Services) -> Source:
    """Return the object version that is meant.

    Args:
        bucket: the audio bucket.
        key: the recording's key, decoded, in any Unicode normal form.
        version_id: None for the latest version.
        services: the stack's services.

    Raises:
        AsrError: ObjectNotFound.
    """
    current = _look_up_first(bucket, key_forms(key), services)
    if version_id not in {None, current.version_id}:
        named = Source(bucket=bucket, key=current.key, version_id=version_id, etag="", size_bytes=0)
        return services.recordings.look_up(named)[0]
    if current.version_id is None:
        return current
    return as_latest_version(current, services.transcripts.origin(transcript_key(current)))


def _look_up_first(bucket: str, keys: Sequence[str], services: Services) -> Source:
    """Return the latest version of the first object that exists. Raises AsrError as `Recordings.look_up` does."""
    key, *others = keys
    try:
        return services.recordings.look_up(Source(bucket=bucket, key=key, version_id=None, etag="", size_bytes=0))[0]
    except AsrError as error:
        if error.code != OBJECT_NOT_FOUND or not others:
            raise
    return _look_up_first(bucket, others, services)


def as_latest_version(source: Source, made: TranscriptOrigin | None) -> Source:
    """Order the latest version of a recording after the version that its transcript was made from.

    Only S3's event has the sequencer by which versions are ordered; the latest version is after all others.
    """
    return source.model_copy(update={"sequencer": after(made.sequencer if made else "")})
