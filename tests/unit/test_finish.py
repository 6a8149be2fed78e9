"""The end of a job: once, in order, and of the newest version."""

import json

import pytest

from asrcore.core.job import Status
from asrcore.core.transcript import Recognition, Utterance
from asrcore.core.vendor import Completion, HttpReply
from asrcore.finish import settle
from asrcore.outcome import RawReply, Recognized
from asrcore.poll import query
from asrcore.vendors.registry import VENDORS
from tests.support.fake_services import START
from tests.support.pipeline import KEY, SOURCE, SYNC, drop, world
from tests.support.reasons import texts
from tests.support.toy import TEXT, Toy, toy_message

OLDER = SOURCE.model_copy(update={"version_id": "v0", "sequencer": "09"})


def test_transcript_has_job_source_and_attempts():
    made = world("done", vendors=(SYNC,))

    job = drop(made)

    transcript = json.loads(made.results[f"transcripts/{KEY}.json"])
    assert transcript["schema"] == "asrcore.transcript.v1"
    assert transcript["job_id"] == job.job_id
    assert transcript["source"]["version_id"] == "v1"
    assert transcript["audio"]["duration_ms"] == 1000
    assert transcript["text"] == TEXT
    assert [attempt["outcome"] for attempt in transcript["attempts"]] == ["completed"]
    assert transcript["completed_at"] == f"{made.clock:%Y-%m-%dT%H:%M:%S.%fZ}"


def test_older_versions_transcript_is_stored_apart():
    made = world("accepted", "accepted", "done", "done")
    older, newer = drop(made, OLDER), drop(made)

    query(newer.job_id, made.services)
    query(older.job_id, made.services)

    published = json.loads(made.results[f"transcripts/{KEY}.json"])
    superseded = made.jobs.load(older.job_id)
    assert published["job_id"] == newer.job_id
    assert superseded.status is Status.COMPLETED
    assert superseded.transcript_key == f"superseded/{older.job_id}.json"
    assert superseded.transcript_key in made.results
    assert "newer version" in superseded.warnings[0].text


def test_event_refers_to_the_transcript_without_its_text():
    made = world("done", vendors=(SYNC,))

    job = drop(made)

    ((detail_type, detail),) = made.bus.published
    assert detail_type == "Transcript Completed"
    assert detail["job_id"] == job.job_id
    assert detail["transcript"] == {"bucket": "transcripts", "key": f"transcripts/{KEY}.json"}
    assert TEXT not in json.dumps(detail, ensure_ascii=False)


def test_only_a_finished_row_expires():
    made = world("accepted", "done")

    open_job = drop(made)
    query(open_job.job_id, made.services)

    assert open_job.expires_at is None
    assert made.job().expires_at == int(START.timestamp()) + 30 * 86400


def test_result_headers_are_stored_with_the_reply():
    reply = HttpReply(200, b"{}", {"x-api-status-code": "20000003", "x-tt-logid": "l", "set-cookie": "session"})

    raw = RawReply.of(reply, VENDORS["volcengine-bigmodel"])

    assert raw.headers == {"x-api-status-code": "20000003", "x-tt-logid": "l"}


