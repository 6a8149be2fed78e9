"""Check the parsing of the vendors' documented replies and callbacks."""

import json

import pytest

from asrcore.core.errors import AsrError, ErrorClass, InterfaceGoneError, QueryFailedError, TaskNotFoundError
from asrcore.core.vendor import Accepted, HttpReply, InProgress
from asrcore.vendors.abcpen import Abcpen
from asrcore.vendors.registry import VENDORS
from asrcore.vendors.tencent_recording import TencentRecording
from asrcore.vendors.tencent_sentence import TencentSentence
from asrcore.vendors.volcengine import Volcengine
from tests.support.recognition_requests import a_recognition_request, answer, lines, words

RECORDING, SENTENCE, VOLCENGINE, ABCPEN = TencentRecording(), TencentSentence(), Volcengine(), Abcpen()
FORM = "application/x-www-form-urlencoded"
STEREO = {"sample_rate_hz": 8000, "channels": 2}


def called_back(body, **audio):
    body = body if isinstance(body, bytes) else body.encode()
    return RECORDING.read_callback(body, FORM, a_recognition_request(**audio))


@pytest.mark.parametrize(
    ("name", "document", "task_id"),
    [
        pytest.param("tencent-recording", {"code": 0, "message": "success", "requestId": 500}, "500", id="recording"),
        pytest.param("tencent-recording", {"code": "0", "message": "成功", "requestId": "500"}, "500", id="as-text"),
        pytest.param(
            "tencent-recording", {"code": 0, "requestId": 2**64 - 1}, "18446744073709551615", id="id-of-64-bits"
        ),
        pytest.param(
            "volcengine",
            {"resp": {"code": "1000", "message": "Success", "id": "fc000000-0000-4000-8000-000000000001"}},
            "fc000000-0000-4000-8000-000000000001",
            id="volcengine",
        ),
        pytest.param("volcengine", {"resp": {"code": 1000, "id": "f"}}, "f", id="volcengine-code-a-number"),
        pytest.param(
            "abcpen",
            {"code": "0", "data": {"task_id": "e7000000000040008000000000000001"}, "desc": "success"},
            "e7000000000040008000000000000001",
            id="abcpen",
        ),
        pytest.param("abcpen", {"code": 0, "data": {"taskId": "e7"}, "msg": "success"}, "e7", id="abcpen-other-names"),
        pytest.param("abcpen", {"code": "0", "data": None, "task_id": "e7"}, "e7", id="abcpen-id-at-the-top"),
    ],
)
def test_accepted(name, document, task_id):
    assert VENDORS[name].read_submit(answer(document), a_recognition_request()) == Accepted(task_id)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        pytest.param("tencent-recording", {"code": 0, "message": "success"}, id="recording-no-id"),
        pytest.param("tencent-recording", {"code": 0, "requestId": 0}, id="recording-id-0"),
        pytest.param("volcengine", {"resp": {"code": 1000}}, id="volcengine-no-id"),
        pytest.param("abcpen", {"code": "0", "data": {}}, id="abcpen-no-id"),
    ],
)
def test_acceptance_without_a_task_id_is_retried(name, document):
    with pytest.raises(AsrError) as failure:
        VENDORS[name].read_submit(answer(document), a_recognition_request())

    assert (failure.value.error_class, failure.value.code) == (ErrorClass.RETRY, "NoTaskId")


# Tencent recording recognition: callbacks.

