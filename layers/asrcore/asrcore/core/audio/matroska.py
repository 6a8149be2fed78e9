"""Matroska and WebM, as browsers record them. Source: RFC 8794 (EBML), RFC 9559 (Matroska)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from asrcore.core.audio.model import SAMPLED, Audio, NotAudio, as_cut, bounded, to_ms, to_rate_hz
from asrcore.core.audio.ogg import OPUS_CLOCK_HZ, opus_samples
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.messages import Message

MOST_ELEMENTS = 256  # at one level
MOST_VALUE_BYTES = 64
EBML, DOC_TYPE = 0x1A45DFA3, 0x4282
SEGMENT, INFO, TRACKS, CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
TIMESTAMP_SCALE, DURATION = 0x2AD7B1, 0x4489
TRACK, TRACK_TYPE, CODEC_ID, AUDIO = 0xAE, 0x83, 0x86, 0xE1
SAMPLING_FREQUENCY, OUTPUT_FREQUENCY, CHANNELS, BIT_DEPTH = 0xB5, 0x78B5, 0x9F, 0x6264
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xA3, 0xA0, 0xA1
BLOCK_HEAD_BYTES = 4  # the track in one byte, the time in two, the flags
MOST_BLOCKS = 4096  # in the first 64 KiB
FRAME_SAMPLES = {"aac": 1024, "mp3": 1152, "ac3": 1536}  # as usual
TYPE_AUDIO = 2
DEFAULT_SCALE_NS = 1_000_000
CODECS = {
    "A_OPUS": "opus",
    "A_VORBIS": "vorbis",
    "A_AAC": "aac",
    "A_MPEG/L3": "mp3",
    "A_MPEG/L2": "mp2",
    "A_FLAC": "flac",
    "A_ALAC": "alac",
    "A_AC3": "ac3",
    "A_EAC3": "eac3",
    "A_DTS": "dts",
}


@dataclass(frozen=True)
class Element:
    """One EBML element: where its content begins and ends, and where its head says that it ends."""

    name: int
    start: int
    end: int
    declared_end: int = 0


def parse_matroska(source: ByteSource) -> Audio:
    """Describe the first sound track. The length is None where the header lacks it, as in what a browser records."""
    header, segment = _head(source)
    doc_type = _text(source, _inside(source, header).get(DOC_TYPE)) or "matroska"
    duration_ms: int | None = None
    for element in _elements(source, segment):
        if element.name == INFO:
            duration_ms = _duration_ms(source, element)
        elif element.name == TRACKS:
            tracks = [_inside(source, track) for track in _elements(source, element) if track.name == TRACK]
            sounds = [track for track in tracks if _number(source, track.get(TRACK_TYPE)) == TYPE_AUDIO]
            if not sounds:
                raise NotAudio(Message("probe.no-sound", {"kind": doc_type}))
            audio = _describe(source, doc_type, sounds[0], duration_ms)
            audio = as_cut(audio, segment.end - segment.start, segment.declared_end - segment.start)
            if len(tracks) > 1:
                return audio
            usual_s = _usual_s(source, Element(SEGMENT, element.end, segment.end), audio)
            return bounded(audio, to_ms(usual_s, 1), least=SAMPLED, most=SAMPLED)
        elif element.name == CLUSTER:
            break
    raise NotAudio(Message("probe.tracks-not-described", {"kind": doc_type}))


def _usual_s(source: ByteSource, clusters: Element, audio: Audio) -> float:
    """Return the seconds that all clusters hold at the rate of the first frames; 0 for a codec without known frames."""
    near_end = min(clusters.end, clusters.start + BLOCK_BYTES)
    seconds, last_end = 0.0, clusters.start
    for block in _blocks(source, Element(SEGMENT, clusters.start, near_end)):
        head = source.peek(block.start + BLOCK_HEAD_BYTES, 2)
        samples = opus_samples(head) if audio.codec == "opus" else FRAME_SAMPLES.get(audio.codec, 0)
        seconds, last_end = seconds + samples / (audio.sample_rate_hz or OPUS_CLOCK_HZ), block.end
    return seconds * (clusters.end - clusters.start) / max(last_end - clusters.start, 1)


def _blocks(source: ByteSource, parent: Element) -> Iterator[Element]:
    """Yield the blocks of frames that end inside `parent`, which contains clusters."""
    for element in _elements(source, parent, most=MOST_BLOCKS):
        if element.name in (CLUSTER, BLOCK_GROUP):
            yield from _blocks(source, element)
        elif element.name in (SIMPLE_BLOCK, BLOCK) and element.end == element.declared_end:
            yield element


def _head(source: ByteSource) -> tuple[Element, Element]:
    top = list(_elements(source, Element(0, 0, source.size_bytes), most=4))
    segment = next((element for element in top if element.name == SEGMENT), None)
    if segment is None:
        raise NotAudio(Message("probe.header-alone"), code="TruncatedAudio")
    return top[0], segment


def _elements(source: ByteSource, parent: Element, most: int = MOST_ELEMENTS) -> Iterator[Element]:
    """Yield the elements inside one; an unknown size reaches to the parent's end, as does one that claims more."""
    offset = parent.start
    for _ in range(most):
        head = source.peek(offset, 12)
        name_bytes = 9 - head[0].bit_length() if head else 0
        size_at = head[name_bytes : name_bytes + 1]
        size_bytes = 9 - size_at[0].bit_length() if size_at else 9
        if offset >= parent.end or name_bytes > 4 or size_bytes > 8 or len(head) < name_bytes + size_bytes:
            return
        start = offset + name_bytes + size_bytes
        unknown = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(head[name_bytes : name_bytes + size_bytes]) & unknown
        declared_end = parent.end if size == unknown else start + size
        end = min(declared_end, parent.end)
        yield Element(int.from_bytes(head[:name_bytes]), start, end, declared_end)
        offset = end


