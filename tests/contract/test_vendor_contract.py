"""Check every vendor module against its simulator, over real HTTP, with real recordings."""

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from asrcore.core.audio import probe
from asrcore.core.errors import AsrError, ErrorClass, QueryFailedError, TaskNotFoundError
from asrcore.core.options import Options
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import (
    Accepted,
    ByteStream,
    Completion,
    Delivery,
    InProgress,
    RecognitionRequest,
    Submission,
    Vendor,
    VendorEndpoint,
)
from asrcore.net import vendor_http
from asrcore.vendors.registry import VENDORS
from simulators import Simulators
from tests.support import tones
from tests.support.reasons import reason
from tests.support.recognition_requests import a_recognition_request, stream_of
from tests.support.simulator_control import CREDENTIALS, Control
from tests.support.web import Received, Web, eventually

SPEECH = tones.audio()
GREETING = (Path(__file__).parents[2] / "samples/greeting.wav").read_bytes()
TOLERANCE_MS = 250
NUMBERS = count(1)
NAMES = tuple(VENDORS)
QUERIED = [name for name in NAMES if Completion.QUERY in VENDORS[name].completion_modes]
# No test reaches a limit by chance.
NO_RATE = {
    "tencent-recording": {},
    "tencent-sentence": {"requests_per_s": 1000},
    "tencent-rec-task": {"submissions_per_s": 1000, "queries_per_s": 1000},
    "volcengine": {"requests_per_s": 1000},
    "volcengine-bigmodel": {"requests_per_s": 1000},
    "abcpen": {"requests_per_s": 1000},
    "abcpen-offline": {"submissions_per_s": 1000, "submissions_per_day": 1000},
    "openai-compatible": {},
}
TAKES_URLS = [name for name in NAMES if VENDORS[name].limits.accepts_urls]
CALLED_BACK = [name for name in NAMES if Completion.CALLBACK in VENDORS[name].completion_modes]


def new_order(**changes: object) -> RecognitionRequest:
    """An order of a job of its own: some vendors know a job again, and take it once only."""
    return replace(a_recognition_request(**changes), job_id=f"job-{next(NUMBERS)}")


@dataclass
class Line:
    """A vendor module, its simulator, and a web server of recordings and callbacks."""

    vendor: Vendor
    control: Control
    web: Web
    endpoint: VendorEndpoint
    now: int
    # A repeated callback of an earlier test may reach this port, but not this path.
    callback_path: str = field(default_factory=lambda: f"/callbacks/{next(NUMBERS)}")

    def submit(
        self, request: RecognitionRequest, delivery: Delivery, read_timeout_s: float = 30
    ) -> Accepted | Recognition:
        http_request = self.vendor.submit_request(
            Submission(
                request,
                delivery,
                self.endpoint,
                callback_url=self.web.at(self.callback_path),
                now=self.now,
                nonce=next(NUMBERS),
            )
        )
        return self.vendor.read_submit(vendor_http.send(replace(http_request, read_timeout_s=read_timeout_s)), request)

    def submit_speech(self, **changes: object) -> Accepted | Recognition:
        return self.submit(new_order(), self.speech(), **changes)

    def speech(self) -> Delivery:
        return self.delivery("/a.wav", SPEECH)

    def delivery(self, path: str, recording: bytes) -> Delivery:
        """Return the recording as a URL, or as a stream for a vendor that accepts no URL."""
        if self.vendor.limits.accepts_urls:
            return Delivery(url=self.web.serve(path, recording))
        return Delivery(stream=stream_of(recording))

    def query(self, accepted: Accepted, request: RecognitionRequest) -> InProgress | Recognition:
        http_request = self.vendor.query_request(accepted.vendor_task_id, self.endpoint, now=self.now)
        return self.vendor.read_query(vendor_http.send(http_request), request)

    def result(self, outcome: Accepted | Recognition, request: RecognitionRequest) -> Recognition:
        """Return the result by the vendor's completion mode. Raises the AsrError with which the task ended."""
        if isinstance(outcome, Recognition):
            return outcome
        if Completion.QUERY in self.vendor.completion_modes:
            return eventually(lambda: self._result_if_done(outcome, request))
        posted = eventually(self.posted)[0]
        told = self.vendor.read_callback(posted.body, posted.content_type, request)
        assert told.vendor_task_id == outcome.vendor_task_id
        if isinstance(told.outcome, AsrError):
            raise told.outcome
        return told.outcome

    def _result_if_done(self, accepted: Accepted, request: RecognitionRequest) -> Recognition | None:
        answer = self.query(accepted, request)
        return None if isinstance(answer, InProgress) else answer

    def posted(self) -> list[Received]:
        """Return the callbacks of this test."""
        return [one for one in self.web.received if one.path == self.callback_path]

    def deliveries(self, accepted: Accepted, attempts: int) -> list[dict[str, object]]:
        """Return a task's callbacks in the simulator's request log, once there are this many."""
        noted = self.control.requests("callback")
        of_task = [entry for entry in noted if entry["task_id"] == accepted.vendor_task_id]
        return of_task if len(of_task) == attempts else []

    def recognize(self, recording: bytes, delivery: Delivery | None = None, **options: object) -> Recognition:
        """Transcribe a recording; return its result."""
        audio = probe(lambda offset, length: recording[offset : offset + length], len(recording), "a")
        request = replace(new_order(), audio=audio, size_bytes=len(recording), options=Options.model_validate(options))
        assert self.vendor.rejection_reason(request) is None
        delivery = delivery or self.delivery(f"/a.{audio.format}", recording)
        return self.result(self.submit(request, delivery), request)


