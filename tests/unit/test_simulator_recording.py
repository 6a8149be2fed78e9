"""Measure generated files: their properties, and speech where the tone bursts are."""

import io

import pytest

from simulators.recording import (
    EmptyRecordingError,
    NotAudioError,
    RawPcm,
    TooLongError,
    UndecodableError,
    has_header,
    measure,
    suffix_of,
)
from simulators.script import make_utterances
from tests.support import tones

TOLERANCE_MS = 100  # lossy codecs smear edges, and raw AAC does not tell its encoder's delay
HOUR_MS = 3_600_000


def measured(data: bytes, **options):
    return measure(io.BytesIO(data), **{"max_ms": HOUR_MS, **options})


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "found_format", "found_codec"),
    [
        pytest.param("wav", "pcm_s16le", 16000, "wav", "pcm_s16le", id="wav"),
        pytest.param("wav", "pcm_mulaw", 8000, "wav", "pcm_mulaw", id="telephone-wav"),
        pytest.param("mp3", "libmp3lame", 16000, "mp3", "mp3", id="mp3"),
        pytest.param("flac", "flac", 44100, "flac", "flac", id="flac"),
        pytest.param("ogg", "libopus", 48000, "ogg", "opus", id="opus-in-ogg"),
        pytest.param("ipod", "aac", 44100, "mp4", "aac", id="m4a"),
        pytest.param("adts", "aac", 16000, "aac", "aac", id="aac"),
    ],
)
def test_file_is_measured_with_its_speech(container, codec, rate_hz, found_format, found_codec):
    recording = measured(tones.audio(container=container, codec=codec, rate_hz=rate_hz))

    assert (recording.format, recording.codec, recording.sample_rate_hz, recording.channels) == (
        found_format,
        found_codec,
        rate_hz,
        1,
    )
    assert recording.duration_ms == pytest.approx(tones.LENGTH_MS, abs=150)
    found = [time for segment in recording.segments for time in (segment.start_ms, segment.end_ms)]
    assert found == pytest.approx([time for burst in tones.TWO_SENTENCES for time in burst], abs=TOLERANCE_MS)


def test_amr_pauses_keep_their_length():
    recording = measured(tones.amr())

    assert (recording.format, recording.sample_rate_hz, recording.duration_ms) == ("amr", 8000, tones.LENGTH_MS)
    assert recording.segments[0].start_ms == pytest.approx(tones.TWO_SENTENCES[0][0], abs=TOLERANCE_MS)
    assert recording.segments[-1].end_ms == pytest.approx(tones.TWO_SENTENCES[-1][1], abs=TOLERANCE_MS)


@pytest.mark.parametrize("first", [b"", b"\x02"], ids=["plain", "wechat"])
def test_silk_text_says_that_it_is_not_decoded(first):
    recording = measured(tones.silk(2000, first))

    assert (recording.format, recording.channels, recording.duration_ms) == ("silk", 1, 2000)
    assert [(each.text, each.start_ms, each.end_ms) for each in make_utterances(recording.segments, None)] == [
        ("[simulated: SILK is not decoded here]", 0, 2000)
    ]


def test_truncated_silk_has_the_length_of_whole_packets():
    assert measured(tones.silk(2000)[:-30]).duration_ms == 1980


@pytest.mark.parametrize(("length_ms", "error"), [(0, UndecodableError), (60_020, TooLongError)])
def test_silk_of_an_impossible_length_is_refused(length_ms, error):
    with pytest.raises(error):
        measured(tones.silk(length_ms), max_ms=60_000)


def test_segments_are_found_per_channel_and_together():
    left, right = ((500, 1500),), ((2200, 3200),)

    recording = measured(tones.audio(left, right))

    assert recording.channels == 2
    assert [(s.start_ms, s.end_ms, s.channel) for s in recording.segments] == [(500, 1500, None), (2200, 3200, None)]
    assert [[(s.start_ms, s.end_ms, s.channel) for s in channel] for channel in recording.channel_segments] == [
        [(500, 1500, 0)],
        [(2200, 3200, 1)],
    ]


