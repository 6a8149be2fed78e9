"""`reconcile`: submit recordings without a job, and find jobs whose transcript is lost.

A recording is submitted by an event like S3's, so that one with a job stays one job. Recordings that are older than
the stack are submitted too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from asrcore.core.job import Job, Status, job_id
from asrcore.core.recording_keys import skip_reason
from asrcore.core.routing import INCOMING
from asrcore.core.sequencer import after, rank
from asrcore.core.transcript import transcript_key
from asrcore.messages import Message, Param
from asrcore.ports import ObjectVersion
from asrcore.stores.objects import SEQUENCER
from asrctl.formatting import quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult
from asrctl.shapes import JobKey, ReconcileShape
from asrctl.stack import DeployedStack, in_parallel


@dataclass(frozen=True)
class UnprocessedRecording:
    """A recording without a job. after: the sequencer of the last earlier version that is known, empty without one."""

    version: ObjectVersion
    after: str


@dataclass(frozen=True)
class LostTranscript:
    """A COMPLETED job whose transcript is lost. markers: the delete markers that hide it, where a version is left."""

    job: Job
    markers: list[str]


def reconcile(
    stack: DeployedStack, progress: ProgressReporter, *, fix: bool, dry_run: bool
) -> CommandResult[ReconcileShape]:
    """Submit every current recording that has no job; report COMPLETED jobs whose transcript is lost.

    Args:
        fix: restore deleted transcripts of which the bucket still has a version.

    Returns:
        Not `ok` when a transcript is lost and was not restored.
    """
    orphans, losses = _look(stack, progress)
    back = [loss for loss in losses if fix and loss.markers]
    missing = [loss for loss in losses if loss not in back]
    if not dry_run:
        for orphan in progress.track("cli.progress.recordings_submitted", orphans):
            stack.invoke_asynchronously(stack.submit_function, s3_event(orphan))
        for loss in progress.track("cli.progress.transcripts_restored", back):
            _restore(loss, stack)
    submitted = "cli.reconcile.would_be_submitted" if dry_run else "cli.reconcile.submitted"
    restored = "cli.reconcile.would_be_restored" if dry_run else "cli.reconcile.restored"
    total: dict[str, Param] = {
        "recordings": Message("cli.count.recordings", {"count": len(orphans)}),
        "transcripts": Message("cli.count.transcripts", {"count": len(back)}),
        "missing": len(missing),
    }
    lines = [
        *(Message(submitted, {"key": quote_name(orphan.version.key)}) for orphan in orphans),
        *(Message(restored, {"key": _transcript(loss)}) for loss in back),
        *(_report(loss) for loss in missing),
        Message("cli.reconcile.would_be_done" if dry_run else "cli.reconcile.done", total),
    ]
    data = ReconcileShape(
        submitted=[JobKey(job_id=job_id(each.version.source), key=each.version.key) for each in orphans],
        brought_back=[_named(loss) for loss in back],
        missing=[_named(loss) for loss in missing],
        dry_run=dry_run,
    )
    return CommandResult(data, lines, ok=not missing)


def s3_event(orphan: UnprocessedRecording) -> dict[str, Any]:
    """Return an S3 notification with the fields that are read. Its eventSource names this command as the sender."""
    version = orphan.version
    described = {
        "key": quote_plus(version.key, safe="/"),
        "versionId": version.version_id,
        "eTag": version.etag,
        "size": version.size_bytes,
        "sequencer": after(orphan.after),
    }
    return {
        "Records": [
            {"eventSource": "asrctl:reconcile", "s3": {"bucket": {"name": version.bucket}, "object": described}}
        ]
    }


def _look(stack: DeployedStack, progress: ProgressReporter) -> tuple[list[UnprocessedRecording], list[LostTranscript]]:
    orphans = {orphan.version.key: orphan for orphan in _orphans(stack, progress)}
    losses = []
    jobs = progress.track("cli.progress.jobs_checked", stack.jobs.every())
    for job, is_whole in in_parallel(partial(_is_whole, stack), jobs):
        orphan = orphans.get(job.source.key)
        if orphan and rank(job.source.sequencer) > rank(orphan.after):
            orphans[job.source.key] = UnprocessedRecording(orphan.version, job.source.sequencer)
        if not is_whole:
            losses.append(LostTranscript(job, _markers(stack, str(job.transcript_key))))
    return list(orphans.values()), losses


def _orphans(stack: DeployedStack, progress: ProgressReporter) -> Iterator[UnprocessedRecording]:
    """Yield recordings whose current version has neither a job nor a transcript."""
    versions = progress.track("cli.progress.versions_checked", stack.versions(stack.audio_bucket, INCOMING))
    recordings = (version for version in versions if version.is_current and _is_recording(version))
    for version, job in in_parallel(lambda version: stack.jobs.load(job_id(version.source)), recordings):
        if job is not None:
            continue
        held = stack.read(stack.transcript_bucket, transcript_key(version.source))
        if held is None:
            yield UnprocessedRecording(version, "")
        # Rows expire after RowRetentionDays: a recording with a transcript had a job, and is not submitted twice.
        elif json.loads(held.body)["source"]["version_id"] != version.version_id:
            yield UnprocessedRecording(version, held.metadata.get(SEQUENCER, ""))


def _is_recording(version: ObjectVersion) -> bool:
    return skip_reason(version.key, version.size_bytes) is None


def _is_whole(stack: DeployedStack, job: Job) -> bool:
    return job.status is not Status.COMPLETED or stack.holds(stack.transcript_bucket, str(job.transcript_key))


def _markers(stack: DeployedStack, key: str) -> list[str]:
    if not stack.versions_of(stack.transcript_bucket, key):
        return []
    pages = stack.s3.get_paginator("list_object_versions").paginate(Bucket=stack.transcript_bucket, Prefix=key)
    return [marker["VersionId"] for page in pages for marker in page.get("DeleteMarkers", []) if marker["Key"] == key]


def _restore(loss: LostTranscript, stack: DeployedStack) -> None:
    for marker in loss.markers:
        stack.s3.delete_object(Bucket=stack.transcript_bucket, Key=str(loss.job.transcript_key), VersionId=marker)


def _report(loss: LostTranscript) -> Message:
    code = "cli.reconcile.deleted" if loss.markers else "cli.reconcile.lost"
    return Message(code, {"key": _transcript(loss), "job": loss.job.job_id})


def _transcript(loss: LostTranscript) -> str:
    return quote_name(str(loss.job.transcript_key))


def _named(loss: LostTranscript) -> JobKey:
    return JobKey(job_id=loss.job.job_id, key=str(loss.job.transcript_key))
