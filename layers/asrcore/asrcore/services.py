"""What the use cases need from the world, as interfaces: AWS implements them in `stores/`, tests in memory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from asrcore.core.callback_url import callback_url
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job
from asrcore.core.pacing import Pace
from asrcore.core.step import Step, next_step
from asrcore.core.transcript import Source
from asrcore.core.vendor import Account, Completion, Order, Reply, Request, Vendor
from asrcore.metrics import Metrics
from asrcore.settings import Settings

JSON = "application/json; charset=utf-8"


class ConflictError(Exception):
    """Somebody else moved the job since it was read."""


class Jobs(Protocol):
    """The jobs table."""

    def create(self, job: Job) -> bool:
        """Write a new job; False when it exists already."""

    def load(self, job_id: str) -> Job | None:
        """The job as it is now."""

    def save(self, job: Job) -> Job:
        """Write a moved job and return it with its new revision. Raises ConflictError."""

    def next_slot(
        self, line: str, pace: Pace, now: datetime, *, counted: date | None = None, latest: datetime | None = None
    ) -> datetime | None:
        """The next free place in a vendor's line, now or later; it is taken by asking.

        counted: the vendor's day on which this submission was counted before, when it came too late to its slot.
        latest: None is answered, and nothing taken, when the vendor takes no more on the days until then.
        """

    def unattended(self, before: datetime) -> Iterable[str]:
        """Ids of jobs that have not ended, or whose end was not told, and that nobody moved since `before`."""

    def open_since(self) -> Iterable[datetime]:
        """When each job was created that has not ended, or whose end was not told."""


class Recordings(Protocol):
    """The audio bucket. Every method raises AsrError("ObjectNotFound") for what was deleted meanwhile."""

    def look_up(self, source: Source) -> tuple[Source, dict[str, str]]:
        """The source with its true size and version, and the object's metadata."""

    def sidecar(self, source: Source) -> bytes | None:
        """The options that lie beside the recording, or the first bytes of them when there are too many; else None."""

    def read(self, source: Source, offset: int, length: int) -> bytes:
        """A range of the recording; shorter at its end."""

    def presign(self, source: Source) -> str:
        """A URL at which a vendor can fetch exactly this version for some hours."""


class Transcripts(Protocol):
    """The transcript bucket."""

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep a vendor's reply as it came: its body, and of its headers those that tell something."""

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = JSON) -> bool:
        """Write a transcript, or an export, unless one of a newer version of the recording is there: then False."""

    def sequencer(self, key: str) -> str:
        """Of the recording that the transcript under a key was made from; empty when there is none."""

    def put_superseded(self, key: str, body: bytes) -> None:
        """Keep the transcript of an older version."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, name: str, step: Step) -> None:
        """Start an execution; one of the same name is left as it is."""

    def wake(self, task_token: str, step: Step) -> None:
        """Give a waiting task its envelope; a token that is no longer waited for is no error."""


class Events(Protocol):
    """The event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Send one event of source `asrcore`."""


@dataclass(frozen=True)
class Services:
    """Everything that the use cases touch outside themselves."""

    settings: Settings
    vendors: Mapping[str, Vendor]
    jobs: Jobs
    recordings: Recordings
    transcripts: Transcripts
    workflow: Workflow
    events: Events
    metrics: Metrics
    secret: Callable[[], Mapping[str, Any]]  # the secret's JSON, cached for a while
    send: Callable[[Request], Reply]  # one HTTP exchange with a vendor
    now: Callable[[], datetime]  # UTC
    sleep: Callable[[float], None]
    nonce: Callable[[], int]

    def move(self, job_id: str, move: Callable[[Job], Job]) -> Job:
        """Load, move and save a job, again from the start when somebody else was faster. Raises LookupError."""
        while True:
            job = self.jobs.load(job_id)
            if job is None:
                raise LookupError(f"there is no job {job_id}: its row was deleted")
            moved = move(job)
            if moved is job:
                return job
            try:
                return self.jobs.save(moved)
            except ConflictError:
                continue

    def next_step(self, job: Job) -> Step:
        """What is next for a job."""
        return next_step(job, self.completes_by(job), self.now())

    def completes_by(self, job: Job) -> frozenset[Completion]:
        """How the current attempt's vendor answers; nothing for a job without one."""
        return self.vendors[job.attempt.vendor].completes_by if job.planned else frozenset()

    def missing_credentials(self, vendor: Vendor) -> str | None:
        """What the secret lacks for a vendor, in words; None when nothing."""
        held = self.secret().get(vendor.secret_name)
        lacking = vendor.lacking(held if isinstance(held, Mapping) else {})
        return f"the secret's {vendor.secret_name!r} lacks {lacking}" if lacking else None

    def account(self, vendor: Vendor) -> Account:
        """Where and as whom to speak to a vendor. Raises AsrError(config) when the secret lacks something."""
        lacking = self.missing_credentials(vendor)
        if lacking:
            raise AsrError(ErrorClass.CONFIG, "CredentialsMissing", f"{lacking}: put it there", vendor.name)
        return Account(self.settings.base_urls[vendor.name], self.secret()[vendor.secret_name])

    def callback_keys(self) -> list[str]:
        """The keys that sign callback addresses: the first signs, all are accepted."""
        return list((self.secret().get("callback") or {}).get("keys") or [])

    def callback_url(self, job: Job) -> str:
        """The address at which the current attempt's vendor may call back."""
        attempt = job.attempt
        return callback_url(
            self.settings.callback_base_url, attempt.vendor, job.job_id, attempt.number, self.callback_keys()
        )


def order_of(job: Job) -> Order:
    """The current attempt as the vendor modules know it. Raises LookupError for a job that was never planned."""
    if job.audio is None:
        raise LookupError(f"job {job.job_id} was never planned")
    attempt = job.attempt
    return Order(job.job_id, attempt.number, job.audio, job.source.size_bytes, job.options, repeated=attempt.claims > 1)
