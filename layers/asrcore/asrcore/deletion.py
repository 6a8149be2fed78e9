"""The deletion of a job and of everything made from its recording, in every version that the buckets keep."""

from collections.abc import Iterable, Iterator

from asrcore.core.form import converted_prefix
from asrcore.core.job import Job
from asrcore.core.transcript import transcript_key
from asrcore.ports import ConflictError, ObjectVersion
from asrcore.services import Services


class JobInProgressError(Exception):
    """The job is in progress; the message says what to wait for."""


def delete(job: Job, services: Services) -> None:
    """Delete a job's recording, transcript, exports and raw reply, and then its row.

    A repetition after a crash deletes the rest.

    Raises:
        JobInProgressError: the job is open, its event is not published, its execution runs, or it changed meanwhile.
    """
    refuse_unless_over(job, services)
    delete_all(job, list(objects(job, services)), services)


def delete_all(job: Job, versions: Iterable[ObjectVersion], services: Services) -> None:
    """Delete what was found of a job, and its row. Raises JobInProgressError when the job was changed meanwhile."""
    for version in versions:
        services.versions.delete(version)
    try:
        services.jobs.delete(job)
    except ConflictError as error:
        raise JobInProgressError(f"{error}, after its objects were deleted") from error


def refuse_unless_over(job: Job, services: Services) -> None:
    """Raise JobInProgressError for a job that is open, whose event is not published, or whose execution runs."""
    if job.open is not None:
        raise JobInProgressError(
            f"job {job.job_id} is {job.status} and in progress: delete it when it has ended, or stop its "
            f"execution {job.execution_name} first, which ends it"
        )
    if services.workflow.status(job.execution_name) == "RUNNING":
        raise JobInProgressError(f"the execution {job.execution_name} is about to end: delete the job when it has")


def objects(job: Job, services: Services) -> Iterator[ObjectVersion]:
    """Return every object version of a job in both buckets; nothing of other versions of its recording."""
    from asrcore.render import FORMATS  # noqa: PLC0415 - only a deletion needs its names

    source, kept_in = job.source, services.settings.transcript_bucket
    for version in services.versions.of(source.bucket, source.key):
        if source.version_id in {None, version.version_id}:
            yield version
    yield from services.versions.under(source.bucket, converted_prefix(job.job_id))
    base = transcript_key(source).removesuffix(".json")
    made = {f"{base}{extension}" for extension in (".json", *(each.extension for each in FORMATS.values()))}
    for version in services.versions.under(kept_in, f"{base}."):
        origin = services.versions.origin(version) if version.key in made else None
        if origin is not None and origin.is_of(source):
            yield version
    for folder in ("superseded", "raw"):
        yield from services.versions.under(kept_in, f"{folder}/{job.job_id}")
