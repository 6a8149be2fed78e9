"""The events that the functions accept, read into typed, decoded and checked values."""

import base64
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asrcore.core.transcript import Source

_NO_NOTIFICATION = "this event is neither an S3 notification nor a step: expected Records[].s3, or action and job_id"
_MAX_SIZE_BYTES = 2**63 - 1  # a longer number does not fit into the job's row; S3's own answer replaces the size


class Action(StrEnum):
    """The steps that the state machine invokes."""

    CONVERT = "convert"
    SUBMIT = "submit"
    QUERY = "query"
    AWAIT_CALLBACK = "await_callback"
    CHECK_OVERDUE = "check_overdue"
    RECOVER = "recover"


class StateError(BaseModel):
    """The error of a failed state, without its cause, which may hold anything."""

    name: str = Field(default="Unknown", alias="Error")


class StepEvent(BaseModel):
    """A task of the state machine. task_token: of `await_callback`.  error: of `recover`."""

    action: Action
    job_id: str
    task_token: str = Field(default="", repr=False)
    error: StateError = StateError()


def step_event(event: dict[str, Any]) -> StepEvent:
    """Read a task of the state machine. Raises pydantic.ValidationError for another event."""
    return StepEvent.model_validate(event)


@dataclass(frozen=True)
class EndedExecution:
    """An execution that failed, timed out or was aborted. name: of the execution."""

    job_id: str
    name: str
    status: str


