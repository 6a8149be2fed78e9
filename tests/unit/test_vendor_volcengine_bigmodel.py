"""Volcengine AUC v3: what it is sent, and what is read from what it says."""

import json
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass, QueryFailedError
from asrcore.core.vendor import Accepted, HttpReply, InProgress, VendorEndpoint
from asrcore.vendors.volcengine_bigmodel import VolcengineBigmodel
from tests.support.reasons import texts
from tests.support.recognition_requests import (
    AUDIO_URL,
    CALLBACK_URL,
    NOW,
    a_recognition_request,
    endpoint_of,
    json_of,
    lines,
    submission,
)

VENDOR = VolcengineBigmodel()
STEREO = {"channels": 2}
SEED, BIG = "volc.seedasr.auc", "volc.bigasr.auc"
TASK_ID = VENDOR.chosen_task_id(a_recognition_request())
REQUEST_ID = TASK_ID.removeprefix(f"{SEED}/")
IDLE = a_recognition_request(options={"model": "volc.bigasr.auc_idle"})


def refused_by_gateway(code, message="", status=403):
    """A reply of the gateway, which writes no status header."""
    body = json.dumps({"header": {"reqid": "fc000000-0000-4000-8000-000000000009", "code": code, "message": message}})
    return HttpReply(status, body.encode())


def told(code, message="", body="{}", status=200):
    """A reply whose outcome is in its headers."""
    body = body if isinstance(body, str) else json.dumps(body)
    return HttpReply(status, body.encode(), {"x-api-status-code": code, "x-api-message": message})


class TestTaskId:
    def test_is_a_uuid_of_the_job_and_the_attempt(self):
        request = a_recognition_request()

        other = {
            VENDOR.chosen_task_id(each) for each in (replace(request, attempt=2), replace(request, job_id="job-2"))
        }

        assert UUID(REQUEST_ID).version == 4
        assert str(UUID(REQUEST_ID)) == REQUEST_ID
        assert VENDOR.chosen_task_id(replace(request, repeated=True)) == TASK_ID
        assert len({TASK_ID, *other}) == 3

    @pytest.mark.parametrize(
        ("recognition_request", "edition"),
        [
            pytest.param(a_recognition_request(), SEED, id="preferred"),
            pytest.param(replace(a_recognition_request(), edition=BIG), BIG, id="of-the-attempt"),
            pytest.param(IDLE, "volc.bigasr.auc_idle", id="named"),
        ],
    )
    def test_task_id_names_the_edition_and_keeps_the_request_id(self, recognition_request, edition):
        assert VENDOR.chosen_task_id(recognition_request) == f"{edition}/{REQUEST_ID}"


@pytest.mark.parametrize(
    "language",
    ["it-IT", "bn-BD", "el-GR", "nl-NL", "ru-RU", "tr-TR", "vi-VN", "pl-PL", "ro-RO", "ne-NP", "uk-UA", "yue-CN"],
)
def test_languages_added_in_2026_are_submitted(language):
    request = a_recognition_request(options={"language": language})

    assert VENDOR.rejection_reason(request) is None
    assert json_of(submission(VENDOR, request))["audio"]["language"] == language


@pytest.mark.parametrize(
    ("options", "editions"),
    [
        pytest.param({}, (SEED, BIG), id="either"),
        pytest.param({"model": BIG}, (BIG,), id="named"),
        pytest.param({"model": "16k_zh"}, (SEED, BIG), id="another-vendors-engine"),
        pytest.param({"vendor": {"volcengine-bigmodel": {"model_version": "400"}}}, (BIG, SEED), id="version-of-1.0"),
    ],
)
def test_editions_follow_the_options(options, editions):
    assert VENDOR.editions(a_recognition_request(options=options)) == editions


