"""Read and recognize audio as both generations of Volcengine AUC do: declared format, no redirects.

Source: "Volcengine recording-file recognition, v1 standard edition" and "v3 bigmodel": `audio`, limits.
"""

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass

from simulators.body import JsonBody
from simulators.recording import NotAudioError, RawPcm, Recording, Source
from simulators.script import Utterance, make_utterances

MAX_BYTES = 512 * 1024 * 1024 - 1
MAX_DURATION_MS = 5 * 3600 * 1000 - 1
CONTAINERS = {
    "wav": {"wav", "w64"},
    "ogg": {"ogg"},
    "mp3": {"mp3"},
    "mp4": {"mp4"},
    "raw": {"raw"},
    "pcm": {"raw"},
    "m4a": {"mp4"},
    "aac": {"aac"},
    "amr": {"amr"},
    "spx": {"ogg"},
}
HEADERLESS = {"raw", "pcm"}
CODECS = {"raw", "opus"}


@dataclass(frozen=True)
class AudioSubmission:
    """The part of a submission that both generations share: declared container, and whether channels are split."""

    format: str
    split_channels: bool


def declared_format(audio: JsonBody, formats: Collection[str]) -> str:
    """Return the `format` of the audio, one of the accepted ones, in lower case."""
    declared = audio.fields.get("format")
    if not isinstance(declared, str) or declared.lower() not in formats:
        raise audio.refusal("format", f"is one of {', '.join(formats)}")
    return declared.lower()


def declared_source(audio: JsonBody, container: str, shape: RawPcm, *, inline_data: bool) -> Source:
    """Return the audio's source; `shape` is the format of audio without a header, and always checked."""
    codec = audio.fields.get("codec", "raw")
    if not isinstance(codec, str) or codec.lower() not in CODECS:
        raise audio.refusal("codec", "is raw or opus")
    if not 0 < shape.sample_rate_hz < 2**31 or shape.bits <= 0 or shape.channels not in {1, 2}:
        raise audio.refusal("rate, bits or channel", "is out of range")
    raw = shape if container in HEADERLESS else None
    if inline_data and "url" not in audio:
        try:
            return Source(data=base64.b64decode(audio.text("data"), validate=True), raw=raw)
        except ValueError:
            raise audio.refusal("data", "is base64") from None
    return Source(url=audio.url("url"), raw=raw)


def recognize_audio(
    submission: AudioSubmission, source: Source, read_recording: Callable[..., Recording], *, han_per_word: int
) -> tuple[Recording, tuple[Utterance, ...]]:
    """Return the recording and its utterances; raises as `read_recording`, and NotAudioError for another container."""
    recording = read_recording(source, max_bytes=MAX_BYTES, max_ms=MAX_DURATION_MS, follow_redirects=False)
    if recording.format not in CONTAINERS.get(submission.format, set()):
        raise NotAudioError(f"the audio is {recording.format}, declared as {submission.format}")
    split = submission.split_channels and recording.channels == 2
    segments = recording.split_segments if split else recording.segments
    return recording, make_utterances(segments, recording.speech, speakers=2, han_per_word=han_per_word)
