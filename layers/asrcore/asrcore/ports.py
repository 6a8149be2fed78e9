"""What the use cases need from the world, as interfaces with their value types.

AWS implements them in `stores/`, the webhook in `net/`, tests in memory. Every method may raise botocore's errors as
well, when AWS refuses or does not answer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from asrcore.core.audio import Audio
from asrcore.core.budget import Balance, Budget, BudgetEntry, BudgetLimit
from asrcore.core.form import Form
from asrcore.core.job import Job, Status
from asrcore.core.rate_limit import RateLimit
from asrcore.core.step import Step
from asrcore.core.totals import MonthSum
from asrcore.core.transcript import Source
from asrcore.core.vendor import ByteStream

JSON = "application/json; charset=utf-8"
VENDORS_URL_LIFETIME_S = 6 * 3600  # they fetch when the task leaves their queue, hours later at worst


class ConflictError(Exception):
    """Another invocation changed or deleted the job since it was read."""


@dataclass(frozen=True)
class TranscriptOrigin:
    """The version of a recording that a transcript was made from.

    Attributes:
        version_id: of the recording's object; None in a bucket without versions.
        sequencer: S3's order of that version among the others, as its event gives it.
    """

    version_id: str | None
    sequencer: str

    def is_of(self, source: Source) -> bool:
        """Return whether the transcript was made from this version of a recording."""
        if source.version_id:
            return self.version_id == source.version_id
        return self.sequencer == source.sequencer


class CountedSubmission(NamedTuple):
    """A submission that a vendor's day counts.

    Attributes:
        limiter: the name of the rate limit.
        day: the vendor's day.
        group: of the recording's uploader, as when the slot was reserved.
    """

    limiter: str
    day: date
    group: str


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list; None does not restrict.

    Attributes:
        status: the job's status now.
        vendor: the vendor of the job's current or last attempt.
        since: created at this time or later, UTC.
        until: created before this time, UTC.
        name: a part of the recording's file name, folded (`recording_keys.fold_name`).
        tags: values by name, all of which the job has.
    """

    status: Status | None = None
    vendor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def matches(self, job: Job) -> bool:
        """Return whether the job is to be listed."""
        return (
            self.status in {None, job.status}
            and self.vendor in {None, job.vendor}
            and (self.since is None or job.created_at >= self.since)
            and (self.until is None or job.created_at < self.until)
            and (self.name is None or self.name in job.name)
            and self.tags.items() <= job.tags.items()
        )


@dataclass(frozen=True)
class JobIdPage:
    """A page of jobs, the latest first.

    Attributes:
        job_ids: of this page; fewer than the limit, or none, although there may be more.
        after: the recency of the last job examined, from which the next page continues; None after the last page.
    """

    job_ids: list[str]
    after: str | None


@dataclass(frozen=True)
class IdempotencyRecord:
    """The request that came first under a caller's idempotency key.

    Attributes:
        request_digest: SHA-256 of the request, in hexadecimal.
        source: the object version that the request was about.
    """

    request_digest: str
    source: Source


@dataclass(frozen=True)
class StoredObject:
    """A version of an object of the transcript bucket. version_id: None in a bucket without versions."""

    key: str
    version_id: str | None
    size_bytes: int


@dataclass(frozen=True)
class ObjectVersion:
    """A version of an object of either bucket. is_current: whether a read of the key returns this version."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size_bytes: int
    is_current: bool

    @property
    def source(self) -> Source:
        """The recording, as S3's own event would name it, but for the sequencer, which only the event has."""
        return Source(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            etag=self.etag,
            size_bytes=self.size_bytes,
        )


class FoundRecording(NamedTuple):
    """A recording as it is stored.

    Attributes:
        source: the object, with its true size, version and ETag.
        metadata: without the `x-amz-meta-` prefix.
        digests: of its whole content, by algorithm; empty where S3 has none.
    """

    source: Source
    metadata: dict[str, str]
    digests: dict[str, str]


