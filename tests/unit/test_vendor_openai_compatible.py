"""What a server with OpenAI's interface is sent, and what its reply means, in every form that such servers have."""

import dataclasses
import json

import pytest

from asrcore.aws import connect
from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass
from asrcore.core.tuning import read_vendor_tuning
from asrcore.core.vendor import CONNECT_TIMEOUT_S, Delivery, HttpReply, VendorEndpoint
from asrcore.vendors.openai_compatible import OpenaiCompatible
from asrcore.vendors.registry import VENDORS
from tests.support.recognition_requests import (
    a_recognition_request,
    answer,
    endpoint_of,
    lines,
    multipart_of,
    stream_of,
    submission,
    words,
)
from tests.unit.test_core import TestSettings

VENDOR = OpenaiCompatible()
BASE_URL = "https://asr.example.com"
SENTENCE = "今天天气怎么样。"


def parts(options=None, model="", **audio):
    endpoint = VendorEndpoint(BASE_URL, {}, model)
    return multipart_of(submission(VENDOR, a_recognition_request(options=options, **audio), endpoint=endpoint))


def field(name, **request):
    return [content.decode() for part, content in parts(**request) if part == name]


def read(document, **request):
    return VENDOR.read_submit(answer(document), a_recognition_request(**request))


def failure(document, status=200, headers=None, **request):
    reply = dataclasses.replace(answer(document, status), headers=headers or {})
    with pytest.raises(AsrError) as failed:
        VENDOR.read_submit(reply, a_recognition_request(**request))
    assert failed.value.vendor == VENDOR.name
    return failed.value


def test_request_has_the_recording_and_the_usual_fields():
    request = submission(
        VENDOR, a_recognition_request(), endpoint=VendorEndpoint(BASE_URL, {"api_key": "key"}, "whisper-1")
    )

    assert (request.method, request.url) == ("POST", f"{BASE_URL}/v1/audio/transcriptions")
    assert request.headers["Authorization"] == "Bearer key"
    assert multipart_of(request) == [
        ("model", b"whisper-1"),
        ("language", b"zh"),
        ("response_format", b"verbose_json"),
        ("timestamp_granularities[]", b"word"),
        ("timestamp_granularities[]", b"segment"),
        ("file", b"RIFF"),
    ]


@pytest.mark.parametrize("credentials", [{}, {"api_key": ""}, {"note": "x"}], ids=str)
def test_request_without_a_key_has_no_authorization(credentials):
    assert (
        "Authorization"
        not in submission(VENDOR, a_recognition_request(), endpoint=VendorEndpoint(BASE_URL, credentials)).headers
    )


def test_vendor_needs_no_credentials():
    assert VENDOR.missing_credentials({}) is None


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://10.0.0.7:8000", "http://10.0.0.7:8000/v1/audio/transcriptions"),
        ("http://10.0.0.7:8000/", "http://10.0.0.7:8000/v1/audio/transcriptions"),
        ("https://asr.example.com/team/a", "https://asr.example.com/team/a/v1/audio/transcriptions"),
        ("https://api.example.com/openai/v1", "https://api.example.com/openai/v1/audio/transcriptions"),
        ("https://api.example.com/openai/v1/", "https://api.example.com/openai/v1/audio/transcriptions"),
    ],
)
def test_base_url_may_have_a_path_before_v1(base_url, address):
    assert submission(VENDOR, a_recognition_request(), endpoint=VendorEndpoint(base_url, {})).url == address


@pytest.mark.parametrize(
    ("options", "name", "sent"),
    [
        pytest.param({"language": "en"}, "language", ["en"], id="language"),
        pytest.param({"language": "yue"}, "language", ["yue"], id="cantonese"),
        pytest.param({"vendor": {VENDOR.name: {"language": "auto"}}}, "language", [], id="language-detected"),
        pytest.param({"hotwords": "笔声, 李华"}, "prompt", ["笔声, 李华"], id="hotwords"),
        pytest.param(
            {"hotwords": "笔声", "vendor": {VENDOR.name: {"prompt": "你好。"}}}, "prompt", ["你好。"], id="prompt-wins"
        ),
        pytest.param({"words": False}, "timestamp_granularities[]", ["segment"], id="without-words"),
        pytest.param({"model": "large-v3"}, "model", ["large-v3"], id="model-of-the-recording"),
        pytest.param(
            {"vendor": {VENDOR.name: {"model": "org/large"}}}, "model", ["org/large"], id="model-with-a-slash"
        ),
        pytest.param({}, "model", ["whisper-1"], id="model-of-the-stack"),
        pytest.param({"vendor": {VENDOR.name: {"temperature": "0.2"}}}, "temperature", ["0.2"], id="temperature"),
    ],
)
def test_option_becomes_a_field(options, name, sent):
    assert field(name, options=options, model="whisper-1") == sent


