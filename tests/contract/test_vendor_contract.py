"""One suite for every vendor: our client against the vendor's simulator, over real HTTP, with real recordings."""

import json
import time
from dataclasses import dataclass, replace
from itertools import count

import pytest

from asrcore.core.audio import probe
from asrcore.core.errors import AsrError, ErrorClass, QueryFailedError
from asrcore.core.options import Options
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import Accepted, Account, Completion, Delivery, InProgress, Order, Vendor
from asrcore.vendors import http
from asrcore.vendors.registry import VENDORS
from simulators import Simulators
from tests.support import tones
from tests.support.orders import an_order
from tests.support.running import CREDENTIALS, Control
from tests.support.web import Web, eventually

SPEECH = tones.audio()
TOLERANCE_MS = 250
NONCES = count(1)
NAMES = tuple(VENDORS)
QUERIED = [name for name in NAMES if Completion.QUERY in VENDORS[name].completes_by]
CALLED_BACK = [name for name in NAMES if Completion.CALLBACK in VENDORS[name].completes_by]


@dataclass
class Line:
    """A vendor's client, its simulator, and a web that serves the recordings and takes the callbacks."""

    vendor: Vendor
    control: Control
    web: Web
    account: Account
    now: int

    def submit(self, order: Order, delivery: Delivery, read_timeout_s: float = 30) -> Accepted | Recognition:
        request = self.vendor.submit_request(
            order, delivery, self.account, callback_url=self.web.url("/cb"), now=self.now, nonce=next(NONCES)
        )
        return self.vendor.read_submit(http.send(replace(request, read_timeout_s=read_timeout_s)), order)

    def submit_speech(self, **changes: object) -> Accepted | Recognition:
        return self.submit(an_order(), Delivery(url=self.web.serve("/a.wav", SPEECH)), **changes)

    def query(self, accepted: Accepted, order: Order) -> InProgress | Recognition:
        request = self.vendor.query_request(accepted.vendor_task_id, self.account, now=self.now)
        return self.vendor.read_query(http.send(request), order)

    def result(self, outcome: Accepted | Recognition, order: Order) -> Recognition:
        """The result in whichever way the vendor gives it. Raises the AsrError with which the task ended."""
        if isinstance(outcome, Recognition):
            return outcome
        if Completion.QUERY in self.vendor.completes_by:
            return eventually(lambda: self._result_if_done(outcome, order))
        posted = eventually(lambda: self.web.received)[0]
        told = self.vendor.read_callback(posted.body, posted.content_type, order)
        assert told.vendor_task_id == outcome.vendor_task_id
        if isinstance(told.outcome, AsrError):
            raise told.outcome
        return told.outcome

    def _result_if_done(self, accepted: Accepted, order: Order) -> Recognition | None:
        answer = self.query(accepted, order)
        return None if isinstance(answer, InProgress) else answer

    def deliveries(self, accepted: Accepted, attempts: int) -> list[dict[str, object]]:
        """The callbacks of a task as the simulator noted them, once there are so many."""
        noted = self.control.requests("callback")
        of_task = [entry for entry in noted if entry["task_id"] == accepted.vendor_task_id]
        return of_task if len(of_task) == attempts else []

    def recognise(self, recording: bytes, delivery: Delivery | None = None, **options: object) -> Recognition:
        """From a recording to what was heard in it."""
        audio = probe(lambda offset, length: recording[offset : offset + length], len(recording), "a")
        order = Order("job-1", 1, audio, len(recording), Options.model_validate(options))
        assert self.vendor.why_not(order) is None
        delivery = delivery or Delivery(url=self.web.serve(f"/a.{audio.format}", recording))
        return self.result(self.submit(order, delivery), order)


@pytest.fixture(scope="module")
def urls():
    with Simulators(CREDENTIALS, turnaround_s=0) as running:
        yield running.urls


@pytest.fixture
def name(request):
    return request.param


@pytest.fixture
def line(name, urls):
    vendor, control = VENDORS[name], Control(urls[name])
    account = Account(urls[name], CREDENTIALS[vendor.secret_name])
    with Web() as web:
        if name != "tencent-recording":
            control.options(requests_per_s=1000)  # no test but those about the rate is to meet it
        yield Line(vendor, control, web, account, now=int(time.time()))
    control.reset()


