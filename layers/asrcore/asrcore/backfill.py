"""A backfill: recordings that lie in the audio bucket without a job get one, behind all that comes in meanwhile.

The state machine hands over a batch of keys again and again, until nothing is left of it. Each recording is taken as if
S3 had told of it, so that it is one job whichever way it came, and in its turn: a vendor's pace is one line for all. A
batch rests whenever the place that its last recording got in that line is more than LINE_S off. So a backfill of
millions never makes the line longer than that, give or take a recording for each batch at work, and whoever drops a
recording meanwhile waits no longer.
"""

from dataclasses import dataclass
from urllib.parse import unquote_plus

from asrcore.core.errors import AsrError
from asrcore.core.job import Job, Status, job_id
from asrcore.core.routing import INCOMING
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source, transcript_key
from asrcore.events import BackfillEvent, Batch, Entry, Listed, Outcome
from asrcore.failures import Failures
from asrcore.job_creation import as_latest_version, get_or_create_job, skip_reason
from asrcore.log import LOG
from asrcore.services import Services
from asrcore.submit import start_job

LINE_S = 60
ROUND_S = 50  # no recording is begun later in an invocation, so that it ends soon
AGAIN_S = 10  # before what failed for no known reason is tried again
_LONGEST_WHY = 200


@dataclass(frozen=True)
class Progress:
    """How far a batch has come; it goes on in wait_s, unless nothing is left."""

    batch: Batch
    wait_s: int = 0

    def envelope(self) -> dict[str, object]:
        """As JSON values, for the state machine, which hands the batch over again as it is."""
        following = "submit" if self.batch.items else "done"
        return {
            "next": following,
            "wait_s": self.wait_s,
            **self.batch.model_dump(mode="json", by_alias=True, exclude_none=True),
        }


def take_batch(event: BackfillEvent, services: Services) -> Progress:
    """Create and start jobs for a batch, until nothing of it is left, the rate limiter's queue is long or time is up.

    Returns:
        The rest of the batch, and the outcome of each key so far.

    Raises:
        SomeFailedError: everything that was tried failed for unknown reasons.
    """
    started_at = services.now()
    entries: list[Entry] = []
    failures = Failures[Listed]("a recording could not be handled")
    left, wait_s = list(event.batch.items), 0.0
    while left and not wait_s and (services.now() - started_at).total_seconds() < ROUND_S:
        listed = left.pop(0)
        with failures.collect(listed, listed.key):
            entry, job = _handle_key(listed, event.bucket, services)
            entries.append(entry)
            wait_s = _rest_s(job, services) if job else 0.0
    if not entries:
        failures.raise_if_any()
    if failures.items and not left:
        wait_s = max(wait_s, AGAIN_S)
    batch = Batch(Items=[*left, *failures.items], recordings=[*event.batch.recordings, *entries])
    return Progress(batch, round(wait_s) if batch.items else 0)


def _handle_key(listed: Listed, bucket: str, services: Services) -> tuple[Entry, Job | None]:
    """Return the outcome of a key, and its job if it has a new one."""
    if reason := skip_reason(listed.key):
        return _skipped(listed.key, reason), None
    if not listed.key.startswith(INCOMING):
        return _skipped(listed.key, f"not under {INCOMING}"), None
    source = _find(listed, bucket, services)
    if source is None:
        return _skipped(listed.key, "deleted since it was listed"), None
    if reason := skip_reason(source.key, source.size_bytes):
        return _skipped(source.key, reason), None
    made = services.transcripts.origin(transcript_key(source))
    source = as_latest_version(source, made) if source.version_id else source
    # Rows expire: a version with a transcript had a job, and is not paid for twice.
    has_transcript = made is not None and made.version_id is not None and made.version_id == source.version_id
    if has_transcript:
        job, is_new = services.jobs.load(job_id(source)), False
    else:
        job, is_new = get_or_create_job(source, services)
    if job is not None and not job.finished:  # a known job's creator may have crashed before it started the execution
        job = start_job(job, services)
    if job is not None and is_new:
        return _entry(job), job
    return Entry(key=source.key, outcome=Outcome.KNOWN, job_id=job_id(source)), None


def _find(listed: Listed, bucket: str, services: Services) -> Source | None:
    """The object that is meant; None when it is gone. A key that is said to be encoded may be plain after all."""
    keys = [unquote_plus(listed.key), listed.key] if listed.encoded else [listed.key]
    for key in (key for key in dict.fromkeys(keys) if len(key.encode()) <= LONGEST_KEY_BYTES):
        named = Source(bucket=bucket, key=key, version_id=None, etag="", size_bytes=0)
        try:
            return services.recordings.look_up(named)[0]
        except AsrError as error:
            LOG.info("there is no such object", key=key, code=error.code)
    return None


def _rest_s(job: Job, services: Services) -> float:
    """Seconds to rest, until it is the turn of the recording that just joined the line; 0 while the line is short."""
    if job.finished or not job.attempt.has_slot or job.attempt.submitted_at is not None:
        return 0.0
    turn_s = (job.attempt.due_at - services.now()).total_seconds()
    return turn_s if turn_s > LINE_S else 0.0


def _entry(job: Job) -> Entry:
    if job.status is not Status.FAILED or job.error is None:
        return Entry(key=job.source.key, outcome=Outcome.TAKEN, job_id=job.job_id)
    why = f"{job.error.code}: {job.error.message.partition(chr(10))[0]}"
    return Entry(key=job.source.key, outcome=Outcome.FAILED, job_id=job.job_id, why=why[:_LONGEST_WHY])


def _skipped(key: str, why: str) -> Entry:
    return Entry(key=key, outcome=Outcome.SKIPPED, why=why)