class TestExports:
    @pytest.mark.parametrize(
        ("wanted", "written"),
        [
            pytest.param(("srt", "vtt", "txt", "html"), {".srt", ".vtt", ".txt", ".html"}, id="all"),
            pytest.param(("txt",), {".txt"}, id="one"),
            pytest.param((), set(), id="none"),
        ],
    )
    def test_configured_exports_are_beside_the_transcript(self, wanted, written):
        made = world("done", vendors=(SYNC,))
        made.exports = wanted

        drop(made)

        base = f"transcripts/{KEY}"
        assert {key.removeprefix(base) for key in made.results if key.startswith(base)} == written | {".json"}
        for suffix in written:
            assert TEXT[:-1] in made.results[base + suffix].decode()

    def test_older_versions_exports_are_not_written(self):
        made = world("accepted", "accepted", "done", "done")
        made.exports = ("txt",)
        older, newer = drop(made, OLDER), drop(made)

        query(newer.job_id, made.services)
        made.results[f"transcripts/{KEY}.txt"] = b"the newer one's"
        query(older.job_id, made.services)

        assert made.results[f"transcripts/{KEY}.txt"] == b"the newer one's"

    def test_transcript_without_times_has_no_subtitles_and_a_warning(self):
        untimed = Recognition(text=TEXT, utterances=[Utterance(start_ms=None, end_ms=None, text=TEXT)])
        made = world("done", vendors=(Toy(SYNC.name, Completion.SYNC, recognition=untimed),))
        made.exports = ("srt", "txt")

        job = drop(made)

        assert f"transcripts/{KEY}.srt" not in made.results
        assert f"transcripts/{KEY}.txt" in made.results
        assert any("times" in warning for warning in texts(job.warnings))


@pytest.mark.parametrize(
    ("header", "warnings"),
    [
        pytest.param('299 - "times are guessed"', ["the vendor says: times are guessed"], id="one"),
        pytest.param(
            '110 cache "stale", 299 a:80 "a \\"b\\"", 299 - "c"',
            ['the vendor says: a "b"', "the vendor says: c"],
            id="two",
        ),
        pytest.param('299 - "see https://x.example/a?sig=1"', ["the vendor says: see (URL)"], id="without addresses"),
        pytest.param(f'299 - "{"x" * 999}"', [f"the vendor says: {'x' * 200}"], id="not endless"),
        pytest.param('199 - "passing"', [], id="another code"),
        pytest.param("nonsense", [], id="no warning"),
    ],
)
def test_warning_header_of_a_reply_is_a_warning_of_the_job(header, warnings):
    made = world(vendors=(SYNC,))
    made.send = lambda request: HttpReply(200, toy_message("done"), {"warning": header})

    assert texts(drop(made).warnings) == warnings


@pytest.mark.parametrize(
    ("measured_ms", "length_ms", "corrected"),
    [
        pytest.param(179_000, 179_000, True, id="a header forged to 1 s"),
        pytest.param(2600, 2600, True, id="more than 2 percent"),
        pytest.param(1010, 1010, False, id="less than 2 percent"),
        pytest.param(1400, 1400, False, id="an encoder's padding"),
        pytest.param(1000, 1000, False, id="the same"),
        pytest.param(0, 1000, False, id="a vendor without a measurement"),
        pytest.param(None, 1000, False, id="a vendor that gives no length"),
    ],
)
def test_vendors_measured_length_corrects_the_jobs(measured_ms, length_ms, corrected):
    measuring = Toy("toy-measuring", Completion.SYNC, recognition=Recognition(text=TEXT, duration_ms=measured_ms))
    made = world("done", vendors=(measuring,))

    row = drop(made)

    transcript = json.loads(made.results[f"transcripts/{KEY}.json"])
    assert (row.audio.duration_ms, transcript["audio"]["duration_ms"]) == (length_ms, length_ms)
    assert [w.code for w in row.warnings] == ["warning.length-corrected"] * corrected
    assert [w["code"] for w in transcript["warnings"]] == ["warning.length-corrected"] * corrected


def test_raw_reply_is_stored_to_the_byte_but_without_addresses():
    made = world("accepted")
    job = drop(made)
    said = b'{"audio_url": "https:\\/\\/a.example.com\\/s3cret\\/a.wav?sig=x", "text": "\xe5\xa5\xbd a\\/b"}\r\n\xff'
    raw = RawReply(said, "application/json", {"x-log": "https://a.example.com/s3cret"})

    settle(Recognized(job, Recognition(text=TEXT), raw), made.services)

    assert made.results[f"raw/{job.job_id}.json"] == b'{"audio_url": "(URL)", "text": "\xe5\xa5\xbd a\\/b"}\r\n\xff'
