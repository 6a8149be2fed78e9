"""The periodic recovery of stalled jobs.

An execution may fail, time out, be aborted or be deleted, an event may be lost, a process may crash at any point. The
job's row says by when its next change is due: past that time, a new execution continues from where the job stands.
"""

from datetime import timedelta

from asrcore.core.step import GRACE_S, THROTTLED_GRACE_S, next_check_deadline
from asrcore.finish import announce
from asrcore.log import LOG
from asrcore.restart import start_again
from asrcore.services import Services


class SomeJobsLeftError(Exception):
    """Some overdue jobs could not be seen to in this sweep."""


def sweep(services: Services) -> int:
    """Look for jobs that nobody looks after, and see to each; how many there were.

    Raises SomeJobsLeftError after all were tried; the next sweep finds those again.
    """
    found, left = 0, []
    now = services.now()
    services.metrics.open_jobs(services.jobs.open_since(), now)
    for job_id in services.jobs.find_stalled(now - timedelta(seconds=GRACE_S)):
        LOG.append_keys(job_id=job_id)
        try:
            found += _recover_stalled(job_id, services)
        except Exception:  # noqa: BLE001 - whatever is wrong with one job must not keep the others waiting
            LOG.exception("a job could not be seen to")
            left.append(job_id)
    if left:
        raise SomeJobsLeftError(f"{len(left)} jobs could not be seen to, the first of them {left[0]}")
    return found


def _recover_stalled(job_id: str, services: Services) -> bool:
    """Whether nobody looked after a job: then somebody does now."""
    job = services.jobs.load(job_id)
    if job is None:
        return False
    if job.finished:
        announce(job, services)
        return True
    due, now = next_check_deadline(job, services.completion_modes(job)), services.now()
    if now < min(due, job.deadline_at):
        return False
    # It is still tried to run the next step, for which AWS Lambda may have no room.
    in_a_crowd = now < min(due + timedelta(seconds=THROTTLED_GRACE_S - GRACE_S), job.deadline_at)
    if in_a_crowd and services.workflow.status(job.execution_name) == "RUNNING":
        return False
    start_again(job, "nobody looked after it in time", services)
    return True
