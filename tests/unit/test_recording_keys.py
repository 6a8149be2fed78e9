"""Which objects of the audio bucket are no recordings."""

import pytest

from asrcore.core.recording_keys import NO_RECORDINGS, skip_reason
from asrcore.job_creation import handle_new_objects
from tests.support.pipeline import SOURCE, wav, world
from tests.support.template import ROOT

SKIPPED = {
    "a.wav.asr.json": "a sidecar",
    "2026_$folder$": "a folder marker of Hadoop",
    "._meeting.wav": "an AppleDouble file",
    ".DS_Store": "a settings file of macOS",
    ".localized": "a settings file of macOS",
    "Thumbs.db": "a settings file of Windows",
    "ehthumbs.db": "a settings file of Windows",
    "Desktop.INI": "a settings file of Windows",
    "~$minutes.docx": "a lock file",
    ".~lock.minutes.odt#": "a lock file",
    ".nfs000000000012ab": "a placeholder of a mounted file system",
    ".fuse_hidden0000001200000003": "a placeholder of a mounted file system",
    "meeting.wav.TMP": "a temporary file",
    ".meeting.wav.swp": "a temporary file",
    "meeting.mp3.part": "an upload or download that is not complete",
    "meeting.mp3.filepart": "an upload or download that is not complete",
    "meeting.mp3.crdownload": "an upload or download that is not complete",
    "会议.wav.md5": "a file of checksums",
    "SHA256SUMS": "a file of checksums",
    "album.sfv": "a file of checksums",
    "album.m3u8": "a playlist",
    "album.pls": "a playlist",
}


@pytest.mark.parametrize("name", SKIPPED)
@pytest.mark.parametrize("folder", ["incoming/", "incoming/auto/", "incoming/volcengine/2026/a b/"])
def test_file_that_is_no_recording_has_its_reason(folder, name):
    assert skip_reason(folder + name, 10).startswith(SKIPPED[name])
    assert skip_reason(folder + name) == skip_reason(folder + name, 0)


def test_every_reason_has_an_example():
    assert {reason for _, reason in NO_RECORDINGS} == {skip_reason(name) for name in SKIPPED}


@pytest.mark.parametrize(
    "name",
    [
        *("a.wav", ".hidden.wav", "part.wav", "a.part.wav", "tmp", "thumbs.db.wav", "desktop.ini.mp3", "~a.wav"),
        *("$folder$.wav", "md5.wav", "playlist.m3u.mp3", "a.asr.json.wav", "_.wav", "a._b.wav", "会议.m4a", "a.data"),
    ],
)
def test_name_that_only_resembles_one_is_a_recording(name):
    assert skip_reason(f"incoming/auto/{name}", 10) is None


def test_files_of_a_macos_archive_are_skipped():
    assert skip_reason("incoming/auto/__MACOSX/album/a.wav") is not None
    assert skip_reason("incoming/auto/no__macosx/a.wav") is None


@pytest.mark.parametrize(("key", "size_bytes"), [("incoming/auto/a/", 1), ("incoming/auto/a/", None), ("a.wav", 0)])
def test_only_an_empty_object_with_a_slash_is_a_folder_marker(key, size_bytes):
    assert skip_reason(key, size_bytes) is None
    assert skip_reason("incoming/auto/a/", 0) == "a folder marker"


@pytest.mark.parametrize("name", SKIPPED)
def test_file_that_is_no_recording_gets_no_job(name):
    made = world()
    key = f"incoming/auto/{name}"
    made.audio[key] = (wav(), {})

    handle_new_objects([SOURCE.model_copy(update={"key": key, "size_bytes": 10})], made.services)

    assert made.rows == {}


def test_the_manual_lists_every_reason():
    manual = (ROOT / "docs/troubleshooting.md").read_text("utf-8")

    assert [reason for _, reason in NO_RECORDINGS if f"| {reason} |" not in manual] == []
