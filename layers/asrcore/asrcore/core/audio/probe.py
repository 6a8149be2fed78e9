"""The entry point of the probe: detect the container, then call its parser."""

from collections.abc import Callable
from pathlib import PurePosixPath

from pydantic import ValidationError

from asrcore.core.audio.asf import parse_asf
from asrcore.core.audio.flac import parse_flac
from asrcore.core.audio.flv import parse_flv
from asrcore.core.audio.matroska import parse_matroska
from asrcore.core.audio.model import MOST_MS, Audio, NotAudio
from asrcore.core.audio.mp4 import parse_mp4
from asrcore.core.audio.mpeg import SEARCH_BYTES, parse_frames, skip_id3
from asrcore.core.audio.mpegts import find_grid, parse_mpegts
from asrcore.core.audio.ogg import parse_ogg
from asrcore.core.audio.riff import parse_aiff, parse_ape, parse_au, parse_caf, parse_wav, parse_wave64
from asrcore.core.audio.source import ByteSource, Read
from asrcore.core.audio.speech import (
    AMR_NB_MAGIC,
    AMR_WB_MAGIC,
    SILK_MAGIC,
    parse_amr,
    parse_pcm,
    parse_silk,
)
from asrcore.core.audio.surround import AC3, AC3_SYNC, DTS, DTS_SYNC, parse_surround

# (offset, bytes there, parser)
CONTAINERS: tuple[tuple[int, bytes, Callable[[ByteSource], Audio]], ...] = (
    (0, b"RIFF", parse_wav),
    (0, b"RF64", parse_wav),
    (0, b"BW64", parse_wav),
    (0, b"riff\x2e\x91\xcf\x11", parse_wave64),
    (0, b"FORM", parse_aiff),
    (0, b"caff", parse_caf),
    (0, b".snd", parse_au),
    (0, b"MAC ", parse_ape),
    (0, b"OggS", parse_ogg),
    (4, b"ftyp", parse_mp4),
    (4, b"moov", parse_mp4),
    (4, b"mdat", parse_mp4),
    (4, b"wide", parse_mp4),
    (0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), parse_asf),
    (0, b"\x1a\x45\xdf\xa3", parse_matroska),
    (0, b"FLV\x01", parse_flv),
    (0, AMR_NB_MAGIC, parse_amr),
    (0, AMR_WB_MAGIC, parse_amr),
    (0, SILK_MAGIC, parse_silk),
    (0, b"\x02" + SILK_MAGIC, parse_silk),
)

# What people upload by mistake: (bytes at the start, what it is)
OTHERS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
    (b"#EXTM3U", "a playlist"),
    (b"\x00\x00\x01\xba", "an MPEG program stream (a video of a DVD)"),
    (b".RMF", "a RealMedia file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML text"),
)
HEADERLESS = (".pcm", ".raw")
MOST = {"sample_rate_hz": 10_000_000, "channels": 255, "duration_ms": MOST_MS, "bits_per_sample": 64}
ADVICE = "upload a recording as WAV, MP3, M4A, AAC, FLAC, Ogg, AMR, WMA or SILK"


def probe(read: Read, size_bytes: int, name: str) -> Audio:
    """What the object's bytes say it is.

    read: (offset, length) -> those bytes, fewer only at the end; at most 768 KiB are read in all.
    size_bytes: the object's size.
    name: the object's key, for messages; its extension decides only for .pcm and .raw, which have no header.
    Raises NotAudio, whose message names the object; nothing else, except what `read` raises.
    """
    if size_bytes <= 0:
        raise NotAudio(f"{name} is empty (0 bytes): upload the recording again", code="EmptyObject")
    try:
        audio = _parse(ByteSource(read, size_bytes), PurePosixPath(name).suffix.lower())
        impossible = _impossible(audio)
    except NotAudio as reason:
        raise NotAudio(f"{name} cannot be transcribed: {reason}", code=reason.code) from reason
    except ValidationError as reason:
        impossible = [str(error["loc"][0]) for error in reason.errors()]
    if impossible:
        raise NotAudio(
            f"{name} cannot be transcribed: its header gives an impossible {', '.join(impossible)};"
            " convert the recording again"
        )
    return audio


def _impossible(audio: Audio) -> list[str]:
    """Return the impossible properties: a header can hold numbers of 150 digits, and codecs that are no words."""
    numbers = [name for name, most in MOST.items() if (getattr(audio, name) or 0) > most]
    words = {"format": audio.format, "codec": audio.codec}
    return [*numbers, *(name for name, word in words.items() if not (word.isascii() and word.isprintable()))]


def _parse(source: ByteSource, suffix: str) -> Audio:
    head = source.peek(0, 64)
    for offset, magic, parse in CONTAINERS:
        if head[offset:].startswith(magic):
            return parse(source)
    start = skip_id3(source)
    if source.peek(start, 4) == b"fLaC":
        return parse_flac(source, start)
    if start >= source.size_bytes:
        raise NotAudio("it ends inside its ID3 tag, before any sound: upload it again", code="TruncatedAudio")
    grid = find_grid(source)
    if grid is not None:
        return parse_mpegts(source, grid)
    for magic, framing in ((AC3_SYNC, AC3), (DTS_SYNC, DTS)):
        if head.startswith(magic) and (surround := parse_surround(source, framing)):
            return surround
    for magic, what in OTHERS:
        if head.startswith(magic):
            raise NotAudio(f"it is {what}; {ADVICE}")
    found = parse_frames(source, start, 1 if suffix in HEADERLESS else SEARCH_BYTES)
    if found is not None:
        return found
    if suffix in HEADERLESS:
        return parse_pcm(source)
    raise NotAudio(f"{_looks_like(source)}; {ADVICE}")


def _looks_like(source: ByteSource) -> str:
    sample = source.peek(0, 512)
    if not sample.strip(b"\0"):
        return "it begins with zeros only, as a failed upload or an unfinished recording does"
    text = sample[:508].decode("utf-8", "ignore")
    if len(text.encode()) >= len(sample[:508]) - 3 and all(char.isprintable() or char.isspace() for char in text):
        return "it is a text"
    return "it is of no audio format known here"
