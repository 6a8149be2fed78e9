"""The world in memory: the interfaces of `asrcore.services`, with a clock that tests move by hand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job
from asrcore.core.levels import SIDECAR_SUFFIX
from asrcore.core.options import Wish
from asrcore.core.pacing import Pace, day_start, vendor_day
from asrcore.core.sequencer import rank
from asrcore.core.step import Step
from asrcore.core.transcript import Source
from asrcore.core.vendor import Reply, Request, Vendor
from asrcore.metrics import Metrics
from asrcore.services import ConflictError, Services
from asrcore.settings import Settings

STACK = "a-stack"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class MemoryJobs:
    """Jobs as JSON, so that what does not survive a row does not survive here either."""

    rows: dict[str, str] = field(default_factory=dict)
    free_from: dict[str, datetime] = field(default_factory=dict)
    taken: dict[tuple[str, date], int] = field(default_factory=dict)
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
        if held is None or held.revision != job.revision:
            raise ConflictError(job.job_id)
        following = job.model_copy(update={"revision": job.revision + 1})
        self.rows[job.job_id] = following.model_dump_json(by_alias=True)
        return following

    def next_slot(
        self, line: str, pace: Pace, now: datetime, *, counted: date | None = None, latest: datetime | None = None
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

    def unattended(self, before: datetime) -> Iterator[str]:
        for job_id in list(self.rows):
            job = self.load(job_id)
            if job is not None and job.open is not None and job.updated_at < before:
                yield job_id

    def open_since(self) -> Iterator[datetime]:
        jobs = [self.load(job_id) for job_id in self.rows]
        yield from (job.created_at for job in jobs if job is not None and job.open is not None)


@dataclass
class MemoryRecordings:
    """Objects by key: bytes and metadata."""

    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    url: str = "https://audio.example.com/recording?signed"

    def look_up(self, source: Source) -> tuple[Source, dict[str, str]]:
        body, metadata = self._get(source)
        return source.model_copy(update={"size_bytes": len(body)}), metadata

    def sidecar(self, source: Source) -> bytes | None:
        body, _ = self.objects.get(f"{source.key}{SIDECAR_SUFFIX}", (None, {}))
        return body

    def read(self, source: Source, offset: int, length: int) -> bytes:
        return self._get(source)[0][offset : offset + length]

    def presign(self, source: Source) -> str:
        return self.url

    def _get(self, source: Source) -> tuple[bytes, dict[str, str]]:
        if source.key not in self.objects:
            raise AsrError(ErrorClass.BAD_AUDIO, "ObjectNotFound", f"{source.key} was deleted before it could be read")
        return self.objects[source.key]


@dataclass
class MemoryTranscripts:
    """Objects by key, and the sequencer under which each transcript was written."""

    objects: dict[str, bytes] = field(default_factory=dict)
    sequencers: dict[str, str] = field(default_factory=dict)

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.objects[f"raw/{job_id}.json"] = body

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = "") -> bool:
        if rank(self.sequencers.get(key, "")) > rank(source.sequencer):
            return False
        self.objects[key], self.sequencers[key] = body, source.sequencer
        return True

    def sequencer(self, key: str) -> str:
        return self.sequencers.get(key, "")

    def put_superseded(self, key: str, body: bytes) -> None:
        self.objects[key] = body


@dataclass
class MemoryWorkflow:
    """Which executions were started, and which tokens were woken with what."""

    started: dict[str, Step] = field(default_factory=dict)
    woken: list[tuple[str, Step]] = field(default_factory=list)

    def start(self, name: str, step: Step) -> None:
        self.started.setdefault(name, step)

    def wake(self, task_token: str, step: Step) -> None:
        self.woken.append((task_token, step))


@dataclass
class MemoryEvents:
    """What was published."""

    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        self.published.append((detail_type, detail))


@dataclass
class World:
    """Everything around the use cases; `services` is what they are given."""

    vendors: Mapping[str, Vendor]
    send: Callable[[Request], Reply]
    secret: dict[str, Any]
    clock: datetime = START
    defaults: Wish = field(default_factory=Wish)
    exports: tuple[str, ...] = ()
    per_day: dict[str, int] = field(default_factory=dict)
    queries_per_second: dict[str, int] = field(default_factory=dict)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    recordings: MemoryRecordings = field(default_factory=MemoryRecordings)
    transcripts: MemoryTranscripts = field(default_factory=MemoryTranscripts)
    workflow: MemoryWorkflow = field(default_factory=MemoryWorkflow)
    events: MemoryEvents = field(default_factory=MemoryEvents)
    measured: list[str] = field(default_factory=list)  # lines of metrics

    def pass_time(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)

    @property
    def services(self) -> Services:
        return Services(
            settings=Settings(
                stack_name=STACK,
                jobs_table="jobs",
                transcript_bucket="transcripts",
                secret_arn="secret",
                vendor_chain=list(self.vendors),
                row_retention_days=30,
                exports=list(self.exports),
                base_urls=dict.fromkeys(self.vendors, "https://vendor.example.com"),
                per_second=dict.fromkeys(self.vendors, 10),
                per_day=self.per_day,
                queries_per_second=self.queries_per_second,
                max_data_bytes=dict.fromkeys(self.vendors, 1_000_000),
                callback_base_url="https://api.example.com",
                defaults=self.defaults,
            ),
            vendors=self.vendors,
            jobs=self.jobs,
            recordings=self.recordings,
            transcripts=self.transcripts,
            workflow=self.workflow,
            events=self.events,
            metrics=Metrics(STACK, self.measured.append),
            secret=lambda: self.secret,
            send=self.send,
            now=lambda: self.clock,
            sleep=self.pass_time,
            nonce=lambda: 7,
        )

    def job(self) -> Job:
        """The only job there is."""
        (job_id,) = self.jobs.rows
        job = self.jobs.load(job_id)
        assert job is not None
        return job
