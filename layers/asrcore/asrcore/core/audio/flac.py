"""FLAC: a file of its own, and the stream information that every container around it keeps. Source: RFC 9639."""

import math

from asrcore.core.audio.model import Audio, NotAudio, Sound, as_cut, bounded, samples_ms
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.messages import Message

INFO_BYTES = 34
MOST_BLOCKS = 64  # of metadata
STREAM_INFO_HEAD = (INFO_BYTES).to_bytes(4)  # of a metadata block: its type 0, and its size
BITS_BY_CODE = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}


def parse_flac(source: ByteSource, start: int) -> Audio:
    """Describe FLAC at `start` (ID3 tags may come before) by its stream information.

    A streamed file lacks the length there, and a cut one has less: the last frame says where the sound ends.
    """
    is_last = 0x80
    head = source.exactly(start + 4, 4)
    if bytes([head[0] & ~is_last]) + head[1:] != STREAM_INFO_HEAD:
        raise NotAudio(Message("probe.flac-without-stream-information"))
    info = source.exactly(start + 8, INFO_BYTES)
    sound, samples = read_stream_info(info)
    there = _last_sample(source, start + 8 + INFO_BYTES, info, samples)
    audio = Audio(
        format="flac",
        codec="flac",
        sample_rate_hz=sound.rate_hz,
        channels=sound.channels,
        duration_ms=samples_ms(samples or there, sound.rate_hz or 0) if samples or there else None,
        bits_per_sample=sound.bits,
    )
    if there > samples > 0:
        return bounded(audio, samples_ms(there, sound.rate_hz or 0))
    if there:
        return as_cut(audio, there, samples)
    return bounded(audio, _least_ms(source, start + 4, sound), most=math.inf)


def _least_ms(source: ByteSource, offset: int, sound: Sound) -> int | None:
    """Return the length of the bytes behind the metadata blocks, as if they were not compressed."""
    is_last = 0
    for _ in range(MOST_BLOCKS):
        head = source.peek(offset, 4)
        if is_last or len(head) < 4:
            break
        is_last, offset = head[0] & 0x80, offset + 4 + int.from_bytes(head[1:])
    bits = sound.channels * (sound.bits or 0)
    return samples_ms(max(source.size_bytes - offset, 0) * 8 / bits, sound.rate_hz or 0)


def read_stream_info(block: bytes) -> tuple[Sound, int]:
    """Return the sound and the number of samples (0: unknown, it was streamed) of a stream information block."""
    packed = int.from_bytes(block[10:18])
    least_block, most_block = int.from_bytes(block[:2]), int.from_bytes(block[2:4])
    frame_samples = most_block if least_block == most_block else 0
    sound = Sound("flac", packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, frame_samples)
    return sound, packed & 0xFFFFFFFFF


def _last_sample(source: ByteSource, sound_start: int, info: bytes, samples: int) -> int:
    """Return where the last frame in the last 64 KiB ends, in samples; 0 if none is found.

    A frame begins with 14 one-bits and a zero and protects its header with a CRC-8. What is of another sample size is
    there by chance, and so is what ends after `samples` (0: unknown), unless the frame before ends where it begins.
    """
    block_samples, bits = int.from_bytes(info[2:4]), read_stream_info(info)[0].bits
    tail_start = max(sound_start, source.size_bytes - BLOCK_BYTES)
    tail = source.peek(tail_start, source.size_bytes - tail_start)
    spans, at = list[tuple[int, int]](), len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) != -1:
        if span := _frame_span(tail[at : at + 16], block_samples, bits):
            spans.append(span)
    ends = {end for _, end in spans}
    in_a_row = [end for begin, end in spans if begin in ends]
    if in_a_row or not samples:
        return max(in_a_row) if in_a_row else spans[0][1] if spans else 0
    return max((end for end in ends if end <= samples), default=0)


def _frame_span(head: bytes, block_samples: int, bits: int | None) -> tuple[int, int] | None:
    """Return the first sample of the frame that begins here, and the first after it. RFC 9639, section 9.1."""
    if len(head) < 16 or head[1] & 0xFE != 0xF8 or head[2] & 15 == 15 or head[3] & 1:
        return None
    if BITS_BY_CODE.get(head[3] >> 1 & 7, bits) != bits:
        return None
    number_bytes = max(1, 8 - (head[4] ^ 0xFF).bit_length())
    size_code, rate_code = head[2] >> 4, head[2] & 15
    size_at = 4 + number_bytes
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    crc_at = size_at + size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if number_bytes > 7 or crc_at >= len(head) or _crc8(head[:crc_at]) != head[crc_at]:
        return None
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
    begin = number if counts_samples else number * block_samples
    return begin, begin + samples


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
