"""Check queues of functions: which messages are deleted, which stay, and what Lambda refuses."""

import json
import threading

import pytest
from botocore.exceptions import ClientError

from devstack import event_sources
from devstack.clock import WaitClock
from devstack.event_sources import EventSource, Pollers, failures
from devstack.expand import TemplateError
from devstack.functions import Answer, Credentials, Settings

SENT = ["a", "b", "c"]
MAPPING = {"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:q", "FunctionName": "f"}


def reported(*ids):
    return Answer(json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in ids]}).encode())


@pytest.mark.parametrize(
    ("answer", "reports", "left"),
    [
        pytest.param(reported(), True, [], id="all were handled"),
        pytest.param(reported("b"), True, ["b"], id="one was not"),
        pytest.param(Answer(b"null"), True, [], id="nothing is said"),
        pytest.param(Answer(b'{"batchItemFailures": null}'), True, [], id="null is said"),
        pytest.param(reported("b"), False, [], id="what is said is not asked for"),
        pytest.param(reported("unknown"), True, SENT, id="a message that was not sent"),
        pytest.param(reported(None), True, SENT, id="a message without a name"),
        pytest.param(Answer(b'{"errorType": "E"}', is_error=True), True, SENT, id="the function failed"),
    ],
)
def test_reported_failures_stay_in_the_queue(answer, reports, left):
    assert failures(answer, SENT, reports=reports) == set(left)


def test_mapping_has_lambdas_defaults():
    source = EventSource.of(MAPPING)

    assert (source.batch_size, source.reports_failures) == (10, False)


def test_mapping_of_another_source_is_refused():
    with pytest.raises(TemplateError, match="polls queues only"):
        EventSource.of({**MAPPING, "EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"})


class HidesTooBriefly:
    """A queue whose visibility timeout is shorter than the function's time limit."""

    def get_queue_attributes(self, **_request_parameters):
        return {"Attributes": {"VisibilityTimeout": "30"}}


@pytest.fixture
def function(tmp_path):
    """Return the settings of a function that may run for 31 s."""
    return Settings(
        logical_id="F",
        name="f",
        arn="arn:f",
        handler="app.handler",
        runtime="python3.13",
        region="us-east-1",
        folder=tmp_path,
        layers=(),
        variables={},
        timeout_s=31,
        memory_mb=128,
        log_group="f",
        credentials=Credentials("k", "s", "t"),
        clock=WaitClock(),
    )


def test_visibility_below_function_timeout_is_refused(function):
    with pytest.raises(TemplateError, match="hides messages for less time than F may run"):
        Pollers().start(EventSource.of(MAPPING), "url", function, lambda _event: reported(), HidesTooBriefly())


class RefusesOnce:
    """A queue that refuses the first poll, and then has one message."""

    def __init__(self):
        self.deleted = threading.Event()
        self._replies = iter([ClientError({"Error": {"Code": "AccessDenied"}}, "ReceiveMessage"), ["m"]])

    def get_queue_attributes(self, **_request_parameters):
        return {"Attributes": {"VisibilityTimeout": "31"}}

    def receive_message(self, **_request_parameters):
        reply = next(self._replies, None)
        if isinstance(reply, ClientError):
            raise reply
        if reply is None:
            self.deleted.wait(60)
            return {}
        return {"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "Body": "", "MD5OfBody": ""}]}

    def delete_message(self, **_request_parameters):
        self.deleted.set()


def test_refused_poll_does_not_end_the_polling(function, monkeypatch):
    monkeypatch.setattr(event_sources, "PAUSE_S", 0)
    queue, pollers = RefusesOnce(), Pollers()
    source = EventSource.of({**MAPPING, "ScalingConfig": {"MaximumConcurrency": 1}})

    pollers.start(source, "url", function, lambda _event: reported(), queue)

    assert queue.deleted.wait(60)
    pollers.close()
