"""Compare the audio probe with PyAV's decoder on files written by PyAV and `wave`."""

import io
import struct
import tempfile
import wave
from collections.abc import Callable
from functools import cache

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrcore.core.audio import Audio, NotAudio, probe
from tests.support.sampled import examples

SECONDS = 8
READ_LIMIT_BYTES = 768 * 1024
REQUEST_LIMIT = 16


class Recorded:
    """An object that records reads: some bytes, then filler, then some bytes."""

    def __init__(self, head: bytes, size_bytes: int | None = None, tail: bytes = b"") -> None:
        self.head, self.tail = head, tail
        self.size_bytes = len(head) + len(tail) if size_bytes is None else size_bytes
        self.requests: list[int] = []

    def read(self, offset: int, length: int) -> bytes:
        self.requests.append(length)
        end = min(offset + length, self.size_bytes)
        tail_start = self.size_bytes - len(self.tail)
        head = self.head[offset:end]
        filler_bytes = max(0, min(end, tail_start) - max(offset, len(self.head)))
        tail = self.tail[max(0, offset - tail_start) : max(0, end - tail_start)]
        return head + b"\0" * filler_bytes + tail

    def probe(self, name: str = "recording") -> Audio:
        return probe(self.read, self.size_bytes, name)


class Pipe:
    """An output without seek, like a pipe or a streamed upload."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


def make_samples(rate_hz: int, channels: int, seconds: float) -> np.ndarray:
    """Return words and pauses: an intermittent tone over a little noise."""
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    voice = np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 0.7 * t) > 0)
    noise = np.random.default_rng(7).normal(0, 0.01, t.size)
    return np.tile(((voice * 0.5 + noise) * 20000).astype(np.int16), (channels, 1)).T.reshape(1, -1)


@cache
def make(
    container: str,
    codec: str,
    rate_hz: int,
    channels: int = 1,
    *,
    seconds: float = SECONDS,
    options: tuple[tuple[str, str], ...] = (),
    bit_rate: int = 0,
    streamed: bool = False,
) -> bytes:
    """Return a recording written by PyAV."""
    out = Pipe()
    layout = "stereo" if channels == 2 else "mono"
    with (
        tempfile.NamedTemporaryFile() as target,
        av.open(out if streamed else target.name, "w", format=container, options=dict(options)) as file,
    ):
        stream = file.add_stream(codec, rate=rate_hz, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(make_samples(rate_hz, channels, seconds), format="s16", layout=layout)
        frame.rate = rate_hz
        for packet in (*stream.encode(frame), *stream.encode(None)):
            if packet.size or container == "flac":  # FLAC's last packet only corrects the head of its own format
                file.mux(packet)
        file.close()
        return bytes(out.written) if streamed else target.read()


@cache
def make_video(container: str, *, with_sound: bool, options: tuple[tuple[str, str], ...] = ()) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=dict(options)) as file:
        picture = file.add_stream(
            "flv1" if container == "flv" else "mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p"
        )
        sound = file.add_stream("aac", rate=16000, layout="mono") if with_sound else None
        for _ in range(10 * SECONDS):
            file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(picture.encode(None))
        if sound:
            frame = av.AudioFrame.from_ndarray(make_samples(16000, 1, SECONDS), format="s16", layout="mono")
            frame.rate = 16000
            file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return out.getvalue()


def decode(data: bytes) -> tuple[int, int, float]:
    """Return the rate, channels and milliseconds that PyAV decodes."""
    with av.open(io.BytesIO(data)) as file:
        stream = file.streams.audio[0]
        samples = sum(frame.samples for frame in file.decode(stream))
        return stream.rate, stream.channels, samples * 1000 / stream.rate


def near(ms: float) -> object:
    return pytest.approx(ms, rel=0.01, abs=50)


def id3(size_bytes: int) -> bytes:
    """An ID3v2.4 tag, as large as the cover picture in it."""
    sevens = [size_bytes >> 21 & 127, size_bytes >> 14 & 127, size_bytes >> 7 & 127, size_bytes & 127]
    return b"ID3\x04\0\0" + bytes(sevens)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def ogg_page(packet: bytes, serial: int, granule: int, flags: int) -> bytes:
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    return struct.pack("<4sBBQIIIB", b"OggS", 0, flags, granule, serial, 0, 0, len(lacing)) + lacing + packet


def speex(rate_hz: int, channels: int, samples: int) -> bytes:
    head = b"Speex   " + b"1.2".ljust(20, b"\0") + struct.pack("<IIIIII", 1, 80, rate_hz, 1, 4, channels)
    return ogg_page(head.ljust(80, b"\0"), 9, 0, 2) + ogg_page(b"\1" * 70, 9, samples, 4)


def vorbis(rate_hz: int, channels: int, samples: int) -> bytes:
    head = b"\1vorbis" + struct.pack("<IBI", 0, channels, rate_hz)
    return ogg_page(head.ljust(30, b"\0"), 9, 0, 2) + ogg_page(b"\1" * 70, 9, samples, 4)


def long_vorbis(rate_hz: int, pages: int) -> bytes:
    """Vorbis in pages of 43 packets, each of 1024 samples, as long blocks give them."""
    head = b"\1vorbis" + struct.pack("<IBIIIIBB", 0, 2, rate_hz, 0, 128000, 0, 0xB8, 1)
    data = ogg_page(head, 9, 0, 2) + ogg_page(b"\3vorbis" + bytes(40), 9, 0, 0)
    for page in range(1, pages + 1):
        head = struct.pack("<4sBBQIIIB", b"OggS", 0, 0, page * 43 * 1024, 9, 0, 0, 43)
        data += head + b"\x64" * 43 + b"\2" * 4300
    return data


def amr(wide: bool, frames: int, frame_types: tuple[int, ...]) -> bytes:
    sizes = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5) if wide else (12, 13, 15, 17, 19, 20, 26, 31, 5)
    noise = np.random.default_rng(3)
    kinds = [frame_types[i * len(frame_types) // frames] for i in range(frames)]
    body = b"".join(bytes([kind << 3 | 4]) + noise.bytes(sizes[kind]) for kind in kinds)
    return (b"#!AMR-WB\n" if wide else b"#!AMR\n") + body


def silk(packets: int, first: bytes = b"") -> bytes:
    return first + b"#!SILK_V3" + b"".join(struct.pack("<H", 40) + b"\x55" * 40 for _ in range(packets)) + b"\xff\xff"


def dts(frames: int) -> bytes:
    """DTS as a DVD has it: 48 kHz, 5.1 channels, 512 samples in 1006 bytes."""
    fields = ((1, 1), (31, 5), (0, 1), (15, 7), (1005, 14), (9, 6), (13, 4), (15, 5), (0, 10), (1, 2), (0, 9))
    bits = int.from_bytes(b"\x7f\xfe\x80\x01")
    for value, width in fields:
        bits = bits << width | value
    return bits.to_bytes(12).ljust(1006, b"\x55") * frames


def monkeys_audio(rate_hz: int, channels: int, samples: int) -> bytes:
    frame_samples = 73728
    descriptor = b"MAC " + struct.pack("<HHIIIIIII", 3990, 0, 52, 24, 0, 44, 1000, 0, 0) + bytes(16)
    counts = (frame_samples, samples % frame_samples, samples // frame_samples + 1)
    return descriptor + struct.pack("<HHIIIHHI", 2000, 0, *counts, 16, channels, rate_hz) + bytes(1044)


def free_format_mp3(frames: int, frame_bytes: int) -> bytes:
    """Layer III of 44.1 kHz, whose headers leave the bit rate open; every other frame has a byte of padding."""
    plain, padded = b"\xff\xfb\x00\xc4", b"\xff\xfb\x02\xc4"
    return (plain.ljust(frame_bytes, b"\x55") + padded.ljust(frame_bytes + 1, b"\x55")) * (frames // 2)


def remux(data: bytes, container: str) -> bytes:
    """The same packets in another container."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(out, "w", format=container) as file:
        stream = file.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    return out.getvalue()


