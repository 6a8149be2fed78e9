"""Ogg: Opus, Vorbis, Speex and FLAC inside; also several recordings one after the other (chained).

Sources: RFC 3533 (Ogg pages), RFC 7845 and RFC 6716 (Opus), Vorbis I specification, Speex manual (Ogg file format).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from asrcore.core.audio.flac import read_stream_info
from asrcore.core.audio.model import SAMPLED, Audio, NotAudio, bounded, plausible_rate_hz, samples_ms, to_ms
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.messages import Message

MOST_STREAMS = 8
COUNTED_BYTES = 512 * 1024
MOST_SAMPLES, SAMPLE_BYTES = 10, 32 * 1024
UNEVEN = 1.5  # with so many more bytes per second than at its start, a file may be chained
OPUS_CLOCK_HZ = 48000
MOST_OPUS_SAMPLES = 5760  # in a packet, 120 ms
MOST_SHORTER_BLOCKS = 8.0  # Vorbis may change to blocks that are so much shorter than its long ones
NO_GRANULE = (-1) & 0xFFFFFFFFFFFFFFFF
FIRST_PAGE = 2


@dataclass(frozen=True)
class OggPage:
    """One page. end: of its bytes; granule: the position of the sound at its end.

    starts: of the packets that end in it, in the body; one that began in an earlier page starts at 0.
    """

    offset: int
    end: int
    serial: int
    granule: int
    is_first: bool
    starts: tuple[int, ...]
    body: bytes


@dataclass(frozen=True)
class Stream:
    """One logical stream: its codec, and how its granule positions become time."""

    serial: int
    codec: str
    rate_hz: int
    channels: int
    skipped: int = 0
    bits: int | None = None
    packet_samples: int = 0  # in one packet; 0 where an Opus packet says, or where it is not known

    def begins_at(self, page: OggPage) -> int:
        """Return the position before the first page with sound: not 0 where a recording was cut out of a longer one."""
        samples = self.samples_in(page)
        return max(0, page.granule - samples) if samples else 0

    def samples_in(self, page: OggPage) -> int:
        """Return the samples of the packets that end in a page, whatever its granule position; 0 if not known."""
        if self.codec == "opus":
            return sum(opus_samples(page.body[start : start + 2]) for start in page.starts)
        return len(page.starts) * self.packet_samples


def parse_ogg(source: ByteSource) -> Audio:
    """Describe the first sound stream; the last page's granule position, less the first one, is the length."""
    stream = next(filter(None, (_identify(serial, packet) for serial, packet in _first_packets(source))), None)
    if stream is None:
        raise NotAudio(Message("probe.no-sound", {"kind": "Ogg"}))
    audio = Audio(
        format="ogg",
        codec=stream.codec,
        sample_rate_hz=stream.rate_hz,
        channels=stream.channels,
        duration_ms=None,
        bits_per_sample=stream.bits,
    )
    uneven = MOST_SHORTER_BLOCKS if stream.codec == "vorbis" else 1.0
    if source.size_bytes <= COUNTED_BYTES:
        pages = [page for page in _pages(source.window(0, source.size_bytes), 0) if page.end <= source.size_bytes]
        told_s, counted_s = _count_s(pages)
        told = audio.model_copy(update={"duration_ms": None if told_s is None else to_ms(told_s, 1)})
        return bounded(told, to_ms(counted_s, 1), least=uneven, most=SAMPLED)
    samples = _estimate_samples(source, stream)
    told = audio.model_copy(update={"duration_ms": None if samples is None else samples_ms(samples, stream.rate_hz)})
    usual_ms = samples_ms(_usual_samples(source, stream), stream.rate_hz)
    return bounded(told, usual_ms, least=SAMPLED * uneven, most=SAMPLED)


def _usual_samples(source: ByteSource, stream: Stream) -> float:
    """Return the samples of the whole file at the rate of its first packets; 0 where there are none."""
    pages = [page for page in _pages(source.peek(0, BLOCK_BYTES), 0) if page.serial == stream.serial and page.granule]
    if not pages:
        return 0.0
    density = sum(map(stream.samples_in, pages)) / (pages[-1].end - pages[0].offset)
    return density * (source.size_bytes - pages[0].offset)


def _count_s(pages: list[OggPage]) -> tuple[float | None, float]:
    """Return the seconds of the sound in all chained recordings, by granule positions and by packets.

    The positions give None where no page says where the sound ends.
    """
    seconds: float | None = None
    counted_s = 0.0
    stream: Stream | None = None
    sounding: list[OggPage] = []
    for page, following in zip(pages, [*pages[1:], None], strict=True):
        if page.is_first and (sounding or stream is None):
            stream, sounding = _identify(page.serial, page.body), []
        if stream and page.serial == stream.serial and page.granule and not page.is_first:
            sounding.append(page)
        if sounding and stream and (following is None or following.is_first):
            samples = sounding[-1].granule - stream.begins_at(sounding[0]) - stream.skipped
            rate_hz = plausible_rate_hz(stream.rate_hz)
            seconds = (seconds or 0) + max(samples, 0) / rate_hz
            counted_s += max(sum(map(stream.samples_in, sounding)) - stream.skipped, 0) / rate_hz
    return seconds, counted_s


