"""Run backfills on the local stack by their commands: hundreds of recordings, an inventory, stop and resumption."""

import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count

import pytest
import requests

from asrcore.core.job import job_id
from tests.support.inventory import put_inventory
from tests.support.operator import ROOT, Operator
from tests.support.pipeline import wav

FRESH = count()
SHORT = wav(0.4, rate=8000)
BATCH = 25
OBJECTS = 2 * BATCH + 1
RECORDINGS = (0, 1, BATCH, BATCH + 1, 2 * BATCH)  # two of each batch; a batch of all would prove no more


class Backfiller(Operator):
    """An operator with old recordings."""

    def drop_all(self, keys: list[str]) -> dict[str, str]:
        """Put recordings; return the expected job id of each, by key."""
        return {key: self.drop(key, SHORT) for key in keys}

    def drop_batches(
        self, prefix: str, objects: int = OBJECTS, recordings: Sequence[int] = RECORDINGS
    ) -> dict[str, str]:
        """Put objects, some of which are recordings; return the job ids of these, by key."""
        s3, bucket = self.stack.client("s3"), self.stack.audio_bucket
        names = [f"{prefix}{number:03}/通话 a+b.wav" for number in range(objects)]
        for number in set(range(objects)).difference(recordings):
            s3.put_object(Bucket=bucket, Key=f"{names[number]}.tmp", Body=b"")
        return self.drop_all([names[number] for number in recordings])

    def cancel(self, jobs: dict[str, str]) -> None:
        """Cancel jobs whose slots are far away, so that no vendor gets them during another test."""
        for job in jobs.values():
            requests.post(f"{self.stack.api_url}/jobs/{job}/cancel", json={}, timeout=60)

    def start(self, *arguments: str) -> str:
        """Start a backfill; return its name."""
        return str(self.found("backfill", "start", *arguments)["run"])

    def look(self, run: str) -> dict:
        """Return a backfill's progress."""
        (found,) = self.found("backfill", "status", run)["runs"]
        return found

    def report(self, run: str, status: int = 0) -> dict:
        """Return the final report of a backfill."""
        states, machine = self.stack.client("stepfunctions"), self.stack.outputs["BackfillStateMachineArn"]
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{run}"
        ended = self.until(
            lambda: states.describe_execution(executionArn=execution)["status"],
            lambda seen: seen != "RUNNING",
            f"the backfill {run} to end",
        )
        assert self.look(run)["status"] == ended
        return self.found("backfill", "report", run, status=status)

    def statuses(self, jobs: dict[str, str]) -> Counter[str]:
        """Return the number of jobs by status, of those with a row."""
        return Counter(row["status"] for row in map(self.row, jobs.values()) if row)

    def places(self, jobs: dict[str, str]) -> list[datetime]:
        """Return the reserved slots of these jobs, of those that have one."""
        attempts = [row["attempts"][-1] for row in map(self.row, jobs.values()) if row and row["attempts"]]
        return [datetime.fromisoformat(attempt["due_at"]) for attempt in attempts if attempt["has_slot"]]

    @contextmanager
    def long_line(self, vendor: str, seconds: float) -> Iterator[None]:
        """Reserve a vendor's slots as if many recordings waited for it."""
        dynamodb, key = self.stack.client("dynamodb"), {"job_id": {"S": f"limiter#{vendor}"}}
        free_from_us = int((time.time() + seconds) * 1_000_000)
        dynamodb.put_item(TableName=self.stack.jobs_table, Item={**key, "free_from_us": {"N": str(free_from_us)}})
        try:
            yield
        finally:
            dynamodb.delete_item(TableName=self.stack.jobs_table, Key=key)

    def inventory(self, keys: list[str], folder: str, file_format: str = "CSV") -> str:
        """Write an inventory; return the address of its manifest."""
        return f"s3://{self.stack.audio_bucket}/{put_inventory(self.stack, keys, folder, file_format)}"


@pytest.fixture
def operator(stack):
    return Backfiller(stack)


@pytest.fixture
def folder():
    return f"incoming/tencent-sentence/backfill {next(FRESH)}"


