"""Check which requests of browsers reach the local stack's ports."""

from collections.abc import Iterable
from typing import Any

import pytest
from moto.s3.models import s3_backends

from devstack.browser_access import BucketCors, OriginCheck
from devstack.settings import ACCOUNT_ID

PORTS = {4566, 8080}
OURS = "http://127.0.0.1:8080"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An AWS that allows every page everything, as moto does."""
    start_response("200 OK", [("Access-Control-Allow-Origin", "*"), ("Content-Type", "text/plain")])
    return [b"reached"]


def status(front: Any, path: str = "/", method: str = "GET", **headers: str) -> tuple[str, dict[str, str]]:
    told: list[Any] = []
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_HOST": "127.0.0.1:4566", **headers}
    list(front(environ, lambda *answer: told.extend(answer)))
    return told[0][:3], dict(told[1])


def checked(bind: str = "127.0.0.1") -> OriginCheck:
    return OriginCheck(application, bind, lambda: PORTS)


@pytest.mark.parametrize(
    ("host", "bind", "code"),
    [
        *((host, "127.0.0.1", "200") for host in ("127.0.0.1:4566", "localhost", "[::1]:4566", "b.localhost:4566")),
        ("host.docker.internal:4566", "127.0.0.1", "200"),
        *((host, "127.0.0.1", "403") for host in ("evil.example.com", "evil.example.com:4566", "10.0.0.1", "", "[")),
        *(
            (host, "127.0.0.1", "403")
            for host in ("127.0.0.1.example.com", "localhost.example.com", "motoapi.amazonaws.com")
        ),
        ("172.17.0.1:4566", "172.17.0.1", "200"),
        ("10.0.0.1:4566", "172.17.0.1", "403"),
        ("192.168.1.20:4566", "0.0.0.0", "200"),
        ("evil.example.com", "0.0.0.0", "403"),
    ],
)
def test_host_that_was_rebound_is_refused(host, bind, code):
    assert status(checked(bind), HTTP_HOST=host)[0] == code


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        *((origin, "200") for origin in (OURS, "http://localhost:8080", "http://127.0.0.1:4566")),
        *((origin, "403") for origin in ("http://127.0.0.1:9000", "https://127.0.0.1:8080", "http://evil.example.com")),
        *((origin, "403") for origin in ("null", "", "http://[", "http://evil.example.com:8080", "file://")),
    ],
)
def test_origin_of_another_site_is_refused(origin, code):
    assert status(checked(), method="POST", HTTP_ORIGIN=origin)[0] == code


@pytest.fixture
def bucket():
    """A bucket to which one page may post."""
    backend = s3_backends[ACCOUNT_ID]["aws"]
    made = backend.create_bucket("cors-audio", "us-east-1")
    made.set_cors([{"AllowedOrigin": OURS, "AllowedMethod": "POST", "AllowedHeader": "*"}])
    yield made.name
    backend.delete_bucket(made.name)


@pytest.mark.parametrize(
    ("path", "method", "origin", "allowed"),
    [
        pytest.param("/cors-audio", "POST", OURS, OURS, id="the page's upload"),
        pytest.param("/cors-audio", "DELETE", OURS, None, id="another method"),
        pytest.param("/cors-audio", "POST", "http://localhost:8080", None, id="another origin"),
        pytest.param("/another", "POST", OURS, None, id="another bucket"),
        pytest.param("/", "POST", OURS, None, id="another service"),
    ],
)
def test_page_gets_the_cors_rules_of_the_bucket(bucket, path, method, origin, allowed):
    front = BucketCors(application, "aws")

    _, headers = status(front, path, method, HTTP_ORIGIN=origin)
    preflight, told = status(front, path, "OPTIONS", HTTP_ORIGIN=origin, HTTP_ACCESS_CONTROL_REQUEST_METHOD=method)

    assert headers.get("Access-Control-Allow-Origin") == told.get("Access-Control-Allow-Origin") == allowed
    assert preflight == ("200" if allowed else "403")


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/data.json", "/moto-api", "/moto-api/recorder/download"])
def test_interface_of_moto_is_closed(path):
    assert status(BucketCors(application, "aws"), path, "POST")[0] == "403"
