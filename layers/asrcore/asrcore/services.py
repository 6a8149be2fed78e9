"""What the use cases need from the world, as interfaces: AWS implements them in `stores/`, tests in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from asrcore.core.audio import Audio, probe
from asrcore.core.callback_url import callback_url
from asrcore.core.choice import ChoiceReason
from asrcore.core.editions import RefusedEditions
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.form import Form
from asrcore.core.job import Job, Status
from asrcore.core.option_sources import read_request
from asrcore.core.options import RequestedOptions
from asrcore.core.rate_limit import RateLimit
from asrcore.core.step import Step, next_step
from asrcore.core.transcript import Source
from asrcore.core.vendor import (
    ByteStream,
    Completion,
    HttpReply,
    HttpRequest,
    RecognitionRequest,
    Vendor,
    VendorEndpoint,
)
from asrcore.metrics import Metrics
from asrcore.settings import Settings

JSON = "application/json; charset=utf-8"
Said = TypeVar("Said")


class ConflictError(Exception):
    """Somebody else moved the job since it was read."""


@dataclass(frozen=True)
class TranscriptOrigin:
    """The version of a recording that a transcript was made from, and where S3 says that it stands among the others."""

    version_id: str | None
    sequencer: str

    def is_of(self, source: Source) -> bool:
        """Whether it was made from this version of a recording."""
        if source.version_id:
            return self.version_id == source.version_id
        return self.sequencer == source.sequencer


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are asked for; None leaves it open. since: created then or later.  until: created before."""

    status: Status | None = None
    vendor: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, job: Job) -> bool:
        """Whether this job is asked for."""
        return (
            self.status in {None, job.status}
            and self.vendor in {None, job.vendor}
            and (self.since is None or job.created_at >= self.since)
            and (self.until is None or job.created_at < self.until)
        )


@dataclass(frozen=True)
class JobIdPage:
    """A page of jobs, the newest first. after: the place to go on behind; None when that was all."""

    job_ids: list[str]
    after: str | None


@dataclass(frozen=True)
class IdempotencyRecord:
    """What somebody asked for under a key of theirs, and the recording that was meant. wish: a digest."""

    wish: str
    source: Source


@dataclass(frozen=True)
class Stored:
    """A version of an object of the transcript bucket."""

    key: str
    version_id: str | None
    size_bytes: int


@dataclass(frozen=True)
class ObjectVersion:
    """A version of an object. is_current: a plain read of the key gives this one."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size_bytes: int
    is_current: bool

    @property
    def source(self) -> Source:
        """The recording, named as S3's own event would name it; only that knows its sequencer."""
        return Source(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            etag=self.etag,
            size_bytes=self.size_bytes,
        )


@dataclass(frozen=True)
class PresignedPost:
    """What lets somebody upload one recording: a form to be posted with the file as its last field."""

    url: str
    fields: Mapping[str, str] = field(repr=False)


class Jobs(Protocol):
    """The jobs table."""

    def create(self, job: Job) -> bool:
        """Write a new job; False when it exists already."""

    def load(self, job_id: str) -> Job | None:
        """The job as it is now."""

    def save(self, job: Job) -> Job:
        """Write a moved job and return it with its new revision. Raises ConflictError."""

    def reserve_slot(
        self, line: str, pace: RateLimit, now: datetime, *, counted: date | None = None, latest: datetime | None = None
    ) -> datetime | None:
        """The next free place in a vendor's line, now or later; it is taken by asking.

        counted: the vendor's day on which this submission was counted before, when it came too late to its slot.
        latest: None is answered, and nothing taken, when the vendor takes no more on the days until then.
        """

    def find_stalled(self, before: datetime) -> Iterable[str]:
        """Ids of jobs that have not ended, or whose end was not told, and that nobody moved since `before`."""

    def open_since(self) -> Iterable[datetime]:
        """When each job was created that has not ended, or whose end was not told."""

    def recent(self, wanted: JobFilter, limit: int, before: str | None) -> JobIdPage:
        """Jobs behind a place in the order of creation, with bounded work: fewer than `limit` may be found, or none."""

    def load_all(self, job_ids: Sequence[str]) -> list[Job]:
        """These jobs, at most 100, in the same order; those that are gone are left out."""

    def delete(self, job: Job) -> None:
        """Forget a job, as it was read. Raises ConflictError when somebody has moved or deleted it meanwhile."""

    def asked(self, key: str, now: datetime) -> IdempotencyRecord | None:
        """What was first asked for under a key within a day."""

    def ask(self, key: str, asked: IdempotencyRecord, now: datetime) -> IdempotencyRecord:
        """What was first asked for under a key, which is this if nothing was; remembered for a day."""