@pytest.fixture(scope="module")
def urls():
    with Simulators(CREDENTIALS, turnaround_s=0) as running:
        yield running.urls


@pytest.fixture
def name(request):
    return request.param


@pytest.fixture(scope="module")
def silent_urls():
    """Start simulators that may be left in the middle of an answer: no other test uses them."""
    with Simulators(CREDENTIALS, turnaround_s=0) as running:
        yield running.urls


@contextmanager
def connected(name, url):
    vendor, control = VENDORS[name], Control(url)
    endpoint = VendorEndpoint(url, CREDENTIALS[vendor.secret_name], vendor.tuning.model)
    with Web() as web:
        control.options(**NO_RATE.get(name, {})).raise_for_status()
        yield Line(vendor, control, web, endpoint, now=int(time.time()))
    control.reset()


@pytest.fixture
def line(name, urls):
    with connected(name, urls[name]) as line:
        yield line


def every(names=NAMES):
    return pytest.mark.parametrize("name", names, indirect=True)


def failed(call):
    with pytest.raises(AsrError) as failure:
        call()
    assert "127.0.0.1" not in str(failure.value)
    return failure.value


@every()
def test_speech_is_recognized_at_its_times(line):
    result = line.recognize(SPEECH)

    starts = [item.start_ms for item in result.utterances]
    assert result.text
    assert starts == sorted(starts)
    assert abs(starts[0] - tones.TWO_SENTENCES[0][0]) < TOLERANCE_MS
    assert abs(result.utterances[-1].end_ms - tones.TWO_SENTENCES[-1][1]) < TOLERANCE_MS
    assert result.duration_ms in (None, tones.LENGTH_MS)
    assert all(item.speaker is None for item in result.utterances)


@every([name for name in NAMES if "words" in VENDORS[name].supported_options])
def test_words_are_returned_unless_turned_off(line):
    spoken, silent = line.recognize(SPEECH), line.recognize(SPEECH, words=False)

    words = [word for item in spoken.utterances for word in item.words]
    assert words
    timed = [word for word in words if word.start_ms is not None]
    assert all(word.text for word in words)
    assert all(word.start_ms <= word.end_ms for word in timed)
    assert all(tones.TWO_SENTENCES[0][0] - TOLERANCE_MS < word.start_ms < tones.LENGTH_MS for word in timed)
    assert all(item.start_ms <= item.words[0].start_ms for item in spoken.utterances)
    assert not any(item.words for item in silent.utterances)


@every([name for name in TAKES_URLS if VENDORS[name].limits.max_data_bytes])
def test_recording_is_sent_as_bytes(line):
    assert line.recognize(SPEECH, Delivery(data=SPEECH)).text


@pytest.mark.parametrize(
    ("name", "container", "codec", "rate_hz"),
    [
        pytest.param("tencent-recording", "wav", "pcm_s16le", 8000, id="recording-telephone"),
        pytest.param("tencent-recording", "mp3", "libmp3lame", 16000, id="recording-mp3"),
        pytest.param("tencent-sentence", "wav", "pcm_s16le", 8000, id="sentence-telephone"),
        pytest.param("tencent-sentence", "mp3", "libmp3lame", 16000, id="sentence-mp3"),
        pytest.param("tencent-sentence", "ipod", "aac", 16000, id="sentence-m4a"),
        pytest.param("tencent-sentence", "adts", "aac", 16000, id="sentence-aac"),
        pytest.param("tencent-sentence", "ogg", "libopus", 48000, id="sentence-opus"),
        pytest.param("volcengine", "mp3", "libmp3lame", 44100, id="volcengine-mp3"),
        pytest.param("volcengine", "ogg", "libopus", 48000, id="volcengine-opus"),
        pytest.param("volcengine", "mp4", "aac", 44100, id="volcengine-mp4"),
        pytest.param("tencent-rec-task", "wav", "pcm_s16le", 8000, id="rec-task-telephone"),
        pytest.param("tencent-rec-task", "mp3", "libmp3lame", 44100, id="rec-task-mp3"),
        pytest.param("tencent-rec-task", "ogg", "libopus", 48000, id="rec-task-opus"),
        pytest.param("tencent-rec-task", "ipod", "aac", 44100, id="rec-task-m4a"),
        pytest.param("tencent-rec-task", "mp4", "aac", 44100, id="rec-task-mp4"),
        pytest.param("tencent-rec-task", "flac", "flac", 16000, id="rec-task-flac"),
        pytest.param("tencent-rec-task", "adts", "aac", 16000, id="rec-task-aac"),
        pytest.param("volcengine-bigmodel", "mp3", "libmp3lame", 44100, id="bigmodel-mp3"),
        pytest.param("volcengine-bigmodel", "ogg", "libopus", 48000, id="bigmodel-opus"),
        pytest.param("volcengine-bigmodel", "ipod", "aac", 44100, id="bigmodel-m4a"),
        pytest.param("volcengine-bigmodel", "adts", "aac", 16000, id="bigmodel-aac"),
        pytest.param("abcpen-offline", "mp3", "libmp3lame", 44100, id="offline-mp3"),
        pytest.param("abcpen-offline", "ipod", "aac", 44100, id="offline-m4a"),
        pytest.param("abcpen-offline", "flac", "flac", 16000, id="offline-flac"),
        pytest.param("openai-compatible", "mp3", "libmp3lame", 44100, id="openai-mp3"),
        pytest.param("openai-compatible", "ogg", "libopus", 48000, id="openai-opus"),
        pytest.param("openai-compatible", "ipod", "aac", 44100, id="openai-m4a"),
        pytest.param("openai-compatible", "mp4", "aac", 44100, id="openai-mp4"),
        pytest.param("openai-compatible", "flac", "flac", 16000, id="openai-flac"),
        pytest.param("openai-compatible", "wav", "pcm_s16le", 8000, id="openai-telephone"),
        pytest.param("abcpen", "mp3", "libmp3lame", 44100, id="abcpen-mp3"),
        pytest.param("abcpen", "ogg", "libopus", 48000, id="abcpen-opus"),
        pytest.param("abcpen", "ipod", "aac", 44100, id="abcpen-m4a"),
        pytest.param("abcpen", "flac", "flac", 16000, id="abcpen-flac"),
        pytest.param("abcpen", "adts", "aac", 16000, id="abcpen-aac"),
    ],
    indirect=["name"],
)
def test_formats_and_rates(line, container, codec, rate_hz):
    assert line.recognize(tones.audio(container=container, codec=codec, rate_hz=rate_hz)).utterances


