"""Convert a recording's sound to another form, as a stream: neither file is held in memory.

Times stay those of the recording. Frames are placed by their timestamps: silence fills a gap and an overlap is cut, so
that start offsets, edit lists and lost packets do not shift the sound. The delay that the MP3 encoder adds is cut from
the sound before it is encoded. It is not declared in a tag, because only some decoders read the tag.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import BinaryIO

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from asrcore.core.form import Form
from asrcore.messages import Message, MessageError

# FFmpeg's demuxers for files with sound, without those for lists of other files.
DEMUXERS = (
    "mov,matroska,webm,wav,w64,aiff,caf,au,avi,mpegts,mpeg,asf,flv,ogg,mp3,aac,flac,amr,ac3,eac3,dts,ape,wv,tta,rm"
)
LAME_DELAY = 1105  # samples, of encoder and decoder together
TIMESTAMP_TOLERANCE_S = 0.04  # timestamps that differ by less are equal: containers round them
MAX_DURATION_S = 12 * 3600  # no vendor accepts longer recordings; wrong timestamps would fill the bucket with silence
MAX_GAP_S = 3600.0  # a later timestamp is an error in the file
SAMPLE_BYTES = 2
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class UndecodableError(MessageError):
    """The recording has no such track, or FFmpeg cannot decode it; the message is a clause about it."""


class Transcoder:
    """One conversion. Read `chunks` to their end; then `header` is what the file begins with."""

    def __init__(self, file: BinaryIO, form: Form, track: int) -> None:
        """Prepare a conversion; nothing is read yet.

        Args:
            file: the recording, seekable.
            form: the format to convert to.
            track: index of the audio track, from 1.
        """
        self._file = file
        self._form = form
        self._track = track
        self.data_bytes = 0
        self.samples = 0

    @property
    def duration_ms(self) -> int:
        """Return the length of the converted sound in milliseconds."""
        return round(self.samples * 1000 / self._form.sample_rate_hz)

    @property
    def header(self) -> bytes:
        """Return the bytes before the chunks; valid after the last chunk."""
        return wav_header(self._form, self.data_bytes) if self._form.format == "wav" else b""

    def chunks(self) -> Iterator[bytes]:
        """Yield the converted sound in pieces.

        Raises:
            UndecodableError: the track is missing, cannot be decoded, or is too long.
            Exception: whatever reading `file` raises.
        """
        for chunk in _encode(self._form, self._sound()):
            self.data_bytes += len(chunk)
            yield chunk

    def _sound(self) -> Iterator[list[bytes]]:
        """Yield 16-bit sound without gaps, from the start of the recording: a plane for each channel."""
        try:
            options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none"}
            with av.open(self._file, "r", options=options) as container:
                stream = self._select(container)
                timeline = Timeline(self._form, _origin(container))
                placed = (planes for frame in _frames(container, stream) for planes in timeline.place(frame))
                for planes in chain(placed, timeline.end()):
                    self.samples += len(planes[0]) // SAMPLE_BYTES
                    if self.samples > MAX_DURATION_S * self._form.sample_rate_hz:
                        raise UndecodableError(Message("convert.too-long", {"most_h": MAX_DURATION_S // 3600}))
                    yield planes
        except av.FFmpegError as error:
            raise UndecodableError(Message("convert.unreadable", {"error": str(error.strerror)})) from error
        if not self.samples:
            raise UndecodableError(Message("convert.undecodable"))

    def _select(self, container: InputContainer) -> AudioStream:
        found = container.streams.audio
        if not 1 <= self._track <= len(found):
            if not found:
                raise UndecodableError(Message("convert.no-sound"))
            raise UndecodableError(Message("convert.no-track", {"count": len(found), "track": self._track}))
        stream = found[self._track - 1]
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        if stream.codec_context is None:
            raise UndecodableError(Message("convert.unknown-codec"))
        return stream


class Timeline:
    """Places sound by its timestamps. origin_s: the timestamp at which the recording begins."""

    def __init__(self, form: Form, origin_s: float) -> None:
        self._form = form
        self._origin_s = origin_s
        self._layout = "mono" if form.channels == 1 else "stereo"
        self._resampler: AudioResampler | None = None
        self._kind: tuple[int, str, str] | None = None
        self._next_s = 0.0  # when the next frame is expected
        self._placed = 0  # samples, those that were cut included
        self._to_cut = 0

    def place(self, frame: AudioFrame) -> Iterator[list[bytes]]:
        """Yield the silence before a frame, and the part of the frame that is resampled."""
        at_s = (
            self._next_s if frame.pts is None else float(frame.pts * (frame.time_base or Fraction(0))) - self._origin_s
        )
        if abs(at_s - self._next_s) > MAX_GAP_S:
            self._origin_s += at_s - self._next_s
            at_s = self._next_s
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if self._resampler is None or self._kind != kind or abs(at_s - self._next_s) > TIMESTAMP_TOLERANCE_S:
            yield from self.end()
            self._resampler = AudioResampler(format="s16p", layout=self._layout, rate=self._form.sample_rate_hz)
            self._kind = kind
            yield from self._move_to(at_s)
            self._next_s = at_s
        self._next_s += frame.samples / frame.sample_rate
        frame.pts = None
        for each in self._resampler.resample(frame):
            yield from self._give(each)

    def end(self) -> Iterator[list[bytes]]:
        """Yield the rest that the resampler holds."""
        if self._resampler is not None:
            for each in self._resampler.resample(None):
                yield from self._give(each)

    def _move_to(self, at_s: float) -> Iterator[list[bytes]]:
        """Move to a time: yield silence up to a later time, or cut the next sound for an earlier one."""
        rate_hz = self._form.sample_rate_hz
        missing = round(at_s * rate_hz) - self._placed
        self._to_cut = max(0, -missing)
        while missing > 0:
            count = min(missing, rate_hz)
            missing -= count
            self._placed += count
            yield [bytes(SAMPLE_BYTES * count)] * self._form.channels

    def _give(self, frame: AudioFrame) -> Iterator[list[bytes]]:
        cut = min(self._to_cut, frame.samples)
        self._to_cut -= cut
        if cut == frame.samples:
            return
        self._placed += frame.samples - cut
        yield [bytes(plane)[SAMPLE_BYTES * cut : SAMPLE_BYTES * frame.samples] for plane in frame.planes]


def wav_header(form: Form, data_bytes: int) -> bytes:
    """Return the header of a WAV file with `data_bytes` of PCM."""
    block = SAMPLE_BYTES * form.channels
    return _WAV_HEADER.pack(
        b"RIFF",
        36 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        form.channels,
        form.sample_rate_hz,
        form.sample_rate_hz * block,
        block,
        8 * SAMPLE_BYTES,
        b"data",
        data_bytes,
    )


def _origin(container: InputContainer) -> float:
    """Return the timestamp at which the recording begins: 0 for containers whose clock starts at 0."""
    if "mp4" in container.format.name or container.start_time is None:
        return 0.0  # an empty edit is part of the recording
    return float(max(0.0, container.start_time / av.time_base))


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield the decoded frames; a damaged packet is skipped, and its time becomes silence."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if isinstance(frame, AudioFrame):
                yield frame


def _encode(form: Form, sound: Iterator[list[bytes]]) -> Iterator[bytes]:
    if form.format == "wav":
        yield from (_interleaved(planes) for planes in sound)
        return
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate = form.sample_rate_hz
    encoder.layout = "mono" if form.channels == 1 else "stereo"
    encoder.format = "s16p"
    encoder.bit_rate = form.bits_a_second
    encoder.open()
    for frame in _encoder_frames(form, encoder.frame_size, sound):
        yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None))


def _interleaved(planes: list[bytes]) -> bytes:
    if len(planes) == 1:
        return planes[0]
    both = bytearray(2 * len(planes[0]))
    both_samples, left, right = memoryview(both).cast("h"), *(memoryview(plane).cast("h") for plane in planes)
    both_samples[0::2], both_samples[1::2] = left, right
    return bytes(both)


def _encoder_frames(form: Form, size: int, sound: Iterator[list[bytes]]) -> Iterator[AudioFrame]:
    """Yield frames of the encoder's size, without its delay at the start; silence at the end flushes it."""
    held = [bytearray() for _ in range(form.channels)]
    to_cut, step, sent = SAMPLE_BYTES * LAME_DELAY, SAMPLE_BYTES * size, 0
    layout = "mono" if form.channels == 1 else "stereo"
    for planes in _with_tail(form, sound):
        for plane, more in zip(held, planes, strict=True):
            plane.extend(more)
        cut = min(to_cut, len(held[0]))
        to_cut -= cut
        for plane in held:
            del plane[:cut]
        while len(held[0]) >= step:
            frame = AudioFrame(format="s16p", layout=layout, samples=size, align=1)
            frame.sample_rate, frame.pts = form.sample_rate_hz, sent
            for target, plane in zip(frame.planes, held, strict=True):
                target.update(bytes(plane[:step]))
                del plane[:step]
            sent += size
            yield frame


def _with_tail(form: Form, sound: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    yield from sound
    yield [bytes(SAMPLE_BYTES * 2 * LAME_DELAY)] * form.channels
