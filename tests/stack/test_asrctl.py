"""The operator's commands against the local stack."""

import json
import re
import unicodedata
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from urllib.parse import quote_plus

import pytest

from asrcore.core.job import job_id, new_job
from asrcore.core.transcript import Source
from asrctl.stack import DeployedStack
from tests.support.fake_services import START
from tests.support.operator import RECORDING, Operator

FRESH = count()


@pytest.fixture
def key():
    return f"incoming/volcengine/operator {next(FRESH)}/会议 a+b.wav"


@pytest.fixture
def completed(operator, key):
    job = operator.drop(key, RECORDING)
    assert operator.ended(job)["status"] == "COMPLETED"
    return job


@pytest.fixture(scope="module")
def kept(stack):
    """Return a completed job that no test changes."""
    person = Operator(stack)
    job = person.drop("incoming/volcengine/operator kept/会议 a+b.wav", RECORDING)
    assert person.ended(job)["status"] == "COMPLETED"
    return job


def refused(operator, vendor, code):
    """Return a job that its vendor refuses: a job of class config."""
    key = f"incoming/{vendor}/operator-refused-{next(FRESH)}/会议 a+b.wav"
    operator.fault(vendor, about=key, on="submit", code=code)
    job = operator.drop(key, RECORDING)
    assert operator.ended(job)["error"]["class"] == "config"
    return job


@pytest.fixture(scope="module")
def failed(stack):
    """Return a failed job that no test changes."""
    return refused(Operator(stack), "volcengine", "1002")


def test_status_counts_jobs_by_state_and_vendor(operator, kept):
    found = operator.found("status")

    assert found["states"]["COMPLETED"] >= 1
    assert found["vendors"]["volcengine"]["COMPLETED"] >= 1
    assert sum(found["states"].values()) == sum(sum(states.values()) for states in found["vendors"].values())
    assert {"oldest_open", "running_executions", "failed_events"} <= set(found)


def test_status_names_the_oldest_open_job(operator, stack):
    source = Source(bucket=stack.audio_bucket, key="incoming/auto/waits.wav", version_id="v", etag="e", size_bytes=1)
    operator.put(new_job(source, START))

    found = operator.found("status")
    listed = operator.found("list", "--status", "QUEUED")
    deleted = operator.run("delete", job_id(source), "--yes")

    assert found["oldest_open"]["job_id"] == job_id(source)
    assert job_id(source) in [job["job_id"] for job in listed["jobs"]]
    assert {job["status"] for job in listed["jobs"]} == {"QUEUED"}
    assert deleted.status == 0, deleted.stderr
    assert operator.row(job_id(source)) == {}


def test_list_with_filters_shows_the_jobs_that_match(operator, failed):
    all_that_holds_of_it = "--status FAILED --class config --vendor volcengine"
    others = ("--status COMPLETED", "--class retry", "--vendor abcpen", "--older-than 1h")

    def listed(filters):
        return [job["job_id"] for job in operator.found("list", *filters.split(), "--limit", "1000")["jobs"]]

    assert failed in listed(all_that_holds_of_it)
    assert [filters for filters in others if failed in listed(filters)] == []


def test_list_beyond_its_limit_counts_the_rest(operator, kept, stack):
    # Of one vendor: an event of an earlier test may create a newer job.
    for name in ("one.wav", "another.wav"):
        operator.ended(operator.drop(f"incoming/abcpen/operator {next(FRESH)}/{name}", RECORDING))
    newest_first = ("--newest", "--since", "1h", "--vendor", "abcpen", "--columns", "name,status")

    told = operator.run("list", "--limit", "1")
    newest = operator.run("list", "--limit", "1", *newest_first)

    assert re.search(r"^and \d+ more jobs?: --limit shows more$", told.stdout, re.MULTILINE)
    assert re.sub(" +", " ", newest.stdout) == ("name status\nanother.wav COMPLETED\nand more: --limit shows more\n")


