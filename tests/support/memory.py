"""The world in memory: the interfaces of `asrcore.services`, with a clock that tests move by hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from asrcore.core.audio import Audio, probe
from asrcore.core.editions import RefusedEditions
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.form import Form
from asrcore.core.job import Job
from asrcore.core.money import Currency
from asrcore.core.option_sources import SIDECAR_SUFFIX
from asrcore.core.options import RequestedOptions
from asrcore.core.prices import REFERENCE, Exchange, Rates, VendorPrice, aws_prices
from asrcore.core.rate_limit import RateLimit, day_start, vendor_day
from asrcore.core.remote_recordings import is_remote
from asrcore.core.sequencer import rank
from asrcore.core.step import Step
from asrcore.core.transcript import Source
from asrcore.core.tuning import Tuning
from asrcore.core.turnaround_stats import TurnaroundSum, duration_bucket, turnaround_sum, typical_s
from asrcore.core.vendor import SHORT_CALL_S, ByteStream, HttpReply, HttpRequest, Vendor
from asrcore.metrics import Metrics
from asrcore.ports import (
    ConflictError,
    ConvertedRecording,
    IdempotencyRecord,
    JobFilter,
    JobIdPage,
    ObjectVersion,
    PresignedPost,
    StoredObject,
    TranscriptOrigin,
)
from asrcore.services import Services
from asrcore.settings import Settings

STACK = "a-stack"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class MemoryJobs:
    """Jobs as JSON, so that what does not survive a row does not survive here either."""

    rows: dict[str, str] = field(default_factory=dict)
    free_from: dict[str, datetime] = field(default_factory=dict)
    taken: dict[tuple[str, date], int] = field(default_factory=dict)
    requests: dict[str, tuple[IdempotencyRecord, datetime]] = field(default_factory=dict)
    before_save: Callable[[Job], None] = lambda _job: None

    def create(self, job: Job) -> bool:
        if job.job_id in self.rows:
            return False
        self.rows[job.job_id] = job.model_dump_json(by_alias=True)
        return True

    def load(self, job_id: str) -> Job | None:
        return Job.model_validate_json(self.rows[job_id]) if job_id in self.rows else None

    def save(self, job: Job) -> Job:
        self.before_save(job)
        held = self.load(job.job_id)
        if held is None or held.row_version != job.row_version:
            raise ConflictError(job.job_id)
        following = job.model_copy(update={"row_version": job.row_version + 1})
        self.rows[job.job_id] = following.model_dump_json(by_alias=True)
        return following

    def reserve_slot(
        self, line: str, pace: RateLimit, now: datetime, *, counted: date | None = None, latest: datetime | None = None
    ) -> datetime | None:
        start = now
        if pace.per_day:
            day = vendor_day(now)
            while day != counted and self.taken.get((line, day), 0) >= pace.per_day:
                day += timedelta(days=1)
                if latest is not None and day_start(day) > latest:
                    return None
            if day != counted:
                self.taken[line, day] = self.taken.get((line, day), 0) + 1
            line, start = f"{line}#{day}", max(now, day_start(day))
        slot = max(self.free_from.get(line, start), start)
        self.free_from[line] = slot + timedelta(microseconds=pace.interval_us)
        return slot

    def find_stalled(self, before: datetime) -> Iterator[str]:
        for job_id in list(self.rows):
            job = self.load(job_id)
            if job is not None and job.open is not None and job.updated_at < before:
                yield job_id

    def open_creation_times(self) -> Iterator[datetime]:
        jobs = [self.load(job_id) for job_id in self.rows]
        yield from (job.created_at for job in jobs if job is not None and job.open is not None)

    def list_recent(self, wanted: JobFilter, limit: int, before: str | None) -> JobIdPage:
        jobs = [job for job in map(self.load, self.rows) if job is not None and wanted.matches(job)]
        places = sorted((job.recency for job in jobs if before is None or job.recency < before), reverse=True)
        after = places[limit - 1] if len(places) > limit else None
        return JobIdPage([place.rpartition("#")[2] for place in places[:limit]], after)

    def load_all(self, job_ids: Sequence[str]) -> list[Job]:
        return [job for job in map(self.load, job_ids) if job is not None]

    def delete(self, job: Job) -> None:
        held = self.load(job.job_id)
        if held is None or held.row_version != job.row_version:
            raise ConflictError(job.job_id)
        del self.rows[job.job_id]

    def load_idempotency_record(self, key: str, now: datetime) -> IdempotencyRecord | None:
        held, until = self.requests.get(key, (None, now))
        return held if until >= now else None

    def create_idempotency_record(self, key: str, record: IdempotencyRecord, now: datetime) -> IdempotencyRecord:
        held, until = self.requests.get(key, (record, now))
        if until <= now:
            self.requests[key] = (record, now + timedelta(days=1))
            return record
        return held


@dataclass
class MemoryTurnaroundStats:
    """What completed jobs took, by vendor, month and band."""

    tallies: dict[tuple[str, str], dict[int, TurnaroundSum]] = field(default_factory=dict)

    def record(self, vendor: str, audio_s: float, turnaround_s: float, now: datetime) -> None:
        month = self.tallies.setdefault((vendor, f"{now:%Y-%m}"), {})
        month[duration_bucket(audio_s)] = month.get(duration_bucket(audio_s), TurnaroundSum()) + turnaround_sum(
            turnaround_s
        )

    def typical_s(self, vendor: str, audio_s: float, now: datetime) -> float | None:
        summed: dict[int, TurnaroundSum] = {}
        for moment in (now, now.replace(day=1) - timedelta(days=1)):
            for place, held in self.tallies.get((vendor, f"{moment:%Y-%m}"), {}).items():
                summed[place] = summed.get(place, TurnaroundSum()) + held
        return typical_s(summed, audio_s)


@dataclass
class MemoryRecordings:
    """Objects by key: bytes and metadata."""

    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    url: str = "https://audio.example.com/recording?signed"
    elsewhere: dict[str, bytes] = field(default_factory=dict)  # recordings by their address
    versions: dict[str, str] = field(default_factory=dict)  # current ones by key, where it matters which

    def look_up(self, source: Source) -> tuple[Source, dict[str, str]]:
        body, metadata = self._get(source)
        version_id = source.version_id or self.versions.get(source.key)
        return source.model_copy(update={"size_bytes": len(body), "version_id": version_id}), metadata

    def sidecar(self, source: Source) -> bytes | None:
        body, _ = self.objects.get(f"{source.key}{SIDECAR_SUFFIX}", (None, {}))
        return body

    def read(self, source: Source, offset: int, length: int) -> bytes:
        return self._get(source)[0][offset : offset + length]

    def presign(self, source: Source) -> str:
        return self._get(source)[0].decode() if is_remote(source.key) else self.url

    def read_all(self, source: Source, at_most_bytes: int) -> bytes:
        return self.elsewhere[self.presign(source)] if is_remote(source.key) else self._get(source)[0]

    def stream(self, source: Source, at_most_bytes: int) -> ByteStream:
        data = self.read_all(source, at_most_bytes)
        return ByteStream(len(data), lambda: iter((data,)))

    def presign_upload(
        self, key: str, content_type: str, metadata: Mapping[str, str], lifetime_s: int
    ) -> PresignedPost:
        named = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
        return PresignedPost("https://audio.example.com/", {"key": key, "Content-Type": content_type, **named})

    def put_remote_url(self, key: str, url: str) -> Source:
        self.objects.setdefault(key, (url.encode(), {}))
        size_bytes = len(self.objects[key][0])
        return Source(bucket="audio", key=key, version_id="v1", etag="e1", size_bytes=size_bytes)

    def _get(self, source: Source) -> tuple[bytes, dict[str, str]]:
        if source.key not in self.objects:
            raise AsrError(ErrorClass.BAD_AUDIO, "ObjectNotFound", f"{source.key} was deleted before it could be read")
        return self.objects[source.key]


@dataclass
class MemoryConverter:
    """What was converted, by key: a second of silence each, or an error."""

    recordings: MemoryRecordings
    converted: list[str] = field(default_factory=list)
    failure: AsrError | None = None

    def convert(
        self, source: Source, key: str, form: Form, track: int, is_late: Callable[[], bool]
    ) -> ConvertedRecording:
        if self.failure is not None:
            raise self.failure
        self.recordings.read(source, 0, 1)
        self.converted.append(f"{key} of track {track}")
        self.recordings.objects[key] = (bytes(form.size_bytes(1000)), {})
        size_bytes = len(self.recordings.objects[key][0])
        made = Source(bucket=source.bucket, key=key, version_id="v1", etag="e1", size_bytes=size_bytes)
        return ConvertedRecording(made, form.audio(1000))


@dataclass
class MemoryTranscripts:
    """Objects by key, and what each transcript was made from."""

    objects: dict[str, bytes] = field(default_factory=dict)
    made: dict[str, TranscriptOrigin] = field(default_factory=dict)

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.objects[f"raw/{job_id}.json"] = body

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = "") -> bool:
        if key in self.made and rank(self.made[key].sequencer) > rank(source.sequencer):
            return False
        self.objects[key], self.made[key] = body, TranscriptOrigin(source.version_id, source.sequencer)
        return True

    def origin(self, key: str) -> TranscriptOrigin | None:
        return self.made.get(key)

    def put_superseded(self, key: str, body: bytes, source: Source) -> None:
        self.objects[key], self.made[key] = body, TranscriptOrigin(source.version_id, source.sequencer)

    def find(self, key: str, source: Source) -> StoredObject | None:
        made = self.origin(key)
        return StoredObject(key, "v1", len(self.objects[key])) if made and made.is_of(source) else None

    def read(self, stored: StoredObject) -> bytes:
        return self.objects[stored.key]

    def presign(self, stored: StoredObject, file_name: str) -> str:
        return f"https://transcripts.example.com/{stored.key}?as={file_name}"


@dataclass
class MemoryVersions:
    """Both buckets; every object has one version."""

    recordings: MemoryRecordings
    transcripts: MemoryTranscripts

    def under(self, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
        for key, body in list(self._bodies(bucket).items()):
            if key.startswith(prefix):
                version_id = self.recordings.versions.get(key, "v1")
                yield ObjectVersion(bucket, key, version_id, "e1", len(body), is_current=True)

    def of(self, bucket: str, key: str) -> Iterator[ObjectVersion]:
        return (version for version in self.under(bucket, key) if version.key == key)

    def origin(self, version: ObjectVersion) -> TranscriptOrigin | None:
        return self.transcripts.origin(version.key)

    def delete(self, version: ObjectVersion) -> None:
        held: dict[str, Any] = self.transcripts.objects if version.bucket == "transcripts" else self.recordings.objects
        held.pop(version.key, None)
        if version.bucket == "transcripts":
            self.transcripts.made.pop(version.key, None)

    def _bodies(self, bucket: str) -> Mapping[str, bytes]:
        if bucket == "transcripts":
            return self.transcripts.objects
        return {key: body for key, (body, _) in self.recordings.objects.items()}


@dataclass
class MemoryWorkflow:
    """Which executions were started, and which tokens were woken with what."""

    started: dict[str, Step] = field(default_factory=dict)
    woken: list[tuple[str, Step]] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, step: Step) -> None:
        self.started.setdefault(name, step)

    def complete_task(self, task_token: str, step: Step) -> None:
        self.woken.append((task_token, step))

    def status(self, name: str) -> str | None:
        return self.statuses.get(name)


@dataclass
class MemoryEvents:
    """What was published."""

    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        self.published.append((detail_type, detail))


@dataclass
class MemoryWebhookClient:
    """What was posted; each post is answered by the next of `answers`, the last one stays."""

    posted: list[tuple[bytes, Mapping[str, str]]] = field(default_factory=list)
    answers: list[int | AsrError] = field(default_factory=lambda: [200])

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        self.posted.append((body, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, AsrError):
            raise answer
        return answer


@dataclass
class MemoryWebhookQueue:
    """Which receipts were hidden, and for how long."""

    hidden: list[tuple[str, int]] = field(default_factory=list)

    def hide(self, receipt: str, wait_s: int) -> None:
        self.hidden.append((receipt, wait_s))


@dataclass
class World:
    """Everything around the use cases; `services` is what they are given."""

    vendors: Mapping[str, Vendor]
    send: Callable[[HttpRequest], HttpReply]
    secret: dict[str, Any]
    kept_secret: dict[str, Any] | None = None  # what the process still has of it, until it looks afresh
    fresh_reads: int = 0
    clock: datetime = START
    defaults: RequestedOptions = field(default_factory=RequestedOptions)
    aws_endpoint_url: str = ""
    exports: tuple[str, ...] = ()
    off: tuple[str, ...] = ()  # vendors without a base URL
    conversion: Literal["on", "off"] = "off"
    per_day: dict[str, int] = field(default_factory=dict)
    queries_per_second: dict[str, int] = field(default_factory=dict)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    turnaround_stats: MemoryTurnaroundStats = field(default_factory=MemoryTurnaroundStats)
    recordings: MemoryRecordings = field(default_factory=MemoryRecordings)
    transcripts: MemoryTranscripts = field(default_factory=MemoryTranscripts)
    workflow: MemoryWorkflow = field(default_factory=MemoryWorkflow)
    events: MemoryEvents = field(default_factory=MemoryEvents)
    webhook_client: MemoryWebhookClient = field(default_factory=MemoryWebhookClient)
    webhook_queue: MemoryWebhookQueue = field(default_factory=MemoryWebhookQueue)
    converter: MemoryConverter = field(init=False)
    measured: list[str] = field(default_factory=list)  # lines of metrics
    refused_editions: RefusedEditions = field(default_factory=RefusedEditions)  # the process's memory
    probe: Callable[[Callable[[int, int], bytes], int, str], Audio] = probe

    def __post_init__(self) -> None:
        self.converter = MemoryConverter(self.recordings)

    def pass_time(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)

    def _read_secret(self, *, fresh: bool = False) -> dict[str, Any]:
        if fresh:
            self.kept_secret, self.fresh_reads = None, self.fresh_reads + 1
        return self.secret if self.kept_secret is None else self.kept_secret

    @property
    def services(self) -> Services:
        return Services(
            settings=Settings(
                stack_name=STACK,
                jobs_table="jobs",
                transcript_bucket="transcripts",
                audio_bucket="audio",
                upload_max_megabytes=5,
                aws_endpoint_url=self.aws_endpoint_url,
                secret_arn="secret",
                vendor_chain=list(self.vendors),
                row_retention_days=30,
                exports=list(self.exports),
                conversion=self.conversion,
                base_urls={name: "" if name in self.off else "https://vendor.example.com" for name in self.vendors},
                tuning=self.tuning,
                callback_base_url="https://api.example.com",
                webhook_tries=3,
                defaults=self.defaults,
                rates=self.rates,
            ),
            vendors=self.vendors,
            jobs=self.jobs,
            turnaround_stats=self.turnaround_stats,
            recordings=self.recordings,
            converter=self.converter,
            transcripts=self.transcripts,
            versions=MemoryVersions(self.recordings, self.transcripts),
            workflow=self.workflow,
            events=self.events,
            webhook_client=self.webhook_client,
            webhook_queue=self.webhook_queue,
            metrics=Metrics(STACK, self.measured.append),
            secret=self._read_secret,
            send=self.send,
            now=lambda: self.clock,
            sleep=self.pass_time,
            nonce=lambda: 7,
            refused_editions=self.refused_editions,
            probe=self.probe,
        )

    @property
    def tuning(self) -> dict[str, Tuning]:
        """Return ten submissions per second for every vendor, with the limits per day and on queries of this world."""
        return {
            name: Tuning.model_construct(
                submissions_per_second=10,
                submissions_per_day=self.per_day.get(name, 0),
                queries_per_second=self.queries_per_second.get(name, 0),
                max_data_bytes=vendor.limits.max_data_bytes,
                model="",
            )
            for name, vendor in self.vendors.items()
        }

    @property
    def rates(self) -> Rates:
        """A dollar, or seven yuan, for an hour with the first vendor; nobody knows what the others ask."""
        price = VendorPrice(price=1.0, currency=Currency.USD, date=date(2026, 1, 1), source="the test")
        return Rates(
            vendors=dict.fromkeys(list(self.vendors)[:1], price),
            completion_modes={name: vendor.completion_modes for name, vendor in self.vendors.items()},
            long_calls=frozenset(name for name, each in self.vendors.items() if each.longest_call_s > SHORT_CALL_S),
            aws=aws_prices(REFERENCE),
            region=REFERENCE,
            exchange=Exchange(7.0, date(2026, 1, 2)),
            exports=len(self.exports),
        )

    def job(self) -> Job:
        """The only job there is."""
        (job_id,) = self.jobs.rows
        job = self.jobs.load(job_id)
        assert job is not None
        return job
