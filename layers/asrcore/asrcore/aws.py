"""Puts the system together on AWS: what each function calls once, when its process starts."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider, TransformParameterError
from botocore.config import Config

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.vendor import Reply, Request
from asrcore.metrics import Metrics
from asrcore.services import Services
from asrcore.settings import Settings
from asrcore.stores.config import CONFIG
from asrcore.stores.jobs import DynamoJobs
from asrcore.stores.objects import S3Recordings, S3Transcripts
from asrcore.stores.workflow import EventBridge, StepFunctionsWorkflow
from asrcore.vendors.registry import VENDORS

SECRET_MAX_AGE_S = 300
_REGIONAL_URLS = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


class _OnFirstUse:
    """A client of AWS that is made when it is first used: no function's usual step uses them all."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Any:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def s3_signer(client: Callable[..., Any] = boto3.client) -> Any:
    """An S3 client whose presigned URLs answer by themselves: a global or path-style address would redirect."""
    return client("s3", config=CONFIG.merge(_REGIONAL_URLS))


def connect(environment: Mapping[str, str] = os.environ, client: Callable[..., Any] = boto3.client) -> Services:
    """The services of this process, from its environment. Raises pydantic.ValidationError when that is incomplete.

    client: makes clients of AWS, as `boto3.client` does.
    """
    settings = Settings.from_environment(environment)

    def of(service: str) -> Any:
        return _OnFirstUse(lambda: client(service, config=CONFIG))

    s3 = of("s3")
    secret = SecretsProvider(boto3_client=of("secretsmanager"))

    def read_secret() -> Mapping[str, Any]:
        try:
            held = secret.get(settings.secret_arn, max_age=SECRET_MAX_AGE_S, transform="json")
        except TransformParameterError as error:
            raise _unreadable() from error
        if not isinstance(held, dict):
            raise _unreadable()
        return held

    return Services(
        settings=settings,
        vendors=VENDORS,
        jobs=DynamoJobs(of("dynamodb"), settings.jobs_table),
        recordings=S3Recordings(s3, _OnFirstUse(lambda: s3_signer(client))),
        transcripts=S3Transcripts(s3, settings.transcript_bucket),
        workflow=StepFunctionsWorkflow(of("stepfunctions"), settings.state_machine_arn),
        events=EventBridge(of("events")),
        metrics=Metrics(settings.stack_name, print),
        secret=read_secret,
        send=_send,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        nonce=lambda: secrets.randbelow(2**31 - 1) + 1,
    )


def _unreadable() -> AsrError:
    message = "the stack's secret is no JSON object: put one there, with an object for each vendor"
    return AsrError(ErrorClass.CONFIG, "SecretUnreadable", message)


def _send(request: Request) -> Reply:
    """One HTTP exchange with a vendor. Two of the four functions have none as a rule, and the client takes a while."""
    from asrcore.vendors.http import send  # noqa: PLC0415 - loaded when first used

    return send(request)
