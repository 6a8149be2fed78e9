"""Check the Tencent recording simulator over real HTTP with a client written from the vendor's page."""

import json
import time

import pytest

from simulators import Simulators
from tests.support import tones
from tests.support.raw_tencent_recording import RawTencentRecording
from tests.support.simulator_control import CREDENTIALS, FromNow, at_run_time
from tests.support.web import eventually, form_fields

DAY_S = 24 * 3600
SPEECH = tones.audio()
OK = '{"code": 0, "message": "成功"}'
VENDOR = "tencent-recording"


@pytest.fixture
def vendor(url, control):
    account = CREDENTIALS["tencent"]
    return RawTencentRecording(url, account["appid"], account["secret_id"], account["secret_key"])


def code_of(response):
    assert response.status_code == 200
    return response.json()["code"]


def result(web):
    """The fields of the first callback, as bytes."""
    return form_fields(eventually(lambda: web.received)[0].body)


def recognized(vendor, web, audio=SPEECH, **parameters):
    audio_url = web.serve("/a.wav", audio)
    assert code_of(vendor.submit(url=audio_url, callback_url=web.at("/cb"), **parameters)) == 0
    return result(web)


AUDIO = "http://127.0.0.1:9/a.wav"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"path": "/asr/v1/125000002"}, 1019, id="appid-not-registered"),
        pytest.param({"path": "/asr/v1/abc"}, 1019, id="appid-no-number"),
        pytest.param({"content_type": "application/json"}, 1000, id="content-type"),
        pytest.param({"projectid": "x"}, 1002, id="projectid-no-number"),
        pytest.param({"res_text_format": 4}, 1003, id="text-format-unknown"),
        pytest.param({"sub_service_type": 1}, 1004, id="real-time-service"),
        pytest.param({"engine_model_type": "32k_0"}, 1005, id="engine-unknown"),
        pytest.param({"callback_url": None}, 1006, id="callback-missing"),
        pytest.param({"callback_url": ""}, 1006, id="callback-empty"),
        pytest.param({"callback_url": "http://a.example/" + "x" * 2031}, 1006, id="callback-of-2048"),
        pytest.param({"callback_url": "ftp://a.example/"}, 1006, id="callback-not-http"),
        pytest.param({"res_type": 0}, 1007, id="synchronous"),
        pytest.param({"source_type": 2}, 1008, id="source-type-unknown"),
        pytest.param({"source_type": None}, 1008, id="source-type-missing"),
        pytest.param({"url": None}, 1009, id="url-missing"),
        pytest.param({"url": "s3://bucket/key"}, 1009, id="url-not-http"),
        pytest.param({"source_type": 1, "body": SPEECH}, 1009, id="url-beside-a-body"),
        pytest.param({"secretid": None}, 1010, id="secretid-missing"),
        pytest.param({"timestamp": "now"}, 1011, id="timestamp-no-number"),
        pytest.param({"expired": None}, 1012, id="expired-missing"),
        pytest.param({"expired": FromNow(0), "timestamp": FromNow(0)}, 1012, id="expired-not-after-timestamp"),
        pytest.param({"nonce": 0}, 1013, id="nonce-zero"),
        pytest.param({"nonce": 12345678901}, 1013, id="nonce-of-11-digits"),
        pytest.param({"url": "http://a.example/" + "x" * 2031}, 1017, id="url-of-2048"),
        pytest.param({"signature": ""}, 1022, id="signature-missing"),
        pytest.param({"signature": "not base64!"}, 1022, id="signature-malformed"),
        pytest.param({"signature": "AAAA"}, 1022, id="signature-too-short"),
        pytest.param({"expired": FromNow(91 * DAY_S)}, 1024, id="valid-for-more-than-90-days"),
        pytest.param({"timestamp": FromNow(-2 * DAY_S), "expired": FromNow(-DAY_S)}, 1025, id="expired"),
        pytest.param({"timestamp": FromNow(-900)}, 1025, id="clock-15-minutes-behind"),
        pytest.param({"secretid": "AKIDOtherAccount"}, 1027, id="secretid-unknown"),
        pytest.param({"signature": "UyKZ+Q4xMbdu3gxOmPD7tgnAm1A="}, 1030, id="signature-of-another-call"),
        pytest.param({"host": "asr.example.com"}, 1030, id="signed-for-another-host"),
        pytest.param({"channel_num": 2, "engine_model_type": "16k_0"}, 1000, id="stereo-without-telephone-engine"),
        pytest.param({"channel_num": 3}, 1000, id="three-channels"),
        pytest.param({"source_type": 1, "url": None}, 1000, id="upload-without-body"),
        pytest.param({"source_type": 1, "url": None, "body": bytes(5 * 1024 * 1024 + 1)}, 1032, id="upload-over-5-MB"),
    ],
)
def test_invalid_submission_is_refused_by_code(vendor, changes, code):
    assert code_of(vendor.submit(**{"url": AUDIO, **at_run_time(changes)})) == code