class TestSubmission:
    def test_headers_and_body(self):
        request = submission(VENDOR, a_recognition_request())

        assert (request.method, urlsplit(request.url).path) == ("POST", "/api/v3/auc/bigmodel/submit")
        assert request.headers == {
            "Content-Type": "application/json",
            "X-Api-Key": "synthetic-single-key",
            "X-Api-Resource-Id": SEED,
            "X-Api-Request-Id": REQUEST_ID,
            "X-Api-Sequence": "-1",
        }
        assert json_of(request) == {
            "user": {"uid": "job-1"},
            "audio": {"url": AUDIO_URL, "format": "wav", "codec": "raw", "rate": 16000, "bits": 16, "channel": 1},
            "request": {
                "model_name": "bigmodel",
                "enable_punc": True,
                "enable_itn": True,
                "enable_ddc": False,
                "enable_speaker_info": False,
                "enable_channel_split": False,
                "show_utterances": True,
            },
            "callback": CALLBACK_URL,
        }

    def test_credentials_of_the_old_console_are_sent(self):
        endpoint = VendorEndpoint("https://openspeech.bytedance.com", {"appid": "1", "token": "t"})

        headers = submission(VENDOR, a_recognition_request(), endpoint=endpoint).headers

        assert (headers["X-Api-App-Key"], headers["X-Api-Access-Key"]) == ("1", "t")
        assert "X-Api-Key" not in headers

    @pytest.mark.parametrize(
        ("options", "audio", "sent"),
        [
            pytest.param({"speakers": 2}, {}, {"enable_speaker_info": True, "ssd_version": "200"}, id="speakers"),
            pytest.param(
                {"vendor": {"volcengine-bigmodel": {"enable_auto_lang": True}}},
                {},
                {"enable_auto_lang": True},
                id="languages-found-out",
            ),
            pytest.param({"punctuation": False}, {}, {"enable_punc": False}, id="no-punctuation"),
            pytest.param({"inverse_text_normalization": False}, {}, {"enable_itn": False}, id="numbers-in-words"),
            pytest.param({"filter_fillers": True}, {}, {"enable_ddc": True}, id="without-fillers"),
            pytest.param({}, STEREO, {"enable_channel_split": True, "vad_segment": True}, id="stereo"),
            pytest.param({"channels": "mix"}, STEREO, {"enable_channel_split": False}, id="stereo-as-one"),
            pytest.param(
                {"hotwords": "笔声,ASR"},
                {},
                {"corpus": {"context": '{"hotwords": [{"word": "笔声"}, {"word": "ASR"}]}'}},
                id="hot-words",
            ),
            pytest.param(
                {"vendor": {"volcengine-bigmodel": {"boosting_table_name": "names"}}},
                {},
                {"corpus": {"boosting_table_name": "names"}},
                id="hot-word-table",
            ),
            pytest.param(
                {"vendor": {"volcengine-bigmodel": {"regex_correct_table_id": "42", "correct_table_id": "43"}}},
                {},
                {"corpus": {"regex_correct_table_id": "42", "correct_table_id": "43"}},
                id="tables-by-id",
            ),
        ],
    )
    def test_options_become_fields(self, options, audio, sent):
        sent = json_of(submission(VENDOR, a_recognition_request(options=options, **audio)))["request"]

        assert sent | sent == sent

    @pytest.mark.parametrize(
        ("options", "audio", "sent"),
        [
            pytest.param({"language": "en"}, {}, {"language": "en-US"}, id="english"),
            pytest.param({}, {"format": "pcm"}, {"format": "raw", "codec": "raw"}, id="pcm"),
            pytest.param(
                {},
                {"format": "ogg", "codec": "opus", "sample_rate_hz": 48000},
                {"format": "ogg", "codec": "opus"},
                id="opus",
            ),
            pytest.param({}, {"format": "mp3", "codec": "mp3"}, {"format": "mp3"}, id="mp3"),
            pytest.param({}, {"format": "m4a", "codec": "aac"}, {"format": "m4a"}, id="m4a"),
            pytest.param({}, {"format": "mp4", "codec": "aac"}, {"format": "mp4"}, id="mp4"),
            pytest.param({}, {"format": "aac", "codec": "aac"}, {"format": "aac"}, id="aac"),
            pytest.param({}, {"format": "amr", "codec": "amr_nb"}, {"format": "amr"}, id="amr"),
            pytest.param({}, {"format": "ogg", "codec": "speex"}, {"format": "spx"}, id="speex"),
            pytest.param({"language": "yue"}, {}, {"language": "yue-CN"}, id="cantonese"),
        ],
    )
    def test_audio(self, options, audio, sent):
        described = json_of(submission(VENDOR, a_recognition_request(options=options, **audio)))["audio"]

        assert described | sent == described
        assert ("codec" in described) == (audio.get("codec", "raw") in {"raw", "opus"})
        assert ("language" in described) == ("language" in options)

    def test_idle_edition_has_its_own_path(self):
        submitted = submission(VENDOR, IDLE)
        queried = VENDOR.query_request(VENDOR.chosen_task_id(IDLE), endpoint_of(VENDOR), now=NOW)

        for request, call in ((submitted, "submit"), (queried, "query")):
            assert urlsplit(request.url).path == f"/api/v3/auc/bigmodel/idle/{call}"
            assert request.headers["X-Api-Resource-Id"] == "volc.bigasr.auc_idle"
            assert request.headers["X-Api-Request-Id"] == REQUEST_ID

    def test_idle_edition_gets_no_speaker_fields(self):
        request = a_recognition_request(options={"model": "volc.bigasr.auc_idle", "speakers": 2})

        sent = json_of(submission(VENDOR, request))["request"]

        assert not {"enable_speaker_info", "ssd_version"} & sent.keys()
        assert VENDOR.unsupported_options(request) == {"speakers"}

    def test_speaker_model_is_left_out_for_another_language(self):
        sent = json_of(submission(VENDOR, a_recognition_request(options={"speakers": 0, "language": "en"})))["request"]

        assert sent["enable_speaker_info"]
        assert "ssd_version" not in sent

    def test_model_version_is_sent_to_model_1_only(self):
        request = a_recognition_request(options={"vendor": {"volcengine-bigmodel": {"model_version": "400"}}})
        elsewhere = replace(request, edition=SEED)

        assert json_of(submission(VENDOR, request))["request"]["model_version"] == "400"
        assert "model_version" not in json_of(submission(VENDOR, elsewhere))["request"]
        assert VENDOR.unsupported_options(elsewhere) == {"volcengine-bigmodel.model_version"}

    def test_idle_edition_has_a_later_deadline(self):
        assert VENDOR.result_deadline_s(IDLE) > 24 * 3600 > VENDOR.result_deadline_s(a_recognition_request())

    def test_query_sends_the_submissions_id_without_sequence(self):
        request = replace(a_recognition_request(), edition=BIG)
        http_request = VENDOR.query_request(VENDOR.chosen_task_id(request), endpoint_of(VENDOR), now=NOW)

        assert (urlsplit(http_request.url).path, http_request.body) == ("/api/v3/auc/bigmodel/query", b"{}")
        assert http_request.headers["X-Api-Resource-Id"] == BIG
        assert http_request.headers["X-Api-Request-Id"] == REQUEST_ID
        assert "X-Api-Sequence" not in http_request.headers


