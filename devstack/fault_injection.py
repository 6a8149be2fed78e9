"""AWS at its worst: answers of DynamoDB and S3 to functions, as many as asked for, are refusals."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_FUNCTION = "exec-env/AWS_Lambda"  # in the user agent of an SDK that runs in a function

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class ErrorReply:
    """What AWS says instead of an answer."""

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
    """A WSGI application before moto's: lets requests through, except those that are to be refused."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._dynamodb: dict[str, int] = {}
        self._s3: dict[tuple[str, str], int] = {}
        self._changed: dict[str, int] = {}

    def throttle_dynamodb(self, operation: str, times: int) -> None:
        """Refuse the next `times` calls of an operation, such as `PutItem`."""
        with self._lock:
            self._dynamodb[operation] = times

    def slow_down_s3(self, method: str, bucket: str, times: int) -> None:
        """Refuse the next `times` requests of a method, such as `PUT`, to a bucket."""
        with self._lock:
            self._s3[method, bucket] = times

    def change_s3(self, bucket: str, prefix: str, times: int) -> None:
        """Answer the next `times` writes under a prefix as if the object had changed just before."""
        with self._lock:
            self._changed[f"/{bucket}/{prefix}"] = times

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        error_reply = self._error_reply(environ)
        if error_reply is None:
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response(error_reply.status, [("content-type", error_reply.content_type)])
        return [error_reply.body]

    def _error_reply(self, environ: dict[str, Any]) -> ErrorReply | None:
        if not is_of_a_function(environ):
            return None
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        bucket = environ["PATH_INFO"].split("/")[1]
        changed = next((path for path in self._changed if environ["PATH_INFO"].startswith(path)), None)
        with self._lock:
            if _counted(self._dynamodb, operation):
                return THROTTLED
            if environ["REQUEST_METHOD"] == "PUT" and _counted(self._changed, changed):
                return CHANGED
            return SLOW_DOWN if _counted(self._s3, (environ["REQUEST_METHOD"], bucket)) else None


def is_of_a_function(environ: dict[str, Any]) -> bool:
    """Whether a request to AWS is a function's, and not an operator's or the stack's own."""
    return _FUNCTION in environ.get("HTTP_USER_AGENT", "")


def _counted(left: dict[Any, int], what: Any) -> bool:
    if not left.get(what):
        return False
    left[what] -= 1
    return True
