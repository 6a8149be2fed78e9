"""Check that requests of functions to the local AWS are counted, and no others."""

import pytest

from devstack.request_counter import RequestCounter

FUNCTION = "Boto3/1.40 exec-env/AWS_Lambda_python3.13"


def ask(request_counter, *, agent=FUNCTION, **environ):
    return request_counter({"HTTP_USER_AGENT": agent, "REQUEST_METHOD": "POST", **environ}, lambda *_: None)


@pytest.fixture
def request_counter():
    return RequestCounter(lambda _environ, _start: [b"the answer"])


@pytest.mark.parametrize(
    ("environ", "counted"),
    [
        pytest.param({"HTTP_X_AMZ_TARGET": "DynamoDB_20120810.PutItem"}, "PutItem", id="by target"),
        pytest.param({"REQUEST_METHOD": "PUT"}, "S3 PUT", id="S3, by method"),
    ],
)
def test_request_is_counted_by_operation_and_forwarded(request_counter, environ, counted):
    answers = [ask(request_counter, **environ), ask(request_counter, **environ)]

    assert request_counter.counts() == {counted: 2}
    assert answers == [[b"the answer"]] * 2


def test_operators_request_is_not_counted(request_counter):
    ask(request_counter, agent="aws-cli/2.0", HTTP_X_AMZ_TARGET="DynamoDB_20120810.PutItem")

    assert request_counter.counts() == {}


def test_earlier_counts_do_not_change(request_counter):
    ask(request_counter)
    before = request_counter.counts()

    ask(request_counter)

    assert (before["S3 POST"], request_counter.counts()["S3 POST"]) == (1, 2)


@pytest.mark.parametrize(("status", "number"), [("200 OK", 0), ("400 Bad Request", 1), ("503 Slow Down", 1)])
def test_refused_request_is_counted_twice(status, number):
    def answer(_environ, start):
        start(status, [])
        return [b""]

    request_counter = RequestCounter(answer)

    ask(request_counter, HTTP_X_AMZ_TARGET="DynamoDB_20120810.UpdateItem")

    assert request_counter.counts() == {"UpdateItem": 1}
    assert request_counter.refused().total() == number