TWO_SENTENCES = (
    "code=0&message=success&requestId=500&appid=125000001&projectid=0&audioUrl=http%3A%2F%2Faudio.example.com%2Fa.wav"
    "%3Fx%3D1%26y%3D2&text=%5B0%3A0.020%2C0%3A2.380%5D++%E4%BB%8A%E5%A4%A9%E5%A4%A9%E6%B0%94%E6%80%8E%E4%B9%88%E6%A0"
    "%B7%E3%80%82%0A%5B0%3A2.900%2C0%3A4.260%5D++%E8%BF%98%E4%B8%8D%E9%94%99%E3%80%82%0A&audioTime=4.3"
)
TWO_SPEAKERS = (
    "code=0&message=%E6%88%90%E5%8A%9F&requestId=501&appid=125000001&projectid=0&text=%5B0%3A0.940%2C0%3A3.250%2C0%5D++"
    "%E6%82%A8%E5%A5%BD%E8%AF%B7%E8%AE%B2%E3%80%82%0A%5B0%3A3.610%2C0%3A5.020%2C1%5D++%E6%88%91%E6%83%B3%E6%9F%A5%E8"
    "%AF%9D%E8%B4%B9%E3%80%82%0A&audioTime=5.2"
)
GBK_TEXT = (
    "%5B0%3A0.020%2C0%3A2.380%5D++%BD%F1%CC%EC%CC%EC%C6%F8%D4%F5%C3%B4%D1%F9%A1%A3%0A"
    "%5B0%3A2.900%2C0%3A4.260%5D++%BB%B9%B2%BB%B4%ED%A1%A3%0A"
)
HEARD = [(20, 2380, "今天天气怎么样。", None, None), (2900, 4260, "还不错。", None, None)]


def test_two_sentences():
    callback = called_back(TWO_SENTENCES)

    assert callback.vendor_task_id == "500"
    assert callback.outcome.text == "今天天气怎么样。还不错。"
    assert callback.outcome.duration_ms == 4300
    assert lines(callback.outcome) == HEARD


def test_two_speakers():
    callback = called_back(TWO_SPEAKERS)

    assert callback.vendor_task_id == "501"
    assert lines(callback.outcome) == [
        (940, 3250, "您好请讲。", "0", None),
        (3610, 5020, "我想查话费。", "1", None),
    ]


def test_third_number_of_stereo_is_the_channel():
    callback = called_back(TWO_SPEAKERS, **STEREO)

    assert lines(callback.outcome) == [
        (940, 3250, "您好请讲。", None, 0),
        (3610, 5020, "我想查话费。", None, 1),
    ]


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        pytest.param(f"code=0&requestId=500&text={GBK_TEXT}&audioTime=4.3", HEARD, id="gbk-although-not-asked"),
        pytest.param(
            TWO_SENTENCES.replace("%", "%25").replace("++", "%2B%2B").replace("audioTime%3D", "audioTime="),
            HEARD,
            id="encoded-twice",
        ),
        pytest.param(TWO_SENTENCES.replace("%0A", "%0D%0A"), HEARD, id="CRLF"),
        pytest.param(
            "code=0&requestId=503&audioUrl=http%3A%2F%2Fa.example.com%2Fc.wav&text=%E6%82%A8%E5%A5%BD&audioTime=2.5",
            [(0, 2500, "您好", None, None)],
            id="no-marks",
        ),
        pytest.param(
            "code=0&requestId=503&text=%E6%82%A8%E5%A5%BD&audioTime=0",
            [(None, None, "您好", None, None)],
            id="no-marks-and-no-length",
        ),
        pytest.param(
            "code=0&requestId=1&text=[59:59.999,60:01.5]  一小时",
            [(3_599_999, 3_601_500, "一小时", None, None)],
            id="minutes-beyond-59",
        ),
        pytest.param(
            "code=0&requestId=1&text=[0:1.000,0:2.000]  one\ntwo\n[0:3.000,0:4.000]  [三]",
            [(1000, 2000, "one two", None, None), (3000, 4000, "[三]", None, None)],
            id="line-without-a-mark-goes-on",
        ),
        pytest.param(
            "code=0&requestId=1&text=[0:1.000,0:2.000,-1]  一\n[0:1.5,0:1.8]  ",
            [(1000, 2000, "一", None, None)],
            id="speaker-unknown-and-line-empty",
        ),
        pytest.param(
            "code=0&requestId=1&text=[0:3.000,0:4.000]  二\n[0:1.000,0:0.500]  一",
            [(1000, 1000, "一", None, None), (3000, 4000, "二", None, None)],
            id="out-of-order",
        ),
        pytest.param(
            "code=0&requestId=1&text=[999999999:1.000,0:2.000]  一",
            [(None, None, "一", None, None)],
            id="time-beyond-reason",
        ),
    ],
)
def test_text_of_a_callback(body, heard):
    assert lines(called_back(body).outcome) == heard