def test_list_since_reads_an_index_and_agrees_with_the_table(operator, kept):
    def listed(*options):
        return [job["job_id"] for job in operator.found("list", "--limit", "1000", *options)["jobs"]]

    everything = listed()

    def again(*options):
        return [job for job in listed(*options) if job in everything]  # an earlier test's event may come meanwhile

    assert kept in everything
    assert again("--newest") == everything[::-1]
    assert again("--since", "2026-01-01") == everything
    assert listed("--since", "2999-01-01T00:00", "--newest") == []


@pytest.fixture
def quick(monkeypatch):
    """Look at jobs more often than an operator needs."""
    monkeypatch.setattr("asrctl.watch.INTERVAL_S", 0.05)


def test_up_that_stops_midway_prints_the_jobs_before(operator, tmp_path):
    files = [tmp_path / f"first {next(FRESH)}.wav", tmp_path / "second.wav"]
    files[0].write_bytes(RECORDING)
    files[1].write_bytes(RECORDING)
    real = DeployedStack.upload

    def upload(stack, path, *rest):
        path.unlink() if path == files[1] else None
        return real(stack, path, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeployedStack, "upload", upload)
        told = operator.run("up", *map(str, files))

    assert (told.status, told.stdout) == (1, "")
    assert "second.wav: No such file or directory" in told.stderr
    (job,) = re.findall(f"^([0-9a-f]{{32}})  incoming/auto/{files[0].name}$", told.stderr, re.MULTILINE)
    assert operator.ended(job)["status"] == "COMPLETED"


@pytest.mark.usefixtures("quick")
def test_up_with_wait_prints_each_transcript(operator, tmp_path, stack):
    files = [tmp_path / "会议 a+b.wav", tmp_path / "notes.wav"]
    files[0].write_bytes(RECORDING)
    files[1].write_bytes(b"no recording")

    told = operator.run("up", *map(str, files), "--vendor", "volcengine", "--option", "hotwords=声音,一百", "--wait")
    row, failed = (operator.found("why", f"volcengine/{file.name}")["job"] for file in files)

    assert told.status == 1
    assert f"{row['job_id']}  COMPLETED    volcengine  incoming/volcengine/会议 a+b.wav\n" in told.stderr
    assert told.stdout.startswith("incoming/volcengine/会议 a+b.wav: volcengine recognized in")
    assert operator.transcript(row)["text"] in told.stdout
    assert f"Job {failed['job_id']}: incoming/volcengine/notes.wav" in told.stdout
    assert row["options"]["hotwords"] == ["声音", "一百"]


def test_up_of_a_large_file_sends_parts_and_prints_its_job(operator, tmp_path, stack):
    file = tmp_path / f"large {next(FRESH)}.wav"
    file.write_bytes(bytes(9_000_000))

    (uploaded,) = operator.found("up", str(file))["jobs"]
    head = stack.client("s3").head_object(Bucket=stack.audio_bucket, Key=uploaded["key"])

    assert uploaded["key"] == f"incoming/auto/{file.name}"
    assert head["ETag"].endswith('-2"')
    assert operator.ended(uploaded["job_id"])["error"]["class"] == "bad_audio"


def test_up_that_s3_rejects_is_reported_in_one_line(operator, tmp_path, monkeypatch):
    monkeypatch.setattr("asrctl.stack.DeployedStack.audio_bucket", "no-such-bucket")
    (tmp_path / "call.wav").write_bytes(RECORDING)

    told = operator.run("up", str(tmp_path / "call.wav"))

    assert (told.status, told.stdout) == (1, "")
    assert re.fullmatch(r"asrctl: Failed to upload .*call.wav to no-such-bucket.* \(NoSuchBucket\) .*\n", told.stderr)


@pytest.mark.usefixtures("quick")
def test_watch_of_a_job_follows_it_to_its_end(operator, key):
    job = operator.drop(key, RECORDING)
    operator.until(lambda: operator.row(job), bool, "the job's row")

    watched = operator.run("watch", job[:16])

    assert watched.status == 0, watched.stderr
    (*_, last) = watched.stdout.splitlines()
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  {job}  COMPLETED    volcengine  {re.escape(key)}", last)


