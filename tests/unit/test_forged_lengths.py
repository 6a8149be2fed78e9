"""Forge the length in the header of each container: the bytes bound what the probe believes, and a warning says so."""

import struct
from collections.abc import Callable

import pytest

from asrcore.core.audio import Audio, probe
from tests.support.tone_files import write_tones

SECONDS = 12
LESS, MORE = 1 / 90, 90.0
REQUEST_LIMIT = 16
EXTRAPOLATED = 3.0  # the first frames' bit rate may change by this factor

Forge = Callable[[bytearray, float], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the recording of a container and codec, written once."""
    folder, held = tmp_path_factory.mktemp("tones"), dict[tuple[object, ...], bytes]()

    def make(container: str, codec: str, rate_hz: int = 16000, **options: str) -> bytes:
        name = (container, codec, rate_hz, *options.items())
        if name not in held:
            write_tones(folder / "tone", container, codec, rate_hz, "mono", seconds=SECONDS, options=options)
            held[name] = (folder / "tone").read_bytes()
        return held[name]

    return make


def look_at(data: bytes) -> Audio:
    requests = list[int]()

    def read(offset: int, length: int) -> bytes:
        requests.append(length)
        return bytes(data[offset : offset + length])

    audio = probe(read, len(data), "recording")
    assert len(requests) <= REQUEST_LIMIT
    return audio


def scale(layout: str, *names: bytes, at: int) -> Forge:
    """Return what multiplies a number `at` bytes behind the end of each of these names."""
    size = struct.calcsize(layout)

    def forge(data: bytearray, factor: float) -> None:
        for name in names:
            place = data.index(name) + len(name) + at
            (value,) = struct.unpack(layout, data[place : place + size])
            most = 2 ** (8 * size) - 1
            scaled = value * factor if layout[-1] in "fd" else min(max(round(value * factor), 1), most)
            data[place : place + size] = struct.pack(layout, scaled)

    return forge


def all_of(*forges: Forge) -> Forge:
    def forge(data: bytearray, factor: float) -> None:
        for each in forges:
            each(data, factor)

    return forge


def granules(data: bytearray, factor: float) -> None:
    """Multiply the position of every Ogg page."""
    at = data.find(b"OggS")
    while at != -1:
        (value,) = struct.unpack("<q", data[at + 6 : at + 14])
        data[at + 6 : at + 14] = struct.pack("<q", round(value * factor))
        at = data.find(b"OggS", at + 4)


def flac_samples(data: bytearray, factor: float) -> None:
    packed = int.from_bytes(data[18:26])
    samples = packed & 0xFFFFFFFFF
    data[18:26] = (packed - samples + round(samples * factor)).to_bytes(8)


def last_flv_time(data: bytearray, factor: float) -> None:
    at = len(data) - int.from_bytes(data[-4:])
    stamp = int.from_bytes(data[at : at + 3])
    data[at : at + 3] = min(round(stamp * factor), 2**24 - 1).to_bytes(3)


def last_flv_time_with_video(data: bytearray, factor: float) -> None:
    """Claim pictures as well, among which the rate of the sound would not be known."""
    last_flv_time(data, factor)
    data[4] |= 1


TRACK_HEADER = scale(">I", b"tkhd", at=20)


def mp4_clock(data: bytearray, factor: float) -> None:
    """Make the clock of the sound run faster, so that its times become shorter, or the opposite."""
    scale(">I", b"mdhd", at=12)(data, 1 / factor)


MP4_HEADERS = all_of(scale(">I", b"mvhd", at=16), TRACK_HEADER, scale(">I", b"mdhd", at=16))
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
AUDIO_STREAM = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")

FORGERIES = [
    pytest.param(("mp3", "libmp3lame"), scale(">I", b"Info", at=4), 1.1, id="mp3 Info frames"),
    pytest.param(("mp3", "libmp3lame", 44100), scale(">I", b"Info", at=4), 1.1, id="mp3 Info frames, 44 kHz"),
    pytest.param(("wav", "adpcm_ms"), scale("<I", b"fact", at=4), 1.1, id="wav fact, ADPCM"),
    pytest.param(("wav", "adpcm_ima_wav"), scale("<I", b"fact", at=4), 1.1, id="wav fact, IMA"),
    pytest.param(("wav", "pcm_alaw"), scale("<I", b"fact", at=4), 1.1, id="wav fact, A-law"),
    pytest.param(("wav", "libmp3lame"), scale("<I", b"fact", at=4), EXTRAPOLATED, id="wav fact, MP3"),
    pytest.param(("wav", "pcm_s16le"), scale("<I", b"fmt ", at=12), 1.1, id="wav bytes a second"),
    pytest.param(("wav", "pcm_s16le"), scale("<H", b"fmt ", at=16), 1.1, id="wav bytes a sample"),
    pytest.param(
        ("w64", "pcm_s16le"),
        scale("<Q", b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a"), at=0),
        1.1,
        id="Wave64 data",
    ),
    pytest.param(("aiff", "pcm_s16be"), scale(">I", b"COMM", at=6), 1.1, id="aiff frames"),
    pytest.param(("caf", "alac"), scale(">q", b"pakt", at=16), EXTRAPOLATED, id="caf valid frames"),
    pytest.param(("caf", "pcm_s16le"), scale(">I", b"lpcm", at=8), 1.1, id="caf frames a packet"),
    pytest.param(("au", "pcm_s16be"), scale(">I", b".snd", at=4), 1.1, id="au size"),
    pytest.param(("flac", "flac"), flac_samples, 1.1, id="flac samples"),
    pytest.param(("ogg", "libopus", 48000), granules, 1.1, id="ogg granules, Opus"),
    pytest.param(("ogg", "flac"), granules, 1.1, id="ogg granules, FLAC"),
    pytest.param(("ipod", "aac"), MP4_HEADERS, 1.1, id="m4a headers"),
    pytest.param(("ipod", "aac"), TRACK_HEADER, 1.1, id="m4a track"),
    pytest.param(("ipod", "aac"), all_of(MP4_HEADERS, scale(">I", b"stts", at=12)), 1.1, id="m4a table of times"),
    pytest.param(("ipod", "alac"), all_of(MP4_HEADERS, scale(">I", b"stts", at=12)), 1.1, id="m4a table, ALAC"),
    *(
        pytest.param(("mp4", codec, 48000), all_of(MP4_HEADERS, times), EXTRAPOLATED, id=f"m4a {what}, {codec}")
        for codec in ("libopus", "libmp3lame", "ac3", "eac3")
        for what, times in {"table": scale(">I", b"stts", at=12), "clock": mp4_clock}.items()
    ),
    pytest.param(("3gp", "aac"), MP4_HEADERS, 1.1, id="3gp headers"),
    pytest.param(("mov", "pcm_s16le"), MP4_HEADERS, 1.1, id="mov headers, PCM"),
    pytest.param(("matroska", "libopus", 48000), scale(">d", b"\x44\x89\x88", at=0), EXTRAPOLATED, id="matroska, Opus"),
    pytest.param(("matroska", "aac"), scale(">d", b"\x44\x89\x88", at=0), EXTRAPOLATED, id="matroska, AAC"),
    pytest.param(("asf", "wmav2"), scale("<Q", ASF_PROPERTIES, at=48), EXTRAPOLATED, id="asf"),
    pytest.param(("flv", "libmp3lame", 44100), last_flv_time, EXTRAPOLATED, id="flv"),
    pytest.param(
        ("flv", "libmp3lame", 44100), last_flv_time_with_video, EXTRAPOLATED, id="flv that pretends to have video"
    ),
]


@pytest.mark.parametrize("factor", [LESS, MORE], ids=["less", "more"])
@pytest.mark.parametrize(("form", "forge", "within"), FORGERIES)
def test_forged_header_length_is_bounded_with_a_warning(made, form, forge, within, factor):
    data = bytearray(made(*form))
    honest = look_at(bytes(data))
    forge(data, factor)

    forged = look_at(bytes(data))

    assert honest.warnings == []
    assert honest.duration_ms == pytest.approx(SECONDS * 1000, rel=0.03)
    assert SECONDS * 1000 / within <= forged.duration_ms <= SECONDS * 1000 * within
    assert forged.warnings or forged.duration_ms == pytest.approx(honest.duration_ms, rel=0.2)


@pytest.mark.parametrize(
    ("form", "name", "at"),
    [
        pytest.param(("wav", "pcm_s16le"), b"fmt ", 12, id="wav"),
        pytest.param(("au", "pcm_s16be"), b".snd", 16, id="au"),
    ],
)
@pytest.mark.parametrize(
    ("rate_hz", "used_hz"), [pytest.param(1, 4_000, id="1 Hz"), pytest.param(4_000_000, 384_000, id="4 MHz")]
)
def test_implausible_sample_rate_is_bounded_with_a_warning(made, form, name, at, rate_hz, used_hz):
    data = bytearray(made(*form))
    place = data.index(name) + at
    data[place : place + 4] = struct.pack("<I" if form[0] == "wav" else ">I", rate_hz)

    audio = look_at(bytes(data))

    assert audio.duration_ms == pytest.approx(SECONDS * 1000 * 16000 / used_hz, rel=0.01)
    assert [each.code for each in audio.warnings] == ["warning.header-rate"]


def test_implausible_rates_of_aiff_caf_and_flac_are_bounded(made):
    aiff, caf, flac = (
        bytearray(made(*form)) for form in (("aiff", "pcm_s16be"), ("caf", "pcm_s16le"), ("flac", "flac"))
    )
    common = aiff.index(b"COMM") + 16
    aiff[common : common + 10] = struct.pack(">HQ", 0x3FFF, 1 << 63)  # 1 Hz as a float of 80 bits
    scale(">d", b"desc", at=8)(caf, 1 / 16000)
    packed = int.from_bytes(flac[18:26])
    flac[18:26] = ((1 << 44) | packed & (1 << 44) - 1).to_bytes(8)

    for each in (aiff, caf, flac):
        audio = look_at(bytes(each))
        assert audio.duration_ms == pytest.approx(SECONDS * 1000 * 4, rel=0.01)
        assert "warning.header-rate" in [warning.code for warning in audio.warnings]


def test_rf64_with_chunks_behind_its_sound_is_no_contradiction(made):
    wav = made("wav", "pcm_s16le")
    at = wav.index(b"data")
    size_bytes = len(wav) - at - 8
    long_sizes = struct.pack("<4sIQQQI", b"ds64", 28, 0, size_bytes, 0, 0)
    pictures = b"id3 " + struct.pack("<I", 90_000) + bytes(90_000)
    head = b"RF64\xff\xff\xff\xffWAVE" + long_sizes + wav[12:at] + b"data\xff\xff\xff\xff"

    audio = look_at(head + wav[at + 8 :] + pictures)

    assert (audio.duration_ms, audio.warnings) == (SECONDS * 1000, [])


def test_wav_with_a_forged_data_size_has_all_its_sound(made):
    data = bytearray(made("wav", "pcm_s16le"))
    scale("<I", b"data", at=0)(data, LESS)

    audio = look_at(bytes(data))

    assert audio.duration_ms == pytest.approx(SECONDS * 1000, rel=0.01)
    assert [each.code for each in audio.warnings] == ["warning.header-length"]


@pytest.mark.parametrize(
    ("form", "options", "forge"),
    [
        pytest.param(("ipod", "aac"), {"movflags": "faststart"}, scale(">I", b"mdat", at=-8), id="m4a"),
        pytest.param(("asf", "wmav2"), {}, scale("<Q", ASF_PROPERTIES, at=24), id="asf"),
        pytest.param(("wav", "adpcm_ms"), {}, scale("<I", b"data", at=0), id="wav"),
    ],
)
def test_file_that_pretends_to_be_cut_is_not_shorter(made, form, options, forge):
    data = bytearray(made(*form, **options))
    forge(data, MORE)

    audio = look_at(bytes(data))

    assert audio.duration_ms >= SECONDS * 1000 / EXTRAPOLATED
    assert audio.warnings


@pytest.mark.parametrize("is_live", [False, True], ids=["with a length", "broadcast"])
def test_wma_with_a_forged_rate_is_bounded_with_a_warning(made, is_live):
    data = bytearray(made("asf", "wmav2"))
    rate_at = data.index(AUDIO_STREAM) + 54 + 8
    data[rate_at : rate_at + 4] = struct.pack("<I", 10_000_000)
    scale("<Q", ASF_PROPERTIES, at=48)(data, 0.22)  # which is little more than the time before the sound
    if is_live:
        data[data.index(ASF_PROPERTIES) + 88] |= 1

    audio = look_at(bytes(data))

    assert audio.duration_ms >= len(data) / 48_000 * 1000 * 0.9
    assert audio.warnings or is_live


def test_m4a_that_pretends_to_be_fragmented_is_bounded(made):
    data = bytearray(made("ipod", "aac"))
    MP4_HEADERS(data, LESS)
    user_data = data.rindex(b"udta")
    data[user_data : user_data + 4] = b"mvex"

    audio = look_at(bytes(data))

    assert audio.duration_ms == pytest.approx(SECONDS * 1000, rel=0.1)
    assert audio.warnings


@pytest.mark.parametrize("form", [("ipod", "aac"), ("mp4", "libopus", 48000)], ids=["aac", "opus"])
def test_fragmented_m4a_with_forged_times_is_bounded(made, form):
    options = {"movflags": "empty_moov+default_base_moof", "frag_duration": "500000"}
    data = bytearray(made(*form, **options))
    honest = look_at(bytes(data))
    at = data.find(b"tfdt")
    while at != -1:
        data[at + 8 : at + 16] = bytes(8)
        at = data.find(b"tfdt", at + 1)

    forged = look_at(bytes(data))

    assert honest.duration_ms == pytest.approx(SECONDS * 1000, rel=0.03)
    assert forged.duration_ms >= SECONDS * 1000 / EXTRAPOLATED
    assert forged.warnings


def mp3_frame(bit_rate_index: int, size_bytes: int) -> bytes:
    """Return a frame of 36 ms without sound: MPEG 2, layer III, 16 kHz, mono."""
    return bytes([0xFF, 0xF3, bit_rate_index << 4 | 2 << 2, 0xC4]).ljust(size_bytes, b"\0")


@pytest.mark.parametrize("tag", ["Xing", "VBRI"])
@pytest.mark.parametrize("factor", [LESS, 1 / 4, MORE])
def test_mp3_with_a_forged_frame_count_is_measured(tag, factor):
    sound = b"".join(mp3_frame(14, 720) * 100 + mp3_frame(1, 36) * 3000 for _ in range(9))
    frames, size_bytes = round(9 * 3100 * factor), 720 + len(sound)
    first = bytearray(mp3_frame(14, 720))
    if tag == "Xing":
        first[13:29] = b"Xing" + struct.pack(">III", 3, frames, size_bytes)
    else:
        first[36:54] = b"VBRI" + struct.pack(">HHHII", 1, 0, 0, size_bytes, frames)

    audio = look_at(bytes(first) + sound)

    assert audio.duration_ms == pytest.approx(9 * 3100 * 36, rel=0.25)
    assert audio.warnings


def test_monkeys_audio_with_a_forged_length_is_bounded():
    descriptor = b"MAC " + struct.pack("<HHIIIIIII", 3990, 0, 52, 24, 0, 44, 1000, 0, 0) + bytes(16)
    one_frame_of_a_tenth_of_a_second = struct.pack("<HHIIIHHI", 2000, 0, 73728, 4410, 1, 16, 2, 44100)
    sound = bytes(10 * 44100 * 4 // 2)  # 10 s, compressed to a half

    audio = look_at(descriptor + one_frame_of_a_tenth_of_a_second + sound)

    assert 10_000 / EXTRAPOLATED <= audio.duration_ms <= 10_000
    assert [each.code for each in audio.warnings] == ["warning.header-length"]


def test_flac_that_ends_in_zeros_is_bounded_by_its_bytes(made):
    data = bytearray(made("flac", "flac"))
    flac_samples(data, LESS)

    audio = look_at(bytes(data) + bytes(70_000))

    assert audio.duration_ms > 1000
    assert audio.warnings


def ogg_page(packets: list[bytes], granule: int, flags: int) -> bytes:
    return (
        struct.pack("<4sBBQIIIB", b"OggS", 0, flags, granule, 7, 0, 0, len(packets))
        + bytes(map(len, packets))
        + b"".join(packets)
    )


@pytest.mark.parametrize("last_granule", [48_000, 2**50], ids=["less", "more"])
def test_long_ogg_with_a_forged_last_page_is_bounded(last_granule):
    head = ogg_page([b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48000, 0, 0)], 0, 2)
    packets = [bytes([8 << 3]) + bytes(79)] * 50  # 20 ms each
    pages = [ogg_page(packets, 48_000 * second, 0) for second in range(1, 200)]

    audio = look_at(b"".join([head, *pages, ogg_page(packets, last_granule, 4)]))

    assert 200_000 / EXTRAPOLATED <= audio.duration_ms <= 200_000 * EXTRAPOLATED
