"""The HTTP API with everything behind it in memory: what each route returns, and its problems."""

import base64
import gzip
import json
import re
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from jsonschema import Draft202012Validator

from asrcore.api.properties import PROPERTIES
from asrcore.api.transcripts import LARGEST_ANSWER_BYTES
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Status, new_job
from asrcore.core.option_sources import read_metadata
from asrcore.core.transcript import Source
from asrcore.finish import settle
from asrcore.job_creation import handle_new_objects
from asrcore.outcome import JobFailed
from asrcore.poll import query
from asrcore.restart import redrive
from asrcore.submit import submit
from tests.support.api_client import Caller
from tests.support.fake_aws import Objects
from tests.support.fake_services import START
from tests.support.pipeline import BOTH, CALLBACK, KEY, QUERY, SOURCE, SYNC, drop, wav, world
from tests.support.reasons import reason
from tests.support.toy import TEXT
from tests.unit.test_long_calls import OWN, own_engine

NO_JOB = "0" * 32
ADDRESS = "https://recordings.example.com/2026/call.wav?signature=secret"


def completed(**changes):
    made = world("done", vendors=(SYNC,))
    for name, value in changes.items():
        setattr(made, name, value)
    return made, drop(made)


def completed_remotely():
    """Return a world in which a remote recording was transcribed, and its job id."""
    made = world("done", vendors=(SYNC,))
    made.recordings.remote = {ADDRESS: b"the recording"}
    job_id = Caller(made).post("/jobs", {"source": ADDRESS}).json["job_id"]
    submit(job_id, made.services)
    return made, job_id


class TestUploads:
    def test_upload_form_sets_key_and_option_metadata(self):
        made = world(vendors=(SYNC, QUERY))

        told = Caller(made).post(
            "/uploads",
            {"name": "会议.wav", "vendor": "toy-query", "options": {"speakers": 2, "hotwords": ["北京", "a b"]}},
        )

        assert told.status == 201
        upload = told.json
        assert re.fullmatch(r"incoming/toy-query/uploads/[0-9a-f]{32}/会议\.wav", upload["key"])
        assert upload["fields"]["key"] == upload["key"]
        assert upload["fields"]["Content-Type"] == "audio/wav"
        assert (upload["max_bytes"], upload["expires_at"]) == (5_000_000, "2026-01-02T04:04:05Z")
        metadata = {n.removeprefix("x-amz-meta-"): v for n, v in upload["fields"].items() if n.startswith("x-amz-meta")}
        assert read_metadata(metadata, made.vendors).options.model_dump() == {
            "speakers": 2,
            "hotwords": ["北京", "a b"],
        }

    def test_each_upload_has_its_own_key(self):
        caller = Caller(world())

        keys = {caller.post("/uploads", {"name": "a.wav"}).json["key"] for _ in range(20)}

        assert len(keys) == 20

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            pytest.param("../../etc/passwd.wav", "passwd.wav", id="folders"),
            pytest.param("C:\\calls\\a.wav", "a.wav", id="folders of Windows"),
            pytest.param("a\r\nb\x00.wav", "a__b_.wav", id="control characters"),
            pytest.param("${filename}.wav", "__filename}.wav", id="what S3 would replace"),
            pytest.param("a..wav", "a.wav", id="two dots"),
            pytest.param("long" * 100 + ".wav", ("long" * 100)[:196] + ".wav", id="too long"),
            pytest.param("\u202eexe.wav", "_exe.wav", id="text that runs backwards"),
        ],
    )
    def test_upload_names_are_sanitized(self, name, kept):
        told = Caller(world()).post("/uploads", {"name": name})

        assert told.json["key"].split("/")[4:] == [kept]

    @pytest.mark.parametrize(
        ("name", "content_type", "wanted"),
        [
            ("a.mp3", None, "audio/mp3"),
            ("a.mp4", None, "video/mp4"),
            ("a", None, "audio/a"),
            ("会议", None, "audio/octet-stream"),
            ("a.mp4", "audio/mp4", "audio/mp4"),
        ],
    )
    def test_content_type_defaults_to_that_of_the_extension(self, name, content_type, wanted):
        told = Caller(world()).post("/uploads", {"name": name, "content_type": content_type})

        assert told.json["fields"]["Content-Type"] == wanted

    @pytest.mark.parametrize(
        ("body", "kind", "says"),
        [
            pytest.param({"name": ".."}, "refused", "no name of a recording", id="no name is left"),
            pytest.param({"name": "a.wav.asr.json"}, "refused", "no name of a recording", id="a sidecar"),
            pytest.param({"name": "a.wav", "vendor": "acme"}, "refused", "toy-query", id="an unknown vendor"),
            pytest.param({"name": "a.wav", "options": {"mood": 1}}, "refused", "not known", id="an unknown option"),
            pytest.param(
                {"name": "a.wav", "options": {"hotwords": ["a,b"]}}, "refused", "cannot carry", id="a comma in a word"
            ),
            pytest.param(
                {"name": "a.wav", "options": {"hotwords": ["字" * 30] * 10}},
                "refused",
                "more than",
                id="too many options",
            ),
            pytest.param(
                {"name": "a.wav", "content_type": "text/html"}, "invalid-request", "see errors", id="no audio"
            ),
            pytest.param({"name": ""}, "invalid-request", "see errors", id="an empty name"),
            pytest.param({}, "invalid-request", "see errors", id="no name"),
            pytest.param(
                {"name": "a.wav", "acl": "public-read"}, "invalid-request", "see errors", id="an unknown field"
            ),
        ],
    )
    def test_invalid_upload_is_rejected(self, body, kind, says):
        told = Caller(world()).post("/uploads", body)

        assert (told.status, told.problem) == (422, kind)
        assert says in told.json["detail"]


