"""The data that each command writes with `--json`. `schemas/asrctl.schema.json` is generated from these models.

Times are UTC (ISO 8601), money is in USD and CNY. A later version may add fields.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from asrcore.core.job import Job, Status
from asrcore.events import BackfillOutcome, ManifestEntry


class Shape(BaseModel):
    """The base of all models here."""

    model_config = ConfigDict(frozen=True)


class JobRow(Job):
    """A job as its row in the jobs table has it, without the task token, which is a secret."""

    task_token: str | None = Field(default=None, exclude=True, repr=False)

    @classmethod
    def from_job(cls, job: Job) -> "JobRow":
        """Return a job without validating it again."""
        return cls.model_construct(**dict(job))


class StatusShape(Shape):
    """`status`. vendors: `-` stands for jobs without a vendor. undelivered_webhooks: null without a webhook."""

    states: dict[Status, int]
    vendors: dict[str, dict[Status, int]]
    oldest_open: JobRow | None
    running_executions: int
    failed_events: int
    undelivered_webhooks: int | None


class ListShape(Shape):
    """`list`. more: the number of matching jobs that `--limit` left out; null for some, uncounted, of `--newest`."""

    jobs: list[JobRow]
    more: int | None


class WatchShape(Shape):
    """`watch`: the jobs as they were shown last."""

    jobs: list[JobRow]


class UploadedJob(Shape):
    """A recording that `up` uploaded. transcript: its text. With `--wait`; else null, and null for a failed job."""

    job_id: str
    file: str
    key: str
    status: Status | None = None
    vendor: str | None = None
    transcript: str | None = None


class UpShape(Shape):
    """`up`, in the order of the files."""

    jobs: list[UploadedJob]


class GetShape(Shape):
    """`get`. file: where the content was written; null if it is in `content`."""

    job_id: str
    key: str
    format: str
    file: str | None
    content: str | None


class OpenShape(Shape):
    """`open`. url: of the jobs page, or of a file of this machine."""

    job_id: str
    url: str


class WhyShape(Shape):
    """`why`. execution: the status of the current run's execution, null without one. story: sentences in time order."""

    job: JobRow
    execution: str | None
    story: list[str]
    advice: str


class CostSum(Shape):
    """A sum over jobs or recordings. price_unknown: how many of them have a part whose price is unknown."""

    count: int
    usd: float
    cny: float
    price_unknown: int


class DayCost(CostSum):
    """The cost of the jobs that ended on one day with one vendor. vendor: `-` without one."""

    day: str
    vendor: str


class CostShape(Shape):
    """`cost`."""

    days: list[DayCost]
    all: CostSum


class VendorEstimate(CostSum):
    """The estimate for one vendor. refused: the number of recordings that the vendor does not accept."""

    refused: int


class ChosenVendor(Shape):
    """A vendor of automatic choice, the number of recordings it gets, and the reason."""

    vendor: str
    count: int
    reason: str


class EstimateShape(Shape):
    """`estimate`. recordings: their number."""

    recordings: int
    vendors: dict[str, VendorEstimate]
    chosen: list[ChosenVendor]


class BudgetShape(Shape):
    """`budget show`, `set` and `reset`, in yuan; a limit of 0 is none.

    day: today in China.  reserved_day, reserved_month: by jobs so far.  waiting: jobs that wait for the stack's budget.
    """

    per_day: float
    per_month: float
    uploader_per_day: float
    when_reached: str
    day: str
    reserved_day: float
    reserved_month: float
    waiting: int


class RedriveShape(Shape):
    """`redrive`. redriven: job ids."""

    redriven: list[str]
    dry_run: bool


class JobKey(Shape):
    """A job and an object's key: its recording's or its transcript's."""

    job_id: str
    key: str


class ReconcileShape(Shape):
    """`reconcile`. submitted: recordings. brought_back, missing: transcripts."""

    submitted: list[JobKey]
    brought_back: list[JobKey]
    missing: list[JobKey]
    dry_run: bool


class FailedEventRow(Shape):
    """A failed event. to: a function's name, or `the webhook`. tries: null where the queue does not record it."""

    failed_at: str = Field(json_schema_extra={"format": "date-time"})
    to: str
    about: str
    why: str
    tries: int | None


class QueueShape(Shape):
    """`queue`, oldest first; `queue replay`. dry_run: null for `queue`."""

    messages: list[FailedEventRow]
    dry_run: bool | None = None


class SmokeShape(Shape):
    """`smoke`. job_id, status: null when the recording got no job in time. text: null when it did not complete."""

    job_id: str | None
    key: str
    status: Status | None
    vendor: str | None = None
    text: str | None = None


class CredentialStatus(StrEnum):
    """What is known of a vendor's credentials."""

    WORKING = "working"  # the vendor accepted the sample
    REJECTED = "rejected"  # the vendor refused it, for a reason that an operator must remove
    UNKNOWN = "unknown"  # the vendor did not answer, or failed
    UNTESTED = "untested"
    MISSING = "missing"  # a required field is missing
    OFF = "off"  # the stack has no address of the vendor


