"""Deliver jobs' end events over real HTTP to the topic, to the webhook's receiver and to the dead-letter queue.

The documentation's snippet and the specification's own package verify the signatures.
"""

import base64
import json
import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.support.example_job import store_completed_job
from tests.support.operator import Operator
from tests.support.receiver import Post, Receiver
from tests.support.simulator_control import SIGNING_KEYS

ROOT = Path(__file__).parents[2]
NO_RECORDING = b"<html>no recording</html>"  # it fails without a vendor
TRIES = 2
NEW, OLD = ("whsec_" + base64.b64encode(name * 4).decode() for name in (b"new key ", b"old key "))
SCHEMA = json.loads((ROOT / "schemas/event.schema.json").read_text())


def event(name: str) -> Any:
    """Return an event of `events/`."""
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def documented() -> Any:
    """Return the documentation's function `is_genuine`."""
    (snippet,) = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs/notifications.md").read_text())
    names: dict[str, Any] = {}
    exec(snippet, names)
    return names["is_genuine"]


IS_GENUINE = documented()


@dataclass
class RejectingReceiver:
    """A receiver that rejects recordings of some names, a number of times each."""

    receiver: Receiver
    refusals: Counter[str] = field(default_factory=Counter)

    def answer(self, post: Post) -> int:
        name = json.loads(post.body)["data"]["source"]["key"]
        self.refusals[name] -= 1
        return 200 if self.refusals[name] < 0 else 503

    def posts(self, job: str) -> list[Post]:
        return [post for post in self.receiver.posts if json.loads(post.body)["data"]["job_id"] == job]


@pytest.fixture(scope="module")
def rejecting():
    with Receiver() as receiver:
        made = RejectingReceiver(receiver)
        receiver.answer = made.answer
        yield made


@pytest.fixture(scope="module")
def stack(rejecting, tmp_path_factory):
    """Deploy a stack with a topic and a webhook, during the rotation of the webhook's key."""
    from tests.support.scanned_stack import SearchedStack

    region = "eu-central-1"
    params = {
        "WebhookUrl": rejecting.receiver.url,
        "WebhookTries": str(TRIES),
        "NotificationTopicArn": f"arn:aws:sns:{region}:123456789012:told",
    }
    logs = tmp_path_factory.mktemp("logs")
    with SearchedStack(params, region=region, log_dir=logs) as stack:
        stack.client("sns").create_topic(Name="told")
        stack.client("secretsmanager").put_secret_value(
            SecretId=stack.secret_arns["SigningSecret"],
            SecretString=json.dumps({**SIGNING_KEYS, "webhook": {"keys": [NEW, OLD]}}),
        )
        yield stack
        assert stack.iam.denials == []


def new_key() -> str:
    return f"incoming/auto/{uuid.uuid4()}/会议.wav"


@pytest.fixture
def key():
    return new_key()


@pytest.fixture(scope="module", autouse=True)
def rejected(stack, rejecting):
    """Drop a recording per number of rejected posts. Their webhooks wait for seconds, while the other tests run."""
    operator, jobs = Operator(stack), {}
    for rejections in (1, TRIES):
        key = new_key()
        rejecting.refusals[key] = rejections
        jobs[rejections] = (key, operator.drop(key, NO_RECORDING))
    return jobs


def taken(operator: Operator, rejecting: RejectingReceiver, job: str, number: int) -> list[Post]:
    return operator.until(
        lambda: rejecting.posts(job), lambda posts: len(posts) >= number, f"{number} posts about {job}"
    )


def test_completed_job_is_posted_and_signed_with_both_keys(operator, rejecting):
    recording = (ROOT / "samples/meeting.wav").read_bytes()

    job = operator.drop(f"incoming/tencent-sentence/{uuid.uuid4()}/meeting.wav", recording)
    row = operator.finished(job)
    (post,) = taken(operator, rejecting, job, 1)

    told = json.loads(post.body)
    jsonschema.validate(told["data"], SCHEMA)
    assert (told["type"], told["data"]["status"], row["status"]) == ("transcript.completed", "COMPLETED", "COMPLETED")
    assert told["data"]["transcript"]["key"] == row["transcript_key"]
    assert operator.transcript(row)["text"].encode() not in post.body
    assert len(post.headers["webhook-signature"].split(" ")) == 2
    for one in (NEW, OLD):
        assert Webhook(one).verify(post.body, post.headers) == told
        assert IS_GENUINE(post.headers, post.body, one)


def test_changed_or_old_webhook_fails_verification(operator, rejecting, key):
    job = operator.drop(key, NO_RECORDING)
    (post,) = taken(operator, rejecting, job, 1)
    stale = {**post.headers, "webhook-timestamp": str(int(post.headers["webhook-timestamp"]) - 301)}
    forged = [
        (post.headers, post.body.replace(b"FAILED", b"DAMNED"), NEW),
        ({**post.headers, "webhook-id": "another"}, post.body, NEW),
        ({**post.headers, "webhook-signature": "v1,AAAA v2,BBBB nonsense,"}, post.body, NEW),
        ({**post.headers, "webhook-signature": ""}, post.body, NEW),
        (stale, post.body, NEW),
        ({**post.headers, "webhook-timestamp": "soon"}, post.body, NEW),
        (post.headers, post.body, "whsec_" + base64.b64encode(b"another receiver's key, 32 bytes").decode()),
    ]

    assert IS_GENUINE(post.headers, post.body, NEW)
    for headers, body, one in forged:
        assert not IS_GENUINE(headers, body, one), headers
        with pytest.raises((WebhookVerificationError, ValueError)):
            Webhook(one).verify(body, headers)


