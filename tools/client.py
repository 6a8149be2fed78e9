"""The Python client of the HTTP API, written from its OpenAPI document: `make schema` rewrites `clients/python`.

One file that needs `requests` alone: a method for each operation, and a typed dictionary for each schema.
"""

import keyword
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).parents[1] / "clients/python/asrcore_client.py"
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "string": "str",
        "integer": "int",
        "number": "float",
        "boolean": "bool",
        "null": "None",
        "object": "dict[str, Any]",
    }
)
_PAST_WORDS = "If-None-Match"  # the client keeps no responses
_HEAD = '''"""A client of asrcore's HTTP API. Written by `make schema` from the OpenAPI document: do not edit it.

    api = Client("https://….execute-api.eu-central-1.amazonaws.com", auth)
    job = api.wait(api.upload("meeting.wav", options={"speakers": 2}))
    print(api.get_transcript(job["job_id"], format="txt").text)

`auth` is one of `requests`: `Bearer(token)`, or `SigV4(session, region)` with a botocore session.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NotRequired, TypedDict
from urllib.parse import quote

import requests
from requests.auth import AuthBase


class ApiError(Exception):
    """The API refused a request. problem: its problem document.  retry_after_s: when to try again, if that helps."""

    def __init__(self, response: requests.Response) -> None:
        try:
            self.problem: dict[str, Any] = response.json()
        except ValueError:
            self.problem = {}
        self.status = response.status_code
        self.retry_after_s = int(response.headers.get("Retry-After", 0)) or None
        why = self.problem.get("detail") or self.problem.get("message") or response.reason
        super().__init__(f"{self.status}: {why}")


class Bearer(AuthBase):
    """Sends a token (ApiAuthorization=jwt)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class SigV4(AuthBase):
    """Signs requests with AWS credentials (ApiAuthorization=iam). session: of botocore."""

    def __init__(self, session: Any, region: str) -> None:
        self._session, self._region = session, region

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        content = {name: each for name, each in request.headers.items() if name.lower() == "content-type"}
        signed = AWSRequest(request.method, request.url, data=request.body, headers=content)
        SigV4Auth(self._session.get_credentials(), "execute-api", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request

'''
_CLIENT = '''

class Client:
    """The API of one stack. url: its output ApiUrl.  auth: None for the local stack."""

    def __init__(self, url: str, auth: AuthBase | None = None, timeout_s: float = 60) -> None:
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._session = requests.Session()
        self._auth = auth

    def wait(self, job_id: str) -> "JobDetail":
        """Return a job when it has ended, asking as often as the API says, also after it was busy."""
        while True:
            try:
                response = self._send("GET", f"/jobs/{job_id}")
            except ApiError as error:
                if error.status not in (429, 503):
                    raise
                time.sleep(error.retry_after_s or 1)  # API Gateway's own 429 does not say
                continue
            job: JobDetail = response.json()
            if job["status"] in ("COMPLETED", "FAILED"):
                return job
            time.sleep(int(response.headers.get("Retry-After", 5)))

    def upload(self, path: str, **about: Any) -> str:
        """Upload a recording, in parts if it is large, and return the id of its job. about: as of create_upload."""
        file = Path(path)
        upload = self.create_upload(**{"name": file.name, "size_bytes": file.stat().st_size, **about})
        with file.open("rb") as recording:
            if upload["multipart"] is None:
                form = {"data": upload["fields"], "files": {"file": recording}}
                requests.post(str(upload["url"]), **form, timeout=3600).raise_for_status()
            else:
                self._put_parts(upload["multipart"], recording)
        for _ in range(60):  # the object's event creates the job, about a second later
            try:
                return self.get_job(upload["job_id"])["job_id"]
            except ApiError as error:
                if error.status != 404:
                    raise
                time.sleep(1)
        raise TimeoutError("the upload has no job after a minute")

    def _put_parts(self, upload: "UploadInParts", recording: BinaryIO) -> None:
        for number in range(1, upload["parts"] + 1):
            (part,) = self.sign_parts(upload["upload_id"], numbers=[number])["urls"]
            requests.put(part["url"], data=recording.read(part["size_bytes"]), timeout=3600).raise_for_status()
        self.complete_upload(upload["upload_id"])

    def every_job(self, **filters: Any) -> "Iterator[JobSummary]":
        """Yield every job of a list, page by page. filters: as of list_jobs."""
        while True:
            page = self.list_jobs(**filters)
            yield from page["jobs"]
            if page["next_cursor"] is None:
                return
            filters["cursor"] = page["next_cursor"]

    def _send(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
    ) -> requests.Response:
        given = {name: each for name, each in (query or {}).items() if each is not None}
        sent = None if body is None else {name: each for name, each in body.items() if each is not None}
        response = self._session.request(
            method, self._url + path, params=given, json=sent, auth=self._auth, timeout=self._timeout_s,
            headers={name: each for name, each in (headers or {}).items() if each is not None}, allow_redirects=False,
        )
        if response.is_redirect:  # to a presigned URL, which needs no other authorization
            response = requests.get(response.headers["Location"], timeout=self._timeout_s)
        if not response.ok:
            raise ApiError(response)
        return response
'''