def test_repeated_signed_request_is_refused(vendor):
    ticket = {"nonce": 77, "timestamp": int(time.time()), "url": AUDIO}

    assert [code_of(vendor.submit(**ticket)) for _ in range(2)] == [0, 1029]


def test_signature_over_received_host_is_accepted(vendor, url):
    assert code_of(vendor.submit(url=AUDIO, host=url.removeprefix("http://"))) == 0


def test_submission_without_optional_parameters_is_accepted(vendor, web):
    left_out = dict.fromkeys(
        ("projectid", "sub_service_type", "engine_model_type", "res_text_format", "res_type", "channel_num")
    )

    assert recognized(vendor, web, **left_out)["code"] == b"0"


def test_callback_of_url_has_text_and_times(vendor, web):
    audio_url = web.serve("/a.wav", SPEECH)

    answer = vendor.submit(url=audio_url, callback_url=web.at("/cb?job=7")).json()

    fields = result(web)
    assert web.received[0].content_type == "application/x-www-form-urlencoded"
    assert list(fields) == ["code", "message", "requestId", "appid", "projectid", "audioUrl", "text", "audioTime"]
    assert fields["requestId"] == str(answer["requestId"]).encode()
    assert fields["audioUrl"] == audio_url.encode()
    assert fields["audioTime"] == b"4.0"
    assert fields["text"].decode() == (
        "[0:0.500,0:1.500]  [simulated utterance 1]\n[0:2.200,0:3.200]  [simulated utterance 2]\n"
    )


def test_callback_of_upload_has_no_url(vendor, web):
    answer = vendor.submit(source_type=1, body=SPEECH, callback_url=web.at("/cb"))

    assert code_of(answer) == 0
    fields = result(web)
    assert fields["code"] == b"0"
    assert "audioUrl" not in fields


@pytest.mark.parametrize(("engine", "rate_hz"), [("16k_0", 16000), ("8k_0", 8000)])
def test_headerless_samples_have_the_engine_rate(vendor, web, engine, rate_hz):
    pcm = tones.samples(tones.TWO_SENTENCES, rate_hz=rate_hz).tobytes()

    vendor.submit(source_type=1, body=pcm, engine_model_type=engine, callback_url=web.at("/cb"))

    fields = result(web)
    assert (fields["code"], fields["audioTime"]) == (b"0", b"4.0")
    assert fields["text"].decode().startswith("[0:0.500,0:1.500]  ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"A letter, not a recording. " * 50, b"10004", id="text"),
        pytest.param(b"\x02#!SILK_V3" + bytes(range(256)), b"10000", id="silk-without-a-packet"),
        pytest.param(tones.audio(container="flac", codec="flac"), b"10000", id="flac"),
    ],
)
def test_upload_with_header_is_not_read_as_samples(vendor, web, body, code):
    vendor.submit(source_type=1, body=body, callback_url=web.at("/cb"))

    assert result(web)["code"] == code