@pytest.mark.parametrize(
    ("name", "recording", "text"),
    [
        pytest.param("tencent-sentence", tones.amr(), "[simulated utterance 1]", id="sentence-amr"),
        pytest.param("tencent-sentence", tones.silk(), "[simulated: SILK is", id="sentence-silk"),
        pytest.param("tencent-recording", tones.amr(), "[simulated utterance 1]", id="recording-amr"),
        pytest.param("tencent-recording", tones.silk(), "[simulated: SILK is", id="recording-silk"),
        pytest.param("tencent-rec-task", tones.amr(), "[simulated utterance 1]", id="rec-task-amr"),
    ],
    indirect=["name"],
)
def test_voice_messages_are_recognized(line, recording, text):
    assert line.recognize(recording).text.startswith(text)


@every([name for name in NAMES if "channels" in VENDORS[name].supported_options and not name.startswith("abcpen")])
def test_stereo_result_has_channels(line):
    left, right = ((500, 1500),), ((2200, 3200),)

    result = line.recognize(tones.audio(left, right, rate_hz=8000))

    assert [(item.channel, item.speaker) for item in result.utterances] == [(0, None), (1, None)]


@every([name for name in NAMES if "speakers" in VENDORS[name].supported_options])
def test_speakers_are_returned_when_requested(line):
    result = line.recognize(tones.audio(rate_hz=8000), speakers=2)

    assert len({item.speaker for item in result.utterances} - {None}) == 2


@every(["abcpen-offline"])
def test_unrequested_speaker_labels_are_kept(line):
    line.control.options(labels="always").raise_for_status()

    assert {item.speaker for item in line.recognize(SPEECH).utterances} == {"SPEAKER_00"}


@every(["volcengine-bigmodel"])
def test_refused_edition_is_followed_by_the_other_with_same_id(line):
    line.control.options(granted_resources=["volc.bigasr.auc"]).raise_for_status()
    request = new_order()
    seed, big = line.vendor.editions(request)

    assert failed(lambda: line.submit(request, line.speech())).code in line.vendor.edition_codes
    accepted = line.submit(replace(request, edition=big), line.speech())

    assert accepted.vendor_task_id == line.vendor.chosen_task_id(request).replace(seed, big)
    assert line.result(accepted, request).text


@every()
def test_silence_is_a_completed_empty_transcript(line):
    result = line.recognize(tones.silence())

    assert (result.text, result.utterances) == ("", [])


@every(QUERIED)
def test_a_task_is_in_progress_until_it_is_done(line):
    line.control.options(turnaround_s=60)

    accepted = line.submit_speech()

    assert line.query(accepted, new_order()) == InProgress()


