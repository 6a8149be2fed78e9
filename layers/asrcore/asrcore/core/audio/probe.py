"""The entry point of the probe: detect the container, then call its parser."""

import math
from collections.abc import Callable
from pathlib import PurePosixPath

from pydantic import ValidationError

from asrcore.core.audio.asf import parse_asf
from asrcore.core.audio.flac import parse_flac
from asrcore.core.audio.flv import parse_flv
from asrcore.core.audio.matroska import parse_matroska
from asrcore.core.audio.model import MOST_MS, PADDING_MS, Audio, NotAudio, plausible_rate_hz
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
from asrcore.messages import Message

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
    (b"\x89PNG", Message("probe.png")),
    (b"\xff\xd8\xff", Message("probe.jpeg")),
    (b"GIF8", Message("probe.gif")),
    (b"%PDF", Message("probe.pdf")),
    (b"PK\x03\x04", Message("probe.zip")),
    (b"\x1f\x8b\x08", Message("probe.gzip")),
    (b"Rar!", Message("probe.rar")),
    (b"7z\xbc\xaf\x27\x1c", Message("probe.7z")),
    (b"\xd0\xcf\x11\xe0", Message("probe.old-office")),
    (b"MThd", Message("probe.midi")),
    (b"#EXTM3U", Message("probe.playlist")),
    (b"\x00\x00\x01\xba", Message("probe.mpeg-ps")),
    (b".RMF", Message("probe.realmedia")),
    (b"<!DOCTYPE", Message("probe.web-page")),
    (b"<html", Message("probe.web-page")),
    (b"<?xml", Message("probe.xml")),
)
HEADERLESS = (".pcm", ".raw")
# Of the formats whose length is only in a header; the others are counted, or contain pictures as well.
SOUND_ONLY = frozenset({"ape", "caf", "ogg", "wma"})
LOSSLESS = frozenset({"ape", "alac", "als", "flac", "wmalossless"})
LEAST_BITS_A_SECOND = 100  # silence as Opus or HE-AAC, with its container
MOST_BITS_A_SECOND = 1_600_000  # of a codec with loss
LONGEST_SAMPLE_BITS = 32
MOST = {"sample_rate_hz": 10_000_000, "channels": 255, "duration_ms": MOST_MS, "bits_per_sample": 64}


def probe(read: Read, size_bytes: int, name: str) -> Audio:
    """What the object's bytes say it is.

    read: (offset, length) -> those bytes, fewer only at the end; at most 768 KiB are read in all.
    size_bytes: the object's size.
    name: the object's key, for messages; its extension decides only for .pcm and .raw, which have no header.
    Raises NotAudio, whose message names the object; nothing else, except what `read` raises.
    """
    if size_bytes <= 0:
        raise NotAudio(Message("EmptyObject", {"key": name}), code="EmptyObject")
    try:
        audio = _held(_parse(ByteSource(read, size_bytes), PurePosixPath(name).suffix.lower()), size_bytes)
        impossible = _impossible(audio)
    except NotAudio as reason:
        raise NotAudio(Message("NotAudio", {"key": name, "reason": reason.reason}), code=reason.code) from reason
    except ValidationError as reason:
        impossible = [str(error["loc"][0]) for error in reason.errors()]
    if impossible:
        fault = Message("probe.impossible", {"properties": impossible})
        raise NotAudio(Message("NotAudio", {"key": name, "reason": fault}))
    return audio


def _held(audio: Audio, size_bytes: int) -> Audio:
    """Hold the length to what so many bytes can contain, at the least and the highest bit rate of the codec."""
    if audio.duration_ms is None:
        return audio
    most_bits_a_second = MOST_BITS_A_SECOND if audio.format in SOUND_ONLY else math.inf
    if (audio.codec in LOSSLESS or audio.codec.startswith("pcm")) and audio.sample_rate_hz and audio.channels:
        bits = (audio.bits_per_sample or LONGEST_SAMPLE_BITS) * audio.channels
        most_bits_a_second = max(bits * plausible_rate_hz(audio.sample_rate_hz), most_bits_a_second)
    least_ms, most_ms = size_bytes * 8000 / most_bits_a_second, size_bytes * 8000 / LEAST_BITS_A_SECOND
    held_ms = round(min(max(audio.duration_ms, least_ms - PADDING_MS), most_ms + PADDING_MS))
    if held_ms == audio.duration_ms:
        return audio
    return audio.model_copy(update={"duration_ms": held_ms, "declared_ms": audio.duration_ms})


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
        raise NotAudio(Message("probe.ends-in-tag"), code="TruncatedAudio")
    grid = find_grid(source)
    if grid is not None:
        return parse_mpegts(source, grid)
    for magic, framing in ((AC3_SYNC, AC3), (DTS_SYNC, DTS)):
        if head.startswith(magic) and (surround := parse_surround(source, framing)):
            return surround
    for magic, what in OTHERS:
        if head.startswith(magic):
            raise NotAudio(Message("probe.other", {"what": what}))
    found = parse_frames(source, start, 1 if suffix in HEADERLESS else SEARCH_BYTES)
    if found is not None:
        return found
    if suffix in HEADERLESS:
        return parse_pcm(source)
    raise NotAudio(Message("probe.other", {"what": _looks_like(source)}))


def _looks_like(source: ByteSource) -> Message:
    sample = source.peek(0, 512)
    if not sample.strip(b"\0"):
        return Message("probe.zeros")
    text = sample[:508].decode("utf-8", "ignore")
    if len(text.encode()) >= len(sample[:508]) - 3 and all(char.isprintable() or char.isspace() for char in text):
        return Message("probe.text")
    return Message("probe.unknown-format")
