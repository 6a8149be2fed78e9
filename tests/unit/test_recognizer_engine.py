"""Check what the recognizer makes of a model's output: times, pieces, languages, dropped text."""

import io
import threading
import wave
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from recognizer import engine
from recognizer.audio import SAMPLE_RATE_HZ, UnreadableError, read_pieces
from recognizer.text import PROMPT


def wav(seconds, *, silent_at=()):
    """A tone at 16 kHz with silence of a fifth of a second at some seconds."""
    samples = (np.sin(np.arange(int(seconds * SAMPLE_RATE_HZ)) / 5) * 8000).astype("<i2")
    for second in silent_at:
        samples[int(second * SAMPLE_RATE_HZ) : int((second + 0.2) * SAMPLE_RATE_HZ)] = 0
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        written.writeframes(samples.tobytes())
    return file


def segment(text, start=0.0, end=1.0, *, avg_logprob=-0.3, compression_ratio=1.2):
    word = SimpleNamespace(word=text, start=start, end=end)
    return SimpleNamespace(
        text=text, words=[word], start=start, end=end, avg_logprob=avg_logprob, compression_ratio=compression_ratio
    )


class FakeModel:
    """Answers each piece with the next of its answers, and notes how it was asked."""

    supported_languages = ("zh", "en", "ja")

    def __init__(self, *answers, language=("zh", 0.9)):
        self.answers, self.language = list(answers), language
        self.options = []

    def transcribe(self, audio, **options):
        self.options.append(options)
        return iter(self.answers.pop(0)), None

    def detect_language(self, audio, **options):
        return (*self.language, [])


@pytest.fixture(autouse=True)
def speech_everywhere(monkeypatch):
    monkeypatch.setattr("faster_whisper.vad.get_speech_timestamps", lambda audio: [{"start": 0, "end": len(audio)}])


def test_pieces_end_in_quiet_places_and_lose_nothing():
    pieces = list(read_pieces(wav(130, silent_at=(55, 112)), 60))

    assert [round(len(piece) / SAMPLE_RATE_HZ) for piece in pieces] == [55, 57, 18]
    assert sum(map(len, pieces)) == 130 * SAMPLE_RATE_HZ


def test_times_count_from_the_start_of_the_recording():
    model = FakeModel([segment("你好。", 1, 2)], [segment("再见。", 3, 4)])

    recognition = engine.recognize(model, wav(70, silent_at=(55,)), language="zh")

    assert [(each.text, round(each.start_ms, -3)) for each in recognition.sentences] == [
        ("你好。", 1000),
        ("再见。", 58000),
    ]
    assert recognition.duration_ms == 70_000


@pytest.mark.parametrize(
    "invented",
    [
        pytest.param(segment("好好好好", compression_ratio=3.1), id="loop"),
        pytest.param(segment("谢谢观看。", avg_logprob=-1.4), id="doubtful"),
        pytest.param(segment(PROMPT), id="prompt"),
    ],
)
def test_invented_text_is_dropped(invented):
    recognition = engine.recognize(FakeModel([segment("你好。"), invented]), wav(3), language="zh")

    assert [sentence.text for sentence in recognition.sentences] == ["你好。"]


@pytest.mark.parametrize(
    ("given", "detected", "language"),
    [(None, ("en", 0.9), "en"), (None, ("ja", 0.3), "zh"), ("yue", ("zh", 0.8), "zh")],
    ids=["certain", "uncertain-is-mandarin", "unknown-to-the-model"],
)
def test_language_is_detected_once_if_not_given(given, detected, language):
    model = FakeModel([segment("a")], [segment("b")], language=detected)

    recognition = engine.recognize(model, wav(70), language=given)

    assert recognition.language == language
    assert [options["language"] for options in model.options] == [language, language]


def test_prompt_is_for_mandarin_only_and_hints_for_all():
    model = FakeModel([], [], [])
    for language, hints in (("zh", "云原生"), ("en", "asrcore"), ("en", "")):
        engine.recognize(model, wav(1), language=language, hints=hints)

    assert [options["hotwords"] for options in model.options] == [f"{PROMPT}云原生", "asrcore", None]


def test_silence_is_not_given_to_the_model(monkeypatch):
    monkeypatch.setattr("faster_whisper.vad.get_speech_timestamps", lambda audio: [])
    model = FakeModel()

    recognition = engine.recognize(model, wav(2))

    assert (recognition.language, recognition.sentences, recognition.duration_ms) == (None, (), 2000)
    assert model.options == []


def test_words_stay_in_order_and_within_the_recording():
    model = FakeModel([segment("一", 0.5, 0.9), segment("二。", 0.7, 9.0)])

    (sentence,) = engine.recognize(model, wav(2), language="zh").sentences

    assert [(word.start_ms, word.end_ms) for word in sentence.words] == [(500, 900), (700, 2000)]


def test_each_piece_holds_the_lock_and_reports_progress():
    held, reported = threading.Lock(), []

    @contextmanager
    def model_lock():
        with held:
            yield

    engine.recognize(
        FakeModel([segment("a")], []), wav(70), language="zh", model_lock=model_lock, progress=reported.append
    )

    assert reported == sorted(reported)
    assert reported[0] == 1000
    assert reported[-1] == 70_000
    assert not held.locked()


@pytest.mark.parametrize(
    "content", [b"", b"not audio at all", b"RIFF\x00\x00\x00\x00WAVE"], ids=["empty", "text", "cut"]
)
def test_file_that_is_no_recording_is_refused(content):
    with pytest.raises(UnreadableError):
        engine.recognize(FakeModel(), io.BytesIO(content), language="zh")
