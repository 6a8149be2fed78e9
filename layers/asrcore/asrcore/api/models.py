"""Requests and responses of the HTTP API, as models whose fields have the limits, so that the edge rejects the rest.

The OpenAPI document is published from here. Where a model says less than what is checked (vendors' own options), the
refusal says the rest.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from asrcore.core.audio import Audio
from asrcore.core.choice import ChoiceReason
from asrcore.core.documents import InvalidValueError
from asrcore.core.form import Conversion
from asrcore.core.job import JobError, Status
from asrcore.core.money import Amount, Cost
from asrcore.core.option_sources import LONGEST_TAG, LONGEST_WEBHOOK, MOST_TAGS
from asrcore.core.remote_recordings import LONGEST_URL, USUAL_CONTENT
from asrcore.core.routing import AUTO
from asrcore.core.transcript import LONGEST_KEY_BYTES, AttemptRecord, Correction
from asrcore.messages import Message
from asrcore.messages.stored import Params, StoredMessage
from asrcore.vendors.registry import VENDORS

MOST_ON_A_PAGE = 100
MOST_REQUESTS = 25  # at once: each reads its recording's head
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def _moment(value: object) -> object:
    """Reject a time without its offset: a number would be read as seconds since 1970."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise InvalidValueError(Message("invalid.time-without-offset"))
    return value


