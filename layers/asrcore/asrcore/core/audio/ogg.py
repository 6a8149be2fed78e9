"""Ogg (Opus, Vorbis, Speex, FLAC inside) and native FLAC.

Sources: RFC 3533 (Ogg pages), RFC 7845 (Opus), Vorbis I specification, Speex manual (Ogg file format), RFC 9639 (FLAC).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from asrcore.core.audio.model import Audio, NotAudio, to_ms
from asrcore.core.audio.source import BLOCK_BYTES, Source

MOST_STREAMS = 8
OPUS_CLOCK_HZ = 48000
NO_GRANULE = (-1) & 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Stream:
    """One logical stream: its codec, and how its granule positions become time."""

    serial: int
    codec: str
    rate_hz: int
    channels: int
    skipped: int = 0
    bits: int | None = None


def parse_ogg(source: Source) -> Audio:
    """The first sound stream of an Ogg file; the length comes from the last page's granule position."""
    for serial, packet in _first_packets(source):
        stream = _identify(serial, packet)
        if stream is not None:
            granule = _last_granule(source, stream.serial)
            return Audio(
                format="ogg",
                codec=stream.codec,
                sample_rate_hz=stream.rate_hz,
                channels=stream.channels,
                duration_ms=None if granule is None else to_ms(max(granule - stream.skipped, 0), stream.rate_hz),
                bits_per_sample=stream.bits,
            )
    raise NotAudio("it is an Ogg file without sound (only video or data): upload its sound track")


def _first_packets(source: Source) -> Iterator[tuple[int, bytes]]:
    """The head of each logical stream: all of them come before any other page."""
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
        return Stream(serial, "vorbis", int.from_bytes(packet[12:16], "little"), packet[11])
    if packet.startswith(b"Speex   ") and len(packet) >= 52:
        rate_hz, _, _, channels = struct.unpack("<IIII", packet[36:52])
        return Stream(serial, "speex", rate_hz, channels)
    if packet.startswith(b"\x7fFLAC") and packet[9:13] == b"fLaC" and len(packet) >= 35:
        rate_hz, channels, bits, _ = _stream_info(packet[17:])
        return Stream(serial, "flac", rate_hz, channels, bits=bits)
    return None


def _last_granule(source: Source, serial: int) -> int | None:
    """The granule position of a stream's last page; a page has at most 65307 bytes, so the tail always holds one."""
    tail_start = max(0, source.size_bytes - BLOCK_BYTES)
    tail = source.peek(tail_start, BLOCK_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"OggS", 0, at)) != -1:
        if at + 18 <= len(tail):
            granule, found_serial = struct.unpack("<QI", tail[at + 6 : at + 18])
            if found_serial == serial and granule != NO_GRANULE:
                return int(granule)
    return None


def parse_flac(source: Source, start: int) -> Audio:
    """Native FLAC at `start` (ID3 tags may come before): everything is in the stream information block.

    Only a streamed file lacks the length there: then its last frame tells.
    """
    info = source.exactly(start + 8, 34)
    rate_hz, channels, bits, samples = _stream_info(info)
    samples = samples or _streamed_samples(source, block_samples=int.from_bytes(info[2:4]))
    return Audio(
        format="flac",
        codec="flac",
        sample_rate_hz=rate_hz,
        channels=channels,
        duration_ms=to_ms(samples, rate_hz) if samples else None,
        bits_per_sample=bits,
    )


def _stream_info(block: bytes) -> tuple[int, int, int, int]:
    """Rate, channels, bits and samples (0: unknown, it was streamed) of a FLAC stream information block."""
    packed = int.from_bytes(block[10:18])
    return packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, packed & 0xFFFFFFFFF


def _streamed_samples(source: Source, block_samples: int) -> int:
    """Where the last frame of a FLAC stream ends, in samples; 0 if none is found in the last 64 KiB.

    A frame begins with 14 one-bits and a zero and protects its header with a CRC-8, which tells it from chance.
    """
    tail = source.peek(max(0, source.size_bytes - BLOCK_BYTES), BLOCK_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) != -1:
        end_sample = _frame_end(tail[at : at + 16], block_samples)
        if end_sample:
            return end_sample
    return 0


def _frame_end(head: bytes, block_samples: int) -> int:
    """First sample after the FLAC frame that begins here; 0 if none does. RFC 9639, section 9.1."""
    if len(head) < 16 or head[1] & 0xFE != 0xF8 or head[2] & 15 == 15 or head[3] & 1:
        return 0
    number_bytes = max(1, 8 - (head[4] ^ 0xFF).bit_length())
    size_code, rate_code = head[2] >> 4, head[2] & 15
    size_at = 4 + number_bytes
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    crc_at = size_at + size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if number_bytes > 7 or crc_at >= len(head) or _crc8(head[:crc_at]) != head[crc_at]:
        return 0
    number = head[4] & (0xFF >> (number_bytes + 1)) if number_bytes > 1 else head[4]
    for byte in head[5:size_at]:
        number = number << 6 | byte & 0x3F
    if size_bytes:
        samples = int.from_bytes(head[size_at : size_at + size_bytes]) + 1
    elif size_code >= 8:
        samples = 256 << (size_code - 8)
    else:
        samples = 576 << (size_code - 2) if size_code >= 2 else 192
    counts_samples = head[1] & 1  # else it counts frames, all of one size but the last
    return number + samples if counts_samples else number * block_samples + samples


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