@pytest.mark.parametrize(
    "content_type", ["application/json", FORM, ""], ids=["declared-as-json", "declared-as-a-form", "undeclared"]
)
@pytest.mark.parametrize("text", ["您好", "%E6%82%A8%E5%A5%BD"], ids=["plain", "url-encoded"])
def test_callback_in_json_is_read(text, content_type):
    body = json.dumps(
        {"code": 0, "message": "success", "requestId": 500, "appid": 125000001, "text": text, "audioTime": 2.5}
    )

    callback = RECORDING.read_callback(body.encode(), content_type, a_recognition_request())

    assert callback.vendor_task_id == "500"
    assert lines(callback.outcome) == [(0, 2500, "您好", None, None)]


def test_silence_is_an_empty_transcript():
    callback = called_back("code=0&message=success&requestId=504&projectid=0&text=&audioTime=3.0")

    assert (callback.outcome.text, callback.outcome.utterances, callback.outcome.duration_ms) == ("", [], 3000)


def test_failed_callback_has_its_code():
    callback = called_back(
        "code=10000&message=%E8%AF%AD%E9%9F%B3%E9%9D%9E%E6%A0%87%E5%87%86%E6%A0%BC%E5%BC%8F%2C%E8%BD%AC%E7%A0%81%E5%A4"
        "%B1%E8%B4%A5&requestId=502&appid=125000001&projectid=0&audioUrl=http%3A%2F%2Faudio.example.com%2Fb.doc&text="
        "&audioTime=0.0"
    )

    assert callback.vendor_task_id == "502"
    assert (callback.outcome.error_class, callback.outcome.code) == (ErrorClass.BAD_AUDIO, "10000")
    assert "语音非标准格式,转码失败" in callback.outcome.message


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("tencent-recording", b"", id="recording-empty"),
        pytest.param("tencent-recording", b"hello", id="recording-no-form"),
        pytest.param("tencent-recording", b"text=a", id="recording-no-code"),
        pytest.param("tencent-recording", b"code=abc&text=a", id="recording-code-no-number"),
        pytest.param("tencent-recording", b"code=0&requestId=5", id="recording-success-without-text"),
        pytest.param("tencent-recording", b"{", id="recording-broken-json"),
        pytest.param("volcengine", b"", id="volcengine-empty"),
        pytest.param("volcengine", b"code=0&text=a", id="volcengine-a-form"),
        pytest.param("volcengine", b'{"resp": {}}', id="volcengine-no-code"),
        pytest.param("volcengine", b'{"resp": {"code": 2000}}', id="volcengine-not-at-an-end"),
        pytest.param("volcengine", b'{"resp": {"code": 1000}}', id="volcengine-success-without-result"),
    ],
)
def test_callback_of_another_shape_is_refused(name, body):
    with pytest.raises(AsrError) as failure:
        VENDORS[name].read_callback(body, "application/json", a_recognition_request())

    assert failure.value.code == "BadCallback"


@pytest.mark.parametrize("name", ["tencent-sentence", "abcpen"])
def test_vendor_without_callbacks_raises_lookup_error(name):
    with pytest.raises(LookupError, match="does not call back"):
        VENDORS[name].read_callback(b"", "", a_recognition_request())


@pytest.mark.parametrize("name", ["tencent-recording", "tencent-sentence"])
def test_vendor_without_queries_raises_lookup_error(name):
    with pytest.raises(LookupError, match="cannot be queried"):
        VENDORS[name].read_query(answer({}), a_recognition_request())


# Tencent one-sentence recognition.


def test_sentence_in_the_old_form():
    result = SENTENCE.read_submit(
        answer({"Response": {"Result": "今天天气怎么样。", "RequestId": "6f0c2f7e-0000-4000-8000-000000000002"}}),
        a_recognition_request(),
    )

    assert (result.text, result.duration_ms) == ("今天天气怎么样。", None)
    assert lines(result) == [(None, None, "今天天气怎么样。", None, None)]


def test_sentence_without_words_spans_the_recording():
    result = SENTENCE.read_submit(
        answer({"Response": {"Result": "今天天气怎么样。", "AudioDuration": 2430, "WordSize": 0, "WordList": None}}),
        a_recognition_request(),
    )

    assert result.duration_ms == 2430
    assert lines(result) == [(0, 2430, "今天天气怎么样。", None, None)]


