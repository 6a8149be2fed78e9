"""Check the simulator of CreateRecTask over real HTTP with a client from the vendor's pages and the vendor's SDK."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tencentcloud.asr.v20190614 import models
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.support import tones
from tests.support.raw_tencent_rec_task import CREATE, DESCRIBE, RawTencentRecTask, data_of
from tests.support.sampled import exhaustive
from tests.support.simulator_control import CREDENTIALS, FromNow, any_json_value, at_run_time
from tests.support.tencent_sdk import sdk_client
from tests.support.web import eventually, form_fields

ACCOUNT = CREDENTIALS["tencent"]
AUDIO = "http://127.0.0.1:9/a.wav"
SPEECH = tones.audio()  # a recording with a script
TELEPHONE = tones.audio(((2200, 3200),), ((500, 1500),), rate_hz=8000)
LINES = ("今天天气，怎么样。", "还不错。")
MEBIBYTE = 1024 * 1024
VENDOR = "tencent-rec-task"
OPTIONS = {"submissions_per_s": 1000, "queries_per_s": 1000}
SCRIPTS = {SPEECH: {"lines": LINES, "speakers": ["A", "B"]}}


@pytest.fixture
def vendor(url, control):
    return RawTencentRecTask(url, ACCOUNT["secret_id"], ACCOUNT["secret_key"])


def error_of(response):
    return response["Error"]["Code"]


def finished(vendor, task_id):
    def ended():
        data = vendor.describe(task_id)["Data"]
        return data if data["Status"] in {2, 3} else None

    return eventually(ended)


def recognized(vendor, web, audio=SPEECH, **parameters):
    created = vendor.create(Url=web.serve("/a.wav", audio), **parameters)
    return finished(vendor, created["Data"]["TaskId"])


def roles(**changes):
    return [{"RoleAudioUrl": "http://a.example/voice.wav", "RoleName": "王先生", **changes}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"EngineModelType": None}, "MissingParameter", id="engine-missing"),
        pytest.param({"ChannelNum": None}, "MissingParameter", id="channels-missing"),
        pytest.param({"ResTextFormat": None}, "MissingParameter", id="text-format-missing"),
        pytest.param({"SourceType": None}, "MissingParameter", id="source-missing"),
        pytest.param({"Url": None}, "MissingParameter", id="url-missing"),
        pytest.param({"SourceType": 1}, "MissingParameter", id="data-missing"),
        pytest.param({"SourceType": 1, "Data": "UklGRg=="}, "MissingParameter", id="data-length-missing"),
        pytest.param({"Speed": 1}, "UnknownParameter", id="unknown-parameter"),
        pytest.param({"engine_model_type": "16k_0"}, "UnknownParameter", id="name-of-the-legacy-api"),
        pytest.param({"ChannelNum": "1"}, "InvalidParameter", id="number-as-text"),
        pytest.param({"ResTextFormat": True}, "InvalidParameter", id="number-as-boolean"),
        pytest.param({"SpeakerNumber": 1.5}, "InvalidParameter", id="fraction"),
        pytest.param({"Url": 7}, "InvalidParameter", id="text-as-number"),
        pytest.param({"KeyWordLibIdList": "a"}, "InvalidParameter", id="list-as-text"),
        pytest.param({"SpeakerRoles": ["a"]}, "InvalidParameter", id="roles-no-objects"),
        pytest.param({"EngineModelType": "16k_0"}, "InvalidParameterValue", id="engine-of-the-legacy-api"),
        pytest.param({"ChannelNum": 3}, "InvalidParameterValue", id="three-channels"),
        pytest.param({"ChannelNum": 2}, "InvalidParameterValue", id="stereo-with-16k"),
        pytest.param({"ResTextFormat": 6}, "InvalidParameterValue", id="text-format"),
        pytest.param({"EngineModelType": "16k_ja", "ResTextFormat": 1}, "InvalidParameterValue", id="plain-engine"),
        pytest.param({"EngineModelType": "16k_en", "ResTextFormat": 4}, "InvalidParameterValue", id="turns-in-english"),
        pytest.param({"SourceType": 2}, "InvalidParameterValue", id="source"),
        pytest.param({"Url": "s3://bucket/a.wav"}, "InvalidParameterValue", id="url-not-http"),
        pytest.param({"Url": "http://a.example/" + "x" * 2031}, "InvalidParameterValue", id="url-of-2048"),
        pytest.param({"CallbackUrl": "cb.example.com"}, "InvalidParameterValue", id="callback-not-http"),
        pytest.param({"SpeakerDiarization": 2}, "InvalidParameterValue", id="diarization"),
        pytest.param(
            {"EngineModelType": "16k_yue", "SpeakerDiarization": 1},
            "InvalidParameterValue",
            id="engine-deaf-to-speakers",
        ),
        pytest.param(
            {"EngineModelType": "8k_zh", "ChannelNum": 2, "SpeakerDiarization": 1},
            "InvalidParameterValue",
            id="speakers-in-stereo",
        ),
        pytest.param({"SpeakerDiarization": 1, "SpeakerNumber": 2}, "InvalidParameterValue", id="16k-speakers-fixed"),
        pytest.param(
            {"EngineModelType": "8k_zh", "SpeakerDiarization": 1, "SpeakerNumber": 11},
            "InvalidParameterValue",
            id="eleven-speakers",
        ),
        pytest.param(
            {"EngineModelType": "16k_zh_en", "SpeakerDiarization": 3}, "InvalidParameterValue", id="roles-missing"
        ),
        pytest.param({"SpeakerDiarization": 3, "SpeakerRoles": roles()}, "InvalidParameterValue", id="roles-engine"),
        pytest.param(
            {"EngineModelType": "16k_zh_en", "SpeakerDiarization": 3, "SpeakerRoles": roles() * 2},
            "InvalidParameterValue",
            id="two-roles",
        ),
        pytest.param(
            {"EngineModelType": "16k_zh_en", "SpeakerDiarization": 3, "SpeakerRoles": roles(RoleName="名" * 11)},
            "InvalidParameterValue",
            id="role-name-of-33-bytes",
        ),
        pytest.param(
            {"EngineModelType": "16k_en", "EmotionRecognition": 1}, "InvalidParameterValue", id="emotion-engine"
        ),
        pytest.param({"EmotionRecognition": 2}, "InvalidParameterValue", id="emotion-in-plain-text"),
        pytest.param({"SentenceMaxLength": 10}, "InvalidParameterValue", id="sentence-length-without-format-3"),
        pytest.param(
            {"SentenceMaxLength": 5, "ResTextFormat": 3}, "InvalidParameterValue", id="sentence-length-below-6"
        ),
        pytest.param({"ConvertNumMode": 2}, "InvalidParameterValue", id="number-mode"),
        pytest.param({"HotwordList": "腾讯云"}, "InvalidParameterValue", id="hotword-without-weight"),
        pytest.param({"HotwordList": "腾讯云|12"}, "InvalidParameterValue", id="hotword-weight"),
        pytest.param({"HotwordList": "腾讯云|5，语音|5"}, "InvalidParameterValue", id="hotwords-with-a-wide-comma"),
        pytest.param({"HotwordList": "一二三四五六七八九十一|5"}, "InvalidParameterValue", id="hotword-of-11-hanzi"),
        pytest.param({"HotwordList": "x" * 31 + "|5"}, "InvalidParameterValue", id="hotword-of-31-characters"),
        pytest.param({"HotwordList": ",".join(["a|1"] * 129)}, "InvalidParameterValue", id="129-hotwords"),
        pytest.param({"KeyWordLibIdList": ["a"] * 11}, "InvalidParameterValue", id="11-keyword-lists"),
        pytest.param({"Extra": "Domain=1"}, "InvalidParameterValue", id="extra-not-json"),
        pytest.param({"Extra": '{"Domain": 4}'}, "InvalidParameterValue", id="extra-domain"),
        pytest.param(
            {"SourceType": 1, "Data": "UklG\nRg==", "DataLen": 4}, "InvalidParameterValue", id="line-break-in-base64"
        ),
        pytest.param({**data_of(SPEECH), "DataLen": 7}, "InvalidParameterValue", id="data-length"),
        pytest.param(data_of(bytes(5 * MEBIBYTE + 1)), "RequestSizeLimitExceeded", id="data-over-5-MB"),
    ],
)
def test_invalid_submission_is_refused_by_code(vendor, changes, code):
    assert error_of(vendor.create(**{"Url": AUDIO, **changes})) == code


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"HotwordList": "腾讯云|5,ASR|11,一二三四五六七八九十|100"}, id="hotwords"),
        pytest.param(
            {"HotwordId": "id", "ReinforceHotword": 1, "CustomizationId": "", "ReplaceTextId": "x"}, id="tuning"
        ),
        pytest.param({"FilterDirty": 2, "FilterPunc": 1, "FilterModal": 2, "ConvertNumMode": 3}, id="filters"),
        pytest.param({"Extra": '{"Domain": 3}'}, id="domain"),
        pytest.param({"SpeakerNumber": 3}, id="number-of-speakers-without-diarization"),
        pytest.param({"EngineModelType": "16k_zh_en_meeting", "SpeakerDiarization": 1}, id="meeting"),
        pytest.param({"EngineModelType": "16k_multi_lang"}, id="many-languages"),
    ],
)
def test_documented_parameters_are_accepted(vendor, changes):
    assert vendor.create(Url=AUDIO, **changes)["Data"]["TaskId"] > 0


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        pytest.param({}, "MissingParameter", id="task-missing"),
        pytest.param({"TaskId": 1, "Url": AUDIO}, "UnknownParameter", id="unknown-parameter"),
        pytest.param({"TaskId": "1"}, "InvalidParameter", id="task-as-text"),
        pytest.param({"TaskId": None}, "InvalidParameter", id="task-null"),
        pytest.param({"TaskId": 1}, "FailedOperation.NoSuchTask", id="task-unknown"),
        pytest.param({"TaskId": 2**64 - 1}, "FailedOperation.NoSuchTask", id="task-of-64-bits"),
    ],
)
def test_invalid_query_is_refused_by_code(vendor, parameters, code):
    assert error_of(vendor.call_tc3(DESCRIBE, parameters)) == code


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param({"authorization": "TC3-HMAC-SHA256 nonsense"}, "AuthFailure.InvalidAuthorization", id="header"),
        pytest.param({"timestamp": FromNow(-900)}, "AuthFailure.SignatureExpire", id="clock-behind"),
        pytest.param({"host": "asr.example.com"}, "AuthFailure.SignatureFailure", id="another-host"),
        pytest.param({"service": "cvm"}, "AuthFailure.SignatureFailure", id="another-service"),
        pytest.param({"action": "SentenceRecognition"}, "InvalidAction", id="another-action"),
        pytest.param({"version": "2018-05-22"}, "NoSuchVersion", id="another-version"),
        pytest.param({"method": "PUT"}, "UnsupportedProtocol", id="put"),
        pytest.param({"body": b"not json"}, "InvalidParameter.ErrorParsequest", id="body-unreadable"),
    ],
)
def test_unauthenticated_call_is_refused(vendor, call, code):
    assert error_of(vendor.create(at_run_time(call), Url=AUDIO)) == code


@pytest.mark.parametrize(
    ("secret_id", "code"),
    [
        pytest.param("AKIDOtherAccount", "AuthFailure.SecretIdNotFound", id="unknown-id"),
        pytest.param(ACCOUNT["secret_id"], "AuthFailure.SignatureFailure", id="wrong-key"),
    ],
)
def test_other_account_is_refused(url, secret_id, code):
    assert error_of(RawTencentRecTask(url, secret_id, "wrong").create(Url=AUDIO)) == code


@any_json_value
@pytest.mark.parametrize(
    "name",
    ["EngineModelType", "ChannelNum", "SourceType", "Url", "CallbackUrl", "HotwordList", "SpeakerRoles", "Extra"],
)
def test_value_of_any_type_gets_an_answer(vendor, name, value):
    assert "RequestId" in vendor.call_tc3(
        CREATE,
        {"EngineModelType": "16k_zh", "ChannelNum": 1, "ResTextFormat": 0, "SourceType": 0, "Url": AUDIO, name: value},
    )


def test_status_is_waiting_then_doing_then_success(vendor, web, control):
    def created():
        return vendor.create(Url=web.serve("/a.wav", SPEECH), ResTextFormat=2)["Data"]["TaskId"]

    def seen(task_id):
        data = vendor.describe(task_id)["Data"]
        return data["Status"], data["StatusStr"], bool(data["Result"]), data["ResultDetail"] is None

    control.options(turnaround_s=3600)
    assert seen(created()) == (0, "waiting", False, True)

    control.options(turnaround_s=0)
    with web.holding():
        task_id = created()
        assert seen(task_id) == (1, "doing", False, True)
    finished(vendor, task_id)
    assert seen(task_id) == (2, "success", True, False)


def test_plain_result_has_lines_only(vendor, web):
    data = recognized(vendor, web)

    assert data["Result"] == f"[0:0.500,0:1.500]  {LINES[0]}\n[0:2.200,0:3.200]  {LINES[1]}\n"
    assert (data["AudioDuration"], data["ErrorMsg"], data["ResultDetail"]) == (4.0, "", None)


@pytest.mark.parametrize(
    ("text_format", "sentences"),
    [
        pytest.param(
            1, [(LINES[0], ["今天", "天气", "怎么", "样"]), (LINES[1], ["还不", "错"])], id="words-without-marks"
        ),
        pytest.param(
            2,
            [(LINES[0], ["今天", "天气", "，", "怎么", "样", "。"]), (LINES[1], ["还不", "错", "。"])],
            id="words-with-marks",
        ),
        pytest.param(
            3,
            [
                ("今天天气，", ["今天", "天气", "，"]),
                ("怎么样。", ["怎么", "样", "。"]),
                (LINES[1], ["还不", "错", "。"]),
            ],
            id="by-punctuation",
        ),
        pytest.param(
            4,
            [("".join(LINES), ["今天", "天气", "，", "怎么", "样", "。", "还不", "错", "。"])],
            id="semantic-paragraphs",
        ),
    ],
)
def test_result_detail_follows_the_text_format(vendor, web, text_format, sentences):
    data = recognized(vendor, web, ResTextFormat=text_format)

    details = data["ResultDetail"]
    assert [(each["FinalSentence"], [word["Word"] for word in each["Words"]]) for each in details] == sentences
    assert [each["WordsNum"] for each in details] == [len(words) for _, words in sentences]
    assert [line.partition("]  ")[2] for line in data["Result"].splitlines()] == [text for text, _ in sentences]


def test_detail_of_a_sentence_is_complete(vendor, web):
    first = recognized(vendor, web, ResTextFormat=5)["ResultDetail"][0]

    words = first.pop("Words")
    assert first == {
        "FinalSentence": LINES[0],
        "SliceSentence": "今天 天气 怎么 样",
        "WrittenText": LINES[0],
        "StartMs": 500,
        "EndMs": 1500,
        "WordsNum": 6,
        "SpeechSpeed": 7.0,
        "SpeakerId": 0,
        "EmotionalEnergy": None,
        "SilenceTime": None,
        "EmotionType": None,
        "KeyWordResults": None,
        "LangType": None,
        "SpeakerRoleName": None,
    }
    assert words[0] == {"Word": "今天", "OffsetStartMs": 0, "OffsetEndMs": 285}


@pytest.mark.parametrize(("reading", "edges"), [("relative", (0, 1000)), ("absolute", (2200, 3200))])
def test_option_sets_word_offsets(vendor, web, control, reading, edges):
    control.options(word_offsets=reading)

    words = recognized(vendor, web, ResTextFormat=2)["ResultDetail"][1]["Words"]

    times = [word[edge] for word in words for edge in ("OffsetStartMs", "OffsetEndMs")]
    assert times == sorted(times)
    assert (times[0], times[-1]) == edges


def test_sentence_max_length_cuts_sentences(vendor, web):
    long = tones.audio(((0, 3000),))

    details = recognized(vendor, web, long, ResTextFormat=3, SentenceMaxLength=20)["ResultDetail"]

    assert [each["FinalSentence"] for each in details] == ["[simulated utterance", "1]"]


@pytest.mark.parametrize(
    ("asked", "numbers", "marks"),
    [
        pytest.param({}, [0, 0], ["", ""], id="not-requested"),
        pytest.param({"SpeakerDiarization": 1}, [0, 1], [",0", ",1"], id="speakers"),
        pytest.param(
            {"EngineModelType": "8k_zh", "SpeakerDiarization": 1, "SpeakerNumber": 1}, [0, 0], [",0", ",0"], id="one"
        ),
    ],
)
def test_speaker_diarization_sets_speakers(vendor, web, asked, numbers, marks):
    data = recognized(vendor, web, ResTextFormat=1, **asked)

    assert [each["SpeakerId"] for each in data["ResultDetail"]] == numbers
    starts = ["[0:0.500,0:1.500", "[0:2.200,0:3.200"]
    assert [line.partition("]")[0] for line in data["Result"].splitlines()] == [
        start + mark for start, mark in zip(starts, marks, strict=True)
    ]


def test_speaker_role_names_the_first_speaker(vendor, web):
    asked = {"EngineModelType": "16k_zh_en", "SpeakerDiarization": 3, "SpeakerRoles": roles()}

    data = recognized(vendor, web, ResTextFormat=1, **asked)

    assert [(each["SpeakerId"], each["SpeakerRoleName"]) for each in data["ResultDetail"]] == [(0, "王先生"), (1, None)]


def test_two_channels_set_the_speaker_id(vendor, web):
    data = recognized(vendor, web, TELEPHONE, EngineModelType="8k_zh", ChannelNum=2, ResTextFormat=1)

    assert [(each["StartMs"], each["SpeakerId"]) for each in data["ResultDetail"]] == [(500, 1), (2200, 0)]
    assert data["Result"].startswith("[0:0.500,0:1.500,1]  ")


def test_optional_fields_are_returned_on_request(vendor, web):
    asked = {"EmotionRecognition": 2, "EmotionalEnergy": 1, "KeyWordLibIdList": ["lib"]}

    first = recognized(vendor, web, ResTextFormat=1, **asked)["ResultDetail"][0]

    assert (first["EmotionType"], first["EmotionalEnergy"], first["KeyWordResults"]) == ([], 1.0, [])


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        pytest.param("mp3", "libmp3lame", 16000, id="mp3"),
        pytest.param("ipod", "aac", 44100, id="m4a"),
        pytest.param("flv", "libmp3lame", 44100, id="flv"),
        pytest.param("asf", "libmp3lame", 44100, id="wma-container"),
        pytest.param("adts", "aac", 16000, id="aac"),
        pytest.param("ogg", "libopus", 48000, id="ogg-opus"),
        pytest.param("flac", "flac", 16000, id="flac"),
        pytest.param("wav", "pcm_s16le", 8000, id="8k-for-a-16k-engine"),
    ],
)
def test_format_of_recording_decides_acceptance(vendor, web, container, codec, rate_hz):
    audio = tones.audio(container=container, codec=codec, rate_hz=rate_hz)

    data = recognized(vendor, web, audio, ResTextFormat=1)

    assert (data["Status"], len(data["ResultDetail"])) == (2, 2)


def test_stereo_is_mixed_for_channel_num_1(vendor, web):
    data = recognized(vendor, web, tones.audio(((500, 1500),), ((2200, 3200),)))

    assert len(data["Result"].splitlines()) == 2


def test_silence_is_success_without_text(vendor, web):
    data = recognized(vendor, web, tones.silence(), ResTextFormat=2)

    assert (data["Status"], data["Result"], data["ResultDetail"], data["AudioDuration"]) == (2, "", None, 2.0)


@pytest.mark.parametrize(
    ("audio", "parameters", "code", "message"),
    [
        pytest.param(None, {}, b"10007", "Failed to download audio file!", id="download"),
        pytest.param(b"a letter " * 99, {}, b"10004", "Invalid audio file!", id="not-audio"),
        pytest.param(b"", {}, b"10004", "Invalid audio file!", id="no-bytes"),
        pytest.param(tones.silence(999), {}, b"10002", "The audio file is too short!", id="too-short"),
        pytest.param(
            tones.audio(container="aiff", codec="pcm_s16be"),
            {},
            b"10000",
            "Failed to decode audio file: unsupported format!",
            id="format-not-taken",
        ),
        pytest.param(
            tones.audio(rate_hz=8000),
            {"EngineModelType": "8k_zh", "ChannelNum": 2},
            b"10006",
            "The number of audio tracks does not match ChannelNum!",
            id="mono-declared-as-stereo",
        ),
        exhaustive(
            tones.long_silence(5 * 3600 + 1, rate_hz=100),
            {},
            b"10003",
            "The audio file is too long!",
            id="over-5-hours",
        ),
    ],
)
def test_failed_task_is_reported_by_query_and_callback(vendor, web, audio, parameters, code, message):
    audio_url = web.at("/gone.wav") if audio is None else web.serve("/a.wav", audio)

    created = vendor.create(Url=audio_url, CallbackUrl=web.at("/cb"), **parameters)

    data = finished(vendor, created["Data"]["TaskId"])
    assert (data["Status"], data["StatusStr"], data["ErrorMsg"]) == (3, "failed", message)
    assert (data["Result"], data["AudioDuration"], data["ResultDetail"]) == ("", 0, None)
    fields = form_fields(eventually(lambda: web.received)[0].body)
    assert (fields["code"], fields["message"].decode()) == (code, message)
    assert (fields["text"], fields["audioTime"], fields["resultDetail"]) == (b"", b"0.000000", b"")


def test_callback_equals_query(vendor, web):
    audio_url = web.serve("/a.wav", SPEECH)

    created = vendor.create(Url=audio_url, CallbackUrl=web.at("/cb?job=7"), ResTextFormat=2, SpeakerDiarization=1)

    data = finished(vendor, created["Data"]["TaskId"])
    received = eventually(lambda: web.received)[0]
    fields = form_fields(received.body)
    assert received.content_type == "application/x-www-form-urlencoded"
    assert list(fields) == [
        "code",
        "requestId",
        "appid",
        "projectid",
        "audioUrl",
        "text",
        "audioTime",
        "message",
        "resultDetail",
    ]
    assert fields["requestId"].decode() == str(created["Data"]["TaskId"])
    assert (fields["code"], fields["appid"].decode(), fields["message"]) == (b"0", ACCOUNT["appid"], b"")
    assert (fields["audioUrl"].decode(), fields["audioTime"]) == (audio_url, b"4.000000")
    assert fields["text"].decode() == data["Result"]
    assert json.loads(fields["resultDetail"]) == [
        {name: value for name, value in each.items() if value is not None} for each in data["ResultDetail"]
    ]


def test_callback_of_upload_has_no_url_and_no_detail(vendor, web):
    created = vendor.create(**data_of(SPEECH), CallbackUrl=web.at("/cb"))

    fields = form_fields(eventually(lambda: web.received)[0].body)
    assert finished(vendor, created["Data"]["TaskId"])["Status"] == 2
    assert "audioUrl" not in fields
    assert fields["resultDetail"] == b""


def test_callback_is_repeated_until_acknowledged(vendor, web, control):
    control.options(callback_interval_s=0.01)
    web.reply_with((200, '{"code": 1}'), (200, '{"code": 0, "message": "success"}'), (500, "never asked"))

    task_id = vendor.create(Url=web.serve("/a.wav", SPEECH), CallbackUrl=web.at("/cb"))["Data"]["TaskId"]

    def attempts():
        noted = [each for each in control.requests("callback") if each["task_id"] == str(task_id)]
        return [(each["attempt"], each["delivered"]) for each in noted]

    eventually(lambda: len(attempts()) == 2)
    assert attempts() == [(1, False), (2, True)]
    assert len({received.body for received in web.received}) == 1


def test_submission_without_callback_url_posts_nothing(vendor, web, control):
    task_id = vendor.create(Url=web.serve("/a.wav", SPEECH))["Data"]["TaskId"]

    finished(vendor, task_id)

    assert str(task_id) not in [each["task_id"] for each in control.requests("callback")]


def test_result_is_deleted_after_retention(vendor, web, control):
    task_id = vendor.create(Url=web.serve("/a.wav", SPEECH))["Data"]["TaskId"]
    finished(vendor, task_id)

    control.options(retention_s=0)

    assert error_of(vendor.describe(task_id)) == "FailedOperation.NoSuchTask"


@pytest.mark.parametrize(
    ("option", "call", "code"),
    [
        pytest.param(
            "submissions_per_s",
            lambda vendor: vendor.create(Url=AUDIO),
            "RequestLimitExceeded.UinLimitExceeded",
            id="submissions",
        ),
        pytest.param("queries_per_s", lambda vendor: vendor.describe(1), "RequestLimitExceeded", id="queries"),
    ],
)
def test_call_over_rate_limit_is_refused(vendor, control, option, call, code):
    control.options(**{option: 1})

    def codes():
        with ThreadPoolExecutor(8) as pool:
            return {response.get("Error", {}).get("Code") for response in pool.map(lambda _: call(vendor), range(8))}

    eventually(lambda: code in codes())


def test_query_by_get_is_accepted(vendor):
    task_id = vendor.create(Url=AUDIO)["Data"]["TaskId"]

    assert vendor.describe(task_id, method="GET")["Data"]["TaskId"] == task_id


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("algorithm", ["HmacSHA1", "HmacSHA256"])
def test_v1_signature_is_accepted(vendor, web, method, algorithm):
    parameters = {"EngineModelType": "16k_zh", "ChannelNum": 1, "ResTextFormat": 0, "SourceType": 0}
    audio = {"Url": web.serve("/a b.wav", SPEECH)}

    created = vendor.call_v1(CREATE, {**parameters, **audio}, method=method, algorithm=algorithm)

    def ended():
        task = {"TaskId": created["Data"]["TaskId"]}
        data = vendor.call_v1(DESCRIBE, task, method=method, algorithm=algorithm)["Data"]
        return data["Status"] == 2 and data

    assert LINES[0] in eventually(ended)["Result"]


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        pytest.param({"code": "10007"}, 3, "Failed to download audio file!", id="by-its-code"),
        pytest.param({"code": "10005", "message": "Backend timeout!"}, 3, "Backend timeout!", id="in-other-words"),
        pytest.param({"code": "0"}, 2, "", id="success-without-text"),
    ],
)
def test_fault_sets_the_outcome_of_a_task(vendor, web, control, fault, status, message):
    control.fault("result", **fault)

    data = recognized(vendor, web)

    assert (data["Status"], data["ErrorMsg"], data["Result"]) == (status, message, "")


@pytest.mark.parametrize("code", ["FailedOperation.UserHasNoFreeAmount", "InternalError.FailAccessDatabase"])
def test_fault_sets_any_code(vendor, control, code):
    control.fault("submit", code=code)
    control.fault("query", code=code)

    assert error_of(vendor.create(Url=AUDIO)) == code
    assert error_of(vendor.describe(1)) == code


@pytest.mark.parametrize(("moment", "code"), [("submit", "10001"), ("result", "InternalError")])
def test_fault_with_code_of_another_moment_is_refused(control, moment, code):
    assert control.fault(moment, code=code).status_code == 400


def test_request_log_has_no_secret_part_of_an_address(vendor, control):
    signed = "http://127.0.0.1:9/a.wav?signature=secret"
    role = roles(RoleAudioUrl=signed)
    asked = {"EngineModelType": "16k_zh_en", "SpeakerDiarization": 3, "SpeakerRoles": role}

    vendor.create(Url=signed, CallbackUrl=signed, **asked)

    noted = control.requests("submit")[-1]["parameters"]
    assert noted["Url"] == noted["SpeakerRoles"][0]["RoleAudioUrl"] == "http://127.0.0.1/a.wav"
    assert "secret" not in json.dumps(noted)


def sdk_request(kind, **parameters):
    request = kind()
    request.from_json_string(json.dumps(parameters))
    return request


def sdk_create(client, **parameters):
    correct = {"EngineModelType": "16k_zh", "ChannelNum": 1, "ResTextFormat": 2, "SourceType": 0}
    return client.CreateRecTask(sdk_request(models.CreateRecTaskRequest, **{**correct, **parameters})).Data.TaskId


def sdk_describe(client, task_id):
    return client.DescribeTaskStatus(sdk_request(models.DescribeTaskStatusRequest, TaskId=task_id)).Data


def sdk_finished(client, task_id):
    return eventually(lambda: (data := sdk_describe(client, task_id)).Status in {2, 3} and data)


@pytest.mark.parametrize(
    ("method", "sign_method"),
    [("POST", "TC3-HMAC-SHA256"), ("GET", "TC3-HMAC-SHA256"), ("POST", "HmacSHA1"), ("GET", "HmacSHA256")],
)
def test_vendor_sdk_reads_words_and_speakers(url, control, web, method, sign_method):
    client = sdk_client(url, method, sign_method)

    task_id = sdk_create(client, Url=web.serve("/a b.wav", SPEECH), SpeakerDiarization=1)

    status = sdk_finished(client, task_id)
    assert (status.TaskId, status.StatusStr, status.AudioDuration) == (task_id, "success", 4.0)
    assert [(each.FinalSentence, each.SpeakerId) for each in status.ResultDetail] == [(LINES[0], 0), (LINES[1], 1)]
    assert [word.Word for word in status.ResultDetail[1].Words] == ["还不", "错", "。"]


def test_vendor_sdk_uploads_data(url, control):
    client = sdk_client(url)

    assert sdk_finished(client, sdk_create(client, **data_of(SPEECH))).StatusStr == "success"


def test_vendor_sdk_reads_a_failed_task(url, control, web):
    client = sdk_client(url)

    status = sdk_finished(client, sdk_create(client, Url=web.at("/gone.wav")))

    assert (status.StatusStr, status.ErrorMsg, status.ResultDetail) == (
        "failed",
        "Failed to download audio file!",
        None,
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param(lambda url: sdk_describe(sdk_client(url), 1), "FailedOperation.NoSuchTask", id="no-such-task"),
        pytest.param(lambda url: sdk_create(sdk_client(url)), "MissingParameter", id="url-missing"),
        pytest.param(
            lambda url: sdk_create(sdk_client(url, secret_key="wrong"), Url=AUDIO),
            "AuthFailure.SignatureFailure",
            id="wrong-key",
        ),
    ],
)
def test_vendor_sdk_reads_errors(url, control, call, code):
    with pytest.raises(TencentCloudSDKException) as raised:
        call(url)

    assert raised.value.code == code
    assert raised.value.requestId
