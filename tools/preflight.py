"""What a deployment needs: each check runs, so that all that is missing is named at once."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from asrcore.aws import CONFIG
from asrcore.messages import Message
from asrctl.quotas import CONCURRENCY_QUOTA, LEAST_CONCURRENCY

LAMBDA_PYTHON = Path(__file__).with_name("lambda_python.sh")
_RESERVED = "ReservedConcurrency"  # the end of the names of the parameters that reserve concurrency
_DOCKER_TIMEOUT_S = 30


@dataclass(frozen=True)
class Builder:
    """How functions are built. folder: of Python 3.13; None to build in a container, which needs Docker."""

    folder: str | None

    @property
    def arguments(self) -> list[str]:
        """The arguments of `sam build`."""
        return [] if self.folder else ["--use-container"]


@dataclass(frozen=True)
class Target:
    """Where to deploy; None leaves a value to the AWS settings of the shell. parameters: of the template."""

    region: str | None
    profile: str | None
    parameters: Mapping[str, str]

    def session(self) -> boto3.Session:
        """Return a session. Raises BotoCoreError for an unknown profile."""
        return boto3.Session(profile_name=self.profile, region_name=self.region)


@dataclass(frozen=True)
class Findings:
    """The result of the checks. notes: what does not keep the stack from being deployed."""

    missing: list[Message]
    notes: list[Message]


def find_builder() -> Builder | None:
    """Return how functions can be built here: by Python 3.13, else in a container; None without both."""
    found = subprocess.run(["/bin/sh", LAMBDA_PYTHON], capture_output=True, text=True, check=False)  # noqa: S603
    if found.returncode == 0:
        return Builder(found.stdout.strip())
    return Builder(None) if _has_docker() else None


def _has_docker() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run([docker, "info"], capture_output=True, timeout=_DOCKER_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def check_machine(builder: Builder | None, sam: str) -> list[Message]:
    """Return what this machine lacks."""
    missing = []
    if builder is None:
        missing.append(Message("cli.deploy.missing.python"))
    if shutil.which(sam) is None:
        missing.append(Message("cli.deploy.no_sam", {"sam": repr(sam)}))
    return missing


def check_account(target: Target, *, asks_region: bool) -> Findings:
    """Check credentials, region and quotas.

    Args:
        target: where to deploy.
        asks_region: a region that is not known yet is asked for.
    """
    try:
        session = target.session()
        region: str = session.region_name or ""
        if not region and not asks_region:
            return Findings([Message("cli.deploy.missing.region")], [])
        caller = session.client("sts", region_name=region or "us-east-1", config=CONFIG).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return Findings([Message("cli.deploy.missing.credentials", {"problem": str(error)})], [])
    known = Message("cli.deploy.caller", {"caller": caller["Arn"], "account": caller["Account"]})
    if not region:
        return Findings([], [known])
    quotas = _check_quotas(session, target.parameters)
    return Findings(quotas.missing, [known, *quotas.notes])


def _account_limits(session: boto3.Session) -> Any:
    return session.client("lambda", config=CONFIG).get_account_settings()["AccountLimit"]


def _check_quotas(session: boto3.Session, parameters: Mapping[str, str]) -> Findings:
    try:
        concurrency = _account_limits(session)["ConcurrentExecutions"]
    except (BotoCoreError, ClientError) as error:
        return Findings([], [Message("cli.deploy.quotas_unknown", {"problem": str(error)})])
    reserved = sum(int(value) for name, value in parameters.items() if name.endswith(_RESERVED) and value.isdecimal())
    about = {
        "concurrency": concurrency,
        "reserved": reserved,
        "least": LEAST_CONCURRENCY,
        "quota": CONCURRENCY_QUOTA,
    }
    if reserved and concurrency - reserved < LEAST_CONCURRENCY:
        return Findings([Message("cli.deploy.missing.concurrency", about)], [])
    low = concurrency < LEAST_CONCURRENCY
    return Findings([], [Message("cli.deploy.low_concurrency", about)] if low else [])
