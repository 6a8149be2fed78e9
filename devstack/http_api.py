"""Simulate the API Gateway HTTP API: requests become payload format 2.0 events, functions' answers become replies.

Source: API Gateway guide, "Create AWS Lambda proxy integrations for HTTP APIs" and "Quotas for HTTP APIs". Which bodies
arrive as base64 is not in the guide; as users have measured it, only `text/*`, JSON, XML and JavaScript bodies stay
text, so a form (`application/x-www-form-urlencoded`) and a body without a content type arrive as base64.
"""

import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.utilities.utils import get_partition
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from devstack.cloudformation_gaps import Route
from devstack.functions import MAX_EVENT_BYTES, Answer

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_INTEGRATION_S = 30.0
API_ID = "local"
TEXT_TYPES = frozenset({"application/json", "application/xml", "application/javascript"})

Invoke = Callable[[str, bytes], Answer]


class HttpApi:
    """A WSGI application: the template's routes, each served by its function."""

    def __init__(self, routes: Sequence[Route], invoke: Invoke, *, account_id: str, region: str) -> None:
        """invoke: called with a function's logical id and an event (JSON)."""
        # The more exact route wins; the default one serves the rest.
        self._routes = [
            (re.compile(_pattern(route.path)), route)
            for route in sorted(routes, key=lambda route: ("+}" in route.path, "{" in route.path))
            if route.path
        ]
        self._default = next((route for route in routes if not route.path), None)
        self._invoke = invoke
        self._account_id, self._region = account_id, region
        self._partition = get_partition(region)
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="http-api")

    def close(self) -> None:
        """Drop the requests that wait. Close the functions first."""
        self._threads.shutdown(cancel_futures=True)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        for pattern, route in self._routes:
            if route.method in (request.method, "ANY") and (match := pattern.fullmatch(request.path)):
                return self._call(route, request, match.groupdict())
        return self._call(self._default, request, {}) if self._default else _message(404, "Not Found")

    def _call(self, route: Route, request: Request, path_parameters: dict[str, str]) -> Response:
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            return _message(413, "Request Entity Too Large")
        event = json.dumps(self._event(route, request, path_parameters, body)).encode()
        if len(event) > MAX_EVENT_BYTES:  # Lambda accepts less than the API does
            return _message(413, "Request Entity Too Large")
        future = self._threads.submit(self._invoke, route.function, event)
        try:
            answer = future.result(timeout=min(route.timeout_s, MAX_INTEGRATION_S))
        except TimeoutError:
            return _message(503, "Service Unavailable")
        return _message(500, "Internal Server Error") if answer.is_error else reply(answer.payload)

    def _event(self, route: Route, request: Request, path_parameters: dict[str, str], body: bytes) -> dict[str, Any]:
        headers = {name.lower(): ",".join(request.headers.getlist(name)) for name, _ in request.headers}
        cookies = headers.pop("cookie", None)
        now_s = time.time()
        is_text = _is_text(headers.get("content-type", ""))
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route.key,
            # AWS decodes the path, and leaves the query as it was sent.
            "rawPath": request.path,
            "rawQueryString": request.query_string.decode("latin-1"),
            "headers": {**headers, "x-forwarded-for": request.remote_addr or "", "x-forwarded-proto": "https"},
            "requestContext": {
                "accountId": self._account_id,
                "apiId": API_ID,
                "domainName": f"{API_ID}.execute-api.{self._region}.amazonaws.com",
                "domainPrefix": API_ID,
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "protocol": request.environ["SERVER_PROTOCOL"],
                    "sourceIp": request.remote_addr,
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": route.key,
                "stage": "$default",
                "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_s)),
                "timeEpoch": int(now_s * 1000),
            },
            "isBase64Encoded": bool(body) and not is_text,
        }
        if route.authorization != "NONE":
            event["requestContext"]["authorizer"] = self._authorizer(route.authorization)
        if cookies is not None:
            event["cookies"] = cookies.split("; ")
        if request.query_string:
            event["queryStringParameters"] = {name: ",".join(values) for name, values in request.args.lists()}
        if path_parameters:
            event["pathParameters"] = path_parameters
        if body:
            event["body"] = body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode()
        return event

    def _authorizer(self, authorization: str) -> dict[str, Any]:
        """Return the authorizer's fields of an authorized caller; the local stack authorizes every caller."""
        if authorization == "JWT":
            return {"jwt": {"claims": {"sub": "local"}, "scopes": None}}
        return {
            "iam": {
                "accessKey": "LOCAL",
                "accountId": self._account_id,
                "callerId": "LOCAL",
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": f"arn:{self._partition}:iam::{self._account_id}:user/local",
                "userId": "LOCAL",
            }
        }


def reply(payload: bytes) -> Response:
    """Return the HTTP reply to a function's answer: as given if it has a statusCode, else 200 with it as the body."""
    answer = json.loads(payload)
    if not (isinstance(answer, dict) and "statusCode" in answer):
        body = answer if isinstance(answer, str) else payload
        return Response(body, 200, content_type="application/json")
    body = answer.get("body") or ""
    if not isinstance(answer["statusCode"], int | str) or not isinstance(body, str):
        return _message(500, "Internal Server Error")
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body
    response = Response(content, int(answer["statusCode"]), content_type="text/plain;charset=UTF-8")
    for name, value in (answer.get("headers") or {}).items():
        response.headers[name] = str(value)
    for cookie in answer.get("cookies") or []:
        response.headers.add("set-cookie", cookie)
    return response


def _message(status: int, text: str) -> Response:
    return Response(json.dumps({"message": text}, separators=(",", ":")), status, content_type="application/json")


def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in TEXT_TYPES


def _pattern(path: str) -> str:
    """Return a route's path as a regular expression: `{name}` is one whole segment, `{name+}` one or more."""
    pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(path))
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
