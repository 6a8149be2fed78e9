"""Check requests to abcpen's offline recognition, and the parsing of its replies."""

from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from asrcore.core.errors import AsrError, ErrorClass, QueryFailedError
from asrcore.core.vendor import Accepted, InProgress, VendorEndpoint
from asrcore.vendors.abcpen_offline import AbcpenOffline
from tests.support.recognition_requests import AUDIO_URL, NOW, a_recognition_request, answer, json_of, lines, submission

VENDOR = AbcpenOffline()
ENDPOINT = VendorEndpoint("https://audio.abcpen.com:8443", {"appid": "synthapp", "api_key": "SyntheticSecret0001"})
SIGNED = {"X-App-Key": "synthapp", "X-Timestamp": str(NOW), "X-App-Signature": "GHzzKok/OoOgu/2O1BLhlnfOuOU="}
TASK_ID = VENDOR.chosen_task_id(a_recognition_request())


class TestRequests:
    def test_submission(self):
        request = submission(VENDOR, a_recognition_request(), endpoint=ENDPOINT)

        assert (request.method, urlsplit(request.url).path) == ("POST", "/asr-offline/submit_task/v1")
        assert request.headers == {"Content-Type": "application/json", **SIGNED}
        assert json_of(request) == {
            "audio_url": AUDIO_URL,
            "app_id": "synthapp",
            "task_id": TASK_ID,
            "language": "zh",
            "denoise": False,
        }

    @pytest.mark.parametrize(
        ("options", "sent"),
        [
            pytest.param({"language": "en"}, {"language": "en"}, id="english"),
            pytest.param(
                {"speakers": 3},
                {"audio_type": "asr_sd", "min_speaker_num": 3, "max_speaker_num": 3},
                id="three-speakers",
            ),
            pytest.param(
                {"speakers": 3, "vendor": {"abcpen-offline": {"audio_type": "asr_sd_id"}}},
                {"audio_type": "asr_sd_id"},
                id="kind-of-processing",
            ),
            pytest.param({"vendor": {"abcpen-offline": {"sd_type": "v1"}}}, {"sd_type": "v1"}, id="faster-speakers"),
            pytest.param({"vendor": {"abcpen-offline": {"denoise": True}}}, {"denoise": True}, id="without-noise"),
        ],
    )
    def test_options(self, options, sent):
        body = json_of(submission(VENDOR, a_recognition_request(options=options)))

        assert body | sent == body

    def test_unknown_number_of_speakers_is_requested_without_one(self):
        body = json_of(submission(VENDOR, a_recognition_request(options={"speakers": 0})))

        assert body["audio_type"] == "asr_sd"
        assert "min_speaker_num" not in body

    def test_the_task_id_is_a_uuid4_of_the_job_and_the_attempt(self):
        request = a_recognition_request()

        others = {
            VENDOR.chosen_task_id(each) for each in (replace(request, attempt=2), replace(request, job_id="job-2"))
        }

        assert (UUID(TASK_ID).version, UUID(TASK_ID).variant) == (4, "specified in RFC 4122")
        assert VENDOR.chosen_task_id(replace(request, repeated=True)) == TASK_ID
        assert len({TASK_ID, *others}) == 3

    def test_query_requests_the_result(self):
        request = VENDOR.query_request("a/b", ENDPOINT, now=NOW)

        assert (request.method, request.body, request.headers) == ("GET", b"", SIGNED)
        assert urlsplit(request.url).path == "/asr-offline/get_result/v1/a%2Fb"

    def test_each_query_is_signed_with_its_own_time(self):
        later = VENDOR.query_request(TASK_ID, ENDPOINT, now=NOW + 300)

        assert later.headers["X-App-Signature"] != SIGNED["X-App-Signature"]


