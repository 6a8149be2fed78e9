"""MP4 and its family: M4A, MOV, 3GP; the index (moov) may be at either end, or the file may be fragmented.

Sources: ISO/IEC 14496-12 (boxes, fragments), 14496-14 and 14496-1 (esds), 14496-3 (AudioSpecificConfig), 23003-5 (PCM),
ETSI TS 102 366 annex F (AC-3), 3GPP TS 26.244 (AMR), "Encapsulation of Opus/FLAC in ISO Base Media File Format", Apple
"QuickTime File Format Specification" (sound sample descriptions, versions 0 to 2).
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from asrcore.core.audio import aac
from asrcore.core.audio.flac import INFO_BYTES, read_stream_info
from asrcore.core.audio.model import SAMPLED, Audio, NotAudio, Sound, as_cut, bounded, samples_ms, to_ms, to_rate_hz
from asrcore.core.audio.mpeg import MP3
from asrcore.core.audio.ogg import OPUS_CLOCK_HZ, opus_samples
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.core.audio.surround import AC3_SAMPLES, refine_ac3, refine_eac3
from asrcore.messages import Message

MOST_BOXES = 512  # at one level
MOST_FRAGMENTS = 16  # read from the end; those of picture and sound may alternate
MOST_TAIL_BLOCKS = 8  # searched for the last fragment where no index of the fragments (mfra) is there
MOST_BOXES_BEHIND = 6  # behind the movie or a fragment, to its data
MOST_ENTRY_BYTES = 4096
MOST_TIMES = 4096  # entries of the table of times; frames of one codec need few
TABLES = (b"mdia", b"minf", b"stbl")
CODECS = {
    b"mp4a": "aac",
    b"alac": "alac",
    b"Opus": "opus",
    b"fLaC": "flac",
    b".mp3": "mp3",
    b"ac-3": "ac3",
    b"ec-3": "eac3",
    b"dtsc": "dts",
    b"ulaw": "pcm_mulaw",
    b"alaw": "pcm_alaw",
    b"ima4": "adpcm_ima_qt",
}
# The codec defines what the entry often omits or states wrongly.
FIXED = {
    b"samr": Sound("amr_nb", 8000, 1, frame_samples=160),
    b"sawb": Sound("amr_wb", 16000, 1, frame_samples=320),
}
MOST_AMR_BYTES = {"amr_nb": 32, "amr_wb": 61}  # of 20 ms; the entry and the index say how many are listed as one
# (kind of number, bits or 0 where the entry says, order of bytes)
PCM = {
    b"sowt": ("s", 0, "le"),
    b"twos": ("s", 0, "be"),
    b"raw ": ("s", 0, "be"),
    b"lpcm": ("s", 0, "le"),
    b"ipcm": ("s", 0, "be"),
    b"fpcm": ("f", 0, "be"),
    b"in24": ("s", 24, "be"),
    b"in32": ("s", 32, "be"),
    b"fl32": ("f", 32, "be"),
    b"fl64": ("f", 64, "be"),
}
LPCM_FLOAT, LPCM_BIG_ENDIAN = 1, 2
ESDS_CODECS = {0x69: "mp3", 0x6B: "mp3", 0xA5: "ac3", 0xA6: "eac3", 0xAD: "opus", 0xDD: "vorbis"}
STREAM_TAG, DECODER_TAG, CONFIG_TAG = 3, 4, 5  # descriptors in an esds box, each inside the one before


@dataclass(frozen=True)
class Box:
    """One box: where its content begins and ends in the file, and where its head says that it ends."""

    name: bytes
    start: int
    end: int
    declared_end: int = 0


def parse_mp4(source: ByteSource) -> Audio:
    """Describe the first sound track; m4a if there is no picture, else mp4 (or 3gp, mov by the brand)."""
    brand = source.peek(8, 4) if source.peek(4, 4) == b"ftyp" else b"qt  "
    moov = _find(source, Box(b"", 0, source.size_bytes), b"moov")
    if moov is None:
        raise NotAudio(Message("probe.mp4-without-index"), code="TruncatedAudio")
    tracks = [box for box in _children(source, moov) if box.name == b"trak"]
    kinds = [_kind(source, track) for track in tracks]
    if b"soun" not in kinds:
        raise NotAudio(Message("probe.no-sound", {"kind": "MP4"}))
    track = tracks[kinds.index(b"soun")]
    sound = _describe(source, track)
    duration_ms, last_known = _track_ms(source, moov, track)
    audio = Audio(
        format=_format(brand, has_video=b"vide" in kinds),
        codec=sound.codec,
        sample_rate_hz=sound.rate_hz or None,
        channels=sound.channels or None,
        duration_ms=duration_ms,
        bits_per_sample=sound.bits or None,
    )
    behind = islice(_children(source, Box(b"", last_known, source.size_bytes)), MOST_BOXES_BEHIND)
    declared_end = max((box.declared_end for box in behind), default=0)
    is_fragmented = _find(source, moov, b"mvex") is not None
    table = _frame_table(source, track)
    indexed_ms = _table_ms(source, track, table, sound)
    if audio.duration_ms is None:
        audio = audio.model_copy(update={"duration_ms": indexed_ms})
    audio = bounded(audio, indexed_ms, most=math.inf if is_fragmented else 1.0)
    if not sound.frame_samples:  # the table of times is the file's own: hold it to the first frame
        sound = _as_first_frame(source, moov, track, sound)
        indexed_ms = _table_ms(source, track, table, sound)
        audio = bounded(audio, indexed_ms, least=SAMPLED, most=math.inf if is_fragmented else SAMPLED)
    audio = bounded(audio, _least_amr_ms(table, sound), least=SAMPLED, most=math.inf)
    audio = as_cut(audio, source.size_bytes - moov.end, declared_end - moov.end)
    if audio.format != "m4a":
        return audio  # most bytes are the picture's
    usual_ms = _usual_ms(source, moov, FrameTable() if is_fragmented else table, sound)
    # What neither the index nor a fragment lists cannot be played.
    held_ms = min(usual_ms, indexed_ms) if usual_ms and indexed_ms and not is_fragmented else usual_ms
    return bounded(audio, held_ms, least=SAMPLED, most=SAMPLED)


@dataclass(frozen=True)
class FrameTable:
    """How many frames of sound the index lists, and the mean size of the first ones."""

    frames: int = 0
    usual_bytes: float = 0.0


def _frame_table(source: ByteSource, track: Box) -> FrameTable:
    """Read the table of the frames' sizes (stsz), as far as it is inside its box; none in a fragmented file."""
    box = _find(source, track, *TABLES, b"stsz")
    if box is None:
        return FrameTable()
    size, frames = source.unpack(">II", box.start + 4)
    if size:
        return FrameTable(frames, size)
    frames = min(frames, (box.end - box.start - 12) // 4)
    head = source.peek(box.start + 12, min(4 * frames, MOST_ENTRY_BYTES))
    sizes = [int.from_bytes(head[at : at + 4]) for at in range(0, len(head) - 3, 4)]
    return FrameTable(frames, sum(sizes) / len(sizes)) if sizes else FrameTable()


def _table_ms(source: ByteSource, track: Box, table: FrameTable, sound: Sound) -> int | None:
    """Return the length of all frames in the index: by the codec, else as the table of their times (stts) says."""
    if table.frames and sound.frame_samples and sound.rate_hz:
        return samples_ms(table.frames * sound.frame_samples, sound.rate_hz)
    box, media = _find(source, track, *TABLES, b"stts"), _find(source, track, b"mdia", b"mdhd")
    entries = 0 if box is None else int(source.unpack(">I", box.start + 4)[0])
    if box is None or not 0 < entries <= min(MOST_TIMES, (box.end - box.start - 8) // 8):
        return None
    pairs = struct.iter_unpack(">II", source.exactly(box.start + 8, 8 * entries))
    return to_ms(sum(frames * units for frames, units in pairs), _word(source, media, 12, 20))


def _usual_ms(source: ByteSource, moov: Box, table: FrameTable, sound: Sound) -> int | None:
    """Return the length of the bytes outside the index at the rate of the first frames; None if it is not known."""
    frames, frame_bytes = 1, table.usual_bytes
    if not table.frames:
        frames, frame_bytes = _first_fragment(source, moov.end)
    if not (frame_bytes and sound.frame_samples and sound.rate_hz):
        return None
    sound_bytes = source.size_bytes - (moov.end - moov.start)
    return samples_ms(sound_bytes / frame_bytes * frames * sound.frame_samples, sound.rate_hz)


def _least_amr_ms(table: FrameTable, sound: Sound) -> int | None:
    """Return the length of the frames in the index, as if each were of AMR's highest rate; None for another codec."""
    most_bytes = MOST_AMR_BYTES.get(sound.codec)
    return to_ms(table.frames * table.usual_bytes / most_bytes, 50) if most_bytes else None


def _as_first_frame(source: ByteSource, moov: Box, track: Box, sound: Sound) -> Sound:
    """Return the sound with the samples and the rate of its first frame, where the codec does not define them.

    Frames of another length may follow. Unchanged for a codec whose frames are not known.
    """
    if sound.codec in ("ac3", "eac3"):
        return replace(sound, frame_samples=AC3_SAMPLES)
    if sound.codec not in ("opus", "mp3"):
        return sound
    chunks = _find(source, track, *TABLES, b"stco"), _find(source, track, *TABLES, b"co64")
    start = _word(source, chunks[0], 8, 8) or _word(source, chunks[1], 12, 12) or _first_data(source, moov.end)
    head = source.peek(start, 4) if start else b""
    if sound.codec == "opus":
        return replace(sound, rate_hz=OPUS_CLOCK_HZ, frame_samples=opus_samples(head))
    frame = MP3.parse(head, 0)
    return replace(sound, rate_hz=frame.sample_rate_hz, frame_samples=frame.samples) if frame else sound


def _first_data(source: ByteSource, moov_end: int) -> int:
    """Return where the first data behind the movie begin; 0 without any."""
    behind = islice(_children(source, Box(b"", moov_end, source.size_bytes)), MOST_BOXES_BEHIND)
    return next((box.start for box in behind if box.name == b"mdat"), 0)


def _first_fragment(source: ByteSource, moov_end: int) -> tuple[int, int]:
    """Return the frames of the first fragment behind the movie, and its bytes with its data; zeros without one."""
    frames = start = 0
    for box in islice(_children(source, Box(b"", moov_end, source.size_bytes)), MOST_BOXES_BEHIND):
        if box.name == b"moof" and not frames:
            start = box.start
            parts = [part for part in _children(source, box) if part.name == b"traf"]
            runs = [run for part in parts for run in _children(source, part) if run.name == b"trun"]
            frames = sum(int(source.unpack(">I", run.start + 4)[0]) for run in runs)
        elif box.name == b"mdat" and frames:
            return frames, box.declared_end - start
    return 0, 0


def _format(brand: bytes, *, has_video: bool) -> str:
    if brand.startswith((b"3gp", b"3g2")):
        return "3gp"
    if brand == b"qt  ":
        return "mov"
    return "mp4" if has_video else "m4a"


def _children(source: ByteSource, parent: Box) -> Iterator[Box]:
    """Yield the boxes inside a box. One that exceeds its parent ends with it; one too small ends the iteration."""
    offset = parent.start
    for _ in range(MOST_BOXES):
        head = source.peek(offset, 16)
        if offset + 8 > parent.end or len(head) < 8:
            return
        size, name, head_bytes = int.from_bytes(head[:4]), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, head_bytes = int.from_bytes(head[8:16]), 16
        declared_end = parent.end if size == 0 else offset + size
        end = min(declared_end, parent.end)
        if end < offset + head_bytes:
            return
        yield Box(name, offset + head_bytes, end, declared_end)
        offset = end


def _find(source: ByteSource, parent: Box, *path: bytes) -> Box | None:
    found: Box | None = parent
    for name in path:
        if found is None:
            break
        found = next((box for box in _children(source, found) if box.name == name), None)
    return found


def _kind(source: ByteSource, track: Box) -> bytes:
    handler = _find(source, track, b"mdia", b"hdlr")
    return b"" if handler is None else source.exactly(handler.start + 8, 4)


def _describe(source: ByteSource, track: Box) -> Sound:
    table = _find(source, track, *TABLES, b"stsd")
    if table is None:
        raise NotAudio(Message("probe.tracks-not-described", {"kind": "MP4"}))
    size, name = source.unpack(">I4s", table.start + 8)
    entry = source.exactly(table.start + 8, min(max(size, 36), MOST_ENTRY_BYTES))
    if name in (b"enca", b"drms"):
        raise NotAudio(Message("probe.copy-protection"))
    version, channels, bits, rate_hz = struct.unpack(">16xH6xHH4xH2x", entry[:36])
    if version == 2 and len(entry) >= 52:
        rate, channels = struct.unpack(">dI", entry[40:52])
        rate_hz, bits = to_rate_hz(rate), int.from_bytes(entry[56:60])
    sound = Sound(CODECS.get(name, name.decode("ascii", "replace").strip().lower()), rate_hz, channels)
    if name in PCM:
        return _describe_pcm(entry, replace(sound, bits=PCM[name][1] or bits), version)
    if name in REFINERS:
        box_name, refine = REFINERS[name]
        return refine(_inner(entry, box_name), sound)
    if name in FIXED:
        config = _inner(entry, b"damr")  # its last byte: how many frames are stored as one
        return replace(FIXED[name], frame_samples=FIXED[name].frame_samples * (config[8] if len(config) > 8 else 0))
    return sound


def _inner(entry: bytes, name: bytes) -> bytes:
    """Return the content of a box inside a sound entry, at whatever depth; empty without one."""
    at = 36
    while (at := entry.find(name, at + 1)) != -1:
        size = int.from_bytes(entry[at - 4 : at])
        if 8 <= size <= len(entry) - at + 4:  # else it is the name of the codec, in a box of another name
            return entry[at + 4 : at - 4 + size]
    return b""


def _describe_pcm(entry: bytes, sound: Sound, version: int) -> Sound:
    """Name PCM by its entry; boxes of its own, or flags in version 2, say which byte of a sample comes first."""
    kind, _, order = PCM[entry[4:8]]
    bits = sound.bits or 0
    little_endian, config = _inner(entry, b"enda")[:2], _inner(entry, b"pcmC")[4:6]
    if little_endian == b"\0\1":
        order = "le"
    elif len(config) == 2:
        order, bits = "le" if config[0] & 1 else "be", config[1]
    elif version == 2 and len(entry) >= 64:
        flags = int.from_bytes(entry[60:64])
        kind, order = "f" if flags & LPCM_FLOAT else "s", "be" if flags & LPCM_BIG_ENDIAN else "le"
    codec = f"pcm_{kind}{bits}{order}" if bits > 8 else "pcm_s8" if entry[4:8] in (b"sowt", b"twos") else "pcm_u8"
    return replace(sound, codec=codec, bits=bits, frame_samples=1)


def _refine_by_cookie(box: bytes, sound: Sound) -> Sound:
    """Read the rate from ALAC's own box, as 16 bits cannot hold 96 kHz."""
    cookie = box[4:28]
    if len(cookie) < 24:
        return sound
    return Sound("alac", int.from_bytes(cookie[20:24]), cookie[9], cookie[5], int.from_bytes(cookie[:4]))


def _refine_opus(box: bytes, sound: Sound) -> Sound:
    return replace(sound, rate_hz=48000, channels=box[1] if len(box) > 1 else sound.channels)


def _refine_flac(box: bytes, sound: Sound) -> Sound:
    info = box[8:42]  # behind the box's version and the head of the metadata block
    return read_stream_info(info)[0] if len(info) == INFO_BYTES else sound


def _refine_by_esds(box: bytes, sound: Sound) -> Sound:
    """Read the codec from the elementary stream descriptor, and for AAC the true rate and channels."""
    stream = _descriptor(box[4:], STREAM_TAG)
    decoder = _descriptor(stream[3:], DECODER_TAG)
    config = _descriptor(decoder[13:], CONFIG_TAG)
    codec = ESDS_CODECS.get(decoder[0], "aac") if decoder else "aac"
    return aac.refine(sound, config) if codec == "aac" and len(config) >= 2 else replace(sound, codec=codec)


def _descriptor(data: bytes, tag: int) -> bytes:
    """Return the content of the MPEG-4 descriptor that begins here; empty for another. Its size has 7-bit groups."""
    if not data or data[0] != tag:
        return b""
    head_bytes = next((i + 1 for i in range(1, min(5, len(data))) if data[i] < 0x80), len(data))
    return data[head_bytes:]


# By sound entry: the box in it that describes the sound, and how it is read.
REFINERS: dict[bytes, tuple[bytes, Callable[[bytes, Sound], Sound]]] = {
    b"mp4a": (b"esds", _refine_by_esds),
    b"alac": (b"alac", _refine_by_cookie),
    b"Opus": (b"dOps", _refine_opus),
    b"fLaC": (b"dfLa", _refine_flac),
    b"ac-3": (b"dac3", refine_ac3),
    b"ec-3": (b"dec3", refine_eac3),
}


def _track_ms(source: ByteSource, moov: Box, track: Box) -> tuple[int | None, int]:
    """Return the length of a track, and the offset of the last box before its data.

    It is what is played of it (an edit list trims the encoder's padding), else its media, else the movie. In a
    fragmented file it is where the last fragment ends; the header knows the fragments only if it says so.
    """
    movie, header = _find(source, moov, b"mvhd"), _find(source, track, b"tkhd")
    media, extension = _find(source, track, b"mdia", b"mdhd"), _find(source, moov, b"mvex")
    movie_hz, media_hz = _word(source, movie, 12, 20), _word(source, media, 12, 20)
    told = (
        (_length(source, header, 20, 28), movie_hz),
        (_length(source, media, 16, 24), media_hz),
        (_length(source, movie, 16, 24), movie_hz),
    )
    length = next(((units, per_second) for units, per_second in told if units and per_second), None)
    if extension is not None:
        track_id = _word(source, header, 12, 20)
        end, last_known = _last_fragment_end(source, moov.end, track_id, extension)
        if end:
            # A movie with a length of its own is the first fragment; a recorded live stream does not begin at 0.
            start = 0 if length else _first_time(source, moov.end, track_id)
            return to_ms(max(end - start, 0), media_hz), last_known
        if promised := _length(source, _find(source, extension, b"mehd"), 4, 4):
            return to_ms(promised, movie_hz), moov.end
    return to_ms(*length) if length else None, moov.end


def _is_long(source: ByteSource, box: Box) -> bool:
    """Return whether this is version 1 of a box, in which times take 64 bits."""
    return source.exactly(box.start, 1) == b"\1"


def _word(source: ByteSource, box: Box | None, short_at: int, long_at: int) -> int:
    """Return a 32-bit field, which has a higher offset in version 1; 0 without the box."""
    if box is None:
        return 0
    return int(source.unpack(">I", box.start + (long_at if _is_long(source, box) else short_at))[0])


def _length(source: ByteSource, box: Box | None, short_at: int, long_at: int) -> int:
    """Return a time of 32 bits, or 64 in version 1; 0 without the box or if it is all ones, which means unknown."""
    if box is None:
        return 0
    layout, at, unknown = (">Q", long_at, 2**64 - 1) if _is_long(source, box) else (">I", short_at, 2**32 - 1)
    units = int(source.unpack(layout, box.start + at)[0])
    return 0 if units == unknown else units


def _last_fragment_end(source: ByteSource, moov_end: int, track_id: int, extension: Box) -> tuple[int, int]:
    """Return where the last fragment of a track ends, in ticks of its media, and the offset of that fragment.

    0 ticks where the last fragment is not found: by the index of the fragments, else in the last 512 KiB.
    """
    defaults = [box for box in _children(source, extension) if box.name == b"trex"]
    default = next((_word(source, box, 12, 12) for box in defaults if _word(source, box, 4, 4) == track_id), 0)
    for offset in islice(_last_fragments(source, moov_end, track_id), MOST_FRAGMENTS):
        end = max((_fragment_end(source, box, track_id, default) for box in _parts(source, offset)), default=0)
        if end:
            return end, offset
    return 0, moov_end


def _last_fragments(source: ByteSource, moov_end: int, track_id: int) -> Iterator[int]:
    """Yield the offsets of what may be the last fragments, the best guess first."""
    indexed = _indexed_fragment(source, track_id)
    if indexed:
        yield indexed
    end = source.size_bytes
    for _ in range(MOST_TAIL_BLOCKS):
        start = max(moov_end, (end - 1) // BLOCK_BYTES * BLOCK_BYTES)
        data = source.peek(start, end - start + 3)  # the name may reach into the block behind
        at = len(data)
        while (at := data.rfind(b"moof", 0, at)) != -1:
            yield start + at - 4
        end = start
        if end <= moov_end or source.reads_left(BLOCK_BYTES) < 2:
            return


def _indexed_fragment(source: ByteSource, track_id: int) -> int:
    """Return the offset of a track's last fragment by the index at the end of the file (mfra); 0 without one."""
    tail = source.peek(source.size_bytes - 16, 16)
    start = source.size_bytes - int.from_bytes(tail[12:])
    if tail[4:8] != b"mfro" or not 0 < start < source.size_bytes:
        return 0
    for box in islice(_children(source, Box(b"", start, source.size_bytes)), 1):
        for table in _children(source, box):
            if (
                table.name == b"tfra"
                and _word(source, table, 4, 4) == track_id
                and (count := _word(source, table, 12, 12))
            ):
                sizes = _word(source, table, 8, 8)
                numbers = sum((sizes >> shift & 3) + 1 for shift in (0, 2, 4))
                layout, times = (">8xQ", 16) if _is_long(source, table) else (">4xI", 8)
                return int(source.unpack(layout, table.start + 16 + (count - 1) * (times + numbers))[0])
    return 0


def _parts(source: ByteSource, offset: int) -> Iterator[Box]:
    """Yield the track fragments of the fragment that begins at `offset`."""
    whole = Box(b"", offset, source.size_bytes)
    for box in islice(_children(source, whole), 1):
        yield from (part for part in _children(source, box) if part.name == b"traf")


def _first_time(source: ByteSource, moov_end: int, track_id: int) -> int:
    """Return when the first fragment of a track begins, in ticks of its media; 0 where it is not behind the movie."""
    for box in islice(_children(source, Box(b"", moov_end, source.size_bytes)), MOST_BOXES_BEHIND):
        for part in _children(source, box) if box.name == b"moof" else ():
            inside = {each.name: each for each in _children(source, part)}
            if _word(source, inside.get(b"tfhd"), 4, 4) == track_id:
                return _length(source, inside.get(b"tfdt"), 4, 4)
    return 0


def _fragment_end(source: ByteSource, fragment: Box, track_id: int, default: int) -> int:
    """Return the start time plus the lengths of all samples of a track fragment; 0 if it belongs to another track."""
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


def _run_units(source: ByteSource, run: Box, default: int) -> int:
    flags, count = source.unpack(">II", run.start)
    if not flags & 0x100:
        return int(count * default)
    fields = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    start = run.start + 8 + 4 * sum(bool(flags & bit) for bit in (0x1, 0x4))
    table = source.peek(start, min(count * fields, max(run.end - start, 0), BLOCK_BYTES))
    return sum(int.from_bytes(table[at : at + 4]) for at in range(0, len(table), fields))