class TestUploadsInParts:
    """The fake S3 stores what a caller would put to the signed URLs."""

    NAME = "长录音.wav"

    @pytest.fixture
    def made(self, monkeypatch):
        monkeypatch.setattr("asrcore.api.multipart.PART_BYTES", 1000)
        return world("done", vendors=(SYNC,))

    def start(self, made, size_bytes=2500, **more):
        told = Caller(made).post(
            "/uploads", {"name": self.NAME, "size_bytes": size_bytes, "in_parts": True, "vendor": "toy-sync", **more}
        )
        assert told.status == 201
        return told.json

    def put(self, made, *numbers, size_bytes=None):
        for number in numbers:
            body = bytes(size_bytes or (500 if number == 3 else 1000))
            made.s3.upload_part(UploadId="upload-1", PartNumber=number, Body=body)

    def test_parts_become_one_recording_with_options(self, made):
        upload = self.start(made, options={"speakers": 2})
        here = f"/uploads/{upload['multipart']['upload_id']}"
        urls = Caller(made).post(f"{here}/parts", {"numbers": [1, 3]}).json["urls"]
        self.put(made, 3, 1, 2)

        told = Caller(made).post(f"{here}/complete", {})

        assert (upload["url"], upload["fields"], upload["multipart"]["parts"]) == (None, None, 3)
        assert [(each["number"], each["size_bytes"]) for each in urls] == [(1, 1000), (3, 500)]
        query = dict(parse_qsl(urlsplit(urls[1]["url"]).query))
        assert (query["PartNumber"], query["ContentLength"]) == ("3", "500")
        body, metadata = made.audio[upload["key"]]
        assert (told.status, len(body), metadata) == (200, 2500, {"asr-speakers": "2"})
        assert {name: told.json[name] for name in ("key", "job_id", "job")} == {
            name: upload[name] for name in ("key", "job_id", "job")
        }

    def test_completion_is_repeatable_and_makes_one_version(self, made):
        upload = self.start(made)
        here = f"/uploads/{upload['multipart']['upload_id']}"
        self.put(made, 1, 2, 3)

        first, second = (Caller(made).post(f"{here}/complete", {}) for _ in range(2))

        assert (first.status, second.status, first.json) == (200, 200, second.json)
        assert len(made.s3.objects["audio", upload["key"]]) == 1

    def test_completion_never_replaces_a_recording(self, made):
        upload = self.start(made)
        made.audio[upload["key"]] = (b"before", {})
        self.put(made, 1, 2, 3)

        told = Caller(made).post(f"/uploads/{upload['multipart']['upload_id']}/complete", {})

        assert told.status == 200
        assert made.audio[upload["key"]][0] == b"before"

    def test_interrupted_upload_shows_the_parts_that_are_there(self, made):
        upload = self.start(made)
        self.put(made, 1, 3)

        told = Caller(made).get(f"/uploads/{upload['multipart']['upload_id']}").json

        assert told["uploaded"] == [{"number": 1, "size_bytes": 1000}, {"number": 3, "size_bytes": 500}]
        assert (told["key"], told["size_bytes"], told["part_bytes"], told["parts"]) == (upload["key"], 2500, 1000, 3)

    @pytest.mark.parametrize(
        ("numbers", "size_bytes"), [((1, 3), None), ((1, 2, 3), 900), ((), None)], ids=["gap", "sizes", "nothing"]
    )
    def test_incomplete_upload_conflicts(self, made, numbers, size_bytes):
        upload = self.start(made)
        self.put(made, *numbers, size_bytes=size_bytes)

        told = Caller(made).post(f"/uploads/{upload['multipart']['upload_id']}/complete", {})

        assert (told.status, told.problem) == (409, "upload-incomplete")
        assert upload["key"] not in made.audio

    def test_aborted_upload_is_gone(self, made):
        upload = self.start(made)
        here = f"/uploads/{upload['multipart']['upload_id']}"

        assert [Caller(made).delete(here).status for _ in range(2)] == [204, 204]
        assert Caller(made).get(here).problem == "no-such-upload"
        assert Caller(made).post(f"{here}/complete", {}).problem == "no-such-upload"

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param(["transcripts/incoming/auto/a.wav.json", "upload-1", 10], id="another folder"),
            pytest.param(["incoming/auto/a.wav", "upload-1", 10], id="another key"),
            pytest.param([f"incoming/auto/uploads/{'0' * 32}/a.wav", "upload-1", 5_000_001], id="too large"),
            pytest.param([f"incoming/auto/uploads/{'0' * 32}/a.wav", "upload-1", 0], id="empty"),
            pytest.param([f"incoming/auto/uploads/{'0' * 32}/a.wav", "upload-1"], id="no size"),
            pytest.param({"key": 1}, id="no list"),
        ],
    )
    def test_forged_upload_id_is_rejected(self, made, fields):
        forged = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")

        assert Caller(made).post(f"/uploads/{forged}/parts", {"numbers": [1]}).problem == "no-such-upload"
        assert Caller(made).delete(f"/uploads/{forged}").problem == "no-such-upload"

    def test_parts_beyond_the_last_are_not_signed(self, made):
        upload = self.start(made)

        told = Caller(made).post(f"/uploads/{upload['multipart']['upload_id']}/parts", {"numbers": [3, 4]})

        assert told.problem == "no-such-upload"

    @pytest.mark.parametrize(
        ("more", "is_form"), [({"size_bytes": 100_000_000}, True), ({"size_bytes": 100_000_001}, False), ({}, True)]
    )
    def test_recording_above_100_mb_is_uploaded_in_parts(self, more, is_form):
        made = world(vendors=(SYNC,))
        made.upload_max_megabytes = 50_000

        told = Caller(made).post("/uploads", {"name": "a.wav", **more}).json

        assert ((told["url"] is None), (told["multipart"] is None)) == (not is_form, is_form)

    @pytest.mark.parametrize(
        ("more", "says"), [({"size_bytes": 5_000_001}, "5 MB"), ({"in_parts": True}, "size_bytes")]
    )
    def test_impossible_upload_is_refused(self, more, says):
        told = Caller(world()).post("/uploads", {"name": "a.wav", **more})

        assert (told.status, told.problem) == (422, "refused")
        assert says in told.json["detail"]


class TestNewJobs:
    def test_recording_in_the_bucket_gets_a_running_job(self):
        made = world("done", vendors=(SYNC, QUERY))

        told = Caller(made).post(
            "/jobs", {"source": f"s3://audio/{KEY}", "vendor": "toy-sync", "options": {"words": False}}
        )

        assert (told.status, told.headers["location"]) == (202, f"/jobs/{told.json['job_id']}")
        assert (told.json["status"], told.json["stage"]) == ("QUEUED", "new")
        ((name, step),) = made.executions.started.items()
        assert (name, step.next) == (f"{told.json['job_id']}-1", "submit")
        submit(told.json["job_id"], made.services)
        assert (made.job().status, made.job().vendor, made.job().options.words) == (Status.COMPLETED, "toy-sync", False)

    def test_repeated_request_returns_the_same_job(self):
        made = world()
        caller, asked = Caller(made), {"source": f"s3://audio/{KEY}", "version_id": "v1", "options": {"speakers": 2}}

        first, second = caller.post("/jobs", asked), caller.post("/jobs", asked)

        assert (first.status, second.status) == (202, 200)
        assert first.json["job_id"] == second.json["job_id"]

    def test_repeated_request_starts_a_missing_execution(self):
        made = world()
        caller, asked = Caller(made), {"source": f"s3://audio/{KEY}", "version_id": "v1"}
        caller.post("/jobs", asked)
        made.executions.started.clear()

        caller.post("/jobs", asked)

        assert len(made.executions.started) == 1

    def test_other_options_for_the_same_recording_conflict(self):
        made, job = completed()

        told = Caller(made).post(
            "/jobs", {"source": f"s3://audio/{KEY}", "version_id": "v1", "options": {"speakers": 2}}
        )

        assert (told.status, told.problem) == (409, "options-conflict")
        assert job.job_id in told.json["detail"]

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            pytest.param({"source": "s3://somewhere/incoming/auto/a.wav"}, "not-readable", id="another bucket"),
            pytest.param({"source": "s3://audio/secrets/a.wav"}, "not-readable", id="another folder"),
            pytest.param({"source": "s3://audio/incoming/"}, "not-readable", id="a folder"),
            pytest.param({"source": f"s3://audio/incoming/{'字' * 400}"}, "not-readable", id="too long a key"),
            pytest.param({"source": f"s3://audio/{KEY}.asr.json"}, "not-readable", id="a sidecar"),
            pytest.param({"source": f"s3://audio/{KEY}", "format": "mp3"}, "not-readable", id="a format of its own"),
            pytest.param({"source": ADDRESS, "version_id": "v1"}, "not-readable", id="a version of an address"),
            pytest.param({"source": "https://a.example.com/download?id=5"}, "not-readable", id="no format"),
            pytest.param({"source": "s3://audio/incoming/auto/gone.wav"}, "refused", id="nothing there"),
            pytest.param({"source": ADDRESS, "vendor": "acme"}, "refused", id="an unknown vendor"),
            pytest.param({"source": "ftp://a.example.com/a.wav"}, "invalid-request", id="another scheme"),
            pytest.param({"source": 5}, "invalid-request", id="no text"),
        ],
    )
    def test_unreadable_recording_is_rejected(self, body, kind):
        made = world()

        told = Caller(made).post("/jobs", body)

        assert (told.status, told.problem) == (422, kind)
        assert made.rows == {}

    @pytest.mark.parametrize(
        "url",
        [
            pytest.param("http://a.example.com/a.wav", id="no TLS"),
            pytest.param("https://user:password@a.example.com/a.wav", id="a password"),
            pytest.param("https://a.example.com:8443/a.wav", id="another port"),
            pytest.param("https://169.254.169.254/latest/a.wav", id="the metadata of an instance"),
            pytest.param("https://[::1]/a.wav", id="this machine"),
            pytest.param("https://localhost/a.wav", id="this machine by name"),
            pytest.param("https://db.internal/a.wav", id="a name of our own network"),
            pytest.param("https://a.example.com/" + "a" * 2048 + ".wav", id="too long"),
            pytest.param("https://a.example.com/会议.wav", id="not encoded"),
        ],
    )
    def test_forbidden_address_is_rejected_and_not_echoed(self, url):
        told = Caller(world()).post("/jobs", {"source": url})

        assert (told.status, told.problem, told.json["code"]) == (422, "refused", "BadUrl")
        assert url.rpartition("/")[2] not in told.body.decode()

    def test_loopback_address_is_accepted_on_the_local_stack(self):
        made = world()
        made.aws_endpoint_url = "http://127.0.0.1:4566"

        told = Caller(made).post("/jobs", {"source": "http://127.0.0.1:8000/a.wav"})

        assert told.status == 202

    def test_remote_address_is_stored_in_its_own_object(self):
        made = world("done", vendors=(QUERY,))

        told = Caller(made).post("/jobs", {"source": ADDRESS})

        key = told.json["recording"]["key"]
        assert re.fullmatch(r"linked/[0-9a-f]{32}/recording\.wav", key)
        assert made.audio[key] == (ADDRESS.encode(), {})
        assert "signature" not in str(made.rows[told.json["job_id"]])
        assert told.json["recording"]["size_bytes"] is None

    def test_format_can_be_set(self):
        told = Caller(world()).post("/jobs", {"source": "https://a.example.com/download?id=5", "format": "wav"})

        assert told.json["recording"]["key"].endswith("/recording.wav")

    @pytest.mark.parametrize(
        ("name", "stored"),
        [("board.wav", "board.wav"), ("board", "board.wav"), ("../board.mp3", "board.mp3.wav"), ("/", "recording.wav")],
    )
    def test_remote_recording_has_the_callers_name_and_format(self, name, stored):
        told = Caller(world()).post("/jobs", {"source": "https://a.example.com/p4th/call.WAV", "name": name})

        assert told.json["recording"]["key"].endswith(f"/{stored}")
        assert "call" not in told.json["recording"]["key"]

    def test_stored_recording_is_not_renamed(self):
        told = Caller(world()).post("/jobs", {"source": f"s3://audio/{KEY}", "name": "other.wav"})

        assert (told.status, told.json["type"].rpartition(":")[2]) == (422, "not-readable")


