"""Check the recognizer's HTTP interface and the simulators' client against OpenAI's API; the model is a fake."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from devstack.web import WebServer
from recognizer.audio import UnreadableError
from recognizer.client import MAX_CRASHES, Client, StillWorkingError
from recognizer.queue import Queue
from recognizer.recognition import Recognition, Sentence, Word
from recognizer.server import make_app

WAIT_S = 60
RECOGNIZED = Recognition(
    "zh",
    2500,
    (
        Sentence((Word("大家", 300, 700), Word("好，", 700, 1000), Word("再见。", 1200, 2000))),
        Sentence((Word("好", 2100, 2300),)),
    ),
)


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def url(queue):
    with WebServer(make_app(queue, loading_s=0.05), "127.0.0.1", 0) as server:
        yield server.url


@pytest.fixture
def asked(queue):
    """The requests to the fake model, which recognizes RECOGNIZED in everything except the text `broken`."""
    calls = []

    def recognize(file, **options):
        content = file.read()
        calls.append((content, options["language"], options["hints"]))
        if content == b"broken":
            raise UnreadableError("no audio that can be decoded (InvalidDataError)")
        return RECOGNIZED

    queue.open(recognize)
    return calls


def transcribe(url, content=b"audio", **fields):
    files = {"file": ("a.mp3", io.BytesIO(content))} if content is not None else {"other": ("a", b"")}
    return requests.post(f"{url}/v1/audio/transcriptions", files=files, data={"model": "any", **fields}, timeout=WAIT_S)


def test_json_response_has_only_the_text(url, asked):
    response = transcribe(url, language="zh-CN", prompt="云原生")

    assert (response.status_code, response.json()) == (200, {"text": "大家好，再见。好"})
    assert asked == [(b"audio", "zh", "云原生")]


@pytest.mark.parametrize(
    ("granularities", "parts"),
    [
        pytest.param([], {"segments"}, id="default"),
        pytest.param(["word"], {"words"}, id="words"),
        pytest.param(["word", "segment"], {"words", "segments"}, id="both"),
    ],
)
def test_verbose_json_has_the_requested_parts(url, asked, granularities, parts):
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": granularities}
    document = transcribe(url, **fields).json()

    assert {"words", "segments"} & document.keys() == parts
    assert (document["task"], document["language"], document["duration"]) == ("transcribe", "zh", 2.5)


def test_verbose_json_has_seconds_and_unpunctuated_words(url, asked):
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
    document = transcribe(url, **fields).json()

    assert document["segments"][0] == {"id": 0, "start": 0.3, "end": 2.0, "text": "大家好，再见。"}
    assert document["words"][:2] == [
        {"word": "大家", "start": 0.3, "end": 0.7},
        {"word": "好", "start": 0.7, "end": 1.0},
    ]


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        pytest.param(None, {}, "missing_file", id="no-file"),
        pytest.param(b"audio", {"response_format": "srt"}, "unsupported_value", id="format"),
        pytest.param(b"audio", {"timestamp_granularities[]": ["letter"]}, "unsupported_value", id="granularity"),
        pytest.param(b"broken", {}, "invalid_audio", id="no-audio"),
    ],
)
def test_bad_request_gets_an_openai_error(url, asked, content, fields, code):
    response = transcribe(url, content, **fields)

    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (400, "invalid_request_error", code)
    assert error["message"]


def test_request_while_the_model_loads_gets_503(url):
    response = transcribe(url)

    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_not_ready")
    assert int(response.headers["Retry-After"]) > 0


def test_request_waits_briefly_for_the_model(queue):
    with WebServer(make_app(queue), "127.0.0.1", 0) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(transcribe, server.url)
        queue.open(lambda file, **options: RECOGNIZED)
        assert waiting.result(WAIT_S).status_code == 200


def test_client_gets_the_whole_recognition(url, asked):
    assert Client(url, lambda: False).recognize(io.BytesIO(b"audio")) == RECOGNIZED


def test_client_gets_no_text_for_silence(url, asked):
    assert Client(url, lambda: False).recognize(io.BytesIO(b"broken")) is None
    assert Client(url, lambda: True).recognize(io.BytesIO(b"audio")) is None


def test_client_waits_while_the_model_loads(url, queue, monkeypatch):
    monkeypatch.setattr("recognizer.client.time.sleep", lambda s: queue.open(lambda file, **options: RECOGNIZED))

    assert Client(url, lambda: False).recognize(io.BytesIO(b"audio")) == RECOGNIZED


def test_client_stops_waiting_and_finds_the_server_later(url, queue):
    go, done = threading.Event(), threading.Event()

    def recognize(file, **options):
        assert go.wait(WAIT_S)
        done.set()
        return RECOGNIZED

    queue.open(recognize)
    client = Client(url, lambda: False)
    with pytest.raises(StillWorkingError):
        client.recognize(io.BytesIO(b"audio"), wait_s=0.2)
    go.set()
    assert done.wait(WAIT_S)

    assert client.recognize(io.BytesIO(b"audio")) == RECOGNIZED


def test_recording_that_crashes_the_engine_is_skipped():
    """Close the connection without a response, like a killed process."""
    attempts = []

    def dies(environ, start_response):
        attempts.append(1)
        environ["werkzeug.socket"].shutdown(2)
        return []

    with WebServer(dies, "127.0.0.1", 0) as server:
        assert Client(server.url, lambda: False).recognize(io.BytesIO(b"audio")) is None
    assert len(attempts) == MAX_CRASHES
