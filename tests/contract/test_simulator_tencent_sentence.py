"""Check the sentence simulator over real HTTP with a client from the vendor's pages and the vendor's SDK."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tencentcloud.asr.v20190614 import models
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.support import tones
from tests.support.raw_tencent_sentence import RawTencentSentence, data_of
from tests.support.simulator_control import CREDENTIALS, FromNow, any_json_value, at_run_time
from tests.support.tencent_sdk import sdk_client
from tests.support.web import eventually

SPEECH = tones.audio()
KNOWN = tones.audio(((300, 1300),), length_ms=2000)  # a recording with a script
LINE = "今天天气，怎么样。"
ACCOUNT = CREDENTIALS["tencent"]
VENDOR = "tencent-sentence"
OPTIONS = {"requests_per_s": 1000}
SCRIPTS = {KNOWN: {"language": "zh-CN", "lines": [LINE]}}


@pytest.fixture
def vendor(url, control):
    return RawTencentSentence(url, ACCOUNT["secret_id"], ACCOUNT["secret_key"])


def error_of(response):
    return response["Error"]["Code"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"authorization": "TC3-HMAC-SHA256 nonsense"}, "AuthFailure.InvalidAuthorization", id="header"),
        pytest.param({"authorization": ""}, "AuthFailure.InvalidAuthorization", id="empty-header"),
        pytest.param({"timestamp": FromNow(-900)}, "AuthFailure.SignatureExpire", id="clock-behind"),
        pytest.param({"date": "2001-01-01"}, "AuthFailure.SignatureFailure", id="date-unlike-the-timestamp"),
        pytest.param({"service": "cvm"}, "AuthFailure.SignatureFailure", id="another-service"),
        pytest.param({"host": "asr.example.com"}, "AuthFailure.SignatureFailure", id="another-host"),
        pytest.param({"action": "TextToSpeech"}, "InvalidAction", id="another-action"),
        pytest.param({"version": "2018-05-22"}, "NoSuchVersion", id="another-version"),
        pytest.param({"method": "PUT"}, "UnsupportedProtocol", id="put"),
        pytest.param({"body": b"not json"}, "InvalidParameter.ErrorParsequest", id="body-unreadable"),
        pytest.param({"Speed": 1}, "UnknownParameter", id="unknown-parameter"),
        pytest.param({"EngineServiceType": "16k_0"}, "UnknownParameter", id="engine-under-the-other-name"),
        pytest.param({"EngSerViceType": None}, "MissingParameter", id="engine-missing"),
        pytest.param({"EngSerViceType": "32k_zh"}, "InvalidParameterValue.ErrorInvalidEngservice", id="engine"),
        pytest.param({"SourceType": None}, "MissingParameter", id="source-missing"),
        pytest.param({"SourceType": 2}, "InvalidParameterValue.ErrorInvalidSourcetype", id="source"),
        pytest.param({"SubServiceType": 1}, "InvalidParameterValue.ErrorInvalidSubservicetype", id="service-type"),
        pytest.param({"ProjectId": "x"}, "InvalidParameterValue.ErrorInvalidProjectid", id="project"),
        pytest.param({"VoiceFormat": "flac"}, "InvalidParameterValue.ErrorInvalidVoiceFormat", id="format"),
        pytest.param({"WordInfo": 3}, "InvalidParameterValue", id="word-info"),
        pytest.param({"Url": None}, "MissingParameter", id="url-missing"),
        pytest.param({"Url": "ftp://a.example/a.wav"}, "InvalidParameterValue.ErrorInvalidUrl", id="url-not-http"),
        pytest.param({"Url": ""}, "InvalidParameterValue.ErrorInvalidUrl", id="url-empty"),
        pytest.param(
            {"Url": "http://a.example/" + "x" * 2031}, "InvalidParameterValue.ErrorInvalidUrl", id="url-of-2048"
        ),
        pytest.param({"Url": "http://127.0.0.1:9/a.wav"}, "InternalError.ErrorDownFile", id="download-fails"),
        pytest.param({"SourceType": 1}, "MissingParameter", id="data-missing"),
        pytest.param(
            {"SourceType": 1, "Data": "UklG\nRg==", "DataLen": 4},
            "InvalidParameterValue.ErrorInvalidVoicedata",
            id="line-break-in-base64",
        ),
        pytest.param(
            {**data_of(SPEECH), "DataLen": len(SPEECH) - 1}, "InvalidParameter.ErrorContentlength", id="data-length"
        ),
        pytest.param(data_of(bytes(600 * 1024 + 1)), "RequestSizeLimitExceeded", id="over-600-KB"),
        pytest.param(data_of(b""), "InvalidParameterValue.ErrorInvalidVoicedata", id="no-bytes"),
        pytest.param(data_of(b"a letter" * 99), "InvalidParameterValue.ErrorInvalidVoicedata", id="not-audio"),
        pytest.param(
            data_of(tones.audio(container="mp3", codec="libmp3lame")),
            "InvalidParameterValue.ErrorInvalidVoicedata",
            id="another-format-than-declared",
        ),
        pytest.param(
            {
                **data_of(tones.audio(((0, 900),), length_ms=61_000, container="mp3", codec="libmp3lame")),
                "VoiceFormat": "mp3",
            },
            "InvalidParameterValue.ErrorVoicedataTooLong",
            id="over-60-s",
        ),
    ],
)
def test_invalid_call_is_refused_by_code(vendor, changes, code):
    assert error_of(vendor.tc3(**{"Url": "http://127.0.0.1:9/a.wav", **at_run_time(changes)})) == code


@any_json_value
@pytest.mark.parametrize("name", ["EngSerViceType", "SourceType", "VoiceFormat", "Url", "WordInfo", "Action"])
def test_value_of_any_type_gets_an_answer(vendor, name, value):
    assert "RequestId" in vendor.tc3(**{"Url": "http://127.0.0.1:9/a.wav", name: value})


def test_unknown_secret_id_is_refused(url):
    assert error_of(RawTencentSentence(url, "AKIDOtherAccount", "x").tc3()) == "AuthFailure.SecretIdNotFound"


def test_wrong_secret_key_is_refused(url):
    assert error_of(RawTencentSentence(url, ACCOUNT["secret_id"], "wrong").tc3()) == "AuthFailure.SignatureFailure"


def test_unsigned_call_is_refused(url):
    import requests

    response = requests.post(url, json={}, timeout=60).json()["Response"]

    assert error_of(response) == "MissingParameter"


def test_recording_of_60_s_is_accepted(vendor):
    minute = tones.audio(((100, 900),), length_ms=60_000, rate_hz=8000, codec="pcm_mulaw")

    response = vendor.tc3(**data_of(minute), EngSerViceType="8k_zh")

    assert (response["Result"], response["AudioDuration"]) == ("[simulated utterance 1]", 60_000)


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(None, id="received-host"),
        pytest.param("127.0.0.1", id="received-host-without-its-port"),
        "asr.tencentcloudapi.com",
    ],
)
@pytest.mark.parametrize("engine", ["16k_zh", "16k_0", "16k"])
def test_audio_by_url_is_recognized(vendor, web, url, host, engine):
    response = vendor.tc3(
        Url=web.serve("/a.wav", SPEECH), EngSerViceType=engine, host=host or url.removeprefix("http://")
    )

    assert response["Result"] == "[simulated utterance 1] [simulated utterance 2]"
    assert (response["AudioDuration"], response["WordSize"], response["WordList"]) == (4000, 0, None)


@pytest.mark.parametrize(
    ("word_info", "words"),
    [
        pytest.param(0, [], id="none"),
        pytest.param(1, ["今天", "天气", "怎么", "样"], id="without-marks"),
        pytest.param(2, ["今天", "天气", "，", "怎么", "样", "。"], id="with-marks"),
    ],
)
def test_words_are_returned_on_request(vendor, word_info, words):
    response = vendor.tc3(**data_of(KNOWN), WordInfo=word_info)

    assert response["Result"] == LINE
    assert [word["Word"] for word in response["WordList"] or []] == words
    assert response["WordSize"] == len(words)
    times = [word[edge] for word in response["WordList"] or [] for edge in ("StartTime", "EndTime")]
    assert times == sorted(times)
    assert all(300 <= time_ms <= 1300 for time_ms in times)


@pytest.mark.parametrize(
    ("audio", "engine"),
    [
        pytest.param(tones.silence(), "16k_zh", id="silence"),
        pytest.param(tones.audio(rate_hz=8000), "16k_zh", id="rate-below-the-engine"),
        pytest.param(tones.audio(((0, 900),), ((0, 900),)), "16k_zh", id="stereo"),
    ],
)
def test_unfit_audio_gives_empty_result(vendor, audio, engine):
    response = vendor.tc3(**data_of(audio), EngSerViceType=engine)

    assert response["Result"] == ""
    assert "Error" not in response


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("algorithm", ["HmacSHA1", "HmacSHA256"])
def test_v1_signature_is_accepted(vendor, web, method, algorithm):
    audio_url = web.serve("/a b.wav", SPEECH)

    response = vendor.v1(method=method, algorithm=algorithm, Url=audio_url, EngSerViceType="16k_0", UsrAudioKey="k")

    assert response["Result"] == "[simulated utterance 1] [simulated utterance 2]"


def test_data_in_a_form_is_accepted(vendor):
    assert vendor.v1(method="POST", **data_of(KNOWN))["Result"] == LINE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"Signature": "AAAA"}, "AuthFailure.SignatureFailure", id="wrong-signature"),
        pytest.param({"SecretId": "AKIDOtherAccount"}, "AuthFailure.SecretIdNotFound", id="unknown-key"),
        pytest.param({"Timestamp": 1700000000}, "AuthFailure.SignatureExpire", id="old"),
        pytest.param({"Nonce": 0}, "InvalidParameterValue", id="nonce-zero"),
        pytest.param({"algorithm": "HmacMD5"}, "InvalidParameterValue", id="unknown-hash"),
        pytest.param({"Action": "Other"}, "InvalidAction", id="another-action"),
    ],
)
def test_invalid_v1_call_is_refused_by_code(vendor, changes, code):
    assert error_of(vendor.v1(**{"Url": "http://127.0.0.1:9/a.wav", **changes})) == code


def test_repeated_nonce_is_refused(vendor):
    ticket = {**data_of(KNOWN), "Nonce": 7, "Timestamp": int(time.time())}
    first, second = (vendor.v1(method="POST", **ticket) for _ in range(2))

    assert first["Result"] == LINE
    assert error_of(second) == "AuthFailure.SignatureFailure"


def test_call_over_rate_limit_is_refused(vendor, control):
    control.options(requests_per_s=1)

    def codes():
        with ThreadPoolExecutor(8) as pool:
            responses = pool.map(lambda _: vendor.tc3(**data_of(KNOWN)), range(8))
            return {response.get("Error", {}).get("Code") for response in responses}

    eventually(lambda: "RequestLimitExceeded" in codes())


@pytest.mark.parametrize(
    ("options", "request_changes"),
    [
        pytest.param({}, {"VoiceFormat": "m4a"}, id="format-of-today"),
        pytest.param(
            {"accept_engine_service_type": True},
            {"VoiceFormat": "m4a", "EngSerViceType": None, "EngineServiceType": "16k_zh"},
            id="engine-under-the-other-name",
        ),
    ],
)
def test_option_accepts_undocumented_variants(vendor, control, options, request_changes):
    control.options(**options)

    response = vendor.tc3(**data_of(tones.audio(container="ipod", codec="aac")), **request_changes)

    assert response["Result"] == "[simulated utterance 1] [simulated utterance 2]"


def test_option_refuses_a_newer_format(vendor, control):
    control.options(formats=["wav", "mp3"])

    assert error_of(vendor.tc3(**data_of(SPEECH), VoiceFormat="m4a")) == (
        "InvalidParameterValue.ErrorInvalidVoiceFormat"
    )


def test_option_sets_the_older_answer(vendor, control):
    control.options(answer_form="older")

    assert vendor.tc3(**data_of(KNOWN)).keys() == {"Result", "RequestId"}


@pytest.mark.parametrize("moment", ["submit", "result"])
def test_fault_sets_any_code(vendor, control, moment):
    control.fault(moment, code="FailedOperation.UserHasNoFreeAmount")

    assert error_of(vendor.tc3(**data_of(KNOWN))) == "FailedOperation.UserHasNoFreeAmount"
    assert vendor.tc3(**data_of(KNOWN))["Result"] == LINE


def sdk_request(**parameters):
    request = models.SentenceRecognitionRequest()
    request.from_json_string(json.dumps({"EngSerViceType": "16k_zh", "VoiceFormat": "wav", **parameters}))
    return request


@pytest.mark.parametrize(
    ("method", "sign_method"),
    [("POST", "TC3-HMAC-SHA256"), ("GET", "TC3-HMAC-SHA256"), ("POST", "HmacSHA1"), ("GET", "HmacSHA256")],
)
def test_vendor_sdk_submits_a_url(url, web, method, sign_method):
    client = sdk_client(url, method, sign_method)

    response = client.SentenceRecognition(
        sdk_request(SourceType=0, Url=web.serve("/a b.wav", KNOWN), ProjectId=0, SubServiceType=2, WordInfo=1)
    )

    assert (response.Result, response.AudioDuration, response.WordSize) == (LINE, 2000, 4)
    assert response.WordList[0].Word == "今天"


@pytest.mark.parametrize("unsigned", [False, True])
def test_vendor_sdk_uploads_data(url, unsigned):
    request = sdk_request(SourceType=1, Data=base64.b64encode(KNOWN).decode(), DataLen=len(KNOWN))

    assert sdk_client(url, unsigned=unsigned).SentenceRecognition(request).Result == LINE


@pytest.mark.parametrize(
    ("client_options", "parameters", "code"),
    [
        pytest.param(
            {"secret_key": "wrong"},
            {"SourceType": 0, "Url": "http://127.0.0.1:9/a.wav"},
            "AuthFailure.SignatureFailure",
            id="wrong-key",
        ),
        pytest.param(
            {}, {"SourceType": 0, "Url": "http://127.0.0.1:9/a.wav"}, "InternalError.ErrorDownFile", id="download"
        ),
        pytest.param(
            {},
            {"SourceType": 1, "Data": "UklGRg==", "DataLen": 4},
            "InvalidParameterValue.ErrorInvalidVoicedata",
            id="not-audio",
        ),
    ],
)
def test_vendor_sdk_reads_errors(url, client_options, parameters, code):
    with pytest.raises(TencentCloudSDKException) as raised:
        sdk_client(url, **client_options).SentenceRecognition(sdk_request(**parameters))

    assert raised.value.code == code
    assert raised.value.requestId
