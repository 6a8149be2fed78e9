"""The mapping of errors to problem documents (RFC 9457), in one place."""

import math
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
from asrcore.core.documents import InvalidValueError, invalid
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.deletion import JobInProgressError
from asrcore.log import LOG
from asrcore.messages import Language, Message, MessageError, render
from asrcore.services import JobDeletedError

PROBLEM_JSON = "application/problem+json"


class NoSuchJobError(MessageError):
    """There is no job of this id."""


class EndedError(MessageError):
    """The job has ended, and cannot be cancelled."""


class NotEndedError(MessageError):
    """The job has no transcript yet."""


class NotFailedError(MessageError):
    """The job has not failed, and cannot be redriven."""


class NoTranscriptError(MessageError):
    """The job has no transcript, or not in this format, and never will."""


class NoRecordingError(MessageError):
    """The job's recording cannot be played from here: it was deleted, or it is remote."""


class OptionsConflictError(MessageError):
    """The recording has a job already, with other options."""


class KeyReusedError(MessageError):
    """An idempotency key was used for another request before."""


class NotReadableError(MessageError):
    """The source is not one that this stack may read."""


class BadCursorError(MessageError):
    """A cursor that is of no page."""


class BadUploadError(MessageError):
    """The requested upload cannot be signed."""


def unknown_parameters(names: Iterable[str], known: Iterable[str]) -> RequestValidationError:
    """Return the error of a request with query parameters that its route does not have. known: those that it has."""
    error = InvalidValueError(Message("invalid.unknown-parameter", {"known": sorted(known)}))
    return RequestValidationError(
        [{"type": "value_error", "loc": ("query", name), "ctx": {"error": error}} for name in names]
    )


class NoSuchUploadError(MessageError):
    """There is no such upload in parts, or not any more."""


class UploadIncompleteError(MessageError):
    """Parts of the upload are missing."""


class MethodNotAllowedError(MessageError):
    """The path does not accept this method. allowed: those that it accepts."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(Message("MethodNotAllowed", {"methods": self.allowed}))


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem.

    name: the end of its type.  advice: the detail, where the error has none.  retry_after_s: when the request may
    succeed; None where it needs another request first.
    """

    status: HTTPStatus
    name: str
    title: Message
    advice: Message | None = None
    retry_after_s: int | None = None


_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY
_REFUSED = ProblemKind(_INVALID, "refused", Message("problem.refused"))
_UNEXPECTED = ProblemKind(
    HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected", Message("problem.unexpected"), Message("problem.unexpected-advice")
)
TRY_AGAIN = ProblemKind(HTTPStatus.SERVICE_UNAVAILABLE, "try-again", Message("problem.try-again"), retry_after_s=5)
# By the error's class, or by its nearest base class here.
KINDS: Mapping[type[Exception], ProblemKind] = MappingProxyType(
    {
        Exception: _UNEXPECTED,
        NotFoundError: ProblemKind(
            HTTPStatus.NOT_FOUND,
            "no-such-path",
            Message("problem.no-such-path"),
            Message("problem.no-such-path-advice"),
        ),
        MethodNotAllowedError: ProblemKind(
            HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", Message("problem.method-not-allowed")
        ),
        NoSuchJobError: ProblemKind(HTTPStatus.NOT_FOUND, "no-such-job", Message("problem.no-such-job")),
        JobDeletedError: ProblemKind(
            HTTPStatus.NOT_FOUND, "no-such-job", Message("problem.no-such-job"), Message("problem.job-deleted")
        ),
        EndedError: ProblemKind(HTTPStatus.CONFLICT, "ended", Message("problem.ended")),
        NotEndedError: ProblemKind(HTTPStatus.CONFLICT, "not-ended", Message("problem.not-ended"), retry_after_s=5),
        NotFailedError: ProblemKind(HTTPStatus.CONFLICT, "not-failed", Message("problem.not-failed")),
        NoTranscriptError: ProblemKind(HTTPStatus.NOT_FOUND, "no-transcript", Message("problem.no-transcript")),
        NoRecordingError: ProblemKind(HTTPStatus.NOT_FOUND, "no-recording", Message("problem.no-recording")),
        JobInProgressError: ProblemKind(
            HTTPStatus.CONFLICT, "job-in-progress", Message("problem.job-in-progress"), retry_after_s=1
        ),
        OptionsConflictError: ProblemKind(HTTPStatus.CONFLICT, "options-conflict", Message("problem.options-conflict")),
        KeyReusedError: ProblemKind(_INVALID, "key-reused", Message("problem.key-reused")),
        NotReadableError: ProblemKind(_INVALID, "not-readable", Message("problem.not-readable")),
        BadCursorError: ProblemKind(_INVALID, "bad-cursor", Message("problem.bad-cursor")),
        BadUploadError: _REFUSED,
        NoSuchUploadError: ProblemKind(HTTPStatus.NOT_FOUND, "no-such-upload", Message("problem.no-such-upload")),
        UploadIncompleteError: ProblemKind(
            HTTPStatus.CONFLICT, "upload-incomplete", Message("problem.upload-incomplete"), retry_after_s=1
        ),
        AsrError: _REFUSED,
        RequestValidationError: ProblemKind(
            _INVALID, "invalid-request", Message("problem.invalid-request"), Message("problem.invalid-request-advice")
        ),
        UnicodeDecodeError: ProblemKind(
            HTTPStatus.BAD_REQUEST, "not-text", Message("problem.not-text"), Message("problem.not-text-advice")
        ),
        RequestUnsupportedContentType: ProblemKind(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            Message("problem.unsupported-content-type"),
            Message("problem.unsupported-content-type-advice"),
        ),
    }
)


