"""Check posted webhooks, their signatures (with the published package) and what follows a rejection."""

import base64
import hashlib
import hmac
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from asrcore.core.backoff import WEBHOOK_WAITS_S, webhook_wait_s
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.events import QueuedMessage, queued_messages
from asrcore.net.webhook_client import POST_LIMIT_S
from asrcore.notify import notify
from tests.support.fake_services import World
from tests.support.metric_scenarios import points
from tests.support.pipeline import KEY, SYNC, drop, world
from tests.support.reasons import reason

EVENT = json.loads((Path(__file__).parents[2] / "events/webhook.json").read_text())
OLD = "whsec_" + base64.b64encode(b"the old key, 24 bytes at").decode()
NEW = "whsec_" + base64.b64encode(b"the new key, 32 bytes are better").decode()


def hooked(*answers: int | AsrError, keys: object = (NEW,)) -> World:
    """A world with a receiver that answers so."""
    made = ended("done", webhook={"keys": keys})
    made.webhook_client.answers = list(answers or [200])
    return made


def ended(word: str, **secret: object) -> World:
    """A world with a job that ended, as the vendor's word says."""
    made = world(word, vendors=(SYNC,), **secret)
    drop(made)
    return made


def published(made: World, **changes: object) -> dict[str, Any]:
    """The event of the job's end, as the bus has it."""
    ((detail_type, detail),) = made.bus.published
    about = {"id": "0f1e2d3c", "time": made.clock.isoformat(), "detail-type": detail_type, "detail": detail}
    return {**about, **changes}


TOLD = published(ended("done"))  # of every world with this word: ids and times are the same


def sent(tries: int = 1, body: object = TOLD, message_id: str = "m1") -> QueuedMessage:
    return QueuedMessage(
        message_id, f"receipt of {message_id}", tries, body if isinstance(body, str) else json.dumps(body)
    )


def expected_signature(key: str, headers: dict[str, str], body: bytes) -> str:
    """As a receiver who has read the specification computes it."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(key.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def test_message_is_posted_as_specified():
    made = hooked(204)

    left = notify([sent()], made.services)

    ((body, headers),) = made.webhook_client.posted
    assert left == []
    assert json.loads(body) == {"type": "transcript.completed", "timestamp": TOLD["time"], "data": TOLD["detail"]}
    assert headers == {
        "content-type": "application/json",
        "webhook-id": TOLD["id"],
        "webhook-timestamp": str(int(made.clock.timestamp())),
        "webhook-signature": expected_signature(NEW, headers, body),
    }


def test_queued_message_is_read_with_its_tries():
    (message,) = queued_messages(EVENT)

    assert json.loads(message.body)["detail"]["job_id"] == "c82e877c6372c1a243d07b5f92546d20"
    assert (message.message_id, message.tries) == ("059f36b4-87a3-44ab-83d2-661975830a7d", 1)


def test_failed_job_has_its_own_event_type():
    made = ended("bad_audio", webhook={"keys": [NEW]})

    notify([sent(body=published(made))], made.services)

    posted = json.loads(made.webhook_client.posted[0][0])
    assert (posted["type"], posted["data"]["error"]["class"]) == ("transcript.failed", "bad_audio")


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"detail-type": "Transcript Failed"}, id="another end"),
        pytest.param({"detail-type": "Transcript Corrected"}, id="no end"),
        pytest.param({"detail": {**TOLD["detail"], "job_id": "0" * 32}}, id="a job without a row"),
    ],
)
def test_event_that_the_row_does_not_confirm_is_not_posted(forged, caplog):
    made = hooked()

    assert notify([sent(body={**TOLD, **forged})], made.services) == []

    assert made.webhook_client.posted == []
    assert caplog.records[-1].message == "webhook not sent: the job's row does not confirm its event"


def test_event_of_an_open_job_is_not_posted():
    made = world("accepted", webhook={"keys": [NEW]})
    job = drop(made)

    assert notify([sent(body={**TOLD, "detail": {"job_id": job.job_id}})], made.services) == []

    assert made.webhook_client.posted == []


def own_webhook(url: str, **changes: object) -> World:
    """A world whose job ended, and names a webhook in its recording's metadata."""
    made = world("done", vendors=(SYNC,), webhook={"keys": [NEW]})
    made.audio[KEY] = (made.audio[KEY][0], {"asr-webhook": url})
    for name, value in changes.items():
        setattr(made, name, value)
    drop(made)
    return made


