"""Probe real recordings in which a number of the header is replaced by a hostile one.

The result is a description that a job's row can hold, or a reason, after few reads.
"""

import struct
from functools import cache
from pathlib import Path

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from asrcore.core.audio import Audio, NotAudio, probe
from tests.support.sampled import examples

SAMPLES = Path(__file__).parents[2] / "samples"
READ_LIMIT_BYTES, REQUEST_LIMIT = 768 * 1024, 16
MONTH_MS = 30 * 24 * 3600 * 1000
HEADER_BYTES = 1500  # in which the samples say what they are, and again at the end of an MP4
LIES = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
FLOATS = (0.0, -1.0, 1e-308, 1e38, 1e308, float("inf"), float("-inf"), float("nan"))


NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in {".wav", ".mp3", ".m4a", ".ogg"})


@cache
def sample(name):
    return (SAMPLES / name).read_bytes()


class Lying:
    """An object of any size that counts reads: its own bytes, then zeros."""

    def __init__(self, data, size_bytes):
        self.data, self.size_bytes = data, size_bytes
        self.read_bytes = self.requests = 0

    def read(self, offset, length):
        assert 0 <= offset < self.size_bytes
        assert length > 0
        self.requests += 1
        length = min(length, self.size_bytes - offset)
        self.read_bytes += length
        found = self.data[offset : offset + length]
        return found + bytes(length - len(found))


def look_at(data, size_bytes=None, name="x.bin"):
    """Probe the recording; check that the bounds are kept."""
    recording = Lying(data, len(data) if size_bytes is None else size_bytes)
    try:
        outcome = probe(recording.read, recording.size_bytes, name)
    except NotAudio as reason:
        outcome = reason
    assert recording.read_bytes <= READ_LIMIT_BYTES
    assert recording.requests <= REQUEST_LIMIT
    if isinstance(outcome, Audio):
        check(outcome)
    else:
        assert str(outcome).startswith(name)
        assert len(str(outcome)) < 500


def check(audio):
    assert audio.sample_rate_hz is None or 1 <= audio.sample_rate_hz <= 10_000_000
    assert audio.channels is None or 1 <= audio.channels <= 255
    assert audio.duration_ms is None or 0 <= audio.duration_ms <= MONTH_MS
    assert audio.bits_per_sample is None or 1 <= audio.bits_per_sample <= 64
    for word in (audio.format, audio.codec):
        assert 1 <= len(word) <= 64
        assert word.isprintable()
    TypeSerializer().serialize(audio.model_dump())


numbers = st.one_of(
    st.tuples(st.sampled_from("<>"), st.sampled_from("BHIQ"), st.sampled_from(LIES) | st.integers(0, 2**64 - 1)),
    st.tuples(st.sampled_from("<>"), st.sampled_from("fd"), st.sampled_from(FLOATS)),
)


def written(order, kind, value):
    """Return a number in a header's notation, cut to its width."""
    if kind == "f":
        value = struct.unpack("f", struct.pack("f", value))[0] if abs(value) < 1e38 else float("inf")
    if kind in "BHIQ":
        value %= 1 << 8 * struct.calcsize(kind)
    return struct.pack(order + kind, value)


@settings(max_examples=examples(500), deadline=None)
@given(
    name=st.sampled_from(NAMES),
    lies=st.lists(st.tuples(st.integers(-HEADER_BYTES, HEADER_BYTES), numbers), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, HEADER_BYTES),
    claimed=st.sampled_from([0, 1, 2**20, 2**32, 2**42]),
)
def test_wrong_header_numbers_are_read_within_bounds(name, lies, cut, claimed):
    data = bytearray(sample(name))
    for place, number in lies:
        lie = written(*number)
        at = max(0, len(data) + place - len(lie)) if place < 0 else place
        data[at : at + len(lie)] = lie

    look_at(bytes(data[:cut]), len(data[:cut]) + claimed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lie", [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"], ids=bytes.hex)
def test_any_changed_header_byte_is_read_within_bounds(name, lie):
    data = sample(name)

    for at in range(0, 200):
        look_at(data[:at] + lie + data[at + 4 :])


