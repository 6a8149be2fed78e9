"""Check the Volcengine simulator over real HTTP with a client written from the vendor's page."""

import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support import tones
from tests.support.raw_volcengine import RawVolcengine
from tests.support.simulator_control import CREDENTIALS, any_json_value
from tests.support.web import eventually

SPEECH = tones.audio()
ACCOUNT = CREDENTIALS["volcengine"]
SECRET_KEY = "synthetic-secret-key"
VENDOR = "volcengine"
OPTIONS = {"requests_per_s": 1000}
ACCOUNTS = {**CREDENTIALS, "volcengine": {**ACCOUNT, "secret_key": SECRET_KEY}}


@pytest.fixture
def vendor(url, control):
    return RawVolcengine(url, ACCOUNT["appid"], ACCOUNT["token"], ACCOUNT["cluster"])


AUDIO = {"url": "http://127.0.0.1:9/a.wav", "format": "wav"}
APP = {"appid": ACCOUNT["appid"], "token": ACCOUNT["token"], "cluster": ACCOUNT["cluster"]}


def finished(vendor, task_id):
    def ended():
        resp = vendor.query(task_id)
        return None if resp["code"] in {2000, 2001} else resp

    return eventually(ended)


def recognized(vendor, web, content=SPEECH, audio=None, **parts):
    source = {"url": web.serve("/a.wav", content), "format": "wav", **(audio or {})}
    accepted = vendor.submit(audio=source, **parts)
    assert accepted["code"] == "1000"
    return finished(vendor, accepted["id"])


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        pytest.param({"header": ""}, 1002, id="header-missing"),
        pytest.param({"header": f"Bearer {ACCOUNT['token']}"}, 1002, id="header-without-semicolon"),
        pytest.param({"header": "Bearer; OTHER"}, 1002, id="header-and-body-differ"),
        pytest.param({"app": {**APP, "token": "OTHER"}, "header": "Bearer; OTHER"}, 1002, id="token-unknown"),
        pytest.param({"app": {**APP, "appid": "1"}}, 1001, id="appid-unknown"),
        pytest.param({"app": {**APP, "cluster": "volc_auc_video"}}, 1002, id="cluster-not-entitled"),
        pytest.param({"app": APP["appid"]}, 1001, id="app-no-object"),
        pytest.param({"app": {}, **APP}, 1001, id="flat-credentials"),
        pytest.param({"user": {}}, 1001, id="uid-missing"),
        pytest.param({"audio": {"format": "wav"}}, 1001, id="url-missing"),
        pytest.param({"audio": {**AUDIO, "url": "s3://bucket/a.wav"}}, 1001, id="url-not-http"),
        pytest.param({"audio": {"data": "UklGRg==", "format": "wav"}}, 1001, id="bytes-without-url"),
        pytest.param({"audio": {**AUDIO, "format": "flac"}}, 1001, id="format-unknown"),
        pytest.param({"audio": {**AUDIO, "codec": "aac"}}, 1001, id="codec-unknown"),
        pytest.param({"audio": {**AUDIO, "channel": 3}}, 1001, id="channels"),
        pytest.param({"audio": {**AUDIO, "rate": "fast"}}, 1001, id="rate"),
        pytest.param({"additions": {"use_itn": True}}, 1001, id="additions-with-a-real-boolean"),
        pytest.param({"additions": {"language": "tlh"}}, 1001, id="language-unknown"),
        pytest.param({"request": {"callback": "cb.example.com"}}, 1001, id="callback-not-http"),
    ],
)
def test_invalid_submission_is_refused_by_code(vendor, parts, code):
    assert vendor.submit(**{"audio": AUDIO, **parts})["code"] == code


@any_json_value
@pytest.mark.parametrize(
    "path", ["app", "app.token", "user", "audio", "audio.url", "audio.channel", "audio.rate", "request.callback"]
)
def test_value_of_any_type_gets_an_answer(vendor, path, value):
    part, _, name = path.partition(".")
    correct = {"app": APP, "user": {"uid": "u"}, "audio": AUDIO, "request": {}}
    wrong = {**correct[part], name: value} if name else value

    assert vendor.submit(**{**correct, part: wrong})["code"] in {1001, 1002}


def test_body_without_json_object_is_refused(vendor):
    for path in ("/api/v1/auc/submit", "/api/v1/auc/query"):
        assert vendor.post(path, ["not", "an", "object"]).json()["resp"]["code"] == 1001


@pytest.mark.parametrize("spacing", ["Bearer; {}", "Bearer;{}", "Bearer ;{}"])
def test_token_header_variants_are_accepted(vendor, spacing):
    assert vendor.submit(audio=AUDIO, header=spacing.format(ACCOUNT["token"]))["code"] == "1000"


