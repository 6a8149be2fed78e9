"""Tencent's recording recognition, current generation: what it is sent, and what is read from what it says."""

import json

import pytest
from tencentcloud.asr.v20190614 import models

from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass, QueryFailedError
from asrcore.core.vendor import Accepted, Delivery, InProgress
from asrcore.vendors import tc3
from asrcore.vendors.tencent_rec_task import TencentRecTask
from tests.support.recognition_requests import (
    AUDIO_URL,
    CALLBACK_URL,
    NOW,
    a_recognition_request,
    answer,
    endpoint_of,
    json_of,
    lines,
    submission,
    words,
)

VENDOR = TencentRecTask()
TELEPHONE = {"sample_rate_hz": 8000}
STEREO = {**TELEPHONE, "channels": 2}


def response(**data):
    return answer({"Response": {"RequestId": "6f0c2f7e-0000-4000-8000-000000000001", "Data": data}})


def refusal(code, message=""):
    return answer({"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "r"}})


class TestSubmission:
    def test_by_url(self):
        request = submission(VENDOR, a_recognition_request())

        assert (request.method, request.headers["X-TC-Action"]) == ("POST", "CreateRecTask")
        assert json_of(request) == {
            "EngineModelType": "16k_zh",
            "ChannelNum": 1,
            "ResTextFormat": 2,
            "SourceType": 0,
            "Url": AUDIO_URL,
            "CallbackUrl": CALLBACK_URL,
        }

    def test_data_length_is_before_base64(self):
        sent = json_of(submission(VENDOR, a_recognition_request(), Delivery(data=b"RIFF")))

        assert (sent["SourceType"], sent["Data"], sent["DataLen"]) == (1, "UklGRg==", 4)
        assert "Url" not in sent

    @pytest.mark.parametrize(
        ("options", "audio", "sent"),
        [
            pytest.param({}, TELEPHONE, {"EngineModelType": "8k_zh"}, id="telephone"),
            pytest.param({"language": "en"}, TELEPHONE, {"EngineModelType": "8k_en"}, id="english-telephone"),
            pytest.param({"language": "yue"}, {}, {"EngineModelType": "16k_yue"}, id="cantonese"),
            pytest.param({}, {"sample_rate_hz": 44100}, {"EngineModelType": "16k_zh"}, id="44100-Hz"),
            pytest.param(
                {"language": "ja-JP"}, {}, {"EngineModelType": "16k_ja", "ResTextFormat": 0}, id="engine-of-lines-only"
            ),
            pytest.param({"model": "16k_zh_en"}, {}, {"EngineModelType": "16k_zh_en"}, id="engine-by-name"),
            pytest.param({"model": "volc.bigasr.auc"}, {}, {"EngineModelType": "16k_zh"}, id="model-of-another-vendor"),
            pytest.param({}, STEREO, {"ChannelNum": 2, "EngineModelType": "8k_zh"}, id="stereo"),
            pytest.param({"words": False}, {}, {"ResTextFormat": 0}, id="no-words"),
            pytest.param({"punctuation": False}, {}, {"ResTextFormat": 1, "FilterPunc": 2}, id="no-punctuation"),
            pytest.param({"speakers": 0}, {}, {"SpeakerDiarization": 1}, id="speakers-found-out"),
            pytest.param({"speakers": 2}, {}, {"SpeakerDiarization": 1}, id="16-kHz-takes-no-number-of-speakers"),
            pytest.param(
                {"speakers": 2}, TELEPHONE, {"SpeakerDiarization": 1, "SpeakerNumber": 2}, id="two-speakers-at-8-kHz"
            ),
            pytest.param({"hotwords": "腾讯云,ASR"}, {}, {"HotwordList": "腾讯云|10,ASR|10"}, id="hot-words"),
            pytest.param({"filter_fillers": True}, {}, {"FilterModal": 1}, id="without-fillers"),
            pytest.param({"inverse_text_normalization": False}, {}, {"ConvertNumMode": 0}, id="numbers-in-words"),
            pytest.param(
                {"vendor": {"tencent-rec-task": {"SentenceMaxLength": 20}}},
                {},
                {"SentenceMaxLength": 20, "ResTextFormat": 3},
                id="subtitles",
            ),
            pytest.param(
                {
                    "model": "16k_zh_en",
                    "vendor": {"tencent-rec-task": {"RoleAudioUrl": "https://v.example.com/a.wav", "RoleName": "张三"}},
                },
                {},
                {
                    "SpeakerDiarization": 3,
                    "SpeakerRoles": [{"RoleAudioUrl": "https://v.example.com/a.wav", "RoleName": "张三"}],
                },
                id="a-speaker-known-by-voice",
            ),
        ],
    )
    def test_options(self, options, audio, sent):
        body = json_of(submission(VENDOR, a_recognition_request(options=options, **audio)))

        assert body | sent == body

    @pytest.mark.parametrize(
        ("options", "audio"),
        [
            pytest.param({"speakers": 2}, STEREO, id="channels-tell-the-speakers-apart"),
            pytest.param({"speakers": 2, "model": "16k_yue"}, {}, id="engine-that-cannot"),
            pytest.param({}, {}, id="not-requested"),
        ],
    )
    def test_diarization_is_left_out(self, options, audio):
        assert "SpeakerDiarization" not in json_of(submission(VENDOR, a_recognition_request(options=options, **audio)))

    @pytest.mark.parametrize(
        ("options", "audio"),
        [
            pytest.param({}, {}, id="plain"),
            pytest.param({"speakers": 2, "hotwords": "笔声", "punctuation": False}, TELEPHONE, id="everything"),
        ],
    )
    def test_each_parameter_exists_in_the_vendors_sdk(self, options, audio):
        body = json_of(submission(VENDOR, a_recognition_request(options=options, **audio)))
        request = models.CreateRecTaskRequest()

        request._deserialize(dict(body))

        known = {name: value for name, value in vars(request).items() if value is not None}
        assert {name.removeprefix("_") for name in known} == body.keys()

    def test_signature_covers_the_sent_bytes(self):
        for request in (
            submission(VENDOR, a_recognition_request()),
            VENDOR.query_request("5", endpoint_of(VENDOR), now=NOW),
        ):
            endpoint = endpoint_of(VENDOR).credentials
            assert request.headers["Authorization"] == tc3.authorization(
                {name: request.headers[name] for name in ("Content-Type", "Host")},
                request.body,
                service="asr",
                now=NOW,
                secret_id=endpoint["secret_id"],
                secret_key=endpoint["secret_key"],
            )

    def test_query_names_the_task_as_a_number(self):
        request = VENDOR.query_request(str(2**64 - 1), endpoint_of(VENDOR), now=NOW)

        assert request.headers["X-TC-Action"] == "DescribeTaskStatus"
        assert request.body == b'{"TaskId": 18446744073709551615}'


class TestLimits:
    @pytest.mark.parametrize(
        ("audio", "options"),
        [
            pytest.param({"duration_ms": 5 * 3_600_000}, {}, id="5-hours"),
            pytest.param({"format": "ogg", "codec": "opus", "sample_rate_hz": 48000}, {}, id="opus"),
            pytest.param({"format": "m4a", "codec": "aac", "sample_rate_hz": 44100}, {}, id="m4a"),
            pytest.param({"format": "wma", "codec": "wmav2"}, {}, id="wma"),
            pytest.param(STEREO, {}, id="stereo-from-a-telephone"),
            pytest.param({}, {"language": "de-DE"}, id="german"),
        ],
    )
    def test_taken(self, audio, options):
        assert VENDOR.rejection_reason(a_recognition_request(options=options, **audio)) is None

    @pytest.mark.parametrize(
        ("audio", "options", "reason"),
        [
            pytest.param({"duration_ms": 5 * 3_600_000 + 1}, {}, "length 18000.001 s", id="too-long"),
            pytest.param({"channels": 2}, {}, "stereo; this vendor accepts mono", id="stereo-at-16-kHz"),
            pytest.param({"format": "pcm"}, {}, "format pcm", id="raw-pcm"),
            pytest.param({"format": "ogg", "codec": "speex"}, {}, "codec speex in ogg (accepts opus)", id="speex"),
            pytest.param(TELEPHONE, {"language": "ja-JP"}, "ja-JP at 8000 Hz", id="japanese-telephone"),
            pytest.param({}, {"language": "ru-RU"}, "language ru-RU", id="russian"),
        ],
    )
    def test_refused_in_words(self, audio, options, reason):
        assert reason in str(VENDOR.rejection_reason(a_recognition_request(options=options, **audio)))

    def test_size_and_delivery(self):
        assert VENDOR.rejection_reason(a_recognition_request(size_bytes=10**9)) is None
        assert "size 1000000001 bytes" in str(VENDOR.rejection_reason(a_recognition_request(size_bytes=10**9 + 1)))
        assert (VENDOR.limits.max_data_bytes, VENDOR.limits.max_url_length) == (5 * 1024 * 1024, 2047)


def test_accepted():
    assert VENDOR.read_submit(response(TaskId=6000000123456), a_recognition_request()) == Accepted("6000000123456")


@pytest.mark.parametrize("data", [{}, {"TaskId": 0}, {"TaskId": "abc"}, {"TaskId": None}], ids=str)
def test_acceptance_without_a_task_id_is_retried(data):
    with pytest.raises(AsrError) as failure:
        VENDOR.read_submit(response(**data), a_recognition_request())

    assert (failure.value.error_class, failure.value.code) == (ErrorClass.RETRY, "NoTaskId")


DETAIL = {
    "FinalSentence": "今天天气怎么样。",
    "SliceSentence": "今天 天气 怎么样",
    "WrittenText": None,
    "StartMs": 20,
    "EndMs": 2380,
    "WordsNum": 3,
    "Words": [
        {"Word": "今天", "OffsetStartMs": 120, "OffsetEndMs": 780},
        {"Word": "天气", "OffsetStartMs": 780, "OffsetEndMs": 1530},
        {"Word": "怎么样", "OffsetStartMs": 1530, "OffsetEndMs": 2250},
    ],
    "SpeechSpeed": 3.0,
    "SpeakerId": 0,
    "EmotionalEnergy": None,
    "SilenceTime": None,
    "EmotionType": None,
    "KeyWordResults": None,
    "LangType": None,
    "SpeakerRoleName": None,
}
DONE = {
    "TaskId": 6000000123456,
    "Status": 2,
    "StatusStr": "success",
    "AudioDuration": 2.432,
    "Result": "[0:0.020,0:2.380,0]  今天天气怎么样。\n",
    "ErrorMsg": "",
    "ResultDetail": [DETAIL],
}
WORDS = [(140, 800, "今天"), (800, 1550, "天气"), (1550, 2270, "怎么样")]
CALLED_BACK = (
    "code=0&requestId=6000000123456&appid=125000001&projectid=0&audioUrl=http%3A%2F%2Faudio.example.com%2Fa.wav&text=%5B0"
    "%3A0.020%2C0%3A2.380%2C0%5D++%E4%BB%8A%E5%A4%A9%E5%A4%A9%E6%B0%94%E6%80%8E%E4%B9%88%E6%A0%B7%E3%80%82%0A&audioTime=2"
    ".432000&message=&resultDetail=%5B%7B%22FinalSentence%22%3A%22%E4%BB%8A%E5%A4%A9%E5%A4%A9%E6%B0%94%E6%80%8E%E4%B9%88"
    "%E6%A0%B7%E3%80%82%22%2C%22SliceSentence%22%3A%22%E4%BB%8A%E5%A4%A9+%E5%A4%A9%E6%B0%94+%E6%80%8E%E4%B9%88%E6%A0%B7"
    "%22%2C%22StartMs%22%3A20%2C%22EndMs%22%3A2380%2C%22WordsNum%22%3A3%2C%22Words%22%3A%5B%7B%22Word%22%3A%22%E4%BB%8A"
    "%E5%A4%A9%22%2C%22OffsetStartMs%22%3A120%2C%22OffsetEndMs%22%3A780%7D%2C%7B%22Word%22%3A%22%E5%A4%A9%E6%B0%94%22%2C"
    "%22OffsetStartMs%22%3A780%2C%22OffsetEndMs%22%3A1530%7D%2C%7B%22Word%22%3A%22%E6%80%8E%E4%B9%88%E6%A0%B7%22%2C%22Off"
    "setStartMs%22%3A1530%2C%22OffsetEndMs%22%3A2250%7D%5D%2C%22SpeechSpeed%22%3A3.0%2C%22SpeakerId%22%3A0%7D%5D"
)


class TestResult:
    def test_sentence_and_words(self):
        result = VENDOR.read_query(response(**DONE), a_recognition_request())

        assert (result.text, result.duration_ms) == ("今天天气怎么样。", 2432)
        assert lines(result) == [(20, 2380, "今天天气怎么样。", None, None)]
        assert words(result) == WORDS

    def test_callback_equals_the_query(self):
        told = VENDOR.read_callback(CALLED_BACK.encode(), "application/x-www-form-urlencoded", a_recognition_request())

        assert told.vendor_task_id == "6000000123456"
        assert told.outcome == VENDOR.read_query(response(**DONE), a_recognition_request())

    @pytest.mark.parametrize(
        ("options", "audio", "speaker", "channel"),
        [
            pytest.param({}, {}, None, None, id="not-asked"),
            pytest.param({"speakers": 0}, {}, "0", None, id="speakers-asked"),
            pytest.param({"speakers": 0}, STEREO, None, 0, id="stereo"),
        ],
    )
    @pytest.mark.parametrize("detail", [[DETAIL], None], ids=["detail", "lines-only"])
    def test_speaker_is_read(self, options, audio, speaker, channel, detail):
        result = VENDOR.read_query(
            response(**DONE | {"ResultDetail": detail}), a_recognition_request(options=options, **audio)
        )

        assert lines(result) == [(20, 2380, "今天天气怎么样。", speaker, channel)]

    @pytest.mark.parametrize(
        ("start_ms", "end_ms", "offsets", "expected"),
        [
            pytest.param(1000, 2000, (100, 900), (1100, 1900), id="within-the-sentence"),
            pytest.param(1000, 2000, (1100, 1900), (1100, 1900), id="counted-from-the-start-of-the-recording"),
            pytest.param(1000, 2000, (500, 1150), (1500, 2150), id="a-little-beyond-the-end"),
            pytest.param(1000, 2000, (900, 1900), (1900, 2900), id="beyond-the-end-but-before-the-start"),
            pytest.param(1000, None, (100, 900), (None, None), id="no-end"),
        ],
    )
    def test_word_offsets(self, start_ms, end_ms, offsets, expected):
        word = {"Word": "好", "OffsetStartMs": offsets[0], "OffsetEndMs": offsets[1]}
        sentence = {"FinalSentence": "好。", "StartMs": start_ms, "EndMs": end_ms, "Words": [word]}

        (told,) = words(VENDOR.read_query(response(Status=2, ResultDetail=[sentence]), a_recognition_request()))

        assert told[:2] == (expected if end_ms else (1100, 1900))

    def test_punctuation_is_not_a_word(self):
        marks = [*DETAIL["Words"], {"Word": "。", "OffsetStartMs": 2250, "OffsetEndMs": 2250}]

        result = VENDOR.read_query(
            response(**DONE | {"ResultDetail": [{**DETAIL, "Words": marks}]}), a_recognition_request()
        )

        assert words(result) == WORDS

    def test_unwanted_words_are_omitted(self):
        assert words(VENDOR.read_query(response(**DONE), a_recognition_request(options={"words": False}))) == []

    @pytest.mark.parametrize(
        ("given", "emotion"),
        [(["happy"], "happy"), (["sad", "happy"], "sad"), ([], None), (None, None), ("happy", None), ([None], None)],
        ids=str,
    )
    def test_emotion(self, given, emotion):
        result = VENDOR.read_query(
            response(**DONE | {"ResultDetail": [{**DETAIL, "EmotionType": given}]}), a_recognition_request()
        )

        assert result.utterances[0].emotion == emotion

    def test_speaker_recognized_by_voice_has_a_name(self):
        request = a_recognition_request(options={"speakers": 0})

        result = VENDOR.read_query(
            response(**DONE | {"ResultDetail": [{**DETAIL, "SpeakerRoleName": "张三"}]}), request
        )

        assert result.utterances[0].speaker == "张三"

    @pytest.mark.parametrize("detail", [None, []], ids=str)
    def test_silence(self, detail):
        result = VENDOR.read_query(
            response(TaskId=1, Status=2, AudioDuration=3.0, Result="", ResultDetail=detail), a_recognition_request()
        )

        assert (result.text, result.utterances, result.duration_ms) == ("", [], 3000)

    @pytest.mark.parametrize("detail", ["", "not JSON", "{}"], ids=str)
    def test_callback_without_detail_is_read_from_lines(self, detail):
        body = f"code=0&requestId=5&text=[0:0.020,0:2.380]  好。&audioTime=2.4&resultDetail={detail}"

        told = VENDOR.read_callback(body.encode(), "", a_recognition_request())

        assert lines(told.outcome) == [(20, 2380, "好。", None, None)]


class TestNoResult:
    @pytest.mark.parametrize(("status", "word"), [(0, "waiting"), (0, "wait"), (1, "doing"), ("1", "doing")], ids=str)
    def test_in_progress(self, status, word):
        reply = response(
            TaskId=6000000123456,
            Status=status,
            StatusStr=word,
            AudioDuration=0,
            Result="",
            ErrorMsg="",
            ResultDetail=None,
        )

        assert VENDOR.read_query(reply, a_recognition_request()) == InProgress()

    @pytest.mark.parametrize(
        ("message", "error_class", "trait"),
        [
            pytest.param("Failed to download audio file!", ErrorClass.RETRY, None, id="download"),
            pytest.param("Audio is TOO LONG", ErrorClass.BAD_AUDIO, AudioConstraint.LENGTH, id="too long"),
            pytest.param("audio too short", ErrorClass.BAD_AUDIO, AudioConstraint.SHORTNESS, id="too short"),
            pytest.param("unsupported format", ErrorClass.BAD_AUDIO, AudioConstraint.FORMAT, id="format"),
            pytest.param("Failed to decode", ErrorClass.BAD_AUDIO, AudioConstraint.FORMAT, id="decode"),
            pytest.param("invalid audio file", ErrorClass.BAD_AUDIO, AudioConstraint.FORMAT, id="invalid"),
            pytest.param("number of tracks", ErrorClass.BAD_AUDIO, AudioConstraint.CHANNELS, id="tracks"),
            pytest.param("Brandnew trouble", ErrorClass.RETRY, None, id="anything-else"),
            pytest.param("", ErrorClass.RETRY, None, id="nothing"),
            pytest.param("录音下载失败，请稍后再试", ErrorClass.RETRY, None, id="download, in Chinese"),
            pytest.param("录音时长过长", ErrorClass.BAD_AUDIO, AudioConstraint.LENGTH, id="too long, in Chinese"),
            pytest.param("录音时长过短", ErrorClass.BAD_AUDIO, AudioConstraint.SHORTNESS, id="too short, in Chinese"),
            pytest.param("音轨个数不匹配", ErrorClass.BAD_AUDIO, AudioConstraint.CHANNELS, id="tracks, in Chinese"),
            pytest.param("录音格式不支持", ErrorClass.BAD_AUDIO, AudioConstraint.FORMAT, id="format, in Chinese"),
            pytest.param("系统繁忙", ErrorClass.RETRY, None, id="anything else, in Chinese"),
        ],
    )
    def test_failed_task_is_classified_by_its_message(self, message, error_class, trait):
        reply = response(
            TaskId=6000000123457,
            Status=3,
            StatusStr="failed",
            AudioDuration=0,
            Result="",
            ErrorMsg=message,
            ResultDetail=None,
        )

        with pytest.raises(AsrError) as failure:
            VENDOR.read_query(reply, a_recognition_request())

        assert (failure.value.error_class, failure.value.code) == (error_class, "TaskFailed")
        assert trait in (None, failure.value.constraint)
        assert message in failure.value.message
        assert not isinstance(failure.value, QueryFailedError)

    def test_failed_callback_is_classified_by_its_code(self):
        body = (
            "code=10007&requestId=6000000123457&appid=125000001&projectid=0&audioUrl=http%3A%2F%2Faudio.example.com%2Fb.wav"
            "&text=&audioTime=0.000000&message=Failed+to+download+audio+file%21&resultDetail="
        )

        told = VENDOR.read_callback(body.encode(), "application/x-www-form-urlencoded", a_recognition_request())

        assert told.vendor_task_id == "6000000123457"
        assert (told.outcome.error_class, told.outcome.code) == (ErrorClass.RETRY, "10007")
        assert "Failed to download audio file!" in told.outcome.message

    @pytest.mark.parametrize("body", [b"", b"hello", b"text=a", b"code=x&text=a", b"code=0&requestId=5"], ids=str)
    def test_callback_of_another_shape_is_refused(self, body):
        with pytest.raises(AsrError, match="BadCallback"):
            VENDOR.read_callback(body, "", a_recognition_request())

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(refusal("RequestLimitExceeded"), id="rate"),
            pytest.param(refusal("InternalError.FailAccessRedis"), id="internal"),
            pytest.param(refusal("Brandnew"), id="unknown"),
            pytest.param(refusal("FailedOperation.ServiceIsolate"), id="arrears"),
            pytest.param(refusal("AuthFailure.SignatureFailure"), id="key"),
            pytest.param(response(), id="no-status"),
            pytest.param(response(Status=7), id="unknown-status"),
            pytest.param(response(Status=2), id="success-without-result"),
            pytest.param(answer({"Response": {}}), id="no-data"),
            pytest.param(answer("<html>", 502), id="html"),
        ],
    )
    def test_failed_query_does_not_end_the_task(self, reply):
        with pytest.raises(QueryFailedError):
            VENDOR.read_query(reply, a_recognition_request())

    @pytest.mark.parametrize(
        ("code", "error_class"),
        [
            pytest.param("FailedOperation.ErrorDownFile", ErrorClass.RETRY, id="download"),
            pytest.param("FailedOperation.ErrorRecognize", ErrorClass.RETRY, id="recognition"),
        ],
    )
    def test_failed_task_raises_its_error(self, code, error_class):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_query(refusal(code, "错误的TaskId。"), a_recognition_request())

        assert not isinstance(failure.value, QueryFailedError)
        assert (failure.value.error_class, failure.value.code) == (error_class, code)


def test_reply_built_by_the_vendors_sdk_is_read():
    status = models.DescribeTaskStatusResponse()
    status._deserialize({"Data": DONE, "RequestId": "r"})

    result = VENDOR.read_query(response(**json.loads(status.Data.to_json_string())), a_recognition_request())

    assert words(result) == WORDS
