"""The periodic recovery of stalled jobs.

An execution may fail, time out, be aborted or be deleted, an event may be lost, a process may crash at any point. The
job's row says by when its next change is due: past that time, a new execution continues from where the job stands.
"""

from datetime import timedelta

from asrcore.budget_check import check_budget
from asrcore.core.step import GRACE_S, THROTTLED_GRACE_S, next_check_deadline
from asrcore.failures import Failures
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.restart import start_again
from asrcore.services import Services


def sweep(services: Services) -> int:
    """Recover stalled jobs, and publish the end of jobs whose event is missing.

    At the end the budget is checked.

    Returns:
        How many there were.

    Raises:
        SomeFailedError: some of them could not be recovered, after all were tried; the next sweep finds them again.
    """
    recovered = 0
    failures = Failures[str]("a stalled job could not be recovered")
    now = services.now()
    services.metrics.open_jobs(services.jobs.open_since(), now)
    for job_id in services.jobs.find_stalled(now - timedelta(seconds=GRACE_S)):
        LOG.append_keys(job_id=job_id)
        with failures.collect(job_id, job_id):
            recovered += _recover_stalled(job_id, services)
    with failures.collect("budget", "budget"):
        check_budget(services)
    failures.raise_if_any()
    return recovered


def _recover_stalled(job_id: str, services: Services) -> bool:
    """Recover a job if it is stalled, or publish its end; return whether there was something to do."""
    job = services.jobs.load(job_id)
    if job is None:
        return False
    if job.finished:
        settle(job, services)
        return True
    due, now = next_check_deadline(job, services.completion_modes(job)), services.now()
    if now < min(due, job.deadline_at):
        return False
    # AWS Lambda may throttle the next step, which the execution then retries.
    may_be_throttled = now < min(due + timedelta(seconds=THROTTLED_GRACE_S - GRACE_S), job.deadline_at)
    if may_be_throttled and services.workflow.status(job.execution_name) == "RUNNING":
        return False
    start_again(job, Message("restart.overdue"), services)
    return True