@pytest.mark.parametrize(
    ("name", "credentials", "code"),
    [
        pytest.param("tencent-recording", {"secret_key": "wrong"}, "1030", id="recording-key"),
        pytest.param("tencent-recording", {"secret_id": "wrong"}, "1027", id="recording-id"),
        pytest.param("tencent-recording", {"appid": "1"}, "1019", id="recording-appid"),
        pytest.param("tencent-sentence", {"secret_key": "wrong"}, "AuthFailure.SignatureFailure", id="sentence-key"),
        pytest.param("tencent-sentence", {"secret_id": "wrong"}, "AuthFailure.SecretIdNotFound", id="sentence-id"),
        pytest.param("volcengine", {"token": "wrong"}, "1002", id="volcengine-token"),
        pytest.param("volcengine", {"cluster": "wrong"}, "1002", id="volcengine-cluster"),
        pytest.param("volcengine", {"appid": "1"}, "1001", id="volcengine-appid"),
        pytest.param("tencent-rec-task", {"secret_key": "wrong"}, "AuthFailure.SignatureFailure", id="rec-task-key"),
        pytest.param("tencent-rec-task", {"secret_id": "wrong"}, "AuthFailure.SecretIdNotFound", id="rec-task-id"),
        pytest.param("volcengine-bigmodel", {"api_key": "", "token": "wrong"}, "45000010", id="bigmodel-token"),
        pytest.param("volcengine-bigmodel", {"api_key": "", "appid": "1"}, "45000010", id="bigmodel-appid"),
        pytest.param("volcengine-bigmodel", {"api_key": "wrong"}, "45000010", id="bigmodel-single-key"),
        pytest.param("abcpen-offline", {"api_key": "wrong"}, "401", id="offline-key"),
        pytest.param("abcpen-offline", {"appid": "wrong"}, "401", id="offline-appid"),
        pytest.param("openai-compatible", {"api_key": "wrong"}, "invalid_api_key", id="openai-key"),
        pytest.param("openai-compatible", {"api_key": ""}, "invalid_api_key", id="openai-no-key"),
        pytest.param("abcpen", {"api_key": "wrong"}, "10105", id="abcpen-key"),
        pytest.param("abcpen", {"appid": "wrong"}, "10105", id="abcpen-appid"),
    ],
    indirect=["name"],
)
def test_wrong_credentials_are_a_config_error(line, credentials, code):
    line.endpoint = VendorEndpoint(line.endpoint.base_url, {**line.endpoint.credentials, **credentials})

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.CONFIG, code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("tencent-recording", "1025", id="recording"),
        pytest.param("tencent-sentence", "AuthFailure.SignatureExpire", id="sentence"),
        pytest.param("tencent-rec-task", "AuthFailure.SignatureExpire", id="rec-task"),
        pytest.param("abcpen", "10105", id="abcpen"),
        pytest.param("abcpen-offline", "401", id="offline"),
    ],
    indirect=["name"],
)
def test_clock_skew_is_a_config_error(line, code):
    line.now -= 3600

    error = failed(line.submit_speech)

    # Tencent's old signatures are valid for an hour, so the time stamp is rejected.
    assert (error.error_class, error.code) == (ErrorClass.CONFIG, code)


@pytest.mark.parametrize(
    ("name", "code", "error_class"),
    [
        pytest.param("tencent-recording", "1021", ErrorClass.RETRY, id="recording-internal"),
        pytest.param("tencent-recording", "1016", ErrorClass.CONFIG, id="recording-allowance"),
        pytest.param("tencent-recording", "1999", ErrorClass.RETRY, id="recording-unknown"),
        pytest.param("tencent-sentence", "RequestLimitExceeded", ErrorClass.RETRY, id="sentence-rate"),
        pytest.param("tencent-sentence", "FailedOperation.UserHasNoAmount", ErrorClass.CONFIG, id="sentence-package"),
        pytest.param("tencent-sentence", "Brandnew.Trouble", ErrorClass.RETRY, id="sentence-unknown"),
        pytest.param("volcengine", "1003", ErrorClass.RETRY, id="volcengine-rate"),
        pytest.param("volcengine", "1004", ErrorClass.CONFIG, id="volcengine-quota"),
        pytest.param("volcengine", "1555", ErrorClass.RETRY, id="volcengine-unknown"),
        pytest.param("tencent-rec-task", "RequestLimitExceeded.UinLimitExceeded", ErrorClass.RETRY, id="rec-task-rate"),
        pytest.param("tencent-rec-task", "FailedOperation.ServiceIsolate", ErrorClass.CONFIG, id="rec-task-arrears"),
        pytest.param("tencent-rec-task", "Brandnew.Trouble", ErrorClass.RETRY, id="rec-task-unknown"),
        pytest.param("volcengine-bigmodel", "45000292", ErrorClass.RETRY, id="bigmodel-rate"),
        pytest.param("volcengine-bigmodel", "45000030", ErrorClass.CONFIG, id="bigmodel-not-granted"),
        pytest.param("volcengine-bigmodel", "45000131", ErrorClass.RETRY, id="bigmodel-volume"),
        pytest.param("volcengine-bigmodel", "45000132", ErrorClass.BAD_AUDIO, id="bigmodel-size"),
        pytest.param("volcengine", "45000010", ErrorClass.CONFIG, id="volcengine-gateway"),
        pytest.param("volcengine-bigmodel", "55999999", ErrorClass.RETRY, id="bigmodel-unknown"),
        pytest.param("abcpen-offline", "500", ErrorClass.RETRY, id="offline-server"),
        pytest.param("abcpen-offline", "429", ErrorClass.RETRY, id="offline-rate"),
        pytest.param("abcpen-offline", "400", ErrorClass.CONFIG, id="offline-parameters"),
        pytest.param("openai-compatible", "rate_limit_exceeded", ErrorClass.RETRY, id="openai-rate"),
        pytest.param("openai-compatible", "insufficient_quota", ErrorClass.CONFIG, id="openai-quota"),
        pytest.param("openai-compatible", "model_not_found", ErrorClass.CONFIG, id="openai-model"),
        pytest.param("openai-compatible", "server_error", ErrorClass.RETRY, id="openai-server"),
        pytest.param("abcpen", "10800", ErrorClass.RETRY, id="abcpen-rate"),
        pytest.param("abcpen", "10110", ErrorClass.CONFIG, id="abcpen-licence"),
        pytest.param("abcpen", "19999", ErrorClass.RETRY, id="abcpen-unknown"),
    ],
    indirect=["name"],
)
def test_rejected_submission_has_its_error_class(line, code, error_class):
    line.control.fault("submit", code=code).raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code, error.vendor) == (error_class, code, line.vendor.name)


