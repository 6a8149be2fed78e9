"""The early end of an open job: a caller cancels or deletes it, or its object is deleted.

The row is marked first. A step, a callback or the end of the execution then finds a job that ended: a late result is
discarded, and the stopped execution is no failure. Each function can be repeated after a crash and does the rest.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job, job_id
from asrcore.core.sequencer import rank
from asrcore.core.transcript import Source
from asrcore.events import RemovedObject
from asrcore.failures import Failures
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.services import JobDeletedError, Services

MAX_VERSIONS = 100  # of a key, the latest ones, whose jobs a delete marker withdraws


def cancel(job_id: str, services: Services) -> Job:
    """End an open job as FAILED with the code Cancelled, and stop its execution. The recording stays.

    Returns:
        The job. One that had ended stays as it ended.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    return _end("Cancelled", cancelled_message, job_id, services)


def cancelled_message(job: Job) -> Message:
    """Return what happened to a cancelled job, and whether a vendor may bill it."""
    return Message("job.cancelled-submitted") if _was_submitted(job) else Message("job.cancelled")


def _withdrawn_message(job: Job) -> Message:
    return Message("job.withdrawn-submitted") if _was_submitted(job) else Message("job.withdrawn")


def _was_submitted(job: Job) -> bool:
    return any(attempt.claimed_at for attempt in job.attempts)


def withdraw_removed(removed: Iterable[RemovedObject], services: Services) -> None:
    """Withdraw the open jobs whose objects S3 reports as deleted: they end as FAILED with the code Withdrawn.

    A version that was uploaded after a delete marker keeps its job.

    Raises:
        SomeFailedError: some jobs could not be withdrawn, after all were tried.
    """
    failures = Failures[RemovedObject]("a job could not be withdrawn")
    for each in removed:
        with failures.collect(each, each.key):
            for source in _hidden_versions(each, services):
                _withdraw(source, each, services)
    failures.raise_if_any()


def _hidden_versions(removed: RemovedObject, services: Services) -> Iterator[Source]:
    """Return the versions of the recording that can no longer be read by its key, or the one that was deleted."""
    if not removed.is_marker:
        yield Source(bucket=removed.bucket, key=removed.key, version_id=removed.version_id, etag="", size_bytes=0)
        return
    for version in islice(services.versions.of(removed.bucket, removed.key), MAX_VERSIONS):
        if not version.is_current:
            yield version.source


def _withdraw(source: Source, removed: RemovedObject, services: Services) -> None:
    job = services.jobs.load(job_id(source))
    if job is None or job.source.version_id != source.version_id:  # an upload's key has one job for all versions
        return
    if rank(job.source.sequencer) > rank(removed.sequencer):
        return
    LOG.append_keys(job_id=job.job_id)
    try:
        _end("Withdrawn", _withdrawn_message, job.job_id, services)
    except JobDeletedError:
        LOG.info("the job was deleted meanwhile")


def _end(code: str, message: Callable[[Job], Message], job_id: str, services: Services) -> Job:
    """End an open job early, stop its execution, give back its slot, and publish its end. message: of its error."""
    found: Job | None = None

    def mark(job: Job) -> Job:
        nonlocal found
        found = job
        return job.fail(AsrError(ErrorClass.CONFIG, code, message(job)), services.now())

    ended = services.update_job(job_id, mark)
    if ended.withdrawn:
        services.workflow.stop(ended.execution_name)
    if found is not None and not found.finished:
        LOG.info("job ended early", code=code)
        _release_slot(found, services)
    return settle(ended, services)


def _release_slot(job: Job, services: Services) -> None:
    """Give back the slot that the current attempt waits for."""
    if not job.planned or job.attempt.submitted_at is not None:
        return
    attempt = job.attempt
    if attempt.has_slot and attempt.due_at > services.now():
        services.jobs.release_slot(attempt.vendor, services.settings.rate_limit(attempt.vendor), attempt.due_at)
