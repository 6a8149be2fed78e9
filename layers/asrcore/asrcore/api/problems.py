"""The one place that maps what can go wrong to what a caller is told: problem documents (RFC 9457)."""

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

from asrcore.api.models import Fault, Problem
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.deletion import JobInProgressError
from asrcore.log import LOG

PROBLEM_JSON = "application/problem+json"


class NoSuchJobError(Exception):
    """There is no job of this id."""


class NotEndedError(Exception):
    """The job has no transcript yet."""


class NoTranscriptError(Exception):
    """The job has no transcript, or not in this format, and never will."""


class OptionsConflictError(Exception):
    """The recording has a job already, with other options."""


class KeyReusedError(Exception):
    """An idempotency key was used for another request before."""


class NotReadableError(Exception):
    """The source names what this stack may not read."""


class BadCursorError(Exception):
    """A cursor that no page gave."""


class BadUploadError(Exception):
    """What is asked for cannot be signed."""


class MethodNotAllowedError(Exception):
    """There is such a path, but not with this method. allowed: those that it has."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"this path takes {', '.join(self.allowed)}")


@dataclass(frozen=True)
class Kind:
    """A kind of problem. name: the end of its type.  advice: told where the error itself tells a caller nothing."""

    status: HTTPStatus
    name: str
    title: str
    advice: str = ""


_REFUSED = Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", "The request cannot be done as it is")
_UNEXPECTED = Kind(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "unexpected",
    "Something went wrong here",
    "it is in the logs under this problem's instance; the same request may work later",
)
TRY_AGAIN = Kind(HTTPStatus.SERVICE_UNAVAILABLE, "try-again", "It may work in a moment")
# By the error's class; where a class is not in it, its nearest base is.
KINDS: Mapping[type[Exception], Kind] = MappingProxyType(
    {
        Exception: _UNEXPECTED,
        NotFoundError: Kind(
            HTTPStatus.NOT_FOUND, "no-such-path", "There is no such path", "GET /openapi.json tells all there are"
        ),
        MethodNotAllowedError: Kind(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "The path has other methods"),
        NoSuchJobError: Kind(HTTPStatus.NOT_FOUND, "no-such-job", "There is no such job"),
        NotEndedError: Kind(HTTPStatus.CONFLICT, "not-ended", "The job has not ended"),
        NoTranscriptError: Kind(HTTPStatus.NOT_FOUND, "no-transcript", "There is no such transcript"),
        JobInProgressError: Kind(HTTPStatus.CONFLICT, "job-in-progress", "The job is in progress"),
        OptionsConflictError: Kind(
            HTTPStatus.CONFLICT, "options-conflict", "The recording has a job with other options"
        ),
        KeyReusedError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", "The idempotency key was used before"),
        NotReadableError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "not-readable", "The source cannot be read here"),
        BadCursorError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor", "The cursor is of no page"),
        BadUploadError: _REFUSED,
        AsrError: _REFUSED,
        RequestValidationError: Kind(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "The request is not as it must be", "see errors"
        ),
        UnicodeDecodeError: Kind(HTTPStatus.BAD_REQUEST, "not-text", "The body is not text", "send JSON, in UTF-8"),
        RequestUnsupportedContentType: Kind(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            "The body is not JSON",
            "send JSON, with the header Content-Type: application/json",
        ),
    }
)


def problem(error: Exception, request_id: str) -> Response[str]:
    """What a caller is told of an error; an unforeseen one is logged, and the caller is told where to look for it."""
    kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    if isinstance(error, AsrError) and error.error_class is ErrorClass.RETRY:
        kind = TRY_AGAIN
    if kind is _UNEXPECTED:
        LOG.exception("a request failed")
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


def _faults(error: RequestValidationError) -> list[Fault]:
    return [Fault(pointer=_pointer(each["loc"]), message=_said(each)[:500]) for each in error.errors()[:20]]


def _said(fault: Mapping[str, Any]) -> str:
    """What is wrong; of a body that is no JSON, why."""
    return str(fault["ctx"]["error"] if fault["type"] == "json_invalid" else fault["msg"])


def _pointer(location: Iterable[Any]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in location)
