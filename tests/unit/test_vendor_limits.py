"""Check which recordings each vendor accepts, and its reasons for rejecting others."""

from dataclasses import replace

import pytest

from asrcore.vendors.registry import VENDORS
from tests.support.reasons import texts
from tests.support.recognition_requests import a_recognition_request

MP3 = {"format": "mp3", "codec": "mp3", "bits_per_sample": None}
OPUS = {"format": "ogg", "codec": "opus", "sample_rate_hz": 48000, "bits_per_sample": None}
AAC = {"format": "m4a", "codec": "aac", "sample_rate_hz": 44100, "channels": 2, "bits_per_sample": None}
HOUR_MS = 60 * 60 * 1000


@pytest.mark.parametrize(
    ("name", "audio", "options"),
    [
        pytest.param("tencent-recording", {"duration_ms": HOUR_MS}, {}, id="recording-one-hour"),
        pytest.param("tencent-recording", {"sample_rate_hz": 8000, "channels": 2}, {}, id="recording-stereo-8-kHz"),
        pytest.param("tencent-recording", {"format": "pcm"}, {}, id="recording-pcm"),
        pytest.param("tencent-recording", MP3, {}, id="recording-mp3"),
        pytest.param(
            "tencent-recording",
            {"format": "silk", "codec": "silk", "sample_rate_hz": None, "duration_ms": None},
            {},
            id="recording-silk",
        ),
        pytest.param(
            "tencent-recording", {"format": "amr", "codec": "amr_nb", "sample_rate_hz": 8000}, {}, id="recording-amr"
        ),
        pytest.param("tencent-recording", {"format": "ogg", "codec": "speex"}, {}, id="recording-speex"),
        pytest.param("tencent-sentence", {"duration_ms": 59_999}, {}, id="sentence-just-under-a-minute"),
        pytest.param("tencent-sentence", MP3, {}, id="sentence-mp3"),
        pytest.param("tencent-sentence", {}, {"language": "de-DE"}, id="sentence-german"),
        pytest.param("tencent-sentence", {"format": "m4a", "codec": "aac"}, {}, id="sentence-m4a"),
        pytest.param("tencent-sentence", {"format": "aac", "codec": "aac"}, {}, id="sentence-aac"),
        pytest.param(
            "tencent-sentence", {"format": "amr", "codec": "amr_nb", "sample_rate_hz": 8000}, {}, id="sentence-amr"
        ),
        pytest.param("tencent-sentence", OPUS, {}, id="sentence-opus"),
        pytest.param("tencent-sentence", {"format": "ogg", "codec": "speex"}, {}, id="sentence-speex"),
        pytest.param(
            "tencent-sentence", {"format": "silk", "codec": "silk", "sample_rate_hz": None}, {}, id="sentence-silk"
        ),
        pytest.param("volcengine", {"duration_ms": 5 * HOUR_MS - 1}, {}, id="volcengine-just-under-5-hours"),
        pytest.param("volcengine", OPUS, {}, id="volcengine-opus"),
        pytest.param("volcengine", AAC, {}, id="volcengine-m4a-stereo"),
        pytest.param("volcengine", {"format": "pcm"}, {}, id="volcengine-pcm"),
        pytest.param("volcengine", {}, {"language": "ru-RU"}, id="volcengine-russian"),
        pytest.param("abcpen", {"duration_ms": 5 * HOUR_MS}, {}, id="abcpen-5-hours"),
        pytest.param("abcpen", OPUS, {}, id="abcpen-opus"),
        pytest.param("abcpen", AAC, {}, id="abcpen-m4a-stereo"),
        pytest.param("abcpen", {"format": "flac", "codec": "flac"}, {}, id="abcpen-flac"),
        pytest.param("abcpen", {"codec": "pcm_u8", "bits_per_sample": 8}, {}, id="abcpen-8-bit-wav"),
        pytest.param("abcpen", {}, {"language": "en-US"}, id="abcpen-english"),
    ],
)
def test_recording_within_the_limits_is_accepted(name, audio, options):
    assert VENDORS[name].rejection_reason(a_recognition_request(options=options, **audio)) is None