class TestLimits:
    @pytest.mark.parametrize(
        ("audio", "options"),
        [
            pytest.param({"duration_ms": 10 * 3_600_000}, {}, id="10-hours"),
            pytest.param({"format": "m4a", "codec": "aac", "channels": 2, "sample_rate_hz": 44100}, {}, id="m4a"),
            pytest.param({"format": "flac", "codec": "flac"}, {"language": "en"}, id="flac"),
        ],
    )
    def test_taken(self, audio, options):
        assert VENDOR.rejection_reason(a_recognition_request(options=options, **audio)) is None

    @pytest.mark.parametrize(
        ("audio", "options", "reason"),
        [
            pytest.param({"duration_ms": 10 * 3_600_000 + 1}, {}, "length 36000.001 s", id="too-long"),
            pytest.param({"format": "ogg", "codec": "opus"}, {}, "format ogg", id="opus"),
            pytest.param({}, {"language": "yue"}, "language yue-CN (accepts en-US, zh-CN)", id="cantonese"),
        ],
    )
    def test_refused_in_words(self, audio, options, reason):
        assert reason in str(VENDOR.rejection_reason(a_recognition_request(options=options, **audio)))

    def test_size(self):
        assert VENDOR.rejection_reason(a_recognition_request(size_bytes=500_000_000)) is None
        assert "size 500000001 bytes" in str(VENDOR.rejection_reason(a_recognition_request(size_bytes=500_000_001)))


ID = "550e8400-e29b-41d4-a716-446655440000"


class TestSubmitted:
    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(
                {"status": "success", "message": "Task submitted successfully", "task_id": ID}, id="documented"
            ),
            pytest.param({"code": "0", "msg": "success", "task_id": ID}, id="with-a-code"),
            pytest.param({"status": "processing", "code": "1", "task_id": ID}, id="known-already"),
        ],
    )
    def test_accepted_under_the_id_that_comes_back(self, document):
        assert VENDOR.read_submit(answer(document), a_recognition_request()) == Accepted(ID)

    @pytest.mark.parametrize(
        ("document", "status", "code", "error_class"),
        [
            pytest.param({"code": "400", "msg": "no"}, 400, "400", ErrorClass.CONFIG, id="parameters"),
            pytest.param({"code": 401}, 401, "401", ErrorClass.CONFIG, id="signature"),
            pytest.param({"code": "-1", "msg": "system error"}, 200, "-1", ErrorClass.RETRY, id="system"),
            pytest.param({"detail": "Too many"}, 429, "Http429", ErrorClass.RETRY, id="rate-without-a-code"),
            pytest.param({"detail": "Unauthorized"}, 401, "Http401", ErrorClass.CONFIG, id="signature-without-a-code"),
            pytest.param({"status": "error"}, 200, "error", ErrorClass.RETRY, id="unknown-state"),
            pytest.param({"status": "success"}, 200, "NoTaskId", ErrorClass.RETRY, id="no-id"),
        ],
    )
    def test_refused(self, document, status, code, error_class):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_submit(answer(document, status), a_recognition_request())

        assert (failure.value.code, failure.value.error_class) == (code, error_class)


SENTENCE = {
    "text": "大家好，",
    "start": 40,
    "end": 1320,
    "speaker": "SPEAKER_00",
    "words": [
        {"word": "大家", "start": 40, "end": 640, "speaker": "SPEAKER_00"},
        {"word": " 好", "start": 640, "end": 1320, "speaker": "SPEAKER_01"},
    ],
}
ASR = {"speechResult": {"onebest": "大家好，", "duration": 4.2, "language": "zh", "file": "", "detail": [SENTENCE]}}
DONE = {
    "code": "0",
    "msg": "success",
    "task_id": ID,
    "app_id": "synthapp",
    "audio_url": "https://audio.example.com/a.wav",
    "asr": ASR,
}


