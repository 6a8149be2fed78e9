"""An operator of the local stack, with the operator's commands."""

import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus
from weakref import WeakKeyDictionary

import boto3
import pytest
from botocore import session
from jsonschema.validators import validator_for

from asrcore.core.job import Job
from asrcore.core.transcript import Source
from asrcore.stores.jobs import DynamoJobs
from asrctl.cli import main
from tests.support.stack_client import Journey

ROOT = Path(__file__).parents[2]
# Each session reads AWS's service models: here they are read once.
_LOADER = functools.cache(session.create_loader)
SHAPES = json.loads((ROOT / "schemas/asrctl.schema.json").read_text("utf-8"))
# Made once: `jsonschema.validate` checks the schema itself at each call, which takes longer than most commands.
_VALIDATOR = validator_for(SHAPES)(SHAPES)
RECORDING = (ROOT / "samples/meeting.wav").read_bytes()


@dataclass(frozen=True)
class Done:
    """The result of a command."""

    status: int
    stdout: str
    stderr: str


class Session(boto3.Session):
    """A session that creates each of its clients once."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **settings: Any) -> Any:  # type: ignore[override]
        """Return the client with these settings."""
        config = vars(settings["config"])
        known = str((service, {**settings, "config": config}))
        if known not in self._clients:
            self._clients[known] = super().client(service, **settings)  # type: ignore[call-overload]
        return self._clients[known]


# The sessions of each stack's commands: creating clients takes as long as all that most commands do with them.
_SESSIONS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


class Operator(Journey):
    """A client with the operator's commands."""

    def run(self, *arguments: str, answer: str = "") -> "Done":
        """Run a command; `answer` is the input to its prompt."""
        place = ["--endpoint-url", self.stack.aws_endpoint_url, "--region", self.stack.region]
        sessions = _SESSIONS.setdefault(self.stack, functools.cache(Session))
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setenv("AWS_ACCESS_KEY_ID", "local")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
            patch.setattr(session, "create_loader", _LOADER)
            patch.setattr("asrctl.stack.boto3", SimpleNamespace(Session=sessions))
            patch.setattr("asrctl.queue._WAITS_S", 0)  # the local stack has one server
            patch.setattr("asrctl.credential_check.QUERY_INTERVAL_S", 0.1)  # as long as its vendors need
            patch.setattr("sys.stdin", io.StringIO(answer))
            status = main([*arguments, *place])
        return Done(status, out.getvalue(), err.getvalue())

    def found(self, *arguments: str, status: int = 0) -> dict:
        """Return a command's `--json` output, checked against its published schema."""
        done = self.run(*arguments, "--json")
        assert done.status == status, done.stderr + done.stdout
        found = json.loads(done.stdout)
        (command,) = [name for name in (" ".join(arguments[:2]), arguments[0]) if name in SHAPES["properties"]][:1]
        _VALIDATOR.validate({command: found})
        return found

    def shell(self, line: str, job: str) -> subprocess.CompletedProcess[str]:
        """Run a documented line; $JOB is its job."""
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.stack.aws_endpoint_url,
            "AWS_DEFAULT_REGION": self.stack.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "NO_PROXY": "*",
            "JOB": job,
        }
        return subprocess.run(
            ["bash", "-c", line],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def ended(self, job: str) -> dict:
        """Return the row once the job has ended and no execution of it runs."""
        row = self.finished(job)
        self.until(
            lambda: [each["status"] for each in self.executions(job)],
            lambda statuses: "RUNNING" not in statuses,
            f"the executions of {job} to end",
        )
        return row

    def drop_unnoticed(self, key: str) -> str:
        """Put a recording without S3's event."""
        with self.without_events():
            return self.drop(key, RECORDING)

    @contextmanager
    def without_events(self) -> Iterator[None]:
        """Put recordings without S3's events inside this context."""
        s3, bucket = self.stack.client("s3"), self.stack.audio_bucket
        told = s3.get_bucket_notification_configuration(Bucket=bucket)
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        try:
            yield
        finally:
            wanted = {"LambdaFunctionConfigurations": told["LambdaFunctionConfigurations"]}
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)

    def source(self, key: str) -> Source:
        """Return the recording under a key, as in S3's event."""
        head = self.stack.client("s3").head_object(Bucket=self.stack.audio_bucket, Key=key)
        return Source(
            bucket=self.stack.audio_bucket,
            key=key,
            version_id=head["VersionId"],
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
        )

    def put(self, job: Job) -> None:
        """Write a row that no invocation wrote."""
        assert DynamoJobs(self.stack.client("dynamodb"), self.stack.jobs_table).create(job)

    def forget(self, job: str) -> None:
        """Delete a row, as after its time to live."""
        self.stack.client("dynamodb").delete_item(TableName=self.stack.jobs_table, Key={"job_id": {"S": job}})

    def handle_events(self, keys: list[str]) -> None:
        """Invoke SubmitFunction with S3's event of each object, and return when it has handled them."""
        for source in map(self.source, keys):
            described = {"key": quote_plus(source.key, safe="/"), "versionId": source.version_id, "eTag": source.etag}
            record = {"bucket": {"name": source.bucket}, "object": {**described, "size": source.size_bytes}}
            self.stack.invoke("SubmitFunction", {"Records": [{"eventSource": "aws:s3", "s3": record}]})

    def submit_later(self, event: dict) -> None:
        """Invoke SubmitFunction with an event, like S3."""
        described = self.stack.client("cloudformation").describe_stack_resource(
            StackName="asrcore", LogicalResourceId="SubmitFunction"
        )
        function = described["StackResourceDetail"]["PhysicalResourceId"]
        self.stack.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
        )

    def versions(self, bucket: str, prefix: str) -> list[str]:
        """Return the keys of all stored versions."""
        listed = self.stack.client("s3").list_object_versions(Bucket=bucket, Prefix=prefix)
        return [version["Key"] for version in listed.get("Versions", [])]