@dataclass(frozen=True)
class PresignedPost:
    """A form that uploads one recording.

    Attributes:
        url: where the form is posted, as multipart/form-data.
        fields: to be posted as they are, before the file, which is the last field, `file`.
    """

    url: str
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class StoredPart:
    """A part of an upload. number: from 1.  etag: as S3 has it."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class ConvertedRecording:
    """A recording in another form. source: the object that holds it.  audio: its properties."""

    source: Source
    audio: Audio


class Jobs(Protocol):
    """The jobs table: rows of jobs, rate limits and idempotency records, and totals that equal the rows of jobs."""

    def create(self, job: Job) -> bool:
        """Write a new job; return False, and write nothing, when its row exists."""

    def load(self, job_id: str) -> Job | None:
        """Return the job as it is now, by a consistent read; None without a row."""

    def save(self, job: Job, *, released: CountedSubmission | None = None) -> Job:
        """Write a changed job.

        Args:
            job: with the row version that it was read with.
            released: a submission that is not made after all; its day stops counting it in the same write.

        Returns:
            The job with its new row version.

        Raises:
            ConflictError: the row has another version by now, or was deleted.
        """

    def reserve_slot(
        self,
        limiter: str,
        rate: RateLimit,
        now: datetime,
        *,
        counted: date | None = None,
        latest: datetime | None = None,
        group: str = "",
    ) -> datetime | None:
        """Reserve the next free slot of a rate limit.

        Args:
            limiter: its name: a vendor's, or a vendor's with `#query`.
            rate: its rate limit.
            now: the slot is at this time or later, UTC.
            counted: the vendor's day on which this submission was counted before, when its slot was missed.
            latest: no slot is reserved when the vendor accepts no more on the days until then.
            group: of the recording's uploader, which takes only a share of the places of a later day.

        Returns:
            The slot's time, UTC; None when none was reserved because of `latest`.
        """

    def release_slot(self, limiter: str, rate: RateLimit, slot: datetime) -> None:
        """Give back a reserved slot that will not be used: the next reservation before its time gets it.

        Args:
            limiter: its name, as when it was reserved.
            rate: its rate limit.
            slot: the slot's time, UTC.
        """

    def find_stalled(self, before: datetime) -> Iterable[str]:
        """Return the ids of jobs that are open, or whose event is not published, and unchanged since `before`."""

    def open_since(self) -> Iterable[datetime]:
        """Return since when each job is open, or its event not published; none for one that waits for the budget.

        That is its creation; of a job that has waited for the budget, its last change.
        """

    def waiting_for_budget(self) -> Iterable[tuple[datetime, str]]:
        """Return when each job was created that waits for the stack's budget, and its id."""

    def list_recent(self, job_filter: JobFilter, limit: int, before: str | None) -> JobIdPage:
        """List jobs by creation, the latest first, with a bounded number of reads.

        Args:
            job_filter: which jobs.
            limit: jobs on the page at most.
            before: the recency after which the page begins (`JobIdPage.after`); None for the first page.
        """

    def load_all(self, job_ids: Sequence[str]) -> list[Job]:
        """Return these jobs, at most 100, in the same order, without those that have no row."""

    def totals(self, months: Sequence[str]) -> list[MonthSum]:
        """Return the totals of months (YYYY-MM), in the same order; those without a job are 0."""

    def delete(self, job: Job) -> None:
        """Delete a job's row as it was read. Raises ConflictError when it was changed or deleted meanwhile."""

    def load_idempotency_record(self, key: str, now: datetime) -> IdempotencyRecord | None:
        """Return the record under an idempotency key; None without one from the last 24 hours."""

    def create_idempotency_record(self, key: str, record: IdempotencyRecord, now: datetime) -> IdempotencyRecord:
        """Write the record under an idempotency key for 24 hours; return the one that is there if there is one."""