def every(names=NAMES):
    return pytest.mark.parametrize("name", names, indirect=True)


def failed(call):
    with pytest.raises(AsrError) as failure:
        call()
    assert "127.0.0.1" not in str(failure.value)
    return failure.value


@every()
def test_speech_is_recognised_where_it_is(line):
    result = line.recognise(SPEECH)

    starts = [item.start_ms for item in result.utterances]
    assert result.text
    assert starts == sorted(starts)
    assert abs(starts[0] - tones.TWO_SENTENCES[0][0]) < TOLERANCE_MS
    assert abs(result.utterances[-1].end_ms - tones.TWO_SENTENCES[-1][1]) < TOLERANCE_MS
    assert result.duration_ms in (None, tones.LENGTH_MS)
    assert all(item.speaker is None for item in result.utterances)


@every([name for name in NAMES if "words" in VENDORS[name].honours])
def test_words_come_unless_they_are_not_wanted(line):
    spoken, silent = line.recognise(SPEECH), line.recognise(SPEECH, words=False)

    words = [word for item in spoken.utterances for word in item.words]
    assert words
    assert all(word.text and word.start_ms <= word.end_ms for word in words)
    assert all(item.start_ms <= item.words[0].start_ms for item in spoken.utterances)
    assert not any(item.words for item in silent.utterances)


@every([name for name in NAMES if VENDORS[name].limits.max_data_bytes])
def test_a_recording_can_be_sent_as_bytes(line):
    assert line.recognise(SPEECH, Delivery(data=SPEECH)).text


@pytest.mark.parametrize(
    ("name", "container", "codec", "rate_hz"),
    [
        pytest.param("tencent-recording", "wav", "pcm_s16le", 8000, id="recording-telephone"),
        pytest.param("tencent-recording", "mp3", "libmp3lame", 16000, id="recording-mp3"),
        pytest.param("tencent-sentence", "wav", "pcm_s16le", 8000, id="sentence-telephone"),
        pytest.param("tencent-sentence", "mp3", "libmp3lame", 16000, id="sentence-mp3"),
        pytest.param("volcengine", "mp3", "libmp3lame", 44100, id="volcengine-mp3"),
        pytest.param("volcengine", "ogg", "libopus", 48000, id="volcengine-opus"),
        pytest.param("volcengine", "mp4", "aac", 44100, id="volcengine-mp4"),
        pytest.param("abcpen", "mp3", "libmp3lame", 44100, id="abcpen-mp3"),
        pytest.param("abcpen", "ogg", "libopus", 48000, id="abcpen-opus"),
        pytest.param("abcpen", "ipod", "aac", 44100, id="abcpen-m4a"),
        pytest.param("abcpen", "flac", "flac", 16000, id="abcpen-flac"),
        pytest.param("abcpen", "adts", "aac", 16000, id="abcpen-aac"),
    ],
    indirect=["name"],
)
def test_formats_and_rates(line, container, codec, rate_hz):
    assert line.recognise(tones.audio(container=container, codec=codec, rate_hz=rate_hz)).utterances


@every(["tencent-recording", "volcengine"])
def test_stereo_tells_the_channels(line):
    left, right = ((500, 1500),), ((2200, 3200),)

    result = line.recognise(tones.audio(left, right, rate_hz=8000))

    assert [(item.channel, item.speaker) for item in result.utterances] == [(0, None), (1, None)]


@every([name for name in NAMES if "speakers" in VENDORS[name].honours])
def test_speakers_are_told_when_asked_for(line):
    result = line.recognise(tones.audio(rate_hz=8000), speakers=2)

    assert len({item.speaker for item in result.utterances} - {None}) == 2


@every()
def test_silence_is_a_completed_empty_transcript(line):
    result = line.recognise(tones.silence())

    assert (result.text, result.utterances) == ("", [])


