"""`doctor`: each check that a healthy local stack cannot fail, by replies of AWS and of vendors."""

import io
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from asrcore.core.errors import ErrorClass, NoAnswerError
from asrcore.core.transcript import Source
from asrcore.core.vendor import HttpReply
from asrcore.vendors.registry import VENDORS
from asrctl import doctor as doctor_module
from asrctl.doctor import doctor
from asrctl.progress import ProgressReporter
from asrctl.result import OperatorError
from asrctl.version import version
from tests.support.reasons import reason

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACKNOWLEDGED = HttpReply(200, b'{"code": 0, "message": "success"}')
PROGRESS = ProgressReporter(io.StringIO(), "en")
SOURCE = Source(bucket="audio", key="sample.wav", version_id="v", etag="e", size_bytes=9)
ENOUGH = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}
ALARM = {"AlarmName": "asrcore-failure-rate", "StateValue": "OK", "AlarmActions": ["arn:topic"]}


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}, operation)


class Pages:
    """A paginator. paginate: returns the alarms as one page."""

    def __init__(self, alarms):
        self._alarms = alarms

    def paginate(self, **request):
        assert request == {"AlarmNames": ["asrcore-failure-rate"]}
        return [{"MetricAlarms": self._alarms}]


def services(send, **settings):
    defaults = {
        "is_local": False,
        "callback_base_url": "https://api.example.com",
        "base_urls": {name: f"https://{name}.example.com" for name in VENDORS},
        "vendor_chain": [*VENDORS],
        "off": frozenset(),
    }
    return SimpleNamespace(
        settings=SimpleNamespace(**{**defaults, **settings}),
        vendors=VENDORS,
        send=send,
        callback_keys=lambda fresh: ["k"],
        sleep=lambda _: None,
        now=lambda: NOW,
        recordings=SimpleNamespace(presign=lambda source: "https://audio.example.com/sample.wav"),
    )


def reply_to(request):
    if request.method == "POST":
        return ACKNOWLEDGED
    return HttpReply(206 if "Range" in request.headers else 404, b"")


