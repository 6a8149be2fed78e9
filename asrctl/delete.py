"""`delete`: a job and all that was made of its recording, in every version that the buckets keep."""

from collections.abc import Callable
from typing import Any

from asrcore.deletion import AtWorkError, delete_all, objects, refuse_unless_over
from asrctl.find import find
from asrctl.result import OperatorError, Result
from asrctl.stack import Stack
from asrctl.words import count


def delete(stack: Stack, reference: str, agree: Callable[[list[str]], bool], *, dry_run: bool) -> Result:
    """Delete one job: its recording, transcript, exports and raw reply, and at last its row.

    agree: is shown what would go. Repeated after a crash it finishes what is left. Raises OperatorError for a job that
    somebody still works on.
    """
    job = find(reference, stack)
    try:
        refuse_unless_over(job, stack.services)
        found = list(objects(job, stack.services))
        shown = [*(f"s3://{each.bucket}/{each.key} (version {each.version_id})" for each in found), f"job {job.job_id}"]
        data: dict[str, Any] = {"job_id": job.job_id, "objects": [vars(each) for each in found], "dry_run": dry_run}
        if dry_run:
            return Result(data, [*(f"{each}: would be deleted" for each in shown)])
        if not agree(shown):
            return Result({**data, "objects": [], "job_id": None}, ["nothing was deleted"], ok=False)
        delete_all(job, found, stack.services)
    except AtWorkError as error:
        raise OperatorError(f"{error}: see `why {job.job_id}`") from error
    return Result(data, [f"job {job.job_id} and {count(len(found), 'object version')} deleted"])
