"""The deletion of a job and of everything made from its recording, in every version that the buckets keep."""

from collections.abc import Iterable, Iterator

from asrcore.cancellation import cancel
from asrcore.core.form import converted_prefix
from asrcore.core.job import Job
from asrcore.core.remote_recordings import address_prefix
from asrcore.core.transcript import transcript_key
from asrcore.messages import Message, MessageError
from asrcore.ports import ConflictError, ObjectVersion
from asrcore.services import Services
from asrcore.spending import forget_entries


class JobInProgressError(MessageError):
    """The job was changed while it was deleted; the message says what to do."""


def delete(job: Job, services: Services) -> Job:
    """Delete a job's recording, transcript, exports and raw reply, and then its row; an open job is cancelled first.

    A repetition after a crash deletes the rest.

    Returns:
        The job as it had ended.

    Raises:
        JobDeletedError: the job's row was deleted.
        JobInProgressError: the job was changed meanwhile.
    """
    ended = end(job, services)
    delete_all(ended, list(objects(ended, services)), services)
    return ended


def end(job: Job, services: Services) -> Job:
    """Cancel an open job, publish the end of one that ended, and stop its execution, so that it can be deleted."""
    ended = cancel(job.job_id, services)
    services.workflow.stop(ended.execution_name)
    return ended


def delete_all(job: Job, versions: Iterable[ObjectVersion], services: Services) -> None:
    """Delete what was found of a job, and its row. Raises JobInProgressError when the job was changed meanwhile."""
    for version in versions:
        services.versions.delete(version)
    forget_entries(job, services)
    try:
        services.jobs.delete(job)
    except ConflictError as error:
        raise JobInProgressError(Message("JobInProgress", {"job_id": job.job_id})) from error


def objects(job: Job, services: Services) -> Iterator[ObjectVersion]:
    """Return every object version of a job in both buckets; nothing of other versions of its recording."""
    from asrcore.render import FORMATS  # noqa: PLC0415 - only a deletion needs its names

    source, kept_in = job.source, services.settings.transcript_bucket
    for version in services.versions.of(source.bucket, source.key):
        if source.version_id in {None, version.version_id}:
            yield version
    yield from services.versions.under(source.bucket, converted_prefix(job.job_id))
    yield from services.versions.under(source.bucket, address_prefix(job.job_id))
    base = transcript_key(source).removesuffix(".json")
    made = {f"{base}{extension}" for extension in (".json", *(each.extension for each in FORMATS.values()))}
    for version in services.versions.under(kept_in, f"{base}."):
        origin = services.versions.origin(version) if version.key in made else None
        if origin is not None and origin.is_of(source):
            yield version
    for folder in ("superseded", "raw"):
        yield from services.versions.under(kept_in, f"{folder}/{job.job_id}")