def test_sentence_with_words_spans_them():
    spoken = [("今天", 120, 810), ("天气", 810, 1530), ("怎么样", 1530, 2250)]
    result = SENTENCE.read_submit(
        answer(
            {
                "Response": {
                    "RequestId": "6f0c2f7e-0000-4000-8000-000000000004",
                    "Result": "今天天气怎么样。",
                    "AudioDuration": 2430,
                    "WordSize": 3,
                    "WordList": [{"Word": word, "StartTime": start, "EndTime": end} for word, start, end in spoken],
                }
            }
        ),
        a_recognition_request(),
    )

    assert lines(result) == [(120, 2250, "今天天气怎么样。", None, None)]
    assert words(result) == [(start, end, word) for word, start, end in spoken]


def test_sentence_of_silence():
    result = SENTENCE.read_submit(
        answer({"Response": {"Result": "", "AudioDuration": 3000, "WordSize": 0, "WordList": None}}),
        a_recognition_request(),
    )

    assert (result.text, result.utterances, result.duration_ms) == ("", [], 3000)


@pytest.mark.parametrize(
    ("document", "code", "error_class"),
    [
        pytest.param(
            {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "Please check."}}},
            "AuthFailure.SignatureFailure",
            ErrorClass.CONFIG,
            id="dotted",
        ),
        pytest.param({"Response": {"Error": {"Code": 110}}}, "110", ErrorClass.RETRY, id="number-in-its-place"),
        pytest.param({"code": 101, "message": "too large"}, "101", ErrorClass.BAD_AUDIO, id="number-at-the-top"),
        pytest.param({"Response": {"Error": {}}}, "NoCode", ErrorClass.RETRY, id="no-code"),
        pytest.param({"Response": {}}, "NoResult", ErrorClass.RETRY, id="neither"),
    ],
)
def test_sentence_errors(document, code, error_class):
    with pytest.raises(AsrError) as failure:
        SENTENCE.read_submit(answer(document), a_recognition_request())

    assert (failure.value.code, failure.value.error_class) == (code, error_class)


# Volcengine.

VOLCENGINE_ID = "fc000000-0000-4000-8000-000000000001"
VOLCENGINE_DONE = {
    "resp": {
        "id": VOLCENGINE_ID,
        "code": 1000,
        "message": "Success",
        "text": "今天天气不错，我们出门吧。",
        "utterances": [
            {
                "text": "今天天气不错，",
                "start_time": 480,
                "end_time": 1900,
                "words": [
                    {"text": "今", "start_time": 480, "end_time": 640},
                    {"text": "天", "start_time": 640, "end_time": 820},
                    {"text": "天", "start_time": 820, "end_time": 1000},
                    {"text": "气", "start_time": 1000, "end_time": 1240},
                    {"text": "不", "start_time": 1240, "end_time": 1500},
                    {"text": "错", "start_time": 1500, "end_time": 1900},
                ],
                "additions": {"speaker": "1"},
            },
            {
                "text": "我们出门吧。",
                "start_time": 2300,
                "end_time": 3320,
                "words": [{"text": "我", "start_time": 2300, "end_time": 2460}],
                "additions": {"speaker": "2"},
            },
        ],
    }
}


def test_volcengine_done():
    result = VOLCENGINE.read_query(answer(VOLCENGINE_DONE), a_recognition_request())

    assert (result.text, result.duration_ms) == ("今天天气不错，我们出门吧。", None)
    assert lines(result) == [(480, 1900, "今天天气不错，", "1", None), (2300, 3320, "我们出门吧。", "2", None)]
    assert words(result)[0] == (480, 640, "今")
    assert len(words(result)) == 7


def test_volcengine_callback_is_read_as_a_query_reply():
    callback = VOLCENGINE.read_callback(
        json.dumps(VOLCENGINE_DONE).encode(), "application/json", a_recognition_request()
    )

    assert callback.vendor_task_id == VOLCENGINE_ID
    assert callback.outcome == VOLCENGINE.read_query(answer(VOLCENGINE_DONE), a_recognition_request())


