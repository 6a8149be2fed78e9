"""`cancel`: end an open job."""

from asrcore.cancellation import cancel as cancel_job
from asrcore.cancellation import cancelled_message
from asrcore.messages import Message
from asrctl.find import find_job
from asrctl.formatting import quote_name
from asrctl.result import CommandResult, OperatorError
from asrctl.shapes import CancelShape
from asrctl.stack import DeployedStack


def cancel(stack: DeployedStack, reference: str, *, dry_run: bool) -> CommandResult[CancelShape]:
    """Cancel one job. Its recording stays; a job that was cancelled before is reported again.

    Args:
        reference: of `find_job`.

    Raises:
        OperatorError: there is no such job, or it has ended otherwise.
    """
    job = find_job(reference, stack)
    data = CancelShape(job_id=job.job_id, dry_run=dry_run)
    named = {"job": job.job_id, "key": quote_name(job.source.key)}
    if dry_run and not job.finished:
        return CommandResult(data, [Message("cli.cancel.would_be_done", named)])
    ended = cancel_job(job.job_id, stack.services)
    if not ended.withdrawn:
        raise OperatorError(Message("cli.cancel.ended", {"job": job.job_id, "status": ended.status}))
    return CommandResult(data, [Message("cli.cancel.done", {**named, "outcome": cancelled_message(ended)})])