class TestManyJobs:
    def test_each_request_has_its_own_result(self):
        made = world(vendors=(SYNC,))
        asked = [{"source": f"s3://audio/{KEY}"}, {"source": "s3://elsewhere/a.wav"}, {"source": ADDRESS}]

        told = Caller(made).post("/batches", {"jobs": asked})

        assert told.status == 200
        assert [each["status"] for each in told.json["results"]] == [202, 422, 202]
        first, second, _ = told.json["results"]
        assert (first["job"]["status"], first["problem"]) == ("QUEUED", None)
        assert (second["job"], second["problem"]["type"]) == (None, "urn:asrcore:problem:not-readable")
        assert len(made.rows) == len(made.executions.started) == 2

    def test_repeated_requests_return_the_same_jobs(self):
        made = world(vendors=(SYNC,))
        asked = {"jobs": [{"source": ADDRESS}, {"source": ADDRESS}]}

        first, second = (Caller(made).post("/batches", asked, idempotency_key="k") for _ in range(2))

        ids = [[each["job"]["job_id"] for each in told.json["results"]] for told in (first, second)]
        assert ids[0] == ids[1]
        assert len(set(ids[0])) == 2
        assert [each["status"] for each in second.json["results"]] == [200, 200]

    def test_unexpected_error_of_one_leaves_the_others(self, monkeypatch):
        made = world(vendors=(SYNC,))
        monkeypatch.setattr(made.recordings, "put_remote_url", lambda *_: 1 / 0)

        told = Caller(made).post("/batches", {"jobs": [{"source": ADDRESS}, {"source": f"s3://audio/{KEY}"}]})

        assert [each["status"] for each in told.json["results"]] == [500, 202]

    @pytest.mark.parametrize("jobs", [[], [{"source": ADDRESS}] * 26, [{"source": 5}], {}])
    def test_number_of_requests_is_bounded_and_each_is_valid(self, jobs):
        made = world()

        assert Caller(made).post("/batches", {"jobs": jobs}).problem == "invalid-request"
        assert made.rows == {}


class TestTags:
    def tagged(self, made, key, **tags):
        made.audio[key] = (wav(), {f"asr-tag-{name}": value for name, value in tags.items()})
        source = SOURCE.model_copy(update={"key": key})
        return drop(made, source)

    def test_tags_of_metadata_are_in_job_event_and_transcript(self):
        made = world("done", vendors=(SYNC,))
        job = self.tagged(made, "incoming/auto/a.wav", project="%E5%8C%97%E4%BA%AC", customer="7")
        tags = {"project": "北京", "customer": "7"}

        assert Caller(made).get(f"/jobs/{job.job_id}").json["tags"] == tags
        assert made.bus.published[0][1]["tags"] == tags
        assert Caller(made).get(f"/jobs/{job.job_id}/transcript?inline=true").json["tags"] == tags

    def test_lists_are_filtered_by_tags(self):
        made = world("done", "done", "done", vendors=(SYNC,))
        for name, tags in {"a": {"project": "x"}, "b": {"project": "x", "team": "1"}, "c": {"project": "y"}}.items():
            self.tagged(made, f"incoming/auto/{name}.wav", **tags)
            made.pass_time(60)
        caller = Caller(made)

        def names(query):
            return [job["name"] for job in caller.get(f"/jobs?{query}").json["jobs"]]

        assert names("tag=project:x") == ["b.wav", "a.wav"]
        assert names("tag=project:x,team:1") == names("tag=project:x&tag=team:1") == ["b.wav"]
        assert names("tag=project:z") == names("tag=other:x") == []
        assert names("key=incoming/auto/a.wav&tag=project:y") == []
        assert caller.get("/jobs?tag=project").problem == "invalid-request"

    def test_tags_of_a_request_take_precedence(self):
        made = world("done", vendors=(SYNC,))
        made.audio[KEY] = (wav(), {"asr-tag-project": "old", "asr-tag-team": "1"})

        told = Caller(made).post("/jobs", {"source": f"s3://audio/{KEY}", "tags": {"project": "new"}})

        assert told.json["tags"] == {"project": "new"}
        submit(told.json["job_id"], made.services)
        assert made.job().tags == {"project": "new", "team": "1"}

    def test_upload_form_carries_tags(self):
        made = world()

        fields = Caller(made).post("/uploads", {"name": "a.wav", "tags": {"project": "北京 1"}}).json["fields"]

        metadata = {name.removeprefix("x-amz-meta-"): each for name, each in fields.items() if "meta-asr" in name}
        assert read_metadata(metadata, made.vendors).tags == {"project": "北京 1"}

    @pytest.mark.parametrize(
        "tags", [{"A": "1"}, {"a": ""}, {"a": "1,2"}, {"a": "x" * 101}, {f"t{n}": "1" for n in range(11)}, {"a": 1}]
    )
    def test_invalid_tags_are_refused(self, tags):
        assert Caller(world()).post("/uploads", {"name": "a.wav", "tags": tags}).status == 422


class TestOwnWebhooks:
    URL = "https://hooks.example.com/jobs/1"

    def test_allowed_webhook_is_kept_and_not_shown(self):
        made = world()
        made.webhook_hosts = ("hooks.example.com",)

        told = Caller(made).post("/jobs", {"source": ADDRESS, "webhook": self.URL})

        assert (told.status, made.jobs.load(told.json["job_id"]).webhook) == (202, self.URL)
        assert "hooks.example.com" not in told.body.decode()

    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.example.com/jobs",
            "https://other.example.com/jobs",
            "https://hooks.example.com:8443/jobs",
            "https://hooks.example.com:99999/jobs",
            "https://user@hooks.example.com/jobs",
            "https://hooks.example.com/jobs?token=1",
            "https://hooks.example.com.evil.example/",
        ],
    )
    def test_webhook_elsewhere_is_refused_and_not_echoed(self, url):
        made = world()
        made.webhook_hosts = ("hooks.example.com",)

        told = Caller(made).post("/jobs", {"source": ADDRESS, "webhook": url})

        assert (told.status, told.problem) == (422, "refused")
        assert url not in told.body.decode()
        assert made.rows == {}

    def test_without_hosts_every_webhook_is_refused(self):
        told = Caller(world()).post("/uploads", {"name": "a.wav", "webhook": self.URL})

        assert (told.status, told.json["code"]) == (422, "WebhookUrlRefused")


