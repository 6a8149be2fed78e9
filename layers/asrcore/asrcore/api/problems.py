"""The mapping of errors to problem documents (RFC 9457), in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from asrcore.api.models import InvalidField, Problem
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.deletion import JobInProgressError
from asrcore.log import LOG
from asrcore.services import JobDeletedError

PROBLEM_JSON = "application/problem+json"


class NoSuchJobError(Exception):
    """There is no job of this id."""


class EndedError(Exception):
    """The job has ended, and cannot be cancelled."""


class NotEndedError(Exception):
    """The job has no transcript yet."""


class NoTranscriptError(Exception):
    """The job has no transcript, or not in this format, and never will."""


class OptionsConflictError(Exception):
    """The recording has a job already, with other options."""


class KeyReusedError(Exception):
    """An idempotency key was used for another request before."""


class NotReadableError(Exception):
    """The source is not one that this stack may read."""


class BadCursorError(Exception):
    """A cursor that is of no page."""


class BadUploadError(Exception):
    """The requested upload cannot be signed."""


class MethodNotAllowedError(Exception):
    """The path does not accept this method. allowed: those that it accepts."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"this path accepts {', '.join(self.allowed)}")


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem. name: the end of its type.  advice: the detail, where the error's own text helps no caller."""

    status: HTTPStatus
    name: str
    title: str
    advice: str = ""


_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY
_REFUSED = ProblemKind(_INVALID, "refused", "The request cannot be done")
_UNEXPECTED = ProblemKind(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "unexpected",
    "An unexpected error",
    "the logs have it under this instance; try again later",
)
TRY_AGAIN = ProblemKind(HTTPStatus.SERVICE_UNAVAILABLE, "try-again", "Try again later")
# By the error's class, or by its nearest base class here.
KINDS: Mapping[type[Exception], ProblemKind] = MappingProxyType(
    {
        Exception: _UNEXPECTED,
        NotFoundError: ProblemKind(
            HTTPStatus.NOT_FOUND, "no-such-path", "There is no such path", "GET /openapi.json lists all paths"
        ),
        MethodNotAllowedError: ProblemKind(
            HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "The path has other methods"
        ),
        NoSuchJobError: ProblemKind(HTTPStatus.NOT_FOUND, "no-such-job", "There is no such job"),
        JobDeletedError: ProblemKind(HTTPStatus.NOT_FOUND, "no-such-job", "There is no such job"),
        EndedError: ProblemKind(HTTPStatus.CONFLICT, "ended", "The job has ended"),
        NotEndedError: ProblemKind(HTTPStatus.CONFLICT, "not-ended", "The job has not ended"),
        NoTranscriptError: ProblemKind(HTTPStatus.NOT_FOUND, "no-transcript", "There is no such transcript"),
        JobInProgressError: ProblemKind(HTTPStatus.CONFLICT, "job-in-progress", "The job was changed meanwhile"),
        OptionsConflictError: ProblemKind(
            HTTPStatus.CONFLICT, "options-conflict", "The recording has a job with other options"
        ),
        KeyReusedError: ProblemKind(_INVALID, "key-reused", "The idempotency key was used before"),
        NotReadableError: ProblemKind(_INVALID, "not-readable", "The source cannot be read here"),
        BadCursorError: ProblemKind(_INVALID, "bad-cursor", "The cursor is of no page"),
        BadUploadError: _REFUSED,
        AsrError: _REFUSED,
        RequestValidationError: ProblemKind(_INVALID, "invalid-request", "The request is not valid", "see errors"),
        UnicodeDecodeError: ProblemKind(
            HTTPStatus.BAD_REQUEST, "not-text", "The body is not text", "send JSON, in UTF-8"
        ),
        RequestUnsupportedContentType: ProblemKind(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            "The body is not JSON",
            "send JSON, with the header Content-Type: application/json",
        ),
    }
)


def problem(error: Exception, request_id: str) -> Response[str]:
    """Return the response to a request that failed.

    Args:
        error: of KINDS; any other is logged, and the response names the request by which the logs have it.
        request_id: AWS Lambda's.
    """
    kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    if isinstance(error, AsrError) and error.error_class is ErrorClass.RETRY:
        kind = TRY_AGAIN
    if kind is _UNEXPECTED:
        LOG.exception("request failed")
    faults = _faults(error) if isinstance(error, RequestValidationError) else None
    document = Problem(
        type=f"urn:asrcore:problem:{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=kind.advice or (error.message if isinstance(error, AsrError) else str(error)),
        instance=f"urn:uuid:{request_id}",
        code=error.code if isinstance(error, AsrError) else None,
        errors=faults,
    )
    headers = {"Allow": ", ".join(error.allowed)} if isinstance(error, MethodNotAllowedError) else {}
    body = document.model_dump_json(exclude_none=True)
    return Response(kind.status, PROBLEM_JSON, body, headers)


def _faults(error: RequestValidationError) -> list[InvalidField]:
    return [InvalidField(pointer=_pointer(each["loc"]), message=_said(each)[:500]) for each in error.errors()[:20]]


def _said(fault: Mapping[str, Any]) -> str:
    """Return what is wrong; of a body that is not JSON, why."""
    return str(fault["ctx"]["error"] if fault["type"] == "json_invalid" else fault["msg"])


def _pointer(location: Iterable[Any]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in location)
