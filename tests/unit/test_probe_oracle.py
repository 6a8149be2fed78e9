"""The probe against FFmpeg, over files that it makes here; `make oracle` does the same over recordings of others."""

import io
import tarfile
import urllib.error

import av
import pytest

from asrcore.core.audio import Audio
from tests.support.tone_files import write_tones
from tools import corpus, oracle

FORMS = [
    *(("wav", codec) for codec in ("pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_alaw", "pcm_mulaw", "adpcm_ms")),
    *(("aiff", codec) for codec in ("pcm_s16be", "pcm_s24be", "pcm_alaw")),
    *(("caf", codec) for codec in ("pcm_s16le", "pcm_f32be", "alac", "pcm_mulaw")),
    *(("au", codec) for codec in ("pcm_s24be", "pcm_f32be", "pcm_alaw")),
    *(("mov", codec) for codec in ("aac", "alac", "pcm_s16be", "pcm_s24be", "pcm_s32le", "pcm_f64be", "pcm_mulaw")),
    *(("mp4", codec) for codec in ("aac", "alac", "libopus", "flac", "ac3", "eac3", "libmp3lame", "pcm_s16be")),
    *(("matroska", codec) for codec in ("aac", "libopus", "flac", "ac3", "libmp3lame", "pcm_s16le", "pcm_f32le")),
    *(("mpegts", codec) for codec in ("aac", "ac3", "eac3", "libmp3lame", "libopus")),
    *(("avi", codec) for codec in ("aac", "ac3", "mp2", "libmp3lame", "pcm_s16le", "pcm_mulaw")),
    *(("asf", codec) for codec in ("wmav1", "wmav2", "libmp3lame")),
    ("flv", "libmp3lame"),
    *(("ogg", codec) for codec in ("libopus", "flac")),
    *((codec, codec) for codec in ("ac3", "eac3", "mp2", "flac")),
    ("mp3", "libmp3lame"),
    ("adts", "aac"),
    ("webm", "libopus"),
    ("w64", "pcm_s16le"),
]
RATES = [(8000, "mono"), (16000, "stereo"), (44100, "stereo"), (48000, "5.1")]


def compare(folder, form, rate_hz, layout):
    """Return the comparison of a form, or None where the encoder or the container has none of this rate."""
    path = folder / f"{'-'.join(form)}-{rate_hz}-{layout}"
    try:
        write_tones(path, *form, rate_hz, layout)
    except (av.FFmpegError, ValueError):
        return None
    return oracle.compare(path.name, path)


@pytest.mark.parametrize("form", FORMS[:: len(FORMS) // 8], ids="-".join)
def test_probe_agrees_with_ffmpeg(tmp_path, form):
    compared = compare(tmp_path, form, 48000, "stereo")

    assert compared is not None
    assert compared.is_comparable
    assert compared.wrong == ()


@pytest.mark.exhaustive
@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_probe_agrees_with_ffmpeg_at_every_rate(tmp_path, form):
    compared = [compare(tmp_path, form, *rate) for rate in RATES]
    made = [each for each in compared if each is not None]

    assert made
    assert [each for each in made if each.wrong or not each.is_comparable] == []


def test_oracle_finds_each_difference():
    ours = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=8000, channels=1, duration_ms=1000)
    theirs = Audio(format="-", codec="pcm_s16be", sample_rate_hz=16000, channels=2, duration_ms=1200)

    assert len(list(oracle.differences(ours, theirs))) == 4
    assert list(oracle.differences(ours, ours)) == []


def test_oracle_counts_what_breaks(tmp_path, monkeypatch, capsys):
    write_tones(tmp_path / "good.wav", "wav", "pcm_s16le", 16000, "mono")
    monkeypatch.setattr("sys.argv", ["oracle", str(tmp_path)])
    assert oracle.main() == 0

    monkeypatch.setattr(oracle, "probe", lambda *_: 1 // 0)

    assert oracle.main() == 1
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_corpus_keeps_recordings_only_inside_its_folder(tmp_path, monkeypatch):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for name in ("top/a/b.mp3", "top/../../evil.wav", "top/readme.txt"):
            member = tarfile.TarInfo(name)
            member.size = 3
            files.addfile(member, io.BytesIO(b"abc"))
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO(packed.getvalue()))

    assert corpus.fetch("some/project", tmp_path / "corpus") == 2
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [".._.._evil.wav", "a_b.mp3"]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_corpus_that_cannot_be_fetched_is_no_failure(tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("sys.argv", ["corpus", str(tmp_path)])

    assert corpus.main() == 0
    assert capsys.readouterr().err.count("not fetched") == len(corpus.PROJECTS)
