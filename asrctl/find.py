"""Find one job by what an operator types, or many by a filter."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from unicodedata import normalize

from asrcore.core.job import Job, job_id
from asrcore.core.recording_keys import fold_name, key_forms, skip_reason
from asrcore.messages import Message
from asrcore.ports import JobFilter
from asrctl.filters import Filter
from asrctl.formatting import quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import AmbiguousNameError, OperatorError, TextTable
from asrctl.stack import DeployedStack, in_parallel

_JOB_ID = re.compile(r"[0-9a-f]{32}")
_PREFIX = re.compile(r"[0-9a-f]{4,31}")
_S3 = "s3://"
_MOST_CANDIDATES = 10
_PAGE = 100


def find_job(reference: str, stack: DeployedStack) -> Job:
    """Find a job by its id or its recording.

    Of several versions of a recording, return the newest one that has a job. Names may be in any Unicode normal form.
    The recording may be deleted.

    Args:
        reference: a job id, or its first four digits or more; a key of the audio bucket, or an s3:// address; or the
            last part of a key, or its last parts, such as the file's name.
        stack: the stack of the job.

    Raises:
        AmbiguousNameError: several jobs have such an id, or recordings under several keys such a name.
        OperatorError: there is no such job.
    """
    if _JOB_ID.fullmatch(reference):
        job = stack.jobs.load(reference)
        if job is None:
            raise OperatorError(Message("cli.find.no_job", {"job": reference}))
        return job
    if _PREFIX.fullmatch(reference) and (jobs := _by_prefix(reference, stack)):
        return _only(reference, jobs)
    bucket, key = _place(reference, stack)
    if job := _by_key(bucket, key, stack):
        return job
    if bucket == stack.audio_bucket and (jobs := _by_name(key, stack)):
        return _only(reference, jobs)
    if reason := skip_reason(key):
        raise OperatorError(Message("cli.find.no_recording", {"key": quote_name(key), "reason": reason}))
    raise OperatorError(Message("cli.find.no_job_of_key", {"key": quote_name(key), "bucket": bucket}))


def matching_jobs(wanted: Filter, stack: DeployedStack, progress: ProgressReporter, now: datetime) -> Iterator[Job]:
    """Yield the jobs that match, in no order. Read an index if one is enough, else the whole table."""
    if wanted.only_open:
        jobs = _open_jobs(stack, now)
    elif wanted.created_since:
        jobs = newest_jobs(wanted.indexed, stack)
    else:
        jobs = stack.jobs.every()
    return (job for job in progress.track("cli.progress.jobs_read", jobs) if wanted.matches(job))


def matching_jobs_newest_first(wanted: Filter, stack: DeployedStack, now: datetime) -> Iterator[Job]:
    """Yield the jobs that match, newest first, read while they are needed."""
    if wanted.only_open:
        return iter(sorted(filter(wanted.matches, _open_jobs(stack, now)), key=lambda job: job.recency, reverse=True))
    return filter(wanted.matches, newest_jobs(wanted.indexed, stack))


def newest_jobs(wanted: JobFilter, stack: DeployedStack) -> Iterator[Job]:
    """Yield the jobs that match, newest first, from the index of all jobs."""
    after: str | None = None
    while True:
        page = stack.jobs.list_recent(wanted, _PAGE, after)
        yield from stack.jobs.load_all(page.job_ids)
        if page.after is None:
            return
        after = page.after


def _open_jobs(stack: DeployedStack, now: datetime) -> Iterator[Job]:
    return (job for _, job in in_parallel(stack.jobs.load, stack.jobs.find_stalled(now)) if job is not None)


def _place(reference: str, stack: DeployedStack) -> tuple[str, str]:
    if not reference.startswith(_S3):
        return stack.audio_bucket, reference
    bucket, _, key = reference.removeprefix(_S3).partition("/")
    return bucket, key


def _by_prefix(prefix: str, stack: DeployedStack) -> list[Job]:
    found = in_parallel(stack.jobs.load, stack.jobs.ids_that_begin_with(prefix))
    return [job for _, job in found if job is not None]


def _by_key(bucket: str, key: str, stack: DeployedStack) -> Job | None:
    """Return the job of the newest version that has one."""
    versions = (version for form in key_forms(key) for version in stack.versions_of(bucket, form))
    return next((job for version in versions if (job := stack.jobs.load(job_id(version.source)))), None)


def _by_name(name: str, stack: DeployedStack) -> list[Job]:
    """Return the newest job of each key that ends with a name, or of the key that is the name.

    Reads the index of all jobs, which has those of deleted recordings too.
    """
    newest: dict[str, Job] = {}
    whole = normalize("NFC", name).lstrip("/")
    ending = f"/{whole}"
    for job in newest_jobs(JobFilter(name=fold_name(ending.rpartition("/")[2])), stack):
        key = normalize("NFC", job.source.key)
        if f"/{key}".endswith(ending):
            newest.setdefault(key, job)
    return [newest[whole]] if whole in newest else list(newest.values())


def _only(reference: str, jobs: Sequence[Job]) -> Job:
    """Return the only job. Raises AmbiguousNameError when there are more."""
    if len(jobs) == 1:
        return jobs[0]
    newest = sorted(jobs, key=lambda job: job.created_at, reverse=True)[:_MOST_CANDIDATES]
    header = (Message("cli.column.job"), Message("cli.column.created"), Message("cli.column.recording"))
    rows = [(job.job_id, f"{job.created_at:%Y-%m-%d %H:%M:%S}", quote_name(job.source.key)) for job in newest]
    said = Message("cli.find.ambiguous", {"name": quote_name(reference), "count": len(jobs)})
    raise AmbiguousNameError(said, [TextTable(header, rows)])
