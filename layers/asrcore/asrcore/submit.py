"""A job's path to its vendor: plan, reserve a slot, submit; the outcome is settled in one place.

Each stage can be repeated: a redelivered event, a Lambda retry or a state machine retry continues where the job stands.
"""

import math

from asrcore.core.budget import BudgetReachedError
from asrcore.core.errors import OBJECT_NOT_FOUND, OBJECT_REPLACED, AsrError
from asrcore.core.job import Job
from asrcore.core.rate_limit import SHORT_WAIT_S, SLOT_LEAD_S
from asrcore.core.step import Step, end_of_deleted
from asrcore.core.transcript import Source
from asrcore.core.vendor import SHORT_CALL_S, Completion
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.outcome import AttemptFailed, JobFailed, Outcome, Reused
from asrcore.planning import plan
from asrcore.ports import ConflictError
from asrcore.services import JobDeletedError, Services
from asrcore.slots import reserve_submission_slot
from asrcore.spending import wait_or_refuse
from asrcore.submission import ClaimEndedError, submit_attempt

LONG_WAIT_S = 3600  # for a slot, after which the recording may have been deleted


def submit(job_id: str, services: Services) -> Step:
    """Run the state machine's submit step: a slot, a retry, or the next vendor of the chain.

    Only this step makes a call that may take minutes: AWS Step Functions waits for it, and repeats it when it fails.

    Returns:
        The job's next step; FAILED, which ends the execution, when the job's row was deleted.
    """
    try:
        return services.next_step(_advance(services.load_job(job_id), services, longest_call_s=math.inf))
    except JobDeletedError:
        return end_of_deleted(job_id)


def start_job(job: Job, services: Services) -> Job:
    """Take a job through its stages as far as possible now, and start its execution for the rest.

    Returns:
        The job as it is saved. One that ended has no execution; a second start of the same execution changes nothing.
    """
    job = _advance(job, services, longest_call_s=SHORT_CALL_S)
    services.start_execution(job)
    return job


def _advance(job: Job, services: Services, *, longest_call_s: float) -> Job:
    """Take a job through its stages until it has to wait or ends.

    longest_call_s: a vendor whose calls may take longer is not called here.
    """
    outcome = _run_stages(job, services, longest_call_s=longest_call_s)
    return settle(outcome, services)


def _run_stages(job: Job, services: Services, *, longest_call_s: float) -> Outcome:
    try:
        planned = plan(job, services)
        if isinstance(planned, Reused):
            return planned
        _raise_conversion_error(planned)
        _check_after_long_wait(planned, services)
    except AsrError as error:
        return JobFailed(job, error)
    return _run_planned(planned, services, longest_call_s=longest_call_s)


def _run_planned(job: Job, services: Services, *, longest_call_s: float) -> Outcome:
    if job.finished or not job.planned or job.attempt.submitted_at or job.awaits_conversion:
        return job
    if job.converted and not _is_stored(job.converted.source, services):
        LOG.warning("the converted recording is gone; it is converted again", key=job.converted.source.key)
        return services.update_job(job.job_id, lambda job: job.conversion_lost(services.now()))
    try:
        return _reserve_and_submit(job, services, longest_call_s=longest_call_s)
    except AsrError as error:
        return AttemptFailed(job, error)
    except BudgetReachedError as reached:
        return wait_or_refuse(job, reached, services)
    except ConflictError:
        LOG.info("another invocation changed the job; its row says what is next")
    except ClaimEndedError:
        LOG.warning("the claim leaves no time for a call", attempt=job.attempt.number, vendor=job.attempt.vendor)
    return services.load_job(job.job_id)


def _check_after_long_wait(job: Job, services: Services) -> None:
    """Look the recording up before a slot that it has waited for: deleted meanwhile, it leaves its place to another.

    Raises:
        AsrError: the recording is not stored.
    """
    if not job.planned or not job.attempt.has_slot or job.attempt.claimed_at is not None:
        return
    waited_s = (services.now() - job.updated_at).total_seconds()
    if waited_s > LONG_WAIT_S and _wait_s(job, services) <= SHORT_WAIT_S:
        services.recordings.look_up(job.source)


def _raise_conversion_error(job: Job) -> None:
    """Raise the error with which the conversion of a job's recording failed, if it did."""
    if job.conversion_error is not None and not job.finished:
        known = job.conversion_error
        raise AsrError(known.class_, known.code, known.reason)


def _reserve_and_submit(job: Job, services: Services, *, longest_call_s: float) -> Outcome:
    """Submit in the attempt's slot, if that is near; otherwise the job says when.

    For a vendor with a longer call than longest_call_s only the slot is reserved, and the state machine submits.
    """
    if _wait_s(job, services) > SHORT_WAIT_S:
        return job
    submits_here = services.vendors[job.attempt.vendor].longest_call_s <= longest_call_s
    # Read before the slot is reserved, as nothing may take time between a slot and its submission.
    typical_s = _typical_s(job, services)
    job = reserve_submission_slot(job, services, ahead_s=SLOT_LEAD_S if submits_here else SHORT_WAIT_S)
    wait_s = _wait_s(job, services)
    if wait_s > SHORT_WAIT_S or not submits_here:
        return job
    if wait_s > 0:
        services.sleep(wait_s)
    return submit_attempt(job, services, typical_s=typical_s)


def _wait_s(job: Job, services: Services) -> float:
    """Return the seconds until the current attempt may be submitted; negative when that was possible before."""
    return (job.free_from() - services.now()).total_seconds()


def _typical_s(job: Job, services: Services) -> int | None:
    """Return the whole seconds in which the attempt's vendor usually has the result, if it must be queried."""
    if job.audio_s is None or Completion.QUERY not in services.completion_modes(job):
        return None
    usual_s = services.turnaround_stats.typical_s(job.attempt.vendor, job.audio_s, services.now())
    return None if usual_s is None else max(1, round(usual_s))


def _is_stored(source: Source, services: Services) -> bool:
    """Return whether a converted recording is still stored: after days of waiting it may have expired."""
    try:
        services.recordings.look_up(source)
    except AsrError as error:
        if error.code not in {OBJECT_NOT_FOUND, OBJECT_REPLACED}:
            raise
        return False
    return True