@pytest.mark.parametrize(
    ("bursts", "length_ms", "expected"),
    [
        pytest.param((), 3000, [], id="silence"),
        pytest.param(((0, 3000),), 3000, [(0, 3000)], id="speech-without-a-pause"),
        pytest.param(((500, 1000), (1200, 1600)), 3000, [(500, 1600)], id="short-gap-is-one-sentence"),
        pytest.param(((500, 560),), 3000, [], id="click"),
    ],
)
def test_segments_follow_pauses_and_clicks(bursts, length_ms, expected):
    recording = measured(tones.audio(bursts, length_ms=length_ms))

    assert [(segment.start_ms, segment.end_ms) for segment in recording.segments] == expected


def test_long_speech_is_cut_at_20_s():
    recording = measured(tones.audio(((0, 65_000),), length_ms=65_000, rate_hz=8000))

    lengths = [segment.end_ms - segment.start_ms for segment in recording.segments]
    assert max(lengths) <= 20_000
    assert sum(lengths) == 65_000


def test_headerless_bytes_are_read_in_the_given_format():
    recording = measured(tones.samples(tones.TWO_SENTENCES, rate_hz=8000).tobytes(), raw=RawPcm(sample_rate_hz=8000))

    assert (recording.format, recording.sample_rate_hz, recording.duration_ms) == ("raw", 8000, tones.LENGTH_MS)
    assert len(recording.segments) == 2


def test_truncated_file_is_measured_to_its_end():
    whole = tones.audio(container="mp3", codec="libmp3lame")

    recording = measured(whole[: len(whole) // 2])

    assert recording.duration_ms == pytest.approx(tones.LENGTH_MS / 2, abs=300)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", EmptyRecordingError, id="no-bytes"),
        pytest.param(b"Dear Sir or Madam, " * 200, NotAudioError, id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(500), NotAudioError, id="picture"),
        pytest.param(b"#EXTM3U\n#EXTINF:5,\nother.wav\n", NotAudioError, id="playlist-that-names-another-file"),
    ],
)
def test_file_that_is_no_recording_is_refused(data, error):
    with pytest.raises(error):
        measured(data)


def test_duration_limit_is_inclusive():
    minute = tones.audio(((0, 500),), length_ms=2000)

    assert measured(minute, max_ms=2000).duration_ms == 2000
    with pytest.raises(TooLongError):
        measured(minute, max_ms=1999)


@pytest.mark.parametrize(
    ("url", "suffix"),
    [
        ("http://a.example/x/meeting.WAV?X-Amz-Signature=1.mp3", "wav"),
        ("http://a.example/x/meeting", ""),
    ],
)
def test_suffix_is_read_from_the_path_only(url, suffix):
    assert suffix_of(url) == suffix


def without_tag(mp3: bytes) -> bytes:
    """From the first frame on; how long the tag before it is depends on the encoder."""
    return mp3[mp3.index(b"\xff\xf3") :]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(tones.audio(), True, id="wav"),
        pytest.param(tones.audio(container="mp3", codec="libmp3lame"), True, id="mp3"),
        pytest.param(without_tag(tones.audio(container="mp3", codec="libmp3lame")), True, id="mp3-without-a-tag"),
        pytest.param(tones.audio(container="adts", codec="aac"), True, id="aac"),
        pytest.param(tones.audio(container="ogg", codec="libopus", rate_hz=48000), True, id="ogg"),
        pytest.param(tones.audio(container="ipod", codec="aac"), True, id="m4a"),
        pytest.param(b"Dear Sir or Madam", True, id="text"),
        pytest.param(tones.samples(tones.TWO_SENTENCES).tobytes(), False, id="speech"),
        pytest.param(bytes(1000), False, id="silence"),
    ],
)
def test_header_is_recognized_by_first_bytes(data, expected):
    assert has_header(data) is expected
