"""ASF: WMA recordings (and WMV with its sound). Source: Microsoft "Advanced Systems Format Specification" 1.20."""

from asrcore.core.audio.model import SAMPLED, Audio, NotAudio, as_cut, bounded, to_ms
from asrcore.core.audio.riff import read_layout, wave_codec
from asrcore.core.audio.source import ByteSource
from asrcore.messages import Message

MOST_OBJECTS = 64
HEADER_BYTES = 30
FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
AUDIO_STREAM = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
VIDEO_STREAM = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
CONSTANT = frozenset({"wmav1", "wmav2", "wmavoice", "mp3"})  # whose bytes per second in the header are near the mean
MOST_BYTES_A_SECOND = 48_000  # of these codecs
BROADCAST = 1  # while it is set, the length is not yet known


def parse_asf(source: ByteSource) -> Audio:
    """Describe the sound stream of an ASF file; the header object describes all of it."""
    duration_ms: int | None = None
    declared_bytes = 0
    layout: tuple[int, ...] | None = None
    has_video = False
    offset = HEADER_BYTES
    for _ in range(min(source.unpack("<I", 24)[0], MOST_OBJECTS)):
        name, size = source.unpack("<16sQ", offset)
        if name == FILE_PROPERTIES:
            length_100ns, _, preroll_ms, flags = source.unpack("<QQQI", offset + 64)
            told_ms = (to_ms(length_100ns, 10_000_000) or 0) - preroll_ms
            if told_ms > 0 and not flags & BROADCAST:
                duration_ms, declared_bytes = told_ms, source.unpack("<Q", offset + 40)[0]
        elif name == STREAM_PROPERTIES:
            kind = source.exactly(offset + 24, 16)
            has_video = has_video or kind == VIDEO_STREAM
            if kind == AUDIO_STREAM and layout is None:
                layout = read_layout(source, offset + 78, size - 78)
        offset += max(size, 24)
    if layout is None:
        raise NotAudio(Message("probe.no-sound", {"kind": "Windows Media"}))
    tag, channels, rate_hz, bytes_per_s, _, bits = layout
    codec = wave_codec(tag, bits)
    if codec in CONSTANT:
        bytes_per_s = min(bytes_per_s, MOST_BYTES_A_SECOND)
    audio = Audio(
        format="wmv" if has_video else "wma",
        codec=codec,
        sample_rate_hz=rate_hz,
        channels=channels,
        duration_ms=to_ms(source.size_bytes, bytes_per_s) if duration_ms is None else duration_ms,
    )
    header_bytes = source.unpack("<Q", 16)[0]
    audio = as_cut(audio, max(source.size_bytes - header_bytes, 0), declared_bytes - header_bytes)
    if has_video or codec not in CONSTANT:
        return audio
    usual_ms = to_ms(source.size_bytes - header_bytes, bytes_per_s)
    return bounded(audio, usual_ms, least=SAMPLED, most=SAMPLED)
