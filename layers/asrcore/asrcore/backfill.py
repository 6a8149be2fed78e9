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
from asrcore.core.job import Job, Status, new_job
from asrcore.core.option_sources import is_sidecar
from asrcore.core.routing import INCOMING
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source
from asrcore.events import BackfillEvent, Batch, Entry, Listed, Outcome
from asrcore.finish import transcript_key
from asrcore.job_creation import as_latest_version
from asrcore.log import LOG
from asrcore.services import Services
from asrcore.submit import SomeRecordingsFailedError, start_job

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
    """Take recordings of a batch until nothing is left of it, the line is long or the time is up.

    Raises SomeRecordingsFailedError when all that was tried failed for reasons that nobody foresaw.
    """
    started_at = services.now()
    entries: list[Entry] = []
    failed: list[Listed] = []
    reasons: list[str] = []
    left, wait_s = list(event.batch.items), 0.0
    while left and not wait_s and (services.now() - started_at).total_seconds() < ROUND_S:
        listed = left.pop(0)
        try:
            entry, job = _take(listed, event.bucket, services)
        except Exception as error:  # noqa: BLE001 - whatever stops one recording must not stop its neighbours
            LOG.exception("a recording could not be taken", key=listed.key)
            failed.append(listed)
            reasons.append(repr(f"{listed.key}: {type(error).__name__}: {error}"))
            continue
        entries.append(entry)
        wait_s = _rest_s(job, services) if job else 0.0
    if failed and not entries:
        raise SomeRecordingsFailedError("; ".join(reasons))
    if failed and not left:
        wait_s = max(wait_s, AGAIN_S)
    batch = Batch(Items=[*left, *failed], recordings=[*event.batch.recordings, *entries])
    return Progress(batch, round(wait_s) if batch.items else 0)


def _take(listed: Listed, bucket: str, services: Services) -> tuple[Entry, Job | None]:
    """What became of a key, and its job if it has a new one."""
    if is_sidecar(listed.key):
        return _skipped(listed.key, "a sidecar, which is read with its recording"), None
    if not listed.key.startswith(INCOMING):
        return _skipped(listed.key, f"not under {INCOMING}"), None
    source = _find(listed, bucket, services)
    if source is None:
        return _skipped(listed.key, "deleted since it was listed"), None
    if source.key.endswith("/") and source.size_bytes == 0:
        return _skipped(source.key, "a folder marker"), None
    made = services.transcripts.made_from(transcript_key(source))
    job = new_job(as_latest_version(source, made) if source.version_id else source, services.now())
    # Rows are forgotten after a while: who has a transcript had a job, and is not paid for twice.
    has_transcript = made is not None and made.version_id is not None and made.version_id == source.version_id
    if has_transcript or not services.jobs.create(job):
        _go_on(job.job_id, services)
        return Entry(key=source.key, outcome=Outcome.KNOWN, job_id=job.job_id), None
    LOG.append_keys(job_id=job.job_id)
    services.metrics.received()
    LOG.info("new recording, by backfill", key=source.key, size_bytes=source.size_bytes)
    going = start_job(job.job_id, services)
    return _entry(going), going


def _go_on(job_id: str, services: Services) -> None:
    """Whoever wrote a job's row may have died before an execution looked after it."""
    job = services.jobs.load(job_id)
    if job is not None and not job.finished:
        start_job(job_id, services)


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
