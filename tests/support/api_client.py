"""A client of the HTTP API in this process, by API Gateway's events."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from asrcore.api.routes import Api
from tests.support.document import check_answer
from tests.support.fake_services import World

REQUEST_ID = "8f3c1d8e-7a52-4a5b-9d6e-000000000001"


@dataclass(frozen=True)
class Context:
    """The context of a Lambda invocation."""

    aws_request_id: str = REQUEST_ID


@dataclass(frozen=True)
class Told:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """Return the end of a problem's type; check that the problem document is complete."""
        document = self.json
        assert self.headers["content-type"] == "application/problem+json"
        assert document["status"] == self.status
        assert document["instance"] == f"urn:uuid:{REQUEST_ID}"
        assert document["detail"]
        assert document["title"]
        kind: str = document["type"].removeprefix("urn:asrcore:problem:")
        return kind


class Caller:
    """Call the API on the services of unit tests."""

    def __init__(self, world: World) -> None:
        self._api = Api(world.services)

    def get(self, path: str, **headers: str) -> Told:
        return self.call("GET", path, **headers)

    def delete(self, path: str) -> Told:
        return self.call("DELETE", path)

    def post(self, path: str, body: object, **headers: str) -> Told:
        return self.call("POST", path, json.dumps(body).encode(), **{"content-type": "application/json", **headers})

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Told:
        parts = urlsplit(path)
        answer = self._api.answer(request_event(method, path, body, **headers), Context())
        text = answer.get("body") or ""
        content = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        told = Told(answer["statusCode"], {name.lower(): each for name, each in answer["headers"].items()}, content)
        plain = gzip.decompress(told.body) if told.headers.get("content-encoding") == "gzip" else told.body
        check_answer(method, parts.path, told.status, told.headers.get("content-type", ""), plain)
        return told


def request_event(method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    """Return a request as API Gateway sends it to the function."""
    parts = urlsplit(path)
    query: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return {
        "version": "2.0",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": parts.path}, "stage": "$default"},
        "isBase64Encoded": True,
        **({"queryStringParameters": query} if query else {}),
        **({"body": base64.b64encode(body).decode()} if body else {}),
    }
