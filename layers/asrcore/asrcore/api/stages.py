"""Where a job is, in a word: read off its row, as the next step is."""

from asrcore.api.models import Stage
from asrcore.core.job import Job, Status
from asrcore.core.step import Next
from asrcore.core.vendor import SHORT_CALL_S
from asrcore.services import Services


def stage(job: Job, services: Services) -> Stage:
    """The job's stage now."""
    if job.finished:
        return Stage.COMPLETED if job.status is Status.COMPLETED else Stage.FAILED
    if not job.planned or job.awaits_conversion:
        return Stage.CONVERTING if job.planned else Stage.NEW
    attempt, following = job.attempt, services.next_step(job)
    if attempt.submitted_at is None:
        is_claimed = attempt.claimed_at is not None and attempt.claimed_at >= attempt.due_at
        if not is_claimed:
            return Stage.WAITING_FOR_TURN
        is_long = services.vendors[attempt.vendor].longest_call_s > SHORT_CALL_S
        return Stage.WAITING_FOR_RESULT if is_long else Stage.HANDING_OVER
    if following.next is Next.CALLBACK:
        return Stage.WAITING_FOR_CALLBACK
    return Stage.FETCHING_RESULT if attempt.called_back else Stage.WAITING_FOR_RESULT