@pytest.mark.parametrize(
    ("objects", "recordings"),
    [
        pytest.param(4, range(4), id="one batch"),
        pytest.param(204, range(0, 204, 4), id="hundreds", marks=pytest.mark.exhaustive),
    ],
)
def test_each_recording_without_an_event_becomes_a_job(operator, folder, stack, objects, recordings):
    many, others = len(recordings), objects - len(recordings)
    with operator.without_events():
        jobs = operator.drop_batches(f"{folder}/", objects, recordings)
        for name, body in (("notes.txt", b"to do"), ("000/通话 a+b.wav.asr.json", b"{}"), ("empty/", b"")):
            stack.client("s3").put_object(Bucket=stack.audio_bucket, Key=f"{folder}/{name}", Body=body)

    foreseen = operator.found("backfill", "start", "--prefix", f"{folder}/", "--dry-run")
    before = operator.statuses(jobs)
    report = operator.report(operator.start("--prefix", f"{folder}/", "--concurrency", "6"))
    after = operator.statuses(jobs)
    again = operator.report(operator.start("--prefix", f"{folder}/"))

    assert (foreseen["recordings"], before) == (many + 1, {})
    assert report["status"] == "SUCCEEDED"
    assert report["objects"]["succeeded"] == report["objects"]["total"] == objects + 3
    assert report["outcomes"] == {"archived": 0, "created": many, "failed": 1, "known": 0, "skipped": others + 2}
    assert [failure["why"].split(":")[0] for failure in report["failures"]] == ["NotAudio"]
    assert after == {"COMPLETED": many}
    assert again["outcomes"] == {"archived": 0, "created": 0, "failed": 0, "known": many + 1, "skipped": others + 2}
    assert operator.statuses(jobs) == after


def test_the_manifest_names_the_job_of_every_object(operator, folder, stack):
    with operator.without_events():
        jobs = operator.drop_all([f"{folder}/{number}.wav" for number in range(3)])

    run = operator.start("--prefix", f"{folder}/")
    operator.report(run)

    s3, bucket = stack.client("s3"), stack.transcript_bucket
    written = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"backfill/{run}/")["Contents"]]
    (succeeded,) = [key for key in written if key.endswith("/SUCCEEDED_0.json")]
    (child,) = json.loads(s3.get_object(Bucket=bucket, Key=succeeded)["Body"].read())
    assert [(entry["key"], entry["job_id"], entry["outcome"]) for entry in json.loads(child["Output"])] == [
        (key, job, "created") for key, job in jobs.items()
    ]


def test_recording_with_a_concurrent_event_has_one_job(operator, folder):
    keys = [f"{folder}/{number}.wav" for number in range(6)]
    with operator.without_events():
        jobs = operator.drop_all(keys[:2])

    run = operator.start("--prefix", f"{folder}/")
    jobs |= operator.drop_all(keys[2:])
    report = operator.report(run)
    rows = [operator.finished(job) for job in jobs.values()]  # each event is handled before the second backfill
    again = operator.report(operator.start("--prefix", f"{folder}/"))

    started = [each["name"] for each in operator.executions("")]
    assert sum(report["outcomes"].values()) <= len(keys)
    assert again["outcomes"] == {"archived": 0, "created": 0, "failed": 0, "known": len(keys), "skipped": 0}
    assert [(row["status"], len(row["attempts"])) for row in rows] == [("COMPLETED", 1)] * len(keys)
    assert [job for job in jobs.values() if sum(name.startswith(job) for name in started) > 1] == []


def test_inventory_with_unusual_keys_is_submitted(operator, folder):
    keys = [f"{folder}/a+b c.wav", f"{folder}/会议 100%.wav", f"{folder}/x%2By.wav"]
    with operator.without_events():
        jobs = operator.drop_all(keys)
    address = operator.inventory([*keys, f"{folder}/deleted.wav", "elsewhere/a.wav"], folder)

    shown = operator.run("backfill", "start", "--inventory", address, "--dry-run")
    report = operator.report(operator.start("--inventory", address))

    assert shown.stdout == f"would go through the inventory {report['inventory']}\n"
    assert report["outcomes"] == {"archived": 0, "created": 3, "failed": 0, "known": 0, "skipped": 2}
    assert operator.statuses(jobs) == {"COMPLETED": 3}