def make_raw_video(width: int, height: int, options: tuple[tuple[str, str], ...]) -> bytes:
    """A MOV of pictures that are not compressed, 10 a second, with sound."""
    with (
        tempfile.NamedTemporaryFile() as target,
        av.open(target.name, "w", format="mov", options=dict(options)) as file,
    ):
        picture = file.add_stream("rawvideo", rate=10, width=width, height=height, pix_fmt="yuv420p")
        sound = file.add_stream("aac", rate=16000, layout="mono")
        samples = make_samples(16000, 1, SECONDS)
        for second in range(SECONDS):
            for _ in range(10):
                file.mux(picture.encode(av.VideoFrame(width, height, "yuv420p")))
            part = samples[:, second * 16000 : (second + 1) * 16000]
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.rate = 16000
            file.mux(sound.encode(frame))
        file.mux(picture.encode(None))
        file.mux(sound.encode(None))
        file.close()
        return target.read()


def vbri_mp3(rate_hz: int) -> bytes:
    """An MP3 whose first frame carries Fraunhofer's header, made from one with Xing's."""
    data = bytearray(make("mp3", "libmp3lame", rate_hz))
    start = data.index(b"Info") if b"Info" in data else data.index(b"Xing")
    frames, stream_bytes = struct.unpack(">II", data[start + 8 : start + 16])
    frame_at = data.rindex(b"\xff", 0, start)
    data[start : start + 4] = b"\0\0\0\0"
    data[frame_at + 36 : frame_at + 54] = struct.pack(">4sHHHII", b"VBRI", 1, 0, 75, stream_bytes, frames)
    return bytes(data)


def wav(size_field: int, sound_bytes: int, chunks_before: bytes = b"") -> bytes:
    """A WAV of 16 kHz, 16 bit, mono whose data chunk claims `size_field`."""
    layout = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    head = b"RIFF\xff\xff\xff\xffWAVE" + chunks_before + b"fmt \x10\0\0\0" + layout
    return head + b"data" + struct.pack("<I", size_field) + b"\1" * sound_bytes


def stdlib_wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\1\2\3" * 8000 * SECONDS)
    return out.getvalue()


