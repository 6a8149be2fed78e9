"""Check asynchronous invocations: failures are retried, the last one is delivered in Lambda's envelope."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.asynchronous import AsyncInvoker, FailureHandling
from devstack.functions import Function
from tests.support.fake_functions import make_function, wait_for

# Fails as often as the event says, then leaves a file that tells how often it was called.
STUBBORN = """
    import pathlib
    calls = 0
    def lambda_handler(event, context):
        global calls
        calls += 1
        pathlib.Path(f"ids-{calls}").write_text(context.aws_request_id)
        if calls <= event["failures"]:
            raise ValueError("not yet")
        pathlib.Path("done").write_text(str(calls))
"""


@pytest.fixture
def function(tmp_path: Path) -> Iterator[Function]:
    function = make_function(tmp_path, STUBBORN)
    yield function
    function.close()


@pytest.fixture
def invoker(function: Function) -> Iterator[AsyncInvoker]:
    invoker = AsyncInvoker(pauses_s=(0.01, 0.02))
    yield invoker
    function.close()
    invoker.close()


def test_event_that_fails_twice_succeeds_at_the_third_attempt(
    tmp_path: Path, function: Function, invoker: AsyncInvoker
):
    delivered: list[dict[str, Any]] = []
    done = tmp_path / "code/done"

    invoker.submit(function, b'{"failures": 2}', FailureHandling(2, delivered.append))

    assert wait_for(lambda: done.exists() and done.read_text()) == "3"
    assert delivered == []
    ids = {(tmp_path / f"code/ids-{call}").read_text() for call in (1, 2, 3)}
    assert len(ids) == 1


def test_failed_event_is_delivered_in_lambdas_envelope(tmp_path: Path, function: Function, invoker: AsyncInvoker):
    delivered: list[dict[str, Any]] = []

    invoker.submit(function, b'{"failures": 9}', FailureHandling(2, delivered.append))

    envelope = wait_for(lambda: delivered)[0]
    assert envelope["version"] == "1.0"
    assert envelope["requestContext"] == {
        "requestId": (tmp_path / "code/ids-1").read_text(),
        "functionArn": f"{function.settings.arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert envelope["requestPayload"] == {"failures": 9}
    assert envelope["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert envelope["responsePayload"]["errorType"] == "ValueError"
    assert json.dumps(envelope)


def test_retries_can_be_switched_off(function: Function, invoker: AsyncInvoker):
    delivered: list[dict[str, Any]] = []

    invoker.submit(function, b'{"failures": 9}', FailureHandling(0, delivered.append))

    assert wait_for(lambda: delivered)[0]["requestContext"]["approximateInvokeCount"] == 1


def test_closed_invoker_ignores_events(tmp_path: Path, function: Function, invoker: AsyncInvoker):
    invoker.close()

    invoker.submit(function, b'{"failures": 0}', FailureHandling())

    assert not (tmp_path / "code/ids-1").exists()


def test_event_during_close_is_ignored(function: Function, invoker: AsyncInvoker, monkeypatch: pytest.MonkeyPatch):
    submit = invoker._threads.submit

    def close_before(*arguments: Any) -> Any:
        invoker.close()
        return submit(*arguments)

    monkeypatch.setattr(invoker._threads, "submit", close_before)

    invoker.submit(function, b'{"failures": 0}', FailureHandling())