def test_archived_recordings_are_counted_and_listed(operator, folder, stack):
    s3, bucket = stack.client("s3"), stack.audio_bucket
    with operator.without_events():
        jobs = operator.drop_all([f"{folder}/readable.wav"])
        archived = [f"{folder}/{number}.wav" for number in range(2)]
        for key in archived:
            s3.put_object(Bucket=bucket, Key=key, Body=SHORT, StorageClass="GLACIER")
    run = operator.start("--prefix", f"{folder}/")

    report = operator.report(run)
    told = operator.run("backfill", "report", run).stdout

    assert report["outcomes"] == {"archived": 2, "created": 1, "failed": 0, "known": 0, "skipped": 0}
    assert [(each["key"], each["why"].split(":")[0]) for each in report["archived"]] == [
        (key, "ObjectArchived") for key in archived
    ]
    assert [operator.row(job_id(operator.source(key))) for key in archived] == [{}, {}]
    assert f"`backfill resume {run}` creates their jobs" in told
    assert operator.statuses(jobs) == {"COMPLETED": 1}


def test_stopped_backfill_resumes_without_duplicates(operator, folder):
    with operator.without_events():
        jobs = operator.drop_batches(f"{folder}/")

    with operator.long_line("tencent-sentence", 900):
        run = operator.start("--prefix", f"{folder}/", "--concurrency", "2")
        operator.until(lambda: operator.statuses(jobs), lambda seen: seen["IN_PROGRESS"] == 2, "two reserved slots")
        too_early = operator.run("backfill", "resume", run)
        stopped = operator.run("backfill", "stop", run)
        report = operator.report(run, status=1)
    again = operator.run("backfill", "stop", run)
    resumed = operator.found("backfill", "resume", run)["run"]
    second = operator.report(resumed)
    after = operator.statuses(jobs)
    operator.cancel(jobs)

    assert stopped.status == 0, stopped.stderr
    assert (too_early.status, again.status) == (1, 1)
    assert report["status"] == "ABORTED"
    assert sorted(batch["why"] for batch in report["unfinished"]) == [
        "not finished (ABORTED)",
        "not finished (ABORTED)",
        "not finished (PENDING)",
    ]
    assert sum(batch["objects"] for batch in report["unfinished"]) == OBJECTS
    created, skipped = len(RECORDINGS) - 2, OBJECTS - len(RECORDINGS)
    assert second["outcomes"] == {"archived": 0, "created": created, "failed": 0, "known": 2, "skipped": skipped}
    assert after == {"COMPLETED": created, "IN_PROGRESS": 2}


def test_new_recording_does_not_wait_for_a_backfill(operator, folder):
    with operator.without_events():
        old = operator.drop_batches(f"{folder}/old ")

    with operator.long_line("tencent-sentence", 900):
        run = operator.start("--prefix", f"{folder}/old", "--concurrency", "2")
        before = operator.until(lambda: operator.places(old), lambda seen: len(seen) == 2, "two reserved slots")
        new = operator.drop_all([f"{folder}/new.wav"])
        (place,) = operator.until(lambda: operator.places(new), bool, "a reserved slot")
        operator.run("backfill", "stop", run)
        after = operator.places(old)
        operator.cancel(old | new)

    assert place > max(before)
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param("start --prefix transcripts/", "does not begin so", id="another folder"),
        pytest.param("start --inventory inventory/manifest.json", "an inventory must be in s3://", id="no address"),
        pytest.param("start --inventory s3://elsewhere/inventory/a.json", "must be in s3://", id="another bucket"),
        pytest.param("start --inventory s3://AUDIO/incoming/a.json", "must be in s3://", id="not among inventories"),
        pytest.param("start --inventory s3://AUDIO/inventory/none.json", "there is no s3://", id="no such file"),
        pytest.param("start --inventory s3://AUDIO/inventory/x.json", "is no inventory's manifest", id="another file"),
        pytest.param("status missing", "there is no backfill 'missing'", id="the state of none"),
        pytest.param("report missing", "there is no backfill 'missing'", id="the report of none"),
        pytest.param("stop missing", "there is no backfill 'missing'", id="a stop of none"),
        pytest.param("resume missing", "there is no backfill 'missing'", id="a resumption of none"),
    ],
)
def test_backfill_of_nothing_prints_one_error_line(operator, stack, arguments, said):
    stack.client("s3").put_object(Bucket=stack.audio_bucket, Key="inventory/x.json", Body=b"[]")

    told = operator.run("backfill", *arguments.replace("AUDIO", stack.audio_bucket).split())

    assert told.status == 1
    assert said in told.stderr


