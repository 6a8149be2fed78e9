"""Check every documented request parameter of the vendors: the option that sets it, or its other source."""

from dataclasses import dataclass
from urllib.parse import quote_from_bytes

import pytest

from asrcore.core.vendor import Delivery
from asrcore.vendors.registry import VENDORS
from tests.support.recognition_requests import (
    NOW,
    a_recognition_request,
    answer,
    endpoint_of,
    form_of,
    json_of,
    multipart_of,
    query_of,
    submission,
)


@dataclass(frozen=True)
class Canonical:
    """Set by an option that is the same for all vendors."""

    option: str


@dataclass(frozen=True)
class Own:
    """Set under the vendor's name; `option`: the canonical option that sets it too, less finely."""

    option: str = ""


@dataclass(frozen=True)
class Derived:
    """Follows from the recording, the job or the moment."""


@dataclass(frozen=True)
class Account:
    """Part of the vendor's object in the secret."""


@dataclass(frozen=True)
class Fixed:
    """Has one value, or is never sent, for a reason."""

    why: str
    sent: bool = True


NEVER = False
SHARED_BY_TENCENT = {
    "Url": Derived(),
    "Data": Derived(),
    "DataLen": Derived(),
    "SourceType": Derived(),
    "FilterDirty": Own(),
    "FilterModal": Own("filter_fillers"),
    "FilterPunc": Own("punctuation"),
    "ConvertNumMode": Own("inverse_text_normalization"),
    "HotwordId": Own(),
    "HotwordList": Own("hotwords"),
    "CustomizationId": Own(),
    "ReplaceTextId": Own(),
    "ReinforceHotword": Own(),
}
DOCUMENTED = {
    "tencent-recording": {
        "projectid": Own(),
        "secretid": Account(),
        "sub_service_type": Fixed("the other value is recognition in real time"),
        "engine_model_type": Canonical("model"),
        "res_text_format": Own(),
        "res_type": Fixed("only asynchronous recognition works"),
        "callback_url": Derived(),
        "channel_num": Canonical("channels"),
        "source_type": Derived(),
        "url": Derived(),
        "timestamp": Derived(),
        "expired": Derived(),
        "nonce": Derived(),
        "template_name": Fixed("of an older service; only its error codes are left", NEVER),
        "bucket": Fixed("of an older service; only its error codes are left", NEVER),
    },
    "tencent-sentence": {
        "EngSerViceType": Canonical("model"),
        **SHARED_BY_TENCENT,
        "VoiceFormat": Derived(),
        "ProjectId": Own(),
        "SubServiceType": Fixed("2 is this service"),
        "UsrAudioKey": Derived(),
        "WordInfo": Own("words"),
        "InputSampleRate": Own(),
    },
    "tencent-rec-task": {
        **SHARED_BY_TENCENT,
        "EngineModelType": Canonical("model"),
        "ChannelNum": Canonical("channels"),
        "ResTextFormat": Own("words"),
        "CallbackUrl": Derived(),
        "SpeakerDiarization": Canonical("speakers"),
        "SpeakerNumber": Canonical("speakers"),
        "SpeakerRoles.RoleAudioUrl": Own(),
        "SpeakerRoles.RoleName": Own(),
        "KeyWordLibIdList": Own(),
        "EmotionRecognition": Own(),
        "EmotionalEnergy": Own(),
        "SentenceMaxLength": Own(),
        "Extra": Own(),
    },
    "volcengine": {
        "app.appid": Account(),
        "app.token": Account(),
        "app.cluster": Canonical("model"),
        "user.uid": Derived(),
        "audio.url": Derived(),
        "audio.format": Derived(),
        "audio.codec": Derived(),
        "audio.rate": Derived(),
        "audio.bits": Derived(),
        "audio.channel": Derived(),
        "audio.data": Fixed("no document of this generation has it", NEVER),
        "request.callback": Derived(),
        "request.boosting_table_name": Own(),
        "request.nbest": Fixed("in none of the vendor's tables; it does nothing", NEVER),
        "additions.language": Canonical("language"),
        "additions.use_itn": Canonical("inverse_text_normalization"),
        "additions.use_punc": Canonical("punctuation"),
        "additions.use_ddc": Canonical("filter_fillers"),
        "additions.with_speaker_info": Canonical("speakers"),
        "additions.channel_split": Canonical("channels"),
        "additions.enable_query": Fixed("without it a task with a callback cannot be asked about"),
    },
    "abcpen": {
        "appid": Account(),
        "ts": Derived(),
        "signa": Derived(),
        "audio_url": Derived(),
        "audio_encode": Derived(),
        "audio_sample_rate": Derived(),
        "audio_samplerate": Derived(),
        "lang": Canonical("language"),
        "punc": Canonical("punctuation"),
        "pd": Canonical("domain"),
        "speaker_number": Canonical("speakers"),
        "has_participle": Canonical("words"),
        "words_output": Canonical("words"),
        "accurate_speaker": Own(),
        "audio_denoise": Own(),
        "max_alternatives": Own(),
        "has_smooth": Own(),
        "eng_rlang": Own(),
        "hotWord": Canonical("hotwords"),
        "callback": Fixed("only of a variant whose callbacks are undocumented; it is queried instead", NEVER),
    },
    "volcengine-bigmodel": {
        "user.uid": Derived(),
        "audio.url": Derived(),
        "audio.data": Fixed("documented for the flash edition only, although the standard one takes it", NEVER),
        "audio.format": Derived(),
        "audio.codec": Derived(),
        "audio.rate": Derived(),
        "audio.bits": Derived(),
        "audio.channel": Derived(),
        "audio.language": Canonical("language"),
        "request.model_name": Fixed("the only one; the edition is a header, and the option model"),
        "request.model_version": Own(),
        "request.ssd_version": Own(),
        "request.enable_itn": Canonical("inverse_text_normalization"),
        "request.enable_punc": Canonical("punctuation"),
        "request.enable_ddc": Canonical("filter_fillers"),
        "request.enable_speaker_info": Canonical("speakers"),
        "request.enable_channel_split": Canonical("channels"),
        "request.show_utterances": Fixed("sentences with times are what a transcript is made of"),
        "request.ssd_mode": Own(),
        "request.enable_auto_lang": Own(),
        "request.show_speech_rate": Own(),
        "request.show_volume": Own(),
        "request.enable_lid": Own(),
        "request.enable_emotion_detection": Own(),
        "request.enable_gender_detection": Own(),
        "request.vad_segment": Own(),
        "request.end_window_size": Own(),
        "request.sensitive_words_filter": Own(),
        "request.enable_poi_fc": Own(),
        "request.enable_music_fc": Own(),
        "request.corpus.boosting_table_name": Own(),
        "request.corpus.boosting_table_id": Own(),
        "request.corpus.correct_table_name": Own(),
        "request.corpus.correct_table_id": Own(),
        "request.corpus.regex_correct_table_name": Own(),
        "request.corpus.regex_correct_table_id": Own(),
        "request.corpus.context": Own("hotwords"),
        "callback": Derived(),
        "callback_data": Fixed("the callback's address tells whose it is", NEVER),
    },
    "abcpen-offline": {
        "audio_url": Derived(),
        "app_id": Account(),
        "task_id": Derived(),
        "language": Canonical("language"),
        "sd_type": Own(),
        "denoise": Own(),
        "min_speaker_num": Own("speakers"),
        "max_speaker_num": Own("speakers"),
        "org_id": Own(),
        "tag_id": Own(),
        "audio_type": Own(),
        "word_timestamp": Own(),
    },
    "openai-compatible": {
        "file": Derived(),
        "model": Own("model"),
        "language": Own("language"),
        "prompt": Own("hotwords"),
        "response_format": Own(),
        "temperature": Own(),
        "timestamp_granularities[]": Canonical("words"),
        "chunking_strategy": Derived(),
        "stream": Fixed("the answer is read as a whole", NEVER),
        "include[]": Fixed("log probabilities, which no transcript holds", NEVER),
        "known_speaker_names[]": Fixed("a recording's speakers are not known beforehand", NEVER),
        "known_speaker_references[]": Fixed("a recording's speakers are not known beforehand", NEVER),
    },
}
EVERYTHING = {
    "speakers": 2,
    "punctuation": False,
    "inverse_text_normalization": False,
    "words": True,
    "hotwords": "笔声",
    "domain": "medical",
    "channels": "split",
    "filter_fillers": True,
}
OWN = {
    "tencent-recording": {"projectid": 7, "res_text_format": 2},
    "tencent-sentence": {
        "ProjectId": 7,
        "WordInfo": 2,
        "FilterDirty": 1,
        "FilterModal": 2,
        "FilterPunc": 1,
        "ConvertNumMode": 0,
        "HotwordList": "腾讯云|11,ASR|100",
        "CustomizationId": "custom-1",
        "ReplaceTextId": "replace-1",
        "ReinforceHotword": 1,
    },
    "volcengine": {"boosting_table_name": "names"},
    "abcpen": {
        "accurate_speaker": True,
        "audio_denoise": False,
        "max_alternatives": 3,
        "has_smooth": False,
        "eng_rlang": 0,
    },
    "tencent-rec-task": {
        "ResTextFormat": 3,
        "SentenceMaxLength": 20,
        "FilterDirty": 1,
        "FilterModal": 2,
        "FilterPunc": 1,
        "ConvertNumMode": 3,
        "HotwordList": "腾讯云|11,ASR|100",
        "ReinforceHotword": 1,
        "CustomizationId": "custom-1",
        "ReplaceTextId": "replace-1",
        "KeyWordLibIdList": "library-1,library-2",
        "EmotionRecognition": 1,
        "EmotionalEnergy": 1,
        "Extra": '{"Domain":1}',
    },
    "volcengine-bigmodel": {
        "model_version": "400",
        "vad_segment": True,
        "end_window_size": 800,
        "show_speech_rate": True,
        "show_volume": True,
        "enable_lid": True,
        "enable_emotion_detection": True,
        "enable_gender_detection": True,
        "enable_poi_fc": True,
        "enable_music_fc": True,
        "sensitive_words_filter": '{"system_reserved_filter":true}',
        "boosting_table_name": "names",
        "boosting_table_id": "id-1",
        "correct_table_name": "corrections",
        "correct_table_id": "id-2",
        "regex_correct_table_name": "patterns",
        "regex_correct_table_id": "id-3",
        "context": '{"hotwords":[{"word":"笔声"}]}',
    },
    "abcpen-offline": {
        "sd_type": "v1",
        "denoise": True,
        "min_speaker_num": 1,
        "max_speaker_num": 3,
        "org_id": "org-1",
        "tag_id": "tag-1",
        "audio_type": "asr",
        "word_timestamp": True,
    },
    "openai-compatible": {
        "model": "org/large-model",
        "prompt": "以下是普通话的句子。",
        "temperature": "0.2",
        "response_format": "verbose_json",
    },
}
# What has its use only with other options or another recording: those, what is then set, and the recording.
ONLY_WITH = {
    "tencent-sentence": ({}, {"InputSampleRate": 8000, "HotwordId": "list-1"}, {"format": "pcm"}),
    "tencent-rec-task": (
        {"model": "16k_zh_en"},
        {"RoleAudioUrl": "https://voices.example.com/a.wav", "RoleName": "张三", "HotwordId": "list-1"},
        {},
    ),
    "volcengine-bigmodel": ({"speakers": 2}, {"ssd_version": "300", "ssd_mode": 0, "enable_auto_lang": True}, {}),
    "openai-compatible": ({"speakers": 2}, {"response_format": "diarized_json", "language": "auto"}, {}),
}


