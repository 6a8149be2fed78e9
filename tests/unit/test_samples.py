"""Check the sample recordings against `samples/README.md` and `samples/scripts.json`."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest

from asrcore.core.audio import Audio, probe
from simulators.recording import Recording, measure

SAMPLES = Path(__file__).parents[2] / "samples"
SCRIPTS = json.loads((SAMPLES / "scripts.json").read_text(encoding="utf-8"))
SUFFIXES = {".wav", ".mp3", ".m4a", ".ogg"}
LARGEST_BYTES = 200_000
SHORTEST_PAUSE_MS = 450

FILES = [pytest.param(sha256, script, id=script["file"]) for sha256, script in SCRIPTS.items()]


def listen(name: str) -> Recording:
    with (SAMPLES / name).open("rb") as file:
        return measure(file, max_ms=60_000)


def test_every_sample_has_a_script() -> None:
    recordings = {path.name for path in SAMPLES.iterdir() if path.suffix in SUFFIXES}

    assert recordings == {script["file"] for script in SCRIPTS.values()}


@pytest.mark.parametrize(("sha256", "script"), FILES)
def test_script_matches_the_samples_hash(sha256: str, script: dict) -> None:
    data = (SAMPLES / script["file"]).read_bytes()

    assert hashlib.sha256(data).hexdigest() == sha256
    assert len(data) < LARGEST_BYTES
    assert script["language"] in {"zh-CN", "en-US"}
    assert len(script["speakers"]) == len(script["lines"])


@pytest.mark.parametrize(("sha256", "script"), FILES)
def test_readme_quotes_every_line(sha256: str, script: dict) -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")

    assert f"| `{script['file']}` | {' / '.join(script['lines'])} |" in readme


@pytest.mark.parametrize(("sha256", "script"), FILES)
def test_each_line_is_one_speech_segment(sha256: str, script: dict) -> None:
    recording = listen(script["file"])

    assert len(recording.segments) == len(script["lines"])
    assert all(after.start_ms - before.end_ms >= SHORTEST_PAUSE_MS for before, after in pairwise(recording.segments))


def test_each_speaker_of_the_call_has_a_channel() -> None:
    left, right = listen("call.wav").channel_segments

    assert (len(left), len(right)) == (2, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("meeting.wav", ("wav", "pcm_s16le", 16000, 1, 16), id="meeting"),
        pytest.param("greeting.wav", ("wav", "pcm_s16le", 8000, 1, 16), id="telephone-greeting"),
        pytest.param("call.wav", ("wav", "pcm_s16le", 8000, 2, 16), id="telephone-call"),
        pytest.param("news.mp3", ("mp3", "mp3", 16000, 1, None), id="news"),
        pytest.param("lecture.m4a", ("m4a", "aac", 44100, 1, None), id="lecture"),
        pytest.param("hello.mp3", ("mp3", "mp3", 16000, 1, None), id="hello"),
        pytest.param("story.ogg", ("ogg", "opus", 48000, 1, None), id="story"),
    ],
)
def test_probe_reads_each_sample(name: str, expected: tuple[str, str, int, int, int | None]) -> None:
    data = (SAMPLES / name).read_bytes()

    audio = probe(lambda offset, length: data[offset : offset + length], len(data), name)

    assert audio == Audio(
        **dict(zip(("format", "codec", "sample_rate_hz", "channels", "bits_per_sample"), expected, strict=True)),
        duration_ms=audio.duration_ms,
    )
    assert audio.duration_ms == pytest.approx(listen(name).duration_ms, abs=50)
