"""Check that simulated vendors return the recognizer's words in their own formats, and mark them."""

import threading
import time

import pytest

from asrcore.core.errors import ErrorClass
from asrcore.core.vendor import Accepted, Completion, InProgress, VendorEndpoint
from asrcore.net import vendor_http
from asrcore.vendors.registry import VENDORS
from recognizer.client import StillWorkingError
from recognizer.recognition import Recognition, Sentence, Word
from simulators import VENDORS as SIMULATED
from simulators import Simulators
from simulators.server import RECOGNIZED_WARNING
from tests.contract.test_vendor_contract import NO_RATE, Line, failed, new_order
from tests.support.simulator_control import CREDENTIALS, Control
from tests.support.web import Web, eventually

WAIT_S = 60
TEXT = "今天天气，怎么样。"
SAID = Recognition(
    "zh", 4000, (Sentence((Word("今天", 520, 900), Word("天气，", 900, 1100), Word("怎么样。", 1100, 1480))),)
)


class FakeRecognizer:
    """A recognizer that returns SAID for every recording, as soon as `go` is set."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.asked = []
        self.answered = []

    def recognize(self, file, wait_s):
        self.asked.append(file.seek(0, 2))
        if not self.go.wait(min(wait_s, WAIT_S) if wait_s > 60 else 0.1):
            raise StillWorkingError
        self.answered.append(SAID)
        return SAID


@pytest.fixture(scope="module")
def recognizer():
    return FakeRecognizer()


@pytest.fixture(scope="module")
def urls(recognizer):
    with Simulators(CREDENTIALS, turnaround_s=0, recognizer=recognizer) as running:
        yield running.urls


@pytest.fixture
def line(request, urls, recognizer):
    name = request.param
    vendor, control = VENDORS[name], Control(urls[name])
    with Web() as web:
        control.options(**NO_RATE.get(name, {})).raise_for_status()
        yield Line(
            vendor,
            control,
            web,
            VendorEndpoint(urls[name], CREDENTIALS[vendor.secret_name], vendor.tuning.model),
            now=int(time.time()),
        )
    recognizer.go.set()
    control.reset()


@pytest.fixture
def replies(monkeypatch):
    """Collect every reply to the layer's client."""
    kept, send = [], vendor_http.send
    monkeypatch.setattr(vendor_http, "send", lambda request: kept.append(send(request)) or kept[-1])
    return kept


HEARING = sorted(VENDORS.keys() & set(SIMULATED))


@pytest.mark.parametrize("line", HEARING, indirect=True)
def test_reply_has_recognized_words_and_a_warning(line, replies):
    request = new_order()
    result = line.result(line.submit(request, line.speech()), request)

    assert result.text == TEXT
    assert abs(result.utterances[0].start_ms - 520) < 40
    if Completion.QUERY in line.vendor.completion_modes or Completion.SYNC in line.vendor.completion_modes:
        assert replies[-1].headers["warning"] == RECOGNIZED_WARNING
    if Completion.CALLBACK in line.vendor.completion_modes:
        assert eventually(line.posted)[0].warning == RECOGNIZED_WARNING


@pytest.mark.parametrize("line", ["volcengine-bigmodel"], indirect=True)
def test_task_is_in_progress_until_recognition_ends(line, recognizer, replies):
    recognizer.go.clear()
    request = new_order()
    accepted = line.submit(request, line.speech())
    eventually(lambda: recognizer.asked)

    assert isinstance(accepted, Accepted)
    assert isinstance(line.query(accepted, request), InProgress)
    assert "warning" not in replies[-1].headers
    recognizer.go.set()
    assert line.result(accepted, request).text == TEXT


@pytest.mark.parametrize("line", ["tencent-sentence"], indirect=True)
def test_slow_sentence_is_retryable(line, recognizer):
    recognizer.go.clear()

    failure = failed(line.submit_speech)

    assert (failure.error_class, failure.code) == (ErrorClass.RETRY, "InternalError.ErrorRecognize")
    recognizer.go.set()
    assert line.submit_speech().text == TEXT


@pytest.mark.parametrize("line", ["volcengine-bigmodel"], indirect=True)
def test_waiting_recordings_do_not_delay_results(line, recognizer):
    """A result is due while more recordings wait for the recognizer than there are workers."""
    line.control.options(turnaround_s=1).raise_for_status()
    recognizer.answered.clear()
    request = new_order()
    heard = line.submit(request, line.speech())
    eventually(lambda: recognizer.answered)
    recognizer.go.clear()
    waiting = [line.submit_speech() for _ in range(12)]

    assert line.result(heard, request).text == TEXT
    assert not recognizer.go.is_set()
    assert len(waiting) == 12