NO_XING = (("write_xing", "0"),)
FAST_START = (("movflags", "faststart"),)
FRAGMENTED = (("movflags", "frag_keyframe+empty_moov+default_base_moof"), ("frag_duration", "500000"))
CAMERA = (("mpegts_m2ts_mode", "1"),)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(stdlib_wav, ("wav", "pcm_s16le", 16), id="wav-from-the-standard-library"),
        pytest.param(lambda: make("wav", "pcm_s16le", 16000), ("wav", "pcm_s16le", 16), id="wav-16-bit"),
        pytest.param(lambda: make("wav", "pcm_u8", 8000), ("wav", "pcm_u8", 8), id="wav-8-bit"),
        pytest.param(lambda: make("wav", "pcm_s24le", 48000, 2), ("wav", "pcm_s24le", 24), id="wav-extensible"),
        pytest.param(lambda: make("wav", "pcm_f32le", 44100), ("wav", "pcm_f32le", 32), id="wav-float"),
        pytest.param(lambda: make("wav", "pcm_mulaw", 8000, 2), ("wav", "pcm_mulaw", 8), id="wav-mu-law-telephone"),
        pytest.param(lambda: make("wav", "pcm_alaw", 8000), ("wav", "pcm_alaw", 8), id="wav-a-law-telephone"),
        pytest.param(lambda: make("wav", "adpcm_ima_wav", 8000), ("wav", "adpcm_ima_wav", 4), id="wav-adpcm"),
        pytest.param(lambda: make("wav", "libmp3lame", 16000), ("wav", "mp3", None), id="wav-around-mp3"),
        pytest.param(
            lambda: make("wav", "pcm_s16le", 16000, options=(("rf64", "always"),)), ("wav", "pcm_s16le", 16), id="rf64"
        ),
        pytest.param(lambda: make("w64", "pcm_s16le", 16000), ("wav", "pcm_s16le", 16), id="wave64"),
        pytest.param(lambda: make("wav", "pcm_s16le", 16000, streamed=True), ("wav", "pcm_s16le", 16), id="wav-piped"),
        pytest.param(lambda: make("aiff", "pcm_s16be", 44100), ("aiff", "pcm_s16be", 16), id="aiff"),
        pytest.param(lambda: make("aiff", "pcm_mulaw", 8000), ("aiff", "pcm_mulaw", 8), id="aifc-mu-law"),
        pytest.param(lambda: make("caf", "pcm_s16le", 16000, 2), ("caf", "pcm_s16le", 16), id="caf-pcm"),
        pytest.param(lambda: make("caf", "alac", 44100), ("caf", "alac", None), id="caf-with-packet-table"),
        pytest.param(lambda: make("mp3", "libmp3lame", 16000), ("mp3", "mp3", None), id="mp3-mpeg-2"),
        pytest.param(lambda: make("mp3", "libmp3lame", 44100, 2), ("mp3", "mp3", None), id="mp3-mpeg-1-stereo"),
        pytest.param(lambda: make("mp3", "libmp3lame", 8000), ("mp3", "mp3", None), id="mp3-mpeg-2.5"),
        pytest.param(
            lambda: make("mp3", "libmp3lame", 22050, options=NO_XING), ("mp3", "mp3", None), id="mp3-without-xing"
        ),
        pytest.param(lambda: vbri_mp3(44100), ("mp3", "mp3", None), id="mp3-with-vbri"),
        pytest.param(lambda: make("mp2", "mp2", 44100, 2), ("mp2", "mp2", None), id="mp2"),
        pytest.param(
            lambda: make("mp3", "libmp3lame", 16000, options=NO_XING)[100:], ("mp3", "mp3", None), id="mp3-cut-at-start"
        ),
        pytest.param(lambda: make("adts", "aac", 16000), ("aac", "aac", None), id="aac-adts"),
        pytest.param(lambda: make("adts", "aac", 44100, 2), ("aac", "aac", None), id="aac-adts-stereo"),
        pytest.param(lambda: make("flac", "flac", 16000), ("flac", "flac", 16), id="flac"),
        pytest.param(lambda: make("flac", "flac", 44100, 2, streamed=True), ("flac", "flac", 16), id="flac-piped"),
        pytest.param(lambda: id3(300) + bytes(300) + make("flac", "flac", 16000), ("flac", "flac", 16), id="flac-id3"),
        pytest.param(lambda: make("ogg", "libopus", 48000), ("ogg", "opus", None), id="ogg-opus"),
        pytest.param(lambda: make("ogg", "flac", 16000), ("ogg", "flac", 16), id="ogg-flac"),
        pytest.param(lambda: make("ipod", "aac", 16000), ("m4a", "aac", None), id="m4a"),
        pytest.param(
            lambda: make("ipod", "aac", 44100, 2, options=FAST_START), ("m4a", "aac", None), id="m4a-moov-first"
        ),
        pytest.param(lambda: make("mp4", "aac", 16000), ("m4a", "aac", None), id="mp4-with-sound-only"),
        pytest.param(lambda: make("ipod", "alac", 44100), ("m4a", "alac", 24), id="m4a-alac"),
        pytest.param(lambda: make("mp4", "libopus", 48000), ("m4a", "opus", None), id="mp4-opus"),
        pytest.param(lambda: make("mp4", "aac", 16000, options=FRAGMENTED), ("m4a", "aac", None), id="mp4-fragmented"),
        pytest.param(lambda: make("3gp", "aac", 16000), ("3gp", "aac", None), id="3gp"),
        pytest.param(lambda: make("mov", "pcm_s16le", 44100), ("mov", "pcm_s16le", 16), id="mov-pcm"),
        pytest.param(lambda: make_video("mp4", with_sound=True), ("mp4", "aac", None), id="mp4-video-with-sound"),
        pytest.param(lambda: make("asf", "wmav2", 44100, 2, bit_rate=64000), ("wma", "wmav2", None), id="wma"),
        pytest.param(lambda: make_video("asf", with_sound=True), ("wmv", "aac", None), id="wmv"),
        pytest.param(lambda: make("webm", "libopus", 48000), ("webm", "opus", None), id="webm"),
        pytest.param(lambda: make("matroska", "flac", 16000), ("matroska", "flac", 16), id="matroska"),
        pytest.param(lambda: make("mov", "pcm_s24be", 48000, 2), ("mov", "pcm_s24be", 24), id="mov-in24"),
        pytest.param(lambda: make("mov", "pcm_s24le", 48000), ("mov", "pcm_s24le", 24), id="mov-in24-little-endian"),
        pytest.param(lambda: make("mov", "pcm_f32be", 48000), ("mov", "pcm_f32be", 32), id="mov-fl32"),
        pytest.param(lambda: make("mov", "pcm_f32le", 48000), ("mov", "pcm_f32le", 32), id="mov-fl32-little-endian"),
        pytest.param(lambda: make("mov", "pcm_s16le", 96000), ("mov", "pcm_s16le", 16), id="mov-lpcm-of-96-khz"),
        pytest.param(lambda: make("mp4", "pcm_s24le", 48000), ("m4a", "pcm_s24le", 24), id="mp4-ipcm"),
        pytest.param(lambda: make("mp4", "pcm_f32be", 48000), ("m4a", "pcm_f32be", 32), id="mp4-fpcm"),
        pytest.param(lambda: make("mp4", "ac3", 32000, 2), ("m4a", "ac3", None), id="mp4-ac3"),
        pytest.param(lambda: make("mp4", "eac3", 44100, 2), ("m4a", "eac3", None), id="mp4-eac3"),
        pytest.param(lambda: make("mp4", "flac", 96000, 2), ("m4a", "flac", 16), id="mp4-flac-of-96-khz"),
        pytest.param(lambda: make("mp4", "libopus", 16000, options=FRAGMENTED), ("m4a", "opus", None), id="fmp4-opus"),
        pytest.param(lambda: make("mpegts", "aac", 16000), ("mpegts", "aac", None), id="mpeg-ts-aac"),
        pytest.param(lambda: make("mpegts", "ac3", 48000, 2, options=CAMERA), ("mpegts", "ac3", None), id="m2ts-ac3"),
        pytest.param(lambda: make("mpegts", "libmp3lame", 44100, 2), ("mpegts", "mp3", None), id="mpeg-ts-mp3"),
        pytest.param(lambda: make("mpegts", "mp2", 48000, 2), ("mpegts", "mp2", None), id="mpeg-ts-mp2"),
        pytest.param(lambda: make("mpegts", "ac3", 48000, 2), ("mpegts", "ac3", None), id="mpeg-ts-ac3"),
        pytest.param(lambda: make("mpegts", "eac3", 48000, 2), ("mpegts", "eac3", None), id="mpeg-ts-eac3"),
        pytest.param(lambda: make("mpegts", "libopus", 48000, 2), ("mpegts", "opus", None), id="mpeg-ts-opus"),
        pytest.param(lambda: make_video("mpegts", with_sound=True), ("mpegts", "aac", None), id="mpeg-ts-video"),
        pytest.param(lambda: make_video("avi", with_sound=True), ("avi", "aac", None), id="avi-aac"),
        pytest.param(lambda: make("avi", "pcm_s16le", 16000), ("avi", "pcm_s16le", 16), id="avi-pcm"),
        pytest.param(lambda: make("avi", "libmp3lame", 44100, 2), ("avi", "mp3", None), id="avi-mp3"),
        pytest.param(lambda: make("au", "pcm_s16be", 16000), ("au", "pcm_s16be", 16), id="au"),
        pytest.param(lambda: make("au", "pcm_mulaw", 8000, 2, streamed=True), ("au", "pcm_mulaw", 8), id="au-piped"),
        pytest.param(lambda: make("ac3", "ac3", 44100, 2), ("ac3", "ac3", None), id="ac3"),
        pytest.param(lambda: make("eac3", "eac3", 48000), ("eac3", "eac3", None), id="eac3"),
        pytest.param(lambda: make("flv", "libmp3lame", 44100), ("flv", "mp3", None), id="flv-mp3"),
        pytest.param(lambda: make("flv", "aac", 16000), ("flv", "aac", None), id="flv-aac"),
    ],
)
def test_probe_agrees_with_a_decoder(data: Callable[[], bytes], expected: tuple[str, str, int | None]) -> None:
    recording = Recorded(data())
    rate_hz, channels, duration_ms = decode(data())

    audio = recording.probe()

    assert (audio.format, audio.codec, audio.bits_per_sample) == expected
    assert (audio.sample_rate_hz, audio.channels) == (rate_hz, channels)
    assert audio.duration_ms == near(duration_ms)
    assert audio.warnings == []
    assert len(recording.requests) <= 3


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        pytest.param(
            amr(wide=False, frames=250, frame_types=(7,)),
            "voice.amr",
            Audio(format="amr", codec="amr_nb", sample_rate_hz=8000, channels=1, duration_ms=5000),
            id="amr-nb",
        ),
        pytest.param(
            amr(wide=True, frames=250, frame_types=(8, 2, 9, 0)),
            "voice.awb",
            Audio(format="amr", codec="amr_wb", sample_rate_hz=16000, channels=1, duration_ms=5000),
            id="amr-wb-changing-modes",
        ),
        pytest.param(
            speex(8000, 1, samples=40000),
            "voice.spx",
            Audio(format="ogg", codec="speex", sample_rate_hz=8000, channels=1, duration_ms=5000),
            id="ogg-speex",
        ),
        pytest.param(
            vorbis(44100, 2, samples=220500),
            "voice.ogg",
            Audio(format="ogg", codec="vorbis", sample_rate_hz=44100, channels=2, duration_ms=5000),
            id="ogg-vorbis",
        ),
        pytest.param(
            ogg_page(b"\x80theora", 1, 0, 2) + speex(16000, 2, samples=80000),
            "film.ogv",
            Audio(format="ogg", codec="speex", sample_rate_hz=16000, channels=2, duration_ms=5000),
            id="ogg-sound-after-video",
        ),
        pytest.param(
            silk(250),
            "voice.silk",
            Audio(format="silk", codec="silk", sample_rate_hz=None, channels=1, duration_ms=5000),
            id="silk",
        ),
        pytest.param(
            silk(250, first=b"\x02"),
            "voice.slk",
            Audio(format="silk", codec="silk", sample_rate_hz=None, channels=1, duration_ms=5000),
            id="silk-of-a-chat-program",
        ),
        pytest.param(
            dts(frames=469),
            "film.dts",
            Audio(format="dts", codec="dts", sample_rate_hz=48000, channels=6, duration_ms=5003),
            id="dts-5.1",
        ),
        pytest.param(
            monkeys_audio(44100, 2, samples=220500),
            "song.ape",
            Audio(format="ape", codec="ape", sample_rate_hz=44100, channels=2, duration_ms=5000, bits_per_sample=16),
            id="monkeys-audio",
        ),
        pytest.param(
            b"\1\2" * 80000,
            "calls/voice.PCM",
            Audio(
                format="pcm", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=5000, bits_per_sample=16
            ),
            id="pcm-by-its-name",
        ),
    ],
)
def test_probe_reads_formats_without_a_local_encoder(data: bytes, name: str, expected: Audio) -> None:
    assert Recorded(data).probe(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("meeting.mp3", "wav", id="wav-named-mp3"),
        pytest.param("meeting", "wav", id="no-extension"),
        pytest.param("meeting.pcm", "wav", id="wav-named-pcm"),
        pytest.param("会议 1+2.raw", "wav", id="wav-named-raw"),
    ],
)
def test_format_is_that_of_the_content_not_the_name(name: str, expected: str) -> None:
    assert Recorded(stdlib_wav()).probe(name).format == expected


