"""Requests of functions to the embedded AWS are counted, and nobody else's."""

import pytest

from devstack.tally import Tally

FUNCTION = "Boto3/1.40 exec-env/AWS_Lambda_python3.13"


def ask(tally, *, agent=FUNCTION, **environ):
    return tally({"HTTP_USER_AGENT": agent, "REQUEST_METHOD": "POST", **environ}, lambda *_: None)


@pytest.fixture
def tally():
    return Tally(lambda _environ, _start: [b"the answer"])


@pytest.mark.parametrize(
    ("environ", "counted"),
    [
        pytest.param({"HTTP_X_AMZ_TARGET": "DynamoDB_20120810.PutItem"}, "PutItem", id="by target"),
        pytest.param({"REQUEST_METHOD": "PUT"}, "S3 PUT", id="S3, by method"),
    ],
)
def test_a_request_is_counted_by_what_it_asks_and_answered(tally, environ, counted):
    answers = [ask(tally, **environ), ask(tally, **environ)]

    assert tally.counts() == {counted: 2}
    assert answers == [[b"the answer"]] * 2


def test_an_operators_request_is_not_counted(tally):
    ask(tally, agent="aws-cli/2.0", HTTP_X_AMZ_TARGET="DynamoDB_20120810.PutItem")

    assert tally.counts() == {}


def test_what_was_counted_before_stays_as_it_was_told(tally):
    ask(tally)
    told = tally.counts()

    ask(tally)

    assert (told["S3 POST"], tally.counts()["S3 POST"]) == (1, 2)


@pytest.mark.parametrize(("status", "number"), [("200 OK", 0), ("400 Bad Request", 1), ("503 Slow Down", 1)])
def test_refused_request_is_counted_twice(status, number):
    def answer(_environ, start):
        start(status, [])
        return [b""]

    tally = Tally(answer)

    ask(tally, HTTP_X_AMZ_TARGET="DynamoDB_20120810.UpdateItem")

    assert tally.counts() == {"UpdateItem": 1}
    assert tally.refused().total() == number