def test_no_model_leaves_the_choice_to_the_server():
    assert field("model") == []


def test_server_that_returns_only_text_gets_no_time_fields():
    sent = dict(parts(options={"vendor": {VENDOR.name: {"response_format": "json"}}}))

    assert sent["response_format"] == b"json"
    assert "timestamp_granularities[]" not in sent


@pytest.mark.parametrize(
    ("response_format", "unsupported_options"),
    [("verbose_json", {"speakers"}), ("json", {"speakers", "words"}), ("diarized_json", {"words"})],
)
def test_response_format_decides_what_is_unsupported(response_format, unsupported_options):
    own = {"vendor": {VENDOR.name: {"response_format": response_format}}}

    assert (
        VENDOR.unsupported_options(a_recognition_request(options={"speakers": 2, "words": True, **own}))
        == unsupported_options
    )


@pytest.mark.parametrize("format_", sorted(VENDOR.limits.formats))
def test_file_name_and_content_type_name_the_format(format_):
    body = b"".join(submission(VENDOR, a_recognition_request(format=format_)).body)

    assert f'filename="recording.{format_}"\r\nContent-Type: '.encode() in body


def test_key_and_recording_are_not_shown():
    request = submission(VENDOR, a_recognition_request(), Delivery(stream=stream_of(b"private")), endpoint_of(VENDOR))

    assert "private" not in repr(request)
    assert endpoint_of(VENDOR).credentials["api_key"] not in repr(request)


def test_recording_by_url_is_refused():
    with pytest.raises(ValueError, match="as bytes only"):
        submission(VENDOR, a_recognition_request(), Delivery(url="https://audio.example.com/a.wav"))


def test_body_is_read_anew_for_every_request():
    opened = []
    stream = stream_of(b"RIFF")
    counted = dataclasses.replace(stream, open=lambda: opened.append(1) or stream.open())

    first, second = (submission(VENDOR, a_recognition_request(), Delivery(stream=counted)) for _ in range(2))

    assert opened == []
    assert b"".join(first.body) == b"".join(second.body) == b"".join(first.body)
    assert len(opened) == 3


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_no_request_outlasts_the_longest_call_of_its_vendor(vendor):
    request = submission(vendor, a_recognition_request(format="wav"))

    assert CONNECT_TIMEOUT_S < request.longest_s <= vendor.longest_call_s


def test_long_call_gives_the_server_most_of_its_time():
    assert submission(VENDOR, a_recognition_request()).longest_s == VENDOR.longest_call_s


# ---- limits ----------------------------------------------------------------------------------------------------------


def tuned(**fields):
    tuning = read_vendor_tuning(json.dumps({VENDOR.name: fields}), VENDORS)
    return VENDOR.tuned(tuning[VENDOR.name])


def test_limits_are_25_mb_and_an_hour_unless_tuned():
    vendor = tuned()

    assert vendor.rejection_reason(a_recognition_request(size_bytes=25_000_000, duration_ms=3_600_000)) is None
    assert "size 25000001 bytes" in str(vendor.rejection_reason(a_recognition_request(size_bytes=25_000_001)))
    assert "length 3600.001 s" in str(vendor.rejection_reason(a_recognition_request(duration_ms=3_600_001)))
    assert vendor.limits == VENDOR.limits


