"""Check the abcpen simulator over real HTTP with a client written from the vendor's documents."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support import tones
from tests.support.raw_abcpen import PATH, RawAbcpen
from tests.support.simulator_control import CREDENTIALS, FromNow, at_run_time
from tests.support.web import eventually

SPEECH = tones.audio()
ACCOUNT = CREDENTIALS["abcpen"]
UNREACHABLE = "http://127.0.0.1:9/a.wav"
VENDOR = "abcpen"
OPTIONS = {"requests_per_s": 1000}


@pytest.fixture
def vendor(url, control):
    return RawAbcpen(url, ACCOUNT["appid"], ACCOUNT["api_key"])


def finished(vendor, task_id):
    def ended():
        answer = vendor.poll(task_id)
        return None if answer["code"] == "-1" else answer

    return eventually(ended)


def recognized(vendor, web, audio=SPEECH, **parameters):
    accepted = vendor.submit(web.serve("/a.wav", audio), **parameters)
    assert accepted["code"] == "0"
    return finished(vendor, accepted["data"]["task_id"])


def speech(answer):
    return answer["data"]["data"]["speechResult"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"appid": "unknown"}, "10105", id="app-unknown"),
        pytest.param({"appid": None}, "10105", id="app-missing"),
        pytest.param({"signa": "AAAA"}, "10105", id="signature-wrong"),
        pytest.param({"signa": None}, "10105", id="signature-missing"),
        pytest.param({"ts": FromNow(-900)}, "10105", id="clock-behind"),
        pytest.param({"ts": "now"}, "10105", id="clock-no-number"),
        pytest.param({"audio_url": None}, "10106", id="url-missing"),
        pytest.param({"audio_url": "s3://bucket/a.wav"}, "10109", id="url-not-http"),
        pytest.param({"audio_encode": "amr"}, "10701", id="encoding-unknown"),
        pytest.param({"audio_sample_rate": "160000"}, "10702", id="rate-unknown"),
        pytest.param({"audio_sample_rate": None, "audio_samplerate": "11025"}, "10702", id="rate-other-spelling"),
        pytest.param({"audio_encode": "opus", "audio_sample_rate": "44100"}, "10702", id="opus-at-44100"),
        pytest.param({"audio_samplerate": "8000"}, "10107", id="two-different-rates"),
        pytest.param({"speaker_number": "11"}, "10107", id="speakers"),
        pytest.param({"speaker_number": "many"}, "10107", id="speakers-no-number"),
        pytest.param({"pd": "cooking"}, "10107", id="domain-unknown"),
        pytest.param({"lang": "fr"}, "10107", id="language-unknown"),
    ],
)
def test_invalid_submission_is_refused_by_code(vendor, changes, code):
    answer = vendor.submit(**{"url": UNREACHABLE, **at_run_time(changes)})

    assert answer["code"] == code
    assert not answer["data"]


@pytest.mark.parametrize(
    ("options", "changes", "code"),
    [
        pytest.param({"licensed_languages": ["cn"]}, {"lang": "en"}, "10110", id="english-without-licence"),
        pytest.param({"licensed_hours": 0}, {}, "10110", id="hours-exhausted"),
        pytest.param({"licensed_tasks": 0}, {}, "10800", id="too-many-tasks"),
    ],
)
def test_exhausted_licence_is_refused(vendor, control, options, changes, code):
    control.options(**options)

    assert vendor.submit(UNREACHABLE, **changes)["code"] == code


def test_unlisted_address_is_refused(vendor, control):
    control.options(allowed_addresses=["203.0.113.9"])

    answer = vendor.submit(UNREACHABLE)

    assert (answer["action"], answer["code"], answer["data"]) == ("error", "10105", "")
    assert answer["desc"] == "illegal access|illegal client_ip: 127.0.0.1"


def test_call_over_rate_limit_is_refused(vendor, control):
    control.options(requests_per_s=1)

    with ThreadPoolExecutor(8) as pool:
        eventually(lambda: "10800" in pool.map(lambda _: vendor.poll("unknown")["code"], range(8)))


@pytest.mark.parametrize(
    ("way", "place"),
    [
        pytest.param("POST", "data", id="form"),
        pytest.param("POST", "params", id="query-of-a-post"),
        pytest.param("POST", "json", id="json"),
    ],
)
def test_parameters_are_read_from_query_body_and_headers(vendor, url, way, place):
    parameters = vendor.signed({"audio_url": UNREACHABLE, "audio_encode": "pcm"})

    answer = requests.request(way, f"{url}{PATH}", **{place: parameters}, timeout=60).json()

    assert answer["code"] == "0"


def test_signature_in_headers_or_older_name_is_accepted(vendor, url):
    signed = vendor.signed({})
    headers = {"X-App-Key": signed["appid"], "X-Timestamp": signed["ts"], "X-App-Signature": signed["signa"]}
    older = {"app_id": signed["appid"], "ts": signed["ts"], "signa": signed["signa"]}

    by_headers = requests.post(f"{url}{PATH}", json={"task_id": "unknown"}, headers=headers, timeout=60).json()
    by_older_name = requests.get(f"{url}{PATH}", params={**older, "task_id": "unknown"}, timeout=60).json()

    assert by_headers["code"] == by_older_name["code"] == "10107"  # known caller, unknown task


def test_result_has_sentences_times_and_speakers(vendor, web):
    result = speech(recognized(vendor, web))

    assert result["duration"] == 4000
    assert result["onebest"] == "[simulated utterance 1] [simulated utterance 2]"
    assert result["detail"] == [
        {"sentences": "[simulated utterance 1]", "wordBg": "500", "wordEd": "1500", "speakerId": "0"},
        {"sentences": " [simulated utterance 2]", "wordBg": "2200", "wordEd": "3200", "speakerId": "1"},
    ]


@pytest.mark.parametrize(("wanted", "speakers"), [("0", ["0", "1"]), ("1", ["0", "0"]), ("4", ["0", "1"])])
def test_speaker_number_sets_speakers(vendor, web, wanted, speakers):
    result = speech(recognized(vendor, web, speaker_number=wanted))

    assert [sentence["speakerId"] for sentence in result["detail"]] == speakers


@pytest.mark.parametrize("switch", ["has_participle", "words_output"])
@pytest.mark.parametrize("name", ["wordsResultList", "wordsPiece"])
def test_words_are_returned_on_request(vendor, web, control, switch, name):
    control.options(words_name=name)

    words = speech(recognized(vendor, web, **{switch: "true"}))["detail"][0][name]

    assert [(word["words"], word["wp"]) for word in words] == [
        ("[", "2"),
        ("simulated", "1"),
        ("utterance", "1"),
        ("1", "1"),
        ("]", "2"),
    ]
    assert all(isinstance(word[edge], str) for word in words for edge in ("wordBg", "wordEd", "speakerId"))


@pytest.mark.parametrize(
    ("audio", "parameters", "code"),
    [
        pytest.param(tones.audio(container="mp3", codec="libmp3lame"), {"audio_encode": "mpeg2"}, "0", id="mp3"),
        pytest.param(tones.audio(container="mp3", codec="libmp3lame"), {"audio_encode": None}, "0", id="mp3-default"),
        pytest.param(tones.audio(container="ipod", codec="aac"), {"audio_encode": "aac"}, "0", id="m4a"),
        pytest.param(tones.audio(container="flac", codec="flac"), {"audio_encode": "flac"}, "0", id="flac"),
        pytest.param(SPEECH, {"audio_encode": "flac"}, "-2", id="codec-unlike-the-declared"),
        pytest.param(tones.silence(), {}, "-2", id="silence"),
        pytest.param(b"a letter " * 99, {}, "-2", id="not-audio"),
    ],
)
def test_unusable_recording_ends_with_its_code(vendor, web, audio, parameters, code):
    assert recognized(vendor, web, audio, **parameters)["code"] == code


def test_redirect_of_audio_url_is_followed(vendor, web):
    audio_url = web.redirect("/moved.wav", web.serve("/a.wav", SPEECH))

    assert finished(vendor, vendor.submit(audio_url)["data"]["task_id"])["code"] == "0"


def test_missing_recording_ends_as_download_failure(vendor, web):
    assert finished(vendor, vendor.submit(web.at("/gone.wav"))["data"]["task_id"])["code"] == "10700"


def test_fetch_over_limit_is_refused(vendor, web, control):
    control.options(fetches_per_task=3, turnaround_s=60)
    task_id = vendor.submit(web.serve("/a.wav", SPEECH))["data"]["task_id"]

    assert [vendor.poll(task_id)["code"] for _ in range(4)] == ["-1", "-1", "-1", "10107"]


def test_result_is_deleted_after_retention(vendor, web, control):
    task_id = recognized(vendor, web)["data"]["task_id"]

    control.options(retention_s=0)

    assert vendor.poll(task_id)["code"] == "10107"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"task_id_name": "taskId"}, lambda answer: answer["data"]["taskId"], id="taskId"),
        pytest.param({"message_name": "msg"}, lambda answer: answer["msg"] == "success", id="msg"),
        pytest.param({"code_type": "int"}, lambda answer: answer["code"] == 0, id="int-codes"),
    ],
)
def test_option_sets_other_field_names(vendor, web, control, options, expected):
    control.options(**options)

    answer = vendor.submit(web.serve("/a.wav", SPEECH))

    assert expected(answer) is not False


def test_option_sets_other_codes(vendor, web, control):
    control.options(in_progress_code="1", silent_code="0", early_refusals=True, turnaround_s=60)
    running = vendor.submit(web.serve("/a.wav", SPEECH))["data"]["task_id"]
    control.options(turnaround_s=0)

    assert vendor.poll(running)["code"] == "1"
    assert vendor.poll(running, signa="x") == {"ok": "10105", "err_no": 26601, "failed": "illegal access", "data": None}
    silent = vendor.submit(web.serve("/s.wav", tones.silence()))["data"]["task_id"]
    answer = eventually(lambda: (polled := vendor.poll(silent))["code"] == "0" and polled)
    assert (speech(answer)["onebest"], speech(answer)["detail"]) == ("", [])


@pytest.mark.parametrize("code", ["16003", "10202", "10204", "10205", "10700"])
@pytest.mark.parametrize("moment", ["submit", "query", "result"])
def test_fault_sets_any_code(vendor, web, control, code, moment):
    control.fault(moment, code=code)
    audio_url = web.serve("/a.wav", SPEECH)

    if moment == "submit":
        assert vendor.submit(audio_url)["code"] == code
    elif moment == "query":
        task_id = vendor.submit(audio_url)["data"]["task_id"]
        assert vendor.poll(task_id)["code"] == code
        assert finished(vendor, task_id)["code"] == "0"
    else:
        assert finished(vendor, vendor.submit(audio_url)["data"]["task_id"])["code"] == code
