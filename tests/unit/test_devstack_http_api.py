"""Check the HTTP API over real HTTP: events and replies in API Gateway's forms."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from devstack.cloudformation_gaps import Route
from devstack.functions import MAX_EVENT_BYTES, Answer
from devstack.http_api import MAX_BODY_BYTES, HttpApi, reply
from devstack.web import PortTakenError, WebServer

CALLBACK = Route("POST /callbacks/{vendor}/{job_id}", "CallbackFunction", 29.0)
LOOK = Route("GET /look", "LookFunction", 29.0)
SLOW = Route("POST /slow", "SlowFunction", 0.1)
DEFAULT = Route("$default", "DefaultFunction", 29.0, "AWS_IAM")


class Recorder:
    """Stands where functions are: keeps the events, answers as told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.answer = Answer(b'{"statusCode": 200, "body": "ok"}')
        self.release = threading.Event()

    def __call__(self, function: str, event: bytes) -> Answer:
        self.events.append((function, json.loads(event)))
        if function == "SlowFunction":
            self.release.wait(120)
        return self.answer


@pytest.fixture
def functions() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.release.set()


@pytest.fixture
def url(functions: Recorder) -> Iterator[str]:
    api = HttpApi([CALLBACK, LOOK, SLOW], functions, account_id="123456789012", region="us-east-1")
    with WebServer(api, "127.0.0.1", 0) as server:
        yield server.url
    functions.release.set()
    api.close()


def test_event_has_payload_format_2(url: str, functions: Recorder):
    requests.post(
        f"{url}/callbacks/tencent-recording/%E4%BC%9A%20%E8%AE%AE?a=1&a=2&b=%20x",
        data='{"code": 0}',
        headers={
            "Content-Type": "application/json",
            "X-Mixed-Case": "Kept",
            "Cookie": "a=1; b=2",
            "User-Agent": "vendor",
        },
        timeout=60,
    )

    ((function, event),) = functions.events
    assert function == "CallbackFunction"
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /callbacks/{vendor}/{job_id}"
    assert event["rawPath"] == "/callbacks/tencent-recording/会 议"
    assert event["rawQueryString"] == "a=1&a=2&b=%20x"
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x"}
    assert event["pathParameters"] == {"vendor": "tencent-recording", "job_id": "会 议"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-mixed-case"] == "Kept"
    assert "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"code": 0}', False)
    context = event["requestContext"]
    assert context["http"] == {
        "method": "POST",
        "path": "/callbacks/tencent-recording/会 议",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "vendor",
    }
    assert (context["accountId"], context["stage"], context["routeKey"]) == (
        "123456789012",
        "$default",
        event["routeKey"],
    )


def test_event_omits_what_the_request_omits(url: str, functions: Recorder):
    requests.get(f"{url}/look", timeout=60)

    ((_, event),) = functions.events
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & set(event)
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        pytest.param("application/json; charset=utf-8", "会".encode(), ("会", False), id="JSON stays text"),
        pytest.param("text/plain", b"hello", ("hello", False), id="text stays text"),
        pytest.param("application/xml", b"<a/>", ("<a/>", False), id="XML stays text"),
        pytest.param("application/x-www-form-urlencoded", b"code=0", ("Y29kZT0w", True), id="form is base64"),
        pytest.param("application/octet-stream", b"\xff\x00", ("/wA=", True), id="bytes are base64"),
        pytest.param(None, b"{}", ("e30=", True), id="no content type is base64"),
    ],
)
def test_bodies_are_text_or_base64_by_content_type(
    url: str, functions: Recorder, content_type: str | None, body: bytes, told: tuple[str, bool]
):
    requests.post(
        f"{url}/callbacks/abcpen/1",
        data=body,
        headers={"Content-Type": content_type} if content_type else {},
        timeout=60,
    )

    ((_, event),) = functions.events
    assert (event["body"], event["isBase64Encoded"]) == told


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/elsewhere", id="another path"),
        pytest.param("GET", "/callbacks/abcpen/1", id="another method"),
        pytest.param("POST", "/callbacks/abcpen/1/2", id="a segment too many"),
        pytest.param("POST", "/callbacks/abcpen", id="a segment too few"),
    ],
)
def test_unknown_routes_are_not_found(url: str, functions: Recorder, method: str, path: str):
    response = requests.request(method, url + path, timeout=60)

    assert (response.status_code, response.json()) == (404, {"message": "Not Found"})
    assert functions.events == []


