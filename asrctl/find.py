"""Find one job by what an operator types, or many by a filter."""

import re
from collections.abc import Iterator
from datetime import datetime

from asrcore.core.job import Job, job_id
from asrcore.core.recording_keys import key_forms, skip_reason
from asrcore.messages import Message
from asrctl.filters import Filter
from asrctl.formatting import quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import OperatorError
from asrctl.stack import DeployedStack, in_parallel

_JOB_ID = re.compile(r"[0-9a-f]{32}")


def find_job(reference: str, stack: DeployedStack) -> Job:
    """Find a job by its id, or by its recording: a key of the audio bucket or an s3:// address.

    Of several versions of a recording, return the newest one that has a job. The key may be in any Unicode normal form.

    Raises:
        OperatorError: there is no such job.
    """
    if _JOB_ID.fullmatch(reference):
        job = stack.jobs.load(reference)
        if job is None:
            raise OperatorError(Message("cli.find.no_job", {"job": reference}))
        return job
    bucket, key = _place(reference, stack)
    for version in (version for form in key_forms(key) for version in stack.versions_of(bucket, form)):
        job = stack.jobs.load(job_id(version.source))
        if job is not None:
            return job
    if reason := skip_reason(key):
        raise OperatorError(Message("cli.find.no_recording", {"key": quote_name(key), "reason": reason}))
    raise OperatorError(Message("cli.find.no_job_of_key", {"key": quote_name(key), "bucket": bucket}))


def matching_jobs(wanted: Filter, stack: DeployedStack, progress: ProgressReporter, now: datetime) -> Iterator[Job]:
    """Yield the jobs that match, in no order. Read the index of open jobs if it holds them all, else the table."""
    jobs = _open_jobs(stack, now) if wanted.only_open else stack.jobs.every()
    return (job for job in progress.track("cli.progress.jobs_read", jobs) if wanted.matches(job))


def _open_jobs(stack: DeployedStack, now: datetime) -> Iterator[Job]:
    return (job for _, job in in_parallel(stack.jobs.load, stack.jobs.find_stalled(now)) if job is not None)


def _place(reference: str, stack: DeployedStack) -> tuple[str, str]:
    if not reference.startswith("s3://"):
        return stack.audio_bucket, reference
    bucket, _, key = reference.removeprefix("s3://").partition("/")
    return bucket, key
