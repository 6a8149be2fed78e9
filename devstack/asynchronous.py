"""Asynchronous invocations as Lambda does them: the caller does not wait, a failed event is tried again after a pause,
and one that keeps failing goes to the function's on-failure destination in Lambda's envelope.
Lambda pauses one and two minutes; here it is seconds. The age limit of events is not modelled.
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
    """How often a failing event is tried again, and what takes it in the end (given Lambda's envelope), if anything."""

    max_retries: int = 2
    deliver: Callable[[dict[str, Any]], None] | None = None


class AsyncInvoker:
    """Takes events and returns at once; threads of its own carry them to their functions."""

    def __init__(self, pauses_s: tuple[float, ...] = RETRY_PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="async-invoke")
        self._closing = threading.Event()

    def submit(self, function: Function, event: bytes, failures: FailureHandling) -> None:
        """Sends `event` to `function`; ignored once closed."""
        if not self._closing.is_set():
            self._threads.submit(self._deliver, function, event, failures)

    def close(self) -> None:
        """Drops what waits, and returns when what runs has ended: close the functions first."""
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
    """An event that failed, as Lambda gives it to a destination (Lambda guide: retaining records of invocations)."""
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