@every([name for name in NAMES if VENDORS[name].successor])
def test_retired_address_fails_at_once_with_its_successor(line):
    line.control.fault("submit", http_status=410, body="<html>Gone</html>").raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.CONFIG, "Http410")
    assert line.vendor.successor in error.message


@every()
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param({"http_status": 502, "body": "<html>Bad Gateway</html>"}, "Http502", id="html-502"),
        pytest.param({"body": ""}, "EmptyReply", id="nothing"),
        pytest.param({"body": "<html>Hello</html>"}, "NotJson", id="html-200"),
        pytest.param({"drop": True}, "ConnectionFailed", id="connection-closed"),
    ],
)
def test_unusable_reply_to_a_submission_is_retryable(line, fault, code):
    line.control.fault("submit", **fault).raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.RETRY, code)
    assert isinstance(line.submit_speech(), Accepted | Recognition)


@every()
def test_submission_timeout_is_retryable(name, silent_urls):
    with connected(name, silent_urls[name]) as line:
        line.control.fault("submit", delay_s=600).raise_for_status()

        error = failed(lambda: line.submit_speech(read_timeout_s=0.1))

    assert (error.error_class, error.code) == (ErrorClass.RETRY, "Timeout")


@every()
@pytest.mark.parametrize(
    ("path", "error_class"),
    [
        pytest.param("/broken.wav", ErrorClass.BAD_AUDIO, id="not-audio"),
        pytest.param("/missing.wav", ErrorClass.RETRY, id="cannot-be-downloaded"),
    ],
)
def test_unusable_recording_is_bad_audio(line, path, error_class):
    broken = line.delivery("/broken.wav", b"this is not sound at all, whatever its name says" * 100)
    delivery = Delivery(url=line.web.at(path)) if broken.url else broken
    if not broken.url:
        error_class = ErrorClass.BAD_AUDIO
    request = new_order(duration_ms=None)

    error = failed(lambda: line.result(line.submit(request, delivery), request))

    # This vendor gives no reason: the attempt is retried a few times, then another vendor is used.
    told_nothing = line.vendor.name == "abcpen-offline"
    assert error.error_class is (ErrorClass.RETRY if told_nothing else error_class)
    assert not isinstance(error, QueryFailedError)


@every(QUERIED)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"http_status": 401, "body": "<html>Unauthorized</html>"}, id="html-401"),
        pytest.param({"http_status": 403, "body": "<html>Forbidden</html>"}, id="html-403"),
        pytest.param({"http_status": 404, "body": "<html>Not Found</html>"}, id="html-404"),
        pytest.param({"http_status": 502, "body": "<html>Bad Gateway</html>"}, id="html-502"),
        pytest.param({"body": ""}, id="nothing"),
    ],
)
def test_failed_query_does_not_fail_the_task(line, fault):
    accepted = line.submit_speech()
    line.control.fault("query", **fault).raise_for_status()

    with pytest.raises(QueryFailedError) as failure:
        line.query(accepted, new_order())

    assert not isinstance(failure.value, TaskNotFoundError)
    assert line.result(accepted, new_order()).text


@every(TAKES_URLS)
def test_fault_about_a_recording_is_not_used_by_another(line):
    moment = "query" if line.vendor.name in QUERIED else "submit"
    line.control.fault(moment, http_status=502, body="", about="会 b.wav").raise_for_status()

    def ask(path):
        outcome = line.submit(new_order(), line.delivery(path, SPEECH))
        return line.query(outcome, new_order()) if moment == "query" else outcome

    assert ask("/a.wav")
    assert failed(lambda: ask("/%E4%BC%9A%20b.wav")).error_class is ErrorClass.RETRY


@every(QUERIED)
def test_replaced_key_does_not_fail_a_running_task(line):
    accepted, endpoint = line.submit_speech(), line.endpoint
    line.endpoint = VendorEndpoint(
        endpoint.base_url, {**endpoint.credentials, line.vendor.secret_fields[-1]: "replaced"}
    )

    with pytest.raises(QueryFailedError) as failure:
        line.query(accepted, new_order())

    line.endpoint = endpoint
    assert failure.value.error_class is ErrorClass.CONFIG
    assert line.result(accepted, new_order()).text