def test_tuning_sets_largest_upload_and_longest_recording():
    vendor = tuned(max_data_bytes=500_000_000, max_duration_s=7200)

    assert vendor.rejection_reason(a_recognition_request(size_bytes=500_000_000, duration_ms=7_200_000)) is None
    assert "accepts up to 500000000" in str(vendor.rejection_reason(a_recognition_request(size_bytes=500_000_001)))
    assert "accepts up to 7200 s" in str(vendor.rejection_reason(a_recognition_request(duration_ms=7_200_001)))


def test_functions_connect_to_the_tuned_vendor():
    changes = json.dumps({VENDOR.name: {"max_data_bytes": 7, "model": "paraformer"}})
    environment = {**TestSettings.ENVIRONMENT, "VENDOR_TUNING": changes, "OPENAI_COMPATIBLE_BASE_URL": BASE_URL}

    services = dataclasses.replace(connect(environment, client=lambda *_, **__: None), vendor_secret=lambda **_: {})

    assert "size 8 bytes (accepts up to 7)" in str(
        services.vendors[VENDOR.name].rejection_reason(a_recognition_request(size_bytes=8))
    )
    assert services.endpoint(VENDOR) == VendorEndpoint(BASE_URL, {}, "paraformer")


def test_tuning_leaves_other_vendors_limits_alone():
    for name, vendor in VENDORS.items():
        if name != VENDOR.name:
            assert vendor.tuned(vendor.tuning) is vendor


# ---- replies ---------------------------------------------------------------------------------------------------------

WORDS = [{"word": "今天", "start": 0.1, "end": 0.4}, {"word": "天气", "start": 0.5, "end": 1.25}]


def test_openai_reply_has_words_beside_the_segments():
    document = {
        "task": "transcribe",
        "language": "chinese",
        "duration": 4.0,
        "text": "今天天气",
        "segments": [
            {"id": 0, "start": 0.0, "end": 0.45, "text": " 今天", "avg_logprob": -0.2},
            {"id": 1, "start": 0.45, "end": 1.3, "text": " 天气", "avg_logprob": -0.2},
        ],
        "words": WORDS,
    }

    heard = read(document)

    assert lines(heard) == [(0, 450, "今天", None, None), (450, 1300, "天气", None, None)]
    assert [[word.text for word in each.words] for each in heard.utterances] == [["今天"], ["天气"]]
    assert words(heard) == [(100, 400, "今天"), (500, 1250, "天气")]
    assert (heard.text, heard.language, heard.duration_ms) == ("今天天气", "zh-CN", 4000)


def test_speaches_reply_has_words_in_the_segments():
    words_inside = [{**word, "probability": 0.75} for word in WORDS]
    segment = {"id": 1, "start": 0.1, "end": 1.25, "text": "今天天气", "words": words_inside}

    heard = read({"language": "zh", "duration": 4.0, "text": "今天天气", "segments": [segment], "words": None})

    assert words(heard) == [(100, 400, "今天"), (500, 1250, "天气")]
    assert {word.confidence for word in heard.utterances[0].words} == {0.75}


def test_funasr_reply_has_speakers_and_not_the_length():
    segments = [
        {"start": 0.0, "end": 1.0, "text": "你好。", "speaker": 0},
        {"start": 1.0, "end": 2.0, "text": "你好。", "speaker": 1},
    ]

    heard = read(
        {"text": "你好。你好。", "segments": segments, "language": "auto", "duration": 0.312, "model": "paraformer"}
    )

    assert [each.speaker for each in heard.utterances] == ["0", "1"]
    assert (heard.duration_ms, heard.language) == (None, None)


def test_whisperx_reply_names_speakers_and_lacks_word_times():
    segment = {
        "start": 0.1,
        "end": 1.0,
        "text": "Hello 7",
        "speaker": "SPEAKER_01",
        "words": [{"word": "Hello", "start": 0.1, "end": 0.5, "score": 0.8}, {"word": "7"}],
    }

    heard = read({"segments": [segment], "language": "en"})

    assert heard.utterances[0].speaker == "SPEAKER_01"
    assert words(heard) == [(100, 500, "Hello"), (None, None, "7")]
    assert heard.text == "Hello 7"


def test_vllm_reply_has_its_length_as_text():
    segment = {"id": 0, "start": 0.0, "end": 2.5, "text": " Hello"}

    assert read({"duration": "4.0", "language": "en", "text": "Hello", "segments": [segment]}).duration_ms == 4000


