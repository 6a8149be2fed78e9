"""A backfill: recordings of the audio bucket without a job get one, without a delay for new recordings.

The state machine passes a batch of keys until nothing of it is left. Each recording gets its job by the same function
as one that S3 reports, and its slot from the same rate limiter. A batch pauses whenever the slot of its last recording
is more than LONGEST_QUEUE_S seconds away. So a backfill of millions never makes the rate limiter's queue longer than
that, give or take a recording for each batch, and a new recording waits no longer.
"""

import math
from dataclasses import dataclass
from urllib.parse import unquote_plus

from asrcore.core.backoff import BACKFILL_WAIT_S
from asrcore.core.errors import OBJECT_ARCHIVED, OBJECT_NOT_FOUND, AsrError, ErrorClass
from asrcore.core.job import Job, Status, job_id
from asrcore.core.recording_keys import skip_reason
from asrcore.core.routing import INCOMING
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source, transcript_key
from asrcore.events import BackfillEvent, BackfillOutcome, Batch, ListedKey, ManifestEntry
from asrcore.failures import Failures
from asrcore.job_creation import as_latest_version, get_or_create_job
from asrcore.log import LOG
from asrcore.messages import Message, render
from asrcore.services import Services
from asrcore.submit import start_job

LONGEST_QUEUE_S = 60
ROUND_S = 50  # no recording is started later in an invocation, so that it ends soon
_LONGEST_WHY = 200


@dataclass(frozen=True)
class Progress:
    """The state of a batch, which continues in wait_s seconds unless nothing of it is left."""

    batch: Batch
    wait_s: int = 0

    def envelope(self) -> dict[str, object]:
        """Return JSON values for the state machine, which passes the batch to the next invocation as it is."""
        following = "submit" if self.batch.items else "done"
        return {
            "next": following,
            "wait_s": self.wait_s,
            **self.batch.model_dump(mode="json", by_alias=True, exclude_none=True),
        }


def handle_batch(event: BackfillEvent, services: Services) -> Progress:
    """Create and start jobs for a batch, until nothing of it is left, the rate limiter's queue is long or time is up.

    Returns:
        The rest of the batch, and the outcome of each key so far.

    Raises:
        SomeFailedError: everything that was tried failed for unknown reasons.
    """
    started_at = services.now()
    entries: list[ManifestEntry] = []
    failures = Failures[ListedKey]("a recording could not be handled")
    left, wait_s = list(event.batch.items), 0.0
    while left and not wait_s and (services.now() - started_at).total_seconds() < ROUND_S:
        listed = left.pop(0)
        with failures.collect(listed, listed.key):
            entry, job = _handle_key(listed, event.bucket, services)
            entries.append(entry)
            wait_s = _pause_s(job, services) if job else 0.0
    if not entries:
        failures.raise_if_any()
    if failures.items and not left:
        wait_s = max(wait_s, BACKFILL_WAIT_S)
    batch = Batch(Items=[*left, *failures.items], recordings=[*event.batch.recordings, *entries])
    return Progress(batch, math.ceil(wait_s) if batch.items else 0)  # not before the slot


def _handle_key(listed: ListedKey, bucket: str, services: Services) -> tuple[ManifestEntry, Job | None]:
    """Return the outcome of a key, and its job if it has a new one."""
    if reason := skip_reason(listed.key):
        return _skipped(listed.key, reason), None
    if not listed.key.startswith(INCOMING):
        return _skipped(listed.key, Message("skipped.elsewhere", {"folder": INCOMING})), None
    try:
        source = _find(listed, bucket, services)
        if source is None:
            return _skipped(listed.key, Message("skipped.deleted")), None
        if reason := skip_reason(source.key, source.size_bytes):
            return _skipped(source.key, reason), None
        return _handle_object(source, services)
    except AsrError as error:
        if error.error_class is not ErrorClass.CONFIG:
            raise
        return _unreadable(listed.key, error), None


def _handle_object(source: Source, services: Services) -> tuple[ManifestEntry, Job | None]:
    """Return the outcome of a recording, and its job if it has a new one. Raises AsrError if S3 does not return it."""
    made = services.transcripts.origin(transcript_key(source))
    source = as_latest_version(source, made) if source.version_id else source
    job, is_new = services.jobs.load(job_id(source)), False
    # Rows expire: a version with a transcript had a job, and is not paid for twice.
    has_transcript = made is not None and made.version_id is not None and made.version_id == source.version_id
    if job is None and not has_transcript:
        services.recordings.read(source, 0, 1)  # without its content, an object gets no job: millions may be archived
        job, is_new = get_or_create_job(source, services)
    if job is not None and not job.finished:  # a known job's creator may have crashed before it started the execution
        job = start_job(job, services)
    if job is not None and is_new:
        return _entry(job), job
    return ManifestEntry(key=source.key, outcome=BackfillOutcome.KNOWN, job_id=job_id(source)), None


def _find(listed: ListedKey, bucket: str, services: Services) -> Source | None:
    """Return the object of a key; None when it was deleted. A key marked as encoded may be plain.

    Raises:
        AsrError: class config, when S3 does not return the object.
    """
    keys = [unquote_plus(listed.key), listed.key] if listed.encoded else [listed.key]
    for key in (key for key in dict.fromkeys(keys) if len(key.encode()) <= LONGEST_KEY_BYTES):
        named = Source(bucket=bucket, key=key, version_id=None, etag="", size_bytes=0)
        try:
            return services.recordings.look_up(named)[0]
        except AsrError as error:
            if error.code != OBJECT_NOT_FOUND:
                raise
            LOG.info("no such object", key=key)
    return None


def _pause_s(job: Job, services: Services) -> float:
    """Return the seconds until the recording's reserved slot; 0 while the rate limiter's queue is short."""
    if job.finished or not job.attempt.has_slot or job.attempt.submitted_at is not None:
        return 0.0
    slot_s = (job.attempt.due_at - services.now()).total_seconds()
    return slot_s if slot_s > LONGEST_QUEUE_S else 0.0


def _entry(job: Job) -> ManifestEntry:
    if job.status is not Status.FAILED or job.error is None:
        return ManifestEntry(key=job.source.key, outcome=BackfillOutcome.CREATED, job_id=job.job_id)
    why = _why(job.error.code, job.error.reason)
    return ManifestEntry(key=job.source.key, outcome=BackfillOutcome.FAILED, job_id=job.job_id, why=why)


def _unreadable(key: str, error: AsrError) -> ManifestEntry:
    """Return the entry of an object that S3 does not return. It gets no job, so that a later backfill takes it."""
    outcome = BackfillOutcome.ARCHIVED if error.code == OBJECT_ARCHIVED else BackfillOutcome.FAILED
    return ManifestEntry(key=key, outcome=outcome, why=_why(error.code, error.reason))


def _why(code: str, reason: Message) -> str:
    return render(Message("skipped.failed", {"code": code, "reason": reason}))[:_LONGEST_WHY]


def _skipped(key: str, why: Message) -> ManifestEntry:
    return ManifestEntry(key=key, outcome=BackfillOutcome.SKIPPED, why=render(why))