def sent(name, options, delivery=None, **audio):
    """Return a request's parameters; nested ones with a dot."""
    request = submission(VENDORS[name], a_recognition_request(options=options, **audio), delivery)
    if name == "tencent-recording":
        return query_of(request)
    if name == "abcpen":
        return form_of(request)
    if name == "openai-compatible":
        return {part: content.decode() for part, content in multipart_of(request)}
    return flat(json_of(request))


def flat(table, path=""):
    """The values of nested objects, by their paths; a list's are one text, but for objects in it."""
    found = {}
    for name, value in table.items():
        inner = value[0] if isinstance(value, list) and isinstance(value[0], dict) else value
        if isinstance(inner, dict):
            found |= flat(inner, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = ",".join(inner) if isinstance(inner, list) else inner
    return found


@pytest.mark.parametrize("name", VENDORS)
class TestEveryDocumentedParameter:
    def test_parameter_is_settable_or_decided(self, name):
        vendor = VENDORS[name]
        canonical = {each.option for each in DOCUMENTED[name].values() if isinstance(each, Canonical | Own)} - {""}
        own = {parameter.rsplit(".", 1)[-1] for parameter, each in DOCUMENTED[name].items() if isinstance(each, Own)}

        assert vendor.parameters.keys() == own
        assert canonical <= vendor.supported_options | {"language"}

    def test_parameter_is_sent_in_a_request_or_never(self, name):
        vendor = VENDORS[name]
        options, table, audio = ONLY_WITH.get(name, ({}, OWN[name], {}))
        names = {
            *sent(name, EVERYTHING | {"vendor": {name: OWN[name]}}, sample_rate_hz=8000, channels=2),
            *sent(name, options | {"vendor": {name: table}}, **audio),
            *sent(name, {"language": "en", "speakers": 2}),
            *sent(name, {"speakers": 2}, sample_rate_hz=8000),
            *(
                sent(name, {}, Delivery(data=b"RIFF"))
                if vendor.limits.max_data_bytes > 0 and vendor.limits.accepts_urls
                else ()
            ),
        }

        never = {parameter for parameter, each in DOCUMENTED[name].items() if isinstance(each, Fixed) and not each.sent}
        assert names == DOCUMENTED[name].keys() - never

    def test_vendor_option_is_sent_and_wins_over_the_general_one(self, name):
        options = EVERYTHING | {"vendor": {name: OWN[name]}}
        written = {str(value).lower() for value in OWN[name].values()}

        arrived = sent(name, options)

        ours = {key: value for key, value in arrived.items() if key.rsplit(".", 1)[-1] in OWN[name]}
        assert len(ours) == len(OWN[name])
        assert {str(value).lower() for value in ours.values()} == written
        assert VENDORS[name].unsupported_options(a_recognition_request(options={"vendor": {name: OWN[name]}})) == set()

    def test_option_of_another_vendor_is_a_warning(self, name):
        other = "abcpen" if name != "abcpen" else "abcpen-offline"

        unsupported_options = VENDORS[name].unsupported_options(
            a_recognition_request(options={"vendor": {other: OWN[other]}})
        )

        assert unsupported_options == {f"{other}.{parameter}" for parameter in OWN[other]}


@pytest.mark.parametrize(
    ("own", "audio", "unsupported_options"),
    [
        pytest.param({"InputSampleRate": 8000}, {}, {"tencent-sentence.InputSampleRate"}, id="a-wav-has-its-own-rate"),
        pytest.param({"InputSampleRate": 8000}, {"format": "pcm"}, set(), id="raw-pcm"),
        pytest.param(
            {"HotwordId": "x", "HotwordList": "a|1"}, {}, {"tencent-sentence.HotwordId"}, id="a-list-outdoes-an-id"
        ),
        pytest.param({"HotwordId": "x"}, {}, set(), id="an-id-alone"),
    ],
)
def test_tencent_sentence_parameter_needs_its_option(own, audio, unsupported_options):
    request = a_recognition_request(options={"vendor": {"tencent-sentence": own}}, **audio)

    assert VENDORS["tencent-sentence"].unsupported_options(request) == unsupported_options
    assert own.keys() - json_of(submission(VENDORS["tencent-sentence"], request)).keys() == {
        name.split(".")[1] for name in unsupported_options
    }


@pytest.mark.parametrize(
    ("name", "channels", "unsupported_options", "parameter", "value"),
    [
        pytest.param("tencent-recording", "split", set(), "channel_num", "2", id="recording-splits"),
        pytest.param("tencent-recording", "mix", {"channels"}, "channel_num", "2", id="recording-cannot-mix"),
        pytest.param("tencent-rec-task", "split", set(), "ChannelNum", 2, id="rec-task-splits"),
        pytest.param("tencent-rec-task", "mix", {"channels"}, "ChannelNum", 2, id="rec-task-cannot-mix"),
        pytest.param("volcengine-bigmodel", "split", set(), "request.enable_channel_split", True, id="bigmodel-splits"),
        pytest.param("volcengine-bigmodel", "mix", set(), "request.enable_channel_split", False, id="bigmodel-mixes"),
        pytest.param("abcpen-offline", "mix", set(), "language", "zh", id="offline-mixes"),
        pytest.param("abcpen-offline", "split", {"channels"}, "language", "zh", id="offline-cannot-split"),
        pytest.param("volcengine", "split", set(), "additions.channel_split", "True", id="volcengine-splits"),
        pytest.param("volcengine", "mix", set(), "additions.channel_split", "False", id="volcengine-mixes"),
        pytest.param("abcpen", "mix", set(), "lang", "cn", id="abcpen-mixes"),
        pytest.param("abcpen", "split", {"channels"}, "lang", "cn", id="abcpen-cannot-split"),
    ],
)
def test_channels_of_a_stereo_recording(name, channels, unsupported_options, parameter, value):
    stereo = {"sample_rate_hz": 8000, "channels": 2}

    assert (
        VENDORS[name].unsupported_options(a_recognition_request(options={"channels": channels}, **stereo))
        == unsupported_options
    )
    assert sent(name, {"channels": channels}, **stereo)[parameter] == value


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [("a" * 30, True), ("名" * 10, True), ("a" * 31, False), ("名" * 11, False), ("", False)],
)
def test_role_name_has_up_to_30_bytes(name, is_allowed):
    assert (VENDORS["tencent-rec-task"].parameters["RoleName"].find(name) is not None) is is_allowed