@pytest.mark.parametrize(
    ("name", "audio", "options", "reason"),
    [
        pytest.param(
            "tencent-recording",
            {"duration_ms": HOUR_MS + 1},
            {},
            "length 3600.001 s (accepts up to 3600 s)",
            id="rec-long",
        ),
        pytest.param(
            "tencent-recording", {"sample_rate_hz": 44100}, {}, "44100 Hz (accepts 8000, 16000)", id="rec-rate"
        ),
        pytest.param(
            "tencent-recording", {"channels": 2}, {}, "stereo; this vendor accepts mono (", id="rec-stereo-16-kHz"
        ),
        pytest.param("tencent-recording", {"channels": 3}, {}, "3 channels; this vendor", id="rec-three-channels"),
        pytest.param("tencent-recording", {"codec": "pcm_u8"}, {}, "codec pcm_u8 in wav", id="rec-8-bit"),
        pytest.param("tencent-recording", OPUS, {}, "codec opus in ogg (accepts speex)", id="rec-opus"),
        pytest.param("tencent-recording", AAC, {}, "format m4a", id="rec-m4a"),
        pytest.param("tencent-recording", {}, {"language": "en"}, "language en-US (accepts zh-CN)", id="rec-english"),
        pytest.param(
            "tencent-sentence", {"duration_ms": 60_000}, {}, "length 60 s (accepts up to 59.999 s)", id="sen-minute"
        ),
        pytest.param("tencent-sentence", {"duration_ms": None}, {}, "unknown length", id="sen-length-unknown"),
        pytest.param("tencent-sentence", {"channels": 2}, {}, "stereo; this vendor accepts mono", id="sen-stereo"),
        pytest.param("tencent-sentence", {"codec": "pcm_s24le"}, {}, "codec pcm_s24le in wav", id="sen-24-bit"),
        pytest.param(
            "tencent-sentence", {"format": "flac", "codec": "flac"}, {}, "format flac (accepts aac", id="sen-flac"
        ),
        pytest.param(
            "tencent-sentence", {"format": "ogg", "codec": "vorbis"}, {}, "codec vorbis in ogg", id="sen-vorbis"
        ),
        pytest.param("tencent-sentence", {"format": "m4a", "codec": "alac"}, {}, "codec alac in m4a", id="sen-alac"),
        pytest.param(
            "tencent-sentence",
            {"format": "m4a", "codec": "aac", "sample_rate_hz": 44100},
            {},
            "44100 Hz (accepts 8000, 16000)",
            id="sen-rate",
        ),
        pytest.param(
            "tencent-sentence",
            {"sample_rate_hz": 8000},
            {"language": "ja-JP"},
            "ja-JP at 8000 Hz",
            id="sen-japanese-8k",
        ),
        pytest.param("volcengine", {"duration_ms": 5 * HOUR_MS}, {}, "up to 17999.999 s", id="vol-five-hours"),
        pytest.param("volcengine", {"format": "flac", "codec": "flac"}, {}, "format flac", id="vol-flac"),
        pytest.param("volcengine", {"codec": "pcm_mulaw"}, {}, "codec pcm_mulaw in wav", id="vol-mu-law"),
        pytest.param("volcengine", {"channels": 6}, {}, "6 channels; this vendor accepts mono,", id="vol-surround"),
        pytest.param("volcengine", {}, {"language": "de-DE"}, "language de-DE", id="vol-german"),
        pytest.param("abcpen", {"duration_ms": 5 * HOUR_MS + 1}, {}, "length 18000.001 s", id="abc-long"),
        pytest.param("abcpen", {"sample_rate_hz": 22050}, {}, "sample rate 22050 Hz", id="abc-rate"),
        pytest.param("abcpen", {"format": "amr", "codec": "amr_nb"}, {}, "format amr", id="abc-amr"),
        pytest.param("abcpen", {"format": "wma", "codec": "wmav2"}, {}, "format wma", id="abc-wma"),
        pytest.param(
            "abcpen", {"format": "flac", "codec": "flac", "bits_per_sample": 24}, {}, "24 bits", id="abc-flac-24-bit"
        ),
        pytest.param("abcpen", {}, {"language": "yue"}, "language yue-CN (accepts en-US, zh-CN)", id="abc-cantonese"),
    ],
)
def test_recording_beyond_a_limit_is_rejected_with_a_reason(name, audio, options, reason):
    assert reason in str(VENDORS[name].rejection_reason(a_recognition_request(options=options, **audio)))