class Stack(SimpleNamespace):
    """A healthy stack in AWS; a test replaces a part of it."""

    def __init__(self, **parts):
        self.calls = []
        account = {"Arn": "arn:me", "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(NOW, usegmt=True)}}}
        secrets = {
            "vendors": {"tencent": {"secret_id": "i", "secret_key": "s"}},
            "signing": {"callback": {"keys": ["k"]}},
        }
        super().__init__(
            **{
                "name": "calls",
                "options": " --stack calls",
                "release": version(),
                "api_url": "https://api.example.com",
                "describe": lambda: {"StackStatus": "UPDATE_COMPLETE"},
                "sts": SimpleNamespace(get_caller_identity=lambda: account),
                "secret_arn": "vendors",
                "signing_secret_arn": "signing",
                "read_secret": lambda arn: secrets[arn],
                "services": services(reply_to),
                "lambdas": SimpleNamespace(
                    get_function_configuration=lambda **_: {}, get_account_settings=lambda: {"AccountLimit": ENOUGH}
                ),
                "cloudwatch": SimpleNamespace(get_paginator=lambda _: Pages([ALARM])),
                "resources": {"AWS::CloudWatch::Alarm": ["asrcore-failure-rate"]}.__getitem__,
                "s3": SimpleNamespace(list_objects_v2=lambda **_: {}),
                "dynamodb": SimpleNamespace(scan=lambda **_: {}),
                "states": SimpleNamespace(list_executions=lambda **_: {}),
                "sqs": SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": depth(0)}),
                "jobs": SimpleNamespace(load=lambda _: None),
                "submit_function": "submit",
                "audio_bucket": "audio",
                "transcript_bucket": "transcripts",
                "jobs_table": "jobs",
                "state_machine_arn": "machine",
                "queue_url": "queue",
                "has_webhook": False,
                **parts,
            }
        )


def depth(number):
    return {"ApproximateNumberOfMessages": str(number), "ApproximateNumberOfMessagesNotVisible": "0"}


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    """Have the sample in the bucket."""
    monkeypatch.setattr(doctor_module, "stored_sample", lambda _: nullcontext(SOURCE))


def found(stack, name, now=NOW):
    """Return one check, and whether the command is ok."""
    result = doctor(stack, PROGRESS, lambda: now, test=False)
    (check,) = [check for check in result.data.checks if check.name == name]
    return check, result.ok


def test_healthy_stack_has_no_problem():
    result = doctor(Stack(), PROGRESS, lambda: NOW, test=False)

    assert [(check.name, check.found) for check in result.data.checks if check.status != "ok"] == []
    assert result.ok


def raises(error):
    def call(*_, **__):
        raise error

    return call


def alarms(*found):
    return SimpleNamespace(get_paginator=lambda _: Pages(list(found)))


def limits(concurrency):
    few = {"ConcurrentExecutions": concurrency, "UnreservedConcurrentExecutions": concurrency}
    return SimpleNamespace(
        get_function_configuration=lambda **_: {}, get_account_settings=lambda: {"AccountLimit": few}
    )


def answering(reply, method):
    return services(
        lambda request: reply if request.method == method and "callbacks" in request.url else reply_to(request)
    )


REFUSED_BY_AWS = HttpReply(401, b"<html>ICP</html>")
REFUSED_BY_US = HttpReply(403, b'{"code": 403, "message": "forbidden"}')
SILENT = NoAnswerError(ErrorClass.RETRY, "ConnectionFailed", reason("no connection"))


def no_answer_of(host):
    def send(request):
        if host in request.url:
            raise SILENT
        return reply_to(request)

    return send


@pytest.mark.parametrize(
    ("parts", "name", "says", "advice"),
    [
        pytest.param(
            {"describe": lambda: {"StackStatus": "UPDATE_ROLLBACK_FAILED"}}, "stack", "UPDATE_ROLLBACK_FAILED",
            "make deploy", id="failed update",
        ),
        pytest.param({"release": "0.0.9"}, "versions", "the stack has version 0.0.9", "make deploy", id="older stack"),
        pytest.param({"release": None}, "versions", "has version (unknown)", "make deploy", id="stack without release"),
        pytest.param(
            {"states": SimpleNamespace(list_executions=raises(denied("ListExecutions")))}, "permissions",
            "arn:me may not do states:ListExecutions", "policy of your user", id="missing permission",
        ),
        pytest.param(
            {"read_secret": raises(denied("GetSecretValue"))}, "secrets", "AWS denies GetSecretValue",
            "add the action GetSecretValue", id="check that is denied",
        ),
        pytest.param(
            {"read_secret": lambda _: {"callback": {"keys": ["old"]}}}, "secrets",
            "signing keys are in the vendors' secret", "run `python -m asrctl setup --stack calls`",
            id="keys of an older version",
        ),
        pytest.param(
            {"read_secret": raises(OperatorError("the secret is no JSON object"))}, "secrets",
            "the check could not be made: the secret is no JSON object",
            "run `python -m asrctl doctor --stack calls` again",
            id="secret that was edited by hand",
        ),
        pytest.param(
            {"has_webhook": True, "undelivered_queue_url": "queue"}, "secrets", "no keys: webhook", "asrctl setup",
            id="webhook without a key",
        ),
        pytest.param(
            {"services": services(no_answer_of("volcengine."))}, "addresses",
            "volcengine (volcengine.example.com): no connection", "network and proxy", id="silent vendor",
        ),
        pytest.param(
            {"services": answering(REFUSED_BY_AWS, "POST")}, "callbacks", "got HTTP 401", "ICP filing",
            id="callback refused by API Gateway",
        ),
        pytest.param(
            {"services": answering(REFUSED_BY_US, "POST")}, "callbacks", "got HTTP 403", "the function has other keys",
            id="callback refused by the stack",
        ),
        pytest.param(
            {"services": services(lambda request: HttpReply(403, b"") if "Range" in request.headers else ACKNOWLEDGED)},
            "recordings", "got HTTP 403 instead of 206", "ICP filing", id="recording refused",
        ),
        pytest.param({"lambdas": limits(10)}, "quotas", "Lambda runs 10 invocations", "L-B99A9384", id="new account"),
        pytest.param(
            {"cloudwatch": alarms(ALARM, {**ALARM, "AlarmName": "asrcore-api-errors", "StateValue": "ALARM"})},
            "alarms", "in the state ALARM: asrcore-api-errors", "docs/runbooks", id="alarm",
        ),
        pytest.param(
            {"sqs": SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": depth(3)})}, "queues",
            "failed events: 3", "asrctl queue", id="failed events",
        ),
        pytest.param(
            {"read_secret": {"vendors": {}, "signing": {"callback": {"keys": ["k"]}}}.__getitem__,
             "services": services(reply_to, off=frozenset({"openai-compatible"}))},
            "vendors", "no vendor has complete credentials", "asrctl setup", id="no credentials",
        ),
        pytest.param(
            {"sqs": SimpleNamespace(get_queue_attributes=raises(EndpointConnectionError(endpoint_url="https://sqs")))},
            "queues", "the check could not be made: Could not connect",
            "run `python -m asrctl doctor --stack calls` again",
            id="service that does not answer",
        ),
    ],
)  # fmt: skip
def test_problem_is_named_with_its_remedy(parts, name, says, advice):
    check, ok = found(Stack(**parts), name)

    assert (check.status, ok) == ("problem", False)
    assert says in check.found
    assert advice in check.advice


@pytest.mark.parametrize(("off_s", "status"), [(60, "ok"), (-60, "ok"), (61, "problem"), (-61, "problem")])
def test_clock_that_is_a_minute_off_is_a_problem(off_s, status):
    check, _ = found(Stack(), "clock", NOW + timedelta(seconds=off_s))

    assert check.status == status


def test_alarms_without_a_topic_are_ok_with_advice():
    check, ok = found(Stack(cloudwatch=alarms({**ALARM, "AlarmActions": []})), "alarms")

    assert (check.status, ok) == ("ok", True)
    assert "AlarmTopicArn" in check.advice