@every(QUERIED)
def test_a_task_is_in_progress_until_it_is_done(line):
    line.control.options(turnaround_s=60)

    accepted = line.submit_speech()

    assert line.query(accepted, an_order()) == InProgress()


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
        pytest.param("abcpen", {"api_key": "wrong"}, "10105", id="abcpen-key"),
        pytest.param("abcpen", {"appid": "wrong"}, "10105", id="abcpen-appid"),
    ],
    indirect=["name"],
)
def test_wrong_credentials_are_the_operators_matter(line, credentials, code):
    line.account = Account(line.account.base_url, {**line.account.credentials, **credentials})

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.CONFIG, code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("tencent-recording", "1025", id="recording"),
        pytest.param("tencent-sentence", "AuthFailure.SignatureExpire", id="sentence"),
        pytest.param("abcpen", "10105", id="abcpen"),
    ],
    indirect=["name"],
)
def test_a_clock_that_is_wrong(line, code):
    line.now -= 3600

    error = failed(line.submit_speech)

    # Tencent's old signatures live for an hour, so it is the time stamp that is refused.
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
        pytest.param("abcpen", "10800", ErrorClass.RETRY, id="abcpen-rate"),
        pytest.param("abcpen", "10110", ErrorClass.CONFIG, id="abcpen-licence"),
        pytest.param("abcpen", "19999", ErrorClass.RETRY, id="abcpen-unknown"),
    ],
    indirect=["name"],
)
def test_a_submission_that_is_refused(line, code, error_class):
    line.control.fault("submit", code=code).raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code, error.vendor) == (error_class, code, line.vendor.name)


@every()
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param({"http_status": 502, "body": "<html>Bad Gateway</html>"}, "Http502", id="html-502"),
        pytest.param({"body": ""}, "EmptyReply", id="nothing"),
        pytest.param({"body": "<html>Hello</html>"}, "NotJson", id="html-200"),
        pytest.param({"drop": True}, "ConnectionFailed", id="hung-up"),
    ],
)
def test_a_submission_that_gets_no_real_answer_is_sent_again_later(line, fault, code):
    line.control.fault("submit", **fault).raise_for_status()

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.RETRY, code)
    assert isinstance(line.submit_speech(), Accepted | Recognition)


@every()
def test_a_vendor_that_is_too_slow(line):
    line.control.fault("submit", delay_s=2).raise_for_status()

    error = failed(lambda: line.submit_speech(read_timeout_s=0.2))

    assert (error.error_class, error.code) == (ErrorClass.RETRY, "Timeout")


@every()
@pytest.mark.parametrize(
    ("path", "error_class"),
    [
        pytest.param("/broken.wav", ErrorClass.BAD_AUDIO, id="not-audio"),
        pytest.param("/missing.wav", ErrorClass.RETRY, id="cannot-be-downloaded"),
    ],
)
def test_a_recording_that_the_vendor_cannot_use(line, path, error_class):
    line.web.serve("/broken.wav", b"this is not sound at all, whatever its name says" * 100)
    order = an_order(duration_ms=None)

    error = failed(lambda: line.result(line.submit(order, Delivery(url=line.web.url(path))), order))

    assert error.error_class is error_class
    assert not isinstance(error, QueryFailedError)


@every(QUERIED)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"http_status": 502, "body": "<html>Bad Gateway</html>"}, id="html-502"),
        pytest.param({"body": ""}, id="nothing"),
    ],
)
def test_a_query_that_fails_does_not_fail_the_task(line, fault):
    accepted = line.submit_speech()
    line.control.fault("query", **fault).raise_for_status()

    with pytest.raises(QueryFailedError):
        line.query(accepted, an_order())

    assert line.result(accepted, an_order()).text


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("volcengine", "1001", id="volcengine-not-found"),
        pytest.param("volcengine", "1003", id="volcengine-rate"),
        pytest.param("volcengine", "1005", id="volcengine-busy"),
        pytest.param("abcpen", "10800", id="abcpen-rate"),
        pytest.param("abcpen", "10202", id="abcpen-connection"),
        pytest.param("abcpen", "16003", id="abcpen-component"),
    ],
    indirect=["name"],
)
def test_a_query_that_is_refused_for_the_moment(line, code):
    accepted = line.submit_speech()
    line.control.fault("query", code=code).raise_for_status()

    with pytest.raises(QueryFailedError, match=code):
        line.query(accepted, an_order())

    assert line.result(accepted, an_order()).text


