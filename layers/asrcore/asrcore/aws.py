"""Puts the system together on AWS: what each function calls once, when its process starts."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from asrcore.metrics import Metrics
from asrcore.services import Services
from asrcore.settings import Settings
from asrcore.stores.config import CONFIG
from asrcore.stores.jobs import DynamoJobs
from asrcore.stores.objects import S3Recordings, S3Transcripts
from asrcore.stores.workflow import EventBridge, StepFunctionsWorkflow
from asrcore.vendors.http import send
from asrcore.vendors.registry import VENDORS

SECRET_MAX_AGE_S = 300
_REGIONAL_URLS = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


def s3_signer(client: Callable[..., Any] = boto3.client) -> Any:
    """An S3 client whose presigned URLs answer by themselves: a global or path-style address would redirect."""
    return client("s3", config=CONFIG.merge(_REGIONAL_URLS))


def connect(environment: Mapping[str, str] = os.environ, client: Callable[..., Any] = boto3.client) -> Services:
    """The services of this process, from its environment. Raises pydantic.ValidationError when that is incomplete.

    client: makes clients of AWS, as `boto3.client` does.
    """
    settings = Settings.from_environment(environment)
    s3 = client("s3", config=CONFIG)
    secret = SecretsProvider(boto3_client=client("secretsmanager", config=CONFIG))

    def read_secret() -> Mapping[str, Any]:
        held = secret.get(settings.secret_arn, max_age=SECRET_MAX_AGE_S, transform="json")
        return held if isinstance(held, dict) else {}

    return Services(
        settings=settings,
        vendors=VENDORS,
        jobs=DynamoJobs(client("dynamodb", config=CONFIG), settings.jobs_table),
        recordings=S3Recordings(s3, s3_signer(client)),
        transcripts=S3Transcripts(s3, settings.transcript_bucket),
        workflow=StepFunctionsWorkflow(client("stepfunctions", config=CONFIG), settings.state_machine_arn),
        events=EventBridge(client("events", config=CONFIG)),
        metrics=Metrics(settings.stack_name, print),
        secret=read_secret,
        send=send,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        nonce=lambda: secrets.randbelow(2**31 - 1) + 1,
    )