@pytest.mark.parametrize(
    "size_bytes",
    [
        pytest.param(MAX_BODY_BYTES + 1, id="more than the API takes"),
        pytest.param(MAX_EVENT_BYTES * 3 // 4, id="more than Lambda takes, as base64"),
    ],
)
def test_body_over_a_limit_is_refused(url: str, functions: Recorder, size_bytes: int):
    response = requests.post(f"{url}/callbacks/abcpen/1", data=b"x" * size_bytes, timeout=60)

    assert response.status_code == 413
    assert functions.events == []


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        pytest.param("POST", "/callbacks/abcpen/1", CALLBACK.key, id="a route of its own"),
        pytest.param("GET", "/callbacks/abcpen/1", "$default", id="another method"),
        pytest.param("GET", "/elsewhere", "$default", id="another path"),
    ],
)
def test_other_requests_are_the_default_routes(functions: Recorder, method: str, path: str, key: str):
    api = HttpApi([DEFAULT, CALLBACK], functions, account_id="123456789012", region="cn-north-1")
    with WebServer(api, "127.0.0.1", 0) as server:
        requests.request(method, server.url + path, timeout=60)
    api.close()

    ((_, event),) = functions.events
    assert (event["routeKey"], event["requestContext"]["routeKey"]) == (key, key)
    assert ("authorizer" in event["requestContext"]) is (key == "$default")
    assert ("pathParameters" in event) is (key != "$default")


def test_function_that_fails_is_an_internal_error(url: str, functions: Recorder):
    functions.answer = Answer(b'{"errorType": "ValueError"}', is_error=True)

    response = requests.post(f"{url}/callbacks/abcpen/1", timeout=60)

    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


def test_slow_function_is_unavailable(url: str):
    response = requests.post(f"{url}/slow", timeout=60)

    assert (response.status_code, response.json()) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize(
    ("answer", "status", "content_type", "body"),
    [
        pytest.param({"statusCode": 204}, 204, "text/plain;charset=UTF-8", b"", id="status alone"),
        pytest.param(
            {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": '{"code":0}'},
            200,
            "application/json",
            b'{"code":0}',
            id="headers and body",
        ),
        pytest.param(
            {"statusCode": "201", "body": "/wA=", "isBase64Encoded": True},
            201,
            "text/plain;charset=UTF-8",
            b"\xff\x00",
            id="bytes, status as text",
        ),
        pytest.param({"code": 0}, 200, "application/json", b'{"code": 0}', id="object without status"),
        pytest.param("hello", 200, "application/json", b"hello", id="bare text"),
        pytest.param(None, 200, "application/json", b"null", id="nothing"),
        pytest.param(
            {"statusCode": None}, 500, "application/json", b'{"message":"Internal Server Error"}', id="malformed status"
        ),
        pytest.param(
            {"statusCode": 200, "body": {"code": 0}},
            500,
            "application/json",
            b'{"message":"Internal Server Error"}',
            id="malformed body",
        ),
    ],
)
def test_answers_become_replies(answer: Any, status: int, content_type: str, body: bytes):
    response = reply(json.dumps(answer).encode())

    assert (response.status_code, response.headers["content-type"], response.data) == (status, content_type, body)


def test_cookies_are_set_one_by_one():
    response = reply(b'{"statusCode": 200, "cookies": ["a=1", "b=2"]}')

    assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_taken_port_is_named(url: str):
    port = int(url.rpartition(":")[2])
    serve: Callable[[], WebServer] = lambda: WebServer(None, "127.0.0.1", port)  # noqa: E731 - a name for what fails

    with pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1:{port}"):
        serve()


def test_stopped_server_leaves_its_port_free(functions: Recorder):
    api = HttpApi([], functions, account_id="123456789012", region="us-east-1")
    with WebServer(api, "127.0.0.1", 0) as server:
        port = server.port

    with WebServer(api, "127.0.0.1", port) as again:
        assert again.port == port
    api.close()
