"""The length of a stream that is only frames (MP3, ADTS, AMR): counted when it is small, sampled when it is large."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from asrcore.core.audio.source import BLOCK_BYTES, ByteSource

COUNTED_BYTES = 512 * 1024
SAMPLE_BYTES = 32 * 1024
MOST_SAMPLES = 12


@dataclass(frozen=True)
class Frame:
    """One frame's header: its size, the time it lasts, and what must stay the same from frame to frame.

    bitrate: anything that is equal for frames of equal bit rate; None where the frame does not tell.
    """

    size_bytes: int
    samples: int
    codec: str
    sample_rate_hz: int
    channels: int
    bitrate: int | None = None

    def continues(self, other: "Frame") -> bool:
        """Return whether this frame can continue the stream of `other`; joint stereo may change the channels."""
        return (self.codec, self.sample_rate_hz) == (other.codec, other.sample_rate_hz)


@dataclass(frozen=True)
class Framing:
    """How to find the frames of one codec.

    parse: the frame whose header begins at this offset of the data, or None.
    sync: the byte every frame begins with, or empty where there is none.
    chain: how many frames in a row make a chance hit impossible.
    """

    parse: Callable[[bytes, int], Frame | None]
    sync: bytes
    chain: int

    def find(self, data: bytes, start: int, stop: int, *, at_end: bool) -> int | None:
        """Return the offset in start..stop of the first frame that others follow. at_end: of the file."""
        offset = start
        while (offset := data.find(self.sync, offset) if self.sync else offset) != -1 and offset < stop:
            if self._chained(data, offset, at_end=at_end):
                return offset
            offset += 1
        return None

    def walk(self, data: bytes, start: int = 0, *, at_end: bool) -> Iterator[tuple[int, Frame]]:
        """Yield every whole frame of the data with its offset; after damage, search for the next one."""
        offset, inside = start, False
        previous: Frame | None = None
        while offset < len(data):
            frame = self.parse(data, offset) if inside else None
            if frame is None or (previous is not None and not frame.continues(previous)):
                found = self.find(data, offset, len(data), at_end=at_end)
                if found is None:
                    return
                offset, inside, previous = found, True, None
                continue
            if offset + frame.size_bytes > len(data):
                return
            yield offset, frame
            offset, previous = offset + frame.size_bytes, frame

    def _chained(self, data: bytes, offset: int, *, at_end: bool) -> bool:
        first = self.parse(data, offset)
        if first is None:
            return False
        offset += first.size_bytes
        for _ in range(self.chain - 1):
            if offset >= len(data):
                return at_end and offset == len(data)
            frame = self.parse(data, offset)
            if frame is None or not frame.continues(first):
                return False
            offset += frame.size_bytes
        return True


def measure_s(source: ByteSource, framing: Framing, start: int) -> float | None:
    """Return the seconds of sound from byte `start` to the end; None where no frame is found.

    Up to 512 KiB every frame is counted. Beyond, 4 places are looked at and, unless the bit rate is the same at all of
    them, up to 8 more, each halfway between the two that differ most.
    """
    length = source.size_bytes - start
    if length <= COUNTED_BYTES:
        data = source.window(start, length)
        return sum(frame.samples / frame.sample_rate_hz for _, frame in framing.walk(data, at_end=True)) or None
    end = source.size_bytes - SAMPLE_BYTES
    places = [start + (end - start) * third // 3 for third in range(4)][: source.reads_left(SAMPLE_BYTES)]
    samples = [_look_at(source, framing, place) for place in places]
    while len(samples) < min(MOST_SAMPLES, len(samples) + source.reads_left(SAMPLE_BYTES)):
        if len(set().union(*(sample.bitrates for sample in samples)) - {None}) == 1:
            break
        one, other = max(pairwise(samples), key=lambda pair: pair[0].doubt(pair[1]))
        samples.append(_look_at(source, framing, (one.place + other.place) // 2))
        samples.sort(key=lambda sample: sample.place)
    seconds = sum(one.seconds_to(other) for one, other in pairwise(samples))
    return seconds * length / (end - start) or None


def first_frames_s(source: ByteSource, framing: Framing, start: int, length: int) -> float:
    """Return the seconds that `length` bytes hold at the rate of the first frames; 0 where no frame is found."""
    data = source.peek(start, BLOCK_BYTES)[:length]
    return _density(list(framing.walk(data, at_end=len(data) == length)), len(data)) * length


def middle_frames_s(source: ByteSource, framing: Framing, start: int, length: int) -> float:
    """Return the seconds that `length` bytes from `start` hold at the rate of the frames in their middle."""
    return _look_at(source, framing, start + max(length - SAMPLE_BYTES, 0) // 2).seconds_per_byte * length


def _density(frames: list[tuple[int, Frame]], length: int) -> float:
    """Return the seconds per byte of frames that were found in `length` bytes."""
    span_bytes = frames[-1][0] + frames[-1][1].size_bytes - frames[0][0] if frames else length
    return sum(frame.samples / frame.sample_rate_hz for _, frame in frames) / max(span_bytes, 1)


@dataclass(frozen=True)
class _Sample:
    """What was found at one place: how many seconds a byte holds, and which bit rates the frames have."""

    place: int
    seconds_per_byte: float
    bitrates: frozenset[int | None]

    def seconds_to(self, other: "_Sample") -> float:
        """Return the seconds between two places; none where one of them has no sound (zeros after a failed upload)."""
        if not (self.seconds_per_byte and other.seconds_per_byte):
            return 0
        return (self.seconds_per_byte + other.seconds_per_byte) / 2 * (other.place - self.place)

    def doubt(self, other: "_Sample") -> float:
        """Return by how many seconds `seconds_to` can be wrong."""
        return abs(self.seconds_per_byte - other.seconds_per_byte) * (other.place - self.place)


def _look_at(source: ByteSource, framing: Framing, place: int) -> _Sample:
    data = source.window(place, SAMPLE_BYTES)
    frames = list(framing.walk(data, at_end=False))
    return _Sample(place, _density(frames, len(data)), frozenset(frame.bitrate for _, frame in frames))
