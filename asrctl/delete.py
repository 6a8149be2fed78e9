"""`delete`: delete a job and all that was made of its recording, in every version that the buckets keep."""

from collections.abc import Callable, Sequence

from asrcore.cancellation import cancelled_message
from asrcore.deletion import JobInProgressError, delete_all, end, objects
from asrcore.messages import Message
from asrctl.find import find_job
from asrctl.formatting import quote_name
from asrctl.result import CommandResult, Line, OperatorError
from asrctl.shapes import DeleteShape, StoredVersion
from asrctl.stack import DeployedStack


def delete(
    stack: DeployedStack, reference: str, confirm: Callable[[Sequence[Line]], bool], *, dry_run: bool
) -> CommandResult[DeleteShape]:
    """Delete one job: its recording, transcript, exports and raw reply, and at last its row.

    An open job is cancelled first. Repeated after a crash it deletes the rest.

    Args:
        reference: of `find_job`.
        confirm: receives what would be deleted; False keeps all of it.

    Raises:
        OperatorError: there is no such job, or it was changed meanwhile.
    """
    job = find_job(reference, stack)
    try:
        found = list(objects(job, stack.services))
        shown = [
            *(
                Message(
                    "cli.delete.version",
                    {"object": quote_name(f"s3://{each.bucket}/{each.key}"), "version": each.version_id},
                )
                for each in found
            ),
            Message("cli.delete.job" if job.finished else "cli.delete.open_job", {"job": job.job_id}),
        ]
        data = DeleteShape(job_id=job.job_id, objects=[StoredVersion(**vars(each)) for each in found], dry_run=dry_run)
        if dry_run:
            return CommandResult(data, [Message("cli.would_be_deleted", {"what": each}) for each in shown])
        if not confirm(shown):
            nothing = DeleteShape(job_id=None, objects=[], dry_run=False)
            return CommandResult(nothing, [Message("cli.nothing_deleted")], ok=False)
        ended = end(job, stack.services)
        delete_all(ended, objects(ended, stack.services), stack.services)
    except JobInProgressError as error:
        raise OperatorError(Message("cli.delete.in_progress", {"job": job.job_id, "problem": error.reason})) from error
    done = Message("cli.delete.done", {"job": job.job_id, "count": len(found)})
    return CommandResult(data, [done] if job.finished else [cancelled_message(ended), done])
