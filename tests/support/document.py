"""Check responses of the HTTP API against the published OpenAPI document."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "schemas/openapi.json").read_text())


def check_answer(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Raise AssertionError for a response that the document does not describe."""
    operation = _operation(method, path)
    if operation is None:
        return  # an unknown path or method, or the jobs page
    response = operation["responses"].get(str(status))
    assert response is not None, f"{method} {path} may not answer {status}"
    kind = content_type.partition(";")[0]
    if not response.get("content"):
        assert not body, f"{method} {path} answers {status} without a body"
        return
    assert kind in response["content"], f"{method} {path} may not answer {status} with {kind}"
    if kind.endswith("json"):
        _validator(method, path_of(path), status, kind).validate(json.loads(body))


def path_of(path: str) -> str:
    """Return the document's template of a path."""
    known = (name for name in _DOCUMENT["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", name), path))
    return next(known, "")


def _operation(method: str, path: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = _DOCUMENT["paths"].get(path_of(path), {}).get(method.lower())
    return found


@cache
def _validator(method: str, path: str, status: int, kind: str) -> Draft202012Validator:
    schema = _DOCUMENT["paths"][path][method.lower()]["responses"][str(status)]["content"][kind]["schema"]
    return Draft202012Validator({**schema, "components": _DOCUMENT["components"]})