class BudgetRows(Protocol):
    """The budget's rows: its limits, and what jobs have reserved by month and day."""

    def load_limits(self, parameters: Budget) -> Budget:
        """Return the limits: what an operator has set, and the stack's parameters for the rest."""

    def save_limits(self, changes: Mapping[str, Any]) -> None:
        """Set some limits, in place of the stack's parameters; an empty change removes all that were set."""

    def count(self, entry: BudgetEntry, budget: Budget) -> BudgetLimit | None:
        """Count an entry once, however often this is repeated, unless it exceeds a limit.

        Args:
            entry: of one day, if the limits have any.
            budget: the limits; without any for a correction, which always counts.

        Returns:
            None when it is counted; otherwise the limit that leaves no room.
        """

    def cancel(self, entry: BudgetEntry) -> None:
        """Give back what an entry counts, unless that or `forget` was done."""

    def forget(self, entry: BudgetEntry) -> None:
        """Remove an entry whose job's row has it; what it counts stays."""

    def balance(self, day: date) -> Balance:
        """Return what is reserved in the month of a day, by a consistent read."""


class TurnaroundStats(Protocol):
    """What completed jobs took. The numbers only refine the polling schedule: no method raises when AWS refuses."""

    def record(self, vendor: str, audio_s: float, turnaround_s: float, now: datetime) -> None:
        """Add a completed job.

        Args:
            vendor: of its last attempt.
            audio_s: the recording's length in seconds.
            turnaround_s: seconds from submission to result.
            now: the time of the result, UTC.
        """

    def typical_s(self, vendor: str, audio_s: float, now: datetime) -> float | None:
        """Return a vendor's usual turnaround in seconds for a recording's length; None with too few jobs."""