@pytest.mark.parametrize(
    ("data", "duration_ms"),
    [
        pytest.param(wav(64000, 64000), 2000, id="honest"),
        pytest.param(wav(32000, 32000, b"LIST" + struct.pack("<I", 31992) + bytes(31992)), 1000, id="another-chunk"),
        pytest.param(wav(32000, 64000), 2000, id="more-than-declared"),
        pytest.param(wav(0, 64000), 2000, id="zero-while-recording"),
        pytest.param(wav(0xFFFFFFFF, 64000), 2000, id="unknown-when-streamed"),
        pytest.param(wav(0x7FFFF000, 64000), 2000, id="longer-than-the-file"),
        pytest.param(wav(64000, 64000, b"LIST" + struct.pack("<I", 301) + bytes(302)), 2000, id="odd-chunk-is-padded"),
    ],
)
def test_wav_with_a_wrong_data_size_has_its_real_length(data: bytes, duration_ms: int) -> None:
    assert Recorded(data).probe().duration_ms == duration_ms


@pytest.mark.parametrize(
    ("entry", "wide", "rate_hz"),
    [pytest.param(b"samr", False, 8000, id="narrow"), pytest.param(b"sawb", True, 16000, id="wide")],
)
def test_amr_in_3gp_has_the_rate_of_its_codec(entry: bytes, wide: bool, rate_hz: int) -> None:
    data = bytearray(remux(amr(wide=wide, frames=250, frame_types=(2,)), "3gp"))
    entry_at = data.index(entry)
    data[entry_at + 20 : entry_at + 32] = struct.pack(">HHHHHH", 2, 16, 0, 0, 44100, 0)  # as some telephones write it

    audio = Recorded(bytes(data)).probe()

    assert (audio.format, audio.codec) == ("3gp", "amr_wb" if wide else "amr_nb")
    assert (audio.sample_rate_hz, audio.channels, audio.duration_ms) == (rate_hz, 1, near(5000))


