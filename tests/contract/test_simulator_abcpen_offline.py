"""Check the simulator of abcpen's asr-offline over real HTTP with a client written from the vendor's documents."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import tones
from tests.support.raw_abcpen_offline import RawAbcpenOffline
from tests.support.simulator_control import CREDENTIALS, any_json_value
from tests.support.web import eventually

ACCOUNT = CREDENTIALS["abcpen"]
SPEECH = tones.audio()  # a recording with a script
LINES = ("大家好，欢迎收听。", "好。")
AUDIO = "http://127.0.0.1:9/a.wav"
VENDOR = "abcpen-offline"
OPTIONS = {"submissions_per_s": 1000, "submissions_per_day": 100_000}
SCRIPTS = {SPEECH: {"lines": LINES, "speakers": ["A", "B"]}}


@pytest.fixture
def vendor(url, control):
    return RawAbcpenOffline(url, ACCOUNT["appid"], ACCOUNT["api_key"])


def submitted(vendor, url, **changes):
    answer = vendor.submit(url, **changes).json()
    assert (answer["status"], answer["message"]) == ("success", "Task submitted successfully")
    return answer["task_id"]


def finished(vendor, task_id):
    """The answer of the status check, and the result, once there is one."""

    def ended():
        status = vendor.check(task_id).json()
        return None if status["code"] == "1" else status

    return eventually(ended), vendor.result(task_id).json()


def recognized(vendor, web, audio=SPEECH, **changes):
    _, result = finished(vendor, submitted(vendor, web.serve("/a.wav", audio), **changes))
    return result


def speech(result):
    return result["asr"]["speechResult"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"audio_url": None}, "400", id="url-missing"),
        pytest.param({"audio_url": "s3://bucket/a.wav"}, "400", id="url-not-http"),
        pytest.param({"app_id": None}, "400", id="app-missing"),
        pytest.param({"task_id": None}, "400", id="task-missing"),
        pytest.param({"task_id": 7}, "400", id="task-no-text"),
        pytest.param({"language": 7}, "400", id="language-no-text"),
        pytest.param({"language": "ja"}, "400", id="japanese"),
        pytest.param({"audio_type": "asr_sing"}, "400", id="audio-type-unknown"),
        pytest.param({"sd_type": "v3"}, "400", id="diarization"),
        pytest.param({"denoise": "false"}, "400", id="denoise-as-text"),
        pytest.param({"min_speaker_num": "2"}, "400", id="speakers-as-text"),
        pytest.param({"max_speaker_num": -2}, "400", id="fewer-than-none"),
        pytest.param({"min_speaker_num": 3, "max_speaker_num": 2}, "400", id="fewer-than-fewest"),
    ],
)
def test_invalid_submission_is_refused_by_code(vendor, changes, code):
    answer = vendor.submit(**{"url": AUDIO, **changes})

    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (int(code), code, "error")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"app_id": "other"}, id="app-other-than-the-keys"),
        pytest.param({"audio_type": "asr_sd", "min_speaker_num": 2, "max_speaker_num": 40}, id="forty-speakers"),
        pytest.param({"language": "en", "word_timestamp": True}, id="english"),
    ],
)
def test_submission_at_the_limits_is_accepted(vendor, changes):
    assert submitted(vendor, AUDIO, **changes)


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda signed: {}, id="nothing"),
        pytest.param(lambda signed: {**signed, "X-App-Key": "other"}, id="app-unknown"),
        pytest.param(lambda signed: {**signed, "X-App-Signature": "AAAA"}, id="signature-wrong"),
        pytest.param(lambda signed: {**signed, "X-Timestamp": str(int(signed["X-Timestamp"]) - 1)}, id="another-time"),
    ],
)
def test_unauthenticated_call_is_refused(vendor, tamper):
    headers = tamper(vendor.signed())

    answers = [vendor.submit(AUDIO, headers=headers), vendor.check("any", headers), vendor.result("any", headers)]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(401, "401")] * 3


@pytest.mark.parametrize(
    "ts",
    [
        pytest.param(lambda now: now - 900, id="behind"),
        pytest.param(lambda now: now + 900, id="ahead"),
        pytest.param(lambda now: "now", id="words"),
    ],
)
def test_timestamp_off_by_15_minutes_is_refused(vendor, ts):
    assert vendor.submit(AUDIO, headers=vendor.signed(ts(int(time.time())))).status_code == 401


def test_signature_in_parameters_is_accepted(vendor):
    signed = vendor.signed()
    names = {"X-App-Key": "appid", "X-Timestamp": "ts", "X-App-Signature": "signa"}
    body = {"audio_url": AUDIO, "app_id": ACCOUNT["appid"], "task_id": str(uuid.uuid4())}

    answer = vendor.post(body, {}, params={names[header]: value for header, value in signed.items()})

    assert answer.json() == {
        "status": "success",
        "message": "Task submitted successfully",
        "task_id": body["task_id"],
    }


@any_json_value
@pytest.mark.parametrize("name", ["audio_url", "app_id", "task_id", "language", "denoise", "max_speaker_num"])
def test_value_of_any_type_gets_an_answer(vendor, name, value):
    body = {"audio_url": AUDIO, "app_id": ACCOUNT["appid"], "task_id": str(uuid.uuid4()), name: value}

    assert vendor.post(body, vendor.signed()).status_code in {200, 400, 401}


def test_body_without_json_object_is_refused(vendor):
    assert vendor.post(["not", "an", "object"], vendor.signed()).status_code == 400


def test_task_id_is_the_clients(vendor):
    task_id = str(uuid.uuid4())

    assert submitted(vendor, AUDIO, task_id=task_id) == task_id


@pytest.mark.parametrize(
    "task_id", ["job-7", "2cf29d3e-e4c3-11f1-8483-0242ac120002", str(uuid.uuid5(uuid.NAMESPACE_URL, AUDIO)), "x" * 99]
)
def test_task_id_other_than_uuid4_is_replaced(vendor, task_id):
    issued = submitted(vendor, AUDIO, task_id=task_id)

    assert issued != task_id
    assert uuid.UUID(issued).version == 4
    assert vendor.check(task_id).json()["status"] == "not_found"


def test_repeated_submission_returns_the_same_task(vendor, web):
    task_id = str(uuid.uuid4())

    ids = {submitted(vendor, url, task_id=task_id) for url in (web.serve("/a.wav", SPEECH), web.at("/gone.wav"))}

    assert ids == {task_id}
    assert finished(vendor, task_id)[1]["code"] == "0"  # the first submission stands


def test_result_has_sentences_times_and_speakers(vendor, web):
    audio_url = web.serve("/a.wav", SPEECH)
    task_id = submitted(vendor, audio_url)

    status, result = finished(vendor, task_id)

    assert status == {"status": "completed", "code": "0", "msg": "success", "task_id": task_id}
    assert {name: value for name, value in result.items() if name != "asr"} == {
        "code": "0",
        "msg": "success",
        "task_id": task_id,
        "app_id": ACCOUNT["appid"],
        "audio_url": audio_url,
    }
    found = speech(result)
    assert (found["onebest"], found["duration"], found["language"], found["file"]) == ("".join(LINES), 4.0, "zh", "")
    assert [(each["text"], each["start"], each["end"], "speaker" in each) for each in found["detail"]] == [
        (LINES[0], 500, 1500, False),
        (LINES[1], 2200, 3200, False),
    ]


def test_words_have_times_without_punctuation(vendor, web):
    first, second = speech(recognized(vendor, web))["detail"]

    assert first["words"][0] == {"word": "大家", "start": 500, "end": 785}
    assert [word["word"] for word in first["words"]] == ["大家", "好", "欢迎", "收听"]
    assert [word["word"] for word in second["words"]] == [" 好"]  # a stray space, as the vendor has them


def test_option_sets_word_speaker_as_list(vendor, web, control):
    control.options(word_speaker="list")

    _, second = speech(recognized(vendor, web, audio_type="asr_sd"))["detail"]

    assert (second["speaker"], second["words"][0]["speaker"]) == ("SPEAKER_01", ["SPEAKER_01"])


@pytest.mark.parametrize(
    ("asked", "speakers"),
    [
        pytest.param({"min_speaker_num": 1, "max_speaker_num": 1}, {"SPEAKER_00"}, id="one"),
        pytest.param({"min_speaker_num": -1, "max_speaker_num": -1}, {"SPEAKER_00", "SPEAKER_01"}, id="any"),
    ],
)
def test_speaker_number_sets_speakers(vendor, web, asked, speakers):
    found = speech(recognized(vendor, web, audio_type="asr_sd", **asked))["detail"]

    assert {each["speaker"] for each in found} == speakers


def test_option_sets_labels_without_request(vendor, web, control):
    control.options(labels="always")

    assert [each["speaker"] for each in speech(recognized(vendor, web))["detail"]] == ["SPEAKER_00", "SPEAKER_00"]


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        pytest.param("mp3", "libmp3lame", 16000, id="mp3"),
        pytest.param("ipod", "aac", 44100, id="m4a"),
        pytest.param("flac", "flac", 16000, id="flac"),
    ],
)
def test_format_of_recording_decides_acceptance(vendor, web, container, codec, rate_hz):
    result = recognized(vendor, web, tones.audio(container=container, codec=codec, rate_hz=rate_hz))

    assert (result["code"], len(speech(result)["detail"])) == ("0", 2)


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(b"", id="no-bytes"),
        pytest.param(b"a letter " * 99, id="not-audio"),
        pytest.param(tones.audio(container="adts", codec="aac"), id="format-not-taken"),
    ],
)
def test_failed_task_has_no_reason(vendor, web, audio):
    status, result = finished(vendor, submitted(vendor, web.serve("/a.wav", audio)))

    assert (status["status"], status["code"]) == ("unknown", "-1")
    assert (result["code"], result["msg"]) == ("-1", "system error")
    assert "asr" not in result


def test_missing_recording_fails_the_task(vendor, web):
    assert finished(vendor, submitted(vendor, web.at("/gone.wav")))[1]["code"] == "-1"


def test_silence_gives_empty_result(vendor, web):
    found = speech(recognized(vendor, web, tones.silence()))

    assert (found["onebest"], found["detail"], found["duration"]) == ("", [], 2.0)


def test_status_is_queued_then_processing_then_completed(vendor, web, control):
    def seen(task_id):
        status = vendor.check(task_id).json()
        return status["status"], status["code"]

    control.options(turnaround_s=3600)
    assert seen(submitted(vendor, web.serve("/a.wav", SPEECH))) == ("queued", "1")

    control.options(turnaround_s=0)
    with web.holding():
        task_id = submitted(vendor, web.at("/a.wav"))
        assert seen(task_id) == ("processing", "1")
    finished(vendor, task_id)
    assert seen(task_id) == ("completed", "0")


def test_result_before_completion_is_in_progress(vendor, web, control):
    control.options(turnaround_s=60)
    task_id = submitted(vendor, web.serve("/a.wav", SPEECH))

    assert vendor.result(task_id).json() == {"code": "1", "msg": "task is processing", "task_id": task_id}


def test_unknown_task_is_not_found(vendor):
    task_id = str(uuid.uuid4())

    missing = {"status": "not_found", "code": "-1", "msg": "task not found", "task_id": task_id}
    assert vendor.check(task_id).json() == missing
    assert vendor.result(task_id).json()["status"] == "not_found"


def test_result_is_deleted_after_retention(vendor, web, control):
    task_id = recognized(vendor, web)["task_id"]

    control.options(retention_s=0)

    assert vendor.check(task_id).json()["status"] == "not_found"


def test_submission_over_rate_limit_is_refused(vendor, control):
    control.options(submissions_per_s=1)

    def answers():
        with ThreadPoolExecutor(8) as pool:
            submitted = pool.map(lambda _: vendor.submit(AUDIO), range(8))
            return {(each.status_code, each.json().get("code")) for each in submitted}

    eventually(lambda: (429, "429") in answers())


@pytest.mark.parametrize(("options", "status"), [({}, 429), ({"limit_code": "400"}, 400)])
def test_submission_over_daily_limit_is_refused(vendor, control, options, status):
    control.options(submissions_per_day=0, **options)

    answer = vendor.submit(AUDIO)

    assert (answer.status_code, answer.json()["code"]) == (status, str(status))
    assert "day" in answer.json()["msg"]


def test_option_refuses_status_queries_in_quick_succession(vendor, control):
    control.options(poll_interval_s=60)
    tasks = [submitted(vendor, AUDIO) for _ in range(2)]

    assert [vendor.check(task_id).status_code for task_id in (tasks[0], tasks[1], tasks[0])] == [200, 200, 429]


@pytest.mark.parametrize(
    ("code", "status"), [pytest.param("500", 500, id="server"), pytest.param("-1", 200, id="system-error")]
)
def test_fault_sets_any_code(vendor, control, code, status):
    control.fault("submit", code=code)
    control.fault("query", code=code, times=2)

    answers = [vendor.submit(AUDIO), vendor.check("any"), vendor.result("any")]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(status, code)] * 3


def test_fault_sets_the_outcome_of_a_task(vendor, web, control):
    control.fault("result", code="-1", message="out of memory")

    status, result = finished(vendor, submitted(vendor, web.serve("/a.wav", SPEECH)))

    assert (status["status"], result["code"], result["msg"]) == ("unknown", "-1", "out of memory")