def _in_utc(moment: datetime) -> datetime:
    """Convert to UTC; the first and the last day of the calendar have times that UTC does not have."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError(Message("invalid.year")) from None


def _possible(key: str) -> str:
    if any(character < " " or character == "\x7f" for character in key):
        raise InvalidValueError(Message("invalid.control-characters"))
    if len(key.encode()) > LONGEST_KEY_BYTES:
        raise InvalidValueError(Message("invalid.too-many-bytes", {"most": LONGEST_KEY_BYTES}))
    return key


JobId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="as in the jobs table")]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_in_utc)]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY_BYTES), AfterValidator(_possible)]
VendorName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", json_schema_extra={"enum": list(VENDORS)})]
RequestedVendor = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9-]{1,40}$",
        json_schema_extra={"enum": [AUTO, *VENDORS]},
        description="`auto`, or none: one that accepts the recording, if possible with every requested option",
    ),
]
OptionsObject = Annotated[
    dict[Annotated[str, Field(max_length=100)], Any],
    Field(max_length=64, description="as in a sidecar: `speakers`, `language`, `hotwords`, …, an object per vendor"),
]
Tags = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], Annotated[str, Field(max_length=LONGEST_TAG)]],
    Field(max_length=MOST_TAGS, description="words of your own about the recording, by name; lists can be filtered"),
]
# API Gateway joins a repeated parameter by commas, which no value of a tag contains.
TagFilter = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}:[^,]+(,[a-z0-9][a-z0-9-]{0,39}:[^,]+)*$",
        max_length=MOST_TAGS * (LONGEST_TAG + 42),
    ),
]
Webhook = Annotated[
    str,
    Field(
        max_length=LONGEST_WEBHOOK,
        pattern=r"^https?://.",
        description="the https URL that is posted the job's end instead of WebhookUrl; its host must be one of "
        "WebhookHosts",
    ),
]
UploadId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,2000}$", description="as POST /uploads returns it")]
IdempotencyKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")]


class _RequestModel(BaseModel):
    """A request: an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _ResponseModel(BaseModel):
    """A response."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)


class UploadRequest(_RequestModel):
    """A request to upload a recording."""

    name: Annotated[
        str, Field(min_length=1, max_length=LONGEST_KEY_BYTES, description="of the file; made safe for a key")
    ]
    content_type: (
        Annotated[
            str,
            Field(
                pattern=r"^(audio|video)/[A-Za-z0-9][A-Za-z0-9.+-]{0,60}$",
                description="the media type, as the browser has it; without one, by the name",
            ),
        ]
        | None
    ) = None
    size_bytes: Annotated[int, Field(ge=1, description="of the file; above 100 MB it is uploaded in parts")] | None = (
        None
    )
    in_parts: Annotated[
        bool, Field(description="upload a file of any size in parts, which can be resumed; needs `size_bytes`")
    ] = False
    vendor: RequestedVendor | None = None
    options: OptionsObject = {}
    tags: Tags = {}
    webhook: Webhook | None = None


class UploadInParts(_ResponseModel):
    """An upload in parts: sign URLs for them, put each part to its URL, and complete the upload."""

    upload_id: Annotated[str, Field(description="of the routes under /uploads/{upload_id}")]
    part_bytes: Annotated[int, Field(description="the size of each part but the last")]
    parts: Annotated[int, Field(description="the number of parts")]


class Upload(_ResponseModel):
    """How to upload: post a form (multipart/form-data) with `fields`, and the recording as its last field, `file`.

    In parts: `multipart` instead of `url` and `fields`.
    """

    url: Annotated[str | None, Field(description="to which the form is posted; null for an upload in parts")]
    fields: Annotated[dict[str, str] | None, Field(description="of the form; null for an upload in parts")]
    multipart: Annotated[UploadInParts | None, Field(description="null for an upload by a form")]
    key: Annotated[str, Field(description="of the recording in the audio bucket")]
    max_bytes: Annotated[int, Field(description="the largest file that is accepted")]
    expires_at: Annotated[datetime, Field(description="the form is accepted until then, UTC")]
    job_id: Annotated[JobId, Field(description="of the job that the upload creates")]
    job: Annotated[str, Field(description="the path that lists the job, seconds after the upload")]


class PartNumbers(_RequestModel):
    """The parts whose URLs are wanted."""

    numbers: Annotated[
        list[Annotated[int, Field(ge=1, le=10_000)]],
        Field(min_length=1, max_length=MOST_ON_A_PAGE, description="from 1"),
    ]


class PartUrl(_ResponseModel):
    """Where a part is put, with the method PUT."""

    number: Annotated[int, Field(description="from 1")]
    url: Annotated[str, Field(description="presigned: it needs no other authorization")]
    size_bytes: Annotated[int, Field(description="of the part; S3 accepts no other Content-Length")]


class PartUrls(_ResponseModel):
    """The URLs of parts."""

    urls: Annotated[list[PartUrl], Field(description="in the order of the request")]
    expires_at: Annotated[datetime, Field(description="the URLs are accepted until then, UTC; sign others after that")]


class UploadedPart(_ResponseModel):
    """A part that S3 has."""

    number: Annotated[int, Field(description="from 1")]
    size_bytes: Annotated[int, Field(description="of the part")]


class UploadProgress(_ResponseModel):
    """An upload in parts that is not complete."""

    key: Annotated[str, Field(description="of the recording in the audio bucket")]
    size_bytes: Annotated[int, Field(description="of the recording")]
    part_bytes: Annotated[int, Field(description="the size of each part but the last")]
    parts: Annotated[int, Field(description="the number of parts")]
    uploaded: Annotated[list[UploadedPart], Field(description="the parts that S3 has, in order")]


class UploadedRecording(_ResponseModel):
    """A recording that was uploaded in parts."""

    key: Annotated[str, Field(description="of the recording in the audio bucket")]
    job_id: Annotated[JobId, Field(description="of the job that the upload creates")]
    job: Annotated[str, Field(description="the path that lists the job, seconds after the upload")]


class RecordingAddress(_ResponseModel):
    """An address from which a browser plays a recording."""

    url: Annotated[str, Field(description="presigned, for this version of the recording alone")]
    expires_in_s: Annotated[int, Field(description="seconds, in which a player requests another address")]


class JobRequest(_RequestModel):
    """A request to transcribe a recording that is stored already."""

    source: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_URL + 100,
            pattern=r"^(s3|https?)://.",
            description="`s3://bucket/key` under `incoming/` of the audio bucket, or the https URL of a recording, "
            "which the vendor fetches",
        ),
    ]
    version_id: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[\x21-\x7e]+$")] | None = Field(
        default=None, description="of an s3:// source; without one, the latest"
    )
    format: Annotated[str, Field(max_length=10, json_schema_extra={"enum": list(USUAL_CONTENT)})] | None = Field(
        default=None, description="of a recording at a URL whose path has no file extension"
    )
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_KEY_BYTES)] | None = Field(
        default=None, description="of a recording at a URL, made safe for a key; without one, `recording`"
    )
    vendor: RequestedVendor | None = None
    options: OptionsObject = {}
    tags: Tags = {}
    webhook: Webhook | None = None


class JobRequests(_RequestModel):
    """Requests to transcribe several recordings."""

    jobs: Annotated[list[JobRequest], Field(min_length=1, max_length=MOST_REQUESTS, description="one each")]


class Stage(StrEnum):
    """The pipeline stage of a job."""

    NEW = "new"  # the recording is not yet probed
    CONVERTING = "converting"  # ConvertFunction converts the recording
    WAITING_FOR_BUDGET = "waiting_for_budget"  # until the next day or month
    WAITING_FOR_SLOT = "waiting_for_slot"  # for the vendor's rate limit, or before a retry
    SUBMITTING = "submitting"  # SubmitFunction sends the recording to the vendor
    WAITING_FOR_CALLBACK = "waiting_for_callback"  # the vendor recognizes, and will post a callback
    WAITING_FOR_RESULT = "waiting_for_result"  # the vendor recognizes, and is queried or answers synchronously
    FETCHING_RESULT = "fetching_result"  # a callback arrived: the result is downloaded
    COMPLETED = "completed"
    FAILED = "failed"


class VendorReason(_ResponseModel):
    """Why a vendor was chosen. text: the end of a sentence."""

    code: ChoiceReason
    params: Params
    text: str


class Recording(_ResponseModel):
    """The recording of a job."""

    bucket: str
    key: str
    version_id: Annotated[str | None, Field(description="null in a bucket without versions")]
    size_bytes: Annotated[int | None, Field(description="null for a remote recording")]
    audio: Annotated[Audio | None, Field(description="null before the recording is probed")]


class Links(_ResponseModel):
    """Paths of this API about a job."""

    self: str
    transcript: str | None


class WaitingReason(_ResponseModel):
    """Why a job waits before it is submitted. until: the earliest end of the wait, UTC."""

    code: str
    params: Params
    text: str
    until: Annotated[datetime | None, Field(description="the earliest end of the wait, UTC; null if it is not known")]


class JobSummary(_ResponseModel):
    """A job in a list."""

    job_id: JobId
    name: Annotated[str, Field(description="of the recording's file")]
    status: Status
    stage: Stage
    waiting: Annotated[WaitingReason | None, Field(description="null unless the job waits before a submission")]
    vendor: Annotated[str | None, Field(description="of the current or last attempt; null before one is chosen")]
    recording: Recording
    length_s: Annotated[
        float | None, Field(description="the recording's length in seconds; null where it is not known")
    ]
    created_at: Annotated[datetime, Field(description="when the recording was uploaded, or the job requested, UTC")]
    updated_at: Annotated[datetime, Field(description="the last change, UTC")]
    elapsed_s: Annotated[float, Field(description="seconds since its creation; for a job that ended, until its end")]
    typical_s: Annotated[
        float | None,
        Field(description="seconds that this vendor usually needs for such a recording; null with too few jobs"),
    ]
    cost: Annotated[Cost, Field(description="so far")]
    error: Annotated[JobError | None, Field(description="null unless the job is FAILED")]
    warnings: list[StoredMessage]
    tags: Annotated[dict[str, str], Field(description="of the caller, by name")]
    links: Links


class NumberedAttempt(AttemptRecord):
    """One submission to one vendor."""

    number: Annotated[int, Field(description="from 1")]
    due_at: Annotated[datetime, Field(description="not submitted before, UTC")]
    queries: Annotated[int, Field(description="queries without a result")]


class JobDetail(JobSummary):
    """A job."""

    choice: Annotated[VendorReason | None, Field(description="why this vendor; null before one is chosen")]
    conversion: Annotated[
        Conversion | None,
        Field(description="submitted instead of the recording; null for the recording itself"),
    ]
    correction: Annotated[Correction | None, Field(description="the last one of the transcript; null without any")]
    attempts: list[NumberedAttempt]
    options: dict[str, Any]


class Deletion(_ResponseModel):
    """The deletion of a job that was open."""

    job_id: JobId
    message: Annotated[str, Field(description="how the job ended, and whether the vendor may still bill")]


class JobPage(_ResponseModel):
    """A page of jobs, the latest first. A page may be short or empty although there are more jobs."""

    jobs: list[JobSummary]
    next_cursor: Annotated[str | None, Field(description="of the next page; null after the last")]


class StatusCounts(_ResponseModel):
    """The number of jobs with each status."""

    queued: Annotated[int, Field(alias="QUEUED")]
    in_progress: Annotated[int, Field(alias="IN_PROGRESS")]
    completed: Annotated[int, Field(alias="COMPLETED")]
    failed: Annotated[int, Field(alias="FAILED")]


class MonthTotals(_ResponseModel):
    """The totals of the jobs that were created in a month."""

    month: Annotated[str, Field(description="YYYY-MM, in China's time zone, as vendors bill")]
    counts: Annotated[StatusCounts, Field(description="without deleted jobs")]
    hours: Annotated[float, Field(description="of the recordings that are transcribed")]
    cost: Annotated[Amount, Field(description="the known cost; that of deleted jobs included")]


class Totals(_ResponseModel):
    """The totals of the last months."""

    counts: Annotated[StatusCounts, Field(description="of these months together")]
    months: Annotated[list[MonthTotals], Field(description="this month first")]


class Estimate(_ResponseModel):
    """The cost and turnaround of a recording with one vendor, without failures."""

    vendor: str
    choice: Annotated[VendorReason, Field(description="why this vendor")]
    seconds: Annotated[float, Field(description="the recording's length")]
    cost: Cost
    typical_s: Annotated[
        float | None,
        Field(description="seconds that this vendor usually needs for such a recording; null with too few jobs"),
    ]


class TranscriptFormat(StrEnum):
    """A format of a transcript."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    HTML = "html"


