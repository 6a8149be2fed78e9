"""Convert recordings of common formats from S3 to S3; check that each tone keeps its time."""

import os

import pytest

from asrcore.core.errors import AsrError
from asrcore.core.form import Form
from asrcore.core.transcript import Source
from asrcore.stores.converter import NEXT_BYTES, PART_BYTES, MultipartUpload, RangeReader, S3Converter
from asrcore.stores.objects import S3Recordings
from tests.support import mocked_aws
from tests.support.recordings import EVERYDAY, TONES_S, Kind, onsets, record

EXACT_S = 0.05
MONO = Form(format="wav", sample_rate_hz=16000, channels=1)
LONG = Form(format="mp3", sample_rate_hz=16000, channels=1)
CALL = Form(format="wav", sample_rate_hz=8000, channels=2)
LONG_CALL = Form(format="mp3", sample_rate_hz=8000, channels=2)


@pytest.fixture
def bucket(aws):
    return mocked_aws.create_bucket("conversion", versioning=True)


def put(client, body: bytes) -> Source:
    answer = client.put_object(Bucket="conversion", Key="incoming/auto/recording", Body=body)
    return Source(
        bucket="conversion",
        key="incoming/auto/recording",
        version_id=answer["VersionId"],
        etag=answer["ETag"].strip('"'),
        size_bytes=len(body),
    )


def run(client, body: bytes, form: Form, track: int = 1, *, is_late: bool = False) -> bytes:
    converter = S3Converter(client, S3Recordings(client, client).read)
    made = converter.convert(put(client, body), f"converted/job/{form.name}", form, track, lambda: is_late)
    answer = client.get_object(Bucket="conversion", Key=made.source.key, VersionId=made.source.version_id)
    stored = answer["Body"].read()
    assert (made.source.size_bytes, made.source.etag) == (len(stored), answer["ETag"].strip('"'))
    return stored


@pytest.mark.parametrize("form", [MONO, LONG], ids=["WAV", "MP3"])
@pytest.mark.parametrize("kind", EVERYDAY.values(), ids=EVERYDAY)
def test_conversion_keeps_times(bucket, kind, form):
    converted = run(bucket, record(kind), form)

    assert onsets(converted) == pytest.approx(TONES_S, abs=EXACT_S)


@pytest.mark.parametrize("form", [CALL, LONG_CALL], ids=["WAV", "MP3"])
def test_conversion_keeps_channels_separate(bucket, form):
    converted = run(bucket, record(EVERYDAY["A-law WAV"]), form)

    assert onsets(converted, 0) == pytest.approx(TONES_S[:1], abs=EXACT_S)
    assert onsets(converted, 1) == pytest.approx(TONES_S[1:], abs=EXACT_S)


def test_requested_second_track_is_converted(bucket):
    two = record(Kind("mp4", "aac", video="mpeg4", tracks=2))

    assert run(bucket, two, MONO, 1) != run(bucket, two, MONO, 2)


@pytest.mark.parametrize(
    ("body", "track", "why"),
    [
        pytest.param(b"no recording at all" * 100, 1, "FFmpeg cannot read it", id="not a recording"),
        pytest.param(record(EVERYDAY["A-law WAV"]), 2, "1 audio track, and number 2", id="no such track"),
        pytest.param(
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 1, "FFmpeg cannot read it", id="a list of other files"
        ),
    ],
)
def test_undecodable_recording_fails_with_a_message(bucket, body, track, why):
    with pytest.raises(AsrError, match=why) as caught:
        run(bucket, body, MONO, track)

    assert caught.value.code == "ConversionFailed"


def test_conversion_beyond_the_time_limit_fails_with_a_message(bucket):
    with pytest.raises(AsrError, match="convert it to mono WAV, 16 kHz before the upload") as caught:
        run(bucket, record(EVERYDAY["CAF"]), MONO, is_late=True)

    assert caught.value.code == "ConversionTooLong"


def test_endless_conversion_is_aborted(bucket, monkeypatch):
    monkeypatch.setattr("asrcore.media.transcode.MAX_DURATION_S", 1)

    with pytest.raises(AsrError, match="it is longer than"):
        run(bucket, record(EVERYDAY["CAF"]), MONO)


def test_truncated_recording_is_converted_up_to_its_end(bucket):
    whole = record(EVERYDAY["A-law WAV"])

    converted = run(bucket, whole[: len(whole) * 2 // 3], MONO)

    assert onsets(converted) == pytest.approx(TONES_S[:2], abs=EXACT_S)


def test_repeated_conversion_writes_the_same_bytes(bucket):
    body = record(EVERYDAY["browser sound"])

    assert run(bucket, body, LONG) == run(bucket, body, LONG)


def test_large_result_is_uploaded_in_parts_with_its_header_first(bucket):
    upload = MultipartUpload(bucket, "conversion", "converted/job/large")
    pieces = [os.urandom(PART_BYTES // 2) for _ in range(7)]
    for piece in pieces:
        upload.write(piece)

    upload.finish(b"header")

    stored = bucket.get_object(Bucket="conversion", Key="converted/job/large")["Body"].read()
    assert stored == b"header" + b"".join(pieces)


def test_aborted_upload_leaves_no_parts(bucket):
    upload = MultipartUpload(bucket, "conversion", "converted/job/given-up")
    upload.write(bytes(PART_BYTES))
    upload.write(bytes(PART_BYTES))

    upload.abort()

    assert "Uploads" not in bucket.list_multipart_uploads(Bucket="conversion")


def test_recording_is_read_once_in_large_ranges():
    size = 3 * NEXT_BYTES
    reads: list[tuple[int, int]] = []

    def read(_source: Source, offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return bytes(min(length, size - offset))

    reader = RangeReader(Source(bucket="b", key="k", etag="e", size_bytes=size), read)
    reader.seek(-100, os.SEEK_END)
    reader.read(100)
    reader.seek(0)
    while reader.read(65536):
        pass

    assert len(reads) <= 6
    assert sum(length for _, length in reads) <= 1.05 * size