@pytest.mark.parametrize(
    ("held", "lacking"),
    [
        pytest.param({"appid": "1", "token": "t"}, None, id="the-pair"),
        pytest.param({"api_key": "k"}, None, id="the-single-key"),
        pytest.param(
            {"appid": "1", "token": ""}, "the secret's 'volcengine' lacks api_key (or token)", id="half-a-pair"
        ),
        pytest.param({}, "the secret's 'volcengine' lacks api_key (or appid, token)", id="nothing"),
    ],
)
def test_credentials(held, lacking):
    assert texts(filter(None, [VENDOR.missing_credentials(held)])) == ([lacking] if lacking else [])


class TestLimits:
    @pytest.mark.parametrize(
        ("audio", "options"),
        [
            pytest.param({"duration_ms": 5 * 3_600_000 - 1}, {}, id="just-under-5-hours"),
            pytest.param(STEREO, {}, id="stereo"),
            pytest.param({}, {"language": "de-DE"}, id="german"),
            pytest.param({}, {"language": "yue-CN"}, id="cantonese"),
            pytest.param({}, {"language": "uk-UA"}, id="ukrainian"),
            pytest.param({"format": "m4a", "codec": "aac"}, {}, id="m4a"),
            pytest.param({"format": "amr", "codec": "amr_wb"}, {}, id="amr"),
            pytest.param({"format": "ogg", "codec": "speex"}, {}, id="speex"),
        ],
    )
    def test_taken(self, audio, options):
        assert VENDOR.rejection_reason(a_recognition_request(options=options, **audio)) is None

    @pytest.mark.parametrize(
        ("audio", "options", "reason"),
        [
            pytest.param({"duration_ms": 5 * 3_600_000}, {}, "up to 17999.999 s", id="5-hours"),
            pytest.param({"format": "flac", "codec": "flac"}, {}, "format flac (accepts aac, amr, m4a", id="flac"),
            pytest.param({"format": "mp4", "codec": "alac"}, {}, "codec alac in mp4", id="alac"),
            pytest.param({"codec": "pcm_mulaw"}, {}, "codec pcm_mulaw in wav", id="mu-law"),
            pytest.param({}, {"language": "sv-SE"}, "language sv-SE", id="swedish"),
        ],
    )
    def test_refused_in_words(self, audio, options, reason):
        assert reason in str(VENDOR.rejection_reason(a_recognition_request(options=options, **audio)))

    def test_size(self):
        assert VENDOR.rejection_reason(a_recognition_request(size_bytes=511_999_999)) is None
        assert "size 512000000 bytes" in str(VENDOR.rejection_reason(a_recognition_request(size_bytes=512_000_000)))


