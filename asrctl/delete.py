"""`delete`: delete a job and all that was made of its recording, in every version that the buckets keep."""

from collections.abc import Callable

from asrcore.deletion import JobInProgressError, delete_all, objects, refuse_unless_over
from asrctl.find import find_job
from asrctl.formatting import count, quote_name
from asrctl.result import CommandResult, OperatorError
from asrctl.shapes import DeleteShape, StoredVersion
from asrctl.stack import DeployedStack


def delete(
    stack: DeployedStack, reference: str, confirm: Callable[[list[str]], bool], *, dry_run: bool
) -> CommandResult[DeleteShape]:
    """Delete one job: its recording, transcript, exports and raw reply, and at last its row.

    Repeated after a crash it deletes the rest.

    Args:
        reference: a job id, a key of the audio bucket, or s3://bucket/key.
        confirm: receives what would be deleted; False keeps all of it.

    Raises:
        OperatorError: there is no such job, or it has not ended.
    """
    job = find_job(reference, stack)
    try:
        refuse_unless_over(job, stack.services)
        found = list(objects(job, stack.services))
        shown = [
            *(f"{quote_name(f's3://{each.bucket}/{each.key}')} (version {each.version_id})" for each in found),
            f"job {job.job_id}",
        ]
        data = DeleteShape(job_id=job.job_id, objects=[StoredVersion(**vars(each)) for each in found], dry_run=dry_run)
        if dry_run:
            return CommandResult(data, [*(f"{each}: would be deleted" for each in shown)])
        if not confirm(shown):
            return CommandResult(DeleteShape(job_id=None, objects=[], dry_run=False), ["nothing was deleted"], ok=False)
        delete_all(job, found, stack.services)
    except JobInProgressError as error:
        raise OperatorError(f"{error}: see `why {job.job_id}`") from error
    return CommandResult(data, [f"job {job.job_id} and {count(len(found), 'object version')} deleted"])