class History(Protocol):
    """What completed jobs took. It sharpens and decides nothing: no method raises when AWS refuses."""

    def note(self, vendor: str, audio_s: float, turnaround_s: float, now: datetime) -> None:
        """Add a completed job: the recording's length, and the time from its submission to its result."""

    def typical_s(self, vendor: str, audio_s: float, now: datetime) -> float | None:
        """A vendor's usual turnaround for a recording's length; None where too little is known."""


class Recordings(Protocol):
    """The audio bucket. Every method raises AsrError("ObjectNotFound") for what was deleted meanwhile."""

    def look_up(self, source: Source) -> tuple[Source, dict[str, str]]:
        """The source with its true size and version, and the object's metadata."""

    def sidecar(self, source: Source) -> bytes | None:
        """The options that lie beside the recording, or the first bytes of them when there are too many; else None."""

    def read(self, source: Source, offset: int, length: int) -> bytes:
        """A range of the recording; shorter at its end."""

    def presign(self, source: Source) -> str:
        """A URL at which a vendor can fetch exactly this version for some hours; of a linked recording, its own."""

    def data(self, source: Source, at_most_bytes: int) -> bytes:
        """The whole recording; a linked one is fetched. Raises AsrError when that is too large, or not allowed."""

    def stream(self, source: Source, at_most_bytes: int) -> ByteStream:
        """The whole recording, to be read while it is sent; errors come as `data` raises them, when it is read."""

    def ticket(self, key: str, content_type: str, metadata: Mapping[str, str], lifetime_s: int) -> PresignedPost:
        """Lets somebody upload one recording under a key."""

    def put_remote_url(self, key: str, url: str) -> Source:
        """Keep the address of a recording that lies elsewhere; under a key that is taken, what is there stays."""


@dataclass(frozen=True)
class Converted:
    """A recording in another form."""

    source: Source
    audio: Audio


class Converter(Protocol):
    """Converts recordings within the audio bucket."""

    def convert(self, source: Source, key: str, form: Form, track: int, is_late: Callable[[], bool]) -> Converted:
        """Write a recording's sound in another form under `key`; a repetition writes the same again.

        is_late: whether the time for it is nearly up. Raises AsrError(bad_audio) for what cannot be decoded, or not in
        that time, and for a recording that was deleted meanwhile.
        """


class Transcripts(Protocol):
    """The transcript bucket."""

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep a vendor's reply as it came: its body, and of its headers those that tell something."""

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = JSON) -> bool:
        """Write a transcript, or an export, unless one of a newer version of the recording is there: then False."""

    def made_from(self, key: str) -> TranscriptOrigin | None:
        """What the transcript under a key was made from; None when there is none."""

    def put_superseded(self, key: str, body: bytes, source: Source) -> None:
        """Keep the transcript of an older version."""

    def find(self, key: str, source: Source) -> Stored | None:
        """The transcript, or export, under a key that was made from this version of the recording; None without one."""

    def read(self, stored: Stored) -> bytes:
        """What is there."""

    def presign(self, stored: Stored, file_name: str) -> str:
        """A URL at which a person gets it as a file of that name, for some minutes."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, name: str, step: Step) -> None:
        """Start an execution; one of the same name is left as it is."""

    def wake(self, task_token: str, step: Step) -> None:
        """Give a waiting task its envelope; a token that is no longer waited for is no error."""

    def status(self, name: str) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None where there is no such execution."""


