"""MP4 and its family: M4A, MOV, 3GP; the index (moov) may lie at either end, or the file may be fragmented.

Sources: ISO/IEC 14496-12 (boxes, fragments), 14496-14 and 14496-1 (esds), 14496-3 (AudioSpecificConfig), Apple
"QuickTime File Format Specification" (sound sample descriptions, versions 0 to 2).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from asrcore.core.audio import aac
from asrcore.core.audio.model import Audio, NotAudio, Sound, to_ms, to_rate_hz
from asrcore.core.audio.source import BLOCK_BYTES, Source

MOST_BOXES = 512  # at one level
MOST_FRAGMENTS = 16  # looked at from the end; the picture and the sound may take turns
MOST_ENTRY_BYTES = 4096
TAIL_BYTES = 3 * BLOCK_BYTES
CODECS = {
    b"mp4a": "aac",
    b"alac": "alac",
    b"Opus": "opus",
    b"fLaC": "flac",
    b".mp3": "mp3",
    b"samr": "amr_nb",
    b"sawb": "amr_wb",
    b"ac-3": "ac3",
    b"ec-3": "eac3",
    b"ulaw": "pcm_mulaw",
    b"alaw": "pcm_alaw",
    b"ima4": "adpcm_ima_qt",
}
PCM_ENDINGS = {b"sowt": "le", b"twos": "be", b"lpcm": "le", b"ipcm": "be"}
ESDS_CODECS = {0x69: "mp3", 0x6B: "mp3", 0xA5: "ac3", 0xA6: "eac3", 0xAD: "opus", 0xDD: "vorbis"}
STREAM_TAG, DECODER_TAG, CONFIG_TAG = 3, 4, 5  # descriptors in an esds box, each inside the one before


@dataclass(frozen=True)
class Box:
    """One box: where its content begins and ends in the file."""

    name: bytes
    start: int
    end: int


def parse_mp4(source: Source) -> Audio:
    """The first sound track; m4a if there is no picture, else mp4 (or 3gp, mov by the brand)."""
    brand = source.peek(8, 4) if source.peek(4, 4) == b"ftyp" else b"qt  "
    moov = _find(source, Box(b"", 0, source.size_bytes), b"moov")
    if moov is None:
        raise NotAudio(
            "it is an MP4 without its index (moov), which a recorder writes last: the recording or the upload was cut "
            "off, upload it again",
            code="TruncatedAudio",
        )
    tracks = [box for box in _children(source, moov) if box.name == b"trak"]
    kinds = [_kind(source, track) for track in tracks]
    if b"soun" not in kinds:
        found = "only video" if b"vide" in kinds else "no sound track"
        raise NotAudio(f"it is an MP4 with {found}: upload the sound of the recording")
    track = tracks[kinds.index(b"soun")]
    sound = _describe(source, track)
    return Audio(
        format=_format(brand, has_video=b"vide" in kinds),
        codec=sound.codec,
        sample_rate_hz=sound.rate_hz or None,
        channels=sound.channels or None,
        duration_ms=_track_ms(source, moov, track),
        bits_per_sample=sound.bits or None,
    )


def _format(brand: bytes, *, has_video: bool) -> str:
    if brand.startswith((b"3gp", b"3g2")):
        return "3gp"
    if brand == b"qt  ":
        return "mov"
    return "mp4" if has_video else "m4a"


def _children(source: Source, parent: Box) -> Iterator[Box]:
    """The boxes inside a box. One that claims to reach past its parent ends with it; one too small ends the walk."""
    offset = parent.start
    for _ in range(MOST_BOXES):
        head = source.peek(offset, 16)
        if offset + 8 > parent.end or len(head) < 8:
            return
        size, name, head_bytes = int.from_bytes(head[:4]), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, head_bytes = int.from_bytes(head[8:16]), 16
        end = parent.end if size == 0 else min(offset + size, parent.end)
        if end < offset + head_bytes:
            return
        yield Box(name, offset + head_bytes, end)
        offset = end


def _find(source: Source, parent: Box, *path: bytes) -> Box | None:
    found: Box | None = parent
    for name in path:
        if found is None:
            break
        found = next((box for box in _children(source, found) if box.name == name), None)
    return found


def _kind(source: Source, track: Box) -> bytes:
    handler = _find(source, track, b"mdia", b"hdlr")
    return b"" if handler is None else source.exactly(handler.start + 8, 4)


def _describe(source: Source, track: Box) -> Sound:
    table = _find(source, track, b"mdia", b"minf", b"stbl", b"stsd")
    if table is None:
        raise NotAudio("it is an MP4 whose sound track is not described: convert the recording and upload it again")
    size, name = source.unpack(">I4s", table.start + 8)
    entry = source.exactly(table.start + 8, min(max(size, 36), MOST_ENTRY_BYTES))
    if name in (b"enca", b"drms"):
        raise NotAudio("it is an MP4 with copy protection: upload a recording without it")
    version, channels, bits, rate_hz = struct.unpack(">16xH6xHH4xH2x", entry[:36])
    if version == 2 and len(entry) >= 52:
        rate, channels = struct.unpack(">dI", entry[40:52])
        rate_hz, bits = to_rate_hz(rate), int.from_bytes(entry[56:60])
    if name in PCM_ENDINGS:
        return Sound(f"pcm_s{bits}{PCM_ENDINGS[name]}" if bits > 8 else "pcm_u8", rate_hz, channels, bits)
    if name == b"mp4a":
        return _refine_by_esds(entry, Sound("aac", rate_hz, channels))
    if name == b"alac":
        return _refine_by_cookie(entry, Sound("alac", rate_hz, channels, bits))
    return Sound(CODECS.get(name, name.decode("ascii", "replace").strip().lower()), rate_hz, channels)


def _refine_by_cookie(entry: bytes, sound: Sound) -> Sound:
    """ALAC says in its own box what a 16-bit rate cannot hold (96 kHz)."""
    at = entry.find(b"alac", 36)
    cookie = entry[at + 8 : at + 32]
    if at == -1 or len(cookie) < 24:
        return sound
    return Sound("alac", int.from_bytes(cookie[20:24]), cookie[9], cookie[5])


def _refine_by_esds(entry: bytes, sound: Sound) -> Sound:
    """The elementary stream descriptor knows the codec, and for AAC the true rate and channels."""
    at = entry.find(b"esds", 36)
    if at == -1:
        return sound
    stream = _descriptor(entry[at + 8 :], STREAM_TAG)
    decoder = _descriptor(stream[3:], DECODER_TAG)
    config = _descriptor(decoder[13:], CONFIG_TAG)
    codec = ESDS_CODECS.get(decoder[0], "aac") if decoder else "aac"
    return aac.refine(sound, config) if codec == "aac" and len(config) >= 2 else replace(sound, codec=codec)


def _descriptor(data: bytes, tag: int) -> bytes:
    """The content of the MPEG-4 descriptor that begins here, whose size comes 7 bits at a time; empty if another."""
    if not data or data[0] != tag:
        return b""
    head_bytes = next((i + 1 for i in range(1, min(5, len(data))) if data[i] < 0x80), len(data))
    return data[head_bytes:]


def _track_ms(source: Source, moov: Box, track: Box) -> int | None:
    """The length of a track: what is played of it (an edit list trims the encoder's padding), else its media, else the
    movie; in a fragmented file what the header promises, else where the last fragment ends."""
    movie, header = _find(source, moov, b"mvhd"), _find(source, track, b"tkhd")
    media, extension = _find(source, track, b"mdia", b"mdhd"), _find(source, moov, b"mvex")
    movie_hz, media_hz = _word(source, movie, 12, 20), _word(source, media, 12, 20)
    told = (
        (_length(source, header, 20, 28), movie_hz),
        (_length(source, media, 16, 24), media_hz),
        (_length(source, movie, 16, 24), movie_hz),
    )
    for units, per_second in told:
        if units and per_second:
            return to_ms(units, per_second)
    if extension is None:
        return None
    promised = _length(source, _find(source, extension, b"mehd"), 4, 4)
    if promised:
        return to_ms(promised, movie_hz)
    return to_ms(_last_fragment_end(source, _word(source, header, 12, 20), extension), media_hz) or None


def _is_long(source: Source, box: Box) -> bool:
    """Whether this is version 1 of a box, in which times take 64 bits."""
    return source.exactly(box.start, 1) == b"\1"


def _word(source: Source, box: Box | None, short_at: int, long_at: int) -> int:
    """A 32-bit field, which lies further back in version 1; 0 without the box."""
    if box is None:
        return 0
    return int(source.unpack(">I", box.start + (long_at if _is_long(source, box) else short_at))[0])


def _length(source: Source, box: Box | None, short_at: int, long_at: int) -> int:
    """A time of 32 bits, or 64 in version 1; 0 without the box or if it is all ones, which means unknown."""
    if box is None:
        return 0
    layout, at, unknown = (">Q", long_at, 2**64 - 1) if _is_long(source, box) else (">I", short_at, 2**32 - 1)
    units = int(source.unpack(layout, box.start + at)[0])
    return 0 if units == unknown else units


def _last_fragment_end(source: Source, track_id: int, extension: Box) -> int:
    """Where the track's last fragment ends, in ticks of its media; 0 if it is not in the last 192 KiB."""
    defaults = [box for box in _children(source, extension) if box.name == b"trex"]
    default = next((_word(source, box, 12, 12) for box in defaults if _word(source, box, 4, 4) == track_id), 0)
    tail_start = max(0, source.size_bytes - TAIL_BYTES)
    tail = source.peek(tail_start, TAIL_BYTES)
    at = len(tail)
    for _ in range(MOST_FRAGMENTS):
        at = tail.rfind(b"moof", 4, at)
        if at == -1:
            break
        start, size = tail_start + at - 4, int.from_bytes(tail[at - 4 : at])
        for box in _children(source, Box(b"moof", start + 8, min(start + size, source.size_bytes))):
            end = _fragment_end(source, box, track_id, default) if box.name == b"traf" else 0
            if end:
                return end
    return 0


def _fragment_end(source: Source, fragment: Box, track_id: int, default: int) -> int:
    """Start time plus the lengths of all samples of a track fragment; 0 if it belongs to another track."""
    boxes = list(_children(source, fragment))
    header = next((box for box in boxes if box.name == b"tfhd"), None)
    start = next((box for box in boxes if box.name == b"tfdt"), None)
    if header is None or start is None or _word(source, header, 4, 4) != track_id:
        return 0
    flags = _word(source, header, 0, 0)
    if flags & 0x8:
        at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)  # behind the fields that are there
        default = _word(source, header, at, at)
    runs = sum(_run_units(source, box, default) for box in boxes if box.name == b"trun")
    return _length(source, start, 4, 4) + runs


def _run_units(source: Source, run: Box, default: int) -> int:
    flags, count = source.unpack(">II", run.start)
    if not flags & 0x100:
        return int(count * default)
    fields = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    start = run.start + 8 + 4 * sum(bool(flags & bit) for bit in (0x1, 0x4))
    table = source.peek(start, min(count * fields, max(run.end - start, 0), BLOCK_BYTES))
    return sum(int.from_bytes(table[at : at + 4]) for at in range(0, len(table), fields))