def test_watch_of_a_failed_job_ends_with_status_1(operator, failed):
    watched = operator.found("watch", failed, status=1)

    assert [job["error"]["code"] for job in watched["jobs"]] == ["1002"]


def test_watch_until_stopped_shows_the_newest_jobs(operator, kept, monkeypatch):
    def stop(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("asrctl.watch.time", SimpleNamespace(sleep=stop))  # the command's only: the stack sleeps, too

    assert kept in [job["job_id"] for job in operator.found("watch")["jobs"]]


def test_get_returns_the_stored_transcript_in_each_format(operator, kept, tmp_path, stack):
    row = operator.row(kept)
    s3, bucket = stack.client("s3"), stack.transcript_bucket

    for form in ("json", "srt", "vtt", "txt", "html"):
        stored_key = row["transcript_key"].removesuffix("json") + form if form != "json" else row["transcript_key"]
        stored = s3.get_object(Bucket=bucket, Key=stored_key)["Body"].read()
        assert operator.run("get", kept, "--format", form).stdout.encode() == stored

    s3.delete_object(Bucket=bucket, Key=row["transcript_key"].removesuffix("json") + "srt")
    rendered = operator.found("get", "operator kept/会议 a+b.wav")["content"]
    into_file = operator.found("get", kept, "-o", str(tmp_path / "new.srt"))
    into_folder = operator.run("get", kept, "--format", "vtt", "-o", str(tmp_path))
    no_folder = operator.run("get", kept, "-o", str(tmp_path / "none/a.txt"))

    assert rendered == operator.run("get", kept, "--format", "txt").stdout
    assert into_file["format"] == "srt"
    assert into_file["content"] is None
    assert (tmp_path / "new.srt").read_text("utf-8").startswith("1\n00:00:0")
    assert into_folder.stdout == f"{tmp_path}/会议 a+b.wav.vtt written\n"
    assert (no_folder.status, no_folder.stderr) == (1, f"asrctl: {tmp_path}/none/a.txt: No such file or directory\n")


def test_get_of_a_failed_job_says_why(operator, failed):
    told = operator.run("get", failed)

    assert told.status == 1
    assert told.stderr.startswith(f"asrctl: job {failed}: the job failed (1002: ")


def test_open_without_a_jobs_page_writes_a_page_that_plays(operator, kept, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    told = operator.run("open", kept)

    (page,) = tmp_path.iterdir()
    assert told.stdout == f"{page.as_uri()}\n"
    assert b'id="recording">"http' in page.read_bytes()
    assert page.stat().st_mode & 0o077 == 0


def test_why_of_any_name_of_a_job_explains_it(operator, failed, stack):
    key = operator.row(failed)["source"]["key"]
    end_of_key = unicodedata.normalize("NFD", key.partition("/volcengine/")[2])

    for reference in (failed, failed[:12], key, f"s3://{stack.audio_bucket}/{key}", end_of_key):
        told = operator.run("why", reference)

        assert told.status == 0, told.stderr
        assert f"Job {failed}: {key}" in told.stdout
        assert "It FAILED with 1002 of volcengine (class config)" in told.stdout
        assert f"What to do: correct what the message names, then: python -m asrctl redrive {failed}." in told.stdout


def test_name_of_several_recordings_lists_their_jobs(operator, stack):
    source = Source(bucket=stack.audio_bucket, key="", version_id="v", etag="e", size_bytes=1)
    keys = [f"incoming/auto/{folder}/in two folders.wav" for folder in "ab"]
    jobs = [new_job(source.model_copy(update={"key": key}), START) for key in keys]
    for job in jobs:
        operator.put(job)

    told = operator.run("why", "in two folders.wav")
    only = operator.found("why", "a/in two folders.wav")
    deleted = [operator.run("delete", job.job_id, "--yes").status for job in jobs]

    assert told.status == 2
    assert told.stderr.startswith("asrctl: in two folders.wav fits 2 jobs: give more of one's id or key\n")
    assert [
        f"{job.job_id}  2026-01-02 03:04:05  {key}" in told.stderr for job, key in zip(jobs, keys, strict=True)
    ] == [True] * 2
    assert only["job"]["job_id"] == jobs[0].job_id
    assert deleted == [0, 0]


def test_why_in_chinese_has_no_english_sentence(operator, failed, programs):
    told = operator.shell(f"{programs.functions}\nLC_ALL=zh_CN.UTF-8 python -m asrctl why $JOB", failed)

    lines = told.stdout.splitlines()
    assert lines[0].startswith(f"任务 {failed}："), told.stderr
    assert lines[-1] == f"处理办法：按上面的信息修正，然后运行：python -m asrctl redrive {failed}。"
    assert [line for line in lines if not re.search(r"[\u4e00-\u9fff]", line)] == []
    said_by_the_vendor = "permission denied"
    assert f"厂商返回：{said_by_the_vendor}" in told.stdout
    story = [line.replace(said_by_the_vendor, "") for line in lines[:-1]]
    assert [line for line in story if re.search(r"[a-z]{2,} [a-z]{2,}", line)] == []


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        pytest.param("0" * 32, "`list` shows the jobs there are", id="an id"),
        pytest.param("0" * 16, f"no version of {'0' * 16} in", id="the beginning of an id"),
        pytest.param("incoming/auto/never.wav", "`reconcile` submits it", id="a key"),
        pytest.param("never.wav", "`reconcile` submits it", id="a file's name"),
    ],
)
def test_why_of_an_unknown_job_names_the_next_command(operator, reference, said):
    told = operator.run("why", reference)

    assert told.status == 1
    assert said in told.stderr


