"""The length of a stream that is only frames (MP3, ADTS, AMR): counted when it is small, sampled when it is large."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asrcore.core.audio.source import Source

COUNTED_BYTES = 512 * 1024
SAMPLE_BYTES = 8 * 1024
FEW_SAMPLES = 4
MANY_SAMPLES = 60


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
        """Whether this frame can belong to the same stream as `other` (joint stereo may come and go: not channels)."""
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
        """Offset in start..stop of the first frame that others follow; at_end: the data ends where the file ends."""
        offset = start
        while (offset := data.find(self.sync, offset) if self.sync else offset) != -1 and offset < stop:
            if self._chained(data, offset, at_end=at_end):
                return offset
            offset += 1
        return None

    def walk(self, data: bytes, start: int = 0, *, at_end: bool) -> Iterator[tuple[int, Frame]]:
        """Every whole frame of the data with its offset; after damage the search for the next one begins again."""
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


def measure_s(source: Source, framing: Framing, start: int) -> float:
    """Seconds of sound from byte `start` to the end.

    Up to 512 KiB every frame is counted. Beyond, four places are looked at; if the bit rate differs among their
    frames, sixty more are, spread evenly, and the mean of seconds per byte is taken.
    """
    length = source.size_bytes - start
    if length <= COUNTED_BYTES:
        data = source.window(start, length)
        return sum(frame.samples / frame.sample_rate_hz for _, frame in framing.walk(data, at_end=True))
    seconds_per_byte = 0.0
    for places in (FEW_SAMPLES, MANY_SAMPLES):
        seconds_per_byte, constant = _sample(source, framing, start, places)
        if constant:
            break
    return seconds_per_byte * length


def _sample(source: Source, framing: Framing, start: int, places: int) -> tuple[float, bool]:
    """Mean seconds per byte at evenly spread places, and whether every frame there had one and the same bit rate."""
    seconds, span_bytes = 0.0, 0
    bitrates: set[int | None] = set()
    stride = (source.size_bytes - start) / places
    for place in range(places):
        data = source.window(start + int(stride * place + (stride - SAMPLE_BYTES) / 2), SAMPLE_BYTES)
        frames = list(framing.walk(data, at_end=False))
        if frames:
            span_bytes += frames[-1][0] + frames[-1][1].size_bytes - frames[0][0]
        else:
            span_bytes += len(data)
        seconds += sum(frame.samples / frame.sample_rate_hz for _, frame in frames)
        bitrates.update(frame.bitrate for _, frame in frames)
    return seconds / max(span_bytes, 1), len(bitrates) == 1 and None not in bitrates
