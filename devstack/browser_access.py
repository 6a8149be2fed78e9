"""Limit what web browsers may do at the ports of the local stack: any page can send requests to this machine.

A page of another site names itself in `Origin`; a page whose host name was made to resolve to this machine (DNS
rebinding) names that host in `Host`. Both are refused. Programs send the stack's own host and no origin.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from moto.s3.models import s3_backends

from devstack.fault_injection import StartResponse
from devstack.settings import ACCOUNT_ID

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "host.docker.internal"})  # the last, in containers
_ALL = "0.0.0.0"  # noqa: S104  # nosec B104 - compared, not bound
_MOTO = "/moto-api"  # moto's own interface, which resets every service and shows what they store

Header = tuple[str, str]


class OriginCheck:
    """A WSGI application in front of another one: refuses requests of other sites' pages."""

    def __init__(self, application: Any, bind: str, ports: Callable[[], Collection[int | None]]) -> None:
        """bind: the address that the server listens on. ports: those whose pages may send requests."""
        self._application = application
        self._hosts = _LOOPBACK | {bind}
        self._on_all_addresses = bind == _ALL
        self._ports = ports

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        if not self._is_ours(f"http://{host}"):
            return _refuse(start_response, "this host is not the local stack's")
        if origin is not None and not (self._is_ours(origin) and _port(origin) in self._ports()):
            return _refuse(start_response, "this origin is not the local stack's")
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer

    def _is_ours(self, address: str) -> bool:
        try:
            parts = urlsplit(address)
            host = parts.hostname or ""
        except ValueError:
            return False
        is_named = host in self._hosts or host.endswith(".localhost")
        return parts.scheme == "http" and (is_named or (self._on_all_addresses and _is_address(host)))


class BucketCors:
    """A WSGI application in front of moto: answers pages by the CORS rules of the bucket, and never by moto's own.

    moto allows every page everything. Amazon S3 user guide, "How CORS works": the first rule that matches decides.
    """

    def __init__(self, application: Any, partition: str) -> None:
        self._application = application
        self._partition = partition

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(_MOTO):
            return _refuse(start_response, "moto's own interface is closed")
        origin = environ.get("HTTP_ORIGIN")
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        allowed = self._allowed(environ, origin, wanted or environ["REQUEST_METHOD"]) if origin else []
        if origin and wanted and environ["REQUEST_METHOD"] == "OPTIONS":
            if not allowed:
                return _refuse(start_response, "no CORS rule of the bucket allows this")
            start_response("200 OK", [*allowed, ("Content-Length", "0")])
            return [b""]

        def start(status: str, headers: list[Header], *more: Any) -> Any:
            kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
            return start_response(status, [*kept, *allowed], *more)

        answer: Iterable[bytes] = self._application(environ, start)
        return answer

    def _allowed(self, environ: Mapping[str, Any], origin: str, method: str) -> list[Header]:
        """Return the headers of the bucket's first rule for an origin and a method; nothing without one."""
        bucket = s3_backends[ACCOUNT_ID][self._partition].buckets.get(environ["PATH_INFO"].split("/")[1])
        for rule in bucket.cors if bucket else ():
            if method in _listed(rule.allowed_methods) and {origin, "*"} & {*_listed(rule.allowed_origins)}:
                return [
                    ("Access-Control-Allow-Origin", origin),
                    ("Access-Control-Allow-Methods", ", ".join(_listed(rule.allowed_methods))),
                    ("Access-Control-Allow-Headers", ", ".join(_listed(rule.allowed_headers))),
                    ("Access-Control-Expose-Headers", ", ".join(_listed(rule.exposed_headers))),
                    ("Vary", "Origin"),
                ]
        return []


def _refuse(start_response: StartResponse, reason: str) -> list[bytes]:
    start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(reason)))])
    return [reason.encode()]


def _port(origin: str) -> int | None:
    try:
        return urlsplit(origin).port or 80
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _listed(values: str | Sequence[str] | None) -> list[str]:
    return [values] if isinstance(values, str) else list(values or [])