class TestIdempotencyKeys:
    def test_idempotency_key_returns_the_same_job_for_a_day(self):
        made = world()
        caller = Caller(made)

        first = caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1,a")
        made.pass_time(23 * 3600)
        second = caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1,a")

        assert (first.status, second.status) == (202, 200)
        assert first.json["job_id"] == second.json["job_id"]

    def test_address_without_a_key_is_a_new_job_each_time(self):
        caller = Caller(world())

        assert len({caller.post("/jobs", {"source": ADDRESS}).json["job_id"] for _ in range(2)}) == 2

    def test_another_request_with_the_same_key_is_rejected(self):
        caller = Caller(world())
        caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1")

        told = caller.post("/jobs", {"source": ADDRESS, "options": {"speakers": 2}}, idempotency_key="k-1")

        assert (told.status, told.problem) == (422, "key-reused")

    def test_rejected_request_stores_no_address(self):
        made = world()
        caller = Caller(made)
        caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1")
        before = dict(made.audio)

        caller.post("/jobs", {"source": f"{ADDRESS}&more=1"}, idempotency_key="k-1")

        assert made.audio == before

    def test_key_of_a_deleted_job_is_gone_and_writes_nothing(self):
        made = world("config", vendors=(QUERY,))
        caller = Caller(made)
        job_id = caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1").json["job_id"]
        settle(JobFailed(made.job(), AsrError(ErrorClass.CONFIG, "c", reason("m"))), made.services)
        assert caller.delete(f"/jobs/{job_id}").status == 204

        told = caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1")

        assert (told.status, told.problem, told.json["code"]) == (422, "refused", "ObjectNotFound")
        assert made.rows == {}
        assert set(made.audio) == {KEY}

    def test_key_can_be_reused_after_a_day(self):
        made = world()
        caller = Caller(made)
        caller.post("/jobs", {"source": ADDRESS}, idempotency_key="k-1")
        made.pass_time(24 * 3600 + 1)

        told = caller.post("/jobs", {"source": ADDRESS, "options": {"speakers": 2}}, idempotency_key="k-1")

        assert told.status == 202

    def test_key_is_bound_to_its_first_recording(self):
        made = world()
        caller, asked = Caller(made), {"source": f"s3://audio/{KEY}"}
        first = caller.post("/jobs", asked, idempotency_key="k-1")
        made.s3.put_object(Bucket="audio", Key=KEY, Body=wav())

        second = caller.post("/jobs", asked, idempotency_key="k-1")

        assert first.json["job_id"] == second.json["job_id"]

    @pytest.mark.parametrize("key", ["", "a b", "ключ", "k" * 256])
    def test_key_must_be_visible_ascii(self, key):
        told = Caller(world()).post("/jobs", {"source": ADDRESS}, idempotency_key=key)

        assert (told.status, told.problem) == (422, "invalid-request")


class TestOneJob:
    @pytest.mark.parametrize(
        ("vendor", "words", "wait_s", "stage"),
        [
            pytest.param(SYNC, ["done"], 0, "completed", id="done"),
            pytest.param(SYNC, ["config"], 0, "failed", id="failed"),
            pytest.param(SYNC, ["retry"], 0, "waiting_for_slot", id="before another try"),
            pytest.param(QUERY, ["accepted"], 0, "waiting_for_result", id="the vendor works"),
            pytest.param(CALLBACK, ["accepted"], 0, "waiting_for_callback", id="the vendor will call"),
            pytest.param(BOTH, ["accepted"], 3600, "waiting_for_result", id="the vendor did not call"),
        ],
    )
    def test_stage_follows_the_jobs_state(self, vendor, words, wait_s, stage):
        made = world(*words, vendors=(vendor,))
        job = drop(made)
        made.pass_time(wait_s)

        assert Caller(made).get(f"/jobs/{job.job_id}").json["stage"] == stage

    def test_unprobed_job_has_the_stage_new(self):
        made = world()
        made.jobs.create(new_job(SOURCE, START))

        told = Caller(made).get(f"/jobs/{new_job(SOURCE, START).job_id}").json

        assert (told["stage"], told["recording"]["audio"], told["typical_s"]) == ("new", None, None)

    def test_job_has_attempts_turnaround_and_cost(self):
        made = world("retry", "accepted", vendors=(QUERY,))
        for _ in range(5):
            made.turnaround_stats.record("toy-query", 1.0, 12.0, START)
        job = drop(made)
        made.pass_time(30)
        submit(job.job_id, made.services)

        told = Caller(made).get(f"/jobs/{job.job_id}").json

        assert [each["outcome"] for each in told["attempts"]] == ["retry", None]
        assert told["attempts"][0]["message"] == "the toy said retry"
        assert told["typical_s"] == pytest.approx(12.0, rel=0.01)
        assert told["elapsed_s"] == pytest.approx(30, abs=1)
        assert told["cost"]["aws"]["usd"] > 0
        assert told["links"] == {"self": f"/jobs/{job.job_id}", "transcript": None}

    def test_cost_includes_every_attempt(self):
        made = world("config", "done", vendors=(SYNC,))
        job = drop(made)
        failed = Caller(made).get(f"/jobs/{job.job_id}").json["cost"]

        redrive(job.job_id, made.services)

        assert Caller(made).get(f"/jobs/{job.job_id}").json["cost"]["aws"]["usd"] > failed["aws"]["usd"]

    def test_elapsed_time_stops_at_the_end(self):
        made, job = completed()
        made.pass_time(3600)

        assert Caller(made).get(f"/jobs/{job.job_id}").json["elapsed_s"] < 10

    def test_job_has_no_internal_fields(self):
        made = world("accepted", vendors=(CALLBACK,))
        job = drop(made)
        made.services.update_job(job.job_id, lambda job: job.store_task_token("the-token", START))

        told = Caller(made).get(f"/jobs/{job.job_id}")

        assert "the-token" not in told.body.decode()
        assert told.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("path", ["", "/transcript"])
    def test_unknown_job_is_not_found(self, path):
        told = Caller(world()).get(f"/jobs/{NO_JOB}{path}")

        assert (told.status, told.problem) == (404, "no-such-job")


class TestLists:
    @pytest.fixture
    def made(self):
        """Return five jobs, a minute apart: two completed, one failed, two in progress."""
        made = world("done", "done", "config", "accepted", "accepted", vendors=(SYNC, QUERY))
        for number, folder in enumerate(("toy-sync", "toy-sync", "toy-sync", "toy-query", "toy-query")):
            key = f"incoming/{folder}/{number}.wav"
            made.audio[key] = (wav(), {})
            handle_new_objects([SOURCE.model_copy(update={"key": key})], made.services)
            made.clock = START + timedelta(minutes=number + 1)
        return made

    def names(self, told):
        assert told.status == 200, told.body
        return [job["recording"]["key"].rpartition("/")[2] for job in told.json["jobs"]]

    def test_list_is_sorted_newest_first(self, made):
        assert self.names(Caller(made).get("/jobs")) == ["4.wav", "3.wav", "2.wav", "1.wav", "0.wav"]

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("status=COMPLETED", ["1.wav", "0.wav"]),
            ("vendor=toy-query", ["4.wav", "3.wav"]),
            ("status=FAILED&vendor=toy-query", []),
            ("from=2026-01-02T03:06:00Z", ["4.wav", "3.wav", "2.wav"]),
            ("to=2026-01-02T03:05:05Z", ["0.wav"]),
            ("from=2026-01-02T11:05:05%2B08:00&to=2026-01-02T03:07:05Z", ["2.wav", "1.wav"]),
            ("key=incoming/toy-sync/1.wav", ["1.wav"]),
            ("key=incoming/toy-sync/1.wav&status=FAILED", []),
            ("key=incoming/toy-sync/1", []),
            ("name=3.W", ["3.wav"]),
            ("name=%EF%BC%93.%EF%BC%B7av", ["3.wav"]),  # full width
            ("name=toy-sync", []),
            ("name=wav&status=FAILED", ["2.wav"]),
        ],
    )
    def test_list_is_filtered(self, made, query, names):
        assert self.names(Caller(made).get(f"/jobs?{query}")) == names

    def test_pages_follow_by_cursor_and_end(self, made):
        caller, names, cursor = Caller(made), [], ""
        for _ in range(3):
            page = caller.get(f"/jobs?limit=2{cursor and f'&cursor={cursor}'}")
            names.append(self.names(page))
            cursor = page.json["next_cursor"]

        assert names == [["4.wav", "3.wav"], ["2.wav", "1.wav"], ["0.wav"]]
        assert cursor is None

    def test_pages_of_one_recording_follow_by_cursor_and_end(self, made):
        for _ in range(2):
            made.s3.put_object(Bucket="audio", Key=KEY, Body=wav())
        for minute, version in enumerate(("v1", "v2", "v3")):
            made.jobs.create(
                new_job(SOURCE.model_copy(update={"version_id": version}), START + timedelta(minutes=minute))
            )
        caller, seen, cursor = Caller(made), [], ""
        for _ in range(2):
            page = caller.get(f"/jobs?key={KEY}&limit=2{cursor and f'&cursor={cursor}'}")
            seen.append([job["recording"]["version_id"] for job in page.json["jobs"]])
            cursor = page.json["next_cursor"]

        assert seen == [["v3", "v2"], ["v1"]]
        assert cursor is None
        assert caller.get(f"/jobs?key={KEY}&cursor=AAAA").problem == "bad-cursor"

    @pytest.mark.parametrize(
        ("query", "kind"),
        [
            ("cursor=AAAA", "bad-cursor"),
            ("cursor=%F0%9F%98%80", "bad-cursor"),
            ("cursor=!!", "bad-cursor"),
            ("status=DONE", "invalid-request"),
            ("state=FAILED", "invalid-request"),
            ("vendor=acme", "refused"),
            ("name=", "invalid-request"),
            ("limit=0", "invalid-request"),
            ("limit=101", "invalid-request"),
            ("limit=ten", "invalid-request"),
            ("from=yesterday", "invalid-request"),
            ("from=1700000000", "invalid-request"),
            ("from=2026-01-02T03:06:00", "invalid-request"),
            ("key=", "invalid-request"),
            ("key=a%0Ab", "invalid-request"),
            pytest.param(f"key={quote('字' * 400)}", "invalid-request", id="too long a key"),
            ("from=0001-01-01T00:00:00%2B14:00", "invalid-request"),
            ("to=9999-12-31T23:59:59-14:00", "invalid-request"),
        ],
    )
    def test_invalid_parameters_are_rejected(self, query, kind):
        told = Caller(world()).get(f"/jobs?{query}")

        assert (told.status, told.problem) == (422, kind)

    def test_unknown_parameter_is_named_with_the_known_ones(self):
        told = Caller(world()).get("/jobs?state=FAILED&limit=5", accept_language="zh")

        assert told.problem == "invalid-request"
        assert [each["pointer"] for each in told.json["errors"]] == ["/query/state"]
        assert "cursor、from、key、limit、name、status" in told.json["errors"][0]["message"]

    @pytest.mark.parametrize("path", [f"/jobs/{NO_JOB}", "/estimate?seconds=1", "/openapi.json"])
    def test_every_route_rejects_unknown_parameters(self, path):
        told = Caller(world()).get(f"{path}{'&' if '?' in path else '?'}verbose=1")

        assert (told.status, told.problem) == (422, "invalid-request")

    def test_listed_job_has_name_length_cost_and_turnaround(self):
        made, job = completed()
        for _ in range(5):
            made.turnaround_stats.record("toy-sync", 1.0, 12.0, START)

        (listed,) = Caller(made).get("/jobs").json["jobs"]

        assert (listed["name"], listed["length_s"], listed["waiting"]) == ("meeting.wav", 1.0, None)
        assert listed["cost"] == Caller(made).get(f"/jobs/{job.job_id}").json["cost"]
        assert listed["typical_s"] > 0

    def test_listed_job_tells_why_it_waits(self):
        made = world("retry", vendors=(SYNC,))
        drop(made)

        (listed,) = Caller(made).get("/jobs").json["jobs"]

        assert (listed["stage"], listed["waiting"]["code"]) == ("waiting_for_slot", "waiting.retry")
        assert listed["waiting"]["text"] == "waits before another attempt with toy-sync, after RETRY"
        assert listed["waiting"]["until"] > "2026-01-02T03:04:05Z"

    def test_empty_object_waits_for_its_content(self):
        made = world(vendors=(SYNC,))
        made.audio[KEY] = (b"", {})
        drop(made)

        (listed,) = Caller(made).get("/jobs").json["jobs"]

        assert (listed["stage"], listed["waiting"]["code"]) == ("new", "waiting.content")

    def test_queue_of_the_rate_limit_is_a_reason_to_wait(self):
        made = world(vendors=(SYNC,))
        made.occupy("toy-sync", START + timedelta(hours=1))
        drop(made)

        (listed,) = Caller(made).get("/jobs").json["jobs"]

        assert listed["waiting"]["code"] == "waiting.slot"
        assert listed["waiting"]["until"].startswith("2026-01-02T04:04:0")


