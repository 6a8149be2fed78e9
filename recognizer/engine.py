"""Recognize speech with a Whisper model, in pieces, so that the memory does not grow with the recording."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any, Protocol

from recognizer.audio import SAMPLE_RATE_HZ, Samples, read_pieces
from recognizer.recognition import Recognition, Sentence, Word
from recognizer.text import PROMPT, cut_loops, repeats_prompt, split_sentences, write

PIECE_S = 60  # four windows of Whisper with pauses; other recordings are recognized between two pieces
CERTAIN = 0.5  # below this probability the language is assumed to be Mandarin, the most common here
DEFAULT_LANGUAGE = "zh"
# Whisper's own measures against invented text. A window that fails the second or third is decoded again, less greedily.
NO_SPEECH = 0.6  # probability above which an uncertain window is silence
LEAST_LOG_PROBABILITY = -1.0  # mean of a window's tokens
MOST_COMPRESSION = 2.4  # text that zips better than this repeats itself
TEMPERATURES = (0.0, 0.2, 0.4, 0.6)  # a step of 0.4 lost half a minute of a lively recording
SEED = 1  # what is decoded less greedily is drawn; the same in each process
SILENCE_S = 2.0  # longer silence around a doubtful word means that it was invented
THREADS = min(4, os.cpu_count() or 1)  # more make Whisper base no faster

Progress = Callable[[int], None]  # called with the milliseconds recognized so far


class Model(Protocol):
    """The interface of faster_whisper.WhisperModel that is used here."""

    supported_languages: Sequence[str]

    def transcribe(self, audio: Samples, **options: Any) -> tuple[Any, Any]:
        """Return segments, decoded as they are read, and facts about the audio."""

    def detect_language(self, audio: Samples, **options: Any) -> tuple[str, float, list[tuple[str, float]]]:
        """Return the most probable language, its probability, and all."""


def load(model: str) -> Model:
    """Load a model by folder or hub name; a folder is never searched on a hub."""
    if os.path.isdir(model):  # noqa: PTH112 - a name is no path
        os.environ["HF_HUB_OFFLINE"] = "1"
    from ctranslate2 import set_random_seed  # noqa: PLC0415 - takes a second, and the variable above must be set
    from faster_whisper import WhisperModel  # noqa: PLC0415

    set_random_seed(SEED)
    loaded: Model = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=THREADS)
    return loaded


def _ignore(_done_ms: int) -> None:
    """Ignore the progress."""


def recognize(
    model: Model,
    file: IO[bytes],
    *,
    language: str | None = None,
    hints: str = "",
    model_lock: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Progress = _ignore,
) -> Recognition:
    """Recognize a recording. language: ISO 639-1; detected if None or unknown to the model. hints: words to expect.
    model_lock: held for each piece.

    Raises recognizer.audio.UnreadableError.
    """
    language = language if language in model.supported_languages else None
    sentences: list[Sentence] = []
    done = 0
    for piece in read_pieces(file, PIECE_S):
        with model_lock():
            language = language or _detect(model, piece)
            if language:
                words = _words(model, piece, done * 1000 // SAMPLE_RATE_HZ, language, hints, progress=progress)
                sentences += split_sentences(write(words, language))
        done += len(piece)
        progress(done * 1000 // SAMPLE_RATE_HZ)
    return Recognition(language, done * 1000 // SAMPLE_RATE_HZ, tuple(cut_loops(sentences)))


def _detect(model: Model, piece: Samples) -> str | None:
    """Return the language of a piece; None if it has no speech."""
    from faster_whisper.vad import get_speech_timestamps  # noqa: PLC0415

    if not get_speech_timestamps(piece):
        return None
    language, probability, _ = model.detect_language(piece, vad_filter=True)
    return language if probability >= CERTAIN else DEFAULT_LANGUAGE


def _words(
    model: Model, piece: Samples, start_ms: int, language: str, hints: str, *, progress: Progress
) -> Iterator[Word]:
    """Yield the words of a piece that starts at `start_ms`, without those that Whisper invented."""
    prompt = (PROMPT if language == "zh" else "") + hints
    segments, _ = model.transcribe(
        piece,
        language=language,
        beam_size=1,
        best_of=1,  # five candidates for a window decoded again took 100 MiB more, and no more words were right
        temperature=TEMPERATURES,
        compression_ratio_threshold=MOST_COMPRESSION,
        log_prob_threshold=LEAST_LOG_PROBABILITY,
        no_speech_threshold=NO_SPEECH,
        condition_on_previous_text=False,  # an error is not repeated in later windows
        hotwords=prompt or None,  # applied to each window, unlike `initial_prompt`
        vad_filter=True,
        word_timestamps=True,
        hallucination_silence_threshold=SILENCE_S,
    )
    latest_ms, end_ms = start_ms, start_ms + len(piece) * 1000 // SAMPLE_RATE_HZ
    for segment in segments:
        progress(min(end_ms, start_ms + round(segment.end * 1000)))
        is_loop = segment.compression_ratio > MOST_COMPRESSION
        if is_loop or segment.avg_logprob < LEAST_LOG_PROBABILITY or repeats_prompt(segment.text, prompt):
            continue
        for word in segment.words:
            latest_ms = min(end_ms, max(latest_ms, start_ms + round(word.start * 1000)))
            until_ms = min(end_ms, max(latest_ms, start_ms + round(word.end * 1000)))
            yield Word(word.word, latest_ms, until_ms)
