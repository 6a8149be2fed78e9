"""The OpenAPI document: every route with every response, problems included."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from asrcore.api.models import GatewayError, Problem
from asrcore.api.problems import PROBLEM_JSON

VERSION = "1"
_DESCRIPTION = (
    "Recordings in, transcripts out. Calls are signed with AWS Signature Version 4 (service execute-api), or carry a "
    "bearer token where the stack is deployed with ApiAuthorization=jwt."
)
_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        200: "Done",
        201: "Signed",
        202: "Accepted; the job runs",
        204: "Deleted",
        304: "Not changed since the response with this ETag",
        303: "At the URL in Location, for minutes",
        400: "The body cannot be read",
        404: "Not found",
        409: "Not in this state of the job",
        415: "The body is not JSON",
        422: "The request is not valid, or cannot be done",
    }
)
_FILES = ("application/json", "application/x-subrip", "text/vtt", "text/plain", "text/html")
_GATEWAY: Mapping[str, type[Any]] = MappingProxyType({"application/json": GatewayError})
_EITHER: Mapping[str, type[Any]] = MappingProxyType({PROBLEM_JSON: Problem, **_GATEWAY})
# Responses of every route, by API Gateway or by itself.
_ALWAYS: Mapping[int, tuple[str, Mapping[str, type[Any]]]] = MappingProxyType(
    {
        401: ("No valid token", _GATEWAY),
        403: ("Not allowed", _GATEWAY),
        429: ("Too many calls: wait a moment", _GATEWAY),
        500: ("An unexpected error", _EITHER),
        503: ("Try again later", _EITHER),
    }
)
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "the ETag of a response that the caller has: 304 while nothing but `elapsed_s` has changed",
}
_ETAG = {"description": "of the response, for If-None-Match", "schema": {"type": "string"}}
_RETRY_AFTER = {
    "description": "seconds after which the next request may have another response, while a job is open",
    "schema": {"type": "integer", "minimum": 1},
}
_TOO_LARGE: Mapping[int, tuple[str, Mapping[str, type[Any]]]] = MappingProxyType({413: ("Too large a body", _GATEWAY)})


def responses(
    success: int, model: Any | None, *problems: int, also: int | None = None, files: bool = False
) -> dict[int, Any]:
    """Return a route's responses as Powertools accepts them.

    Args:
        success: the HTTP status.
        model: of the body; None for an empty one.
        problems: statuses of problem documents.
        also: another status of success, or 304.
        files: whether the body is a transcript in one of its formats.
    """
    described: dict[int, Any] = {}
    for status in filter(None, (success, also)):
        has_body = model is not None and status != HTTPStatus.NOT_MODIFIED
        content = {"application/json": {"model": model}} if has_body else {}
        described[status] = {"description": _MEANINGS[status], "content": content}
    if files:
        described[200] = {"description": _MEANINGS[200], "content": {name: {"schema": {}} for name in _FILES}}
    for status in problems:
        described[status] = {"description": _MEANINGS[status], "content": {PROBLEM_JSON: {"model": Problem}}}
    always = {**_ALWAYS, **(_TOO_LARGE if 415 in problems else {})}
    for status, (meaning, models) in always.items():
        content = {name: {"model": each} for name, each in models.items()}
        described[status] = {"description": meaning, "content": content}
    return described


def document(app: APIGatewayHttpResolver) -> str:
    """Return the document of an application's routes, as JSON."""
    # A quarter of what the function imports, which only this needs.
    from aws_lambda_powertools.event_handler.openapi.models import (  # noqa: PLC0415
        APIKey,
        APIKeyIn,
        HTTPBearer,
        SecurityScheme,
    )

    from asrcore.api.properties import describe  # noqa: PLC0415

    schemes: dict[str, SecurityScheme] = {
        "sigv4": APIKey(name="Authorization", in_=APIKeyIn.header, description="AWS Signature Version 4"),
        "jwt": HTTPBearer(bearerFormat="JWT"),
    }
    generated = json.loads(
        app.get_openapi_json_schema(
            title="asrcore",
            version=VERSION,
            description=_DESCRIPTION,
            security_schemes=schemes,
            security=[{"sigv4": []}, {"jwt": []}],
        )
    )
    # Powertools describes its own responses to invalid requests; ours are problem documents.
    schemas, paths = generated["components"]["schemas"], generated["paths"]
    for name in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(name, None)
    for name, schema in schemas.items():
        for each, described in schema.get("properties", {}).items():
            describe(name, each, described)
    for operation in (operation for methods in paths.values() for operation in methods.values()):
        ours = {status: each for status, each in operation["responses"].items() if not _is_powertools(each)}
        operation["responses"] = dict(sorted(ours.items()))
        _describe_headers(operation)
        for parameter in operation.get("parameters", []):
            describe("Parameter", parameter["name"], parameter)
    return json.dumps(generated, ensure_ascii=False, separators=(",", ":"))


def _describe_headers(operation: dict[str, Any]) -> None:
    """Describe the headers of conditional requests, and of responses that a caller may request again later."""
    described = operation["responses"]
    if "304" in described:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        for status in ("200", "304"):
            described[status].setdefault("headers", {})["ETag"] = _ETAG
    for status in described.keys() & {"200", "202", "304", "409", "503"}:
        described[status].setdefault("headers", {})["Retry-After"] = _RETRY_AFTER


def _is_powertools(answer: Mapping[str, Any]) -> bool:
    return any(
        content.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError")
        for content in answer.get("content", {}).values()
    )