class Versions(Protocol):
    """Every version of the objects in both buckets."""

    def under(self, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
        """Those whose keys begin so; of each key the newest first."""

    def of(self, bucket: str, key: str) -> Iterator[ObjectVersion]:
        """Those of one key, the newest first, whatever else begins so."""

    def made_from(self, version: ObjectVersion) -> TranscriptOrigin | None:
        """What a transcript or export was made from; None when it is gone."""

    def delete(self, version: ObjectVersion) -> None:
        """For ever; one that is gone already is no error."""


class Events(Protocol):
    """The event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Send one event of source `asrcore`."""


class Receiver(Protocol):
    """Whoever is told by webhook."""

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """The answer's HTTP status. Raises AsrError when there is none."""


class WebhookQueue(Protocol):
    """What the receiver is still to be told."""

    def hide(self, receipt: str, wait_s: int) -> None:
        """Nobody sees the message until then."""


class Secret(Protocol):
    """The stack's one secret: an object per vendor, and the keys that sign addresses."""

    def __call__(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """Its JSON, kept for a while. fresh: as it is now, or was a second ago, however many ask."""


@dataclass(frozen=True)
class Services:
    """Everything that the use cases touch outside themselves."""

    settings: Settings
    vendors: Mapping[str, Vendor]
    jobs: Jobs
    history: History
    recordings: Recordings
    converter: Converter
    transcripts: Transcripts
    versions: Versions
    workflow: Workflow
    events: Events
    receiver: Receiver
    webhook_queue: WebhookQueue
    metrics: Metrics
    secret: Secret
    send: Callable[[HttpRequest], HttpReply]  # one HTTP exchange with a vendor
    now: Callable[[], datetime]  # UTC
    sleep: Callable[[float], None]
    nonce: Callable[[], int]
    refused_editions: RefusedEditions = field(default_factory=RefusedEditions)
    probe: Callable[[Callable[[int, int], bytes], int, str], Audio] = probe

    def load_job(self, job_id: str) -> Job:
        """Return the job as it is now. Raises LookupError when its row was deleted."""
        job = self.jobs.load(job_id)
        if job is None:
            raise LookupError(f"there is no job {job_id}: its row was deleted")
        return job

    def update_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Load, move and save a job, again from the start when somebody else was faster. Raises LookupError."""
        while True:
            job = self.load_job(job_id)
            moved = change(job)
            if moved is job:
                return job
            try:
                return self.jobs.save(moved)
            except ConflictError:
                continue

    def next_step(self, job: Job) -> Step:
        """What is next for a job."""
        return next_step(job, self.completion_modes(job), self.now())

    def completion_modes(self, job: Job) -> frozenset[Completion]:
        """How the current attempt's vendor answers; nothing for a job without one."""
        return self.vendors[job.attempt.vendor].completion_modes if job.planned else frozenset()

    def read_request(self, vendor: str | None, options: Mapping[str, Any]) -> RequestedOptions:
        """Return what a request asks for. Raises AsrError for what is not allowed, and for a vendor that is off."""
        wish = read_request(vendor, options, self.vendors)
        if wish.vendor in self.settings.off:
            raise AsrError(ErrorClass.CONFIG, "VendorOff", self.settings.off[wish.vendor], wish.vendor)
        return wish

    def missing_credentials(self, vendor: Vendor, *, fresh: bool = False) -> str | None:
        """What the secret lacks for a vendor, in words; None when nothing."""
        lacking = vendor.missing_secret_fields(self._credentials(vendor, fresh=fresh))
        return f"the secret's {vendor.secret_name!r} lacks {lacking}" if lacking else None

    def _credentials(self, vendor: Vendor, *, fresh: bool = False) -> Mapping[str, Any]:
        """Return the vendor's object in the secret; an empty one where there is none."""
        held = self.secret(fresh=fresh).get(vendor.secret_name)
        return held if isinstance(held, Mapping) else {}

    def endpoint(self, vendor: Vendor) -> VendorEndpoint:
        """Where and as whom to speak to a vendor. Raises AsrError(config) when the secret lacks something."""
        lacking = self.missing_credentials(vendor) and self.missing_credentials(vendor, fresh=True)
        if lacking:
            raise AsrError(ErrorClass.CONFIG, "CredentialsMissing", f"{lacking}: put it there", vendor.name)
        model = self.settings.tuning[vendor.name].model
        return VendorEndpoint(self.settings.base_urls[vendor.name], self._credentials(vendor), model)

    def call_with_fresh_credentials(self, vendor: Vendor, call: Callable[[VendorEndpoint], Said]) -> Said:
        """What comes of speaking to a vendor; once more where it refuses credentials that were changed meanwhile.

        Who has just mended the secret is not to wait until every process has forgotten the old one.
        """
        endpoint = self.endpoint(vendor)
        try:
            return call(endpoint)
        except AsrError as error:
            if error.error_class is not ErrorClass.CONFIG:
                raise
            if self._credentials(vendor, fresh=True) == endpoint.credentials:
                raise
        return call(self.endpoint(vendor))

    def callback_keys(self, *, fresh: bool = False) -> list[str]:
        """The keys that sign callback addresses: the first signs, all are accepted."""
        return list((self.secret(fresh=fresh).get("callback") or {}).get("keys") or [])

    def webhook_keys(self) -> list[str]:
        """The keys that sign webhooks, all of them."""
        return list((self.secret().get("webhook") or {}).get("keys") or [])

    def callback_url(self, job: Job) -> str:
        """The address at which the current attempt's vendor may call back."""
        attempt = job.attempt
        return callback_url(
            self.settings.callback_base_url, attempt.vendor, job.job_id, attempt.number, self.callback_keys()
        )


def recognition_request(job: Job) -> RecognitionRequest:
    """The current attempt as the vendor modules know it. Raises LookupError for a job that was never planned."""
    audio = job.planned_audio
    attempt, converted = job.attempt, job.converted
    return RecognitionRequest(
        job.job_id,
        attempt.number,
        converted.audio if converted else audio,
        converted.size_bytes if converted else job.source.size_bytes,
        job.options,
        repeated=attempt.claims > 1,
        named=job.choice is not None and job.choice.code is ChoiceReason.NAMED,
        edition=attempt.edition,
    )
