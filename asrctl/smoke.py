"""`smoke`: transcribe one short sample from upload to transcript, to check a deployment."""

import secrets
import time
from datetime import datetime, timedelta

from asrcore.core.job import Job, job_id
from asrcore.core.routing import AUTO, INCOMING
from asrcore.messages import Message
from asrctl.delete import delete
from asrctl.formatting import format_duration
from asrctl.outcome import describe_outcome
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
    source = stack.upload(SAMPLE, key, {})
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
    outcome = describe_outcome(job, stack)
    late = Message("cli.smoke.open", {"key": key, "within": format_duration(within)})
    data = SmokeShape(job_id=job.job_id, key=key, status=job.status, vendor=job.vendor, text=outcome.text)
    is_late = job.open is not None and outcome.text is None
    return CommandResult(data, [*([late] if is_late else []), *outcome.lines], ok=outcome.text is not None)