class TestConditionalRequests:
    @pytest.mark.parametrize("path", ["/jobs", "/jobs/{job_id}", "/totals?months=1", "/openapi.json"])
    def test_known_response_is_not_sent_again(self, path):
        made = world("accepted", vendors=(QUERY,))
        path = path.format(job_id=drop(made).job_id)
        caller = Caller(made)
        first = caller.get(path)
        made.pass_time(1.5)

        second = caller.get(path, if_none_match=f'"other", {first.headers["etag"]}')

        assert (second.status, second.body, second.headers["etag"]) == (304, b"", first.headers["etag"])
        assert caller.get(path, if_none_match='"other"').status == 200

    def test_changed_job_is_sent_again(self):
        made = world("accepted", "done", vendors=(QUERY,))
        path = f"/jobs/{drop(made).job_id}"
        tag = Caller(made).get(path).headers["etag"]
        query(made.job().job_id, made.services)

        assert Caller(made).get(path, if_none_match=tag).status == 200

    def test_other_language_has_another_tag(self):
        made, job = completed()
        failed = world("config", vendors=(SYNC,))
        path = f"/jobs/{drop(failed).job_id}"

        tags = {Caller(failed).get(path, accept_language=each).headers["etag"] for each in ("en", "zh")}

        assert len(tags) == 2
        assert Caller(made).get(f"/jobs/{job.job_id}", if_none_match="*").status == 304

    def test_known_transcript_is_not_sent_again(self):
        made, job = completed()
        path = f"/jobs/{job.job_id}/transcript?inline=true"
        tag = Caller(made).get(path).headers["etag"]

        assert Caller(made).get(path, if_none_match=tag).status == 304

    @pytest.mark.parametrize("exports", [("html",), ()], ids=["exported", "rendered-now"])
    def test_known_page_is_not_sent_again_for_its_recording(self, exports):
        """Each response has another address of the recording; the tag is the page's own, packed or not."""
        made, job = completed(exports=exports)
        addresses = iter(["https://audio.example.com/1", "https://audio.example.com/2", "https://audio.example.com/3"])
        made.recordings.presign = lambda *_: next(addresses)
        path = f"/jobs/{job.job_id}/transcript?format=html"
        first, second = Caller(made).get(path), Caller(made).get(path)
        known = Caller(made).get(path, accept_encoding="gzip", if_none_match=first.headers["etag"])

        assert first.body != second.body
        assert first.headers["etag"] == second.headers["etag"]
        assert (known.status, known.body) == (304, b"")

    def test_responses_to_changes_have_no_tag(self):
        told = Caller(world()).post("/uploads", {"name": "a.wav"}, if_none_match="*")

        assert (told.status, "etag" in told.headers) == (201, False)


class TestRetryAfter:
    def test_open_job_says_when_to_ask_again(self):
        made = world("accepted", vendors=(QUERY,))
        path = f"/jobs/{drop(made).job_id}"

        assert Caller(made).get(path).headers["retry-after"] == "5"
        for _ in range(5):
            made.turnaround_stats.record("toy-query", 1.0, 12.0, START)
        made.pass_time(301)
        assert Caller(made).get(path).headers["retry-after"] == "2"
        assert Caller(made).get("/jobs").headers["retry-after"] == "2"

    def test_waiting_job_says_the_end_of_its_wait(self):
        made = world(vendors=(SYNC,))
        made.occupy("toy-sync", START + timedelta(seconds=100))
        path = f"/jobs/{drop(made).job_id}"

        assert 100 <= int(Caller(made).get(path).headers["retry-after"]) <= 103

    def test_ended_job_has_none(self):
        made, job = completed()

        assert "retry-after" not in Caller(made).get(f"/jobs/{job.job_id}").headers
        assert "retry-after" not in Caller(made).get("/jobs").headers

    def test_conflict_that_passes_says_when(self):
        made = world("accepted", vendors=(QUERY,))
        told = Caller(made).get(f"/jobs/{drop(made).job_id}/transcript")

        assert (told.status, told.headers["retry-after"]) == (409, "5")

    def test_service_that_is_busy_says_when(self, monkeypatch):
        made, job = completed()

        def busy(*_):
            raise AsrError(ErrorClass.RETRY, "Busy", reason("m"), retry_after_s=7.5)

        monkeypatch.setattr(made.jobs, "load", busy)
        told = Caller(made).get(f"/jobs/{job.job_id}")

        assert (told.status, told.headers["retry-after"]) == (503, "8")