def problem(error: Exception, request_id: str, language: Language) -> Response[str]:
    """Return the response to a request that failed. Arguments: as of `problem_document`."""
    kind, document = _kind(error), problem_document(error, request_id, language)
    headers = {"Allow": ", ".join(error.allowed)} if isinstance(error, MethodNotAllowedError) else {}
    if kind.retry_after_s is not None:
        own_s = math.ceil(error.retry_after_s) if isinstance(error, AsrError) else 0
        headers["Retry-After"] = str(max(kind.retry_after_s, own_s))
    body = document.model_dump_json(exclude_none=True)
    return Response(kind.status, PROBLEM_JSON, body, {**headers, **language_headers(language)})


def problem_document(error: Exception, request_id: str, language: Language) -> Problem:
    """Return why a request failed.

    Args:
        error: of KINDS; any other is logged, and the document names the request by which the logs have it.
        request_id: AWS Lambda's.
        language: of title, detail and faults.
    """
    kind = _kind(error)
    if kind is _UNEXPECTED:
        LOG.exception("request failed")
    detail = kind.advice or (error.reason if isinstance(error, AsrError | MessageError) else kind.title)
    return Problem(
        type=f"urn:asrcore:problem:{kind.name}",
        title=render(kind.title, language),
        status=kind.status,
        detail=render(detail, language),
        instance=f"urn:uuid:{request_id}",
        code=error.code if isinstance(error, AsrError) else None,
        message_code=detail.code,
        params=dict(detail.params),
        errors=_faults(error, language) if isinstance(error, RequestValidationError) else None,
    )


def _kind(error: Exception) -> ProblemKind:
    if isinstance(error, AsrError) and error.error_class is ErrorClass.RETRY:
        return TRY_AGAIN
    return next(KINDS[base] for base in type(error).__mro__ if base in KINDS)


def language_headers(language: Language) -> dict[str, str]:
    """Return the headers of a response whose texts are in the caller's language."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def _faults(error: RequestValidationError, language: Language) -> list[InvalidField]:
    return [_invalid_field(each, language) for each in error.errors()[:20]]


def _invalid_field(fault: Any, language: Language) -> InvalidField:
    message = invalid(fault)
    return InvalidField(
        pointer=_pointer(fault["loc"]),
        message=render(message, language),
        message_code=message.code,
        params=dict(message.params),
    )


def _pointer(location: Iterable[Any]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in location)
