"""Check the simulator of Volcengine's v3 over real HTTP with a client written from the vendor's page."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulators import Simulators
from tests.support import tones
from tests.support.raw_volcengine_bigmodel import RawVolcengineBigmodel, code_of, message_of
from tests.support.simulator_control import CREDENTIALS, any_json_value
from tests.support.web import eventually

ACCOUNT = CREDENTIALS["volcengine"]
SINGLE_KEY = ACCOUNT["api_key"]
SPEECH = tones.audio(((500, 1500), (2200, 3200), (3500, 3900)))  # a recording with a script
LINES = ("今天天气，怎么样。", "还不错。", "好的，再见。")
AUDIO = {"url": "http://127.0.0.1:9/a.wav", "format": "wav"}
WANTED = {"model_name": "bigmodel", "show_utterances": True, "enable_punc": True}
VENDOR = "volcengine-bigmodel"
OPTIONS = {"requests_per_s": 1000}
SCRIPTS = {SPEECH: {"lines": LINES, "speakers": ["A", "B", "A"]}}


@pytest.fixture
def vendor(url, control):
    return RawVolcengineBigmodel(url, ACCOUNT["appid"], ACCOUNT["token"])


def submitted(vendor, **parts):
    """The id of a task that was accepted."""
    task_id = str(uuid.uuid4())
    accepted = vendor.submit(task_id=task_id, **parts)
    assert (code_of(accepted), accepted.json()) == ("20000000", {})
    return task_id


def finished(vendor, task_id, **call):
    def ended():
        answer = vendor.query(task_id, **call)
        return None if code_of(answer) in {"20000001", "20000002"} else answer

    return eventually(ended)


def recognized(vendor, web, content=SPEECH, audio=None, request=None):
    source = {"url": web.serve("/a.wav", content), "format": "wav", **(audio or {})}
    return finished(vendor, submitted(vendor, audio=source, request={**WANTED, **(request or {})}))


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        pytest.param({"X-Api-App-Key": "1"}, "45000010", 401, id="app-unknown"),
        pytest.param({"X-Api-App-Key": None}, "45000010", 401, id="app-missing"),
        pytest.param({"X-Api-Access-Key": "OTHER"}, "45000010", 401, id="token-wrong"),
        pytest.param({"X-Api-Access-Key": None}, "45000010", 401, id="token-missing"),
        pytest.param({"X-Api-Key": "other"}, "45000010", 401, id="single-key-wrong"),
        pytest.param({"X-Api-Resource-Id": None}, "45000030", 403, id="resource-missing"),
        pytest.param({"X-Api-Resource-Id": "volc.bigasr.auc_turbo"}, "45000030", 403, id="resource-of-flash"),
        pytest.param({"X-Api-Resource-Id": "volc.bigasr.auc_idle"}, "45000030", 403, id="resource-of-idle"),
        pytest.param({"X-Api-Request-Id": None}, "45000001", 200, id="task-missing"),
        pytest.param({"X-Api-Sequence": None}, "45000001", 200, id="sequence-missing"),
        pytest.param({"X-Api-Sequence": "1"}, "45000001", 200, id="sequence"),
    ],
)
def test_invalid_header_is_refused_by_code(vendor, headers, code, status):
    answer = vendor.submit(AUDIO["url"], headers=headers)

    assert (code_of(answer), answer.status_code) == (code, status)
    assert ("X-Api-Status-Code" in answer.headers) == (status == 200)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-Api-App-Key": None, "X-Api-Access-Key": None, "X-Api-Key": SINGLE_KEY}, id="single-key"),
        pytest.param({"X-Api-Resource-Id": "volc.seedasr.auc"}, id="model-2"),
        pytest.param({"X-Api-Request-Id": f"job-{uuid.uuid4().hex}"}, id="task-no-uuid"),
    ],
)
def test_header_variants_are_accepted(vendor, headers):
    assert code_of(vendor.submit(AUDIO["url"], headers=headers)) == "20000000"


def test_api_key_of_another_account_is_refused():
    old_pair = {name: value for name, value in ACCOUNT.items() if name != "api_key"}
    with Simulators({**CREDENTIALS, "volcengine": old_pair}) as running:
        vendor = RawVolcengineBigmodel(running.urls["volcengine-bigmodel"], ACCOUNT["appid"], ACCOUNT["token"])

        assert code_of(vendor.submit(AUDIO["url"], headers={"X-Api-Key": SINGLE_KEY})) == "45000010"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"audio": {"format": "wav"}}, id="url-missing"),
        pytest.param({"audio": {**AUDIO, "url": "s3://bucket/a.wav"}}, id="url-not-http"),
        pytest.param({"audio": {"data": "no base64!", "format": "wav"}}, id="bytes-not-base64"),
        pytest.param({"audio": {"url": AUDIO["url"]}}, id="format-missing"),
        pytest.param({"audio": {**AUDIO, "format": "wma"}}, id="format-unknown"),
        pytest.param({"audio": {**AUDIO, "format": "flac"}}, id="flac"),
        pytest.param({"audio": {**AUDIO, "codec": "aac"}}, id="codec"),
        pytest.param({"audio": {**AUDIO, "rate": "16000"}}, id="rate-as-text"),
        pytest.param({"audio": {**AUDIO, "rate": 0}}, id="rate-zero"),
        pytest.param({"audio": {**AUDIO, "bits": 8}}, id="bits"),
        pytest.param({"audio": {**AUDIO, "channel": 3}}, id="channels"),
        pytest.param({"audio": {**AUDIO, "language": "chinese"}}, id="language"),
        pytest.param({"audio": {**AUDIO, "language": "sv-SE"}}, id="language-unknown"),
        pytest.param(
            {"request": {**WANTED, "enable_auto_lang": True, "corpus": {"boosting_table_id": "1"}}},
            id="languages-beside-corpus",
        ),
        pytest.param({"audio": "wav"}, id="audio-no-object"),
        pytest.param({"user": "me"}, id="user-no-object"),
        pytest.param({"request": {}}, id="model-missing"),
        pytest.param({"request": {"model_name": "smallmodel"}}, id="model"),
        pytest.param({"request": {**WANTED, "model_version": "300"}}, id="model-version"),
        pytest.param({"request": {**WANTED, "enable_itn": "True"}}, id="boolean-as-text-as-in-v1"),
        pytest.param({"request": {**WANTED, "show_utterances": 1}}, id="boolean-as-number"),
        pytest.param({"request": {**WANTED, "ssd_version": "200"}}, id="speaker-model-without-speakers"),
        pytest.param(
            {
                "audio": {**AUDIO, "language": "en-US"},
                "request": {**WANTED, "ssd_version": "200", "enable_speaker_info": True},
            },
            id="speaker-model-in-english",
        ),
        pytest.param({"request": {**WANTED, "end_window_size": 299}}, id="window-too-small"),
        pytest.param({"request": {**WANTED, "ssd_mode": "0"}}, id="speaker-mode-as-text"),
        pytest.param({"request": {**WANTED, "sensitive_words_filter": "words"}}, id="filter-not-json"),
        pytest.param({"request": {**WANTED, "corpus": {"context": {"hotwords": []}}}}, id="context-no-text"),
        pytest.param(
            {"request": {**WANTED, "corpus": {"context": json.dumps({"hotwords": [{"word": "a"}] * 5001})}}},
            id="5001-hotwords",
        ),
        pytest.param({"callback": "cb.example.com"}, id="callback-not-http"),
        pytest.param({"callback_data": 7}, id="callback-data-no-text"),
    ],
)
def test_invalid_body_is_refused_by_code(vendor, parts):
    answer = vendor.submit(**{"audio": AUDIO, **parts})

    assert (code_of(answer), answer.status_code, answer.json()) == ("45000001", 200, {})


# ro-R0: as the vendor's page prints it beside ro-RO.
LANGUAGES_OF_2026 = [
    "it-IT",
    "bn-BD",
    "el-GR",
    "nl-NL",
    "ru-RU",
    "tr-TR",
    "vi-VN",
    "pl-PL",
    "ro-RO",
    "ro-R0",
    "ne-NP",
    "uk-UA",
    "yue-CN",
]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"user": {}}, id="no-uid"),
        pytest.param({"request": {**WANTED, "model_version": "400", "enable_lid": True}}, id="model-400"),
        pytest.param({"request": {**WANTED, "vad_segment": True, "end_window_size": 300}}, id="window"),
        pytest.param({"request": {**WANTED, "end_window_size": 5000}}, id="window-alone"),
        pytest.param(
            {"request": {**WANTED, "enable_auto_lang": True, "corpus": {"correct_table_name": "", "context": ""}}},
            id="languages-and-an-empty-corpus",
        ),
        pytest.param({"request": {**WANTED, "sensitive_words_filter": ""}}, id="empty-filter"),
        *(pytest.param({"audio": {**AUDIO, "language": each}}, id=each) for each in LANGUAGES_OF_2026),
        pytest.param({"request": {**WANTED, "enable_speaker_info": True, "ssd_version": "200"}}, id="speaker-model"),
        pytest.param(
            {"request": {**WANTED, "corpus": {"context": json.dumps({"hotwords": [{"word": "会议"}]})}}}, id="hotwords"
        ),
        pytest.param({"audio": {**AUDIO, "format": "WAV", "rate": 8000, "bits": 16, "channel": 2}}, id="audio"),
    ],
)
def test_documented_parameters_are_accepted(vendor, parts):
    assert code_of(vendor.submit(**{"audio": AUDIO, **parts})) == "20000000"


@any_json_value
@pytest.mark.parametrize(
    "path",
    ["user", "user.uid", "audio", "audio.url", "audio.rate", "audio.language", "request.model_name", "request.corpus"],
)
def test_value_of_any_type_gets_an_answer(vendor, path, value):
    part, _, name = path.partition(".")
    correct = {"user": {"uid": "u"}, "audio": AUDIO, "request": WANTED}

    answer = vendor.submit(**{**correct, part: {**correct[part], name: value} if name else value})

    assert code_of(answer) in {"45000001", "20000000"}


def test_body_without_json_object_is_refused(vendor):
    answer = vendor.post("/api/v3/auc/bigmodel/submit", ["not", "an", "object"], None, {"X-Api-Sequence": "-1"})

    assert code_of(answer) == "45000001"


def test_repeated_task_id_is_refused(vendor, web):
    task_id = submitted(vendor, audio={"url": web.serve("/a.wav", SPEECH), "format": "wav"})

    again = vendor.submit("http://127.0.0.1:9/another.wav", task_id=task_id)

    assert (code_of(again), "duplicate" in again.headers["X-Api-Message"]) == ("45000001", True)
    assert code_of(finished(vendor, task_id)) == "20000000"  # the first submission stands


def test_task_id_of_refused_submission_stays_free(vendor):
    task_id = str(uuid.uuid4())

    codes = [code_of(vendor.submit(audio=audio, task_id=task_id)) for audio in ({}, AUDIO)]

    assert codes == ["45000001", "20000000"]


def test_submission_with_lost_answer_is_found_by_its_id(vendor, web, control):
    control.fault("submit", http_status=502, accepted=True)
    task_id = str(uuid.uuid4())

    lost = vendor.submit(web.serve("/a.wav", SPEECH), task_id=task_id)

    assert (lost.status_code, "X-Api-Status-Code" in lost.headers) == (502, False)
    assert code_of(finished(vendor, task_id)) == "20000000"


def test_result_has_utterances_and_times(vendor, web):
    body = recognized(vendor, web).json()

    result = body["result"]
    assert body["audio_info"] == {"duration": 4000}
    assert (result["text"], result["additions"]) == ("".join(LINES), {"duration": "4000"})
    first = result["utterances"][0]
    assert {name: value for name, value in first.items() if name != "words"} == {
        "definite": True,
        "start_time": 500,
        "end_time": 1500,
        "text": LINES[0],
        "additions": {},
    }
    assert first["words"][0] == {
        "text": "今天",
        "start_time": 500,
        "end_time": 785,
        "blank_duration": 0,
        "confidence": 0,
    }
    assert [word["text"] for word in first["words"]] == ["今天", "天气", "怎么", "样"]


def test_some_words_have_no_times_or_no_length(vendor, web):
    _, second, third = recognized(vendor, web).json()["result"]["utterances"]

    unknown, short = second["words"][-1], third["words"][0]
    assert (unknown["start_time"], unknown["end_time"]) == (-1, -1)
    assert short["start_time"] == short["end_time"] == third["start_time"]


@pytest.mark.parametrize(
    ("request_changes", "text", "utterances"),
    [
        pytest.param({"show_utterances": False}, "".join(LINES), None, id="text-alone"),
        pytest.param(
            {"show_utterances": False, "enable_speaker_info": True}, "".join(LINES), None, id="speakers-of-a-text-alone"
        ),
        pytest.param({"enable_punc": False}, "今天天气怎么样还不错好的再见", 3, id="without-punctuation"),
    ],
)
def test_options_reduce_the_result(vendor, web, request_changes, text, utterances):
    result = recognized(vendor, web, request=request_changes).json()["result"]

    assert result["text"] == text
    assert (len(result["utterances"]) if "utterances" in result else None) == utterances


def test_speakers_are_returned_on_request(vendor, web):
    result = recognized(vendor, web, request={"enable_speaker_info": True}).json()["result"]

    assert [each["additions"] for each in result["utterances"]] == [
        {"speaker": "1"},
        {"speaker": "2"},
        {"speaker": "1"},
    ]


def test_channels_are_returned_on_request(vendor, web):
    stereo = tones.audio(((2200, 3200),), ((500, 1500),))

    result = recognized(vendor, web, stereo, {"channel": 2}, {"enable_channel_split": True}).json()["result"]

    assert [(each["start_time"], each["additions"]) for each in result["utterances"]] == [
        (500, {"channel_id": "2"}),
        (2200, {"channel_id": "1"}),
    ]


@pytest.mark.parametrize(
    ("content", "audio", "code"),
    [
        pytest.param(b"", {}, "45000002", id="no-bytes"),
        pytest.param(b"a letter " * 99, {}, "45000151", id="not-audio"),
        pytest.param(SPEECH, {"format": "mp3"}, "45000151", id="another-format-than-declared"),
        pytest.param(tones.silence(), {}, "20000003", id="silence"),
    ],
)
def test_unusable_recording_ends_with_its_code(vendor, web, content, audio, code):
    answer = recognized(vendor, web, content, audio)

    assert (code_of(answer), answer.status_code, answer.json()) == (code, 200, {})


@pytest.mark.parametrize(
    ("content", "audio"),
    [
        pytest.param(tones.audio(container="mp3", codec="libmp3lame"), {"format": "mp3"}, id="mp3"),
        pytest.param(tones.audio(container="ogg", codec="libopus", rate_hz=48000), {"format": "ogg"}, id="ogg"),
        pytest.param(tones.samples(tones.TWO_SENTENCES).tobytes(), {"format": "raw", "rate": 16000}, id="raw"),
        pytest.param(tones.samples(tones.TWO_SENTENCES).tobytes(), {"format": "pcm"}, id="pcm"),
        pytest.param(tones.audio(container="ipod", codec="aac"), {"format": "m4a"}, id="m4a"),
        pytest.param(tones.audio(container="mp4", codec="aac"), {"format": "mp4"}, id="mp4"),
        pytest.param(tones.audio(container="adts", codec="aac"), {"format": "aac"}, id="aac"),
    ],
)
def test_format_of_recording_decides_acceptance(vendor, web, content, audio):
    assert len(recognized(vendor, web, content, audio).json()["result"]["utterances"]) == 2


def test_redirect_of_audio_url_is_a_failure(vendor, web):
    audio_url = web.redirect("/moved.wav", web.serve("/a.wav", SPEECH))

    assert code_of(finished(vendor, submitted(vendor, audio={**AUDIO, "url": audio_url}))) == "45000006"


def test_missing_recording_ends_as_download_failure(vendor, web):
    audio = {**AUDIO, "url": web.at("/gone.wav")}

    assert code_of(finished(vendor, submitted(vendor, audio=audio))) == "45000006"


def test_status_is_queued_then_processing_then_success(vendor, web, control):
    audio = {"url": web.serve("/a.wav", SPEECH), "format": "wav"}

    def seen(task_id):
        answer = vendor.query(task_id)
        return code_of(answer), bool(answer.json()["result"]["text"])

    control.options(turnaround_s=3600)
    assert seen(submitted(vendor, audio=audio)) == ("20000002", False)

    control.options(turnaround_s=0)
    with web.holding():
        task_id = submitted(vendor, audio=audio)
        assert seen(task_id) == ("20000001", False)
    finished(vendor, task_id)
    assert seen(task_id) == ("20000000", True)


def test_idle_edition_has_its_own_resource(vendor, web):
    task_id = submitted(
        vendor,
        edition="/idle",
        audio={"url": web.serve("/a.wav", SPEECH), "format": "wav"},
        request={**WANTED, "enable_speaker_info": True},
    )

    answer = finished(vendor, task_id, edition="/idle")
    assert code_of(answer) == "20000000"
    assert [each["additions"] for each in answer.json()["result"]["utterances"]] == [{}, {}, {}]
    assert code_of(vendor.query(task_id)) == "45000000"  # the standard edition does not know it


def test_unknown_task_is_not_found(vendor):
    answer = vendor.query(str(uuid.uuid4()))

    assert (code_of(answer), "cannot find task" in answer.headers["X-Api-Message"]) == ("45000000", True)


def test_result_is_deleted_after_retention(vendor, web, control):
    task_id = submitted(vendor, audio={"url": web.serve("/a.wav", SPEECH), "format": "wav"})
    finished(vendor, task_id)

    control.options(retention_s=0)

    assert code_of(vendor.query(task_id)) == "45000000"


def test_callback_equals_query(vendor, web):
    audio = {"url": web.serve("/a.wav", SPEECH), "format": "wav"}

    task_id = submitted(vendor, audio=audio, callback=web.at("/cb"), callback_data="job 7")

    received = eventually(lambda: web.received)[0]
    assert received.content_type == "application/json"
    assert json.loads(received.body) == {**vendor.query(task_id).json(), "callback_data": "job 7"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"code_in_body": True}, {"code": 45000006}, id="code-in-body"),
    ],
)
def test_callback_of_failed_task_follows_the_option(vendor, web, control, options, told):
    control.options(**options)

    vendor.submit(web.at("/gone.wav"), callback=web.at("/cb"))

    body = json.loads(eventually(lambda: web.received)[0].body)
    assert {name: value for name, value in body.items() if name == "code"} == told
    assert "result" not in body


def test_option_sets_code_in_body(vendor, web, control):
    control.options(code_in_body=True)
    task_id = str(uuid.uuid4())

    accepted = vendor.submit(web.serve("/a.wav", SPEECH), task_id=task_id)

    assert accepted.json() == {"code": 20000000, "message": "OK", "task_id": task_id}
    assert finished(vendor, task_id).json()["code"] == 20000000


def test_option_sets_result_as_list(vendor, web, control):
    control.options(result_form="list")

    (result,) = recognized(vendor, web).json()["result"]

    assert result["text"] == "".join(LINES)


def test_inline_audio_is_accepted(vendor):
    task_id = submitted(vendor, audio={"data": base64.b64encode(SPEECH).decode(), "format": "wav"})

    assert code_of(finished(vendor, task_id)) == "20000000"


def test_resource_without_grant_is_refused(vendor, control):
    control.options(granted_resources=["volc.seedasr.auc"])

    answer = vendor.submit(AUDIO["url"])

    assert (code_of(answer), answer.status_code) == ("45000030", 403)


def test_gateway_refusal_has_its_own_form(vendor, control):
    plain = vendor.submit(AUDIO["url"], headers={"X-Api-Key": "other"})
    control.options(gateway_status=True)
    with_status = vendor.submit(AUDIO["url"], headers={"X-Api-Key": "other"})

    assert plain.json()["header"].keys() == {"reqid", "code", "message"}
    assert (plain.json()["header"]["code"], message_of(plain)) == (45000010, "Invalid X-Api-Key")
    assert with_status.headers["X-Api-Status-Code"] == "45000010"
    assert with_status.json()["header"]["code"] == 45000010


def test_audio_over_half_hour_volume_is_refused(vendor, web, control):
    recognized(vendor, web)
    control.options(hours_per_half_hour=0.001)

    answer = vendor.submit(AUDIO["url"])

    assert (code_of(answer), answer.status_code, answer.json()) == ("45000131", 200, {})


@pytest.mark.parametrize(("limit", "value"), [("MAX_BYTES", len(SPEECH) - 1), ("MAX_DURATION_MS", tones.LENGTH_MS - 1)])
def test_recording_over_limits_is_too_large(vendor, web, monkeypatch, limit, value):
    monkeypatch.setattr(f"simulators.volcengine_audio.{limit}", value)

    assert code_of(recognized(vendor, web)) == "45000132"


def test_submission_over_licensed_hours_is_refused(vendor, control):
    control.options(licensed_hours=0)

    answer = vendor.submit(AUDIO["url"])

    assert (code_of(answer), answer.status_code) == ("45000292", 429)
    assert "audio_duration_lifetime" in message_of(answer)


def test_call_over_rate_limit_is_refused(vendor, control):
    control.options(requests_per_s=1)

    def calls():
        with ThreadPoolExecutor(8) as pool:
            submissions = [pool.submit(vendor.submit, AUDIO["url"]) for _ in range(4)]
            queries = [pool.submit(vendor.query, str(uuid.uuid4())) for _ in range(4)]
            return [each.result() for each in submissions + queries]

    refused = eventually(lambda: [each for each in calls() if code_of(each) == "45000292"])
    assert {(each.status_code, "qps" in message_of(each)) for each in refused} == {(429, True)}


@pytest.mark.parametrize(
    ("code", "status"), [("55000031", 200), ("55000000", 200), ("45000292", 429), ("45000010", 401), ("45000000", 200)]
)
def test_fault_sets_any_code(vendor, control, code, status):
    control.fault("submit", code=code)
    control.fault("query", code=code)

    answers = [vendor.submit(AUDIO["url"]), vendor.query(str(uuid.uuid4()))]

    assert [(code_of(each), each.status_code) for each in answers] == [(code, status)] * 2


@pytest.mark.parametrize(
    ("message", "header"),
    [
        pytest.param("server is away", "server is away", id="plain"),
        pytest.param("超限\r\nX-Api-Status-Code: 20000000", "?? X-Api-Status-Code: 20000000", id="not-for-a-header"),
    ],
)
def test_fault_replaces_the_message(vendor, control, message, header):
    control.fault("submit", code="55000031", message=message)

    answer = vendor.submit(AUDIO["url"])

    assert (code_of(answer), answer.headers["X-Api-Message"]) == ("55000031", header)


@pytest.mark.parametrize("code", ["55001010", "45000151", "20000003"])
def test_fault_sets_the_outcome_of_a_task(vendor, web, control, code):
    control.fault("result", code=code)

    assert code_of(recognized(vendor, web)) == code


def test_fault_gives_success_without_text(vendor, web, control):
    control.fault("result", code="20000000")

    result = recognized(vendor, web).json()["result"]

    assert (result["text"], result["utterances"]) == ("", [])