def test_unsupported_inventory_format_is_rejected(operator, folder):
    told = operator.run("backfill", "start", "--inventory", operator.inventory([], folder, "ORC"))

    assert told.status == 1
    assert "as CSV, with keys" in told.stderr


def test_documented_commands_work(operator, folder, stack):
    with operator.without_events():
        operator.drop_all([f"{folder}/a.wav"])
    operator.inventory([f"{folder}/a.wav"], "weekly")
    run = operator.start("--prefix", f"{folder}/")
    operator.report(run)
    manual = (ROOT / "docs/backfill.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", manual, re.DOTALL)
    examples = [line for block in blocks for line in block.splitlines() if line.startswith("python -m asrctl ")]

    for example in examples:
        arguments = shlex.split(example.removeprefix("python -m asrctl "))
        meant = {"$RUN": run, "$AUDIO_BUCKET": stack.audio_bucket, "incoming/volcengine": folder}
        for name, value in meant.items():
            arguments = [argument.replace(name, value) for argument in arguments]
        done = operator.run(*arguments)
        is_over = done.status == 1 and "has ended" in done.stderr and " stop " in example
        assert done.status == 0 or is_over, f"{example}: {done.stderr}{done.stdout}"
    assert len(examples) >= 6


ALWAYS_FAILS = {
    "StartAt": "Map",
    "States": {
        "Map": {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:listObjectsV2",
                "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"},
            },
            "ItemSelector": {"key.$": "$$.Map.Item.Value.Key"},
            "ItemBatcher": {"MaxItemsPerBatch": 2},
            "MaxConcurrency": 1,
            "ToleratedFailurePercentage": 50,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Fail",
                "States": {"Fail": {"Type": "Fail", "Error": "Broken", "Cause": "nothing works"}},
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket.$": "$.results", "Prefix": "backfill/always-fails"},
            },
            "End": True,
        }
    },
}


def test_backfill_stops_when_too_many_batches_fail(operator, folder, stack):
    """The local stack implements Step Functions' `ToleratedFailurePercentage`."""
    with operator.without_events():
        operator.drop_all([f"{folder}/{each}.wav" for each in range(8)])
    states, backfills = stack.client("stepfunctions"), stack.outputs["BackfillStateMachineArn"]
    role = states.describe_state_machine(stateMachineArn=backfills)["roleArn"]
    machine = states.create_state_machine(name="always-fails", definition=json.dumps(ALWAYS_FAILS), roleArn=role)
    asked = {"bucket": stack.audio_bucket, "prefix": f"{folder}/", "results": stack.transcript_bucket}

    started = states.start_execution(stateMachineArn=machine["stateMachineArn"], name="one", input=json.dumps(asked))
    ended = operator.until(
        lambda: states.describe_execution(executionArn=started["executionArn"]),
        lambda seen: seen["status"] != "RUNNING",
        "the map to give up",
    )

    (run,) = states.list_map_runs(executionArn=started["executionArn"])["mapRuns"]
    described = states.describe_map_run(mapRunArn=run["mapRunArn"])
    s3, bucket = stack.client("s3"), stack.transcript_bucket
    written = s3.list_objects_v2(Bucket=bucket, Prefix="backfill/always-fails/")["Contents"]
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert described["status"] == "FAILED"
    assert {name: described["itemCounts"][name] for name in ("failed", "pending", "total")} == {
        "failed": 6,
        "pending": 2,
        "total": 8,
    }
    assert sorted(each["Key"].rpartition("/")[2] for each in written) == [
        "FAILED_0.json",
        "PENDING_0.json",
        "manifest.json",
    ]
