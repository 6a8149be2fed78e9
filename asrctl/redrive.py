"""`redrive`: start FAILED jobs again."""

from collections.abc import Iterable
from datetime import datetime

from asrcore.core.job import Job, Status
from asrcore.messages import Message
from asrcore.restart import redrive
from asrctl.filters import Filter
from asrctl.find import find_job, matching_jobs
from asrctl.formatting import quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError
from asrctl.shapes import RedriveShape
from asrctl.stack import DeployedStack


def redrive_one(stack: DeployedStack, reference: str, *, dry_run: bool) -> CommandResult[RedriveShape]:
    """Start one job again.

    Args:
        reference: of `find_job`.

    Raises:
        OperatorError: there is no such job, or it has not failed.
    """
    job = find_job(reference, stack)
    if job.status is not Status.FAILED:
        raise OperatorError(Message("cli.redrive.not_failed", {"job": job.job_id, "status": job.status}))
    return _redrive([job], stack, dry_run=dry_run)


def redrive_all(
    stack: DeployedStack, progress: ProgressReporter, wanted: Filter, now: datetime, *, dry_run: bool
) -> CommandResult[RedriveShape]:
    """Start every matching job again that was not cancelled or withdrawn. The rate limits spread them out."""
    jobs = [job for job in matching_jobs(wanted, stack, progress, now) if not job.withdrawn]
    return _redrive(progress.track("cli.progress.jobs_redriven", jobs), stack, dry_run=dry_run)


def _redrive(jobs: Iterable[Job], stack: DeployedStack, *, dry_run: bool) -> CommandResult[RedriveShape]:
    done: list[str] = []
    lines: list[Line] = []
    for job in jobs:
        named = {"job": job.job_id, "key": quote_name(job.source.key)}
        if dry_run:
            lines.append(Message("cli.redrive.would_be_started", named))
        else:
            moved = redrive(job.job_id, stack.services)
            lines.append(Message("cli.redrive.started", {**named, "run": moved.run}))
        done.append(job.job_id)
    lines.append(Message("cli.redrive.would_be_done" if dry_run else "cli.redrive.done", {"count": len(done)}))
    return CommandResult(RedriveShape(redriven=done, dry_run=dry_run), lines)
