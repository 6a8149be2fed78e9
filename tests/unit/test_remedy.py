"""The advice for a recording that no vendor accepts."""

from types import MappingProxyType

import pytest

from asrcore.core.errors import AsrError
from asrcore.core.remedy import WRITTEN, advise
from asrcore.core.routing import choose
from asrcore.vendors.registry import VENDORS
from tests.support.recognition_requests import a_recognition_request

M4A = {"format": "m4a", "codec": "aac", "sample_rate_hz": 44100, "channels": 2, "bits_per_sample": None}
MP3 = {"format": "mp3", "codec": "mp3", "sample_rate_hz": 44100, "channels": 2, "bits_per_sample": None}
MOV = M4A | {"format": "mov"}
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("name", "audio", "options", "advice"),
    [
        pytest.param(
            "tencent-recording", {"channels": 2}, {}, "Convert it to mono: ffmpeg -i IN -ac 1 OUT.wav", id="stereo"
        ),
        pytest.param(
            "tencent-recording",
            {"sample_rate_hz": 44100},
            {},
            "Convert it to 16 kHz: ffmpeg -i IN -ar 16000 OUT.wav",
            id="rate",
        ),
        pytest.param(
            "tencent-recording",
            {"sample_rate_hz": 48000, "channels": 2},
            {},
            "Convert it to mono, 16 kHz: ffmpeg -i IN -ac 1 -ar 16000 OUT.wav",
            id="stereo-and-rate",
        ),
        pytest.param(
            "tencent-recording",
            MP3,
            {},
            "Convert it to mono, 16 kHz: ffmpeg -i IN -ac 1 -ar 16000 -b:a 64k OUT.mp3",
            id="mp3",
        ),
        pytest.param(
            "tencent-recording",
            M4A,
            {},
            "Convert it to WAV, mono, 16 kHz: ffmpeg -i IN -vn -ac 1 -ar 16000 OUT.wav",
            id="m4a",
        ),
        pytest.param(
            "tencent-recording",
            M4A | {"duration_ms": HOUR_MS},
            {},
            "Convert it to MP3, mono, 16 kHz: ffmpeg -i IN -vn -ac 1 -ar 16000 -b:a 64k OUT.mp3",
            id="m4a-of-an-hour",
        ),
        pytest.param("volcengine", MOV, {}, "Convert it to WAV: ffmpeg -i IN -vn OUT.wav", id="video"),
        pytest.param(
            "tencent-sentence",
            MOV | {"duration_ms": None, "sample_rate_hz": 16000, "channels": 1},
            {},
            "Convert it to WAV: ffmpeg -i IN -vn OUT.wav",
            id="unknown-length",
        ),
        pytest.param(
            "abcpen",
            {"format": "pcm"},
            {},
            "Convert it to WAV: ffmpeg -f s16le -ar 16000 -ac 1 -i IN -vn OUT.wav",
            id="pcm",
        ),
        pytest.param(
            "abcpen",
            {"format": "silk", "codec": "silk", "sample_rate_hz": None},
            {},
            "Convert it from silk to WAV or MP3 with the program that made it",
            id="what-ffmpeg-cannot-read",
        ),
        pytest.param(
            "tencent-sentence",
            {"duration_ms": 61_000},
            {},
            "Split it into parts of at most 59 s: ffmpeg -i IN -c copy -f segment -segment_time 59 OUT%03d.wav",
            id="too-long",
        ),
        pytest.param(
            "tencent-sentence",
            {"duration_ms": 61_000, "channels": 2},
            {},
            "Split it into parts of at most 59 s: ffmpeg -i IN -ac 1 -f segment -segment_time 59 OUT%03d.wav",
            id="too-long-and-stereo",
        ),
        pytest.param(
            "abcpen",
            {},
            {"language": "fr-FR"},
            "Set the option language to one that is accepted (en-US, zh-CN), or name another vendor",
            id="language",
        ),
    ],
)
def test_advice_is_the_smallest_change(name, audio, options, advice):
    assert VENDORS[name].rejection_reason(a_recognition_request(options=options, **audio)) is not None

    assert str(advise(a_recognition_request(options=options, **audio), [VENDORS[name]])) == advice


def test_advice_for_a_large_file_makes_it_smaller():
    request = a_recognition_request(
        duration_ms=4 * HOUR_MS, sample_rate_hz=48000, channels=2, size_bytes=4 * 3600 * 192_000
    )

    assert str(advise(request, [VENDORS["volcengine"]])) == "Convert it to MP3: ffmpeg -i IN -vn -b:a 64k OUT.mp3"


def test_advice_that_serves_one_vendor_of_the_chain_is_enough():
    vendors = [VENDORS["abcpen"], VENDORS["tencent-recording"]]

    assert str(advise(a_recognition_request(options={"language": "yue-CN"}, channels=2), vendors)).startswith(
        "Set the option language"
    )
    assert str(advise(a_recognition_request(channels=2, sample_rate_hz=22050), vendors)) == (
        "Convert it to 16 kHz: ffmpeg -i IN -ar 16000 OUT.wav"
    )


def test_no_vendor_fits_begins_with_what_to_do():
    chain = ["tencent-sentence", "tencent-recording"]

    with pytest.raises(AsrError) as caught:
        choose(a_recognition_request(channels=2), chain, MappingProxyType(VENDORS), lambda _: None)

    first, *vendors = caught.value.message.split("\n")
    assert (caught.value.code, first) == ("NoVendorFits", "Convert it to mono: ffmpeg -i IN -ac 1 OUT.wav")
    assert [line.split(": ", 1)[0] for line in vendors] == chain
    assert all("stereo; this vendor accepts mono" in line for line in vendors)


def test_bit_rate_of_the_command_is_the_one_reckoned_with():
    assert WRITTEN["mp3"][2] == ("-b:a 64k",)