def test_option_limits_submissions_per_day(vendor, control):
    control.options(submissions_per_day=0)

    assert vendor.submit(url=AUDIO).json() == {"code": 1016, "message": "ERROR_HAS_NO_AMOUNT"}


def test_speakers_are_numbered_on_request(vendor, web):
    audio = tones.audio(rate_hz=8000)

    text = recognized(vendor, web, audio, engine_model_type="8k_6")["text"].decode()

    assert text == ("[0:0.500,0:1.500,0]  [simulated utterance 1]\n[0:2.200,0:3.200,1]  [simulated utterance 2]\n")


def test_stereo_lines_have_their_channel(vendor, web):
    audio = tones.audio(((2200, 3200),), ((500, 1500),), rate_hz=8000)

    text = recognized(vendor, web, audio, engine_model_type="8k_0", channel_num=2)["text"].decode()

    assert text == ("[0:0.500,0:1.500,1]  [simulated utterance 1]\n[0:2.200,0:3.200,0]  [simulated utterance 2]\n")


@pytest.mark.parametrize(
    ("number", "charset", "line"),
    [
        pytest.param(0, "utf-8", "今天天气怎么样。", id="utf-8"),
        pytest.param(1, "gb2312", "今天天气怎么样。", id="gb2312"),
        pytest.param(2, "gbk", "今天天氣怎麼樣。", id="gbk-with-traditional"),
        pytest.param(3, "big5", "今天天氣怎麼樣。", id="big5"),
    ],
)
def test_text_has_the_requested_charset(tmp_path, web, number, charset, line):
    import hashlib

    scripts = tmp_path / "scripts.json"
    scripts.write_text(json.dumps({hashlib.sha256(SPEECH).hexdigest(): {"lines": [line, "好。"]}}))
    account = CREDENTIALS["tencent"]
    with Simulators(CREDENTIALS, turnaround_s=0, scripts=scripts) as running:
        vendor = RawTencentRecording(
            running.urls["tencent-recording"], account["appid"], account["secret_id"], account["secret_key"]
        )

        text = recognized(vendor, web, res_text_format=number)["text"]

    assert text.decode(charset) == f"[0:0.500,0:1.500]  {line}\n[0:2.200,0:3.200]  好。\n"


@pytest.mark.parametrize(
    ("audio", "parameters", "code"),
    [
        pytest.param(b"A letter, not a recording. " * 50, {}, b"10004", id="not-audio"),
        pytest.param(b"", {}, b"10004", id="no-bytes"),
        pytest.param(tones.audio(container="flac", codec="flac"), {}, b"10000", id="format-not-taken"),
        pytest.param(tones.audio(rate_hz=44100), {}, b"10000", id="rate-not-taken"),
        pytest.param(tones.audio(((0, 500),), ((0, 500),)), {}, b"10006", id="stereo-declared-as-mono"),
        pytest.param(tones.silence(999), {}, b"10002", id="too-short"),
        pytest.param(tones.silence(), {}, b"0", id="silence-is-a-success"),
        pytest.param(tones.audio(rate_hz=8000), {"engine_model_type": "16k_0"}, b"0", id="rate-unlike-the-engine"),
    ],
)
def test_unusable_recording_ends_with_its_code(vendor, web, audio, parameters, code):
    fields = recognized(vendor, web, audio, **parameters)

    assert (fields["code"], fields["text"]) == (code, b"")


def test_recording_over_an_hour_is_too_long(vendor, web):
    fields = recognized(vendor, web, tones.long_silence(3601), engine_model_type="8k_0")

    assert fields["code"] == b"10003"


def test_failed_download_is_reported_by_callback(vendor, web):
    assert code_of(vendor.submit(url=web.at("/gone.wav"), callback_url=web.at("/cb"))) == 0

    fields = result(web)
    assert (fields["code"], fields["audioTime"], fields["text"]) == (b"10007", b"0.0", b"")