def test_why_prints_no_token_and_no_url(operator, stack):
    key = f"incoming/tencent-recording/{next(FRESH)}/greeting.wav"
    operator.fault("tencent-recording", about=key, on="callback", drop=True)
    job = operator.drop(key, RECORDING)
    row = operator.until(lambda: operator.row(job), lambda row: row.get("task_token"), "a task token")

    told = operator.run("why", job).stdout
    found = operator.run("why", job, "--json").stdout

    assert row["task_token"] not in told + found
    assert "http" not in told + found


def test_redrive_of_a_failed_job_completes_it(operator):
    job = refused(operator, "volcengine", "1002")

    told = operator.run("redrive", job)
    row = operator.until(lambda: operator.row(job), lambda row: row["status"] == "COMPLETED", "the redriven job")
    again = operator.run("redrive", job)

    assert told.status == 0, told.stderr
    assert "is tried again as run 2" in told.stdout
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["config", "completed"]
    assert again.status == 1
    assert "is COMPLETED: only a FAILED one can be redriven" in again.stderr


def test_redrive_of_a_class_starts_all_its_jobs(operator):
    job = refused(operator, "abcpen", "10110")

    shown = operator.found("redrive", "--all", "--class", "config", "--vendor", "abcpen", "--dry-run")
    row = operator.row(job)
    done = operator.found("redrive", "--all", "--class", "config", "--vendor", "abcpen")

    assert row["status"] == "FAILED"
    assert job in shown["redriven"]
    assert set(done["redriven"]) == set(shown["redriven"])
    operator.until(lambda: operator.row(job), lambda row: row["status"] == "COMPLETED", "the redriven job")


@dataclass
class Reconciled:
    """Recordings by what they lack, and what each form of `reconcile` said about them, in this order."""

    earlier: dict[str, str]  # jobs that had completed before
    missed: dict[str, str]  # jobs of recordings without S3's event
    dry_run_of_fix: dict
    dry_run: str
    rows_after_dry_run: list[dict]
    done: dict
    fixed: dict


INVISIBLE = {
    "control characters": "\x07\x1b[2J\r\t\x7f.wav",
    "format characters": "\u202e\u200b\u00a0.wav",
    "unassigned and blank": "\ufffe\u3164 '\\ .wav",
}
UNNOTICED = ("no event", "new version", *INVISIBLE)