@every(QUERIED)
def test_unknown_task_has_its_error_class(line):
    task_id = line.vendor.chosen_task_id(new_order()) or "31415"

    with pytest.raises(TaskNotFoundError, match="does not know the task"):
        line.query(Accepted(task_id), new_order())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("volcengine", "1001", id="volcengine-not-found"),
        pytest.param("volcengine", "1003", id="volcengine-rate"),
        pytest.param("volcengine", "1005", id="volcengine-busy"),
        pytest.param("tencent-rec-task", "RequestLimitExceeded", id="rec-task-rate"),
        pytest.param("tencent-rec-task", "InternalError.FailAccessDatabase", id="rec-task-database"),
        pytest.param("volcengine-bigmodel", "45000000", id="bigmodel-not-found"),
        pytest.param("volcengine-bigmodel", "45000292", id="bigmodel-rate"),
        pytest.param("volcengine-bigmodel", "45000010", id="bigmodel-key"),
        pytest.param("volcengine-bigmodel", "45000131", id="bigmodel-volume"),
        pytest.param("volcengine", "45000292", id="volcengine-gateway"),
        pytest.param("volcengine-bigmodel", "55000031", id="bigmodel-busy"),
        pytest.param("abcpen-offline", "500", id="offline-server"),
        pytest.param("abcpen-offline", "429", id="offline-rate"),
        pytest.param("abcpen", "10800", id="abcpen-rate"),
        pytest.param("abcpen", "10202", id="abcpen-connection"),
        pytest.param("abcpen", "16003", id="abcpen-component"),
    ],
    indirect=["name"],
)
def test_throttled_query_is_retryable(line, code):
    accepted = line.submit_speech()
    line.control.fault("query", code=code).raise_for_status()

    with pytest.raises(QueryFailedError, match=code):
        line.query(accepted, new_order())

    assert line.result(accepted, new_order()).text


@pytest.mark.parametrize(
    ("name", "code", "error_class"),
    [
        pytest.param("tencent-recording", "10003", ErrorClass.BAD_AUDIO, id="recording-too-long"),
        pytest.param("tencent-recording", "10007", ErrorClass.RETRY, id="recording-download"),
        pytest.param("tencent-recording", "10005", ErrorClass.RETRY, id="recording-other"),
        pytest.param("tencent-sentence", "InternalError.ErrorRecognize", ErrorClass.RETRY, id="sentence-recognition"),
        pytest.param("volcengine", "1012", ErrorClass.BAD_AUDIO, id="volcengine-format"),
        pytest.param("volcengine", "1022", ErrorClass.RETRY, id="volcengine-recognition"),
        pytest.param("volcengine-bigmodel", "45000151", ErrorClass.BAD_AUDIO, id="bigmodel-format"),
        pytest.param("volcengine-bigmodel", "45000132", ErrorClass.BAD_AUDIO, id="bigmodel-size"),
        pytest.param("volcengine-bigmodel", "45000777", ErrorClass.CONFIG, id="bigmodel-undocumented"),
        pytest.param("volcengine-bigmodel", "55001010", ErrorClass.RETRY, id="bigmodel-timeout"),
        pytest.param("abcpen-offline", "-1", ErrorClass.RETRY, id="offline-system"),
        pytest.param("openai-compatible", "server_error", ErrorClass.RETRY, id="openai-server"),
        pytest.param("openai-compatible", "audio_too_short", ErrorClass.BAD_AUDIO, id="openai-short"),
        pytest.param("abcpen", "10700", ErrorClass.RETRY, id="abcpen-engine"),
        pytest.param("abcpen", "10701", ErrorClass.BAD_AUDIO, id="abcpen-codec"),
    ],
    indirect=["name"],
)
def test_failed_task_has_its_error_class(line, code, error_class):
    line.control.fault("result", code=code).raise_for_status()

    error = failed(lambda: line.result(line.submit_speech(), new_order()))

    assert (error.error_class, error.code) == (error_class, code)
    assert not isinstance(error, QueryFailedError)


@pytest.mark.parametrize(
    ("name", "code", "error_class"),
    [
        pytest.param("tencent-rec-task", "10002", ErrorClass.BAD_AUDIO, id="too-short"),
        pytest.param("tencent-rec-task", "10003", ErrorClass.BAD_AUDIO, id="too-long"),
        pytest.param("tencent-rec-task", "10000", ErrorClass.BAD_AUDIO, id="format"),
        pytest.param("tencent-rec-task", "10007", ErrorClass.RETRY, id="download"),
        pytest.param("tencent-rec-task", "10005", ErrorClass.RETRY, id="recognition"),
    ],
    indirect=["name"],
)
def test_failed_task_without_a_code_keeps_its_message(line, code, error_class):
    line.control.fault("result", code=code).raise_for_status()

    error = failed(lambda: line.result(line.submit_speech(), new_order()))

    assert (error.error_class, error.code) == (error_class, "TaskFailed")
    assert not isinstance(error, QueryFailedError)