def test_jobs_own_webhook_replaces_the_stacks() -> None:
    made = own_webhook("https://hooks.example.com/jobs/1", webhook_hosts=("hooks.example.com",))

    assert notify([sent(body=published(made))], made.services) == []

    ((body, headers),) = made.webhook_client.posted
    assert made.webhook_client.urls == ["https://hooks.example.com/jobs/1"]
    assert headers["webhook-signature"] == expected_signature(NEW, headers, body)
    assert "hooks.example.com" not in body.decode()


def test_webhook_of_a_host_that_is_not_allowed_is_not_sent(caplog) -> None:
    made = own_webhook("https://hooks.example.com/jobs/1", webhook_hosts=("other.example.com",))

    assert notify([sent(body=published(made))], made.services) == ["m1"]

    assert made.webhook_client.posted == []
    assert "hooks.example.com" not in caplog.text


def test_job_without_any_webhook_posts_nothing() -> None:
    made = hooked()
    made.webhook_url = ""

    assert notify([sent()], made.services) == []
    assert made.webhook_client.posted == []


def test_webhook_has_the_data_of_the_row_whatever_the_event_says():
    made = hooked()
    forged = {**TOLD["detail"], "summary": "pay here", "transcript": {"bucket": "theirs", "key": "a.json"}, "more": 1}

    notify([sent(body={**TOLD, "detail": forged})], made.services)

    assert json.loads(made.webhook_client.posted[0][0])["data"] == TOLD["detail"]


@pytest.mark.parametrize("job_id", ["limiter#tencent-sentence", "", "0" * 31, 7, None, ["0" * 32]], ids=str)
def test_event_of_another_row_is_invalid(job_id):
    made = hooked()

    assert notify([sent(body={**TOLD, "detail": {"job_id": job_id}})], made.services) == ["m1"]
    assert made.webhook_client.posted == []


def test_both_keys_sign_during_a_rotation():
    made = hooked(keys=[NEW, OLD])

    notify([sent()], made.services)

    ((body, headers),) = made.webhook_client.posted
    assert headers["webhook-signature"].split(" ") == [expected_signature(key, headers, body) for key in (NEW, OLD)]


def test_repetition_has_the_same_id_and_a_new_signature():
    made = hooked(500, 200)

    assert notify([sent(1)], made.services) == ["m1"]
    made.pass_time(5)
    assert notify([sent(2)], made.services) == []

    (first, once), (second, again) = made.webhook_client.posted
    assert (first, once["webhook-id"]) == (second, again["webhook-id"])
    assert int(again["webhook-timestamp"]) == int(once["webhook-timestamp"]) + 5
    assert again["webhook-signature"] == expected_signature(NEW, again, second) != once["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "ages_s"), [pytest.param(204, [], id="accepted"), pytest.param(503, [305], id="refused")]
)
def test_refused_webhook_reports_the_age_of_its_event(status, ages_s):
    made = hooked(status)
    event = {**TOLD, "time": (made.clock - timedelta(seconds=305)).isoformat()}

    notify([sent(3, body=event)], made.services)

    assert [point.value for point in points(made.measured) if point.name == "RefusedWebhookAge"] == ages_s


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_status_acknowledges(status):
    made = hooked(status)

    assert notify([sent()], made.services) == []
    assert made.queue.hidden == []


@pytest.mark.parametrize(
    "answer",
    [
        *(100, 199, 300, 301, 307, 400, 404, 410, 429, 500, 503),
        AsrError(ErrorClass.RETRY, "NoAnswer", reason("no response")),
        AsrError(ErrorClass.CONFIG, "WebhookUrlRefused", reason("private")),
    ],
    ids=str,
)
def test_other_status_keeps_the_message_in_the_queue(answer):
    made = hooked(answer)

    assert notify([sent()], made.services) == ["m1"]
    assert made.queue.hidden == [("receipt of m1", 5)]