class CredentialShape(Shape):
    """A vendor's credentials. code, reason: of the vendor's error; of missing credentials, the reason alone."""

    vendor: str
    credentials: CredentialStatus
    code: str | None
    reason: str | None


class VendorShape(CredentialShape):
    """A vendor: what it accepts, and whether it can be used. Empty lists and null mean: no documented restriction.

    account: its object in the secret.  in_chain: whether automatic choice may take it.
    """

    generation: Literal["current", "earlier"]
    account: str
    in_chain: bool
    results_by: list[str]
    formats: list[str]
    languages: list[str]
    sample_rates_hz: list[int]
    channels: list[int]
    max_duration_s: float
    max_size_bytes: int | None


class VendorsShape(Shape):
    """`vendors`."""

    vendors: list[VendorShape]


class AccountSetup(Shape):
    """One account of `setup`. vendors: the check of each vendor that uses it.

    rejected_fields: those of a stored account that were left as they were, because no vendor accepts them.
    """

    account: str
    stored: bool
    rejected_fields: list[str]
    vendors: list[CredentialShape]


class SetupShape(Shape):
    """`setup`. moved_keys, generated_keys: kinds of signing keys, `callback` and `webhook`."""

    accounts: list[AccountSetup]
    moved_keys: list[str]
    generated_keys: list[str]


class CheckStatus(StrEnum):
    """The result of one check of `doctor`."""

    OK = "ok"
    PROBLEM = "problem"
    SKIPPED = "skipped"


class CheckShape(Shape):
    """One check of `doctor`. found: what is, or what is wrong.  advice: what to do; null when nothing."""

    name: str
    status: CheckStatus
    found: str
    advice: str | None


class DoctorShape(Shape):
    """`doctor`, in the order of the checks."""

    stack: str
    checks: list[CheckShape]


class StoredVersion(Shape):
    """One version of an object."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size_bytes: int
    is_current: bool


class DeleteShape(Shape):
    """`delete`. job_id: null when the operator did not confirm."""

    job_id: str | None
    objects: list[StoredVersion]
    dry_run: bool


class CancelShape(Shape):
    """`cancel`."""

    job_id: str
    dry_run: bool


class DestroyShape(Shape):
    """`destroy`. executions: those that were stopped, or would be. objects: the deleted versions."""

    stack: str
    buckets: list[str]
    table: str
    secret: str
    signing_secret: str
    executions: int
    objects: int = 0
    dry_run: bool = False


class BackfillRequest(Shape):
    """What a backfill goes through: keys under a prefix, or those of an inventory, a key of the audio bucket.

    concurrency: the number of batches at once.
    """

    prefix: str | None = None
    inventory: str | None = None
    concurrency: int

    def to_input(self) -> dict[str, object]:
        """Return the input of the state machine."""
        return self.model_dump(include={"prefix", "inventory", "concurrency"}, exclude_none=True)


class BackfillStartShape(BackfillRequest):
    """`backfill start` and `resume`. run: null for a dry run, which counts recordings under a prefix."""

    run: str | None
    recordings: int | None = None
    size_bytes: int | None = None
    dry_run: bool


class BackfillState(BackfillRequest):
    """One backfill. objects: their numbers by the names of Step Functions (`total`, `pending`, …)."""

    run: str
    status: str
    objects: dict[str, int]
    cause: str | None

    @property
    def has_ended(self) -> bool:
        """Whether the backfill goes through nothing more."""
        return self.status in {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


class BackfillStatusShape(Shape):
    """`backfill status`, newest first."""

    runs: list[BackfillState]


class UnfinishedBatch(Shape):
    """Objects of a batch that did not succeed. objects: their number."""

    objects: int
    keys: list[str]
    why: str


class BackfillReportShape(BackfillState):
    """`backfill report`."""

    outcomes: dict[BackfillOutcome, int]
    failures: list[ManifestEntry]
    archived: list[ManifestEntry]
    unfinished: list[UnfinishedBatch]


class BackfillStopShape(Shape):
    """`backfill stop`."""

    run: str


SHAPES: Mapping[str, type[Shape]] = MappingProxyType(
    {
        "backfill report": BackfillReportShape,
        "backfill resume": BackfillStartShape,
        "backfill start": BackfillStartShape,
        "backfill status": BackfillStatusShape,
        "backfill stop": BackfillStopShape,
        "budget reset": BudgetShape,
        "budget set": BudgetShape,
        "budget show": BudgetShape,
        "cost": CostShape,
        "cancel": CancelShape,
        "delete": DeleteShape,
        "destroy": DestroyShape,
        "doctor": DoctorShape,
        "estimate": EstimateShape,
        "get": GetShape,
        "list": ListShape,
        "open": OpenShape,
        "queue": QueueShape,
        "reconcile": ReconcileShape,
        "redrive": RedriveShape,
        "setup": SetupShape,
        "smoke": SmokeShape,
        "status": StatusShape,
        "up": UpShape,
        "vendors": VendorsShape,
        "watch": WatchShape,
        "why": WhyShape,
    }
)