def _estimate_samples(source: ByteSource, stream: Stream) -> int | None:
    """Return the samples of a long file by its first and last page, and by places between if it may be chained."""
    head = [page for page in _pages(source.peek(0, BLOCK_BYTES), 0) if page.serial == stream.serial and page.granule]
    tail_start = source.size_bytes - BLOCK_BYTES  # a page has at most 65307 bytes
    tail = [page for page in _pages(source.peek(tail_start, BLOCK_BYTES), tail_start) if page.end <= source.size_bytes]
    own = [page for page in tail if page.serial == stream.serial and page.granule]
    if own and not any(page.is_first for page in tail) and not _may_be_chained(head, own[-1]):
        begin = stream.begins_at(head[0]) if head else 0
        return max(own[-1].granule - begin - stream.skipped, 0)
    places = min(MOST_SAMPLES, source.reads_left(SAMPLE_BYTES))
    starts = [int(tail_start * (place + 0.5) / places) for place in range(places)]
    seen = [page for start in starts for page in _pages(source.window(start, SAMPLE_BYTES), start)]
    return _extrapolate([page for page in (*head, *seen, *tail) if page.granule], source.size_bytes)


def _extrapolate(pages: list[OggPage], size_bytes: int) -> int | None:
    """Return the samples of a chained file by those between neighbours of the same stream; None without such."""
    spans = [
        (other.granule - one.granule, other.offset - one.offset)
        for one, other in pairwise(sorted(pages, key=lambda page: page.offset))
        if one.serial == other.serial and one.granule < other.granule and one.offset < other.offset
    ]
    if not spans:
        return None
    # A span with many more bytes per sample reaches over the seam of two recordings.
    usual = UNEVEN * sorted(length / samples for samples, length in spans)[len(spans) // 2]
    inside = [(samples, length) for samples, length in spans if length / samples <= usual]
    return size_bytes * sum(samples for samples, _ in inside) // sum(length for _, length in inside)


def _may_be_chained(head: list[OggPage], last: OggPage) -> bool:
    """Return whether a second has many more bytes over the whole than at the start, as in joined recordings."""
    if len(head) < 2 or head[-1].granule <= head[0].granule:
        return False
    at_start = (head[-1].offset - head[0].offset) / (head[-1].granule - head[0].granule)
    return last.offset - head[0].offset > UNEVEN * at_start * max(last.granule - head[0].granule, 0)


def _pages(data: bytes, start: int) -> Iterator[OggPage]:
    """Yield the pages whose heads are in the data, which begins at byte `start` of the file."""
    at = data.find(b"OggS")
    while at != -1 and at + 27 <= len(data):
        flags, granule, serial, segments = struct.unpack("<5xBQI8xB", data[at : at + 27])
        lacing = data[at + 27 : at + 27 + segments]
        body = at + 27 + segments
        if granule == NO_GRANULE:
            granule = 0
        ends = [end for end, size in zip(accumulate(lacing), lacing, strict=True) if size < 255]
        following = body + sum(lacing)
        is_first = bool(flags & FIRST_PAGE)
        starts = (0, *ends[:-1]) if ends else ()
        yield OggPage(start + at, start + following, serial, granule, is_first, starts, data[body:following])
        at = following if data[following : following + 4] == b"OggS" else data.find(b"OggS", at + 4)


def opus_samples(packet: bytes) -> int:
    """Return the samples of an Opus packet at 48 kHz, by its first byte: RFC 6716, section 3.1."""
    if not packet:
        return 0
    config, count = packet[0] >> 3, (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 1)[packet[0] & 3]
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    return min(frame * count, MOST_OPUS_SAMPLES)


def _first_packets(source: ByteSource) -> Iterator[tuple[int, bytes]]:
    """Return the head of each logical stream: all of them come before any other page."""
    offset = 0
    for _ in range(MOST_STREAMS):
        if offset >= source.size_bytes:
            return
        name, _, flags, _, serial, _, _, segments = source.unpack("<4sBBQIIIB", offset)
        is_first_page = flags & 2
        if name != b"OggS" or not is_first_page:
            return
        size = sum(source.exactly(offset + 27, segments))
        yield serial, source.exactly(offset + 27 + segments, size)
        offset += 27 + segments + size


def _identify(serial: int, packet: bytes) -> Stream | None:
    if packet.startswith(b"OpusHead") and len(packet) >= 19:
        return Stream(serial, "opus", OPUS_CLOCK_HZ, packet[9], skipped=int.from_bytes(packet[10:12], "little"))
    if packet.startswith(b"\x01vorbis") and len(packet) >= 16:
        long_block = 1 << (packet[28] >> 4) if len(packet) > 28 else 0
        return Stream(
            serial, "vorbis", int.from_bytes(packet[12:16], "little"), packet[11], packet_samples=long_block // 2
        )
    if packet.startswith(b"Speex   ") and len(packet) >= 68:
        rate_hz, _, _, channels, _, frame_samples, _, frames = struct.unpack("<IIIIIIII", packet[36:68])
        return Stream(serial, "speex", rate_hz, channels, packet_samples=frame_samples * max(frames, 1))
    if packet.startswith(b"\x7fFLAC") and packet[9:13] == b"fLaC" and len(packet) >= 35:
        sound, _ = read_stream_info(packet[17:])
        block_samples = int.from_bytes(packet[19:21])
        return Stream(serial, "flac", sound.rate_hz or 0, sound.channels, bits=sound.bits, packet_samples=block_samples)
    return None
