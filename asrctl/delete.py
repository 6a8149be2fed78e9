"""`delete`: a job and all that was made of its recording, in every version that the buckets keep."""

import json
from collections.abc import Callable
from typing import Any

from asrcore.core.job import Job
from asrcore.finish import transcript_key
from asrcore.render import FORMATS
from asrcore.services import ConflictError
from asrctl.find import find
from asrctl.result import OperatorError, Result
from asrctl.stack import ObjectVersion, Stack
from asrctl.words import count

EXPORTS = tuple(made.extension for made in FORMATS.values())


def delete(stack: Stack, reference: str, agree: Callable[[list[str]], bool], *, dry_run: bool) -> Result:
    """Delete one job: its recording, transcript, exports and raw reply, and at last its row.

    agree: is shown what would go. Repeated after a crash it finishes what is left. Raises OperatorError for a job that
    somebody still works on.
    """
    job = find(reference, stack)
    _refuse_unless_over(job, stack)
    objects = _objects(job, stack)
    shown = [*(f"s3://{each.bucket}/{each.key} (version {each.version_id})" for each in objects), f"job {job.job_id}"]
    data: dict[str, Any] = {"job_id": job.job_id, "objects": [vars(each) for each in objects], "dry_run": dry_run}
    if dry_run:
        return Result(data, [*(f"{each}: would be deleted" for each in shown)])
    if not agree(shown):
        return Result({**data, "objects": [], "job_id": None}, ["nothing was deleted"], ok=False)
    for each in objects:
        stack.s3.delete_object(Bucket=each.bucket, Key=each.key, VersionId=each.version_id)
    try:
        stack.jobs.delete(job)
    except ConflictError as error:
        raise OperatorError(f"{error}, after its objects were deleted: see `why {job.job_id}`") from error
    return Result(data, [f"job {job.job_id} and {count(len(objects), 'object version')} deleted"])


def _refuse_unless_over(job: Job, stack: Stack) -> None:
    if job.open is not None:
        raise OperatorError(
            f"job {job.job_id} is {job.status} and still looked after: delete it when it has ended, or stop its "
            f"execution {job.execution_name} first, which ends it"
        )
    if stack.execution_status(job) == "RUNNING":
        raise OperatorError(f"the execution {job.execution_name} is about to end: delete the job when it has")


def _objects(job: Job, stack: Stack) -> list[ObjectVersion]:
    source = job.source
    recordings = [
        each for each in stack.versions_of(source.bucket, source.key) if source.version_id in {None, each.version_id}
    ]
    bucket = stack.transcript_bucket
    key = transcript_key(source)
    transcripts = stack.versions_of(bucket, key)
    ours = [each for each in transcripts if _is_of(job, each, stack)]
    others_is_current = any(each.is_current and each not in ours for each in transcripts)
    exports = [
        each
        for suffix in EXPORTS
        for each in stack.versions_of(bucket, key.removesuffix(".json") + suffix)
        # An export does not say whose it is: the current one belongs to the current transcript, the others are history.
        if not (each.is_current and others_is_current)
    ]
    kept_by_id = [each for folder in ("superseded", "raw") for each in stack.versions(bucket, f"{folder}/{job.job_id}")]
    return [*recordings, *ours, *exports, *kept_by_id]


def _is_of(job: Job, version: ObjectVersion, stack: Stack) -> bool:
    held = stack.read(version.bucket, version.key, version.version_id)
    return held is not None and json.loads(held.body)["job_id"] == job.job_id