def source(document: Mapping[str, Any]) -> str:
    """Return the source of an OpenAPI document's client, formatted as the rest of the tree is."""
    parts = [_HEAD, *_shapes(document["components"]["schemas"]), _CLIENT, *_methods(document)]
    formatted = subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"],
        input="\n".join(parts),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return formatted.stdout


def _shapes(schemas: Mapping[str, Any]) -> Iterator[str]:
    """Yield a typed dictionary for each object, and text for each enumeration."""
    for name, schema in schemas.items():
        if "properties" not in schema:
            yield f"{name} = str\n"
            continue
        required = set(schema.get("required", []))
        fields = {
            each: _type(described) if each in required else f"NotRequired[{_type(described)}]"
            for each, described in schema["properties"].items()
        }
        if any(keyword.iskeyword(each) for each in fields):
            body = ", ".join(f'"{each}": "{kind}"' for each, kind in fields.items())
            yield f'{name} = TypedDict("{name}", {{{body}}})\n'
            continue
        lines = [f'    {each}: "{kind}"' for each, kind in fields.items()]
        yield f'class {name}(TypedDict):\n    """{_sentence(schema)}"""\n\n' + "\n".join(lines) + "\n"


def _methods(document: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield _method(path, method.upper(), operation, document["components"]["schemas"])


def _method(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Return the method of an operation: path parameters by position, all others by name."""
    arguments = ["self"]
    named: list[str] = []
    query: list[str] = []
    headers: list[str] = []
    for parameter in operation.get("parameters", []):
        name = _name(parameter["name"])
        if parameter["name"] == _PAST_WORDS:
            continue
        if parameter["in"] == "path":
            arguments.append(f"{name}: str")
            continue
        default = "" if parameter["required"] else " | None = None"
        named.append(f"{name}: {_type(parameter['schema']).replace(' | None', '')}{default}")
        (query if parameter["in"] == "query" else headers).append(f'"{parameter["name"]}": {name}')
    body = _body(operation, schemas)
    fields = dict(body.get("properties", {}))
    required = set(body.get("required", []))
    for each in sorted(fields, key=lambda each: each not in required):
        default = "" if each in required else " | None = None"
        named.append(f"{each}: {_type(fields[each]).replace(' | None', '')}{default}")
    signature = ", ".join([*arguments, *(["*", *named] if named else [])])
    returned, ending = _returned(operation)
    route = 'f"' + path.replace("{", "{quote(").replace("}", ")}") + '"' if "{" in path else f'"{path}"'
    sent = [f'"{method}"', route]
    sent += [f"query={{{', '.join(query)}}}"] if query else []
    sent += [f"body={{{', '.join(f'{chr(34)}{each}{chr(34)}: {each}' for each in fields)}}}"] if fields else []
    sent += ["body={}"] if method == "POST" and not fields else []
    sent += [f"headers={{{', '.join(headers)}}}"] if headers else []
    call = ending.format(call=f"self._send({', '.join(sent)})")
    text = textwrap.dedent(f'''
        def {operation["operationId"]}({signature}) -> {returned}:
            """{operation["summary"]}."""
            {call}
    ''')
    return textwrap.indent(text, "    ")


def _body(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", "")
    found: Mapping[str, Any] = schemas[reference.rpartition("/")[2]] if reference else {}
    return found


def _returned(operation: Mapping[str, Any]) -> tuple[str, str]:
    """Return an operation's result, and the statement that makes it of the call."""
    contents = [each.get("content", {}) for status, each in operation["responses"].items() if status < "300"]
    shapes = {_type(each["application/json"].get("schema", {})) for each in contents if "application/json" in each}
    if any(len(each) > 1 for each in contents):
        return "requests.Response", "return {call}"
    if not any(contents):
        return "None", "{call}"
    (shape,) = shapes
    if not all(contents):
        shape = f"{shape} | None"
        body = "response.json() if response.content else None"
        return f'"{shape}"', f"response = {{call}}; result: {shape} = {body}; return result"
    return f'"{shape}"', f"result: {shape} = {{call}}.json(); return result"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"dict[str, {_type(schema['additionalProperties'])}]"
    return _TYPES.get(str(schema.get("type")), "Any")


def _name(name: str) -> str:
    name = name.replace("-", "_").lower()
    return f"{name}_" if keyword.iskeyword(name) else name


def _sentence(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", schema.get("title", ""))).split("\n", 1)[0]
