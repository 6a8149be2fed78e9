"""The services of a use case in unit tests: the real stores on the fake AWS, and a clock that tests move by hand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Literal

from asrcore.core.audio import Audio, probe
from asrcore.core.budget import Budget
from asrcore.core.editions import RefusedEditions
from asrcore.core.errors import AsrError
from asrcore.core.form import Form
from asrcore.core.job import Job
from asrcore.core.money import Currency
from asrcore.core.options import RequestedOptions
from asrcore.core.prices import REFERENCE, Exchange, Rates, VendorPrice, aws_prices
from asrcore.core.remote_recordings import is_remote
from asrcore.core.transcript import Source
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import SHORT_CALL_S, HttpReply, HttpRequest, Vendor
from asrcore.metrics import Metrics
from asrcore.ports import (
    ConvertedRecording,
)
from asrcore.services import Services
from asrcore.settings import Settings
from asrcore.stores.budget import DynamoBudget
from asrcore.stores.jobs import DynamoJobs
from asrcore.stores.objects import S3Recordings, S3Transcripts, S3Versions, Uploads
from asrcore.stores.turnaround_stats import DynamoTurnaroundStats
from asrcore.stores.workflow import EventBridge, SqsWebhookQueue, StepFunctionsWorkflow
from tests.support.fake_aws import S3, Bodies, DynamoDb, EventBus, Executions, Item, Objects, Queue

STACK = "a-stack"
SIGNING = {"callback", "webhook"}  # what SigningSecret contains
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
UPLOAD_MAX_MEGABYTES = 5


class FakeRecordings(S3Recordings):
    """Recordings in the fake S3; `remote` has the remote ones, by their URL."""

    def __init__(self, s3: S3) -> None:
        client: Any = s3
        super().__init__(client, client, Uploads("audio", UPLOAD_MAX_MEGABYTES * 1_000_000, is_local=False))
        self.remote: dict[str, bytes] = {}

    def read_all(self, source: Source, at_most_bytes: int) -> bytes:
        if is_remote(source.key):
            return self.remote[self.presign(source)]
        return super().read_all(source, at_most_bytes)


@dataclass
class FakeConverter:
    """Writes a second of silence for each recording, or raises `failure`."""

    s3: S3
    recordings: FakeRecordings
    converted: list[str] = field(default_factory=list)
    failure: AsrError | None = None

    def convert(
        self, source: Source, key: str, form: Form, track: int, is_late: Callable[[], bool]
    ) -> ConvertedRecording:
        if self.failure is not None:
            raise self.failure
        self.recordings.read(source, 0, 1)
        self.converted.append(f"{key} of track {track}")
        body = bytes(form.size_bytes(1000))
        answer = self.s3.put_object(Bucket=source.bucket, Key=key, Body=body)
        made = Source(
            bucket=source.bucket,
            key=key,
            version_id=answer["VersionId"],
            etag=answer["ETag"].strip('"'),
            size_bytes=len(body),
        )
        return ConvertedRecording(made, form.audio(1000))


@dataclass
class FakeWebhookClient:
    """The posts; each gets the next response of `answers`, the last one repeatedly."""

    posted: list[tuple[bytes, Mapping[str, str]]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    answers: list[int | AsrError] = field(default_factory=lambda: [200])

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.posted.append((body, headers))
        self.urls.append(url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, AsrError):
            raise answer
        return answer


@dataclass
class World:
    """Fakes of everything around the use cases; `services` is their argument."""

    vendors: Mapping[str, Vendor]
    send: Callable[[HttpRequest], HttpReply]
    secret: dict[str, Any]  # the content of both secrets
    kept_secret: dict[str, Any] | None = None  # the process's cached copy, until a fresh read
    fresh_reads: int = 0
    clock: datetime = START
    defaults: RequestedOptions = field(default_factory=RequestedOptions)
    aws_endpoint_url: str = ""
    webhook_url: str = "https://receiver.example.com/told"
    webhook_hosts: tuple[str, ...] = ()
    upload_max_megabytes: int = UPLOAD_MAX_MEGABYTES
    exports: tuple[str, ...] = ()
    off: tuple[str, ...] = ()  # vendors without a base URL
    conversion: Literal["on", "off"] = "off"
    budget: Budget = field(default_factory=Budget)
    per_day: dict[str, int] = field(default_factory=dict)
    queries_per_second: dict[str, int] = field(default_factory=dict)
    table: DynamoDb = field(default_factory=DynamoDb)
    s3: S3 = field(default_factory=S3)
    executions: Executions = field(default_factory=Executions)
    bus: EventBus = field(default_factory=EventBus)
    queue: Queue = field(default_factory=Queue)
    webhook_client: FakeWebhookClient = field(default_factory=FakeWebhookClient)
    measured: list[str] = field(default_factory=list)  # lines of metrics
    refused_editions: RefusedEditions = field(default_factory=RefusedEditions)  # the process's memory
    probe: Callable[[Callable[[int, int], bytes], int, str], Audio] = probe
    _nonces: Iterator[int] = field(default_factory=lambda: count(7))

    def __post_init__(self) -> None:
        # Fakes of boto3's clients, which are typed as those are.
        dynamodb: Any = self.table
        s3: Any = self.s3
        states: Any = self.executions
        bus: Any = self.bus
        queue: Any = self.queue
        self.jobs = DynamoJobs(dynamodb, "jobs")
        self.budget_rows = DynamoBudget(dynamodb, "jobs")
        self.turnaround_stats = DynamoTurnaroundStats(dynamodb, "jobs")
        self.recordings = FakeRecordings(self.s3)
        self.converter = FakeConverter(self.s3, self.recordings)
        self.transcripts = S3Transcripts(s3, "transcripts")
        self.versions = S3Versions(s3)
        self.workflow = StepFunctionsWorkflow(states, "arn:aws:states:us-east-1:123456789012:stateMachine:poller")
        self.events = EventBridge(bus)
        self.webhook_queue = SqsWebhookQueue(queue, "https://queue.example.com")
        self.audio = Objects(self.s3, "audio")
        self.results = Bodies(self.s3, "transcripts")

    def upload_version(self, source: Source) -> None:
        """Add a version to a recording, with the content of the newest one, unless it exists."""
        versions = self.s3.objects.get((source.bucket, source.key), [])
        if versions and source.version_id not in {None, *(version.version_id for version in versions)}:
            versions.append(replace(versions[-1], version_id=source.version_id))

    def occupy(self, limiter: str, until: datetime) -> None:
        """Reserve every slot of a rate limiter until a time."""
        free_from_us = int(until.timestamp() * 1_000_000)
        key = f"limiter#{limiter}"
        self.table.items[key] = {"job_id": {"S": key}, "free_from_us": {"N": str(free_from_us)}}

    @property
    def rows(self) -> dict[str, Item]:
        """Return the jobs' rows in the table, by job id."""
        return {key: item for key, item in self.table.items.items() if "row_version" in item}

    def pass_time(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)

    def _read_secret(self, *, fresh: bool = False) -> dict[str, Any]:
        if fresh:
            self.kept_secret, self.fresh_reads = None, self.fresh_reads + 1
        return self.secret if self.kept_secret is None else self.kept_secret

    def _read_credentials(self, *, fresh: bool = False) -> dict[str, Any]:
        return {name: held for name, held in self._read_secret(fresh=fresh).items() if name not in SIGNING}

    def _read_signing_keys(self, *, fresh: bool = False) -> dict[str, Any]:
        return {name: held for name, held in self._read_secret(fresh=fresh).items() if name in SIGNING}

    @property
    def services(self) -> Services:
        return Services(
            settings=Settings(
                stack_name=STACK,
                jobs_table="jobs",
                transcript_bucket="transcripts",
                audio_bucket="audio",
                upload_max_megabytes=self.upload_max_megabytes,
                aws_endpoint_url=self.aws_endpoint_url,
                vendor_chain=list(self.vendors),
                row_retention_days=30,
                webhook_url=self.webhook_url,
                webhook_hosts=list(self.webhook_hosts),
                exports=list(self.exports),
                conversion=self.conversion,
                base_urls={name: "" if name in self.off else "https://vendor.example.com" for name in self.vendors},
                tuning=self.tuning,
                callback_base_url="https://api.example.com",
                webhook_tries=3,
                defaults=self.defaults,
                budget=self.budget,
                rates=self.rates,
            ),
            vendors=self.vendors,
            jobs=self.jobs,
            budget=self.budget_rows,
            turnaround_stats=self.turnaround_stats,
            recordings=self.recordings,
            converter=self.converter,
            transcripts=self.transcripts,
            versions=self.versions,
            workflow=self.workflow,
            events=self.events,
            webhook_client=self.webhook_client,
            webhook_queue=self.webhook_queue,
            metrics=Metrics(STACK, self.measured.append),
            vendor_secret=self._read_credentials,
            signing_secret=self._read_signing_keys,
            send=self.send,
            now=lambda: self.clock,
            sleep=self.pass_time,
            nonce=self._nonces.__next__,
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
        """Return a price of a dollar, or seven yuan, for an hour with the first vendor, and no other price."""
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
        """Return the only job."""
        (job_id,) = self.rows
        job = self.jobs.load(job_id)
        assert job is not None
        return job