@every(CALLED_BACK)
def test_callback_carries_the_result(line):
    request = new_order()
    accepted = line.submit(request, line.speech())

    posted = eventually(line.posted)[0]
    told = line.vendor.read_callback(posted.body, posted.content_type, request)

    assert told.vendor_task_id == accepted.vendor_task_id
    assert told.outcome.text
    assert told.outcome.utterances


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("tencent-recording", "10001", id="recording"),
        pytest.param("tencent-rec-task", "10001", id="rec-task"),
        pytest.param("volcengine", "1022", id="volcengine"),
    ],
    indirect=["name"],
)
def test_callback_carries_the_failure(line, code):
    request = new_order()
    line.control.fault("callback", code=code).raise_for_status()
    accepted = line.submit(request, line.speech())

    posted = eventually(line.posted)[0]
    told = line.vendor.read_callback(posted.body, posted.content_type, request)

    assert told.vendor_task_id == accepted.vendor_task_id
    assert told.outcome.error_class is ErrorClass.RETRY


@every(["volcengine-bigmodel"])
@pytest.mark.parametrize("code_in_body", [False, True], ids=["code-in-headers-only", "code-in-the-body"])
def test_callback_without_a_result_leads_to_a_query(line, code_in_body):
    line.control.options(code_in_body=code_in_body).raise_for_status()
    line.control.fault("result", code="45000151").raise_for_status()
    request = new_order()
    accepted = line.submit(request, line.speech())

    posted = eventually(line.posted)[0]
    told = line.vendor.read_callback(posted.body, posted.content_type, request)

    assert told.outcome == InProgress()
    assert failed(lambda: line.query(accepted, request)).code == "45000151"


@every([name for name in NAMES if VENDORS[name].chosen_task_id(a_recognition_request())])
def test_submission_repeated_after_a_crash_creates_one_task(line):
    request, noted = new_order(), len(line.control.requests("submit"))
    line.control.fault("submit", accepted=True, drop=True).raise_for_status()
    assert failed(lambda: line.submit(request, line.speech())).code == "ConnectionFailed"

    accepted = line.submit(replace(request, repeated=True), line.speech())

    assert accepted.vendor_task_id == line.vendor.chosen_task_id(request)
    assert line.result(accepted, request).text
    submissions = line.control.requests("submit")[noted:]
    assert len(submissions) == 2
    assert {entry["task_id"] for entry in submissions} - {None} == {accepted.vendor_task_id.rpartition("/")[2]}


@every(["volcengine-bigmodel"])
def test_idle_edition_has_its_own_address(line):
    request = new_order(options={"model": "volc.bigasr.auc_idle"})

    accepted = line.submit(request, line.speech())

    assert accepted.vendor_task_id.startswith("volc.bigasr.auc_idle/")
    assert line.result(accepted, request).text


@every(["tencent-recording"])
def test_callback_is_repeated_until_acknowledged(line):
    line.control.options(callback_interval_s=0.05)
    line.web.reply_with(*((200, json.dumps(line.vendor.acknowledge(stored=stored))) for stored in (False, True)))
    accepted = line.submit_speech()

    deliveries = eventually(lambda: line.deliveries(accepted, attempts=2))
    assert [one["delivered"] for one in deliveries] == [False, True]
    assert len({posted.body for posted in line.posted()}) == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("tencent-recording", {"callback_format": "json"}, id="recording-json-callback"),
        pytest.param("tencent-sentence", {"answer_form": "older"}, id="sentence-old-answer"),
        pytest.param("volcengine", {"submit_code": "int", "query_code": "string"}, id="volcengine-types-of-codes"),
        pytest.param("tencent-rec-task", {"word_offsets": "absolute"}, id="rec-task-absolute-words"),
        pytest.param("volcengine-bigmodel", {"result_form": "list"}, id="bigmodel-list-of-one"),
        pytest.param("volcengine-bigmodel", {"code_in_body": True}, id="bigmodel-code-in-the-body"),
        pytest.param("abcpen-offline", {"word_speaker": "list"}, id="offline-speakers-of-words"),
        pytest.param("abcpen", {"task_id_name": "taskId", "message_name": "msg"}, id="abcpen-names"),
        pytest.param("abcpen", {"code_type": "int", "in_progress_code": "1"}, id="abcpen-codes"),
        pytest.param("abcpen", {"words_name": "wordsPiece"}, id="abcpen-words"),
    ],
    indirect=["name"],
)
def test_documented_reply_variants_are_accepted(line, options):
    line.control.options(**options).raise_for_status()

    assert line.recognize(SPEECH).text


@every(NAMES)
def test_undeclared_gbk_text_is_decoded(line):
    line.control.options(charset="gb18030").raise_for_status()

    assert line.recognize(GREETING).text.startswith("您好")


@pytest.mark.parametrize(
    ("name", "own"),
    [
        pytest.param("tencent-recording", {"res_text_format": 1}, id="recording-gb2312"),
        pytest.param("tencent-recording", {"res_text_format": 2, "projectid": 1}, id="recording-gbk"),
        pytest.param("tencent-recording", {"res_text_format": 3}, id="recording-big5"),
        pytest.param("tencent-sentence", {"FilterDirty": 2, "FilterModal": 2, "FilterPunc": 1}, id="sentence-filters"),
        pytest.param("tencent-sentence", {"HotwordList": "腾讯云|11", "ReinforceHotword": 1}, id="sentence-hot-words"),
        pytest.param("tencent-sentence", {"WordInfo": 2, "ConvertNumMode": 0}, id="sentence-words"),
        pytest.param("volcengine", {"boosting_table_name": "names"}, id="volcengine-hot-words"),
        pytest.param("abcpen", {"audio_denoise": True, "max_alternatives": 2, "eng_rlang": 1}, id="abcpen-all"),
    ],
    indirect=["name"],
)
def test_vendor_options_reach_the_vendor(line, own):
    result = line.recognize(GREETING, vendor={line.vendor.name: own})

    assert result.text.startswith("您好")
    sent = json.dumps(line.control.requests("submit")[-1], ensure_ascii=False)
    assert all(name in sent for name in own)


