"""Keys of the audio bucket: objects that are no recordings, and names in other Unicode forms."""

from unicodedata import normalize
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrcore.core.recording_keys import MOST_FORMS, NO_RECORDINGS, key_forms, skip_reason
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source, transcript_key
from asrcore.events import RequestEvent
from asrcore.job_creation import handle_new_objects, handle_request
from asrcore.messages import render
from tests.support.api_client import Caller
from tests.support.pipeline import SOURCE, SYNC, drop, wav, world
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
    assert str(skip_reason(folder + name, 10)).startswith(SKIPPED[name])
    assert skip_reason(folder + name) == skip_reason(folder + name, 0)


def test_every_reason_has_an_example():
    assert {str(reason) for _, reason in NO_RECORDINGS} == {str(skip_reason(name)) for name in SKIPPED}


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
    assert str(skip_reason("incoming/auto/a/", 0)) == "a folder marker"


@pytest.mark.parametrize("name", SKIPPED)
def test_file_that_is_no_recording_gets_no_job(name):
    made = world()
    key = f"incoming/auto/{name}"
    made.audio[key] = (wav(), {})

    handle_new_objects([SOURCE.model_copy(update={"key": key, "size_bytes": 10})], made.services)

    assert made.rows == {}


@pytest.mark.parametrize(("page", "language"), [("troubleshooting.md", "en"), ("zh-CN/troubleshooting.md", "zh-CN")])
def test_the_manual_lists_every_reason(page, language):
    manual = (ROOT / "docs" / page).read_text("utf-8")
    reasons = [render(reason, language) for _, reason in NO_RECORDINGS]

    assert [reason for reason in reasons if f"| {reason} |" not in manual] == []


FORMS = ("NFC", "NFD")
# Text of scripts whose letters macOS takes apart: Latin, Vietnamese, Japanese, Korean.
LETTERS = st.text(st.sampled_from("aé0ễñがギ한글 会议.-"), min_size=1, max_size=12)


@st.composite
def spellings(draw):
    """Return two keys of the same name: each part of either has a form of its own."""
    parts = draw(st.lists(LETTERS, min_size=1, max_size=3))

    def spelled():
        return "/".join(["incoming", *(normalize(draw(st.sampled_from(FORMS)), part) for part in parts)])

    return spelled(), spelled()


@given(spellings())
def test_stored_key_is_among_the_forms_of_the_requested_one(keys):
    requested, stored = keys

    assert key_forms(requested)[0] == requested
    assert stored in key_forms(requested)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_forms_are_few_and_differ_in_form_alone(key):
    forms = key_forms(key)

    assert len(forms) == len(set(forms)) <= MOST_FORMS
    assert {normalize("NFC", form) for form in forms} <= {normalize("NFC", key)}
    assert all(len(form.encode()) <= LONGEST_KEY_BYTES for form in forms)


@pytest.mark.parametrize("stored", FORMS)
@pytest.mark.parametrize("requested", FORMS)
class TestOtherForm:
    """A recording is found under its name in either form, and the answer has the key that exists."""

    @pytest.fixture
    def made(self, stored):
        made = world(*["done"] * 2, vendors=(SYNC,))
        made.audio[key(stored)] = (wav(), {})
        return made

    def test_list_finds_the_jobs_of_the_stored_key(self, made, stored, requested):
        drop(made, SOURCE.model_copy(update={"key": key(stored)}))

        told = Caller(made).get(f"/jobs?key={quote(key(requested))}")

        assert [job["recording"]["key"] for job in told.json["jobs"]] == [key(stored)]

    def test_request_creates_the_job_of_the_stored_key(self, made, stored, requested):
        told = Caller(made).post("/jobs", {"source": f"s3://audio/{key(requested)}"})

        assert (told.status, told.json["recording"]["key"]) == (202, key(stored))

    def test_request_event_creates_the_job_of_the_stored_key(self, made, stored, requested):
        handle_request(RequestEvent(action="request", bucket="audio", key=key(requested)), made.services)

        assert made.job().source.key == key(stored)


def key(form):
    return normalize(form, "incoming/auto/café/Vũ.wav")


def test_exact_key_goes_before_its_other_form():
    made = world(*["done"] * 2, vendors=(SYNC,))
    for form in FORMS:
        made.audio[key(form)] = (wav(), {})

    told = [Caller(made).post("/jobs", {"source": f"s3://audio/{key(form)}"}) for form in FORMS]

    assert [each.json["recording"]["key"] for each in told] == [key(form) for form in FORMS]


def test_name_that_exists_in_no_form_is_not_found():
    told = Caller(world()).post("/jobs", {"source": f"s3://audio/{key('NFC')}"})

    assert (told.status, told.json["code"]) == (422, "ObjectNotFound")


def made_from(key):
    return transcript_key(Source(bucket="audio", key=key, etag="", size_bytes=0))


def cut_to(text, most_bytes):
    return text.encode()[:most_bytes].decode(errors="ignore")


# Characters of one to four bytes, and those of which a cut name is made.
long_keys = st.builds(
    lambda text, end, size_bytes: cut_to("incoming/auto/" + text * 1000, size_bytes - len(end.encode())) + end,
    st.text(st.sampled_from("a~0f/é会😀"), min_size=1, max_size=9),
    st.text(st.sampled_from("a~0f/é会😀"), max_size=9),
    st.integers(900, LONGEST_KEY_BYTES),
)


@given(keys=st.lists(long_keys, min_size=1, max_size=3), extra=st.integers(0, 4))
def test_no_two_keys_share_a_transcript_key(keys, extra):
    """Attack with keys that are the cut names of others, once and twice, and with longer and shorter ones."""
    names = set(keys)
    for _ in range(2):
        names |= {made_from(key).removeprefix("transcripts/").removesuffix(".json") for key in names}
    names |= {cut_to(name[: len(name) - extra], LONGEST_KEY_BYTES) for name in names}
    names |= {f"{name}{'x' * extra}" for name in names if len(name.encode()) + extra <= LONGEST_KEY_BYTES}

    transcripts = {made_from(name) for name in names}

    assert len(transcripts) == len(names)
    assert all(len(key.encode()) <= LONGEST_KEY_BYTES for key in transcripts)


def test_key_that_is_the_cut_name_of_another_is_cut_too():
    long = "incoming/auto/" + "a" * 1000
    cut = made_from(long).removeprefix("transcripts/").removesuffix(".json")

    assert len(made_from(long).encode()) == LONGEST_KEY_BYTES
    assert made_from(cut) != made_from(long)
    assert made_from("incoming/auto/short~" + "0" * 32) == "transcripts/incoming/auto/short~" + "0" * 32 + ".json"
