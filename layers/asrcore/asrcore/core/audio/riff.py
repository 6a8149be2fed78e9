"""PCM and its relatives in chunks: WAV (RIFF, RF64, BW64), Wave64, AVI, AIFF, AIFC and CAF.

Sources: Microsoft "Multiple Channel Audio Data and WAVE Files" (WAVE_FORMAT_EXTENSIBLE) and "AVI RIFF File Reference",
EBU Tech 3306 (RF64), Apple "Audio Interchange File Format AIFF-C" and "Core Audio Format Specification".
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from asrcore.core.audio.frames import first_frames_s
from asrcore.core.audio.model import SAMPLED, Audio, NotAudio, as_cut, bounded, samples_ms, to_ms, to_rate_hz
from asrcore.core.audio.mpeg import ADTS, MP3
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.core.audio.surround import AC3, DTS
from asrcore.messages import Message

MOST_CHUNKS = 64
TAG_PCM, TAG_FLOAT, TAG_EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
WAVE_CODECS = {
    0x0002: "adpcm_ms",
    0x0006: "pcm_alaw",
    0x0007: "pcm_mulaw",
    0x0011: "adpcm_ima_wav",
    0x0031: "gsm_ms",
    0x0045: "adpcm_g726",
    0x0050: "mp2",
    0x0055: "mp3",
    0x0064: "adpcm_g726",
    0x0083: "g729",
    0x000A: "wmavoice",
    0x00FF: "aac",
    0x0160: "wmav1",
    0x0161: "wmav2",
    0x0162: "wmapro",
    0x0163: "wmalossless",
    0x2000: "ac3",
    0x2001: "dts",
}
FRAMINGS = {"mp2": MP3, "mp3": MP3, "aac": ADTS, "ac3": AC3, "dts": DTS}
PADDING_SHARE = 0.02  # of the file: so many bytes behind the sound need no explanation
CHUNK_HEAD_BYTES = 8
STREAMED_SPAN = 1 << 16  # writers to a pipe put nearly 2 or 4 GiB for a size that they do not know

Chunk = tuple[bytes, int, int]  # name, offset of its content, size of its content


def wave_codec(tag: int, bits: int) -> str:
    """Return the codec of a WAVEFORMATEX, which WAV and ASF share."""
    if tag == TAG_PCM:
        return "pcm_u8" if bits <= 8 else f"pcm_s{bits}le"
    if tag == TAG_FLOAT:
        return f"pcm_f{bits}le"
    return WAVE_CODECS.get(tag, f"wave_0x{tag:04x}")


def read_layout(source: ByteSource, offset: int, size: int) -> tuple[int, ...]:
    """Return a WAVEFORMATEX: tag, channels, rate, bytes per second, bytes per frame, bits; an extensible one
    has its tag at the end."""
    layout = source.unpack("<HHIIHH", offset)
    if layout[0] == TAG_EXTENSIBLE and size >= 26:
        return (source.unpack("<H", offset + 24)[0], *layout[1:])
    return layout


def parse_wav(source: ByteSource) -> Audio:
    """Describe RIFF, RF64 and BW64. For a data size that is 0 or too large (streamed), the file's size decides."""
    form = source.exactly(8, 4)
    if form == b"AVI ":
        return _parse_avi(source)
    if form != b"WAVE":
        raise NotAudio(Message("probe.riff-other"))
    return _parse_wave(source, _chunks(source, 12, "<4sI"))


def parse_wave64(source: ByteSource) -> Audio:
    """Describe Sony Wave64: the chunks of a WAV under 16-byte names and 64-bit sizes."""
    return _parse_wave(source, _wave64_chunks(source))


def _chunks(source: ByteSource, offset: int, layout: str, align: int = 2) -> Iterator[Chunk]:
    head_bytes = 12 if layout.endswith("q") else 8
    for _ in range(MOST_CHUNKS):
        name, size = source.unpack(layout, offset)
        yield name, offset + head_bytes, size
        offset += head_bytes + max(size, 0)
        offset += -offset % align
    raise NotAudio(Message("probe.too-many-chunks", {"most": MOST_CHUNKS}))


