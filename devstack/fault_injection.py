"""Inject faults: let a given number of the functions' requests to DynamoDB and S3 fail."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_READS = frozenset({"GET", "HEAD"})
_FUNCTION = "exec-env/AWS_Lambda"  # in the user agent of an SDK that runs in a function

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class ErrorReply:
    """An error reply of AWS."""

    status: str
    content_type: str
    body: bytes


THROTTLED = ErrorReply(
    "400 Bad Request",
    "application/x-amz-json-1.0",
    json.dumps(
        {
            "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "message": "The level of configured provisioned throughput for the table was exceeded.",
        }
    ).encode(),
)
SLOW_DOWN = ErrorReply(
    "503 Slow Down",
    "application/xml",
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
)
CHANGED = ErrorReply(
    "412 Precondition Failed",
    "application/xml",
    b"<?xml version='1.0'?><Error><Code>PreconditionFailed</Code><Message>A condition did not hold.</Message></Error>",
)


class FaultInjection:
    """A WSGI application in front of moto: forwards requests, except those that are to fail."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._dynamodb: dict[str, int] = {}
        self._s3: dict[tuple[str, str], int] = {}
        self._changed: dict[str, int] = {}
        self._refused: dict[str, ErrorReply] = {}

    def throttle_dynamodb(self, operation: str, times: int) -> None:
        """Throttle the next `times` calls of an operation, such as `PutItem`."""
        with self._lock:
            self._dynamodb[operation] = times

    def slow_down_s3(self, method: str, bucket: str, times: int) -> None:
        """Answer SlowDown to the next `times` requests of a method, such as `PUT`, to a bucket."""
        with self._lock:
            self._s3[method, bucket] = times

    def change_s3(self, bucket: str, prefix: str, times: int) -> None:
        """Answer PreconditionFailed to the next `times` writes under a prefix."""
        with self._lock:
            self._changed[f"/{bucket}/{prefix}"] = times

    def refuse_s3(self, bucket: str, key: str, status: str, code: str, message: str) -> None:
        """Refuse every read of an object, as S3 does: the reply to a HEAD request has no body.

        Args:
            bucket: its name.
            key: of ASCII characters.
            status: of HTTP, such as `403 Forbidden`.
            code: S3's error code, such as `AccessDenied`.
            message: S3's message.
        """
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        with self._lock:
            self._refused[f"/{bucket}/{key}"] = ErrorReply(status, "application/xml", body.encode())

    def accept_s3(self, bucket: str, key: str) -> None:
        """Accept the reads of an object again."""
        with self._lock:
            del self._refused[f"/{bucket}/{key}"]

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        error_reply = self._error_reply(environ)
        if error_reply is None:
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response(error_reply.status, [("content-type", error_reply.content_type)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [error_reply.body]

    def _error_reply(self, environ: dict[str, Any]) -> ErrorReply | None:
        if not is_from_function(environ):
            return None
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        bucket = environ["PATH_INFO"].split("/")[1]
        changed = next((path for path in self._changed if environ["PATH_INFO"].startswith(path)), None)
        with self._lock:
            if _use_up(self._dynamodb, operation):
                return THROTTLED
            if environ["REQUEST_METHOD"] == "PUT" and _use_up(self._changed, changed):
                return CHANGED
            if environ["REQUEST_METHOD"] in _READS and environ["PATH_INFO"] in self._refused:
                return self._refused[environ["PATH_INFO"]]
            return SLOW_DOWN if _use_up(self._s3, (environ["REQUEST_METHOD"], bucket)) else None


def is_from_function(environ: dict[str, Any]) -> bool:
    """Return whether a function sent a request to AWS, and not an operator or the stack itself."""
    return _FUNCTION in environ.get("HTTP_USER_AGENT", "")


def _use_up(left: dict[Any, int], key: Any) -> bool:
    if not left.get(key):
        return False
    left[key] -= 1
    return True