def key_of(name):
    """Return the key of a recording of `reconciled`."""
    return f"incoming/volcengine/reconciled/{name}/{INVISIBLE.get(name, 'meeting.wav')}"


@pytest.fixture(scope="module")
def reconciled(stack):
    """Run each form of `reconcile` once: it reads every recording and every job of the stack."""
    operator, s3 = Operator(stack), stack.client("s3")
    names = ("new version", "no row", "deleted transcript", "no transcript")
    earlier = {name: operator.drop(key_of(name), RECORDING) for name in names}
    rows = {name: operator.ended(job) for name, job in earlier.items()}
    assert {row["status"] for row in rows.values()} == {"COMPLETED"}
    missed = {name: operator.drop_unnoticed(key_of(name)) for name in UNNOTICED}
    operator.forget(earlier["no row"])
    s3.delete_object(Bucket=stack.transcript_bucket, Key=rows["deleted transcript"]["transcript_key"])
    stored = {"Bucket": stack.transcript_bucket, "Prefix": rows["no transcript"]["transcript_key"]}
    for version in s3.list_object_versions(**stored)["Versions"]:
        s3.delete_object(Bucket=stack.transcript_bucket, Key=version["Key"], VersionId=version["VersionId"])

    # The status is 1 in each: one transcript cannot be restored.
    dry_run_of_fix = operator.found("reconcile", "--fix", "--dry-run", status=1)
    dry_run = operator.run("reconcile", "--dry-run")
    assert dry_run.status == 1
    rows_after_dry_run = [operator.row(job) for job in missed.values()]
    done = operator.found("reconcile", status=1)
    for job in missed.values():
        assert operator.ended(job)["status"] == "COMPLETED"
    fixed = operator.found("reconcile", "--fix", status=1)
    operator.run("delete", earlier["no transcript"], "--yes")
    return Reconciled(earlier, missed, dry_run_of_fix, dry_run.stdout, rows_after_dry_run, done, fixed)


def test_reconcile_of_a_lost_event_submits_once(reconciled):
    lost = {"job_id": reconciled.missed["no event"], "key": key_of("no event")}

    assert lost in reconciled.dry_run_of_fix["submitted"]
    assert [row for row in reconciled.rows_after_dry_run if row] == []
    assert lost in reconciled.done["submitted"]
    assert [each for each in reconciled.fixed["submitted"] if each["job_id"] in reconciled.missed.values()] == []


def test_reconcile_of_a_newer_version_replaces_the_transcript(operator, reconciled):
    key, corrected = key_of("new version"), reconciled.missed["new version"]
    row = operator.row(corrected)

    assert row["transcript_key"] == f"transcripts/{key}.json"
    assert operator.transcript(row)["job_id"] == corrected != reconciled.earlier["new version"]


def test_reconcile_without_a_row_submits_nothing_twice(operator, reconciled):
    assert key_of("no row") not in [each["key"] for each in reconciled.done["submitted"]]
    assert operator.row(reconciled.earlier["no row"]) == {}


def test_reconcile_fix_restores_a_deleted_transcript(operator, reconciled):
    job = reconciled.earlier["deleted transcript"]
    row = operator.row(job)
    lost = {"job_id": job, "key": row["transcript_key"]}

    assert lost in reconciled.done["missing"]
    assert lost in reconciled.dry_run_of_fix["brought_back"]
    assert lost in reconciled.fixed["brought_back"]
    assert operator.transcript(row)["job_id"] == job


def test_reconcile_of_a_lost_transcript_gives_advice(reconciled):
    job = reconciled.earlier["no transcript"]

    assert job in [each["job_id"] for each in reconciled.fixed["missing"]]
    assert f"of the COMPLETED job {job}, is gone: upload the recording again" in reconciled.dry_run