VOICE = {"RoleAudioUrl": "https://voices.example.com/a.wav", "RoleName": "张三"}


@pytest.mark.parametrize(
    ("name", "own", "options", "dropped"),
    [
        pytest.param("tencent-rec-task", VOICE, {"model": "16k_zh_en"}, set(), id="engine-that-knows-voices"),
        pytest.param("tencent-rec-task", VOICE, {}, set(VOICE), id="engine-that-does-not"),
        pytest.param(
            "tencent-rec-task", {"RoleName": "张三"}, {"model": "16k_zh_en"}, {"RoleName"}, id="name-without-a-voice"
        ),
        pytest.param("volcengine-bigmodel", {"ssd_version": "200"}, {"speakers": 0}, set(), id="speakers-asked"),
        pytest.param("volcengine-bigmodel", {"ssd_version": "200"}, {}, {"ssd_version"}, id="speakers-not-asked"),
        pytest.param(
            "volcengine-bigmodel",
            {"ssd_version": "200"},
            {"speakers": 0, "language": "en"},
            {"ssd_version"},
            id="speakers-of-another-language",
        ),
        pytest.param("volcengine-bigmodel", {"end_window_size": 800}, {}, set(), id="a-window-alone"),
        pytest.param(
            "volcengine-bigmodel",
            {"ssd_mode": 0, "ssd_version": "300"},
            {"model": "volc.bigasr.auc_idle"},
            {"ssd_mode", "ssd_version"},
            id="speakers-of-the-idle-edition",
        ),
        pytest.param("volcengine-bigmodel", {"enable_auto_lang": True}, {}, set(), id="languages-alone"),
        pytest.param(
            "volcengine-bigmodel",
            {"enable_auto_lang": True, "correct_table_id": "1"},
            {},
            {"enable_auto_lang"},
            id="languages-beside-a-table",
        ),
        pytest.param(
            "volcengine-bigmodel",
            {"enable_auto_lang": True},
            {"hotwords": "笔声"},
            {"enable_auto_lang"},
            id="languages-beside-hotwords",
        ),
    ],
)
def test_useless_parameter_is_omitted_with_a_warning(name, own, options, dropped):
    options = options | {"vendor": {name: own}}

    arrived = {path.rsplit(".", 1)[-1] for path in sent(name, options)}

    assert VENDORS[name].unsupported_options(a_recognition_request(options=options)) == {
        f"{name}.{parameter}" for parameter in dropped
    }
    assert own.keys() - arrived == dropped


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("channels", ["split", "mix"])
def test_one_channel_is_split_and_mixed_at_once(name, channels):
    assert VENDORS[name].unsupported_options(a_recognition_request(options={"channels": channels})) == set()


