"""`watch`: show jobs while they change."""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import islice

from asrcore.core.job import Job, Status
from asrcore.messages import Message
from asrcore.ports import JobFilter
from asrctl.find import find_job, newest_jobs
from asrctl.live import LiveTable
from asrctl.result import CommandResult, OperatorError
from asrctl.shapes import JobRow, WatchShape
from asrctl.stack import DeployedStack, in_parallel

INTERVAL_S = 1.0


def watch(stack: DeployedStack, reference: str | None, table: LiveTable) -> CommandResult[WatchShape]:
    """Show one job until it ends, or the newest jobs until the operator stops the command.

    Args:
        stack: the stack of the jobs.
        reference: of `find_job`; None for the newest jobs, as many as the table has rows.
        table: where they are shown.

    Returns:
        Not `ok` when the job failed.

    Raises:
        OperatorError: there is no such job, or it was deleted meanwhile.
    """
    if reference is None:
        seen: deque[list[Job]] = deque([[]], maxlen=1)
        with suppress(KeyboardInterrupt):
            seen.extend(_looks(lambda: list(islice(newest_jobs(JobFilter(), stack), table.rows)), table))
        return CommandResult(_shape(seen.pop()))
    found = find_job(reference, stack)
    ended = follow([found.job_id], stack, table, lambda jobs: all(job.finished for job in jobs))
    if not ended:
        raise OperatorError(Message("cli.find.no_job", {"job": found.job_id}))
    return CommandResult(_shape(ended), ok=ended[0].status is Status.COMPLETED)


def follow(
    job_ids: Sequence[str], stack: DeployedStack, table: LiveTable, done: Callable[[Sequence[Job]], bool]
) -> list[Job]:
    """Show these jobs until `done`, which receives those that have a row, and return them."""
    jobs: list[Job] = []

    def load() -> list[Job]:
        return [job for _, job in in_parallel(stack.jobs.load, job_ids) if job is not None]

    with closing(_looks(load, table)) as looks:
        for jobs in looks:
            if done(jobs):
                break
    return jobs


def _looks(load: Callable[[], list[Job]], table: LiveTable) -> Generator[list[Job]]:
    """Load and show jobs in intervals, until no program reads the table any more. Yield them each time."""
    with table:
        while table.has_reader:
            jobs = load()
            table.show(jobs, datetime.now(UTC))
            yield jobs
            time.sleep(INTERVAL_S)


def _shape(jobs: Sequence[Job]) -> WatchShape:
    return WatchShape(jobs=[JobRow.from_job(job) for job in jobs])