@every(["tencent-sentence"])
def test_raw_pcm_is_submitted_where_the_account_accepts_it(line):
    raw = tones.samples(tones.TWO_SENTENCES, rate_hz=8000).tobytes()
    request = a_recognition_request(
        format="pcm", size_bytes=len(raw), options={"vendor": {"tencent-sentence": {"InputSampleRate": 8000}}}
    )

    assert line.result(line.submit(request, Delivery(url=line.web.serve("/a.pcm", raw))), request).text


@every(["tencent-recording"])
def test_older_numeric_codes_are_classified_by_name(line):
    line.control.options(numbering="older").raise_for_status()
    line.endpoint = VendorEndpoint(line.endpoint.base_url, {**line.endpoint.credentials, "secret_key": "wrong"})

    error = failed(line.submit_speech)

    # In the newer numbering 1029 is a replay, which is retryable.
    assert (error.error_class, error.code) == (ErrorClass.CONFIG, "1029")


@every(["abcpen"])
def test_early_error_format_is_classified(line):
    line.control.options(early_refusals=True).raise_for_status()
    line.endpoint = VendorEndpoint(line.endpoint.base_url, {**line.endpoint.credentials, "api_key": "wrong"})

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.CONFIG, "10105")


OPENAI = every(["openai-compatible"])
DIALECTS = pytest.mark.parametrize("dialect", ["openai", "funasr", "speaches", "whisper.cpp"])


@OPENAI
@DIALECTS
def test_every_response_format_gives_times(line, dialect):
    line.control.options(dialect=dialect).raise_for_status()

    result = line.recognize(SPEECH)

    starts = [item.start_ms for item in result.utterances]
    assert [
        abs(start - sentence[0]) < TOLERANCE_MS for start, sentence in zip(starts, tones.TWO_SENTENCES, strict=True)
    ]
    assert [bool(item.words) for item in result.utterances] == [dialect != "funasr"] * 2
    assert [item.speaker for item in result.utterances] == (["0", "1"] if dialect == "funasr" else [None, None])
    assert result.language == "zh-CN"
    assert result.duration_ms == (None if dialect == "funasr" else tones.LENGTH_MS)


@OPENAI
def test_text_alone_spans_the_recording(line):
    line.control.options(dialect="text").raise_for_status()

    (only,) = line.recognize(SPEECH).utterances

    assert (only.start_ms, only.end_ms) == (0, tones.LENGTH_MS)


@OPENAI
@DIALECTS
def test_every_error_format_reports_undecodable_audio(line, dialect):
    line.control.options(dialect=dialect).raise_for_status()

    error = failed(lambda: line.submit(new_order(), Delivery(stream=stream_of(b"no sound" * 100))))

    assert (error.error_class, error.code) == (ErrorClass.BAD_AUDIO, "UndecodableAudio")


@OPENAI
@pytest.mark.parametrize("dialect", ["openai", "speaches"])
def test_too_large_upload_is_bad_audio(line, dialect):
    line.control.options(dialect=dialect, max_upload_bytes=1000).raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.BAD_AUDIO, "Http413")


@OPENAI
@pytest.mark.parametrize("retry_after", ["7", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_loading_server_is_retried_after_retry_after(line, retry_after):
    line.control.options(loading=True, retry_after=retry_after).raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.RETRY, "Http503")
    assert error.retry_after_s == (7 if retry_after == "7" else 3600)


@OPENAI
def test_server_behind_a_path_and_without_a_key(line):
    line.control.options(path="team/asr", requires_key=False).raise_for_status()
    line.endpoint = VendorEndpoint(f"{line.endpoint.base_url}/team/asr/v1", {}, line.endpoint.model)

    assert line.recognize(SPEECH).text


@OPENAI
def test_diarizing_model_returns_speakers(line):
    own = {"openai-compatible": {"response_format": "diarized_json", "model": "gpt-4o-transcribe-diarize"}}

    result = line.recognize(SPEECH, speakers=2, vendor=own)

    assert [item.speaker for item in result.utterances] == ["A", "B"]


@OPENAI
def test_unreadable_recording_is_not_a_vendor_error(line):
    def broken():
        yield SPEECH[:1000]
        raise AsrError(ErrorClass.RETRY, "RecordingUnreadable", reason("S3 hung up"))

    error = failed(lambda: line.submit(new_order(), Delivery(stream=ByteStream(len(SPEECH), broken))))

    assert (error.code, error.vendor) == ("RecordingUnreadable", None)
    assert line.control.requests("submit") == [] or line.submit_speech()