def element(name, content):
    """Return a Matroska element, with its size in eight bytes."""
    return bytes.fromhex(name) + (1 << 56 | len(content)).to_bytes(8) + content


def matroska(*audio, codec=b"A_FLAC", kind=b"webm"):
    track = element("ae", element("83", b"\2") + element("86", codec) + element("e1", b"".join(audio)))
    return element("1a45dfa3", element("4282", kind)) + element("18538067", element("1654ae6b", track)) + bytes(100)


def caf(rate=8000.0, codec=b"lpcm", channels=1, bits=16):
    return (
        b"caff\0\1\0\0desc"
        + struct.pack(">qd4sIIIII", 32, rate, codec, 0, 2, 1, channels, bits)
        + b"data"
        + struct.pack(">q", 999)
        + bytes(999)
    )


def aiff(rate=b"\x40\x0b\xfa\0\0\0\0\0\0\0", codec=b"NONE", channels=1, bits=16):
    return b"FORM\0\0\0\0AIFCCOMM" + struct.pack(">IhIh", 22, channels, 2**32 - 1, bits) + rate + codec + bytes(999)


HUGE = b"\xff" * 64


@pytest.mark.parametrize(
    ("data", "impossible"),
    [
        pytest.param(caf(rate=1e308), "sample_rate_hz", id="a rate of 309 digits"),
        pytest.param(caf(channels=2**32 - 1), "channels", id="four thousand million channels"),
        pytest.param(caf(bits=2**31), "bits_per_sample", id="a sample of 268 MB"),
        pytest.param(caf(codec=b"\x1b[2J"), "codec", id="a codec that clears the screen"),
        pytest.param(caf(codec=b"\0\0\0\0"), "codec", id="a codec of NULs"),
        pytest.param(aiff(rate=b"\x40\x1e" + b"\xff" * 8), "sample_rate_hz", id="4 GHz in 80 bits"),
        pytest.param(aiff(codec=b"a\nb\n"), "codec", id="a codec with line ends"),
        pytest.param(matroska(element("9f", HUGE)), "channels", id="channels of 154 digits"),
        pytest.param(matroska(element("b5", struct.pack(">d", 1e308))), "sample_rate_hz", id="a rate as a double"),
        pytest.param(matroska(element("6264", HUGE), element("b5", struct.pack(">f", 8000))), "bits", id="bits"),
        pytest.param(matroska(kind=b"\x1b]0;owned\7"), "format", id="a document type that names the window"),
        pytest.param(matroska(codec=b"A_\xff\xfe\0\x1b[31m"), "codec", id="a codec in red"),
    ],
)
def test_impossible_property_is_named(data, impossible):
    with pytest.raises(NotAudio, match=f"impossible .*{impossible}"):
        probe(Lying(data, len(data)).read, len(data), "x.bin")


@pytest.mark.parametrize(
    ("data", "size_bytes"),
    [
        pytest.param(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(4096), 300_000_000, id="a tag of 256 MB"),
        pytest.param(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(4096), 2**20, id="a tag beyond the end"),
        pytest.param(b"ID3\4\0\0\0\0\0\0" * 60_000, None, id="tags without end"),
        pytest.param(
            b"\0\0\0\x10ftypM4A \0\0\0\0" + struct.pack(">I4s", 2**31, b"moov") * 9000, 2**32, id="boxes in boxes"
        ),
        pytest.param(b"\0\0\0\x10ftypM4A \0\0\0\0\0\0\0\1mdat" + b"\xff" * 8, 2**40, id="a box of 2 to the 64"),
        pytest.param(b"\0\0\0\x10ftypM4A \0\0\0\0" + b"\0\0\0\0moov" * 9000, None, id="boxes of no size"),
        pytest.param(
            b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x16\x54\xae\x6b\xff" * 99,
            2**40,
            id="elements in elements",
        ),
        pytest.param(b"OggS\0\2" + bytes(20) + b"\xff" * 70_000, 2**40, id="an Ogg page of 255 segments"),
        pytest.param(b"fLaC" + b"\x7f\xff\xff\xff" * 4096, 2**40, id="FLAC blocks of 16 MB"),
    ],
)
def test_looping_headers_are_read_within_bounds(data, size_bytes):
    look_at(data, size_bytes)
