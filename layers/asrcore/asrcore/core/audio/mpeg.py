"""MPEG audio frames without a container: MP3 (and layers I and II) and AAC in ADTS, with or without ID3 tags in front.

Sources: ISO/IEC 11172-3 and 13818-3 (frame header), the Xing, LAME and VBRI headers as encoders write them into the
first frame, ISO/IEC 13818-7 (ADTS), ID3v2.4 structure.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice

from asrcore.core.audio import aac
from asrcore.core.audio.frames import Frame, Framing, first_frames_s, measure_s, middle_frames_s
from asrcore.core.audio.model import Audio, bounded, to_ms
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource

# Before the first frame: padding of a tagger, zeros of a recorder, the rest of a frame where a stream was cut.
SEARCH_BYTES = BLOCK_BYTES + 4096
CHAIN_BYTES = 8 * 1024  # four frames of usual size
MOST_FREE_FRAME_BYTES = 5760  # 640 kbit/s at 8 kHz
MOST_DISTANCES = 1000
MOST_TAGS = 4
UNTRUE = 0.05  # a header that declares so many more or fewer bytes than there are is of another file
UNEVEN = 0.25  # by so much more the sampled length may be wrong, where silence alternates with sound

# kbit/s by index, for (MPEG 1?, layer); MPEG 2 and 2.5 share their columns, and layers II and III theirs.
BITRATES_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES_HZ = (44100, 48000, 32000)
RATE_DIVIDERS = {3: 1, 2: 2, 0: 4}  # version bits: MPEG 1, 2, 2.5


def skip_id3(source: ByteSource) -> int:
    """Return the offset of the first byte after the ID3v2 tags at the start, however large their pictures are."""
    offset = 0
    for _ in range(MOST_TAGS):
        head = source.peek(offset, 10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:]) > 0x7F:
            break
        size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
        has_footer = head[5] & 0x10
        offset += 10 + size + (10 if has_footer else 0)
    return offset


def parse_frames(source: ByteSource, start: int, search_bytes: int) -> Audio | None:
    """Describe MP3 or ADTS that begins within `search_bytes` after `start`; None if there is no such stream."""
    data = source.peek(start, search_bytes + CHAIN_BYTES)
    at_end = start + len(data) == source.size_bytes
    stop = min(search_bytes, len(data))
    for framing, describe in ((MP3, _describe_mp3), (ADTS, _describe_frames)):
        found = framing.find(data, 0, stop, at_end=at_end)
        first = None if found is None else framing.parse(data, found)
        if found is not None and first is not None:
            return describe(source, framing, start + found, first)
    free = _find_free_format(data, stop, at_end=at_end)
    return free and _describe_frames(source, free[0], start + free[1], free[2])


@lru_cache(maxsize=4096)
def _mp3_header(bits: int) -> Frame | None:
    version, layer = bits >> 19 & 3, 4 - (bits >> 17 & 3)
    bitrate_index, rate_index, padding = bits >> 12 & 15, bits >> 10 & 3, bits >> 9 & 1
    if bits >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return None
    mpeg1 = version == 3
    rate_hz = RATES_HZ[rate_index] // RATE_DIVIDERS[version]
    bitrate = BITRATES_KBPS[mpeg1, layer][bitrate_index - 1] * 1000
    if layer == 1:
        samples, size_bytes = 384, (12 * bitrate // rate_hz + padding) * 4
    else:
        samples = 576 if layer == 3 and not mpeg1 else 1152
        size_bytes = samples // 8 * bitrate // rate_hz + padding
    return Frame(size_bytes, samples, f"mp{layer}", rate_hz, 1 if bits >> 6 & 3 == 3 else 2, bitrate)


def _parse_mp3(data: bytes, offset: int) -> Frame | None:
    return _mp3_header(int.from_bytes(data[offset : offset + 4])) if offset + 4 <= len(data) else None


def _find_free_format(data: bytes, stop: int, *, at_end: bool) -> tuple[Framing, int, Frame] | None:
    """Find layer III without a bit rate in its headers: the distance of two equal headers is the size of a frame."""
    for offset, size_bytes in islice(_distances(data, stop), MOST_DISTANCES):
        framing = Framing(partial(_parse_free, size_bytes), sync=b"\xff", chain=4)
        first = framing.parse(data, offset)
        if first and framing.find(data, offset, offset + 1, at_end=at_end) == offset:
            return framing, offset, first
    return None


def _distances(data: bytes, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where a header of free format may be, and the bytes from there to one that is like it, without padding."""
    offset = -1
    while (offset := data.find(b"\xff", offset + 1, stop)) != -1:
        if _parse_free(0, data, offset) is None:
            continue
        head, padding, next_at = data[offset : offset + 2], data[offset + 2] >> 1 & 1, offset + 3
        while (next_at := data.find(head, next_at + 1, offset + MOST_FREE_FRAME_BYTES)) != -1:
            yield offset, next_at - offset - padding


