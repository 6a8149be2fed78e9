"""Transcribe five hours with word times: several megabytes, more than a state or a row can hold."""

import io

import av
import numpy as np
import pytest

from tests.support.stack_client import Journey
from tests.support.tones import samples

MINUTES = 299  # the vendor's limit is below five hours
SENTENCES_A_MINUTE = 40


def five_hours() -> bytes:
    """Return a minute of MP3 frames with sentences, repeated: MP3 frames need no container."""
    bursts = [(start, start + 1000) for start in range(0, 60_000, 60_000 // SENTENCES_A_MINUTE)]
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as output:
        stream = output.add_stream("mp3", rate=8000, layout="mono")
        stream.bit_rate = 8000
        frame = av.AudioFrame.from_ndarray(
            np.expand_dims(samples(bursts, 60_000, 8000), 0), format="s16", layout="mono"
        )
        frame.rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return file.getvalue() * MINUTES


@pytest.mark.exhaustive
def test_five_hour_transcript_with_words_completes(stack):
    journey = Journey(stack)

    row = journey.finished(journey.drop("incoming/volcengine/five-hours.mp3", five_hours(), words="true"))

    transcript = journey.transcript(row)
    assert row["status"] == "COMPLETED", row.get("error")
    assert transcript["audio"]["duration_ms"] == pytest.approx(MINUTES * 60_000, rel=0.01)
    assert len(transcript["utterances"]) == pytest.approx(MINUTES * SENTENCES_A_MINUTE, rel=0.05)
    assert all(utterance["words"] for utterance in transcript["utterances"])
    assert len(journey.raw(row["job_id"])) > 2_000_000