class InvalidField(_ResponseModel):
    """A field of a request that is not valid."""

    pointer: Annotated[str, Field(description="as in RFC 6901, after its place: /body, /query, /path or /header")]
    message: str
    message_code: str
    params: Params = {}


class Problem(_ResponseModel):
    """Why a request failed (RFC 9457)."""

    type: Annotated[str, Field(description="urn:asrcore:problem:…")]
    title: str
    status: Annotated[int, Field(description="the HTTP status")]
    detail: Annotated[str, Field(description="what to do")]
    instance: Annotated[str, Field(description="of this request; the logs have it, too")]
    code: Annotated[str | None, Field(description="as of a job's error")] = None
    message_code: Annotated[str, Field(description="of the detail, in every language the same")]
    params: Annotated[Params, Field(description="of the detail, by name")] = {}
    errors: Annotated[list[InvalidField] | None, Field(description="of an invalid request")] = None


class JobResult(_ResponseModel):
    """The result of one request of several. Either `job` or `problem` is given."""

    status: Annotated[int, Field(description="as POST /jobs answers the request alone")]
    job: Annotated[JobDetail | None, Field(description="null for a request that failed")]
    problem: Annotated[Problem | None, Field(description="why the request failed")]


class JobResults(_ResponseModel):
    """The results of several requests."""

    results: Annotated[list[JobResult], Field(description="in the order of the requests")]


class GatewayError(_ResponseModel):
    """API Gateway's own response to a caller that is not allowed, or that calls too often."""

    message: str


Flag = Literal["true", "false"]
Newline = Literal["lf", "crlf"]
