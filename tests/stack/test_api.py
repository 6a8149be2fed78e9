"""Use the HTTP API on the local stack, from upload to transcript in each format and to deletion."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import playwright
import pysubs2
import pytest
import requests

from asrcore.core.transcript import Transcript
from tests.support.document import check_answer
from tests.support.stack_client import Journey
from tests.support.web import Web
from tools.client import FILE as CLIENT

ROOT = Path(__file__).parents[2]
MEETING = (ROOT / "samples/meeting.wav").read_bytes()
GREETING = (ROOT / "samples/greeting.wav").read_bytes()
TIMEOUT_S = 60
CLIENT_JOURNEY = """
import os
from asrcore_client import ApiError, Client
api = Client(os.environ["API"])
job = api.wait(api.upload("meeting.wav", in_parts=True, tags={"by": "client"}, vendor="tencent-sentence"))
print(job["job_id"], job["name"], *(each["job_id"] for each in api.every_job(tag=["by:client"], limit=1)))
api.delete_job(job["job_id"])
try:
    api.get_job(job["job_id"])
except ApiError as error:
    print(error.status)
"""


class Program(Journey):
    """A program that uses only the HTTP API."""

    def get(self, path: str, **options) -> requests.Response:
        return self._call("GET", path, **options)

    def post(self, path: str, body: object, **headers: str) -> requests.Response:
        return self._call("POST", path, json=body, headers=headers)

    def delete(self, path: str) -> requests.Response:
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **options) -> requests.Response:
        """Send a request; check that the response, unless redirected, conforms to the OpenAPI document."""
        answer = requests.request(
            method, self.stack.api_url + path, timeout=TIMEOUT_S, **{"allow_redirects": False, **options}
        )
        if not options.get("allow_redirects"):
            told = answer.headers.get("content-type", "")
            check_answer(method, urlsplit(path).path, answer.status_code, told, answer.content)
        return answer

    def send(self, upload: dict, body: bytes, **fields: str) -> requests.Response:
        """Post the form that an upload gave, as a browser does."""
        kind = upload["fields"]["Content-Type"]
        return requests.post(
            upload["url"], data={**upload["fields"], **fields}, files={"file": ("a", body, kind)}, timeout=TIMEOUT_S
        )

    def ended(self, path: str) -> dict:
        """Return the only job of a list, once it has ended and no function works on it."""

        def look() -> dict:
            jobs = self.get(path).json()["jobs"]
            return jobs[0] if jobs else {}

        job = self.until(look, lambda job: job.get("status") in ("COMPLETED", "FAILED"), f"{path} to end")
        self.finished(job["job_id"])
        self.until(
            lambda: [each["status"] for each in self.executions(job["job_id"])],
            lambda statuses: "RUNNING" not in statuses,
            "its executions to end",
        )
        return job


@pytest.fixture
def program(stack) -> Program:
    return Program(stack)


@pytest.fixture(scope="module")
def meeting(stack) -> dict:
    """Upload a meeting to a vendor with callbacks; return it with its transcript."""
    program = Program(stack)
    asked = {"name": "会议 一.wav", "vendor": "tencent-recording", "options": {"speakers": 0}}
    upload = program.post("/uploads", asked).json()
    assert program.send(upload, MEETING).status_code == 201
    return program.ended(upload["job"])


def test_upload_becomes_a_job_with_the_requested_options(program, meeting):
    told = program.get(f"/jobs/{meeting['job_id']}").json()

    assert (told["status"], told["stage"], told["vendor"]) == ("COMPLETED", "completed", "tencent-recording")
    assert told["options"] == {"speakers": 0}
    assert told["recording"]["key"].endswith("/会议 一.wav")
    assert told["recording"]["audio"]["duration_ms"] > 1000
    assert told["attempts"][-1]["outcome"] == "completed"
    assert told["elapsed_s"] > 0
    assert told["cost"]["aws"]["usd"] > 0


@pytest.mark.parametrize("inline", ["true", "false"])
@pytest.mark.parametrize("form", ["json", "srt", "vtt", "txt", "html"])
def test_transcript_is_served_inline_and_by_redirect(program, meeting, form, inline):
    path = f"/jobs/{meeting['job_id']}/transcript?format={form}&inline={inline}"

    answer = program.get(path)
    found = program.get(path, allow_redirects=True)

    assert answer.status_code == (200 if inline == "true" or form == "html" else 303)
    assert found.status_code == 200
    if form == "json":
        assert Transcript.model_validate(found.json()).job_id == meeting["job_id"]
    elif form == "srt":
        assert len(pysubs2.SSAFile.from_string(found.content.decode(), format_="srt"))
    if answer.status_code == 303:
        name = quote(f"会议 一.wav.{form}")
        assert found.headers["content-disposition"].endswith(f"filename*=UTF-8''{name}")


def test_transcript_page_plays_the_recording(program, meeting):
    page = program.get(f"/jobs/{meeting['job_id']}/transcript?format=html").text

    _, _, rest = page.partition('<script type="application/json" id="recording">')
    url = json.loads(rest.partition("</script>")[0])
    assert requests.get(url, timeout=TIMEOUT_S).content == MEETING


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param({"key": "incoming/auto/another.wav"}, 403, id="another key"),
        pytest.param({"Content-Type": "text/html"}, 403, id="another kind of file"),
        pytest.param({"x-amz-meta-asr-speakers": "9"}, 403, id="another option"),
        pytest.param({"x-amz-meta-asr-vendor": "abcpen"}, 403, id="one option more"),
        pytest.param({"policy": "e30="}, 403, id="another policy"),
        pytest.param({"x-amz-security-token": "mine"}, 403, id="another session"),
        pytest.param({"x-amz-signature": "0" * 64}, 403, id="another signature"),
    ],
)
def test_upload_other_than_signed_is_rejected(program, spoil, code):
    upload = program.post("/uploads", {"name": "a.wav", "options": {"speakers": 2}}).json()

    assert program.send(upload, MEETING, **spoil).status_code == code
    assert program.get(upload["job"]).json() == {"jobs": [], "next_cursor": None}


def test_upload_form_used_twice_makes_one_job(program):
    upload = program.post("/uploads", {"name": "twice.wav"}).json()
    program.send(upload, MEETING)
    job = program.ended(upload["job"])

    assert program.send(upload, GREETING).status_code == 201  # S3 has no condition that a form accepts one object

    def refusals() -> list[str]:
        lines = program.stack.logs("SubmitFunction").splitlines()
        return [line for line in lines if "another version of an upload" in line and upload["key"] in line]

    program.until(refusals, bool, "the second upload to be refused")
    assert program.get(upload["job"]).json()["jobs"] == [job]


def test_upload_in_parts_becomes_one_job(program):
    body = MEETING
    asked = {"name": "parts.wav", "size_bytes": len(body), "in_parts": True, "vendor": "tencent-sentence"}
    upload = program.post("/uploads", asked).json()
    here = f"/uploads/{upload['multipart']['upload_id']}"
    assert program.post(f"{here}/complete", {}).status_code == 409
    (part,) = program.post(f"{here}/parts", {"numbers": [1]}).json()["urls"]

    refused = requests.put(part["url"], data=body + b"more", timeout=60)
    put = requests.put(part["url"], data=body, timeout=60)
    listed = program.get(here).json()
    completed = [program.post(f"{here}/complete", {}) for _ in range(2)]

    assert refused.status_code == 403
    assert put.status_code == 200
    assert put.headers["ETag"]
    assert listed["uploaded"] == [{"number": 1, "size_bytes": len(body)}]
    assert [each.status_code for each in completed] == [200, 200]
    # Not `ended`: each completion has an event, and the execution of the second may wait until the first's claim ends.
    row = program.finished(upload["job_id"])
    (job,) = program.get(upload["job"]).json()["jobs"]
    assert (row["status"], job["status"], job["job_id"]) == ("COMPLETED", "COMPLETED", upload["job_id"])


def test_aborted_upload_is_gone(program):
    upload = program.post("/uploads", {"name": "a.wav", "size_bytes": 5, "in_parts": True}).json()
    here = f"/uploads/{upload['multipart']['upload_id']}"

    assert program.delete(here).status_code == 204
    assert program.get(here).status_code == 404


def test_empty_upload_is_rejected(program):
    upload = program.post("/uploads", {"name": "a.wav"}).json()

    assert program.send(upload, b"").status_code == 400


def test_remote_recording_is_fetched_by_the_vendor(program):
    with Web() as web:
        url = web.serve("/calls/2026.wav", MEETING)

        first = program.post("/jobs", {"source": url, "vendor": "volcengine"}, **{"Idempotency-Key": "call-2026"})
        again = program.post("/jobs", {"source": url, "vendor": "volcengine"}, **{"Idempotency-Key": "call-2026"})
        row = program.finished(first.json()["job_id"])

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.headers["location"] == f"/jobs/{again.json()['job_id']}"
    assert (row["status"], row["vendor"]) == ("COMPLETED", "volcengine")
    assert "a remote recording is not probed" in row["warnings"][0]["text"]
    assert url not in str(row)
    transcript = program.get(f"/jobs/{row['job_id']}/transcript", allow_redirects=True).json()
    assert transcript["source"]["key"].startswith("linked/")
    assert transcript["utterances"]


def test_remote_file_without_audio_fails_with_a_message(program):
    with Web() as web:
        asked = {"source": web.serve("/page.wav", b"<html>not found</html>" * 100), "vendor": "volcengine"}
        job = program.post("/jobs", asked).json()["job_id"]
        program.finished(job)

    told = program.get(f"/jobs/{job}").json()
    refused = program.get(f"/jobs/{job}/transcript")

    assert (told["status"], told["error"]["vendor"]) == ("FAILED", "volcengine")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
    assert told["error"]["code"] in refused.json()["detail"]


def test_recording_in_the_bucket_has_one_job(program, meeting):
    source = f"s3://{meeting['recording']['bucket']}/{meeting['recording']['key']}"

    same = program.post("/jobs", {"source": source})
    other = program.post("/jobs", {"source": source, "options": {"speakers": 5}})

    assert (same.status_code, same.json()["job_id"]) == (200, meeting["job_id"])
    assert other.status_code == 409


def test_job_list_is_paged_and_filtered(program, meeting):
    assert meeting["job_id"] in [job["job_id"] for job in _all(program, "status=COMPLETED&vendor=tencent-recording")]
    assert meeting["job_id"] not in [job["job_id"] for job in _all(program, "status=FAILED", limit=100)]
    created = [job["created_at"] for job in _all(program, "", pages=3)]
    assert created == sorted(created, reverse=True)


def _all(program: Program, query: str, *, limit: int = 2, pages: int = 1000) -> list[dict]:
    """Return the jobs of a list, or of so many of its pages."""
    found, cursor = [], ""
    while cursor is not None and pages:
        page = program.get(f"/jobs?limit={limit}&{query}{cursor and f'&cursor={cursor}'}").json()
        found, cursor, pages = found + page["jobs"], page["next_cursor"], pages - 1
    return found


def test_deleted_job_leaves_no_objects(program):
    upload = program.post("/uploads", {"name": "secret.wav", "vendor": "tencent-sentence"}).json()
    program.send(upload, GREETING)
    job = program.ended(upload["job"])["job_id"]

    deleted = program.delete(f"/jobs/{job}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert program.get(f"/jobs/{job}").status_code == 404
    assert program.delete(f"/jobs/{job}").status_code == 404
    s3 = program.stack.client("s3")
    left = [
        version["Key"]
        for bucket in (program.stack.audio_bucket, program.stack.transcript_bucket)
        for version in s3.list_object_versions(Bucket=bucket).get("Versions", [])
    ]
    assert [key for key in left if "secret.wav" in key or job in key] == []


def test_transcript_is_served_compressed(program, meeting):
    answer = program.get(f"/jobs/{meeting['job_id']}/transcript?inline=true", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert json.load(io.BytesIO(answer.content))["job_id"] == meeting["job_id"]


@pytest.fixture
def shell(program, tmp_path):
    """Run a documented program in a folder with a recording, with the documentation's names."""
    (tmp_path / "meeting.wav").write_bytes(MEETING)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "API": program.stack.api_url,
        "AWS_REGION": program.stack.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "NO_PROXY": "*",
    }

    def run(arguments: list[str], text: str, **names: str) -> str:
        done = subprocess.run(
            arguments,
            input=text,
            cwd=tmp_path,
            env={**environment, **names},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def manual(language: str) -> str:
    """Return the documentation's only example in a language."""
    (example,) = re.findall(rf"(?s)```{language}\n(.*?)```", (ROOT / "docs/api.md").read_text())
    return example


def test_documented_commands_work(program, meeting, shell, tmp_path):
    with Web() as web:
        lines = manual("sh").replace("https://recordings.example.com/board.mp3", web.serve("/board.wav", MEETING))
        # The requests that are derived from the OpenAPI document have the same example.
        lines = lines.replace("board-meeting-1", uuid4().hex)
        said = shell(["bash", "-eu"], lines.replace("\ncall ", "\necho; call "), JOB=meeting["job_id"])
        answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        made = answers[-1]
        program.finished(made["job_id"])

    assert [sorted(answer)[0] for answer in answers[:2]] == ["jobs", "jobs"]
    assert answers[2]["job_id"] == meeting["job_id"]
    assert answers[3]["vendor"] == "tencent-rec-task"
    assert answers[4]["choice"]["params"] == {"options": ["speakers"], "passed_over": ["tencent-sentence"]}
    assert made["recording"]["key"].endswith("/recording.wav")
    assert len(pysubs2.load(str(tmp_path / "meeting.srt")))
    assert "[0:00]" in said


def test_documented_program_works(shell):
    said = shell([sys.executable, "-"], manual("python"), PYTHONPATH=str(CLIENT.parent))

    assert said.startswith("[0:00]")


def test_documented_script_works(shell):
    node = str(Path(playwright.__file__).parent / "driver/node")  # Playwright's, so that the machine needs none

    assert shell([node, "--input-type=module", "-"], manual("js")).startswith("[0:00]")


def test_python_client_uploads_in_parts_lists_and_deletes(program, shell):
    said = shell([sys.executable, "-"], CLIENT_JOURNEY, PYTHONPATH=str(CLIENT.parent))

    job_id, name, listed, problem = said.split()
    assert (name, listed, problem) == ("meeting.wav", job_id, "404")


def test_served_openapi_document_is_the_published_one(program):
    assert program.get("/openapi.json").json() == json.loads((ROOT / "schemas/openapi.json").read_text())
