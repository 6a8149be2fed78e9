"""A stack that `make local` runs in another process, by what it writes to its folder."""

import json
from pathlib import Path
from typing import Any

import boto3


class CommandStack:
    """The part of LocalStack that clients of the tests and the failure report use."""

    def __init__(self, folder: Path) -> None:
        """folder: the DEVSTACK_FOLDER of a stack that has printed READY."""
        facts: dict[str, Any] = json.loads((folder / ".local/stack.json").read_text("utf-8"))
        self._logs = folder / ".local/logs"
        self.aws_endpoint_url: str = facts["aws_endpoint_url"]
        self.region: str = facts["region"]
        self.credential: str = facts["credential"]
        self.audio_bucket: str = facts["audio_bucket"]
        self.transcript_bucket: str = facts["transcript_bucket"]
        self.jobs_table: str = facts["jobs_table"]
        self.state_machine_arn: str = facts["state_machine_arn"]
        self.simulators: dict[str, str] = facts["simulators"]

    @property
    def environments(self) -> list[str]:
        """Return the logical ids of the functions."""
        return sorted(path.stem for path in self._logs.glob("*Function.log"))

    def logs(self, function: str) -> str:
        """Return the log of a function so far."""
        return (self._logs / f"{function}.log").read_text("utf-8", errors="replace")

    def client(self, service: str) -> Any:
        """Return an administrator's boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.aws_endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.credential,
            aws_secret_access_key=self.credential,
        )
