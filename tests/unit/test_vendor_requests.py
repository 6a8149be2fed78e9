"""Check the requests to each vendor: parameters by option and recording, and the delivery of the recording."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from asrcore.core.options import Options
from asrcore.core.vendor import Delivery, HttpRequest, Submission
from asrcore.vendors.abcpen import Abcpen
from asrcore.vendors.registry import VENDORS
from asrcore.vendors.tencent_recording import TencentRecording
from asrcore.vendors.tencent_sentence import TencentSentence
from asrcore.vendors.volcengine import Volcengine
from tests.support.reasons import texts
from tests.support.recognition_requests import (
    AUDIO_URL,
    CALLBACK_URL,
    NOW,
    a_recognition_request,
    bytes_of,
    endpoint_of,
    form_of,
    json_of,
    query_of,
    submission,
)

RECORDING, SENTENCE, VOLCENGINE, ABCPEN = TencentRecording(), TencentSentence(), Volcengine(), Abcpen()


def test_tencent_recording_by_url():
    request = submission(RECORDING, a_recognition_request())

    assert request.method == "POST"
    assert urlsplit(request.url).path == "/asr/v1/125000001"
    assert request.headers["Host"] == "aai.qcloud.com"
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert request.body == b""
    assert query_of(request) == {
        "callback_url": CALLBACK_URL,
        "channel_num": "1",
        "engine_model_type": "16k_0",
        "expired": str(NOW + 3600),
        "nonce": "123457",
        "projectid": "0",
        "res_text_format": "0",
        "res_type": "1",
        "secretid": endpoint_of(RECORDING).credentials["secret_id"],
        "source_type": "0",
        "sub_service_type": "0",
        "timestamp": str(NOW),
        "url": AUDIO_URL,
    }


def test_tencent_recording_by_bytes_names_no_url():
    request = submission(RECORDING, a_recognition_request(), Delivery(data=b"RIFF"))

    assert query_of(request)["source_type"] == "1"
    assert "url" not in query_of(request)
    assert request.body == b"RIFF"


@pytest.mark.parametrize(
    ("audio", "options", "engine", "channel_num"),
    [
        pytest.param({}, {}, "16k_0", "1", id="16-kHz"),
        pytest.param({"sample_rate_hz": 8000}, {}, "8k_0", "1", id="8-kHz"),
        pytest.param({"sample_rate_hz": 8000}, {"speakers": 2}, "8k_6", "1", id="8-kHz-speakers-asked"),
        pytest.param({"sample_rate_hz": 8000, "channels": 2}, {}, "8k_0", "2", id="8-kHz-stereo"),
        pytest.param({"sample_rate_hz": 8000, "channels": 2}, {"speakers": 2}, "8k_0", "2", id="stereo-has-speakers"),
        pytest.param({}, {"speakers": 2}, "16k_0", "1", id="16-kHz-knows-no-speakers"),
        pytest.param({"sample_rate_hz": None, "format": "silk"}, {}, "16k_0", "1", id="rate-unknown"),
        pytest.param({}, {"model": "16k_en"}, "16k_en", "1", id="engine-by-name"),
    ],
)
def test_tencent_recording_engine(audio, options, engine, channel_num):
    sent = query_of(submission(RECORDING, a_recognition_request(options=options, **audio)))

    assert (sent["engine_model_type"], sent["channel_num"]) == (engine, channel_num)


@pytest.mark.parametrize("nonce", [1, 9_999_999_999, 10**10, 2**64], ids=str)
def test_tencent_recording_nonce_has_at_most_ten_digits(nonce):
    request = RECORDING.submit_request(
        Submission(
            a_recognition_request(),
            Delivery(url=AUDIO_URL),
            endpoint_of(RECORDING),
            callback_url=CALLBACK_URL,
            now=NOW,
            nonce=nonce,
        )
    )

    assert 1 <= int(query_of(request)["nonce"]) <= 9_999_999_999


def test_tencent_sentence_by_url():
    request = submission(SENTENCE, a_recognition_request())

    assert (request.method, urlsplit(request.url).path, request.read_timeout_s) == ("POST", "/", 60)
    assert request.headers["Host"] == "asr.tencentcloudapi.com"
    assert request.headers["X-TC-Action"] == "SentenceRecognition"
    assert request.headers["X-TC-Version"] == "2019-06-14"
    assert json_of(request) == {
        "EngSerViceType": "16k_zh",
        "SourceType": 0,
        "VoiceFormat": "wav",
        "ProjectId": 0,
        "SubServiceType": 2,
        "UsrAudioKey": "job-1",
        "WordInfo": 1,
        "Url": AUDIO_URL,
    }


def test_tencent_sentence_data_length_is_before_base64():
    sent = json_of(submission(SENTENCE, a_recognition_request(), Delivery(data=b"RIFF")))

    assert (sent["SourceType"], sent["Data"], sent["DataLen"]) == (1, "UklGRg==", 4)
    assert "Url" not in sent


@pytest.mark.parametrize(
    ("audio", "voice_format"),
    [
        ({"format": "wav", "codec": "pcm_s16le"}, "wav"),
        ({"format": "pcm", "codec": "pcm_s16le"}, "pcm"),
        ({"format": "mp3", "codec": "mp3"}, "mp3"),
        ({"format": "m4a", "codec": "aac"}, "m4a"),
        ({"format": "aac", "codec": "aac"}, "aac"),
        ({"format": "amr", "codec": "amr_wb"}, "amr"),
        ({"format": "ogg", "codec": "opus", "sample_rate_hz": 48000}, "ogg-opus"),
        ({"format": "ogg", "codec": "speex"}, "speex"),
        ({"format": "silk", "codec": "silk", "sample_rate_hz": None}, "silk"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tencent_sentence_names_every_format_of_its_page(audio, voice_format):
    sent = json_of(submission(SENTENCE, a_recognition_request(**audio)))

    assert (sent["VoiceFormat"], sent["EngSerViceType"]) == (voice_format, "16k_zh")


@pytest.mark.parametrize(
    ("options", "rate_hz", "sent"),
    [
        pytest.param({}, 8000, {"EngSerViceType": "8k_zh"}, id="telephone"),
        pytest.param({"language": "en"}, 16000, {"EngSerViceType": "16k_en"}, id="english"),
        pytest.param({"language": "en"}, 8000, {"EngSerViceType": "8k_en"}, id="english-telephone"),
        pytest.param({"language": "yue"}, 16000, {"EngSerViceType": "16k_yue"}, id="cantonese"),
        pytest.param({"language": "ja-JP"}, 16000, {"EngSerViceType": "16k_ja"}, id="japanese"),
        pytest.param({"model": "16k_zh_dialect"}, 16000, {"EngSerViceType": "16k_zh_dialect"}, id="engine-by-name"),
        pytest.param({"words": False}, 16000, {"WordInfo": 0}, id="no-words"),
        pytest.param({"words": True}, 16000, {"WordInfo": 1}, id="words"),
        pytest.param({"punctuation": False}, 16000, {"FilterPunc": 2}, id="no-punctuation"),
        pytest.param({"punctuation": True}, 16000, {"FilterPunc": 0}, id="punctuation"),
        pytest.param({"inverse_text_normalization": False}, 16000, {"ConvertNumMode": 0}, id="numbers-in-words"),
        pytest.param({"inverse_text_normalization": True}, 16000, {"ConvertNumMode": 1}, id="numbers-in-digits"),
        pytest.param({"filter_fillers": True}, 16000, {"FilterModal": 1}, id="without-fillers"),
        pytest.param({"hotwords": "腾讯云,ASR"}, 16000, {"HotwordList": "腾讯云|10,ASR|10"}, id="hot-words"),
        pytest.param({"hotwords": "a|b,ASR"}, 16000, {"HotwordList": "ASR|10"}, id="hot-word-with-a-separator"),
        pytest.param({"hotwords": "一" * 11 + ",ASR"}, 16000, {"HotwordList": "ASR|10"}, id="hot-word-too-long"),
    ],
)
def test_tencent_sentence_options(options, rate_hz, sent):
    body = json_of(submission(SENTENCE, a_recognition_request(options=options, sample_rate_hz=rate_hz)))

    assert body | sent == body


def test_volcengine_submission_is_nested_with_text_switches():
    request = a_recognition_request(options={"speakers": 0, "punctuation": False}, channels=2)

    http_request = submission(VOLCENGINE, request)

    assert urlsplit(http_request.url).path == "/api/v1/auc/submit"
    assert http_request.headers["Authorization"] == "Bearer; SYNTHETIC_TOKEN"
    assert json_of(http_request) == {
        "app": {"appid": "1234567890", "token": "SYNTHETIC_TOKEN", "cluster": "volc_auc_common"},
        "user": {"uid": "job-1"},
        "audio": {"url": AUDIO_URL, "format": "wav", "codec": "raw", "rate": 16000, "bits": 16, "channel": 2},
        "request": {"callback": CALLBACK_URL},
        "additions": {
            "language": "zh-CN",
            "use_punc": "False",
            "with_speaker_info": "True",
            "channel_split": "True",
            "enable_query": "True",
        },
    }


@pytest.mark.parametrize(
    ("audio", "sent"),
    [
        pytest.param({"format": "pcm"}, {"format": "raw", "codec": "raw", "rate": 16000}, id="pcm"),
        pytest.param(
            {"format": "ogg", "codec": "opus", "sample_rate_hz": 48000, "bits_per_sample": None},
            {"format": "ogg", "codec": "opus", "rate": 48000, "bits": 16},
            id="opus",
        ),
        pytest.param({"format": "m4a", "codec": "aac", "bits_per_sample": None}, {"format": "mp4"}, id="m4a"),
        pytest.param({"format": "mp3", "codec": "mp3", "bits_per_sample": None}, {"format": "mp3"}, id="mp3"),
        pytest.param({"format": "webm", "codec": "vorbis"}, {"format": "webm"}, id="unlisted"),
    ],
)
def test_volcengine_describes_the_audio(audio, sent):
    described = json_of(submission(VOLCENGINE, a_recognition_request(**audio)))["audio"]

    assert described | sent == described
    assert ("codec" in described) == ("codec" in sent)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({}, {"language": "zh-CN"}, id="nothing-asked"),
        pytest.param({"language": "yue"}, {"language": "cant"}, id="cantonese"),
        pytest.param({"language": "zh-Sichuan"}, {"language": "sc"}, id="sichuanese"),
        pytest.param({"language": "wuu-CN"}, {"language": "zh_shanghai"}, id="shanghainese"),
        pytest.param({"inverse_text_normalization": True}, {"language": "zh-CN", "use_itn": "True"}, id="digits"),
        pytest.param({"filter_fillers": True}, {"language": "zh-CN", "use_ddc": "True"}, id="without-fillers"),
    ],
)
def test_volcengine_additions(options, sent):
    additions = json_of(submission(VOLCENGINE, a_recognition_request(options=options)))["additions"]

    assert additions == {**sent, "enable_query": "True"}


def test_volcengine_query_is_flat():
    request = VOLCENGINE.query_request("task-1", endpoint_of(VOLCENGINE), now=NOW)

    assert (request.method, urlsplit(request.url).path) == ("POST", "/api/v1/auc/query")
    assert request.headers["Authorization"] == "Bearer; SYNTHETIC_TOKEN"
    assert json_of(request) == {
        "appid": "1234567890",
        "token": "SYNTHETIC_TOKEN",
        "cluster": "volc_auc_common",
        "id": "task-1",
    }


def test_abcpen_submission_is_a_form_with_both_spellings():
    request = submission(ABCPEN, a_recognition_request())

    form = form_of(request)
    assert (request.method, urlsplit(request.url).path) == ("POST", "/v1/asr/long")
    assert urlsplit(request.url).query == ""
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert len(form.pop("signa")) == 28
    assert form == {
        "appid": "595f23df",
        "ts": str(NOW),
        "audio_url": AUDIO_URL,
        "audio_encode": "pcm",
        "audio_sample_rate": "16000",
        "audio_samplerate": "16000",
        "has_participle": "true",
        "words_output": "true",
        "lang": "cn",
    }


@pytest.mark.parametrize(
    ("options", "audio", "sent"),
    [
        pytest.param({"language": "en"}, {}, {"lang": "en"}, id="english"),
        pytest.param({"speakers": 3}, {}, {"speaker_number": "3"}, id="three-speakers"),
        pytest.param({"speakers": 0}, {}, {"speaker_number": "0"}, id="speakers-found-out"),
        pytest.param({"punctuation": False}, {}, {"punc": "0"}, id="no-punctuation"),
        pytest.param({"domain": "medical"}, {}, {"pd": "medical"}, id="domain"),
        pytest.param({"words": False}, {}, {"has_participle": "false", "words_output": "false"}, id="no-words"),
        pytest.param({"hotwords": "笔声,ASR"}, {}, {"hotWord": "笔声|ASR"}, id="hot-words"),
        pytest.param({}, {"format": "mp3", "codec": "mp3"}, {"audio_encode": "mpeg2"}, id="mp3"),
        pytest.param({}, {"format": "m4a", "codec": "aac"}, {"audio_encode": "aac"}, id="m4a"),
        pytest.param({}, {"format": "ogg", "codec": "opus"}, {"audio_encode": "opus"}, id="opus"),
        pytest.param({}, {"format": "flac", "codec": "flac"}, {"audio_encode": "flac"}, id="flac"),
        pytest.param(
            {}, {"sample_rate_hz": 44100}, {"audio_sample_rate": "44100", "audio_samplerate": "44100"}, id="rate"
        ),
    ],
)
def test_abcpen_options(options, audio, sent):
    form = form_of(submission(ABCPEN, a_recognition_request(options=options, **audio)))

    assert form | sent == form


def test_abcpen_omits_options_that_were_not_set():
    form = form_of(submission(ABCPEN, a_recognition_request(options={"domain": "poetry", "hotwords": "x" * 17})))

    assert not {"speaker_number", "pd", "punc", "hotWord"} & form.keys()


def test_abcpen_query_names_the_task_in_the_url():
    request = ABCPEN.query_request("e7/1", endpoint_of(ABCPEN), now=NOW)

    assert (request.method, urlsplit(request.url).path, request.body) == ("GET", "/v1/asr/long", b"")
    assert query_of(request).keys() == {"appid", "ts", "signa", "task_id"}
    assert query_of(request)["task_id"] == "e7/1"


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if not vendor.limits.max_data_bytes])
def test_vendor_for_urls_refuses_bytes(name):
    with pytest.raises(ValueError, match="by URL only"):
        submission(VENDORS[name], a_recognition_request(), Delivery(data=b"RIFF"))


@pytest.mark.parametrize("name", VENDORS)
def test_base_url_may_end_with_a_slash(name):
    vendor = VENDORS[name]

    urls = [
        submission(vendor, a_recognition_request(), endpoint=endpoint_of(vendor, f"http://127.0.0.1:9{end}")).url
        for end in ("", "/")
    ]

    assert urls[0] == urls[1]


@pytest.mark.parametrize("name", VENDORS)
def test_repr_of_a_request_hides_secrets(name):
    vendor = VENDORS[name]
    endpoint = endpoint_of(vendor)

    shown = repr(submission(vendor, a_recognition_request())) + repr(endpoint) + repr(Delivery(url=AUDIO_URL))

    assert "Signature" not in shown
    assert not any(secret in shown for secret in endpoint.credentials.values())


@pytest.mark.parametrize("name", VENDORS)
def test_only_supported_options_change_request_or_reading(name):
    vendor = VENDORS[name]
    wished = {
        "speakers": 2,
        "punctuation": False,
        "inverse_text_normalization": False,
        "words": False,
        "hotwords": "笔声",
        "domain": "medical",
        "model": {"volcengine-bigmodel": "volc.bigasr.auc_idle", "volcengine": "volc_auc_meeting"}.get(
            name, "16k_zh_dialect"
        ),
        "channels": "mix",
        "filter_fillers": True,
    }
    assert wished.keys() == Options.model_fields.keys() - {"language", "audio_track", "again", "vendor"}
    # Some always send words, which are then left out when reading, and some know one way with channels.
    of_itself = {
        "tencent-rec-task": {"channels"},
        "volcengine-bigmodel": {"words"},
        "abcpen-offline": {"words", "channels"},
        "tencent-recording": {"channels"},
        "volcengine": {"words"},
        "abcpen": {"channels"},
    }.get(name, set())

    def sent(option: str, options: dict[str, object]) -> HttpRequest:
        channels = 2 if option == "channels" else 1
        request = submission(vendor, a_recognition_request(sample_rate_hz=8000, channels=channels, options=options))
        return replace(request, body=bytes_of(request))

    changed = {option for option, value in wished.items() if sent(option, {option: value}) != sent(option, {})}

    assert changed | of_itself == vendor.supported_options


@pytest.mark.parametrize(
    ("name", "options", "audio", "unsupported_options"),
    [
        pytest.param("tencent-recording", {"speakers": 2}, {}, {"speakers"}, id="speakers-at-16-kHz"),
        pytest.param("tencent-recording", {"speakers": 2}, {"sample_rate_hz": 8000}, set(), id="speakers-at-8-kHz"),
        pytest.param("tencent-recording", {"words": True}, {}, {"words"}, id="words-of-the-old-api"),
        pytest.param("tencent-recording", {"model": "volc.bigasr.auc"}, {}, {"model"}, id="no-engine-of-the-old-api"),
        pytest.param("tencent-recording", {"model": "16k_zh"}, {}, set(), id="an-engine-of-the-old-api"),
        pytest.param("tencent-sentence", {"hotwords": "一" * 11}, {}, {"hotwords"}, id="hot-word-too-long"),
        pytest.param("tencent-sentence", {"hotwords": "一" * 10}, {}, set(), id="hot-word-of-ten"),
        pytest.param("tencent-rec-task", {"speakers": 2}, {}, set(), id="speakers-of-rec-task"),
        pytest.param(
            "tencent-rec-task", {"speakers": 2, "model": "16k_yue"}, {}, {"speakers"}, id="engine-without-speakers"
        ),
        pytest.param("tencent-rec-task", {"words": True, "model": "16k_ja"}, {}, {"words"}, id="engine-without-words"),
        pytest.param("tencent-rec-task", {"words": False, "model": "16k_ja"}, {}, set(), id="no-words-wanted"),
        pytest.param("tencent-rec-task", {"model": "volc.bigasr.auc"}, {}, {"model"}, id="model-of-another-vendor"),
        pytest.param("volcengine-bigmodel", {"model": "16k_zh"}, {}, {"model"}, id="engine-of-another-vendor"),
        pytest.param("volcengine-bigmodel", {"model": "volc.seedasr.auc", "hotwords": "笔声"}, {}, set(), id="edition"),
        pytest.param("abcpen-offline", {"punctuation": True}, {}, {"punctuation"}, id="punctuation-as-it-comes"),
        pytest.param("volcengine", {"hotwords": "笔声"}, {}, {"hotwords"}, id="no-hot-words"),
        pytest.param("volcengine", {"language": "en"}, {}, set(), id="a-language-is-not-sent"),
        pytest.param("abcpen", {"domain": "poetry"}, {}, {"domain"}, id="domain-unknown"),
        pytest.param("abcpen", {"domain": "medical", "hotwords": "x" * 17}, {}, {"hotwords"}, id="hot-word-of-17"),
    ],
)
def test_unmet_options(name, options, audio, unsupported_options):
    assert VENDORS[name].unsupported_options(a_recognition_request(options=options, **audio)) == unsupported_options


def test_tencent_recording_ignores_engines_of_other_vendors():
    request = a_recognition_request(sample_rate_hz=8000, options={"model": "volc.bigasr.auc"})

    assert "engine_model_type=8k_0&" in submission(VENDORS["tencent-recording"], request).url


TELEPHONE, TWO_TRACKS = {"sample_rate_hz": 8000}, {"sample_rate_hz": 8000, "channels": 2}


@pytest.mark.parametrize(
    ("name", "speakers", "audio", "counted"),
    [
        pytest.param("tencent-recording", 2, TELEPHONE, True, id="recording-telephone"),
        pytest.param("tencent-recording", 2, TWO_TRACKS, False, id="recording-a-track-each"),
        pytest.param("tencent-recording", 3, TWO_TRACKS, True, id="recording-three-on-two-tracks"),
        pytest.param("tencent-recording", 0, TELEPHONE, False, id="recording-no-number-asked"),
        pytest.param("tencent-rec-task", 2, {}, True, id="rec-task-16-kHz"),
        pytest.param("tencent-rec-task", 2, TELEPHONE, False, id="rec-task-telephone"),
        pytest.param("tencent-rec-task", 2, TWO_TRACKS, False, id="rec-task-a-track-each"),
        pytest.param("tencent-rec-task", 3, TWO_TRACKS, True, id="rec-task-three-on-two-tracks"),
        pytest.param("volcengine", 2, {}, True, id="volcengine"),
        pytest.param("volcengine-bigmodel", 2, {}, True, id="bigmodel"),
        pytest.param("volcengine-bigmodel", 0, {}, False, id="bigmodel-no-number-asked"),
        pytest.param("abcpen-offline", 2, {}, False, id="offline"),
        pytest.param("abcpen", 2, {}, False, id="abcpen"),
    ],
)
def test_number_of_speakers_that_is_not_kept_is_a_warning(name, speakers, audio, counted):
    warnings = texts(VENDORS[name].warnings(a_recognition_request(options={"speakers": speakers}, **audio)))

    told = f"{name} distinguishes speakers, but counts them itself: they may not be {speakers}"
    assert warnings == ([told] if counted else [])


def test_unsupported_speakers_are_one_warning():
    warnings = texts(VENDORS["tencent-recording"].warnings(a_recognition_request(options={"speakers": 2})))

    assert warnings == ["tencent-recording does not support the option 'speakers'; it was left out"]


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    "audio",
    [("amr", "amr_nb"), ("webm", "opus"), ("wav", "pcm_alaw"), ("wma", "wmav2"), ("ogg", "vorbis"), ("mp4", "alac")],
    ids="-".join,
)
def test_recording_for_a_named_vendor_can_be_submitted(name, audio):
    vendor, (form, codec) = VENDORS[name], audio
    request = replace(a_recognition_request(format=form, codec=codec), named=True)

    reason = vendor.rejection_reason(request)

    assert reason is None or codec in reason or form in reason
    if reason is None:
        assert submission(vendor, request).url
