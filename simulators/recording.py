"""Measure a recording with PyAV: container, codec, rate, channels, length and stretches of speech."""

import hashlib
import io
import itertools
import re
import tempfile
import wave
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import urlsplit

import av
import numpy as np
from av.container import InputContainer

from recognizer.audio import decode, open_audio
from recognizer.client import MAX_WAIT_S
from recognizer.recognition import Recognition
from simulators import silk
from simulators.outgoing import download
from simulators.script import Script, ScriptStore
from simulators.segmentation import FRAME_MS, Levels, Segment, find_segments

ANALYSIS_HZ = 8000  # enough to find speech, for any rate of the recording
CHUNK_S = 10  # decoded samples held at once
FRAME_SAMPLES = ANALYSIS_HZ * FRAME_MS // 1000
FULL_SCALE = 32768.0
CHUNK_BYTES = 1024 * 1024
SILK_TEXT = "[simulated: SILK is not decoded here]"
SILK_HZ = 16000  # the decoder's choice

# FFmpeg's demuxer names -> the names that vendors use.
CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "webm", "s16le": "raw", "u8": "raw"}

# The first bytes of audio files, including frames of MP3 and AAC.
FILE_START = re.compile(
    rb"RIFF|RF64|riff|FORM|caff|\.snd|fLaC|OggS|ID3|FLV|#!AMR|\x02?#!SILK|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|.{4}ftyp"
    rb"|\xff[\xe2\xe3\xf0-\xf3\xf8-\xfb]",
    re.DOTALL,
)


class RecordingError(Exception):
    """The bytes are no recording that a vendor can recognize."""


class EmptyRecordingError(RecordingError):
    """There are no bytes."""


class NotAudioError(RecordingError):
    """The bytes are no audio file of any known kind."""


class UndecodableError(RecordingError):
    """The file looks like audio, but its samples cannot be decoded."""


class TooLongError(RecordingError):
    """The recording is longer than the vendor accepts."""


@dataclass(frozen=True)
class RawPcm:
    """The format of bytes without a header: linear PCM, little endian."""

    sample_rate_hz: int = 16000
    channels: int = 1
    bits: int = 16


@dataclass(frozen=True)
class Recording:
    """A decoded recording. `segments` are of all channels together, `channel_segments` of each by itself.

    speech: its script or recognition, if there is one.
    """

    sha256: str
    format: str
    codec: str
    sample_rate_hz: int
    channels: int
    duration_ms: int
    segments: tuple[Segment, ...]
    channel_segments: tuple[tuple[Segment, ...], ...]
    speech: Script | Recognition | None = None

    @property
    def is_recognized(self) -> bool:
        """Return whether its speech comes from the local recognizer."""
        return isinstance(self.speech, Recognition)

    @property
    def split_segments(self) -> tuple[Segment, ...]:
        """Return the segments of each channel by itself, in order of time."""
        return tuple(sorted(itertools.chain(*self.channel_segments), key=lambda segment: segment.start_ms))


@dataclass(frozen=True)
class Source:
    """The audio of a submission: a URL, or bytes of the request; `raw` if it has no header."""

    url: str | None = None
    data: bytes | None = None
    raw: RawPcm | None = None


def has_header(data: bytes) -> bool:
    """Return whether bytes begin like an audio file or a text; other bytes may be samples without a header."""
    return FILE_START.match(data) is not None or (data.isascii() and b"\0" not in data)


def suffix_of(url: str) -> str:
    """Return the lower-case file suffix of a URL's path, without the dot; its query does not count."""
    return PurePosixPath(urlsplit(url).path).suffix.lstrip(".").lower()


def read_recording(
    source: Source,
    scripts: ScriptStore,
    *,
    max_bytes: int,
    max_ms: int,
    follow_redirects: bool = True,
    wait_s: float = MAX_WAIT_S,
) -> Recording:
    """Fetch a recording, measure it, within `max_bytes` and `max_ms` (both inclusive), and find its speech.

    wait_s: the longest wait for the recognizer. Raises outgoing.DownloadError, outgoing.OversizeError, the classes of
    RecordingError, and recognizer.client.StillWorkingError.
    """
    with tempfile.TemporaryFile(prefix="asr-simulator-") as file:
        if source.url is not None:
            download(source.url, file, max_bytes=max_bytes, follow_redirects=follow_redirects)
        else:
            file.write(source.data or b"")
        recording = measure(file, raw=source.raw, max_ms=max_ms)
        speech: Script | Recognition | None = scripts.find(recording.sha256)
        if speech is None and recording.segments:
            speech = scripts.recognize(_with_header(file, source.raw), wait_s)
        return replace(recording, speech=speech)