def ended_execution(event: dict[str, Any]) -> EndedExecution | None:
    """Read EventBridge's event of an execution's end; return None for another event, such as the sweep's schedule.

    Raises ValueError for the execution of another state machine.
    """
    if event.get("source") != "aws.states":
        return None
    try:
        detail = event["detail"]
        return EndedExecution(json.loads(detail["input"])["job_id"], detail["name"], detail["status"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError("this is no event of a job's execution: expected detail.input, name and status") from error


class RequestEvent(BaseModel):
    """A caller requests a job for a recording in the audio bucket: see `job_creation.handle_request`.

    version_id: null for the latest.  vendor: null leaves it to the other option sources.  options: as in a sidecar.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["request"]
    bucket: str
    key: str
    version_id: str | None = None
    vendor: str | None = None
    options: dict[str, Any] = {}


def request_event(event: dict[str, Any]) -> RequestEvent | None:
    """Read a request; return None for another event. Raises pydantic.ValidationError for an incomplete request."""
    return RequestEvent.model_validate(event) if event.get("action") == "request" else None


class ListedKey(BaseModel):
    """A key of a backfill's list. encoded: as in a URL, the way an S3 inventory writes keys."""

    model_config = ConfigDict(frozen=True)

    key: str
    encoded: bool = False


class BackfillOutcome(StrEnum):
    """The outcome of a key of a backfill."""

    CREATED = "created"  # it has a new job
    FAILED = "failed"  # it has a new job, which ended FAILED at once; or none, because S3 does not return it
    ARCHIVED = "archived"  # it has no job, because S3 returns it only after it is restored
    KNOWN = "known"  # it had a job, or its transcript, before
    SKIPPED = "skipped"  # it is no recording


class ManifestEntry(BaseModel):
    """A key of a backfill's manifest with its outcome. why: it failed, is archived or was skipped."""

    model_config = ConfigDict(frozen=True)

    key: str
    outcome: BackfillOutcome
    job_id: str | None = None
    why: str | None = None


class Batch(BaseModel):
    """Keys of the audio bucket that a backfill has still to handle, and the outcomes of those before them."""

    model_config = ConfigDict(frozen=True)

    items: list[ListedKey] = Field(alias="Items")  # the name that Step Functions gives them
    recordings: list[ManifestEntry] = []


class BackfillEvent(BaseModel):
    """A step of a backfill."""

    model_config = ConfigDict(frozen=True)

    action: Literal["backfill"]
    bucket: str
    batch: Batch


def backfill_event(event: dict[str, Any]) -> BackfillEvent | None:
    """Read a backfill step; return None for another event. Raises pydantic.ValidationError for an incomplete one."""
    return BackfillEvent.model_validate(event) if event.get("action") == "backfill" else None


def is_s3_test(event: dict[str, Any]) -> bool:
    """Return whether this is the event that S3 sends when a notification is set up; it has no object."""
    return event.get("Event") == "s3:TestEvent"


@dataclass(frozen=True)
class RemovedObject:
    """An object version that was deleted, or with is_marker, a key that a delete marker hides.

    Attributes:
        version_id: that was deleted; of a delete marker, its own.
        sequencer: S3's order of the deletion among the key's versions.
    """

    bucket: str
    key: str
    version_id: str | None
    sequencer: str
    is_marker: bool


def new_objects(event: dict[str, Any]) -> list[Source]:
    """Read the object versions that an S3 notification reports as created.

    Keys arrive form-encoded (`+` is a space) and are decoded here, once. Raises ValueError for another event.
    """
    try:
        return [_source(record["s3"]) for record in _records(event) if not _is_removal(record)]
    except (LookupError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(_NO_NOTIFICATION) from error


def removed_objects(event: dict[str, Any]) -> list[RemovedObject]:
    """Read the objects that an S3 notification reports as removed, as `new_objects` does."""
    try:
        return [_removed(record) for record in _records(event) if _is_removal(record)]
    except (LookupError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(_NO_NOTIFICATION) from error


def _records(event: dict[str, Any]) -> list[dict[str, Any]]:
    records = event.get("Records")
    if not isinstance(records, list):
        raise ValueError(_NO_NOTIFICATION)  # noqa: TRY004 - the caller's event is wrong, not its type
    return records


def _is_removal(record: dict[str, Any]) -> bool:
    return str(record.get("eventName", "")).startswith("ObjectRemoved:")


def _removed(record: dict[str, Any]) -> RemovedObject:
    source = _source(record["s3"])
    is_marker = record["eventName"].endswith(":DeleteMarkerCreated")
    return RemovedObject(source.bucket, source.key, source.version_id, source.sequencer, is_marker)


def _version_id(s3_object: dict[str, Any]) -> str | None:
    """Return an object's version id; None without versioning, where ETag and sequencer distinguish versions."""
    version_id = s3_object.get("versionId")
    return version_id if version_id != "null" else None


def _source(s3: dict[str, Any]) -> Source:
    s3_object = s3["object"]
    return Source(
        bucket=s3["bucket"]["name"],
        key=unquote_plus(s3_object["key"]),
        version_id=_version_id(s3_object),
        etag=s3_object.get("eTag", ""),
        size_bytes=min(max(s3_object.get("size", 0), 0), _MAX_SIZE_BYTES),
        sequencer=s3_object.get("sequencer", ""),
    )


@dataclass(frozen=True)
class CallbackRequest:
    """A callback as it arrived: the four parts of its URL's path, and its body.

    is_damaged: API Gateway put replacement characters where the body was no UTF-8. warning: the HTTP header.
    """

    vendor: str
    job_id: str
    attempt: str
    signature: str
    body: bytes
    content_type: str
    is_damaged: bool = False
    warning: str = ""


def callback_request(event: dict[str, Any]) -> CallbackRequest:
    """Read a callback from API Gateway's HTTP API (payload format 2.0), whose header names are lower-case.

    Raises ValueError for another event.
    """
    body = event.get("body") or ""
    try:
        parts = event["pathParameters"]
        return CallbackRequest(
            vendor=parts["vendor"],
            job_id=parts["job_id"],
            attempt=parts["attempt"],
            signature=parts["signature"],
            body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(errors="replace"),
            content_type=event.get("headers", {}).get("content-type", ""),
            is_damaged=not event.get("isBase64Encoded") and "\ufffd" in body,
            warning=event.get("headers", {}).get("warning", ""),
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError("this is no callback: expected pathParameters and body of an HTTP API's event") from error


def other_callback_method(event: dict[str, Any]) -> str | None:
    """Return the HTTP method of a request under `/callbacks/` that is no callback; None for another event."""
    if "proxy" not in (event.get("pathParameters") or {}):
        return None
    method: str = event["requestContext"]["http"]["method"]
    return method


@dataclass(frozen=True)
class QueuedMessage:
    """A message of the webhook queue. tries: how often it was received, this time included."""

    message_id: str
    receipt: str = field(repr=False)
    tries: int
    body: str = field(repr=False)


def queued_messages(event: dict[str, Any]) -> list[QueuedMessage]:
    """Read the messages of the webhook queue from an event of Amazon SQS."""
    return [
        QueuedMessage(
            message_id=record["messageId"],
            receipt=record["receiptHandle"],
            tries=int(record["attributes"]["ApproximateReceiveCount"]),
            body=record["body"],
        )
        for record in event["Records"]
    ]
