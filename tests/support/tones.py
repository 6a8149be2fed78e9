"""Generated recordings: tone bursts as speech, zeros as pauses, and the expected times of speech."""

import io
import wave
from collections.abc import Sequence
from functools import cache

import av
import numpy as np

SPEECH_HZ = 440
AMPLITUDE = 0.4

# Bursts as (start, end) in milliseconds.
TWO_SENTENCES = ((500, 1500), (2200, 3200))
LENGTH_MS = 4000


def samples(
    bursts: Sequence[tuple[int, int]], length_ms: int = LENGTH_MS, rate_hz: int = 16000
) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """Return one channel of 16-bit samples with sound during the bursts only."""
    time_s = np.arange(length_ms * rate_hz // 1000) / rate_hz
    sounding = np.zeros(time_s.shape, dtype=bool)
    for start_ms, end_ms in bursts:
        sounding |= (time_s >= start_ms / 1000) & (time_s < end_ms / 1000)
    return (np.sin(2 * np.pi * SPEECH_HZ * time_s) * sounding * AMPLITUDE * 32767).astype(np.int16)


@cache
def audio(
    *channels: tuple[tuple[int, int], ...],
    length_ms: int = LENGTH_MS,
    rate_hz: int = 16000,
    container: str = "wav",
    codec: str = "pcm_s16le",
) -> bytes:
    """Return a file with a channel per series of bursts (default: TWO_SENTENCES, mono)."""
    tracks = [samples(bursts, length_ms, rate_hz) for bursts in channels or (TWO_SENTENCES,)]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="mono" if len(tracks) == 1 else "stereo")
        frame = av.AudioFrame.from_ndarray(
            np.stack(tracks, axis=1).reshape(1, -1), format="s16", layout=stream.layout.name
        )
        frame.rate = rate_hz
        for packet in stream.encode(frame):
            output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return file.getvalue()


def long_silence(length_s: int, rate_hz: int = 8000) -> bytes:
    """Return a WAV file of any length, without an encoder."""
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(rate_hz)
        output.writeframes(bytes(2 * rate_hz * length_s))
    return file.getvalue()


def silence(length_ms: int = 2000, rate_hz: int = 16000) -> bytes:
    """Return a WAV file without speech."""
    return audio((), length_ms=length_ms, rate_hz=rate_hz)


def amr(bursts: Sequence[tuple[int, int]] = TWO_SENTENCES, length_ms: int = LENGTH_MS) -> bytes:
    """Return a narrow-band AMR file: noise in the bursts, and in the pauses comfort noise or nothing."""
    noise = np.random.default_rng(3)
    frames = []
    for number in range(length_ms // 20):
        if any(start_ms <= number * 20 < end_ms for start_ms, end_ms in bursts):
            frames.append(b"\x3c" + noise.bytes(31))
        else:
            frames.append(b"\x44" + noise.bytes(5) if number % 8 == 0 else b"\x7c")
    return b"#!AMR\n" + b"".join(frames)


def silk(length_ms: int = LENGTH_MS, first: bytes = b"\x02") -> bytes:
    """Return a SILK file of packets that are never decoded; with a byte in front, like WeChat's."""
    packet = (40).to_bytes(2, "little") + b"\x55" * 40
    return first + b"#!SILK_V3" + packet * (length_ms // 20) + b"\xff\xff"