class TestTotals:
    def test_totals_are_by_status_and_month(self):
        made = world("done", "config", "accepted", vendors=(SYNC, QUERY))
        for number, folder in enumerate(("toy-sync", "toy-sync", "toy-query")):
            made.clock = START + timedelta(days=20 * number)
            key = f"incoming/{folder}/{number}.wav"
            made.audio[key] = (wav(), {})
            handle_new_objects([SOURCE.model_copy(update={"key": key})], made.services)

        told = Caller(made).get("/totals?months=3").json

        assert told["counts"] == {"QUEUED": 0, "IN_PROGRESS": 1, "COMPLETED": 1, "FAILED": 1}
        assert [month["month"] for month in told["months"]] == ["2026-02", "2026-01", "2025-12"]
        january = told["months"][1]
        assert (january["counts"]["COMPLETED"], january["counts"]["FAILED"]) == (1, 1)
        assert january["hours"] == pytest.approx(1 / 3600, abs=1e-4)
        ended = [job for job in made.jobs.every() if job.cost]
        assert january["cost"]["usd"] == pytest.approx(sum(job.cost.known.usd for job in ended))
        assert told["months"][2]["counts"] == {"QUEUED": 0, "IN_PROGRESS": 0, "COMPLETED": 0, "FAILED": 0}

    def test_deleted_job_leaves_the_counts_and_its_cost_stays(self):
        made, job = completed()
        caller = Caller(made)
        before = caller.get("/totals?months=1").json["months"][0]
        caller.delete(f"/jobs/{job.job_id}")

        (after,) = caller.get("/totals?months=1").json["months"]

        assert (before["counts"]["COMPLETED"], after["counts"]["COMPLETED"]) == (1, 0)
        assert (after["hours"], after["cost"]) == (before["hours"], before["cost"])

    @pytest.mark.parametrize("months", ["0", "14", "x"])
    def test_number_of_months_is_bounded(self, months):
        assert Caller(world()).get(f"/totals?months={months}").problem == "invalid-request"


class TestRedrive:
    def test_failed_job_starts_again(self):
        made = world("config", "done", vendors=(SYNC,))
        job = drop(made)

        told = Caller(made).post(f"/jobs/{job.job_id}/redrive", {})

        assert (told.status, told.json["status"], len(told.json["attempts"])) == (202, "QUEUED", 1)
        assert made.executions.started.keys() >= {f"{job.job_id}-2"}
        submit(job.job_id, made.services)
        assert made.job().status is Status.COMPLETED

    def test_job_that_has_not_failed_conflicts(self):
        made, job = completed()

        told = Caller(made).post(f"/jobs/{job.job_id}/redrive", {})

        assert (told.status, told.problem) == (409, "not-failed")

    def test_unknown_job_is_not_found(self):
        assert Caller(world()).post(f"/jobs/{NO_JOB}/redrive", {}).problem == "no-such-job"


def replace_transcript(made):
    Objects(made.s3, "transcripts")[f"transcripts/{KEY}.json"] = (b"{}", {})


class TestRecordings:
    def test_address_is_of_the_transcribed_version_for_minutes(self):
        made, job = completed()
        Objects(made.s3, "audio")[KEY] = (b"another recording", {})

        told = Caller(made).get(f"/jobs/{job.job_id}/recording")

        assert (told.status, told.json["expires_in_s"], told.headers["cache-control"]) == (200, 900, "no-store")
        assert told.json["url"].startswith(f"https://audio.example.com/{KEY}?versionId=v1&X-Amz-Expires=900&")

    def test_deleted_recording_is_not_found(self):
        made, job = completed()
        made.audio.clear()

        told = Caller(made).get(f"/jobs/{job.job_id}/recording")

        assert (told.status, told.problem) == (404, "no-recording")

    def test_remote_recording_keeps_its_address(self):
        made, job_id = completed_remotely()

        told = Caller(made).get(f"/jobs/{job_id}/recording")

        assert (told.status, told.problem) == (404, "no-recording")
        assert "recordings.example.com" not in told.body.decode()

    def test_recording_that_s3_does_not_return_is_refused(self, monkeypatch):
        made, job = completed()

        def look_up(_source):
            raise AsrError(ErrorClass.CONFIG, "ObjectAccessDenied", reason("no"))

        monkeypatch.setattr(made.recordings, "look_up", look_up)

        told = Caller(made).get(f"/jobs/{job.job_id}/recording")

        assert (told.status, told.problem, told.json["code"]) == (422, "refused", "ObjectAccessDenied")


class TestTranscripts:
    def test_transcript_redirects_to_a_named_download(self):
        made, job = completed()

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript")

        assert (told.status, told.body) == (303, b"")
        address = urlsplit(told.headers["location"])
        assert f"{address.netloc}{address.path}" == f"transcripts.example.com/transcripts/{KEY}.json"
        assert 'filename="meeting.wav.json"' in dict(parse_qsl(address.query))["as"]

    @pytest.mark.parametrize(
        ("form", "content_type"),
        [
            ("json", "application/json; charset=utf-8"),
            ("srt", "application/x-subrip; charset=utf-8"),
            ("vtt", "text/vtt; charset=utf-8"),
            ("txt", "text/plain; charset=utf-8"),
            ("html", "text/html; charset=utf-8"),
        ],
    )
    @pytest.mark.parametrize("exports", [(), ("srt", "vtt", "txt", "html")], ids=["made now", "exported before"])
    def test_transcript_is_served_in_every_format(self, exports, form, content_type):
        made, job = completed(exports=exports)

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?format={form}&inline=true")

        assert (told.status, told.headers["content-type"]) == (200, content_type)
        assert TEXT.rstrip("。") in told.body.decode()
        assert told.headers["cache-control"] == "no-store"

    def test_transcript_is_compressed_if_accepted(self):
        made, job = completed()

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?inline=true", accept_encoding="br, gzip")

        assert told.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(told.body))["text"] == TEXT

    def test_html_page_plays_the_recording(self):
        made, job = completed(exports=("html",))

        page = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=html").body.decode()

        assert f"https://audio.example.com/{KEY}?versionId=v1" in page
        assert "X-Amz-Expires=900\\u0026" in page
        assert "media-src blob: https://audio.example.com;" in page

    def test_unplayable_html_page_does_not_look_the_recording_up(self):
        made, job = completed(exports=("html",))
        made.recordings.look_up = None

        page = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=html&playable=false").body.decode()

        assert "audio.example.com" not in page

    def test_html_page_of_a_deleted_recording_is_served(self):
        made, job = completed(exports=("html",))
        made.audio.clear()

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=html")

        assert (told.status, "X-Amz-Signature" in told.body.decode()) == (200, False)

    def test_html_page_of_a_remote_recording_has_no_address(self):
        made, job_id = completed_remotely()
        made.exports = ("html",)

        page = Caller(made).get(f"/jobs/{job_id}/transcript?format=html").body.decode()

        assert "recordings.example.com" not in page

    def test_too_large_transcript_redirects(self):
        made, job = completed()
        made.results[f"transcripts/{KEY}.json"] += b" " * LARGEST_ANSWER_BYTES
        caller, path = Caller(made), f"/jobs/{job.job_id}/transcript?inline=true"

        assert caller.get(path).status == 303
        assert caller.get(path, accept_encoding="gzip").status == 200

    def test_older_versions_job_has_its_own_transcript(self):
        made = world("done", "done", vendors=(SYNC,))
        drop(made, SOURCE.model_copy(update={"version_id": "v2", "sequencer": "0B"}))
        older = drop(made)

        told = Caller(made).get(f"/jobs/{older.job_id}/transcript?inline=true")

        assert told.json["job_id"] == older.job_id

    def test_transcript_of_an_open_job_conflicts(self):
        made = world("accepted")
        job = drop(made)

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript")

        assert (told.status, told.problem) == (409, "not-ended")

    @pytest.mark.parametrize(
        ("spoil", "says"),
        [
            pytest.param(lambda made: made.results.clear(), "deleted", id="deleted"),
            pytest.param(
                replace_transcript,
                "deleted",
                id="another's",
            ),
        ],
    )
    def test_deleted_transcript_is_not_found(self, spoil, says):
        made, job = completed()
        spoil(made)

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript")

        assert (told.status, told.problem) == (404, "no-transcript")
        assert says in told.json["detail"]

    def test_transcript_of_a_failed_job_is_not_found_with_its_error(self):
        made = world("config", vendors=(SYNC,))
        job = drop(made)

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=txt")

        assert (told.status, told.problem) == (404, "no-transcript")
        assert "CONFIG: the toy said config" in told.json["detail"]

    def test_subtitles_without_times_are_not_found_with_a_reason(self):
        made, job = completed()
        key = f"transcripts/{KEY}.json"
        untimed = json.loads(made.results[key])
        untimed["utterances"][0] |= {"start_ms": None, "end_ms": None}
        made.results[key] = json.dumps(untimed).encode()

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=srt")

        assert (told.status, told.problem) == (404, "no-transcript")
        assert "without times" in told.json["detail"]

    @pytest.mark.parametrize("exports", [(), ("srt", "vtt", "txt", "html")], ids=["made now", "exported before"])
    @pytest.mark.parametrize(
        ("query", "starts_with", "line_end"),
        [
            pytest.param("format=srt&bom=true", b"\xef\xbb\xbf1\n", b"\n", id="bom"),
            pytest.param("format=srt&newline=crlf", b"1\r\n", b"\r\n", id="crlf"),
            pytest.param("format=vtt&bom=true&newline=crlf", b"WEBVTT\r\n", b"\r\n", id="vtt-has-no-bom"),
            pytest.param("format=txt&newline=crlf&bom=true", b"\xef\xbb\xbf[", b"\r\n", id="txt"),
            pytest.param("format=srt&max_line=10&lines=1", b"1\n", b"\n", id="size"),
        ],
    )
    def test_file_options_are_rendered_in_the_response(self, exports, query, starts_with, line_end):
        made, job = completed(exports=exports)

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?{query}")

        assert told.status == 200
        assert told.body.startswith(starts_with)
        assert told.body.count(line_end) == told.body.count(b"\n")

    def test_subtitle_size_limits_the_lines(self):
        made, job = completed()

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=srt&max_line=10&lines=1")

        blocks = [block.split("\n") for block in told.body.decode().strip().split("\n\n")]
        assert max(len(block) - 2 for block in blocks) == 1
        assert max(len(line) for block in blocks for line in block[2:]) <= 5  # Chinese characters of two columns

    def test_default_file_options_serve_the_export(self):
        made, job = completed(exports=("srt",))

        told = Caller(made).get(f"/jobs/{job.job_id}/transcript?format=srt&bom=false&newline=lf&max_line=42&lines=2")

        assert told.status == 303

    @pytest.mark.parametrize(
        "query", ["format=docx", "inline=maybe", "bom=1", "newline=cr", "max_line=9", "max_line=121", "lines=3"]
    )
    def test_invalid_parameters_are_rejected(self, query):
        made, job = completed()

        assert Caller(made).get(f"/jobs/{job.job_id}/transcript?{query}").problem == "invalid-request"


