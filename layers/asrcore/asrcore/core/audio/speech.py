"""Formats made for telephones and chat: AMR narrow and wide band, SILK, and PCM without any header.

Sources: RFC 4867 section 5 (AMR files), 3GPP TS 26.101 and 26.201 (frame sizes), the SILK SDK's file layout.
"""

from asrcore.core.audio.frames import COUNTED_BYTES, Frame, Framing, measure_s
from asrcore.core.audio.model import Audio, NotAudio, to_ms
from asrcore.core.audio.source import ByteSource
from asrcore.messages import Message

AMR_NB_MAGIC, AMR_WB_MAGIC, SILK_MAGIC = b"#!AMR\n", b"#!AMR-WB\n", b"#!SILK_V3"
# Bytes of speech after the frame header, by frame type; 15 is "no data".
AMR_NB_BYTES = {0: 12, 1: 13, 2: 15, 3: 17, 4: 19, 5: 20, 6: 26, 7: 31, 8: 5, 15: 0}
AMR_WB_BYTES = {0: 17, 1: 23, 2: 32, 3: 36, 4: 40, 5: 46, 6: 50, 7: 58, 8: 60, 9: 5, 14: 0, 15: 0}
SILK_PACKET_MS = 20
SILK_END = 0xFFFF

PCM_RATE_HZ, PCM_BYTES_PER_SAMPLE = 16000, 2


def _amr_framing(codec: str, rate_hz: int, sizes: dict[int, int]) -> Framing:
    """Return the framing: each frame has one byte (type in bits 3 to 6, a quality bit, zeros) and 20 ms of speech."""
    frames = {
        frame_type << 3 | quality: Frame(1 + size, rate_hz // 50, codec, rate_hz, 1, bitrate=size)
        for frame_type, size in sizes.items()
        for quality in (0, 4)
    }
    return Framing(lambda data, offset: frames.get(data[offset]) if offset < len(data) else None, sync=b"", chain=10)


def parse_amr(source: ByteSource) -> Audio:
    """Describe AMR in its storage format, one channel."""
    wide = source.peek(0, len(AMR_WB_MAGIC)) == AMR_WB_MAGIC
    codec, rate_hz, sizes = ("amr_wb", 16000, AMR_WB_BYTES) if wide else ("amr_nb", 8000, AMR_NB_BYTES)
    start = len(AMR_WB_MAGIC if wide else AMR_NB_MAGIC)
    seconds = measure_s(source, _amr_framing(codec, rate_hz, sizes), start)
    if seconds is None:
        raise NotAudio(Message("probe.header-alone"), code="TruncatedAudio")
    return Audio(format="amr", codec=codec, sample_rate_hz=rate_hz, channels=1, duration_ms=to_ms(seconds, 1))


def parse_silk(source: ByteSource) -> Audio:
    """Describe SILK v3, with or without the byte that WeChat puts in front. A decoder chooses the rate, so it is None.

    Packets last 20 ms, the encoder's default, and are counted up to 512 KiB (some four minutes); beyond: None.
    """
    start = source.peek(0, 16).find(SILK_MAGIC) + len(SILK_MAGIC)
    duration_ms: int | None = None
    if source.size_bytes - start <= COUNTED_BYTES:
        data = source.window(start, source.size_bytes - start)
        offset = packets = 0
        while offset + 2 <= len(data):
            size = int.from_bytes(data[offset : offset + 2], "little")
            offset += 2 + size
            if size == SILK_END or offset > len(data):
                break
            packets += 1
        duration_ms = packets * SILK_PACKET_MS
    return Audio(format="silk", codec="silk", sample_rate_hz=None, channels=1, duration_ms=duration_ms)


def parse_pcm(source: ByteSource) -> Audio:
    """Describe samples without a header as 16 kHz, 16 bit, mono, as the vendors document for .pcm and .raw."""
    return Audio(
        format="pcm",
        codec="pcm_s16le",
        sample_rate_hz=PCM_RATE_HZ,
        channels=1,
        duration_ms=to_ms(source.size_bytes // PCM_BYTES_PER_SAMPLE, PCM_RATE_HZ),
        bits_per_sample=16,
    )