@pytest.mark.parametrize("name", INVISIBLE)
def test_key_with_invisible_characters_can_be_copied_back(operator, reconciled, programs, name):
    job, key = reconciled.missed[name], key_of(name)
    (quoted,) = [
        line.removesuffix(": has no job, would be submitted")
        for line in reconciled.dry_run.splitlines()
        if key[: -len(INVISIBLE[name])] in line
    ]
    copied = operator.shell(f"{programs.functions}\npython -m asrctl why {quoted} --json", job)
    listed = operator.run("list", "--limit", "1000").stdout

    assert {"job_id": job, "key": key} in reconciled.done["submitted"]
    assert json.loads(copied.stdout)["job"]["source"]["key"] == key, copied.stderr
    assert quoted in listed


def test_queue_shows_and_replays_a_failed_event(operator, stack, key):
    job, source = operator.drop_unnoticed(key), operator.source(key)
    edited_by_hand = {"job_id": {"S": job}, "status": {"S": "BROKEN"}}
    stack.client("dynamodb").put_item(TableName=stack.jobs_table, Item=edited_by_hand)
    record = {"bucket": {"name": source.bucket}, "object": {"key": quote_plus(key), "versionId": source.version_id}}
    operator.submit_later({"Records": [{"eventSource": "aws:s3", "s3": record}]})

    def about_it() -> list[dict]:
        return [each for each in operator.found("queue")["messages"] if each["about"] == key]

    (message,) = operator.until(about_it, bool, "the event to fail three times")
    operator.forget(job)
    shown = operator.found("queue", "replay", "--dry-run")
    replayed = operator.found("queue", "replay")

    assert message["tries"] == 3
    assert "ValidationError" in message["why"]
    assert key in [each["about"] for each in shown["messages"]]
    assert key in [each["about"] for each in replayed["messages"]]
    assert operator.ended(job)["status"] == "COMPLETED"
    assert about_it() == []


def test_delete_of_a_job_leaves_nothing(operator, key, completed, stack):
    shown = operator.found("delete", completed, "--dry-run")
    unsure = operator.run("delete", completed, answer="no\n")
    kept = operator.row(completed)
    done = operator.run("delete", completed, answer="yes\n")

    assert len(shown["objects"]) == 7  # recording, transcript, four exports, raw
    assert (unsure.status, unsure.stdout) == (1, "nothing was deleted\n")
    assert kept["status"] == "COMPLETED"
    assert done.status == 0, done.stderr
    assert operator.row(completed) == {}
    assert operator.versions(stack.audio_bucket, key) == []
    assert operator.versions(stack.transcript_bucket, f"transcripts/{key}") == []
    assert operator.versions(stack.transcript_bucket, f"raw/{completed}") == []


def test_delete_of_one_version_keeps_the_other(operator, key, completed, stack):
    corrected = operator.drop(key, RECORDING)
    operator.ended(corrected)

    done = operator.run("delete", corrected, "--yes")

    assert done.status == 0, done.stderr
    assert operator.row(corrected) == {}
    assert operator.transcript(operator.row(completed))["job_id"] == completed
    assert operator.versions(stack.audio_bucket, key) == [key]


def test_unknown_stack_is_reported_in_one_line(operator):
    told = operator.run("status", "--stack", "nothing")

    assert told.status == 1
    assert told.stderr == (
        "asrctl: there is no stack 'nothing' in us-east-1: name it with --stack, --region or --local\n"
    )


@pytest.mark.parametrize("command", ["list --json", "status", "queue", "watch"])
def test_reader_that_stops_reading_ends_a_command_quietly(operator, kept, programs, command):
    preloaded = "" if command == "list --json" else programs.functions  # one is started as users start it

    done = operator.shell(f"{preloaded}\nset -o pipefail; python -m asrctl {command} | true", kept)

    assert (done.returncode, done.stderr) == (0, "")


def test_process_uses_the_settings_of_the_shell(operator, failed):
    done = operator.shell("python -m asrctl redrive $JOB --dry-run --json", failed)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"redriven": [failed], "dry_run": True}