class TestDeletion:
    def test_deletion_removes_all_of_a_job(self):
        made, job = completed(exports=("srt", "txt"))

        told = Caller(made).delete(f"/jobs/{job.job_id}")

        assert (told.status, told.body) == (204, b"")
        assert (made.rows, made.audio, made.results) == ({}, {}, {})
        assert Caller(made).delete(f"/jobs/{job.job_id}").problem == "no-such-job"

    def test_deletion_keeps_other_jobs_objects(self):
        made = world("done", "done", vendors=(SYNC,))
        older = drop(made)
        drop(made, SOURCE.model_copy(update={"version_id": "v2", "sequencer": "0B"}))

        Caller(made).delete(f"/jobs/{older.job_id}")

        assert len(made.rows) == 1
        assert f"transcripts/{KEY}.json" in made.results

    def test_deletion_of_an_open_job_cancels_it_first(self):
        made = world("accepted", exports=("txt",))
        job = drop(made)

        told = Caller(made).delete(f"/jobs/{job.job_id}")

        assert (told.status, told.json["job_id"]) == (200, job.job_id)
        assert "may still bill" in told.json["message"]
        assert made.executions.stopped[:1] == [job.execution_name]
        assert (made.rows, made.audio, made.results) == ({}, {}, {})

    def test_deletion_stops_an_execution_that_is_about_to_end(self):
        made = world("accepted", "done")
        job = drop(made)
        query(job.job_id, made.services)

        assert Caller(made).delete(f"/jobs/{job.job_id}").status == 204
        assert made.executions.stopped == [job.execution_name]

    def test_deletion_conflicts_with_a_concurrent_redrive(self):
        made = world("config", vendors=(SYNC,))
        job = drop(made)
        services, delete = made.services, made.s3.delete_object

        def redrive_meanwhile(**version):
            redrive(job.job_id, services)
            delete(**version)

        made.s3.delete_object = redrive_meanwhile

        assert Caller(made).delete(f"/jobs/{job.job_id}").problem == "job-in-progress"
        assert made.job().status is Status.QUEUED


class TestCancellation:
    def test_cancelled_job_ends_and_keeps_its_recording(self):
        made = world("accepted")
        job = drop(made)

        told = Caller(made).post(f"/jobs/{job.job_id}/cancel", {})

        assert (told.status, told.json["status"], told.json["error"]["code"]) == (200, "FAILED", "Cancelled")
        assert "may still bill" in told.json["error"]["message"]
        assert KEY in made.audio

    def test_repeated_cancellation_changes_nothing(self):
        made = world("accepted")
        job = drop(made)
        Caller(made).post(f"/jobs/{job.job_id}/cancel", {})
        ended = made.job()

        assert Caller(made).post(f"/jobs/{job.job_id}/cancel", {}).status == 200
        assert made.job() == ended

    @pytest.mark.parametrize("word", ["done", "config"])
    def test_cancellation_of_an_ended_job_conflicts(self, word):
        made = world(word, vendors=(SYNC,))
        job = drop(made)

        told = Caller(made).post(f"/jobs/{job.job_id}/cancel", {})

        assert (told.status, told.problem) == (409, "ended")
        assert made.job() == job

    def test_cancellation_of_a_missing_job_is_not_found(self):
        assert Caller(world()).post(f"/jobs/{'0' * 32}/cancel", {}).problem == "no-such-job"


class TestEstimates:
    def test_estimate_has_the_cost_of_a_recording(self):
        made = world()
        for _ in range(5):
            made.turnaround_stats.record("toy-query", 60.0, 20.0, START)

        told = Caller(made).get("/estimate?vendor=toy-query&seconds=60").json

        assert (told["vendor"], told["seconds"], told["typical_s"]) == (
            "toy-query",
            60.0,
            pytest.approx(20.0, rel=0.01),
        )
        assert told["cost"]["aws"]["usd"] > 0
        assert told["choice"] == {"code": "named", "params": {}, "text": "chosen because it was named"}

    @pytest.mark.parametrize(
        ("query", "vendor", "reason"),
        [
            ("seconds=60", "toy-query", "first_in_chain"),
            ("seconds=60&vendor=auto", "toy-query", "first_in_chain"),
            ("seconds=60&options=" + quote('{"speakers": 2}'), "toy-query", "first_in_chain"),
            ("seconds=60&options=" + quote('{"domain": "medical"}'), "toy-query", "none_supports_all"),
            ("seconds=60&options=" + quote('{"vendor": "toy-sync"}'), "toy-sync", "named"),
        ],
    )
    def test_estimate_without_a_vendor_chooses_one_and_says_why(self, query, vendor, reason):
        told = Caller(world(vendors=(QUERY, SYNC))).get(f"/estimate?{query}").json

        assert (told["vendor"], told["choice"]["code"]) == (vendor, reason)

    def test_job_says_why_its_vendor_was_chosen(self):
        made, job = completed()

        told = Caller(made).get(f"/jobs/{job.job_id}").json

        assert told["choice"]["text"] == "chosen because it is the first of the chain that accepts the recording"

    @pytest.mark.parametrize(
        ("query", "kind"),
        [
            ("vendor=acme&seconds=1", "refused"),
            ("vendor=toy-query", "invalid-request"),
            ("seconds=61", "refused"),
            ("seconds=1&options=%7B", "refused"),
            ("seconds=1&options=" + quote('{"speaker": 2}'), "refused"),
            ("vendor=toy-query&seconds=-1", "invalid-request"),
            ("vendor=toy-query&seconds=nan", "invalid-request"),
        ],
    )
    def test_invalid_parameters_are_rejected(self, query, kind):
        assert Caller(world()).get(f"/estimate?{query}").problem == kind


class TestLanguages:
    def test_texts_of_a_job_are_in_the_callers_language(self):
        made = world("bad_audio", vendors=(SYNC,))
        made.audio["incoming/auto/a.mp3"] = (wav(), {})
        job = drop(made, SOURCE.model_copy(update={"key": "incoming/auto/a.mp3"}))

        english = Caller(made).call("GET", f"/jobs/{job.job_id}", accept_language="de, en;q=0.5")
        chinese = Caller(made).call("GET", f"/jobs/{job.job_id}", accept_language="zh-TW, en;q=0.5")

        assert (english.headers["content-language"], chinese.headers["content-language"]) == ("en", "zh-CN")
        assert english.headers["vary"] == chinese.headers["vary"] == "Accept-Language"
        assert english.json["warnings"][0]["text"] == "the name says .mp3, the content is wav; the content counts"
        assert chinese.json["warnings"][0]["text"] == "文件扩展名是 .mp3，内容是 wav；以内容为准"
        assert english.json["warnings"][0]["code"] == chinese.json["warnings"][0]["code"] == "warning.other-format"
        assert chinese.json["choice"]["text"].startswith("因为")

    def test_problem_is_in_the_callers_language(self):
        told = Caller(world()).call("GET", f"/jobs/{'0' * 32}", accept_language="zh")

        assert (told.status, told.json["title"]) == (404, "任务不存在")
        assert (told.json["message_code"], told.json["params"]) == ("NoSuchJob", {"job_id": "0" * 32})
        assert (told.headers["content-language"], told.headers["vary"]) == ("zh-CN", "Accept-Language")