def test_volcengine_unwanted_words_are_omitted():
    assert words(VOLCENGINE.read_query(answer(VOLCENGINE_DONE), a_recognition_request(options={"words": False}))) == []


@pytest.mark.parametrize(
    ("additions", "speaker", "channel"),
    [
        pytest.param({"channel_id": "1"}, None, 0, id="left"),
        pytest.param({"channel_id": 2}, None, 1, id="right-as-a-number"),
        pytest.param({"channel_id": "3", "speaker": 1}, "1", None, id="no-such-channel"),
        pytest.param(None, None, None, id="nothing"),
    ],
)
def test_volcengine_channels(additions, speaker, channel):
    document = {
        "resp": {
            "code": "1000",
            "utterances": [{"text": "好。", "start_time": 0, "end_time": 9, "additions": additions}],
        }
    }

    result = VOLCENGINE.read_query(answer(document), a_recognition_request())

    assert result.text == "好。"
    assert lines(result) == [(0, 9, "好。", speaker, channel)]


@pytest.mark.parametrize(
    ("document", "status", "code", "error_class", "told"),
    [
        pytest.param(
            {"header": {"reqid": "r", "code": 45000010, "message": "Invalid X-Api-Key"}},
            401,
            "45000010",
            ErrorClass.CONFIG,
            "Check api_key",
            id="key",
        ),
        pytest.param(
            {"header": {"code": "45000292", "message": "quota exceeded for types: audio_duration_lifetime"}},
            429,
            "45000292",
            ErrorClass.CONFIG,
            "quota is used up",
            id="hours",
        ),
        pytest.param(
            {"header": {"code": 45000292, "message": "quota exceeded for types: concurrency"}},
            429,
            "45000292",
            ErrorClass.RETRY,
            "lower the vendor's rate limit",
            id="concurrency",
        ),
        pytest.param(
            {"header": {"code": 45000777}}, 403, "45000777", ErrorClass.CONFIG, "does not document", id="unlisted"
        ),
        pytest.param(
            {"header": {"code": 45000777, "message": "audio format"}},
            403,
            "45000777",
            ErrorClass.BAD_AUDIO,
            "audio format",
            id="unlisted-with-words-of-a-task",
        ),
        pytest.param({"resp": {"code": 1002}}, 403, "1002", ErrorClass.CONFIG, "Check appid", id="as-v1-says-it"),
        pytest.param({"header": {}}, 403, "Http403", ErrorClass.CONFIG, "HTTP 403", id="without-a-code"),
    ],
)
def test_gateway_refusal_has_class_and_advice_of_its_code(document, status, code, error_class, told):
    with pytest.raises(AsrError) as failure:
        VOLCENGINE.read_submit(answer(document, status), a_recognition_request())
    with pytest.raises(QueryFailedError):
        VOLCENGINE.read_query(answer(document, status), a_recognition_request())

    assert (failure.value.code, failure.value.error_class) == (code, error_class)
    assert told in failure.value.message


@pytest.mark.parametrize(
    ("name", "document", "error_class", "trait"),
    [
        pytest.param(
            "volcengine", {"resp": {"code": 1022, "message": "音轨个数不匹配"}}, "bad_audio", "channels", id="v1"
        ),
        pytest.param(
            "volcengine", {"resp": {"code": 1099, "message": "下载失败"}}, "retry", "format", id="v1-download"
        ),
        pytest.param("abcpen", {"code": "10700", "desc": "音频格式错误"}, "bad_audio", "format", id="abcpen-format"),
        pytest.param("abcpen", {"code": "10700", "desc": "engine error"}, "retry", "format", id="abcpen-no-cause"),
    ],
)
def test_failed_task_has_the_cause_that_its_message_names(name, document, error_class, trait):
    with pytest.raises(AsrError) as failure:
        VENDORS[name].read_query(answer(document), a_recognition_request())

    assert not isinstance(failure.value, QueryFailedError)
    assert (failure.value.error_class, failure.value.constraint) == (error_class, trait)


EARLIER = [name for name, vendor in VENDORS.items() if vendor.generation == "earlier"]


