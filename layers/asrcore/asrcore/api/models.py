"""What the HTTP API takes and gives, as models: limits lie on the fields, so that what is wrong is refused at the edge.

The OpenAPI document is published from here. Where a model says less than what is checked (vendors' own options), the
refusal says the rest.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from asrcore.core.audio import Audio
from asrcore.core.choice import VendorChoice
from asrcore.core.form import Conversion
from asrcore.core.job import JobError, Status
from asrcore.core.money import Cost
from asrcore.core.remote_recordings import LONGEST_URL, USUAL_CONTENT
from asrcore.core.routing import AUTO
from asrcore.core.transcript import LONGEST_KEY_BYTES, AttemptRecord
from asrcore.vendors.registry import VENDORS

MOST_ON_A_PAGE = 100
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def _moment(value: object) -> object:
    """Only what says its offset: a number would be taken for seconds since 1970."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("a time as in RFC 3339, with its offset: 2026-01-02T03:04:05Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    """The first and the last day that there are end sooner elsewhere."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time between the years 1 and 9999, in UTC too") from None


def _possible(key: str) -> str:
    if any(character < " " or character == "\x7f" for character in key):
        raise ValueError("no control characters")
    if len(key.encode()) > LONGEST_KEY_BYTES:
        raise ValueError(f"at most {LONGEST_KEY_BYTES} bytes in UTF-8")
    return key


JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="as in the jobs table")]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_in_utc)]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY_BYTES), AfterValidator(_possible)]
VendorName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", json_schema_extra={"enum": list(VENDORS)})]
VendorWish = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9-]{1,40}$",
        json_schema_extra={"enum": [AUTO, *VENDORS]},
        description="recognises it; `auto`, or none: one that takes it, if there is one with every asked option",
    ),
]
OptionsWish = Annotated[
    dict[Annotated[str, Field(max_length=100)], Any],
    Field(max_length=64, description="as in a sidecar: `speakers`, `language`, `hotwords`, …, an object per vendor"),
]
IdempotencyKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")]


class _Asked(BaseModel):
    """What comes in: a name that is not known is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _Told(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)


class UploadRequest(_Asked):
    """A recording that is about to be uploaded."""

    name: Annotated[
        str, Field(min_length=1, max_length=LONGEST_KEY_BYTES, description="of the file; made safe for a key")
    ]
    content_type: (
        Annotated[
            str,
            Field(
                pattern=r"^(audio|video)/[A-Za-z0-9][A-Za-z0-9.+-]{0,60}$",
                description="as the browser tells it; without one, by the name",
            ),
        ]
        | None
    ) = None
    vendor: VendorWish | None = None
    options: OptionsWish = {}


class Upload(_Told):
    """How to upload: post a form (multipart/form-data) with `fields`, and the recording as its last field, `file`."""

    url: str
    fields: dict[str, str]
    key: Annotated[str, Field(description="the recording's in the audio bucket; once uploaded, `job` finds its job")]
    max_bytes: int
    expires_at: datetime
    job: Annotated[str, Field(description="where the job is found, seconds after the upload")]


class JobRequest(_Asked):
    """A recording that lies somewhere, and what is wanted of it."""

    source: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_URL + 100,
            pattern=r"^(s3|https?)://.",
            description="`s3://bucket/key` under `incoming/` of the audio bucket, or the https address of a recording, "
            "which the vendor fetches",
        ),
    ]
    version_id: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[\x21-\x7e]+$")] | None = Field(
        default=None, description="of an s3:// source; without one, the newest"
    )
    format: Annotated[str, Field(max_length=10, json_schema_extra={"enum": list(USUAL_CONTENT)})] | None = Field(
        default=None, description="of a recording at an address whose path does not end in one"
    )
    vendor: VendorWish | None = None
    options: OptionsWish = {}


class Stage(StrEnum):
    """The pipeline stage of a job."""

    NEW = "new"  # the recording is not yet probed
    CONVERTING = "converting"  # ConvertFunction converts the recording
    WAITING_FOR_SLOT = "waiting_for_slot"  # for the vendor's rate limit, or before a retry
    SUBMITTING = "submitting"  # SubmitFunction sends the recording to the vendor
    WAITING_FOR_CALLBACK = "waiting_for_callback"  # the vendor recognises, and will post a callback
    WAITING_FOR_RESULT = "waiting_for_result"  # the vendor recognises, and is queried or answers synchronously
    FETCHING_RESULT = "fetching_result"  # a callback arrived: the result is downloaded
    COMPLETED = "completed"
    FAILED = "failed"


class Recording(_Told):
    """What a job is about. audio: null until somebody looked.  size_bytes: null where it lies elsewhere."""

    bucket: str
    key: str
    version_id: str | None
    size_bytes: int | None
    audio: Audio | None


class Links(_Told):
    """Where to go from here, as paths of this API."""

    self: str
    transcript: str | None


class JobSummary(_Told):
    """A job in a line. elapsed_s: since its creation, or until it ended.  vendor: null before one was chosen."""

    job_id: JobId
    status: Status
    stage: Stage
    vendor: str | None
    recording: Recording
    created_at: datetime
    updated_at: datetime
    elapsed_s: float
    error: JobError | None
    warnings: list[str]
    links: Links


class NumberedAttempt(AttemptRecord):
    """One submission to one vendor. due_at: not before.  queries: how often the vendor was asked in vain."""

    number: int
    due_at: datetime
    queries: int


class JobDetail(JobSummary):
    """A job. typical_s: what this vendor usually takes from submission to result, for a recording as long as this one;
    null where too little is known. choice: why the vendor is this one; null before one was chosen. conversion: what is
    submitted in the place of the recording. cost: so far."""

    typical_s: float | None
    choice: VendorChoice | None
    conversion: Conversion | None
    attempts: list[NumberedAttempt]
    options: dict[str, Any]
    cost: Cost


class JobPage(_Told):
    """Some jobs, the newest first. A page may be short or empty; there is more exactly if next_cursor is not null."""

    jobs: list[JobSummary]
    next_cursor: str | None


class Estimate(_Told):
    """What a recording would cost and take with one vendor, if nothing goes wrong. choice: why with this one."""

    vendor: str
    choice: VendorChoice
    seconds: float
    cost: Cost
    typical_s: float | None


class TranscriptFormat(StrEnum):
    """What a transcript is given as."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    HTML = "html"


class Fault(_Told):
    """One thing that is wrong with a request. pointer: to it, as in RFC 6901, behind its place (body, query, …)."""

    pointer: str
    message: str


class Problem(_Told):
    """Why a request was not done (RFC 9457). instance: this request, in the logs too.  code: as a job's error has."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str | None = None
    errors: list[Fault] | None = None


class Refusal(_Told):
    """API Gateway's own answer to who may not call, or calls too often."""

    message: str


Inline = Literal["true", "false"]