def measure(file: IO[bytes], *, raw: RawPcm | None = None, max_ms: int) -> Recording:
    """Decode an open file from start to end in bounded memory; raises the classes of RecordingError."""
    if file.seek(0, 2) == 0:
        raise EmptyRecordingError("the audio has no bytes")
    sha256 = _sha256(file)
    silk_ms = silk.length_ms(file)
    if silk_ms is not None:
        return _undecoded_silk(sha256, silk_ms, max_ms)
    with _open(file, raw) as container:
        if not container.streams.audio:
            raise NotAudioError(f"the file has no audio track (container {container.format.name})")
        stream = container.streams.audio[0]
        # Read before decoding: FFmpeg may forget them when the stream ends early.
        name, codec = container.format.name, stream.codec_context.name
        rate, channels = stream.rate or 0, min(stream.channels or 0, 2)
        if not rate or not channels:
            raise UndecodableError("the audio track does not tell its rate and channels")
        levels, samples = _levels(container, stream, rate, channels, max_ms)
    if samples == 0:
        raise UndecodableError("no sample of the audio could be decoded")
    duration_ms = round(samples * 1000 / rate)
    return Recording(
        sha256=sha256,
        format=CONTAINERS.get(name, name),
        codec=codec.removesuffix("float"),
        sample_rate_hz=rate,
        channels=channels,
        duration_ms=duration_ms,
        segments=find_segments(levels.max(axis=0), duration_ms),
        channel_segments=tuple(
            find_segments(levels[channel], duration_ms, channel=channel) for channel in range(channels)
        ),
    )


def _undecoded_silk(sha256: str, duration_ms: int, max_ms: int) -> Recording:
    """Return a recording whose text says that it was not decoded."""
    if duration_ms == 0:
        raise UndecodableError("the SILK file has no packet")
    if duration_ms > max_ms:
        raise TooLongError(f"the audio lasts longer than {max_ms} ms")
    segments = (Segment(0, duration_ms, text=SILK_TEXT),)
    return Recording(sha256, "silk", "silk", SILK_HZ, 1, duration_ms, segments, (segments,))


def _with_header(file: IO[bytes], raw: RawPcm | None) -> IO[bytes]:
    """Return the file; if it has samples only, as a WAV file."""
    if raw is None:
        return file
    whole = io.BytesIO()
    with wave.open(whole, "wb") as written:
        written.setparams((raw.channels, raw.bits // 8, raw.sample_rate_hz, 0, "NONE", "not compressed"))
        file.seek(0)
        written.writeframes(file.read())
    return whole


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _open(file: IO[bytes], raw: RawPcm | None) -> InputContainer:
    try:
        if raw is None:
            return open_audio(file)
        layout = "mono" if raw.channels == 1 else "stereo"
        options = {"sample_rate": str(raw.sample_rate_hz), "ch_layout": layout}
        return av.open(file, "r", format="u8" if raw.bits == 8 else "s16le", options=options)
    except (av.FFmpegError, ValueError) as error:
        raise NotAudioError(f"no audio format recognized: {type(error).__name__}") from None


def _levels(
    container: InputContainer, stream: av.AudioStream, rate: int, channels: int, max_ms: int
) -> tuple[Levels, int]:
    """Return the loudness per channel and FRAME_MS, and the number of samples at the recording's own rate."""
    resampler = av.AudioResampler(
        format="s16p",
        layout="mono" if channels == 1 else "stereo",
        rate=ANALYSIS_HZ,
        frame_size=ANALYSIS_HZ * CHUNK_S,
    )
    parts: list[Levels] = []
    samples = 0
    try:
        for frame in decode(container, stream):
            samples += frame.samples
            if samples * 1000 > max_ms * rate:
                raise TooLongError(f"the audio lasts longer than {max_ms} ms")
            parts += [_rms(chunk) for chunk in resampler.resample(frame)]
        if samples:
            parts += [_rms(chunk) for chunk in resampler.resample(None)]
    except (av.FFmpegError, ValueError) as error:
        raise UndecodableError(f"the audio cannot be decoded: {type(error).__name__}") from None
    return np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), dtype=np.float32), samples


def _rms(chunk: av.AudioFrame) -> Levels:
    samples = chunk.to_ndarray()
    channels, count = samples.shape
    padded = np.zeros((channels, -(-count // FRAME_SAMPLES) * FRAME_SAMPLES), dtype=np.float32)
    padded[:, :count] = samples
    frames = padded.reshape(channels, -1, FRAME_SAMPLES) / FULL_SCALE
    levels: Levels = np.sqrt(np.mean(np.square(frames), axis=2))
    return levels