def _wave64_chunks(source: ByteSource) -> Iterator[Chunk]:
    offset = 40
    for _ in range(MOST_CHUNKS):
        name, size = source.unpack("<16sQ", offset)
        size = max(size, 24)
        yield name[:4], offset + 24, size - 24
        offset += size + -size % 8
    raise NotAudio(Message("probe.too-many-chunks", {"most": MOST_CHUNKS}))


def _parse_wave(source: ByteSource, chunks: Iterator[Chunk]) -> Audio:
    layout = None
    long_size: int | None = None
    samples = 0
    for name, offset, size in chunks:
        if name == b"ds64":
            long_size = source.unpack("<QQ", offset)[1]
        elif name == b"fmt ":
            layout = read_layout(source, offset, size)
        elif name == b"fact":
            samples = source.unpack("<I", offset)[0]
        elif name == b"data":
            if layout is None:
                raise NotAudio(Message("probe.wav-without-format"))
            declared_bytes = long_size if size == 0xFFFFFFFF and long_size is not None else size
            there_bytes = _sound_bytes(source, offset, declared_bytes)
            if _is_streamed(declared_bytes):
                return _describe_wave(source, offset, layout, there_bytes, samples=0)
            audio = _describe_wave(source, offset, layout, declared_bytes, samples)
            if there_bytes < declared_bytes:
                return as_cut(audio, there_bytes, declared_bytes)
            if declared_bytes != size:  # the chunks behind are found by the long size
                chunks = _chunks(source, offset + declared_bytes + declared_bytes % 2, "<4sI")
            whole = _describe_wave(source, offset, layout, _whole_bytes(source, offset, there_bytes, chunks), samples)
            return bounded(audio, whole.duration_ms)
    raise AssertionError("the chunks end in a sound chunk or in NotAudio")


def _whole_bytes(source: ByteSource, start: int, declared_bytes: int, following: Iterator[Chunk]) -> int:
    """Return the bytes of sound that begins at `start`: as declared if only chunks, or padding, are behind it."""
    left_bytes = source.size_bytes - start
    if left_bytes - declared_bytes <= PADDING_SHARE * source.size_bytes:
        return declared_bytes
    try:
        for name, offset, size in following:
            end = offset + size
            if not name.isascii() or end > source.size_bytes + 1:
                break
            if end >= source.size_bytes - CHUNK_HEAD_BYTES:
                return declared_bytes
    except NotAudio:
        pass
    return left_bytes


def _sound_bytes(source: ByteSource, offset: int, size: int) -> int:
    left = source.size_bytes - offset
    if left <= 0:
        raise NotAudio(Message("probe.header-alone"), code="TruncatedAudio")
    return size if 0 < size <= left else left


def _is_streamed(size: int) -> bool:
    """Return whether a chunk's size is what a writer puts that does not know it."""
    return size == 0 or abs(size - 2**31) <= STREAMED_SPAN or 0 < 2**32 - size <= STREAMED_SPAN


def _describe_wave(source: ByteSource, start: int, layout: tuple[int, ...], sound_bytes: int, samples: int) -> Audio:
    """`samples`: of the fact chunk, 0 without one; it is held to the codec's blocks, or to the first frames."""
    tag, channels, rate_hz, bytes_per_s, frame_bytes, bits = layout
    if tag in (TAG_PCM, TAG_FLOAT) and channels:
        frame_bytes = _pcm_frame_bytes(channels, frame_bytes, bits)
        bits, samples = frame_bytes // channels * 8, 0  # the container's bits: 20 bits in 3 bytes are s24
    codec = wave_codec(tag, bits)
    block = Block(frame_bytes, 1) if codec.startswith(("pcm_s", "pcm_u", "pcm_f")) else _block(codec, channels, layout)
    counted_ms = samples_ms(sound_bytes / block.size_bytes * block.samples, rate_hz) if block else None
    counted_ms = counted_ms or _framed_ms(source, codec, start, sound_bytes)
    stated_ms = to_ms(sound_bytes, bytes_per_s)
    declared_ms = samples_ms(samples, rate_hz) if 0 < samples < 0xFFFFFFFF else counted_ms or stated_ms
    audio = Audio(
        format="wav",
        codec=codec,
        sample_rate_hz=rate_hz,
        channels=channels,
        duration_ms=declared_ms,
        bits_per_sample=bits if bits and codec.startswith(("pcm", "adpcm")) else None,
    )
    if block:
        return bounded(audio, counted_ms)
    return bounded(audio, counted_ms or stated_ms, least=SAMPLED, most=SAMPLED)