class TestProblems:
    @pytest.mark.parametrize(
        ("body", "status", "says"),
        [
            pytest.param(b"", 422, "it is missing", id="nothing"),
            pytest.param(b"{", 422, "Expecting property name", id="half of it"),
            pytest.param(b'[{"name": "a.wav"}]', 422, "must be a JSON object", id="a list of what is meant"),
            pytest.param(b'"a.wav"', 422, "must be a JSON object", id="a text"),
            pytest.param(b'{"name": NaN}', 422, "not JSON compliant", id="what is no JSON"),
            pytest.param(b'{"name": "\\ud800"}', 422, "surrogates", id="half a character"),
            pytest.param(b'{"name": ' + b"9" * 5000 + b"}", 422, "digits", id="an endless number"),
            pytest.param(b'{"name": ' + b"[" * 100_000, 422, "deep", id="an abyss"),
            pytest.param(b"\xff\xfe", 400, "UTF-8", id="no text"),
        ],
    )
    def test_body_that_is_not_a_json_object_is_rejected(self, body, status, says):
        told = Caller(world()).call("POST", "/uploads", body, content_type="application/json")

        assert told.status == status
        assert told.problem in {"invalid-request", "not-text"}
        assert says in told.body.decode()

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", "audio/wav"],
    )
    def test_body_of_another_content_type_is_rejected(self, content_type):
        told = Caller(world()).call("POST", "/uploads", b'{"name": "a.wav"}', content_type=content_type)

        assert (told.status, told.problem) == (415, "unsupported-content-type")

    @pytest.mark.parametrize("path", ["/uploads", "/jobs", f"/jobs/{NO_JOB}/cancel", f"/jobs/{NO_JOB}/redrive"])
    @pytest.mark.parametrize("headers", [{}, {"content_type": "text/plain"}], ids=["none", "text"])
    def test_change_without_the_type_of_json_is_rejected(self, path, headers):
        told = Caller(world()).call("POST", path, b'{"name": "a.wav"}', **headers)

        assert (told.status, told.problem) == (415, "unsupported-content-type")

    def test_content_type_with_charset_and_capitals_is_accepted(self):
        told = Caller(world()).call(
            "POST", "/uploads", b'{"name": "a.wav"}', content_type="Application/JSON; charset=UTF-8"
        )

        assert told.status == 201

    @pytest.mark.parametrize(
        ("method", "path", "status", "kind"),
        [
            ("GET", "/nothing", 404, "no-such-path"),
            ("GET", "/jobs/", 404, "no-such-path"),
            ("PUT", "/jobs", 405, "method-not-allowed"),
            ("OPTIONS", "/uploads", 405, "method-not-allowed"),
            ("GET", "/jobs/ABC", 422, "invalid-request"),
            ("GET", "/jobs/\x84", 404, "no-such-path"),
        ],
    )
    def test_unknown_path_or_method_is_a_problem(self, method, path, status, kind):
        told = Caller(world()).call(method, path)

        assert (told.status, told.problem) == (status, kind)

    def test_wrong_method_lists_the_allowed_methods(self):
        assert Caller(world()).call("PATCH", "/jobs").headers["allow"] == "GET, POST"

    def test_every_invalid_field_is_named(self):
        told = Caller(world()).post("/uploads", {"name": "", "x/~": 1, "vendor": "a b"})

        assert {each["pointer"] for each in told.json["errors"]} == {"/body/name", "/body/vendor", "/body/x~1~0"}

    def test_unexpected_error_is_logged_and_not_returned(self, caplog):
        made = world()
        made.table.items[NO_JOB] = {"job_id": {"S": NO_JOB}, "status": {"S": "no row"}}

        told = Caller(made).get(f"/jobs/{NO_JOB}")

        assert (told.status, told.problem) == (500, "unexpected")
        assert "no row" not in told.body.decode()
        assert "request failed" in caplog.text

    def test_retryable_error_has_retry_after(self):
        made = world()

        def busy(source):
            raise AsrError(ErrorClass.RETRY, "SlowDown", reason("the bucket is busy"))

        made.recordings.look_up = busy

        told = Caller(made).post("/jobs", {"source": f"s3://audio/{KEY}"})

        assert (told.status, told.problem, told.json["detail"]) == (503, "try-again", "the bucket is busy")


def test_openapi_document_has_every_route_and_response():
    told = Caller(world()).get("/openapi.json")

    operations = [operation for methods in told.json["paths"].values() for operation in methods.values()]
    assert told.json["openapi"].startswith("3.1")
    assert len(operations) == 17
    for operation in operations:
        assert {"403", "429", "500", "503"} <= set(operation["responses"])
        assert operation["summary"]


def test_recording_without_a_version_is_shown():
    plain = Source(bucket="audio", key=KEY, etag="etag-v1", size_bytes=1, sequencer="0A")
    made = world("done", vendors=(SYNC,))
    job = drop(made, plain)

    assert Caller(made).get(f"/jobs/{job.job_id}/transcript?inline=true").status == 200
    assert Caller(made).delete(f"/jobs/{job.job_id}").status == 204


class TestVendorsThatAreOff:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            pytest.param("/uploads", {"name": "a.wav"}, id="upload"),
            pytest.param("/jobs", {"source": f"s3://audio/{KEY}"}, id="job"),
        ],
    )
    def test_disabled_vendor_is_rejected(self, path, body):
        made = own_engine(off=(OWN.name,))

        told = Caller(made).post(path, {**body, "vendor": OWN.name})

        assert (told.status, told.json["code"]) == (422, "VendorOff")
        assert "base URL" in told.json["detail"]
        assert made.rows == {}

    @pytest.mark.parametrize("off", [(), (OWN.name,)], ids=["on", "off"])
    def test_jobs_page_offers_the_enabled_vendors(self, off):
        page = Caller(own_engine(vendors=(QUERY, OWN), off=off)).get("/").body.decode()

        (offered,) = re.findall(r'id="vendors">(.*?)</script>', page)
        assert list(json.loads(offered)) == [QUERY.name, *([] if off else [OWN.name])]


@pytest.fixture(scope="module")
def document():
    return Caller(world()).get("/openapi.json").json


class TestDocument:
    """The published document: every property says what it is, and its example is valid."""

    def test_every_property_has_a_description_and_a_valid_example(self, document):
        schemas = document["components"]["schemas"]
        faults = []
        for schema, name, described in (
            (schema, name, each)
            for schema, body in schemas.items()
            for name, each in body.get("properties", {}).items()
        ):
            if not described.get("description") or len(described.get("examples", [])) != 1:
                faults.append(f"{schema}.{name} has no description or example")
                continue
            checker = Draft202012Validator({**described, "components": document["components"]})
            faults += [f"{schema}.{name}: {error.message}" for error in checker.iter_errors(described["examples"][0])]

        assert faults == []

    def test_every_parameter_has_a_description_and_a_valid_example(self, document):
        faults = []
        for path, method, parameter in (
            (path, method, parameter)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            for parameter in operation.get("parameters", [])
        ):
            if not parameter.get("description") or "example" not in parameter:
                faults.append(f"{method} {path} {parameter['name']} has no description or example")
                continue
            checker = Draft202012Validator({**parameter["schema"], "components": document["components"]})
            faults += [f"{method} {path}: {error.message}" for error in checker.iter_errors(parameter["example"])]

        assert faults == []

    def test_every_example_is_of_a_property(self, document):
        schemas = document["components"]["schemas"]
        names = {f"{schema}.{name}" for schema, body in schemas.items() for name in body.get("properties", {})}
        operations = [each for methods in document["paths"].values() for each in methods.values()]
        names |= {f"Parameter.{each['name']}" for operation in operations for each in operation.get("parameters", [])}
        used = {name if name in PROPERTIES else name.partition(".")[2] for name in names}

        assert set(PROPERTIES) - used == set()

    def test_every_description_of_a_property_is_in_the_document(self, document):
        text = json.dumps(document, ensure_ascii=False)
        described = {each.description for each in PROPERTIES.values() if each.description}

        assert not {each for each in described if json.dumps(each, ensure_ascii=False) not in text}