def test_only_unacknowledged_messages_stay_in_the_queue():
    made = hooked(200, 500, 200)

    left = notify([sent(message_id=name) for name in ("m1", "m2", "m3")], made.services)

    assert left == ["m2"]
    assert [receipt for receipt, _ in made.queue.hidden] == ["receipt of m2"]


@pytest.mark.parametrize(
    "body",
    ["", "no JSON", "[]", "{}", '{"id": "1", "time": "t", "detail-type": 7, "detail": {}}'],
    ids=["nothing", "no JSON", "a list", "an empty object", "another type"],
)
def test_invalid_message_is_not_posted_and_stops_no_other(body):
    made = hooked()

    assert notify([sent(body=body, message_id="odd"), sent()], made.services) == ["odd"]
    assert len(made.webhook_client.posted) == 1


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        pytest.param([], "WebhookKeyMissing", id="no key"),
        pytest.param(None, "WebhookKeyMissing", id="null"),
        pytest.param([""], "WebhookKeyInvalid", id="an empty key"),
        pytest.param(["whsec_"], "WebhookKeyInvalid", id="a prefix alone"),
        pytest.param(["whsec_" + base64.b64encode(b"x" * 23).decode()], "WebhookKeyInvalid", id="too short"),
        pytest.param(["whsec_" + base64.b64encode(b"x" * 65).decode()], "WebhookKeyInvalid", id="too long"),
        pytest.param(["whsec_not base64 at all"], "WebhookKeyInvalid", id="no base64"),
        pytest.param([NEW.replace("whsec_", "whsec_ ")], "WebhookKeyInvalid", id="a stray space"),
        pytest.param([NEW, 7], "WebhookKeyInvalid", id="a number beside a key"),
        pytest.param(NEW, "WebhookKeyInvalid", id="a text where a list belongs"),
    ],
)
def test_invalid_key_posts_nothing_and_logs_what_to_do(keys, code, caplog):
    made = hooked(keys=keys)

    assert notify([sent()], made.services) == ["m1"]

    logged = caplog.records[-1]
    assert made.webhook_client.posted == []
    assert logged.code == code
    assert "put" in logged.reason
    assert NEW.removeprefix("whsec_") not in str(logged.__dict__)


def test_secret_without_webhook_keys_logs_what_to_add(caplog):
    made = ended("done")

    assert notify([sent()], made.services) == ["m1"]
    assert '{"webhook": {"keys": ["whsec_' in caplog.records[-1].reason


def test_webhook_waits_are_those_of_the_specification():
    waits = [webhook_wait_s(tries, 10) for tries in range(1, 11)]

    assert waits == [5, 300, 1800, 7200, 18000, 36000, 36000, 36000, 36000, 0]
    assert max(WEBHOOK_WAITS_S) <= 43_200  # as long as SQS hides a message
    assert 24 * 3600 < sum(waits) < 4 * 24 * 3600  # days, and less than the queue keeps it


def test_message_is_visible_at_once_after_the_last_try():
    made = hooked(500)

    assert notify([sent(made.services.settings.webhook_tries)], made.services) == ["m1"]
    assert made.queue.hidden == [("receipt of m1", 0)]


DOCUMENT = (Path(__file__).parents[2] / "docs/notifications.md").read_text()


def test_documented_event_satisfies_the_schema():
    (example,) = [text for text in re.findall(r"(?s)```json\n(.*?)```", DOCUMENT) if "asrcore.event.v1" in text]
    schema = json.loads((Path(__file__).parents[2] / "schemas/event.schema.json").read_text())

    jsonschema.validate(json.loads(example), schema)
    assert json.loads(example).keys() == schema["properties"].keys()


def test_documented_numbers_are_those_of_the_code():
    assert webhook_wait_s(6, 10) == WEBHOOK_WAITS_S[-1]
    assert "5 seconds, 5 minutes, 30 minutes, 2, 5 and 10 hours" in DOCUMENT
    assert [wait_s / 60 for wait_s in WEBHOOK_WAITS_S[1:]] == [5, 30, 120, 300, 600]
    assert f"within {POST_LIMIT_S} seconds" in DOCUMENT
