"""A job for a recording that somebody asks for by name, and not because S3 told of it: one per object version, too."""

from asrcore.core.job import Job, new_job
from asrcore.core.options import RequestedOptions
from asrcore.core.sequencer import after
from asrcore.core.transcript import Source
from asrcore.finish import transcript_key
from asrcore.log import LOG
from asrcore.services import Services, TranscriptOrigin


def resolve_version(bucket: str, key: str, version_id: str | None, services: Services) -> Source:
    """The object version that is meant. version_id: None for the newest. Raises AsrError(ObjectNotFound)."""
    named = Source(bucket=bucket, key=key, version_id=None, etag="", size_bytes=0)
    current, _ = services.recordings.look_up(named)
    if version_id not in {None, current.version_id}:
        return services.recordings.look_up(named.model_copy(update={"version_id": version_id}))[0]
    if current.version_id is None:
        return current
    return as_latest_version(current, services.transcripts.made_from(transcript_key(current)))


def as_latest_version(source: Source, made: TranscriptOrigin | None) -> Source:
    """The current version of a recording, placed after the one that its transcript was made from.

    S3's event, which says where a version stands, is not at hand; the current one is after all others.
    """
    return source.model_copy(update={"sequencer": after(made.sequencer if made else "")})


def get_or_create_job(source: Source, wish: RequestedOptions, services: Services) -> tuple[Job, bool]:
    """The job of an object version, and whether it is new; where there was one, it stays as it is."""
    job = new_job(source, services.now(), wish)
    LOG.append_keys(job_id=job.job_id)
    if not services.jobs.create(job):
        LOG.info("this recording has a job already", key=source.key)
        return services.update_job(job.job_id, lambda job: job), False
    services.metrics.received()
    LOG.info("new recording, by request", key=source.key, size_bytes=source.size_bytes)
    return job, True
