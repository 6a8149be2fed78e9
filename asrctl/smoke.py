"""`smoke`: transcribe one short sample from upload to transcript, to check a deployment."""

import json
import secrets
import time
from datetime import datetime, timedelta

from asrcore.core.job import Job, Status, job_id
from asrcore.core.routing import AUTO, INCOMING
from asrcore.core.transcript import Source
from asrcore.messages import Message
from asrctl.delete import delete
from asrctl.formatting import format_duration
from asrctl.inspect_jobs import why
from asrctl.result import CommandResult, Line
from asrctl.sample import SAMPLE
from asrctl.shapes import SmokeShape
from asrctl.stack import DeployedStack

POLL_INTERVAL_S = 0.5


def smoke(
    stack: DeployedStack, vendor: str | None, within: timedelta, now: datetime, *, keep: bool
) -> CommandResult[SmokeShape]:
    """Upload a sample under a new name, wait for its job, show the transcript, and delete all of it unless `keep`.

    Args:
        vendor: None for automatic choice.
        within: how long to wait for the job's end.
        now: part of the sample's key.
        keep: leave recording, transcript and row.

    Returns:
        Not `ok` when the job failed or did not end in time. It is then explained as by `why`.
    """
    key = f"{INCOMING}{vendor or AUTO}/smoke-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}.wav"
    body = SAMPLE.read_bytes()
    put = stack.s3.put_object(Bucket=stack.audio_bucket, Key=key, Body=body)
    source = Source(
        bucket=stack.audio_bucket,
        key=key,
        version_id=put.get("VersionId"),
        etag=put["ETag"].strip('"'),
        size_bytes=len(body),
    )
    job = _follow(job_id(source), stack, within)
    if job is None:
        lines: list[Line] = [
            Message("cli.smoke.no_job", {"key": key, "within": format_duration(within)}),
            Message("cli.smoke.no_job_kept"),
        ]
        return CommandResult(SmokeShape(job_id=None, key=key, status=None), lines, ok=False)
    result = _result(job, key, stack, within)
    if job.open is not None:
        lines = [*result.lines, Message("cli.smoke.kept", {"job": job.job_id})]
        return CommandResult(result.data, lines, ok=False)
    if not keep:
        delete(stack, job.job_id, lambda _what: True, dry_run=False)
    return result


def _follow(wanted: str, stack: DeployedStack, within: timedelta) -> Job | None:
    """Return the job at its end, or as it is when the time has passed; None when it was never created."""
    deadline = time.monotonic() + within.total_seconds()
    while not _is_over(job := stack.jobs.load(wanted), stack) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)
    return job


def _is_over(job: Job | None, stack: DeployedStack) -> bool:
    return job is not None and job.open is None and stack.execution_status(job) != "RUNNING"


def _result(job: Job, key: str, stack: DeployedStack, within: timedelta) -> CommandResult[SmokeShape]:
    data = SmokeShape(job_id=job.job_id, key=key, status=job.status, vendor=job.vendor)
    held = stack.read(stack.transcript_bucket, job.transcript_key) if job.transcript_key else None
    if job.status is not Status.COMPLETED or held is None:
        story = why(stack, job.job_id, job.updated_at)
        open_ = Message("cli.smoke.open", {"key": key, "within": format_duration(within)})
        late = [open_] if job.open is not None else []
        return CommandResult(data, [*late, *story.lines], ok=False)
    text = json.loads(held.body)["text"]
    took = format_duration(job.updated_at - job.created_at)
    done = Message("cli.smoke.done", {"key": key, "vendor": str(job.vendor), "duration": took})
    return CommandResult(data.model_copy(update={"text": text}), [done, text])
