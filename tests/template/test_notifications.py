"""Check the notifications' resources: none by default, and with a parameter only the needed ones."""

import re

import pytest

from asrcore.core.backoff import WEBHOOK_WAITS_S, webhook_wait_s
from asrcore.net.public_connection import CONNECT_TIMEOUT_S
from asrcore.net.webhook_client import POST_LIMIT_S
from tests.support.metric_scenarios import points, refused_webhook
from tests.support.template import NOTIFYING, TEMPLATE, deployed

RESOURCES = deployed(**NOTIFYING)
PROPERTIES = {name: each.get("Properties", {}) for name, each in RESOURCES.items()}
QUEUES = ["WebhookQueue", "UndeliveredWebhooksQueue"]
RULES = ["WebhookRule", "NotificationRule"]
MESSAGE = PROPERTIES["NotifyFunction"]["Events"]["Message"]["Properties"]


def taken(parameter, value):
    return re.fullmatch(TEMPLATE["Parameters"][parameter]["AllowedPattern"], value) is not None


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param({}, set(), id="nothing"),
        pytest.param(
            {"NotificationTopicArn": NOTIFYING["NotificationTopicArn"]},
            {"NotificationRule", "NotificationsAlarm"},
            id="the topic",
        ),
        pytest.param(
            {"WebhookUrl": NOTIFYING["WebhookUrl"]},
            {"NotifyFunction", "NotifyRole", "NotifyLogs", "NotifyErrorsAlarm", "NotifyThrottlesAlarm"}
            | {"WebhookRule", "WebhookQueue", "WebhookQueuePolicy", "WebhookDelayAlarm"}
            | {"UndeliveredWebhooksQueue", "UndeliveredWebhooksQueuePolicy", "UndeliveredWebhooksAlarm"},
            id="the webhook",
        ),
    ],
)
def test_notification_resources_follow_the_parameters(asked, names):
    assert deployed(**asked).keys() - deployed().keys() == names


@pytest.mark.parametrize("name", RULES)
def test_rule_matches_this_stacks_end_events_only(name):
    assert PROPERTIES[name]["EventPattern"] == {
        "source": ["asrcore"],
        "detail-type": ["Transcript Completed", "Transcript Failed"],
        "detail": {"source": {"bucket": [{"Ref": "AudioBucket"}]}},
    }


@pytest.mark.parametrize("name", RULES)
def test_rule_reaches_its_target_by_resource_policy(name):
    (target,) = PROPERTIES[name]["Targets"]

    assert "RoleArn" not in target


@pytest.mark.parametrize("name", QUEUES)
@pytest.mark.parametrize(
    "key", ["", "arn:aws:kms:us-east-1:123456789012:key/k"], ids=["AWS's key", "a key of one's own"]
)
def test_queues_are_encrypted_and_keep_messages_for_14_days(name, key):
    queue = deployed(**NOTIFYING, KmsKeyArn=key)[name]["Properties"]

    assert queue["SqsManagedSseEnabled"] is not bool(key)
    assert ("KmsMasterKeyId" in queue) is bool(key)
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize("name", QUEUES)
def test_only_the_webhook_rule_writes_to_the_queues_by_tls(name):
    tls, rule = PROPERTIES[f"{name}Policy"]["PolicyDocument"]["Statement"]

    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (rule["Effect"], rule["Action"]) == ("Allow", "sqs:SendMessage")
    assert rule["Principal"] == {"Service": "events.amazonaws.com"}
    assert rule["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "WebhookRule.Arn"}}}


def test_redrive_limit_exceeds_the_functions_attempts():
    redrive = PROPERTIES["WebhookQueue"]["RedrivePolicy"]
    environment = PROPERTIES["NotifyFunction"]["Environment"]["Variables"]

    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": "UndeliveredWebhooksQueue.Arn"}
    assert redrive["maxReceiveCount"] == environment["WEBHOOK_TRIES"] == {"Ref": "WebhookTries"}


def test_message_retention_exceeds_all_attempts():
    most = TEMPLATE["Parameters"]["WebhookTries"]["MaxValue"]
    waits_s = sum(webhook_wait_s(tries, most) for tries in range(1, most + 1))

    assert waits_s < PROPERTIES["WebhookQueue"]["MessageRetentionPeriod"]


def test_batch_of_timeouts_fits_into_one_invocation():
    slowest_s = MESSAGE["BatchSize"] * (POST_LIMIT_S + 2 * CONNECT_TIMEOUT_S)
    timeout_s = PROPERTIES["NotifyFunction"]["Timeout"]

    assert slowest_s < timeout_s
    assert PROPERTIES["WebhookQueue"]["VisibilityTimeout"] >= 6 * timeout_s  # Lambda guide: configuring a queue
    assert MESSAGE["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 2 <= MESSAGE["ScalingConfig"]["MaximumConcurrency"] <= 10


def test_delay_alarm_fires_at_the_third_rejection():
    """SQS excludes a message from the age of the oldest after its third receipt (SQS guide, available metrics)."""
    reported = [point.value for point in points(refused_webhook().measured) if point.name == "RefusedWebhookAge"]

    assert reported == [sum(WEBHOOK_WAITS_S[:2])]
    assert reported[0] >= PROPERTIES["WebhookDelayAlarm"]["Threshold"] > sum(WEBHOOK_WAITS_S[:1])


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        pytest.param("", True, id="none"),
        pytest.param("https://example.com", True, id="a host"),
        pytest.param("https://example.com:8443/told?by=asrcore", True, id="port, path and query"),
        pytest.param("http://127.0.0.1:8000/told", True, id="this machine, for the local stack"),
        pytest.param("http://example.com/told", False, id="without TLS"),
        pytest.param("http://127.0.0.1.example.com:80/", False, id="a name that begins like this machine"),
        pytest.param("http://127.0.0.1:80@example.com/", False, id="this machine as a user's name"),
        pytest.param("https://user:secret@example.com/", False, id="a password"),
        pytest.param("https://example.com/#here", False, id="a fragment"),
        pytest.param("https://example.com/a b", False, id="a space"),
        pytest.param("https://", False, id="no host"),
        pytest.param("ftp://example.com/", False, id="another scheme"),
    ],
)
def test_webhook_url_parameter_accepts(url, is_taken):
    assert taken("WebhookUrl", url) is is_taken


@pytest.mark.parametrize(
    ("arn", "is_taken"),
    [
        pytest.param("", True, id="none"),
        pytest.param("arn:aws:sns:us-east-1:123456789012:told", True, id="a topic"),
        pytest.param("arn:aws-cn:sns:cn-north-1:123456789012:told", True, id="a topic in China"),
        pytest.param("arn:aws:sns:us-east-1:123456789012:told.fifo", False, id="a FIFO topic, which needs a group"),
        pytest.param("arn:aws:sqs:us-east-1:123456789012:told", False, id="a queue"),
        pytest.param("told", False, id="a name"),
    ],
)
def test_topic_parameter_accepts(arn, is_taken):
    assert taken("NotificationTopicArn", arn) is is_taken