class TestResult:
    def test_unrequested_speaker_label_is_kept(self):
        result = VENDOR.read_query(answer(DONE), a_recognition_request())

        words = result.utterances[0].words
        assert (result.text, result.duration_ms) == ("大家好，", 4200)
        assert lines(result) == [(40, 1320, "大家好，", "SPEAKER_00", None)]
        assert [(word.start_ms, word.end_ms, word.text) for word in words] == [(40, 640, "大家"), (640, 1320, "好")]

    def test_missing_speaker_labels_are_no_error(self):
        sentence = {"text": "大家好，", "end": 1320, "words": [{"word": " 大家", "end": 640}]}
        document = {"code": "0", "asr": {"speechResult": {"detail": [sentence]}}}

        result = VENDOR.read_query(answer(document), a_recognition_request(options={"speakers": 2}))

        assert lines(result) == [(0, 1320, "大家好，", None, None)]
        assert [(word.start_ms, word.text) for word in result.utterances[0].words] == [(0, "大家")]

    def test_result_inside_data_is_read(self):
        document = {"code": 0, "data": {"task_id": ID, "asr": ASR}}

        assert VENDOR.read_query(answer(document), a_recognition_request()) == VENDOR.read_query(
            answer(DONE), a_recognition_request()
        )

    def test_unwanted_words_are_omitted(self):
        assert (
            VENDOR.read_query(answer(DONE), a_recognition_request(options={"words": False})).utterances[0].words == []
        )

    @pytest.mark.parametrize(
        ("told", "speaker"),
        [
            ("SPEAKER_00", "SPEAKER_00"),
            ("张三", "张三"),
            (["SPEAKER_01", "SPEAKER_00"], "SPEAKER_01"),
            ([], None),
            (None, None),
        ],
        ids=str,
    )
    def test_speakers(self, told, speaker):
        document = {"code": "0", "asr": {"speechResult": {"detail": [{**SENTENCE, "speaker": told}]}}}

        result = VENDOR.read_query(answer(document), a_recognition_request(options={"speakers": 0}))

        assert result.utterances[0].speaker == speaker

    def test_silence(self):
        result = VENDOR.read_query(
            answer({"code": "0", "asr": {"speechResult": {"onebest": "", "detail": []}}}), a_recognition_request()
        )

        assert (result.text, result.utterances) == ("", [])

    @pytest.mark.parametrize(
        "document",
        [
            pytest.param({"code": "1", "msg": "processing"}, id="documented"),
            pytest.param({"code": 1}, id="as-a-number"),
            pytest.param({"status": "processing", "code": "1", "task_id": ID}, id="with-a-state"),
            pytest.param({"status": "queued"}, id="by-state-alone"),
        ],
    )
    def test_in_progress(self, document):
        assert VENDOR.read_query(answer(document), a_recognition_request()) == InProgress()

    @pytest.mark.parametrize(
        ("document", "status"),
        [
            pytest.param({"code": "401"}, 401, id="signature"),
            pytest.param("<html>", 404, id="html-404"),
            pytest.param({"status": "unknown"}, 200, id="unknown"),
            pytest.param({"code": "500"}, 500, id="server"),
            pytest.param({"code": "429"}, 429, id="rate"),
            pytest.param({"status": "completed"}, 200, id="completed-without-a-result"),
            pytest.param({"code": "0", "asr": {}}, 200, id="success-without-a-result"),
            pytest.param("<html>", 502, id="html"),
        ],
    )
    def test_failed_query_does_not_end_the_task(self, document, status):
        with pytest.raises(QueryFailedError):
            VENDOR.read_query(answer(document, status), a_recognition_request())

    @pytest.mark.parametrize(
        ("message", "error_class"),
        [
            pytest.param("音频下载失败", ErrorClass.RETRY, id="download"),
            pytest.param("不支持的音频格式", ErrorClass.BAD_AUDIO, id="format"),
            pytest.param("请求格式错误", ErrorClass.RETRY, id="the-call-and-not-the-recording"),
        ],
    )
    def test_failed_task_has_the_cause_that_its_message_names(self, message, error_class):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_query(answer({"code": "-1", "msg": message}), a_recognition_request())

        assert not isinstance(failure.value, QueryFailedError)
        assert failure.value.error_class is error_class

    def test_minus_1_is_a_failure_unlike_in_v1(self):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_query(answer({"code": "-1", "msg": "system error"}), a_recognition_request())

        assert not isinstance(failure.value, QueryFailedError)
        assert failure.value.error_class is ErrorClass.RETRY