@pytest.mark.parametrize(
    ("wide", "frame_type"), [pytest.param(False, 7, id="narrow"), pytest.param(True, 8, id="wide")]
)
def test_amr_in_3gp_has_no_fewer_frames_than_its_bytes(wide: bool, frame_type: int) -> None:
    data = bytearray(remux(amr(wide=wide, frames=3000, frame_types=(frame_type,)), "3gp"))
    honest = Recorded(bytes(data)).probe()
    sizes, times = data.index(b"stsz") + 8, data.index(b"stts") + 12
    size_bytes, frames = struct.unpack(">II", data[sizes : sizes + 8])
    data[sizes : sizes + 8] = struct.pack(">II", size_bytes * 10, frames // 10)  # ten are listed as one
    data[times : times + 4] = struct.pack(">I", frames // 10)
    for name, at in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        place = data.index(name) + at
        data[place : place + 4] = struct.pack(">I", int.from_bytes(data[place : place + 4]) // 10)

    audio = Recorded(bytes(data)).probe()

    assert (honest.duration_ms, honest.warnings) == (near(60_000), [])
    assert audio.duration_ms == near(60_000)
    assert [warning.code for warning in audio.warnings] == ["warning.header-length"]


@pytest.mark.parametrize(
    ("codec", "entry"), [pytest.param("ac3", b"ac-3", id="ac3"), pytest.param("eac3", b"ec-3", id="eac3")]
)
def test_dolby_in_mp4_has_the_rate_of_its_codec(codec: str, entry: bytes) -> None:
    data = bytearray(make("mp4", codec, 32000, 1))
    entry_at = data.index(entry)
    data[entry_at + 20 : entry_at + 32] = struct.pack(">HHHHHH", 2, 16, 0, 0, 48000, 0)

    audio = Recorded(bytes(data)).probe()

    assert (audio.codec, audio.sample_rate_hz, audio.channels) == (codec, 32000, 1)


def test_opus_in_fragmented_mp4_is_of_48_khz() -> None:
    data = bytearray(make("mp4", "libopus", 16000, options=FRAGMENTED))
    entry_at = data.index(b"Opus")
    data[entry_at + 28 : entry_at + 32] = struct.pack(">HH", 16000, 0)  # as a browser writes it

    assert Recorded(bytes(data)).probe().sample_rate_hz == 48000


def test_flac_in_mp4_is_described_by_its_own_header() -> None:
    data = bytearray(make("mp4", "flac", 96000, 2))  # a rate that the entry's 16 bits cannot hold

    audio = Recorded(bytes(data)).probe()

    assert (audio.sample_rate_hz, audio.channels, audio.bits_per_sample) == (96000, 2, 16)


@pytest.mark.parametrize("container", ["mpegts", "adts"])
def test_silent_aac_is_described_by_its_container(container: str) -> None:
    """Frames of silence are so small that several in a row fit into one packet of a transport stream."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000 * SECONDS), np.int16), format="s16", layout="mono")
        frame.rate = 16000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))

    audio = Recorded(out.getvalue()).probe()

    assert (audio.format, audio.codec) == ("mpegts" if container == "mpegts" else "aac", "aac")
    assert (audio.sample_rate_hz, audio.channels, audio.duration_ms) == (16000, 1, near(SECONDS * 1000))


def test_transport_stream_cut_in_a_packet_is_found() -> None:
    audio = Recorded(make("mpegts", "mp2", 48000, 2)[100:]).probe()

    assert (audio.format, audio.codec, audio.sample_rate_hz) == ("mpegts", "mp2", 48000)


LONG_FRAGMENTS = (("movflags", "frag_keyframe+empty_moov+default_base_moof"), ("frag_duration", "2000000"))
SHORT_FRAGMENTS = (("movflags", "empty_moov+default_base_moof+skip_trailer"), ("frag_duration", "1000000"))
FIRST_IN_MOOV = (("movflags", "default_base_moof"), ("frag_duration", "2000000"))


@pytest.mark.parametrize(
    ("size", "options"),
    [
        pytest.param((320, 240), LONG_FRAGMENTS, id="by-the-index-of-fragments-of-2-mb"),
        pytest.param((160, 120), SHORT_FRAGMENTS, id="by-the-last-of-fragments-of-300-kb"),
        pytest.param((64, 64), FIRST_IN_MOOV, id="fragments-behind-a-movie-with-a-length"),
    ],
)
def test_fragmented_video_has_its_length(size: tuple[int, int], options: tuple[tuple[str, str], ...]) -> None:
    data = make_raw_video(*size, options)
    recording = Recorded(data)
    assert data.count(b"moof") >= 3

    audio = recording.probe()

    assert audio.duration_ms == pytest.approx(SECONDS * 1000, abs=130)  # an AAC frame of 16 kHz takes 64 ms
    assert len(recording.requests) <= REQUEST_LIMIT


def test_fragmented_mp4_of_a_live_stream_begins_at_zero() -> None:
    data = bytearray(make("mp4", "aac", 16000, options=FRAGMENTED))
    begin_units = 16000 * 3600
    at = -1
    while (at := data.find(b"tfdt", at + 1)) != -1:
        units = int.from_bytes(data[at + 8 : at + 16])
        data[at + 8 : at + 16] = (units + begin_units).to_bytes(8)

    assert Recorded(bytes(data)).probe().duration_ms == near(SECONDS * 1000)


@pytest.mark.parametrize(
    "complete",
    [
        pytest.param(lambda: make("wav", "pcm_s16le", 16000), id="wav"),
        pytest.param(lambda: make("wav", "adpcm_ima_wav", 8000), id="wav-adpcm"),
        pytest.param(lambda: make("wav", "pcm_s16le", 16000, options=(("rf64", "always"),)), id="rf64"),
        pytest.param(lambda: make("w64", "pcm_s16le", 16000), id="wave64"),
        pytest.param(lambda: make("aiff", "pcm_s16be", 16000), id="aiff"),
        pytest.param(lambda: make("caf", "pcm_s16le", 16000), id="caf"),
        pytest.param(lambda: make("au", "pcm_s16be", 16000), id="au"),
        pytest.param(lambda: make("avi", "pcm_s16le", 16000), id="avi"),
        pytest.param(lambda: make("flac", "flac", 16000), id="flac"),
        pytest.param(lambda: make("mp3", "libmp3lame", 16000), id="mp3-with-xing"),
        pytest.param(lambda: make("ipod", "aac", 16000, options=FAST_START), id="m4a"),
        pytest.param(lambda: make_raw_video(64, 64, FAST_START), id="mov"),
        pytest.param(lambda: make("asf", "wmav2", 44100, 2, bit_rate=64000), id="wma"),
        pytest.param(lambda: make("matroska", "aac", 16000), id="matroska"),
        pytest.param(lambda: make("webm", "libopus", 48000), id="webm"),
    ],
)
def test_truncated_file_has_a_warning(complete: Callable[[], bytes]) -> None:
    data = complete()
    cut = Recorded(data[: len(data) * 6 // 10])

    audio = cut.probe()

    assert audio.declared_ms == pytest.approx(SECONDS * 1000, abs=200)
    assert audio.duration_ms == pytest.approx(SECONDS * 600, rel=0.1)
    (warning,) = audio.warnings
    assert str(warning).startswith("the file ends early: ")
    assert str(warning).endswith(f" of {round(audio.declared_ms / 1000, 1):.10g} seconds")
    assert len(cut.requests) <= 3


def test_truncated_file_warning_names_both_lengths() -> None:
    assert [str(each) for each in Recorded(wav(64000, 48000)).probe().warnings] == [
        "the file ends early: 1.5 of 2 seconds"
    ]


@pytest.mark.parametrize("missing_bytes", [1, 2000])
def test_few_missing_bytes_give_no_warning(missing_bytes: int) -> None:
    assert Recorded(wav(64000, 64000 - missing_bytes)).probe().warnings == []


@pytest.mark.parametrize("zeros_bytes", [4_000, 600_000, 50_000_000])
def test_mp3_that_ends_in_zeros_has_a_length(zeros_bytes: int) -> None:
    sound = make("mp3", "libmp3lame", 16000, options=NO_XING)[:8000]
    recording = Recorded(sound, len(sound) + zeros_bytes)

    audio = recording.probe()

    assert (audio.format, audio.sample_rate_hz) == ("mp3", 16000)
    assert audio.duration_ms == (near(len(sound) / 3) if zeros_bytes < 500_000 else None)
    assert len(recording.requests) <= REQUEST_LIMIT


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(bytes(64 * 1024 - 1), id="64-kib-of-zeros"),
        pytest.param(np.random.default_rng(5).bytes(60_000), id="noise"),
        pytest.param(b"\xff" * 30_000, id="ones"),
        pytest.param(b"ICY 200 OK\r\nicy-name: station\r\n\r\n", id="the-head-of-a-stream"),
    ],
)
def test_mp3_after_junk_is_found(before: bytes) -> None:
    audio = Recorded(before + make("mp3", "libmp3lame", 16000)).probe("call.mp3")

    assert (audio.format, audio.sample_rate_hz, audio.duration_ms) == ("mp3", 16000, near(SECONDS * 1000))


@pytest.mark.parametrize("frames", [60, 4000])
def test_free_format_mp3_is_found(frames: int) -> None:
    recording = Recorded(free_format_mp3(frames, frame_bytes=700))

    audio = recording.probe()

    assert (audio.format, audio.codec, audio.sample_rate_hz, audio.channels) == ("mp3", "mp3", 44100, 1)
    assert audio.duration_ms == near(frames * 1152 / 44.1)
    assert len(recording.requests) <= 8


def ogg_pages(data: bytes) -> list[bytes]:
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


@pytest.mark.parametrize(
    ("data", "clock_hz"),
    [
        pytest.param(lambda: make("ogg", "libopus", 48000, seconds=20), 48000, id="opus"),
        pytest.param(lambda: make("ogg", "flac", 16000, seconds=20), 16000, id="flac"),
        pytest.param(lambda: long_vorbis(44100, pages=20), 44100, id="vorbis"),
    ],
)
def test_ogg_cut_out_of_a_stream_begins_at_its_first_page(data: Callable[[], bytes], clock_hz: int) -> None:
    pages = ogg_pages(data())
    rest = pages[len(pages) // 2 :]
    positions = [struct.unpack("<q", page[6:14])[0] for page in (pages[len(pages) // 2 - 1], pages[-1])]

    audio = Recorded(b"".join(pages[:2] + rest)).probe()

    assert audio.duration_ms == pytest.approx((positions[1] - positions[0]) * 1000 / clock_hz, abs=60)


def test_chained_ogg_is_as_long_as_its_parts() -> None:
    one, other = make("ogg", "libopus", 48000), make("ogg", "libopus", 48000, 2, seconds=5)

    assert Recorded(one + other + one).probe().duration_ms == near((2 * SECONDS + 5) * 1000)


def test_long_ogg_followed_by_a_short_one_counts_both() -> None:
    long, short = make("ogg", "flac", 44100, 2, seconds=12), make("ogg", "flac", 44100, 2, seconds=1)

    assert Recorded(long + short).probe().duration_ms == pytest.approx(13_000, rel=0.06)


@pytest.mark.parametrize("times", [2, 3])
def test_long_chained_ogg_is_about_as_long_as_its_parts(times: int) -> None:
    one = make("ogg", "flac", 44100, 2, seconds=12)
    recording = Recorded(one * times)
    assert recording.size_bytes > 600_000

    assert recording.probe().duration_ms == pytest.approx(times * 12_000, rel=0.06)
    assert len(recording.requests) <= REQUEST_LIMIT


def test_xing_header_of_joined_files_is_ignored() -> None:
    one = make("mp3", "libmp3lame", 16000)

    joined = Recorded(one * 3).probe()

    # each part keeps its encoder's padding: only at the very end would a decoder drop it
    assert joined.duration_ms == pytest.approx(decode(one)[2] * 3, rel=0.02)


def joined_frames(size_bytes: int, *parts: bytes) -> bytes:
    """Parts repeated one after the other up to about this size, as one long recording in changing quality."""
    each = size_bytes // len(parts)
    return b"".join(part * (each // len(part)) for part in parts)


@pytest.mark.parametrize(
    ("make_parts", "requests"),
    [
        pytest.param(
            lambda: [make("mp3", "libmp3lame", 16000, options=NO_XING, bit_rate=32000)], 8, id="constant-bit-rate-mp3"
        ),
        pytest.param(
            lambda: [
                make("mp3", "libmp3lame", 16000, options=NO_XING, bit_rate=rate) for rate in (16000, 64000, 32000)
            ],
            REQUEST_LIMIT,
            id="changing-bit-rate-mp3",
        ),
        pytest.param(lambda: [make("adts", "aac", 16000)], REQUEST_LIMIT, id="aac-adts"),
    ],
)
def test_long_stream_without_a_length_is_sampled(make_parts: Callable[[], list[bytes]], requests: int) -> None:
    part = make_parts()
    data = joined_frames(3_000_000, *part)
    recording = Recorded(data)
    truth_ms = sum(decode(one)[2] * (len(data) // len(part) // len(one)) for one in part)

    audio = recording.probe()

    assert audio.duration_ms == pytest.approx(truth_ms, rel=0.02)
    assert len(recording.requests) <= requests
    assert sum(recording.requests) <= READ_LIMIT_BYTES


@pytest.mark.parametrize("frame_types", [pytest.param((7,), id="one-mode"), pytest.param((7, 0, 4), id="three-modes")])
def test_long_amr_is_sampled(frame_types: tuple[int, ...]) -> None:
    recording = Recorded(amr(wide=False, frames=50_000, frame_types=frame_types))

    assert recording.probe().duration_ms == pytest.approx(1_000_000, rel=0.01)
    assert sum(recording.requests) <= READ_LIMIT_BYTES


def moov_of(data: bytes) -> bytes:
    start = data.index(b"moov") - 4
    return data[start : start + int.from_bytes(data[start : start + 4])]


BIG = 600_000_000


def mp4() -> bytes:
    return make("ipod", "aac", 16000)


def big_mp4() -> Recorded:
    """A recording whose index is behind 600 MB of sound."""
    index = moov_of(mp4())
    head = box(b"ftyp", b"M4A \0\0\0\0") + struct.pack(">I4sQ", 1, b"mdat", BIG - 16 - len(index))
    return Recorded(head, BIG, index)


def mp3_behind_a_cover() -> Recorded:
    sound = make("mp3", "libmp3lame", 44100)
    return Recorded(id3(20_000_000), 20_000_010 + len(sound), sound)


@pytest.mark.parametrize(
    ("make_it", "duration_ms", "requests"),
    [
        pytest.param(lambda: Recorded(wav(BIG - 44, 100), BIG), (BIG - 44) // 32, 1, id="wav"),
        pytest.param(big_mp4, SECONDS * 1000, 3, id="moov-behind-600-mb"),
        pytest.param(mp3_behind_a_cover, SECONDS * 1000, 3, id="mp3-behind-a-20-mb-cover"),
        pytest.param(
            lambda: Recorded(speex(16000, 1, 0), BIG, ogg_page(b"\1" * 70, 9, 16000 * 9000, 4)), 9_000_000, 3, id="ogg"
        ),
    ],
)
def test_large_file_is_probed_in_few_requests(make_it: Callable[[], Recorded], duration_ms: int, requests: int) -> None:
    recording = make_it()

    assert recording.probe().duration_ms == near(duration_ms)
    assert len(recording.requests) <= requests


PLAIN_AAC = bytes.fromhex("140856e500")  # the encoder's AudioSpecificConfig: AAC-LC, 16 kHz, mono, not spread


@pytest.mark.parametrize(
    ("config", "rate_hz", "channels"),
    [
        pytest.param("140856e500", 16000, 1, id="plain-aac"),
        pytest.param("2c0a880000", 32000, 1, id="he-aac"),
        pytest.param("ec0a880000", 32000, 2, id="he-aac-version-2"),
        pytest.param("140856e5a8", 32000, 1, id="he-aac-that-old-decoders-play-too"),
        pytest.param("f94640000c", 16000, 1, id="a-type-with-more-bits-leaves-it-to-the-entry"),
    ],
)
def test_aac_rate_is_the_decoded_one(config: str, rate_hz: int, channels: int) -> None:
    assert mp4().count(PLAIN_AAC) == 1

    audio = Recorded(mp4().replace(PLAIN_AAC, bytes.fromhex(config))).probe()

    assert (audio.codec, audio.sample_rate_hz, audio.channels) == ("aac", rate_hz, channels)


def mp4_without_index() -> bytes:
    data = mp4()
    return data[: data.index(b"moov") - 4]


@pytest.mark.parametrize(
    ("data", "code", "found"),
    [
        pytest.param(lambda: b"", "EmptyObject", "0 bytes", id="empty"),
        pytest.param(lambda: stdlib_wav()[:30], "TruncatedAudio", "cut off", id="wav-ends-in-its-header"),
        pytest.param(lambda: stdlib_wav()[:44], "TruncatedAudio", "no sound follows", id="wav-without-samples"),
        pytest.param(mp4_without_index, "TruncatedAudio", "without its index", id="mp4-of-a-crashed-recorder"),
        pytest.param(
            lambda: make("flac", "flac", 16000)[:20], "TruncatedAudio", "cut off", id="flac-ends-in-its-header"
        ),
        pytest.param(lambda: b"#!AMR\n", "TruncatedAudio", "no sound follows", id="amr-without-frames"),
        pytest.param(lambda: id3(5000) + b"\0" * 100, "TruncatedAudio", "ID3", id="mp3-ends-in-its-tag"),
        pytest.param(
            lambda: make("webm", "libopus", 48000)[:40], "TruncatedAudio", "no sound follows", id="webm-header-only"
        ),
        pytest.param(lambda: make_video("mp4", with_sound=False), "NotAudio", "MP4 without sound", id="silent-mp4"),
        pytest.param(
            lambda: make_video("matroska", with_sound=False), "NotAudio", "without sound", id="silent-matroska"
        ),
        pytest.param(lambda: make_video("asf", with_sound=False), "NotAudio", "without sound", id="silent-wmv"),
        pytest.param(lambda: make_video("flv", with_sound=False), "NotAudio", "FLV", id="silent-flv"),
        pytest.param(lambda: make_video("avi", with_sound=False), "NotAudio", "AVI without sound", id="silent-avi"),
        pytest.param(lambda: make_video("mpegts", with_sound=False), "NotAudio", "without sound", id="silent-mpeg-ts"),
        pytest.param(
            lambda: b"\x47\x1f\xff\x10".ljust(188, b"\xff") * 9, "NotAudio", "does not describe", id="empty-mpeg-ts"
        ),
        pytest.param(
            lambda: b"MAC " + struct.pack("<H", 3970) + bytes(99), "NotAudio", "Monkey's", id="old-monkeys-audio"
        ),
        pytest.param(lambda: b"\0\0\1\xba" + bytes(99), "NotAudio", "DVD", id="mpeg-program-stream"),
        pytest.param(
            lambda: make("flac", "flac", 16000).replace(b"fLaC\0", b"fLaC\4"),
            "NotAudio",
            "stream information",
            id="flac-tags",
        ),
        pytest.param(lambda: ogg_page(b"\x80theora", 1, 0, 2) * 2, "NotAudio", "without sound", id="silent-ogg"),
        pytest.param(lambda: mp4().replace(b"mp4a", b"drms"), "NotAudio", "copy protection", id="protected-m4a"),
        pytest.param(lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), "NotAudio", "PNG picture", id="picture"),
        pytest.param(lambda: b"PK\x03\x04" + bytes(99), "NotAudio", "ZIP", id="archive"),
        pytest.param(lambda: b"%PDF-1.7\n" + bytes(99), "NotAudio", "PDF", id="document"),
        pytest.param(lambda: b"<!DOCTYPE html><title>Sign in</title>", "NotAudio", "web page", id="login-page"),
        pytest.param("今天的会议\n第一项".encode, "NotAudio", "a text", id="text"),
        pytest.param(lambda: bytes(200_000), "NotAudio", "zeros", id="failed-upload"),
        pytest.param(
            lambda: np.random.default_rng(1).bytes(200_000), "NotAudio", "not a known audio format", id="noise"
        ),
        pytest.param(
            lambda: wav(99, 99).replace(b"\1\0\1\0", b"\1\0\0\0"), "NotAudio", "impossible channels", id="no-channels"
        ),
        pytest.param(
            lambda: b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "NotAudio", "without a format", id="wav-without-format"
        ),
    ],
)
def test_non_audio_file_is_named(data: Callable[[], bytes], code: str, found: str) -> None:
    with pytest.raises(NotAudio, match=found) as caught:
        Recorded(data()).probe("incoming/auto/会议.bin")

    assert caught.value.code == code
    assert str(caught.value).startswith("incoming/auto/会议.bin ")


def test_failed_request_is_not_bad_audio() -> None:
    def read(offset: int, length: int) -> bytes:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        probe(read, 1000, "meeting.wav")


FTYP = box(b"ftyp", b"isom\0\0\0\0")


@pytest.mark.parametrize(
    "make_it",
    [
        pytest.param(lambda: Recorded(FTYP + struct.pack(">I4s", 0, b"moov") * 40_000), id="mp4-zero-size-boxes"),
        pytest.param(lambda: Recorded(FTYP + struct.pack(">I4s", 8, b"moov") * 40_000), id="mp4-empty-boxes"),
        pytest.param(
            lambda: Recorded(FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1) * 9, BIG), id="mp4-box-past-2-to-64"
        ),
        pytest.param(
            lambda: Recorded(FTYP + struct.pack(">I4s", 70_000, b"trak") * 9_000, BIG), id="mp4-atoms-far-apart"
        ),
        pytest.param(
            lambda: Recorded(
                FTYP + struct.pack(">I4s", 2**31, b"moov") + struct.pack(">I4s", 2**30, b"trak") * 60_000, BIG
            ),
            id="mp4-boxes-that-overlap",
        ),
        pytest.param(
            lambda: Recorded(mp4() + struct.pack(">I4s", 99_999, b"moof") * 30_000), id="mp4-fragments-in-fragments"
        ),
        pytest.param(lambda: Recorded(id3(100) * 5_000), id="id3-tags-only"),
        pytest.param(lambda: Recorded(b"\xff\xfb\x10\xc4" * 130_000), id="mp3-sync-everywhere"),
        pytest.param(lambda: Recorded(b"\xff\xf1\x50\x40\x00\xff\xfc" * 80_000), id="adts-of-headers-only"),
        pytest.param(lambda: Recorded(b"#!AMR\n" + (b"\x7c" * 9 + b"\xff") * 52_000), id="amr-chains-that-break"),
        pytest.param(
            lambda: Recorded(b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff" + b"\xec\x80" * 60_000), id="webm-voids"
        ),
        pytest.param(lambda: Recorded(b"RIFF\0\0\0\0WAVE" + (b"junk" + bytes(4)) * 60_000), id="wav-of-empty-chunks"),
        pytest.param(lambda: Recorded(b"OggS" * 100_000), id="ogg-magic-everywhere"),
        pytest.param(lambda: Recorded(b"fLaC" + bytes(38) + b"\xff\xf8" * 40_000), id="flac-sync-everywhere"),
        pytest.param(lambda: Recorded(b"FLV\x01\x05\xff\xff\xff\xff", BIG), id="flv-header-past-the-end"),
        pytest.param(lambda: Recorded(b"caff\0\1\0\0" + b"\xff" * 100_000), id="caf-of-ones"),
        pytest.param(lambda: Recorded(b"\xff\xfb\x00\xc4" * 30_000), id="mp3-of-free-format-headers"),
        pytest.param(lambda: Recorded(b"\x47" * 400_000), id="mpeg-ts-syncs"),
        pytest.param(lambda: Recorded(make("mpegts", "aac", 16000)[: 188 * 9], BIG), id="mpeg-ts-of-zeros"),
        pytest.param(
            lambda: Recorded(make("mp4", "aac", 16000, options=FRAGMENTED)[:9000], BIG), id="fragments-of-zeros"
        ),
        pytest.param(lambda: Recorded(mp4() + b"\0\0\0\x10moof" * 90_000), id="mp4-fragments-everywhere"),
        pytest.param(
            lambda: Recorded(ogg_page(b"\x7fFLAC" + bytes(60), 9, 0, 2) + b"OggS" * 250_000), id="ogg-of-magics"
        ),
        pytest.param(lambda: Recorded(b"\x0b\x77\0\0\0\x40\0" * 90_000), id="ac3-of-headers"),
        pytest.param(lambda: Recorded(b"RIFF\0\0\0\0AVI " + b"LIST\0\0\0\0hdrl" * 30_000), id="avi-lists-in-lists"),
        pytest.param(lambda: Recorded(b".snd" + b"\xff" * 200, BIG), id="au-of-ones"),
        pytest.param(lambda: Recorded(b"MAC \xff\xff" + b"\xff" * 200), id="monkeys-audio-of-ones"),
        pytest.param(lambda: Recorded(b"#!SILK_V3" + bytes(500_000)), id="silk-of-empty-packets"),
    ],
)
def test_hostile_files_are_read_within_bounds(make_it: Callable[[], Recorded]) -> None:
    recording = make_it()

    outcome = describe(recording)

    assert isinstance(outcome, Audio | NotAudio)
    assert sum(recording.requests) <= READ_LIMIT_BYTES
    assert len(recording.requests) <= REQUEST_LIMIT


def describe(recording: Recorded, name: str = "x.bin") -> Audio | NotAudio:
    try:
        return recording.probe(name)
    except NotAudio as reason:
        return reason


@cache
def seeds() -> list[bytes]:
    """A short valid file of every kind, to be damaged."""
    formats = (
        ("wav", "pcm_s16le", 16000),
        ("wav", "adpcm_ima_wav", 8000),
        ("w64", "pcm_s16le", 8000),
        ("aiff", "pcm_s16be", 8000),
        ("caf", "alac", 8000),
        ("mp3", "libmp3lame", 16000),
        ("adts", "aac", 16000),
        ("flac", "flac", 16000),
        ("ogg", "libopus", 48000),
        ("ogg", "flac", 16000),
        ("ipod", "aac", 16000),
        ("ipod", "alac", 16000),
        ("webm", "libopus", 48000),
        ("flv", "aac", 16000),
    )
    made = [make(container, codec, rate_hz, seconds=0.5) for container, codec, rate_hz in formats]
    made.append(make("asf", "wmav2", 16000, seconds=0.5, bit_rate=32000))
    made += [make("mp4", "aac", 16000, seconds=0.5, options=FRAGMENTED), make("flac", "flac", 8000, streamed=True)]
    made += [make(container, codec, 48000, seconds=0.5) for container, codec in SEED_FORMATS]
    made += [free_format_mp3(8, 400), dts(9), monkeys_audio(8000, 1, 4000), long_vorbis(8000, pages=3)]
    made += [make("mp4", "libopus", 48000, seconds=0.5) * 2, make("ogg", "libopus", 48000, seconds=0.5) * 2]
    return [*made, amr(wide=False, frames=20, frame_types=(7, 1)), silk(20), speex(8000, 1, 8000)]


SEED_FORMATS = (
    ("mpegts", "aac"),
    ("mpegts", "eac3"),
    ("avi", "libmp3lame"),
    ("au", "pcm_alaw"),
    ("ac3", "ac3"),
    ("eac3", "eac3"),
    ("mov", "pcm_f32le"),
    ("mp4", "flac"),
    ("mp4", "eac3"),
    ("mp4", "pcm_s24be"),
    ("matroska", "aac"),
)


NAMES = st.sampled_from(["x.bin", "x.pcm", "x.wav"])


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data(), name=NAMES)
def test_damaged_files_give_audio_or_a_reason(data: st.DataObject, name: str) -> None:
    damaged = bytearray(data.draw(st.sampled_from(seeds())))
    header_bytes = min(len(damaged), 1500)  # where the structure is; the rest is sound
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(-header_bytes, header_bytes - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))
    claimed = data.draw(st.sampled_from([0, 1, 70_000, 5_000_000, BIG]))
    recording = Recorded(bytes(damaged[:cut]), size_bytes=len(damaged[:cut]) + claimed)

    outcome = describe(recording, name)

    assert isinstance(outcome, Audio | NotAudio)
    assert sum(recording.requests) <= READ_LIMIT_BYTES
    assert len(recording.requests) <= REQUEST_LIMIT


@settings(max_examples=examples(200), deadline=None)
@given(
    magic=st.deferred(lambda: st.sampled_from([seed[:size] for seed in seeds() for size in (4, 12, 40)] + [b""])),
    noise=st.binary(max_size=600),
    name=NAMES,
)
def test_noise_behind_a_magic_gives_audio_or_a_reason(magic: bytes, noise: bytes, name: str) -> None:
    assert isinstance(describe(Recorded(magic + noise), name), Audio | NotAudio)


@settings(max_examples=examples(100), deadline=None)
@given(seed=st.sampled_from(range(37)), missing=st.integers(0, 400))
def test_short_read_gives_audio_or_a_reason(seed: int, missing: int) -> None:
    data = seeds()[seed]

    outcome: Audio | NotAudio
    try:
        outcome = probe(lambda offset, length: data[offset : offset + length - missing], len(data) + 50, "x")
    except NotAudio as reason:
        outcome = reason

    assert isinstance(outcome, Audio | NotAudio)