@dataclass(frozen=True)
class Block:
    """The unit of a codec whose blocks are all of one size; samples: of each channel."""

    size_bytes: int
    samples: int


def _pcm_frame_bytes(channels: int, frame_bytes: int, bits: int) -> int:
    """Return the bytes of a sample of all channels: as stated, unless `bits` do not fit or fill less than half."""
    least_bytes = channels * max((bits + 7) // 8, 1)
    fits = least_bytes <= frame_bytes < 2 * least_bytes and frame_bytes % channels == 0
    return frame_bytes if fits else least_bytes


def _block(codec: str, channels: int, layout: tuple[int, ...]) -> Block | None:
    """Return the blocks of a codec of constant bit rate; None for another."""
    size_bytes, bits = layout[4], layout[5]
    each = size_bytes // channels if channels else 0
    blocks = {
        "pcm_alaw": Block(channels, 1),
        "pcm_mulaw": Block(channels, 1),
        "adpcm_ms": Block(size_bytes, 2 * (each - 7) + 2),
        "adpcm_ima_wav": Block(size_bytes, 2 * (each - 4) + 1),
        "adpcm_g726": Block(bits * channels, 8),
        "gsm_ms": Block(65, 320),
        "g729": Block(10 * channels, 80),
    }
    found = blocks.get(codec)
    return found if found and found.size_bytes > 0 and found.samples > 0 else None


def _framed_ms(source: ByteSource, codec: str, start: int, sound_bytes: int) -> int | None:
    """Return the length of frames in a WAV, by the first of them; None for a codec without a known frame."""
    framing = FRAMINGS.get(codec)
    return to_ms(first_frames_s(source, framing, start, sound_bytes), 1) or None if framing else None


AVI_SOUND = b"auds"


def _parse_avi(source: ByteSource) -> Audio:
    """Describe the first sound stream of an AVI: all streams are described before the first picture."""
    kind, scale, rate, length = b"", 0, 0, 0
    declared_bytes = source.unpack("<I", 4)[0]
    offset = 12
    for _ in range(MOST_CHUNKS):
        if offset + 12 > source.size_bytes:
            break
        name, size, form = source.unpack("<4sI4s", offset)
        if name == b"LIST" and form in (b"hdrl", b"strl"):
            offset += 12
            continue
        if name == b"LIST" and form == b"movi":
            break
        if name == b"strh":
            kind, (scale, rate, _, length) = form, source.unpack("<IIII", offset + 28)
        elif name == b"strf" and kind == AVI_SOUND:
            tag, channels, rate_hz, _, _, bits = read_layout(source, offset + 8, size)
            audio = Audio(
                format="avi",
                codec=wave_codec(tag, bits),
                sample_rate_hz=rate_hz,
                channels=channels,
                duration_ms=to_ms(length * scale, rate) if length and scale and rate else None,
                bits_per_sample=bits if bits and wave_codec(tag, bits).startswith("pcm") else None,
            )
            return audio if _is_streamed(declared_bytes) else as_cut(audio, source.size_bytes - 8, declared_bytes)
        offset += 8 + size + size % 2
    raise NotAudio(Message("probe.no-sound", {"kind": "AVI"}))


SSND_HEAD_BYTES = 8
AIFF_CODECS = {
    b"fl32": "pcm_f32be",
    b"FL32": "pcm_f32be",
    b"fl64": "pcm_f64be",
    b"in24": "pcm_s24be",
    b"in32": "pcm_s32be",
    b"ulaw": "pcm_mulaw",
    b"ULAW": "pcm_mulaw",
    b"alaw": "pcm_alaw",
    b"ALAW": "pcm_alaw",
    b"ima4": "adpcm_ima_qt",
}


def parse_aiff(source: ByteSource) -> Audio:
    """Describe AIFF and AIFC; the rate is an 80-bit float."""
    form = source.exactly(8, 4)
    if form not in (b"AIFF", b"AIFC"):
        raise NotAudio(Message("probe.iff-other"))
    there_bytes = 0
    chunks = _chunks(source, 12, ">4sI")
    for name, offset, size in chunks:
        if name == b"SSND":
            there_bytes = size
        if name == b"COMM":
            channels, frames, bits, exponent, mantissa = source.unpack(">HIHHQ", offset)
            kind = source.exactly(offset + 18, 4) if form == b"AIFC" else b"NONE"
            power = (exponent & 0x7FFF) - 16383
            rate = math.ldexp(mantissa, power - 63) if power < 32 else 0.0
            samples = frames * (64 if kind == b"ima4" else 1)  # ima4 counts packets of 64
            audio = Audio(
                format="aiff",
                codec=_aiff_codec(kind, bits),
                sample_rate_hz=to_rate_hz(rate),
                channels=channels,
                duration_ms=samples_ms(samples, rate),
                bits_per_sample=bits or None,
            )
            there_bytes = (there_bytes or _ssnd_bytes(source, chunks)) - SSND_HEAD_BYTES
            block = Block(34 * channels, 64) if kind == b"ima4" else _sample_block(audio.codec, channels)
            if block and there_bytes > 0:
                return bounded(audio, samples_ms(there_bytes / block.size_bytes * block.samples, rate))
            declared_bytes = source.unpack(">I", 4)[0]
            return audio if _is_streamed(declared_bytes) else as_cut(audio, source.size_bytes - 8, declared_bytes)
    raise AssertionError("the chunks end in the common chunk or in NotAudio")


def _ssnd_bytes(source: ByteSource, chunks: Iterator[Chunk]) -> int:
    """Return the bytes of the sound chunk, which is behind the common one; 0 where it is not found."""
    try:
        for name, offset, size in chunks:
            if name == b"SSND":
                left_bytes = source.size_bytes - offset
                return min(left_bytes, _whole_bytes(source, offset, size, chunks))
    except NotAudio:
        pass
    return 0


def _sample_block(codec: str, channels: int) -> Block | None:
    """Return the bytes of a sample of all channels, for the codecs of PCM by their names; None for another."""
    if codec in ("pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8"):
        return Block(channels, 1) if channels else None
    bits = re.fullmatch(r"pcm_[sf](\d+)[lb]e", codec)
    return Block(channels * int(bits[1]) // 8, 1) if bits and channels and int(bits[1]) >= 8 else None


def _aiff_codec(kind: bytes, bits: int) -> str:
    if kind in (b"NONE", b"twos", b"sowt"):
        stored_bits = bits + -bits % 8
        return f"pcm_s{stored_bits}{'le' if kind == b'sowt' else 'be'}" if stored_bits > 8 else "pcm_s8"
    return AIFF_CODECS.get(kind, kind.decode("ascii", "replace").strip().lower())


PACKET_TABLE_HEAD_BYTES = 24
FRAME_SAMPLES = {"aac": 1024, "alac": 4096, "opus": 960}  # in a packet, as usual
CAF_CODECS = {
    b"aac ": "aac",
    b"alac": "alac",
    b"alaw": "pcm_alaw",
    b"flac": "flac",
    b"ima4": "adpcm_ima_qt",
    b".mp3": "mp3",
    b"opus": "opus",
    b"ulaw": "pcm_mulaw",
}


def parse_caf(source: ByteSource) -> Audio:
    """Describe the Core Audio Format: PCM by its bytes, packets by the packet table."""
    rate, kind, flags, packet_bytes, packet_frames, channels, bits = source.unpack(">d4sIIIII", 20)
    codec = CAF_CODECS.get(kind, kind.decode("ascii", "replace").strip().lower())
    if kind == b"lpcm":
        codec = f"pcm_{'f' if flags & 1 else 's'}{bits}{'le' if flags & 2 else 'be'}"
    frames = None
    whole = there = declared = 0
    usual_bytes = 0.0
    block = Block(34 * channels, 64) if kind == b"ima4" else _sample_block(codec, channels)
    for name, offset, size in _chunks(source, 8, ">4sq", align=1):
        if name == b"pakt":
            frames = source.unpack(">qq", offset)[1]
            usual_bytes = _usual_packet_bytes(source.peek(offset + PACKET_TABLE_HEAD_BYTES, BLOCK_BYTES // 16))
        elif name == b"data":
            there = _sound_bytes(source, offset + 4, size - 4)
            declared = size - 4 if size > 4 else there
            whole = _whole_bytes(source, offset + 4, there, _chunks(source, offset + size, ">4sq", align=1))
            if block:
                frames = declared // block.size_bytes * block.samples
            elif packet_bytes:
                frames = declared // packet_bytes * packet_frames
        if (declared and frames is not None) or offset + size >= source.size_bytes or size < 0:
            break
    audio = Audio(
        format="caf",
        codec=codec,
        sample_rate_hz=to_rate_hz(rate),
        channels=channels,
        duration_ms=None if frames is None else samples_ms(frames, rate),
        bits_per_sample=bits or None,
    )
    sound_bytes = max(whole, declared)
    if block:
        audio = bounded(audio, samples_ms(sound_bytes / block.size_bytes * block.samples, rate))
    elif usual_bytes:
        counted = sound_bytes / usual_bytes * FRAME_SAMPLES.get(codec, packet_frames)
        audio = bounded(audio, samples_ms(counted, rate), least=SAMPLED, most=SAMPLED)
    return as_cut(audio, there, declared)


def _usual_packet_bytes(table: bytes) -> float:
    """Return the mean size of the first packets of a packet table: numbers in groups of 7 bits; 0 without any."""
    sizes, size = list[int](), 0
    for byte in table:
        size = size << 7 | byte & 0x7F
        if byte < 0x80:
            sizes.append(size)
            size = 0
    return sum(sizes) / len(sizes) if sizes else 0.0


AU_CODECS = {
    1: "pcm_mulaw",
    2: "pcm_s8",
    3: "pcm_s16be",
    4: "pcm_s24be",
    5: "pcm_s32be",
    6: "pcm_f32be",
    7: "pcm_f64be",
    27: "pcm_alaw",
}
AU_BITS = {"pcm_mulaw": 8, "pcm_alaw": 8, "pcm_s8": 8, "pcm_s16be": 16, "pcm_s24be": 24, "pcm_f64be": 64}


def parse_au(source: ByteSource) -> Audio:
    """Describe Sun's audio file, whose header is six numbers."""
    start, size, encoding, rate_hz, channels = source.unpack(">IIIII", 4)
    _sound_bytes(source, start, size)
    codec = AU_CODECS.get(encoding, f"au_{encoding}")
    bits = AU_BITS.get(codec, 32) if encoding in AU_CODECS else None
    whole_bytes = source.size_bytes - start
    declared_bytes = whole_bytes if _is_streamed(size) else size
    audio = Audio(
        format="au",
        codec=codec,
        sample_rate_hz=rate_hz,
        channels=channels,
        duration_ms=_au_ms(declared_bytes, bits, channels, rate_hz),
        bits_per_sample=bits,
    )
    return bounded(audio, _au_ms(whole_bytes, bits, channels, rate_hz))


def _au_ms(sound_bytes: int, bits: int | None, channels: int, rate_hz: int) -> int | None:
    """Return the length of samples; None for an encoding of unknown size."""
    return samples_ms(sound_bytes * 8 / (bits * channels), rate_hz) if bits and channels else None


FIRST_APE_WITH_DESCRIPTOR = 3980


def parse_ape(source: ByteSource) -> Audio:
    """Describe Monkey's Audio of version 3.98 (2003) or newer."""
    version = source.unpack("<H", 4)[0]
    if version < FIRST_APE_WITH_DESCRIPTOR:
        raise NotAudio(Message("probe.old-ape"))
    frame_samples, last_samples, frames, bits, channels, rate_hz = source.unpack(
        "<IIIHHI", source.unpack("<I", 8)[0] + 4
    )
    samples = (frames - 1) * frame_samples + last_samples if frames else 0
    return Audio(
        format="ape",
        codec="ape",
        sample_rate_hz=rate_hz,
        channels=channels,
        duration_ms=samples_ms(samples, rate_hz),
        bits_per_sample=bits,
    )
