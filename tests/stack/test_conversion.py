"""Upload recordings that need a conversion to `incoming/auto/`, and check their transcripts."""

import pytest

from tests.support.recordings import EVERYDAY, TONES_S, Kind, record

EXACT_MS = 150  # the simulator detects sound in steps; tests/contract holds the conversion to 50 ms
HEARD_MS = 80  # the conversion's 50 ms and the simulators' steps of 20 ms at both ends
FIRST_WORD = "simulated"  # of each simulated utterance, one for each tone
FORMS = {
    "iPhone video": ("auto/converted/clip.mov", Kind("mov", "aac", video="mpeg4"), "wav-16000-1"),
    "browser sound": ("volcengine-bigmodel/converted/memo.webm", Kind("webm", "libopus", 48000), "wav-16000-1"),
    "AVI": ("auto/converted/old.avi", Kind("avi", "libmp3lame", video="mpeg4"), "wav-16000-1"),
}


def left_over(journey, job: str) -> list[str]:
    """Return the job's remaining converted recordings, in any version."""
    found = journey.stack.client("s3").list_object_versions(
        Bucket=journey.stack.audio_bucket, Prefix=f"converted/{job}/"
    )
    return [each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, [])]


@pytest.mark.parametrize(("name", "kind", "form"), FORMS.values(), ids=FORMS)
def test_recording_is_converted_and_keeps_its_times(journey, name, kind, form):
    job = journey.drop(f"incoming/{name}", record(kind))

    row = journey.finished(job)

    assert row["status"] == "COMPLETED", row.get("error")
    transcript = journey.transcript(row)
    starts_ms = [utterance["start_ms"] for utterance in transcript["utterances"]]
    assert starts_ms[0] == pytest.approx(1000 * TONES_S[0], abs=EXACT_MS)
    assert transcript["conversion"]["form"] == form
    assert transcript["audio"]["format"] == name.rsplit(".", 1)[1]
    assert any("its sound was converted to mono" in warning["text"] for warning in transcript["warnings"])
    assert left_over(journey, job) == []


@pytest.mark.exhaustive
def test_common_formats_keep_their_times_by_automatic_choice(journey):
    jobs = {
        name: journey.drop(f"incoming/auto/everyday/{name}.{kind.extension}", record(kind))
        for name, kind in EVERYDAY.items()
    }

    rows = {name: journey.finished(job) for name, job in jobs.items()}

    assert {name: row.get("error") for name, row in rows.items() if row["status"] != "COMPLETED"} == {}
    for name, row in rows.items():
        words = [word for utterance in journey.transcript(row)["utterances"] for word in utterance["words"]]
        starts_ms = [word["start_ms"] for word in words if word["text"] == FIRST_WORD]
        assert starts_ms == pytest.approx([1000 * tone_s for tone_s in TONES_S], abs=HEARD_MS), name
    assert all(left_over(journey, job) == [] for job in jobs.values())


@pytest.mark.parametrize(
    ("options", "form", "field"),
    [
        pytest.param({}, "wav-8000-2", "channel", id="channels"),
        pytest.param({"speakers": "2"}, "wav-8000-1", "speaker", id="speakers"),
    ],
)
def test_a_law_call_keeps_its_channels_separate(journey, options, form, field):
    call = record(Kind("wav", "pcm_alaw", 8000, "stereo"))

    row = journey.finished(journey.drop(f"incoming/tencent-rec-task/converted/{form}.wav", call, **options))

    assert row["status"] == "COMPLETED", row.get("error")
    transcript = journey.transcript(row)
    assert transcript["conversion"]["form"] == form
    assert all(utterance[field] is not None for utterance in transcript["utterances"])


def test_impossible_conversion_fails_with_one_message(journey):
    clip = record(Kind("mov", "aac", video="mpeg4"))

    row = journey.finished(journey.drop("incoming/auto/converted/one.mov", clip, **{"audio-track": "3"}))

    assert row["error"]["code"] == "ConversionFailed"
    assert row["error"]["message"] == (
        "the recording cannot be converted: it has 1 audio track, and number 3 was asked for"
    )