def test_volcengine_query_names_the_tasks_cluster():
    vendor, request = VENDORS["volcengine"], a_recognition_request(options={"model": "volc_auc_meeting"})
    reply = answer({"resp": {"code": 1000, "id": "task-1", "text": "", "utterances": []}})

    accepted = vendor.read_submit(reply, request)
    asked = json_of(vendor.query_request(accepted.vendor_task_id, endpoint_of(vendor), now=NOW))

    assert json_of(submission(vendor, request))["app"]["cluster"] == "volc_auc_meeting"
    assert (asked["cluster"], asked["id"]) == ("volc_auc_meeting", "task-1")
    assert vendor.read_callback(reply.body, "", request).vendor_task_id == accepted.vendor_task_id


@pytest.mark.parametrize(
    ("name", "model", "unsupported_options"),
    [
        pytest.param("volcengine", "volc_auc_meeting", set(), id="a-cluster"),
        pytest.param("volcengine", "16k_zh", {"model"}, id="an-engine-of-tencents"),
    ],
)
def test_model_of_another_vendor_is_unsupported(name, model, unsupported_options):
    assert VENDORS[name].unsupported_options(a_recognition_request(options={"model": model})) == unsupported_options


LINE = "[0:0.020,0:2.380]  "


@pytest.mark.parametrize("form", ["form", "json-escaped", "json-raw"])
@pytest.mark.parametrize(
    ("res_text_format", "charset", "text"),
    [
        pytest.param(0, "utf-8", "今天天气怎么样。", id="utf-8"),
        pytest.param(1, "gb2312", "今天天气怎么样。", id="gb2312"),
        pytest.param(2, "gbk", "今天天氣怎麼樣。", id="gbk"),
        pytest.param(3, "big5", "今天天氣怎麼樣。許功蓋", id="big5-with-ascii-second-bytes"),
    ],
)
def test_tencent_recording_text_is_in_the_requested_encoding(form, res_text_format, charset, text):
    request = a_recognition_request(options={"vendor": {"tencent-recording": {"res_text_format": res_text_format}}})
    escaped = quote_from_bytes((LINE + text).encode(charset)).encode()
    message = quote_from_bytes("成功".encode()).encode()
    body = {
        "form": b"code=0&requestId=5&audioTime=2.5&message=" + message + b"&text=" + escaped,
        "json-escaped": b'{"code": 0, "requestId": 5, "message": "' + message + b'", "text": "' + escaped + b'"}',
        "json-raw": f'{{"code": 0, "requestId": 5, "text": "{LINE}{text}"}}'.encode(charset),
    }[form]

    told = VENDORS["tencent-recording"].read_callback(body, "", request)

    assert told.vendor_task_id == "5"
    assert told.outcome.text == text
    assert told.outcome.utterances[0].end_ms == 2380
