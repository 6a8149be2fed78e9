"""`up`: upload recordings, and wait for their transcripts."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from asrcore.api.problems import BadUploadError
from asrcore.api.uploads import encode_metadata
from asrcore.core.errors import AsrError
from asrcore.core.job import Job, job_id
from asrcore.core.option_sources import metadata_name, read_metadata
from asrcore.core.recording_keys import skip_reason
from asrcore.core.routing import AUTO, INCOMING
from asrcore.messages import Message
from asrcore.vendors.registry import VENDORS
from asrctl.formatting import format_duration, quote_name
from asrctl.live import LiveTable
from asrctl.outcome import describe_outcome
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError
from asrctl.shapes import UploadedJob, UpShape
from asrctl.stack import DeployedStack
from asrctl.watch import follow

NO_JOB_AFTER_S = 300  # S3 and Lambda deliver an event within seconds, and its third attempt within minutes


def up(
    stack: DeployedStack,
    files: Sequence[Path],
    vendor: str | None,
    options: Mapping[str, str],
    progress: ProgressReporter,
) -> CommandResult[UpShape]:
    """Upload recordings under their own names. S3's event then creates their jobs.

    Args:
        stack: where they are transcribed.
        files: existing files; no two of the same name.
        vendor: None for automatic choice.
        options: by their names; they become metadata of the objects.
        progress: counts the bytes.

    Returns:
        The jobs, whose ids follow from the versions that S3 created.

    Raises:
        OperatorError: an option is not allowed, or a file is no recording; then nothing was uploaded. Or an upload
            failed or was stopped; the hints are then the jobs of the files before it.
    """
    metadata = _metadata(options)
    keys = {path: f"{INCOMING}{vendor or AUTO}/{path.name}" for path in files}
    _check(keys)
    jobs: list[UploadedJob] = []
    try:
        with progress.transfer(sum(path.stat().st_size for path in keys)) as count:
            for path, key in keys.items():
                source = stack.upload(path, key, metadata, count)
                jobs.append(UploadedJob(job_id=job_id(source), file=str(path), key=key))
    except OperatorError as error:
        raise OperatorError(error.message, _uploaded_before(jobs)) from error
    except KeyboardInterrupt:
        raise OperatorError(Message("cli.run.stopped"), _uploaded_before(jobs)) from None
    return CommandResult(UpShape(jobs=jobs), _lines(jobs))


def wait(uploaded: UpShape, stack: DeployedStack, table: LiveTable) -> CommandResult[UpShape]:
    """Show uploaded recordings until their jobs have ended, then their transcripts.

    Returns:
        Not `ok` when a job failed, or was not created within NO_JOB_AFTER_S.
    """
    deadline = time.monotonic() + NO_JOB_AFTER_S
    ids = [each.job_id for each in uploaded.jobs]

    def done(jobs: Sequence[Job]) -> bool:
        return all(job.finished for job in jobs) and (len(jobs) == len(ids) or time.monotonic() > deadline)

    jobs = {job.job_id: job for job in follow(ids, stack, table, done)}
    lines: list[Line] = []
    ended: list[UploadedJob] = []
    for each in uploaded.jobs:
        job = jobs.get(each.job_id)
        if job is None:
            within = format_duration(timedelta(seconds=NO_JOB_AFTER_S))
            lines.append(Message("cli.smoke.no_job", {"key": quote_name(each.key), "within": within}))
            ended.append(each)
            continue
        outcome = describe_outcome(job, stack)
        lines += outcome.lines
        ended.append(each.model_copy(update={"status": job.status, "vendor": job.vendor, "transcript": outcome.text}))
    return CommandResult(UpShape(jobs=ended), lines, ok=all(each.transcript is not None for each in ended))


def _lines(jobs: Sequence[UploadedJob]) -> list[Line]:
    return [f"{job.job_id}  {quote_name(job.key)}" for job in jobs]


def _uploaded_before(jobs: Sequence[UploadedJob]) -> list[Line]:
    return [Message("cli.up.uploaded_before"), *_lines(jobs)] if jobs else []


def _metadata(options: Mapping[str, str]) -> dict[str, str]:
    try:
        metadata = encode_metadata({metadata_name(name): value for name, value in options.items()})
        read_metadata(metadata, VENDORS)
    except (AsrError, BadUploadError) as error:
        raise OperatorError(error.reason) from None
    return metadata


def _check(keys: Mapping[Path, str]) -> None:
    """Raise OperatorError for files that get no job of their own."""
    twice = [key for key, number in Counter(keys.values()).items() if number > 1]
    if twice:
        raise OperatorError(Message("cli.up.same_name", {"keys": [quote_name(key) for key in twice]}))
    for path, key in keys.items():
        size_bytes = path.stat().st_size
        if reason := skip_reason(key, size_bytes):
            raise OperatorError(Message("cli.find.no_recording", {"key": quote_name(str(path)), "reason": reason}))
        if not size_bytes:
            raise OperatorError(Message("cli.up.empty", {"file": quote_name(str(path))}))