def _inside(source: ByteSource, parent: Element) -> dict[int, Element]:
    return {element.name: element for element in _elements(source, parent)}


def _value(source: ByteSource, element: Element | None) -> bytes:
    return b"" if element is None else source.peek(element.start, min(element.end - element.start, MOST_VALUE_BYTES))


def _number(source: ByteSource, element: Element | None) -> int | None:
    return int.from_bytes(_value(source, element)) or None


def _float(source: ByteSource, element: Element | None) -> float:
    value = _value(source, element)
    layout = {4: ">f", 8: ">d"}.get(len(value))
    return float(struct.unpack(layout, value)[0]) if layout else 0.0


def _text(source: ByteSource, element: Element | None) -> str:
    return _value(source, element).rstrip(b"\0").decode("ascii", "replace")


def _duration_ms(source: ByteSource, info: Element) -> int | None:
    told = _inside(source, info)
    scale_ns = _number(source, told.get(TIMESTAMP_SCALE)) or DEFAULT_SCALE_NS
    ticks = _float(source, told.get(DURATION))
    return to_ms(ticks, 1_000_000_000 / scale_ns) if ticks else None


def _describe(source: ByteSource, doc_type: str, track: dict[int, Element], duration_ms: int | None) -> Audio:
    codec_id = _text(source, track.get(CODEC_ID))
    sound = _inside(source, track[AUDIO]) if AUDIO in track else {}
    codec = next((name for prefix, name in CODECS.items() if codec_id.startswith(prefix)), codec_id.lower())
    bits = _number(source, sound.get(BIT_DEPTH))
    if codec_id.startswith("A_PCM") and bits:
        codec = f"pcm_f{bits}le" if "FLOAT" in codec_id else f"pcm_s{bits}{'be' if 'BIG' in codec_id else 'le'}"
    rate_hz = _float(source, sound.get(OUTPUT_FREQUENCY)) or _float(source, sound.get(SAMPLING_FREQUENCY)) or 8000.0
    return Audio(
        format=doc_type,
        codec=codec or "unknown",
        sample_rate_hz=48000 if codec == "opus" else to_rate_hz(rate_hz),
        channels=_number(source, sound.get(CHANNELS)) or 1,
        duration_ms=duration_ms,
        bits_per_sample=bits if codec.startswith(("pcm", "flac", "alac")) else None,
    )