class Recordings(Protocol):
    """The audio bucket.

    Every method raises AsrError for an object that S3 does not return: `bad_audio`, ObjectNotFound when it was deleted;
    `config` when an operator must act, such as ObjectArchived or ObjectAccessDenied.
    """

    def look_up(self, source: Source) -> FoundRecording:
        """Return an object as it is stored.

        Raises:
            AsrError: ObjectNotFound; ObjectReplaced when another object is under the key, without versions.
        """

    def sidecar(self, source: Source) -> bytes | None:
        """Return the sidecar of a recording: its first bytes when it is too large, None without one."""

    def read(self, source: Source, offset: int, length: int) -> bytes:
        """Return a range of the recording, shorter at its end. offset, length: in bytes."""

    def presign(self, source: Source, lifetime_s: int = VENDORS_URL_LIFETIME_S) -> str:
        """Return a URL from which exactly this version can be read; of a remote recording, its own.

        lifetime_s: seconds for which it is valid; by default long enough for a vendor.
        """

    def read_all(self, source: Source, at_most_bytes: int) -> bytes:
        """Return the whole recording; a remote one is fetched from its URL.

        Raises:
            AsrError: it is larger than at_most_bytes, or its URL is not allowed or does not answer.
        """

    def stream(self, source: Source, at_most_bytes: int) -> ByteStream:
        """Return the whole recording, read while it is sent; reading it raises what `read_all` raises."""

    def presign_upload(
        self, key: str, content_type: str, metadata: Mapping[str, str], lifetime_s: int
    ) -> PresignedPost:
        """Return a form that uploads one recording under `key`.

        Args:
            key: of the object.
            content_type: which the form must have.
            metadata: of the object, without the `x-amz-meta-` prefix.
            lifetime_s: seconds for which the form is accepted.
        """

    def start_upload(self, key: str, content_type: str, metadata: Mapping[str, str]) -> str:
        """Start an upload in parts and return S3's id of it. Arguments: as of `presign_upload`."""

    def presign_part(self, key: str, s3_id: str, number: int, size_bytes: int, lifetime_s: int) -> str:
        """Return a URL to which one part of an upload can be put, with exactly this size.

        Args:
            key: of the object.
            s3_id: of the upload.
            number: of the part, from 1.
            size_bytes: of the part.
            lifetime_s: seconds for which the URL is accepted.
        """

    def uploaded_parts(self, key: str, s3_id: str) -> list[StoredPart] | None:
        """Return the parts that S3 has of an upload, in order; None when there is no such upload, or it has ended."""

    def complete_upload(self, key: str, s3_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the object of an upload's parts, unless the key has an object or the upload has ended."""

    def abort_upload(self, key: str, s3_id: str) -> None:
        """Delete the parts of an upload; nothing happens when it has ended."""

    def exists(self, source: Source) -> bool:
        """Return whether there is an object under the source's key."""

    def put_remote_url(self, bucket: str, key: str, url: str) -> Source:
        """Store the URL of a remote recording under `key`, unless there is an object; return the object's version."""


class Converter(Protocol):
    """Converts recordings within the audio bucket."""

    def convert(
        self, source: Source, key: str, form: Form, track: int, is_late: Callable[[], bool]
    ) -> ConvertedRecording:
        """Write a recording in another form under `key`; a repetition writes the same again.

        Args:
            source: the recording.
            key: of the converted recording, in the same bucket.
            form: format, codec, rate and channels to convert to.
            track: the audio track, from 1.
            is_late: whether the invocation's time is nearly over.

        Raises:
            AsrError: `bad_audio`: the recording cannot be decoded, not in this time, or was deleted.
        """


class Transcripts(Protocol):
    """The transcript bucket."""

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Store a vendor's reply as it came. headers: those that hold a part of the result, and `content-type`."""

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = JSON) -> bool:
        """Write a transcript or an export; return False, and write nothing, over that of a later version."""

    def origin(self, key: str) -> TranscriptOrigin | None:
        """Return the version that the transcript under a key was made from; None without a transcript."""

    def put_superseded(self, key: str, body: bytes, source: Source) -> None:
        """Store the transcript of a version that is not the latest."""

    def find(self, key: str, source: Source) -> StoredObject | None:
        """Return the transcript or export under a key that was made from this version; None without one."""

    def read(self, stored: StoredObject) -> bytes:
        """Return the object's body."""

    def presign(self, stored: StoredObject, file_name: str) -> str:
        """Return a URL that downloads the object under a file name, for some minutes."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, name: str, step: Step) -> None:
        """Start an execution; nothing happens when one of that name exists. step: its input."""

    def complete_task(self, task_token: str, step: Step) -> None:
        """Complete a waiting task with its next step; nothing happens when the token is no longer waited for."""

    def stop(self, name: str) -> None:
        """Stop an execution; nothing happens when it has ended or does not exist."""

    def status(self, name: str) -> str | None:
        """Return RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None without an execution of that name."""


class Versions(Protocol):
    """Every version of the objects in both buckets."""

    def under(self, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
        """Return the versions of keys with a prefix; of each key the latest first."""

    def of(self, bucket: str, key: str) -> Iterator[ObjectVersion]:
        """Return the versions of one key, the latest first."""

    def origin(self, version: ObjectVersion) -> TranscriptOrigin | None:
        """Return the version that a transcript or export was made from; None when it was deleted."""

    def delete(self, version: ObjectVersion) -> None:
        """Delete a version for ever; nothing happens when it was deleted before."""


class Events(Protocol):
    """The event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Publish one event of source `asrcore`. detail: JSON values."""


class WebhookClient(Protocol):
    """Posts to the receivers of webhooks."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the HTTP status of the reply.

        Args:
            url: of the receiver.
            body: of the message.
            headers: of the message.

        Raises:
            AsrError: the receiver's URL is not allowed (`config`), or it does not answer in time (`retry`).
        """


class WebhookQueue(Protocol):
    """The queue of webhooks that are not delivered."""

    def hide(self, receipt: str, wait_s: int) -> None:
        """Hide a message for some seconds, after which it is received again."""


class Secret(Protocol):
    """One of the stack's two secrets, which few functions may read."""

    def __call__(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """Return the secret's JSON, cached for minutes. fresh: as it was at most a second ago."""