def test_sns_topic_receives_the_bus_event(operator, stack, key):
    sqs, sns = stack.client("sqs"), stack.client("sns")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.list_topics()["Topics"][0]["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    job = operator.drop(key, NO_RECORDING)
    operator.finished(job)

    def received() -> list[Any]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [body for message in messages if (body := json.loads(message["Body"]))["detail"]["job_id"] == job]

    (heard,) = operator.until(received, bool, "a message")
    jsonschema.validate(heard["detail"], SCHEMA)
    assert (heard["source"], heard["detail-type"]) == ("asrcore", "Transcript Failed")
    assert (heard["detail"]["job_id"], heard["detail"]["error"]["code"]) == (job, "NotAudio")
    assert heard["detail"]["summary"].startswith(key)


def test_events_of_another_stack_are_not_delivered(operator, stack, rejecting, key):
    detail = {"job_id": "of another stack", "source": {"bucket": "another-audio", "key": key}}
    entry = {"Source": "asrcore", "DetailType": "Transcript Failed", "Detail": json.dumps(detail)}
    stack.client("events").put_events(Entries=[entry])

    job = operator.drop(key, NO_RECORDING)
    taken(operator, rejecting, job, 1)

    assert rejecting.posts("of another stack") == []


def test_forged_event_is_not_posted(operator, stack, rejecting, key):
    job = operator.drop(key, NO_RECORDING)
    taken(operator, rejecting, job, 1)
    detail = {"job_id": job, "source": {"bucket": stack.audio_bucket, "key": key}, "summary": "it was transcribed"}
    entry = {"Source": "asrcore", "DetailType": "Transcript Completed", "Detail": json.dumps(detail)}

    stack.client("events").put_events(Entries=[entry])

    def dropped() -> list[str]:
        return [
            line for line in stack.logs("NotifyFunction").splitlines() if "webhook not sent" in line and job in line
        ]

    operator.until(dropped, bool, "the forged event to be dropped")
    assert len(rejecting.posts(job)) == 1


def test_example_event_is_posted(stack, rejecting):
    told = json.loads(event("webhook")["Records"][0]["body"])
    store_completed_job(stack, told["detail"])

    assert stack.invoke("NotifyFunction", event("webhook")) == {"batchItemFailures": []}

    (post,) = rejecting.posts(told["detail"]["job_id"])
    assert post.headers["webhook-id"] == told["id"]
    jsonschema.validate(told["detail"], SCHEMA)
    data = Webhook(OLD).verify(post.body, post.headers)["data"]
    assert [data[name] for name in ("job_id", "status", "source")] == [
        told["detail"][name] for name in ("job_id", "status", "source")
    ]


def test_logs_hold_no_key_signature_or_address(operator, stack, rejecting, key):
    taken(operator, rejecting, operator.drop(key, NO_RECORDING), 1)

    logs = operator.until(lambda: stack.logs("NotifyFunction"), lambda logs: "webhook answered" in logs, "its log")

    assert rejecting.receiver.url not in logs
    for secret in (NEW, OLD):
        assert secret.removeprefix("whsec_") not in logs
    for post in rejecting.receiver.posts:
        assert post.headers["webhook-signature"] not in logs


def test_rejected_webhook_is_posted_again_with_the_same_id(operator, rejecting, rejected):
    _, job = rejected[1]

    first, second = taken(operator, rejecting, job, 2)

    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert json.loads(second.body)["type"] == "transcript.failed"
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"]) + 5
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert Webhook(NEW).verify(second.body, second.headers)


def test_undelivered_webhook_is_queued_and_can_be_redriven(operator, rejecting, rejected):
    key, job = rejected[TRIES]

    def about_it(command: str, *arguments: str) -> list[dict[str, Any]]:
        return [each for each in operator.found("queue", command, *arguments)["messages"] if key in each["about"]]

    (waiting,) = operator.until(lambda: about_it("show"), bool, "the webhook to be set aside")
    status = operator.found("status")
    shown = about_it("replay", "--dry-run")
    replayed = about_it("replay")
    posts = taken(operator, rejecting, job, TRIES + 1)

    assert (waiting["to"], waiting["about"]) == ("the webhook", f"{key} (Transcript Failed)")
    assert status["undelivered_webhooks"] >= 1
    assert [each["about"] for each in shown] == [each["about"] for each in replayed] == [waiting["about"]]
    assert len({(post.headers["webhook-id"], post.body) for post in posts}) == 1
    assert len(posts) == TRIES + 1
    assert about_it("show") == []