@pytest.mark.parametrize("line", [pytest.param("Host: {}\n", id="name-and-value"), pytest.param("{}\n", id="value")])
@pytest.mark.parametrize("key", [SECRET_KEY, "wrong"])
@pytest.mark.parametrize("host", ["openspeech.bytedance.com", None])
def test_hmac256_submission_is_accepted(vendor, url, line, key, host):
    body = json.dumps({"app": APP, "user": {"uid": "u"}, "audio": AUDIO}).encode()
    signed = f"POST /api/v1/auc/submit HTTP/1.1\n{line.format(host or url.removeprefix('http://'))}".encode() + body
    mac = base64.urlsafe_b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()
    header = f'HMAC256; access_token="{ACCOUNT["token"]}"; mac="{mac}"; h="Host"'

    resp = requests.post(f"{url}/api/v1/auc/submit", data=body, headers={"Authorization": header}, timeout=60).json()

    assert resp["resp"]["code"] == ("1000" if key == SECRET_KEY else 1002)


def test_result_has_utterances_and_times(vendor, web):
    resp = recognized(vendor, web)

    assert (resp["code"], resp["text"]) == (1000, "[simulated utterance 1] [simulated utterance 2]")
    first = resp["utterances"][0]
    assert (first["start_time"], first["end_time"], first["additions"]) == (500, 1500, {})
    assert [word["text"] for word in first["words"]] == ["simulated", "utterance", "1"]
    times = [word[edge] for word in first["words"] for edge in ("start_time", "end_time")]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (500, 1500)


def test_speakers_are_returned_on_request(vendor, web):
    resp = recognized(vendor, web, additions={"with_speaker_info": "True"})

    assert [each["additions"] for each in resp["utterances"]] == [{"speaker": "1"}, {"speaker": "2"}]


def test_channels_are_returned_on_request(vendor, web):
    stereo = tones.audio(((2200, 3200),), ((500, 1500),))

    resp = recognized(vendor, web, stereo, audio={"channel": 2}, additions={"channel_split": "True"})

    assert [(each["start_time"], each["additions"]) for each in resp["utterances"]] == [
        (500, {"channel_id": "2"}),
        (2200, {"channel_id": "1"}),
    ]


@pytest.mark.parametrize(
    ("content", "audio", "code"),
    [
        pytest.param(b"", {}, 1014, id="no-bytes"),
        pytest.param(b"a letter " * 99, {}, 1012, id="not-audio"),
        pytest.param(SPEECH, {"format": "mp3"}, 1012, id="another-format-than-declared"),
        pytest.param(tones.silence(), {}, 1013, id="silence"),
        pytest.param(tones.audio(container="ogg", codec="libopus", rate_hz=48000), {"format": "OGG"}, 1000, id="ogg"),
        pytest.param(tones.audio(container="ipod", codec="aac"), {"format": "mp4"}, 1000, id="mp4"),
        pytest.param(tones.samples(tones.TWO_SENTENCES).tobytes(), {"format": "raw"}, 1000, id="raw"),
    ],
)
def test_unusable_recording_ends_with_its_code(vendor, web, content, audio, code):
    resp = recognized(vendor, web, content, audio)

    assert resp["code"] == code
    assert ("utterances" in resp) == (code in {1000, 1013})


def test_missing_format_is_read_from_the_suffix(vendor, web):
    named = vendor.submit(audio={"url": web.serve("/a.WAV", SPEECH) + "?x=.mp3"})
    unnamed = vendor.submit(audio={"url": web.serve("/a", SPEECH)})

    assert [finished(vendor, each["id"])["code"] for each in (named, unnamed)] == [1000, 1012]


def test_redirect_of_audio_url_is_a_failure(vendor, web):
    audio_url = web.redirect("/moved.wav", web.serve("/a.wav", SPEECH))

    accepted = vendor.submit(audio_url)

    assert finished(vendor, accepted["id"])["code"] == 1015


def test_missing_recording_ends_as_download_failure(vendor, web):
    assert finished(vendor, vendor.submit(web.at("/gone.wav"))["id"])["code"] == 1015


def test_status_is_queued_then_processing_then_success(vendor, web, control):
    def seen(accepted):
        resp = vendor.query(accepted["id"])
        return resp["code"], "text" in resp

    control.options(turnaround_s=3600)
    assert seen(vendor.submit(web.serve("/a.wav", SPEECH))) == (2001, False)

    control.options(turnaround_s=0)
    with web.holding():
        accepted = vendor.submit(web.at("/a.wav"))
        assert seen(accepted) == (2000, False)
    finished(vendor, accepted["id"])
    assert seen(accepted) == (1000, True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"appid": "1"}, 1001, id="appid-unknown"),
        pytest.param({"token": "OTHER"}, 1002, id="token-unknown"),
        pytest.param({"app": APP, "appid": None}, 1001, id="nested-credentials"),
        pytest.param({"id": "unknown"}, 1001, id="task-unknown"),
        pytest.param({"id": None}, 1001, id="task-missing"),
        pytest.param({"header": ""}, 1002, id="header-missing"),
    ],
)
def test_invalid_query_is_refused_by_code(vendor, changes, code):
    task_id = changes.pop("id", vendor.submit(audio=AUDIO)["id"])

    assert vendor.query(task_id, **changes)["code"] == code