def test_text_alone_is_one_utterance_over_the_whole_length():
    heard = read({"text": SENTENCE}, duration_ms=4000)

    assert lines(heard) == [(0, 4000, SENTENCE, None, None)]


def test_text_alone_of_an_unknown_length_has_no_times():
    assert lines(read({"text": SENTENCE}, duration_ms=None)) == [(None, None, SENTENCE, None, None)]


def test_words_without_segments_are_one_utterance():
    heard = read({"text": "今天天气", "words": WORDS})

    assert lines(heard) == [(100, 1250, "今天天气", None, None)]
    assert words(heard) == [(100, 400, "今天"), (500, 1250, "天气")]


def test_unwanted_words_are_left_out():
    heard = read({"text": "今天天气", "words": WORDS}, options={"words": False})

    assert words(heard) == []


@pytest.mark.parametrize(
    "document", [{"text": ""}, {"text": "  ", "segments": [], "words": []}, {"segments": []}], ids=str
)
def test_silence_is_an_empty_recognition(document):
    heard = read(document)

    assert (heard.text, heard.utterances) == ("", [])


def test_unordered_segments_are_sorted_with_their_words():
    segments = [{"start": 0.45, "end": 1.3, "text": "天气"}, {"start": 0.0, "end": 0.45, "text": "今天"}]

    heard = read({"text": "今天天气", "segments": segments, "words": WORDS})

    assert [each.text for each in heard.utterances] == ["今天", "天气"]
    assert [[word.text for word in each.words] for each in heard.utterances] == [["今天"], ["天气"]]


def test_times_beyond_the_length_are_cut():
    segments = [
        {"start": 3.0, "end": 30.0, "text": "今天", "words": [{"word": "今天", "start": 3.0, "end": 5.0}]},
        {"start": 31.0, "end": 33.0, "text": "谢谢观看"},
    ]

    heard = read({"text": "今天谢谢观看", "segments": segments}, duration_ms=4000)

    assert lines(heard) == [(3000, 4000, "今天", None, None), (4000, 4000, "谢谢观看", None, None)]
    assert words(heard) == [(3000, 4000, "今天")]


@pytest.mark.parametrize(
    ("language", "tag"),
    [("chinese", "zh-CN"), ("Chinese", "zh-CN"), ("zh", "zh-CN"), ("english", "en-US"), ("welsh", None), (7, None)],
)
def test_language_by_name_or_code_becomes_a_tag(language, tag):
    assert read({"text": SENTENCE, "language": language}).language == tag


# ---- errors ----------------------------------------------------------------------------------------------------------