class TestAccepted:
    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(told("20000000", "OK"), id="documented"),
            pytest.param(told("20000000", "OK", ""), id="without-a-body"),
            pytest.param(told("20000001", "[Processing in progress] Start Processing"), id="at-work-already"),
            pytest.param(HttpReply(200, b'{"code": 20000000, "message": "OK", "task_id": "x"}'), id="code-in-the-body"),
        ],
    )
    def test_submission_is_accepted_under_our_id(self, reply):
        assert VENDOR.read_submit(reply, a_recognition_request()) == Accepted(TASK_ID)

    def test_repeated_submission_of_a_known_task_is_accepted(self):
        reply = told("45000001", "duplicate request")

        assert VENDOR.read_submit(reply, replace(a_recognition_request(), repeated=True)) == Accepted(TASK_ID)

    @pytest.mark.parametrize(
        ("code", "message", "repeated", "error_class"),
        [
            pytest.param("45000001", "url is empty", False, ErrorClass.CONFIG, id="a-first-submission-with-that-code"),
            pytest.param("45000010", "", True, ErrorClass.CONFIG, id="a-repeated-one-with-another"),
            pytest.param(
                "45000292", "quota exceeded for types: concurrency", False, ErrorClass.RETRY, id="concurrency"
            ),
            pytest.param(
                "45000292", "quota exceeded for types: audio_duration_lifetime", False, ErrorClass.CONFIG, id="hours"
            ),
            pytest.param("45000777", "", False, ErrorClass.CONFIG, id="unlisted-450"),
            pytest.param("55000777", "", False, ErrorClass.RETRY, id="unlisted-550"),
            pytest.param("99000777", "", False, ErrorClass.RETRY, id="unlisted"),
            pytest.param("45000131", "over the volume of half an hour", False, ErrorClass.RETRY, id="volume"),
            pytest.param("45000132", "", False, ErrorClass.BAD_AUDIO, id="size"),
        ],
    )
    def test_refused(self, code, message, repeated, error_class):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_submit(told(code, message), replace(a_recognition_request(), repeated=repeated))

        assert (failure.value.code, failure.value.error_class) == (code, error_class)

    @pytest.mark.parametrize(
        ("reply", "code", "error_class", "told"),
        [
            pytest.param(
                refused_by_gateway(45000010, "Invalid X-Api-Key", 401),
                "45000010",
                ErrorClass.CONFIG,
                "Check api_key",
                id="key",
            ),
            pytest.param(
                refused_by_gateway("45000030", "[resource_id=x] requested resource not granted"),
                "45000030",
                ErrorClass.CONFIG,
                "Activate recording recognition",
                id="edition",
            ),
            pytest.param(
                refused_by_gateway(45000292, "quota exceeded for types: audio_duration_lifetime", 429),
                "45000292",
                ErrorClass.CONFIG,
                "quota is used up",
                id="hours",
            ),
            pytest.param(
                refused_by_gateway(45000292, "quota exceeded for types: concurrency", 429),
                "45000292",
                ErrorClass.RETRY,
                "at a time",
                id="concurrency",
            ),
            pytest.param(
                replace(refused_by_gateway(45000010), headers={"x-api-status-code": "45000030"}),
                "45000030",
                ErrorClass.CONFIG,
                "Activate recording recognition",
                id="status-header-counts",
            ),
            pytest.param(
                HttpReply(403, b'{"header": {}}'), "Http403", ErrorClass.CONFIG, "HTTP 403", id="without-a-code"
            ),
            pytest.param(
                HttpReply(403, b'{"header": [45000010]}'), "Http403", ErrorClass.CONFIG, "HTTP 403", id="a-list"
            ),
        ],
    )
    def test_gateway_refusal_has_class_and_advice_of_its_code(self, reply, code, error_class, told):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_submit(reply, a_recognition_request())

        assert (failure.value.code, failure.value.error_class) == (code, error_class)
        assert told in failure.value.message

    def test_half_hour_volume_waits_and_size_has_its_constraint(self):
        volume, size = VENDOR.error("45000131"), VENDOR.error("45000132")

        assert 3 * volume.retry_after_s >= 30 * 60
        assert size.constraint is AudioConstraint.SIZE