@pytest.mark.parametrize("name", EARLIER)
@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="html"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"message": "no route"}', id="json"),
        pytest.param(b'{"code": 404, "message": "no route", "resp": {"code": 404}}', id="code-of-another-server"),
    ],
)
def test_retired_address_fails_fast_with_its_successor(name, status, body):
    vendor = VENDORS[name]

    with pytest.raises(AsrError) as failure:
        vendor.read_submit(HttpReply(status, body), a_recognition_request())

    assert (failure.value.error_class, failure.value.code) == (ErrorClass.CONFIG, f"Http{status}")
    assert f"use {vendor.successor} instead" in failure.value.message
    assert isinstance(vendor.query_error(failure.value), InterfaceGoneError)


@pytest.mark.parametrize("name", ["volcengine-bigmodel", "tencent-rec-task"])
def test_404_of_a_current_interface_is_no_retired_address(name):
    with pytest.raises(QueryFailedError) as failure:
        VENDORS[name].read_query(HttpReply(404, b"<html>"), a_recognition_request())

    assert not isinstance(failure.value, InterfaceGoneError)


def test_documented_code_counts_more_than_http_404():
    with pytest.raises(TaskNotFoundError):
        VENDORS["abcpen"].read_query(answer({"code": "10107"}, 404), a_recognition_request())


def test_every_aging_vendor_names_a_current_one():
    assert EARLIER == ["tencent-recording", "volcengine", "abcpen"]
    assert all(VENDORS[VENDORS[name].successor].generation == "current" for name in EARLIER)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        pytest.param("volcengine", {"resp": {"code": 2000, "message": "Start Processing"}}, id="volcengine-at-work"),
        pytest.param("volcengine", {"resp": {"code": "2001", "message": "Task is in queue"}}, id="volcengine-queued"),
        pytest.param("volcengine", {"resp": {"code": 2002}}, id="volcengine-another-2xxx"),
        pytest.param("abcpen", {"code": "-1", "data": {"task_id": "e7"}, "desc": "task is not finished"}, id="abcpen"),
        pytest.param("abcpen", {"code": -1}, id="abcpen-as-a-number"),
        pytest.param("abcpen", {"code": "1"}, id="abcpen-another-code"),
    ],
)
def test_in_progress(name, document):
    assert VENDORS[name].read_query(answer(document), a_recognition_request()) == InProgress()


@pytest.mark.parametrize(
    ("name", "document"),
    [
        pytest.param(
            "volcengine",
            {"resp": {"code": 1013, "message": "silent audio", "text": "", "utterances": []}},
            id="volcengine-1013",
        ),
        pytest.param("volcengine", {"resp": {"code": 1000, "text": "", "utterances": None}}, id="volcengine-no-text"),
        pytest.param(
            "abcpen",
            {"code": "0", "data": {"data": {"speechResult": {"onebest": "", "detail": []}}}},
            id="abcpen-no-text",
        ),
        pytest.param("abcpen", {"code": "-2", "data": {}, "desc": "audio encode error"}, id="abcpen-minus-2"),
    ],
)
def test_silence(name, document):
    result = VENDORS[name].read_query(answer(document), a_recognition_request())

    assert (result.text, result.utterances) == ("", [])


def test_abcpen_minus_2_is_bad_audio_if_unprobed():
    with pytest.raises(AsrError) as failure:
        ABCPEN.read_query(answer({"code": "-2", "data": {}}), a_recognition_request(duration_ms=None))

    assert (failure.value.error_class, failure.value.code) == (ErrorClass.BAD_AUDIO, "-2")


# abcpen.


def abcpen_done(detail, onebest="大家好，欢迎收听。", duration=4200):
    result = {"onebest": onebest, "duration": duration, "detail": detail}
    return answer({"code": "0", "data": {"data": {"speechResult": result}, "task_id": "e7"}, "desc": "success"})


SENTENCES = [
    {"sentences": "大家好，", "wordBg": "40", "wordEd": "1320", "speakerId": "0"},
    {"sentences": " 欢迎收听。", "wordBg": "1560", "wordEd": "3980", "speakerId": "1"},
]