def openai_error(code=None, kind="invalid_request_error", message="oops", param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize(
    ("status", "document", "code", "error_class"),
    [
        (401, openai_error("invalid_api_key"), "invalid_api_key", ErrorClass.CONFIG),
        (429, openai_error("insufficient_quota", "insufficient_quota"), "insufficient_quota", ErrorClass.CONFIG),
        (429, openai_error(None, "insufficient_quota"), "insufficient_quota", ErrorClass.CONFIG),
        (429, openai_error("rate_limit_exceeded", "requests"), "rate_limit_exceeded", ErrorClass.RETRY),
        (404, openai_error("model_not_found"), "model_not_found", ErrorClass.CONFIG),
        (400, openai_error(param="file"), "UndecodableAudio", ErrorClass.BAD_AUDIO),
        (400, openai_error(message="Invalid file format. Supported: …"), "UndecodableAudio", ErrorClass.BAD_AUDIO),
        (400, openai_error("unsupported_value", param="response_format"), "Http400", ErrorClass.CONFIG),
        (413, openai_error(kind="server_error", code=None), "Http413", ErrorClass.BAD_AUDIO),
        (500, openai_error("server_error", "server_error"), "server_error", ErrorClass.RETRY),
        (
            400,
            {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400},
            "Http400",
            ErrorClass.CONFIG,
        ),
        (404, {"detail": "Model 'x' is not installed locally."}, "Http404", ErrorClass.CONFIG),
        (
            422,
            {"detail": [{"loc": ["body", "file"], "msg": "Field required", "type": "missing"}]},
            "Http422",
            ErrorClass.CONFIG,
        ),
        (500, {"detail": "Failed to load audio: ffmpeg"}, "UndecodableAudio", ErrorClass.BAD_AUDIO),
        (500, {"detail": "CUDA out of memory"}, "Http500", ErrorClass.RETRY),
        (503, {"status": "loading model"}, "Http503", ErrorClass.RETRY),
        (200, {"error": "failed to read WAV file"}, "UndecodableAudio", ErrorClass.BAD_AUDIO),
        (413, "<html>413 Request Entity Too Large</html>", "Http413", ErrorClass.BAD_AUDIO),
        (502, "<html>502 Bad Gateway</html>", "Http502", ErrorClass.RETRY),
        (401, "<html>Unauthorized</html>", "Http401", ErrorClass.CONFIG),
        (451, "<html>no</html>", "Http451", ErrorClass.CONFIG),
        (529, {"error": {"message": "overloaded"}}, "Http529", ErrorClass.RETRY),
        (200, "<html>Welcome</html>", "NotJson", ErrorClass.RETRY),
        (200, "", "EmptyReply", ErrorClass.RETRY),
        (200, "[]", "NotJson", ErrorClass.RETRY),
        (200, {}, "NoResult", ErrorClass.RETRY),
    ],
)
def test_error_is_classified(status, document, code, error_class):
    error = failure(document, status)

    assert (error.code, error.error_class) == (code, error_class)


def test_too_large_recording_has_the_constraint_size():
    error = failure({"detail": "too large"}, 413)

    assert error.constraint is AudioConstraint.SIZE
    assert "VendorTuning" in error.message


@pytest.mark.parametrize(
    ("document", "words_in_it"),
    [
        ({"detail": [{"loc": ["body", "model"], "msg": "Field required"}]}, "body.model: Field required"),
        ({"detail": "Model 'x' not found"}, "Model 'x' not found"),
        (openai_error(message="not today"), "not today"),
        ({"error": "no such model"}, "no such model"),
    ],
)
def test_servers_words_are_kept(document, words_in_it):
    assert words_in_it in failure(document, 400).message


def test_key_in_the_servers_words_is_not_kept():
    message = "Incorrect API key provided: sk-secret"

    for document in (openai_error("invalid_api_key", message=message), {"detail": message}):
        assert "sk-secret" not in str(failure(document, 401))


DATE = "Mon, 30 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "30"}, 30, id="seconds"),
        pytest.param({"retry-after": "86400"}, 3600, id="more-than-an-hour"),
        pytest.param({"retry-after": " 0 "}, 0, id="at-once"),
        pytest.param({"retry-after": "Mon, 30 Nov 2026 10:01:30 GMT", "date": DATE}, 90, id="date"),
        pytest.param({"retry-after": "Mon, 30 Nov 2026 09:59:00 GMT", "date": DATE}, 0, id="date-that-has-passed"),
        pytest.param({"retry-after": "Mon, 30 Nov 2026 10:01:30 GMT"}, 0, id="date-of-an-unknown-clock"),
        pytest.param({"retry-after": "Mon, 30 Nov 2026 10:01:30", "date": DATE}, 0, id="date-without-a-zone"),
        pytest.param({"retry-after": "soon", "date": DATE}, 0, id="a-word"),
        pytest.param({"retry-after": "-5"}, 0, id="negative"),
        pytest.param({"retry-after": "1.5"}, 0, id="a-fraction"),
        pytest.param({"retry-after": "9" * 400}, 0, id="a-huge-number"),
        pytest.param({"retry-after": "Mon, 30 Nov 99999 10:01:30 GMT", "date": DATE}, 0, id="no-such-year"),
        pytest.param({}, 0, id="none"),
    ],
)
def test_retry_after_is_read(headers, seconds):
    assert HttpReply(429, b"", headers).retry_after_s == seconds
    assert failure(openai_error("rate_limit_exceeded"), 429, headers).retry_after_s == seconds
    assert failure("<html>busy</html>", 503, headers).retry_after_s == seconds