DONE = {
    "audio_info": {"duration": 3499},
    "result": {
        "text": "今天天气不错，我们出门吧。",
        "additions": {"duration": "3499"},
        "utterances": [
            {
                "definite": True,
                "start_time": 480,
                "end_time": 1900,
                "text": "今天天气不错，",
                "words": [
                    {"text": "今天", "start_time": 480, "end_time": 820, "blank_duration": 0, "confidence": 0},
                    {"text": "天气", "start_time": 820, "end_time": 1240, "blank_duration": 0, "confidence": 0},
                    {"text": "不错", "start_time": -1, "end_time": -1, "blank_duration": 0, "confidence": 0},
                ],
                "additions": {"speaker": "1"},
            },
            {
                "definite": True,
                "start_time": 2300,
                "end_time": 3320,
                "text": "我们出门吧。",
                "words": [],
                "additions": {"speaker": "2"},
            },
        ],
    },
}
HEARD = [(480, 1900, "今天天气不错，", "1", None), (2300, 3320, "我们出门吧。", "2", None)]


class TestResult:
    def test_sentences_and_words(self):
        result = VENDOR.read_query(told("20000000", "OK", DONE), a_recognition_request())

        words = result.utterances[0].words
        assert (result.text, result.duration_ms) == ("今天天气不错，我们出门吧。", 3499)
        assert lines(result) == HEARD
        assert [(word.start_ms, word.end_ms, word.text, word.confidence) for word in words] == [
            (480, 820, "今天", None),
            (820, 1240, "天气", None),
            (None, None, "不错", None),
        ]

    @pytest.mark.parametrize(
        "document",
        [
            pytest.param({**DONE, "result": [DONE["result"]]}, id="a-list-of-one"),
            pytest.param({**DONE, "audio_info": {}}, id="length-in-the-result-alone"),
            pytest.param({**DONE, "audio_info": None, "code": 20000000, "task_id": "t"}, id="code-in-the-body-as-well"),
        ],
    )
    def test_documented_reply_variants_are_read(self, document):
        plain = VENDOR.read_query(told("20000000", "OK", DONE), a_recognition_request())

        assert VENDOR.read_query(told("20000000", "OK", document), a_recognition_request()) == plain

    def test_channels(self):
        utterances = [
            {"text": "好。", "start_time": 0, "end_time": 9, "additions": {"channel_id": str(number)}}
            for number in (1, 2)
        ]

        result = VENDOR.read_query(
            told("20000000", "", {"result": {"utterances": utterances}}), a_recognition_request(**STEREO)
        )

        assert [item.channel for item in result.utterances] == [0, 1]

    @pytest.mark.parametrize(
        ("fields", "speaker"),
        [
            pytest.param({"additions": {"speaker": "2"}}, "2", id="in-the-additions"),
            pytest.param({"additions": {"speaker_id": 0}}, "0", id="as-a-number-by-id"),
            pytest.param({"speaker": "3", "additions": {}}, "3", id="of-the-sentence-itself"),
            pytest.param({"speaker": "3", "additions": {"speaker": "2"}}, "2", id="additions-count-first"),
            pytest.param({"speaker": None, "additions": None}, None, id="none"),
        ],
    )
    def test_speaker_is_read_from_either_field(self, fields, speaker):
        sentence = {"text": "好。", "start_time": 0, "end_time": 9, **fields}

        result = VENDOR.read_query(
            told("20000000", "", {"result": {"utterances": [sentence]}}), a_recognition_request()
        )

        assert result.utterances[0].speaker == speaker

    @pytest.mark.parametrize("emotion", ["happy", "", None], ids=str)
    def test_unrequested_emotion_is_kept(self, emotion):
        sentence = {"text": "好。", "start_time": 0, "end_time": 9, "additions": {"emotion": emotion}}

        result = VENDOR.read_query(
            told("20000000", "", {"result": {"utterances": [sentence]}}), a_recognition_request()
        )

        assert result.utterances[0].emotion == (emotion or None)

    def test_missing_start_counts_as_zero_where_end_allows(self):
        sentences = [
            {
                "text": "好",
                "end_time": 900,
                "words": [{"text": "好", "end_time": 400}, {"text": "的", "end_time": 900}],
            },
            {"text": "来", "end_time": 1900, "words": [{"text": "来", "start_time": -1, "end_time": 1800}]},
            {"text": "了", "start_time": 2000, "end_time": 2500, "words": [{"text": "了", "end_time": 2500}]},
            {"text": "吧", "end_time": 3000},
        ]

        result = VENDOR.read_query(told("20000000", "", {"result": {"utterances": sentences}}), a_recognition_request())

        assert [item.start_ms for item in result.utterances] == [0, 0, 2000, None]
        assert [word.start_ms for item in result.utterances for word in item.words] == [0, 0, None, None]

    def test_unwanted_words_are_omitted(self):
        result = VENDOR.read_query(told("20000000", "", DONE), a_recognition_request(options={"words": False}))

        assert not any(item.words for item in result.utterances)

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(
                told("20000003", "[Normal silence audio] Handle response: no valid speech in audio"), id="documented"
            ),
            pytest.param(told("20000003", "", ""), id="without-a-body"),
            pytest.param(told("20000000", "OK", {"audio_info": {"duration": 1}, "result": {"text": ""}}), id="no-text"),
        ],
    )
    def test_silence(self, reply):
        result = VENDOR.read_query(reply, a_recognition_request())

        assert (result.text, result.utterances) == ("", [])

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(
                told(
                    "20000001", "[Processing in progress] Start Processing", {"audio_info": {}, "result": {"text": ""}}
                ),
                id="at-work",
            ),
            pytest.param(told("20000002", "queued"), id="queued"),
            pytest.param(told("20000009"), id="another-2000"),
        ],
    )
    def test_in_progress(self, reply):
        assert VENDOR.read_query(reply, a_recognition_request()) == InProgress()

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(told("45000001", "parameters"), id="parameters"),
            pytest.param(told("45000010", "key", status=401), id="key"),
            pytest.param(told("45000030", "grant", status=403), id="grant"),
            pytest.param(told("45000292", "audio_duration_lifetime", status=429), id="hours-used-up"),
            pytest.param(told("45000003"), id="parameter"),
            pytest.param(told("45000131"), id="volume-of-half-an-hour"),
            pytest.param(refused_by_gateway(45000010, "Invalid X-Api-Key", 401), id="key-by-gateway"),
            pytest.param(refused_by_gateway(45000030), id="grant-by-gateway"),
            pytest.param(refused_by_gateway(45000777), id="unlisted-by-gateway"),
            pytest.param(refused_by_gateway(45000777, "audio format", 429), id="unlisted-with-words-of-a-task"),
            pytest.param(told("45000292", "qps", status=429), id="rate"),
            pytest.param(told("55000031", "busy"), id="busy"),
            pytest.param(told("55000777", "", status=503), id="5xx-with-an-unlisted-code"),
            pytest.param(told("20000000", "OK"), id="success-without-result"),
            pytest.param(told("20000000", "OK", "<html>"), id="success-without-json"),
            pytest.param(HttpReply(200, b"{}"), id="no-code"),
            pytest.param(HttpReply(502, b"<html>"), id="html"),
        ],
    )
    def test_failed_query_does_not_end_the_task(self, reply):
        with pytest.raises(QueryFailedError):
            VENDOR.read_query(reply, a_recognition_request())

    @pytest.mark.parametrize(
        ("code", "message", "error_class"),
        [
            pytest.param(
                "45000151",
                "[Invalid audio format] OperatorWrapper Process failed: …",
                ErrorClass.BAD_AUDIO,
                id="format",
            ),
            pytest.param("45000002", "", ErrorClass.BAD_AUDIO, id="empty"),
            pytest.param("45000006", "", ErrorClass.RETRY, id="download"),
            pytest.param("55001010", "", ErrorClass.RETRY, id="timeout"),
            pytest.param("55000000", "", ErrorClass.RETRY, id="the-vendor-failed"),
            pytest.param("55000000", "音频格式不支持", ErrorClass.BAD_AUDIO, id="the-vendor-failed-by-format"),
            pytest.param("45000132", "", ErrorClass.BAD_AUDIO, id="too-large"),
            pytest.param("45000777", "", ErrorClass.CONFIG, id="unlisted"),
            pytest.param("45000777", "音频下载失败", ErrorClass.RETRY, id="unlisted-download"),
            pytest.param(
                "45000777", "unknown format of the request", ErrorClass.CONFIG, id="unlisted-form-of-the-call"
            ),
            pytest.param("45000777", "录音时长过短", ErrorClass.BAD_AUDIO, id="unlisted-too-short"),
            pytest.param("45000777", "音轨个数不匹配", ErrorClass.BAD_AUDIO, id="unlisted-channels"),
        ],
    )
    def test_failed_task_raises_its_error(self, code, message, error_class):
        with pytest.raises(AsrError) as failure:
            VENDOR.read_query(told(code, message), a_recognition_request())

        assert not isinstance(failure.value, QueryFailedError)
        assert (failure.value.code, failure.value.error_class) == (code, error_class)


class TestCallback:
    def test_callback_with_text_is_a_recognition(self):
        callback = VENDOR.read_callback(json.dumps(DONE).encode(), "application/json", a_recognition_request())

        assert callback.vendor_task_id == TASK_ID
        assert lines(callback.outcome) == HEARD

    @pytest.mark.parametrize(
        "document",
        [
            pytest.param({}, id="nothing"),
            pytest.param({"code": 45000151, "message": "Invalid audio format"}, id="a-failure"),
            pytest.param({"audio_info": {}, "result": {"text": ""}}, id="no-text"),
            pytest.param({"result": []}, id="an-empty-list"),
        ],
    )
    def test_callback_without_text_leads_to_a_query(self, document):
        callback = VENDOR.read_callback(json.dumps(document).encode(), "application/json", a_recognition_request())

        assert (callback.vendor_task_id, callback.outcome) == (TASK_ID, InProgress())

    @pytest.mark.parametrize("body", [b"", b"code=0", b"[]", b"null"], ids=str)
    def test_foreign_callback_is_refused(self, body):
        with pytest.raises(AsrError, match="BadCallback"):
            VENDOR.read_callback(body, "application/json", a_recognition_request())