def test_result_is_deleted_after_retention(vendor, web, control):
    accepted = vendor.submit(web.serve("/a.wav", SPEECH))
    finished(vendor, accepted["id"])

    control.options(retention_s=0)

    assert vendor.query(accepted["id"]) == {"code": 1001, "message": "task not found"}


def test_callback_equals_query(vendor, web):
    accepted = vendor.submit(
        web.serve("/a.wav", SPEECH), request={"callback": web.at("/cb")}, additions={"enable_query": "True"}
    )

    received = eventually(lambda: web.received)[0]
    assert received.content_type == "application/json"
    assert json.loads(received.body)["resp"] == vendor.query(accepted["id"])


def test_callback_without_enable_query_forbids_query(vendor, web):
    accepted = vendor.submit(web.serve("/a.wav", SPEECH), request={"callback": web.at("/cb")})

    assert eventually(lambda: web.received)
    assert vendor.query(accepted["id"])["code"] == 1001


def test_failed_task_is_called_back(vendor, web):
    vendor.submit(web.at("/gone.wav"), request={"callback": web.at("/cb")})

    assert json.loads(eventually(lambda: web.received)[0].body)["resp"]["code"] == 1015


@pytest.mark.parametrize(("attempts", "options"), [(1, {}), (3, {"callback_attempts": 3, "callback_interval_s": 0})])
def test_callback_attempts_follow_the_option(vendor, web, control, attempts, options):
    control.options(**options)
    web.reply_with((500, ""))

    accepted = vendor.submit(web.serve("/a.wav", SPEECH), request={"callback": web.at("/cb")})

    def tried():
        return [each["attempt"] for each in control.requests("callback") if each["task_id"] == accepted["id"]]

    eventually(lambda: len(tried()) == attempts)
    assert tried() == list(range(1, attempts + 1))


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        pytest.param({}, ("1000", 1000), id="as-printed"),
        pytest.param({"submit_code": "int", "query_code": "string"}, (1000, "1000"), id="the-other-way-round"),
    ],
)
def test_option_sets_types_of_codes(vendor, web, control, options, codes):
    control.options(**options)

    accepted = vendor.submit(web.serve("/a.wav", SPEECH))

    final = eventually(lambda: "text" in (resp := vendor.query(accepted["id"])) and resp)
    assert (accepted["code"], final["code"]) == codes


def test_option_accepts_inline_bytes(vendor, control):
    control.options(inline_data=True)

    accepted = vendor.submit(audio={"data": base64.b64encode(SPEECH).decode(), "format": "wav"})

    assert finished(vendor, accepted["id"])["code"] == 1000


@pytest.mark.parametrize("code", ["1004", "1005", "1006", "1020", "1021", "1022", "1099"])
def test_fault_sets_the_outcome_of_a_task(vendor, web, control, code):
    control.fault("result", code=code)

    resp = recognized(vendor, web)

    assert resp["code"] == int(code)
    assert "text" not in resp


def test_fault_gives_success_without_text(vendor, web, control):
    control.fault("result", code="1000")

    resp = recognized(vendor, web)

    assert (resp["code"], resp["text"], resp["utterances"]) == (1000, "", [])


def test_fault_makes_callback_differ_from_query(vendor, web, control):
    control.fault("callback", code="1022")
    accepted = vendor.submit(
        web.serve("/a.wav", SPEECH), request={"callback": web.at("/cb")}, additions={"enable_query": "True"}
    )

    assert json.loads(eventually(lambda: web.received)[0].body)["resp"]["code"] == 1022
    assert vendor.query(accepted["id"])["code"] == 1000


@pytest.mark.parametrize(("code", "status"), [("45000010", 401), ("45000030", 403), ("45000292", 429)])
def test_fault_gives_gateway_refusal(vendor, control, code, status):
    control.fault("query", code=code)

    response = vendor.post("/api/v1/auc/query", {**APP, "id": "any"})

    assert (response.status_code, response.json()["header"]["code"]) == (status, int(code))


def test_fault_gives_http_500_with_vendor_json(vendor, control):
    control.fault("query", code="1001", http_status=500)

    response = vendor.post("/api/v1/auc/query", {**APP, "id": "any"})

    assert (response.status_code, response.json()["resp"]["code"]) == (500, 1001)


def test_call_over_rate_limit_is_refused(vendor, control):
    control.options(requests_per_s=1)

    with ThreadPoolExecutor(8) as pool:
        eventually(lambda: 1003 in pool.map(lambda _: vendor.submit(audio=AUDIO)["code"], range(8)))