A_LAW = {"codec": "pcm_alaw", "sample_rate_hz": 8000, "bits_per_sample": 8}
WEBM = {"format": "webm", "codec": "opus", "sample_rate_hz": 16000, "bits_per_sample": None}
WITH_A_PAGE = [
    name for name, vendor in VENDORS.items() if vendor.limits.refused
]  # of formats, not of a person's server


@pytest.mark.parametrize("name", WITH_A_PAGE)
@pytest.mark.parametrize(
    ("audio", "what"),
    [
        pytest.param(A_LAW, "codec pcm_alaw in wav", id="a-law"),
        pytest.param(WEBM, "format webm", id="webm"),
    ],
)
def test_unlisted_format_is_submitted_to_a_named_vendor(name, audio, what):
    chosen = a_recognition_request(**audio)
    named = replace(chosen, named=True)

    assert what in str(VENDORS[name].rejection_reason(chosen))
    assert VENDORS[name].rejection_reason(named) is None
    (warning,) = texts(VENDORS[name].warnings(named))
    assert warning.startswith(f"{name} does not list {what} (accepts ")
    assert warning.endswith("; it was submitted because the vendor was named")
    assert VENDORS[name].warnings(replace(a_recognition_request(), named=True)) == []


@pytest.mark.parametrize("name", WITH_A_PAGE)
@pytest.mark.parametrize(
    ("audio", "options"),
    [
        pytest.param({"codec": "pcm_s24le", "bits_per_sample": 24}, {}, id="24-bit"),
        pytest.param({"duration_ms": 11 * HOUR_MS}, {}, id="too-long"),
        pytest.param({"channels": 6}, {}, id="six-channels"),
        pytest.param({}, {"language": "tlh"}, id="language"),
    ],
)
def test_documented_refusal_holds_for_a_named_vendor(name, audio, options):
    assert VENDORS[name].rejection_reason(replace(a_recognition_request(options=options, **audio), named=True))


@pytest.mark.parametrize(
    ("name", "largest_bytes"),
    [pytest.param("volcengine", 511_999_999, id="volcengine"), pytest.param("abcpen", 500_000_000, id="abcpen")],
)
def test_largest_size_is_the_documented_one(name, largest_bytes):
    assert VENDORS[name].rejection_reason(a_recognition_request(size_bytes=largest_bytes)) is None
    assert f"size {largest_bytes + 1} bytes" in str(
        VENDORS[name].rejection_reason(a_recognition_request(size_bytes=largest_bytes + 1))
    )


@pytest.mark.parametrize(
    ("name", "max_data_bytes", "max_url_length"),
    [
        pytest.param("tencent-recording", 5 * 1024 * 1024, 2047, id="tencent-recording"),
        pytest.param("tencent-sentence", 2_250_000, 2047, id="tencent-sentence"),
        pytest.param("volcengine", 0, None, id="volcengine"),
        pytest.param("abcpen", 0, None, id="abcpen"),
    ],
)
def test_delivery_limits_are_the_documented_ones(name, max_data_bytes, max_url_length):
    limits = VENDORS[name].limits

    assert (limits.max_data_bytes, limits.max_url_length) == (max_data_bytes, max_url_length)