def test_abcpen_unrequested_speakers_are_omitted():
    result = ABCPEN.read_query(abcpen_done(SENTENCES), a_recognition_request())

    assert (result.text, result.duration_ms) == ("大家好，欢迎收听。", 4200)
    assert lines(result) == [(40, 1320, "大家好，", None, None), (1560, 3980, "欢迎收听。", None, None)]


def test_abcpen_speakers():
    result = ABCPEN.read_query(abcpen_done(SENTENCES), a_recognition_request(options={"speakers": 2}))

    assert [item.speaker for item in result.utterances] == ["0", "1"]


@pytest.mark.parametrize("list_name", ["wordsPiece", "wordsResultList", "words"])
def test_abcpen_words(list_name):
    pieces = [
        {"words": "大家", "wordBg": "40", "wordEd": "640", "speakerId": "0", "wp": "1"},
        {"words": "好", "wordBg": "640", "wordEd": "1320", "speakerId": "0", "wp": "1"},
        {"words": "，", "wordBg": "1320", "wordEd": "1320", "speakerId": "0", "wp": "2"},
    ]

    result = ABCPEN.read_query(abcpen_done([SENTENCES[0] | {list_name: pieces}]), a_recognition_request())

    assert lines(result)[0][2] == "大家好，"
    assert words(result) == [(40, 640, "大家"), (640, 1320, "好")]


def test_abcpen_old_words_count_frames_from_the_sentence():
    sentence = {
        "onebest": "欢迎，",
        "bg": "1560",
        "ed": "3980",
        "speaker": "1",
        "wordsResultList": [
            {"wordsName": "欢迎", "wordBg": "3", "wordEd": "40", "wc": "0.98", "wp": "n"},
            {"wordsName": "，", "wordBg": "40", "wordEd": "40", "wc": "0", "wp": "p"},
        ],
    }

    result = ABCPEN.read_query(abcpen_done([sentence]), a_recognition_request(options={"speakers": 0}))

    assert lines(result) == [(1560, 3980, "欢迎，", "1", None)]
    assert words(result) == [(1590, 1960, "欢迎")]
    assert result.utterances[0].words[0].confidence == 0.98


def test_abcpen_missing_or_broken_fields_are_omitted():
    result = ABCPEN.read_query(
        abcpen_done(["xxx", None, {"sentences": "好"}], onebest=None, duration="x"), a_recognition_request()
    )

    assert (result.text, result.duration_ms) == ("好", None)
    assert lines(result) == [(None, None, "好", None, None)]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param({"code": "10105", "data": None, "desc": "illegal access"}, "10105", id="plain"),
        pytest.param(
            {"action": "error", "code": "10105", "data": "", "desc": "illegal access|illegal client_ip", "sid": "r1"},
            "10105",
            id="ip-list",
        ),
        pytest.param(
            {"ok": "10105", "err_no": 26601, "failed": "illegal access", "data": None}, "10105", id="early-form"
        ),
        pytest.param({"err_no": 26601}, "26601", id="early-number-alone"),
    ],
)
def test_abcpen_refusals(document, code):
    with pytest.raises(AsrError) as failure:
        ABCPEN.read_submit(answer(document), a_recognition_request())

    assert (failure.value.code, failure.value.error_class) == (code, ErrorClass.CONFIG)


# A failed query is not a failed task.