@pytest.mark.parametrize(
    ("name", "code", "error_class"),
    [
        pytest.param("tencent-recording", "10002", ErrorClass.BAD_AUDIO, id="recording-too-long"),
        pytest.param("tencent-recording", "10005", ErrorClass.RETRY, id="recording-other"),
        pytest.param("tencent-sentence", "InternalError.ErrorRecognize", ErrorClass.RETRY, id="sentence-recognition"),
        pytest.param("volcengine", "1012", ErrorClass.BAD_AUDIO, id="volcengine-format"),
        pytest.param("volcengine", "1022", ErrorClass.RETRY, id="volcengine-recognition"),
        pytest.param("abcpen", "10700", ErrorClass.RETRY, id="abcpen-engine"),
        pytest.param("abcpen", "10701", ErrorClass.BAD_AUDIO, id="abcpen-codec"),
    ],
    indirect=["name"],
)
def test_a_task_that_ends_badly(line, code, error_class):
    line.control.fault("result", code=code).raise_for_status()

    error = failed(lambda: line.result(line.submit_speech(), an_order()))

    assert (error.error_class, error.code) == (error_class, code)
    assert not isinstance(error, QueryFailedError)


@every(CALLED_BACK)
def test_a_callback_brings_the_result(line):
    accepted = line.submit_speech()

    posted = eventually(lambda: line.web.received)[0]
    told = line.vendor.read_callback(posted.body, posted.content_type, an_order())

    assert told.vendor_task_id == accepted.vendor_task_id
    assert told.outcome.text
    assert told.outcome.utterances


@every(CALLED_BACK)
def test_a_callback_brings_the_failure(line):
    line.control.fault("callback", code="1022" if line.vendor.name == "volcengine" else "10001").raise_for_status()
    accepted = line.submit_speech()

    posted = eventually(lambda: line.web.received)[0]
    told = line.vendor.read_callback(posted.body, posted.content_type, an_order())

    assert told.vendor_task_id == accepted.vendor_task_id
    assert told.outcome.error_class is ErrorClass.RETRY


@every(["tencent-recording"])
def test_a_callback_is_repeated_until_our_yes(line):
    line.control.options(callback_interval_s=0.05)
    line.web.reply_with(*((200, json.dumps(line.vendor.acknowledge(stored=stored))) for stored in (False, True)))
    accepted = line.submit_speech()

    deliveries = eventually(lambda: line.deliveries(accepted, attempts=2))
    assert [one["delivered"] for one in deliveries] == [False, True]
    assert len({posted.body for posted in line.web.received}) == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("tencent-recording", {"callback_format": "json"}, id="recording-json-callback"),
        pytest.param("tencent-sentence", {"answer_form": "older"}, id="sentence-old-answer"),
        pytest.param("volcengine", {"submit_code": "int", "query_code": "string"}, id="volcengine-types-of-codes"),
        pytest.param("abcpen", {"task_id_name": "taskId", "message_name": "msg"}, id="abcpen-names"),
        pytest.param("abcpen", {"code_type": "int", "in_progress_code": "1"}, id="abcpen-codes"),
        pytest.param("abcpen", {"words_name": "wordsPiece"}, id="abcpen-words"),
    ],
    indirect=["name"],
)
def test_a_variant_of_the_vendors_documents(line, options):
    line.control.options(**options).raise_for_status()

    assert line.recognise(SPEECH).text


@every(["tencent-recording"])
def test_codes_of_the_older_numbering_go_by_their_name(line):
    line.control.options(numbering="older").raise_for_status()
    line.account = Account(line.account.base_url, {**line.account.credentials, "secret_key": "wrong"})

    error = failed(line.submit_speech)

    # 1029 is a replay, to be tried again, in the newer numbering.
    assert (error.error_class, error.code) == (ErrorClass.CONFIG, "1029")


@every(["abcpen"])
def test_a_refusal_in_the_early_form(line):
    line.control.options(early_refusals=True).raise_for_status()
    line.account = Account(line.account.base_url, {**line.account.credentials, "api_key": "wrong"})

    error = failed(line.submit_speech)

    assert (error.error_class, error.code) == (ErrorClass.CONFIG, "10105")
