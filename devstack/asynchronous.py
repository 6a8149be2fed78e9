"""Invoke functions asynchronously as Lambda does: the caller does not wait, and a failed event is retried.

After the last retry the event is sent to the function's on-failure destination, in Lambda's envelope. Lambda waits one
and two minutes between attempts; the local stack waits seconds. The age limit of events is not simulated.
"""

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devstack.functions import Answer, Function

RETRY_PAUSES_S = (1.0, 2.0)
THREADS = 32


@dataclass(frozen=True)
class FailureHandling:
    """The retries of a failing event, and the on-failure destination, if any, which receives Lambda's envelope."""

    max_retries: int = 2
    deliver: Callable[[dict[str, Any]], None] | None = None


class AsyncInvoker:
    """Invoke functions from threads of its own; `submit` returns at once."""

    def __init__(self, pauses_s: tuple[float, ...] = RETRY_PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="async-invoke")
        self._closing = threading.Event()

    def submit(self, function: Function, event: bytes, failures: FailureHandling) -> None:
        """Queue `event` for `function`; ignored after `close`."""
        try:
            self._threads.submit(self._deliver, function, event, failures)
        except RuntimeError:  # the invoker is closed: the event may come at any moment of the shutdown
            if not self._closing.is_set():
                raise

    def close(self) -> None:
        """Drop the queued events and wait for the running ones. Close the functions first."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)

    def _deliver(self, function: Function, event: bytes, failures: FailureHandling) -> None:
        request_id = str(uuid.uuid4())
        answer = function.invoke(event, request_id)
        retries = 0
        while answer.is_error and retries < failures.max_retries and not self._closing.is_set():
            self._closing.wait(self._pauses_s[min(retries, len(self._pauses_s) - 1)])
            answer = function.invoke(event, request_id)
            retries += 1
        if answer.is_error and failures.deliver and not self._closing.is_set():
            failures.deliver(envelope(function, event, request_id, retries + 1, answer))


def envelope(function: Function, event: bytes, request_id: str, invoke_count: int, answer: Answer) -> dict[str, Any]:
    """Return Lambda's envelope of a failed event (Lambda guide: retaining records of invocations)."""
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.settings.arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": invoke_count,
        },
        "requestPayload": json.loads(event),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(answer.payload),
    }