@pytest.mark.parametrize(
    ("name", "document", "status"),
    [
        pytest.param("volcengine", {"resp": {"code": 1003, "message": "exceed qps limit"}}, 200, id="volcengine-rate"),
        pytest.param("volcengine", {"resp": {"code": "1005"}}, 200, id="volcengine-busy"),
        pytest.param("volcengine", {"resp": {"code": 1002}}, 200, id="volcengine-token"),
        pytest.param("volcengine", {"resp": {"code": 7}}, 200, id="volcengine-undocumented"),
        pytest.param("volcengine", {"resp": {"code": "9"}}, 500, id="volcengine-500-with-an-unknown-code"),
        pytest.param("volcengine", {"resp": {"code": "1000"}}, 200, id="volcengine-success-without-result"),
        pytest.param("volcengine", {"error": "oops"}, 503, id="volcengine-503-without-a-code"),
        pytest.param("abcpen", {"code": "10800", "data": {}}, 200, id="abcpen-rate"),
        pytest.param("abcpen", {"code": "10202", "data": {}}, 200, id="abcpen-connect"),
        pytest.param("abcpen", {"code": "10204", "data": {}}, 200, id="abcpen-write"),
        pytest.param("abcpen", {"code": "10205", "data": {}}, 200, id="abcpen-read"),
        pytest.param("abcpen", {"code": "16003", "data": {}}, 200, id="abcpen-component"),
        pytest.param("abcpen", {"code": "10105", "data": {}}, 200, id="abcpen-access"),
        pytest.param("abcpen", {"code": "77"}, 200, id="abcpen-undocumented"),
        pytest.param("abcpen", {"code": "9"}, 502, id="abcpen-502-with-an-unknown-code"),
        pytest.param("abcpen", {"code": "0", "data": {}}, 200, id="abcpen-success-without-result"),
        pytest.param("volcengine", "<html>Bad Gateway</html>", 502, id="volcengine-html"),
        pytest.param("volcengine", "", 200, id="volcengine-nothing"),
        pytest.param("volcengine", "denied", 403, id="volcengine-403"),
        pytest.param("abcpen", "<html>Too many</html>", 429, id="abcpen-429"),
        pytest.param("abcpen", "[]", 200, id="abcpen-a-list"),
    ],
)
def test_failed_query_does_not_end_the_task(name, document, status):
    with pytest.raises(QueryFailedError):
        VENDORS[name].read_query(answer(document, status), a_recognition_request())


@pytest.mark.parametrize(
    ("name", "document", "status", "error_class"),
    [
        pytest.param("volcengine", {"resp": {"code": 1012}}, 200, ErrorClass.BAD_AUDIO, id="volcengine-format"),
        pytest.param("volcengine", {"resp": {"code": 1015}}, 200, ErrorClass.RETRY, id="volcengine-download"),
        pytest.param("volcengine", {"resp": {"code": 1021}}, 200, ErrorClass.RETRY, id="volcengine-timeout"),
        pytest.param("volcengine", {"resp": {"code": 1022}}, 500, ErrorClass.RETRY, id="volcengine-500-with-a-code"),
        pytest.param("volcengine", {"resp": {"code": 1006}}, 200, ErrorClass.RETRY, id="volcengine-broken-off"),
        pytest.param("volcengine", {"resp": {"code": 1099}}, 200, ErrorClass.RETRY, id="volcengine-cause-unknown"),
        pytest.param("abcpen", {"code": "10700", "data": {}}, 200, ErrorClass.RETRY, id="abcpen-engine"),
        pytest.param("abcpen", {"code": "10701", "data": {}}, 200, ErrorClass.BAD_AUDIO, id="abcpen-codec"),
    ],
)
def test_failed_task_raises_its_error(name, document, status, error_class):
    with pytest.raises(AsrError) as failure:
        VENDORS[name].read_query(answer(document, status), a_recognition_request())

    assert not isinstance(failure.value, QueryFailedError)
    assert failure.value.error_class is error_class


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    ("body", "status", "code", "error_class"),
    [
        pytest.param("<html>Bad Gateway</html>", 502, "Http502", ErrorClass.RETRY, id="html-502"),
        pytest.param("", 200, "EmptyReply", ErrorClass.RETRY, id="nothing"),
        pytest.param("moved", 302, "Http302", ErrorClass.RETRY, id="redirect"),
        pytest.param("denied", 403, "Http403", ErrorClass.CONFIG, id="403"),
        pytest.param("slow down", 429, "Http429", ErrorClass.RETRY, id="429"),
        pytest.param('{"message": "Unauthorized"}', 401, "Http401", ErrorClass.CONFIG, id="401-in-json"),
        pytest.param("null", 200, "NotJson", ErrorClass.RETRY, id="null"),
        pytest.param("[" * 100_000, 200, "NotJson", ErrorClass.RETRY, id="too-deep"),
    ],
)
def test_unusable_submission_reply_is_retried(name, body, status, code, error_class):
    with pytest.raises(AsrError) as failure:
        VENDORS[name].read_submit(answer(body, status), a_recognition_request())

    assert (failure.value.code, failure.value.error_class) == (code, error_class)
    assert failure.value.vendor == name
