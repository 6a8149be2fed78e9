"""Decode recordings into the samples that Whisper expects, in pieces and bounded memory."""

import hashlib
from collections.abc import Iterator
from typing import IO

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer

# Only audio containers: FFmpeg also opens playlists, which may name any file of this machine, and pictures of text.
DEMUXERS = "wav,w64,mp3,flac,ogg,mov,mp4,m4a,asf,aac,amr,matroska,webm,flv,aiff,caf,au,s16le,u8"
SAMPLE_RATE_HZ = 16_000  # Whisper's
FULL_SCALE = 32768.0
QUIET_SAMPLES = SAMPLE_RATE_HZ // 10  # pieces end in the quietest tenth of a second …
SEARCH_S = 10  # … of their last ten seconds
AMR_CODECS, AMR_FRAME_MS = {"amrnb", "amrwb"}, 20
COPY_BYTES = 1024 * 1024

Samples = npt.NDArray[np.float32]


class UnreadableError(Exception):
    """The bytes are no recording that can be decoded."""


def sha256_of(file: IO[bytes]) -> tuple[str, int]:
    """Return the SHA-256 and the size in bytes of an open file, and leave it at its start."""
    digest, size_bytes = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(COPY_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
    file.seek(0)
    return digest.hexdigest(), size_bytes


def open_audio(file: IO[bytes]) -> InputContainer:
    """Open an audio file by its content. Raises av.FFmpegError or ValueError."""
    return av.open(file, "r", container_options={"format_whitelist": DEMUXERS})


def decode(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Yield every frame that can be decoded; damaged packets are skipped."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except (av.InvalidDataError, av.error.PatchWelcomeError):
            # Other decoders skip them too. In AMR it is usually a pause: encoders send comfort noise or nothing, and
            # FFmpeg decodes neither.
            if stream.codec_context.name in AMR_CODECS:
                yield _pause(stream)


def _pause(stream: av.AudioStream) -> av.AudioFrame:
    """Return one frame of AMR without a sound."""
    context = stream.codec_context
    samples = np.zeros((1, context.rate * AMR_FRAME_MS // 1000), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format=context.format.name, layout="mono")
    frame.rate = context.rate
    return frame


def read_pieces(file: IO[bytes], longest_s: float) -> Iterator[Samples]:
    """Yield the recording's samples, channels mixed, in pieces of at most `longest_s` that end where it is quiet.

    Raises UnreadableError, also after some pieces.
    """
    longest = int(longest_s * SAMPLE_RATE_HZ)
    held: Samples = np.zeros(0, dtype=np.float32)
    for samples in _read(file):
        held = np.concatenate((held, samples))
        while len(held) > longest:
            end = _quietest(held, longest)
            yield held[:end]
            held = held[end:]
    if len(held):
        yield held


def _read(file: IO[bytes]) -> Iterator[Samples]:
    """Yield the samples, a second at a time."""
    file.seek(0)
    try:
        with open_audio(file) as container:
            if not container.streams.audio:
                raise UnreadableError("the file has no audio track")
            resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ, frame_size=SAMPLE_RATE_HZ)
            frames = 0
            for frame in decode(container, container.streams.audio[0]):
                frames += 1
                yield from map(_floats, resampler.resample(frame))
            if not frames:
                raise UnreadableError("no sample of the audio could be decoded")
            yield from map(_floats, resampler.resample(None))
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableError(f"no audio that can be decoded ({type(error).__name__})") from None


def _floats(frame: av.AudioFrame) -> Samples:
    samples: Samples = frame.to_ndarray()[0].astype(np.float32) / FULL_SCALE
    return samples


def _quietest(samples: Samples, longest: int) -> int:
    """Return the middle of the quietest tenth of a second in the last SEARCH_S of the first `longest` samples."""
    start = max(0, longest - SEARCH_S * SAMPLE_RATE_HZ)
    places = (longest - start) // QUIET_SAMPLES
    window = samples[start : start + places * QUIET_SAMPLES].reshape(places, QUIET_SAMPLES)
    return start + int(np.argmin(np.square(window).mean(axis=1))) * QUIET_SAMPLES + QUIET_SAMPLES // 2
