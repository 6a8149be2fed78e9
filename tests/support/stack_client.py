"""A person's view of the local stack: drop a recording, wait for its row, read its transcript."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from boto3.dynamodb.types import TypeDeserializer

from asrcore.core.job import job_id
from asrcore.core.transcript import Source
from tests.support.failure_report import touch

DEADLINE_S = 300
disobedient: set[str] = set()  # addresses of the vendors that a test gave a fault
_DESERIALIZE = TypeDeserializer().deserialize


@dataclass
class Journey:
    """What a person does with the stack."""

    stack: Any

    def drop(self, key: str, body: bytes, **metadata: str) -> str:
        """Put a recording with options; the job id that its version must have."""
        return self.upload(key, body, {f"asr-{n}": v for n, v in metadata.items()})

    def upload(self, key: str, body: bytes, metadata: Mapping[str, str]) -> str:
        """Put a recording with any metadata; the job id that its version must have."""
        answer = self.stack.client("s3").put_object(
            Bucket=self.stack.audio_bucket, Key=key, Body=body, Metadata=metadata
        )
        etag = answer["ETag"].strip('"')
        source = Source(
            bucket=self.stack.audio_bucket, key=key, version_id=answer["VersionId"], etag=etag, size_bytes=len(body)
        )
        touch(job_id(source), self.stack)
        return job_id(source)

    def row(self, job: str) -> dict[str, Any]:
        """The job's row, empty when there is none."""
        touch(job, self.stack)
        answer = self.stack.client("dynamodb").get_item(
            TableName=self.stack.jobs_table, Key={"job_id": {"S": job}}, ConsistentRead=True
        )
        return {name: _DESERIALIZE(value) for name, value in answer.get("Item", {}).items()}

    def finished(self, job: str) -> dict[str, Any]:
        """The row once the job has ended and the event was sent."""
        return self.until(lambda: self.row(job), lambda row: bool(row.get("event_published")), f"job {job} to end")

    def transcript(self, row: dict[str, Any]) -> dict[str, Any]:
        """The transcript that a row refers to."""
        answer = self.stack.client("s3").get_object(Bucket=self.stack.transcript_bucket, Key=row["transcript_key"])
        document: dict[str, Any] = json.loads(answer["Body"].read())
        return document

    def raw(self, job: str) -> bytes:
        """The vendor's reply as it came."""
        answer = self.stack.client("s3").get_object(Bucket=self.stack.transcript_bucket, Key=f"raw/{job}.json")
        body: bytes = answer["Body"].read()
        return body

    def executions(self, job: str) -> list[dict[str, Any]]:
        """The job's executions."""
        pages = self.stack.client("stepfunctions").get_paginator("list_executions")
        listed = (page["executions"] for page in pages.paginate(stateMachineArn=self.stack.state_machine_arn))
        return [execution for page in listed for execution in page if execution["name"].startswith(job)]

    def ended_execution(self, job: str) -> dict[str, Any]:
        """The job's only execution, once it has ended."""
        (execution,) = self.until(
            lambda: self.executions(job),
            lambda found: bool(found) and found[0]["status"] != "RUNNING",
            f"the execution of {job} to end",
        )
        return execution

    def lose_patience(self, job: str) -> None:
        """Have an hour pass for a job that waits for a callback: its attempt is older, and Step Functions gives up."""
        row = self.until(lambda: self.row(job), lambda row: row.get("task_token"), f"job {job} to wait for a callback")
        submitted_at = datetime.fromisoformat(row["attempts"][-1]["submitted_at"]) - timedelta(hours=1)
        self.stack.client("dynamodb").update_item(
            TableName=self.stack.jobs_table,
            Key={"job_id": {"S": job}},
            UpdateExpression=f"SET attempts[{len(row['attempts']) - 1}].submitted_at = :then",
            ExpressionAttributeValues={":then": {"S": submitted_at.isoformat().replace("+00:00", "Z")}},
        )
        self.stack.client("stepfunctions").send_task_failure(taskToken=row["task_token"], error="States.Timeout")

    def fault(self, vendor: str, *, about: str | None, **fault: Any) -> None:
        """Have a simulated vendor do something wrong for a recording of the test.

        about: a text in the submission, such as the recording's key. Without it, a job of an earlier test may use the
        fault: a retry or a failover submits it again.
        """
        given = {"about": about, **fault}
        url = self.stack.simulators[vendor]
        disobedient.add(url)
        answer = requests.post(f"{url}/_simulator/faults", json=given, timeout=60)
        assert answer.ok, answer.text

    def until(self, look: Any, good: Any, what: str) -> Any:
        """Look until it is good, less often the longer it takes."""
        deadline, pause_s = time.monotonic() + DEADLINE_S, 0.05
        while not good(seen := look()):
            assert time.monotonic() < deadline, f"waited {DEADLINE_S} s for {what}; last seen: {seen}"
            time.sleep(pause_s)
            pause_s = min(1.3 * pause_s, 0.5)
        return seen
