"""Remote recordings: their URLs, their properties, and their delivery to a vendor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrcore.core.errors import AsrError
from asrcore.core.job import Status
from asrcore.core.options import Options
from asrcore.core.parameters import Address
from asrcore.core.remote_recordings import LONGEST_NAME, parse_remote_url, remote_audio, safe_name
from asrcore.core.routing import pinned_vendor
from asrcore.core.transcript import Source
from asrcore.core.vendor import RecognitionRequest
from asrcore.deletion import delete
from asrcore.events import RequestEvent
from asrcore.job_creation import handle_new_objects, handle_request
from asrcore.vendors.registry import VENDORS
from tests.support.pipeline import KEY as AUDIO_KEY
from tests.support.pipeline import QUERY, SOURCE, SYNC, wav, world

KEY = "linked/00112233445566778899aabbccddeeff/call.wav"
ADDRESS = "https://recordings.example.com/call.wav?signature=secret"


def linked(made):
    """Drop a remote recording; return its job."""
    made.audio[KEY] = (ADDRESS.encode(), {})
    made.recordings.remote = {ADDRESS: b"the recording"}
    handle_new_objects(
        [Source(bucket="audio", key=KEY, version_id="v1", etag="", size_bytes=len(ADDRESS))], made.services
    )
    return made.job()


class Narrow(type(QUERY)):
    """Takes short addresses only, or bytes."""

    def __init__(self, max_url_length):
        super().__init__("toy-narrow", *SYNC.completion_modes)
        self.limits = type(QUERY.limits)(
            **{**vars(QUERY.limits), "max_url_length": max_url_length, "max_data_bytes": 1000}
        )


def test_remote_url_is_sent_to_the_vendor_and_not_logged():
    made = world("done", vendors=(SYNC,))

    job = linked(made)

    assert job.status is Status.COMPLETED
    assert made.send.requests[0].body == ADDRESS.encode()
    assert "signature" not in str(made.rows[job.job_id])
    assert "signature" not in str(made.bus.published)


def test_remote_recording_is_not_probed_and_has_a_warning():
    job = linked(world("done", vendors=(SYNC,)))

    assert (job.audio.format, job.audio.codec, job.audio.channels) == ("wav", "pcm_s16le", None)
    assert "is not probed" in job.warnings[0].text
    assert job.transcript_key == f"transcripts/{KEY}.json"


def test_vendor_without_urls_gets_the_bytes():
    made = world("done", vendors=(Narrow(max_url_length=10),))

    linked(made)

    assert made.send.requests[0].body == b"the recording"


def test_vendor_with_urls_gets_no_bytes():
    made = world("done", vendors=(Narrow(max_url_length=len(ADDRESS)),))

    linked(made)

    assert made.send.requests[0].body == ADDRESS.encode()


VOICE = "https://voices.example.com/p4th-s3cret/a.wav?sig=tOpsecret"


class Voiced(type(QUERY)):
    """Takes the address of a voice, and keeps what it was given."""

    parameters = {"Voice": Address("a voice")}  # noqa: RUF012 - not changed

    def __init__(self):
        super().__init__("toy-voiced", *SYNC.completion_modes)
        self.voices = []

    def submit_request(self, submission):
        self.voices.append(self.vendor_options(submission.request)["Voice"])
        return super().submit_request(submission)


def voiced(made, metadata, requested=None):
    """Drop a recording with the address of a voice; return its job."""
    made.audio[AUDIO_KEY] = (wav(), metadata)
    source = made.upload_version(SOURCE) or SOURCE
    if requested:
        handle_request(RequestEvent(action="request", bucket="audio", key=AUDIO_KEY, options=requested), made.services)
    else:
        handle_new_objects([source], made.services)
    return made.job()


@pytest.mark.parametrize("is_requested", [False, True], ids=["metadata", "request"])
def test_address_among_options_is_only_sent_to_the_vendor(is_requested, caplog, capsys):
    vendor = Voiced()
    made = world("done", vendors=(vendor,))
    metadata = {} if is_requested else {"asr-toy-voiced-voice": VOICE}

    job = voiced(made, metadata, {"toy-voiced": {"Voice": VOICE}} if is_requested else None)

    assert (job.status, vendor.voices) == (Status.COMPLETED, [VOICE])
    written = f"{made.rows} {made.bus.published} {made.results} {caplog.text} {capsys.readouterr()}"
    assert not any(secret in written for secret in ("p4th-s3cret", "tOpsecret", "voices.example.com"))
    assert [body for key, (body, _) in made.audio.items() if key.startswith(f"linked/{job.job_id}/")] == [
        VOICE.encode()
    ]


def test_address_among_options_is_deleted_with_its_job():
    made = world("done", vendors=(Voiced(),))

    delete(voiced(made, {"asr-toy-voiced-voice": VOICE}), made.services)

    assert made.audio == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.com/s3cret.wav",
        "https://me:s3cret@a.example.com/a",
        "https://10.0.0.1/s3cret.wav",
        "s3cret",
    ],
)
def test_forbidden_address_among_options_is_not_repeated(url):
    job = voiced(world(vendors=(Voiced(),)), {"asr-toy-voiced-voice": url})

    assert (job.status, job.error.code) == (Status.FAILED, "BadOption")
    assert "s3cret" not in str(job)


def test_remote_recording_is_in_no_vendors_folder():
    assert pinned_vendor(KEY, None, VENDORS) is None
    assert pinned_vendor(KEY, "volcengine", VENDORS) == "volcengine"


@pytest.mark.parametrize(("named", "takes"), [(False, False), (True, True)])
def test_unknown_length_needs_a_named_sentence_vendor(named, takes):
    request = RecognitionRequest("job", 1, remote_audio(KEY), 0, Options(), named=named)

    assert (VENDORS["tencent-sentence"].rejection_reason(request) is None) is takes


@pytest.mark.parametrize("extension", ["wav", "MP3", "m4a", "ogg"])
def test_format_is_that_of_the_file_extension(extension):
    assert remote_audio(f"linked/x/a.{extension}").format in {"wav", "mp3", "m4a", "ogg"}


@pytest.mark.parametrize("name", ["a.pcm", "a.docx", "a", "wav"])
def test_name_without_a_format_is_rejected(name):
    with pytest.raises(AsrError) as raised:
        remote_audio(f"linked/x/{name}")

    assert raised.value.code == "UnknownFormat"


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "extension"),
    [
        ("https://a.example.com/b/c.MP3?d=e", "a.example.com", 443, "/b/c.MP3?d=e", "mp3"),
        ("https://a.example.com", "a.example.com", 443, "/", ""),
        ("https://a.example.com:443/%E4%BC%9A.mp3", "a.example.com", 443, "/%E4%BC%9A.mp3", "mp3"),
        ("https://1.1.1.1/a%2emp3", "1.1.1.1", 443, "/a%2emp3", "mp3"),
        ("https://[2606:4700:4700::1111]/mp3", "2606:4700:4700::1111", 443, "/mp3", ""),
    ],
)
def test_url_is_parsed(url, host, port, target, extension):
    link = parse_remote_url(url)

    assert (link.host, link.port, link.target, link.extension) == (host, port, target, extension)
    assert "mp3" not in repr(link)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.com/a.mp3",
        "file:///etc/passwd",
        "gopher://a.example.com/",
        "https:///a.mp3",
        "https://a.example.com:22/a.mp3",
        "https://a.example.com:99999/a.mp3",
        "https://me@a.example.com/a.mp3",
        "https://a.example.com\\@10.0.0.1/a.mp3",
        "https://a.example.com/a b.mp3",
        "https://a.example.com/\r\nHost: b",
        "https://10.0.0.1/a.mp3",
        "https://127.1/a.mp3",
        "https://2130706433/a.mp3",
        "https://[::ffff:169.254.169.254]/a.mp3",
        "https://[64:ff9b::a9fe:a9fe]/a.mp3",
        "https://metadata/a.mp3",
        "https://metadata.google.internal/a.mp3",
        "https://[/a.mp3",
        "",
    ],
)
def test_forbidden_url_is_rejected(url):
    with pytest.raises(AsrError) as raised:
        parse_remote_url(url)

    assert raised.value.code == "BadUrl"


@given(st.text(max_size=300))
def test_safe_name_is_one_part_of_a_key_and_stable(name):
    safe = safe_name(name)

    assert len(safe) <= LONGEST_NAME
    assert "/" not in safe
    assert ".." not in safe
    assert "${" not in safe
    assert not any(character < " " for character in safe)
    assert safe_name(safe) == safe