def test_trailing_slash_in_path_is_accepted(vendor):
    path = f"/asr/v1/{vendor.appid}/"

    assert code_of(vendor.submit(path=path, url="http://127.0.0.1:9/a.wav")) == 0


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param((200, '{"code": 1, "message": "later"}'), id="another-code"),
        pytest.param((500, OK), id="another-status"),
        pytest.param((200, "ok"), id="not-json"),
    ],
)
def test_callback_is_repeated_unchanged_until_acknowledged(vendor, web, control, refused):
    control.options(callback_interval_s=0.01)
    web.reply_with(refused, (200, '{"code": "0"}'), (500, "never asked"))

    request_id = vendor.submit(url=web.serve("/a.wav", SPEECH), callback_url=web.at("/cb")).json()["requestId"]

    attempts = eventually(
        lambda: [
            each for each in control.requests("callback") if each["task_id"] == str(request_id) and each["attempt"] == 2
        ]
    )
    assert attempts[0]["delivered"] is True
    assert len({received.body for received in web.received}) == 1


def test_callback_stops_after_two_attempts(vendor, web, control):
    control.options(callback_interval_s=0)
    web.reply_with((503, ""))

    request_id = vendor.submit(url=web.serve("/a.wav", SPEECH), callback_url=web.at("/cb")).json()["requestId"]

    def attempts():
        return [each for each in control.requests("callback") if each["task_id"] == str(request_id)]

    eventually(lambda: len(attempts()) == 2)
    assert [(each["attempt"], each["delivered"]) for each in attempts()] == [(1, False), (2, False)]


def test_option_sets_json_callback(vendor, web, control):
    control.options(callback_format="json")

    vendor.submit(url=web.serve("/a.wav", SPEECH), callback_url=web.at("/cb"))

    received = eventually(lambda: web.received)[0]
    assert received.content_type == "application/json"
    assert json.loads(received.body)["audioTime"] == 4.0


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"path": "/asr/v1/1"}, 1018, "ERROR_APPID_NOT_REGISTER"),
        ({"signature": "x"}, 1021, "ERROR_PROXY_BAD_AUTH"),
        ({"host": "other.example"}, 1029, "ERROR_PROXY_AUTH_FAILED"),
    ],
)
def test_option_sets_older_code_numbers(vendor, control, changes, code, name):
    control.options(numbering="older")

    answer = vendor.submit(**{"url": AUDIO, **changes}).json()

    assert answer == {"code": code, "message": name}


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        pytest.param({"on": "result", "code": "10005"}, [b"10005"], id="task-fails"),
        pytest.param({"on": "result", "code": "0"}, [b"0"], id="task-succeeds-without-text"),
        pytest.param({"on": "callback", "code": "10001"}, [b"10001"], id="callback-reports-a-failure"),
        pytest.param({"on": "callback", "duplicate": True}, [b"0", b"0"], id="callback-twice"),
    ],
)
def test_fault_sets_result_or_callback(vendor, web, control, fault, codes):
    control.fault(**fault)

    vendor.submit(url=web.serve("/a.wav", SPEECH), callback_url=web.at("/cb"))

    eventually(lambda: len(web.received) == len(codes))
    assert [form_fields(each.body)["code"] for each in web.received] == codes


def test_fault_sends_callback_before_the_answer(vendor, web, control):
    control.fault("callback", before_answer=True)

    answer = vendor.submit(url=web.serve("/a.wav", SPEECH), callback_url=web.at("/cb")).json()

    assert [form_fields(each.body)["requestId"] for each in web.received] == [str(answer["requestId"]).encode()]


def test_fault_drops_the_callback(vendor, web, control):
    control.fault("callback", drop=True)
    silent, told = (
        vendor.submit(url=web.serve("/a.wav", SPEECH), callback_url=web.at("/cb")).json()["requestId"] for _ in range(2)
    )

    assert result(web)["requestId"] == str(told).encode()
    assert str(silent) not in [each["task_id"] for each in control.requests("callback")]


def test_query_is_not_supported(vendor, url):
    import requests

    assert requests.get(f"{url}/asr/v1/{vendor.appid}", timeout=60).status_code == 405