def _parse_free(size_bytes: int, data: bytes, offset: int) -> Frame | None:
    """Read a header of free format; size_bytes: of a frame without its padding."""
    bits = int.from_bytes(data[offset : offset + 4])
    with_a_bit_rate = _mp3_header(bits | 1 << 12) if bits >> 12 & 15 == 0 else None
    if with_a_bit_rate is None or with_a_bit_rate.codec != "mp3" or offset + 4 > len(data):
        return None
    return replace(with_a_bit_rate, size_bytes=size_bytes + (bits >> 9 & 1), bitrate=0)


def _parse_adts(data: bytes, offset: int) -> Frame | None:
    head = data[offset : offset + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate_index = head[2] >> 2 & 15
    size_bytes = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate_index >= len(aac.RATES_HZ) or size_bytes < 7:
        return None
    channels = aac.CHANNELS[(head[2] & 1) << 2 | head[3] >> 6] or 2  # defined inside the stream: mostly stereo
    return Frame(size_bytes, 1024 * ((head[6] & 3) + 1), "aac", aac.RATES_HZ[rate_index], channels)


MP3 = Framing(_parse_mp3, sync=b"\xff", chain=4)
ADTS = Framing(_parse_adts, sync=b"\xff", chain=4)


def _describe_mp3(source: ByteSource, framing: Framing, start: int, first: Frame) -> Audio:
    declared_s, declared_bytes = _declared_length(source, start, first)
    file_bytes = source.size_bytes - start
    declared = _describe(first, declared_s)
    is_whole = declared_s > 0 and abs(declared_bytes - file_bytes) <= UNTRUE * file_bytes
    if is_whole:
        usual = (rate_s(source, framing, start, file_bytes) for rate_s in (first_frames_s, middle_frames_s))
        if all(abs(declared_s - usual_s) <= UNTRUE * usual_s for usual_s in usual):
            return declared
    measured = _describe_frames(source, framing, start, first)
    if is_whole:
        return bounded(declared, measured.duration_ms, least=1 + UNEVEN, most=1 + UNEVEN)
    declared_ms = declared.duration_ms
    if declared_bytes < file_bytes or declared_ms is None or declared_ms <= (measured.duration_ms or declared_ms):
        return measured
    return measured.model_copy(update={"declared_ms": declared_ms})


def _describe_frames(source: ByteSource, framing: Framing, start: int, first: Frame) -> Audio:
    return _describe(first, measure_s(source, framing, start))


def _describe(first: Frame, seconds: float | None) -> Audio:
    return Audio(
        format="mp2" if first.codec == "mp1" else first.codec,
        codec=first.codec,
        sample_rate_hz=first.sample_rate_hz,
        channels=first.channels,
        duration_ms=None if seconds is None else to_ms(seconds, 1),
    )


def _declared_length(source: ByteSource, start: int, first: Frame) -> tuple[float, int]:
    """Return the seconds and the bytes that a Xing, Info or VBRI header in the first frame declares; zeros without one.

    Where the bytes are not the file's, it was cut or joined after encoding, and the seconds are no longer true.
    """
    data = source.peek(start, first.size_bytes)
    if data[36:40] == b"VBRI" and len(data) >= 54:
        declared_bytes, frames = struct.unpack(">II", data[46:54])
        samples = frames * first.samples
    else:
        side_info = {(1152, 2): 32, (1152, 1): 17, (576, 2): 17, (576, 1): 9}.get((first.samples, first.channels), 0)
        tag = data[4 + side_info :]
        if tag[:4] not in (b"Xing", b"Info") or len(tag) < 16 or tag[7] & 3 != 3:
            return 0, 0
        frames, declared_bytes = struct.unpack(">II", tag[8:16])
        samples = frames * first.samples - _lame_padding(tag)
    return max(samples, 0) / first.sample_rate_hz, declared_bytes


def _lame_padding(tag: bytes) -> int:
    """Return the samples that the encoder added at both ends, from the LAME part of a complete Xing tag."""
    if tag[7] & 15 != 15 or len(tag) < 144 or tag[120:124] not in (b"LAME", b"Lavc", b"Lavf"):
        return 0
    packed = int.from_bytes(tag[141:144])
    return (packed >> 12) + (packed & 0xFFF)
