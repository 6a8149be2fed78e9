"""The composition of the system on AWS, which each function calls once, when its process starts."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from asrcore.core.vendor import HttpReply, HttpRequest
from asrcore.metrics import Metrics
from asrcore.ports import WebhookClient
from asrcore.services import Services
from asrcore.settings import Settings
from asrcore.stores.budget import DynamoBudget
from asrcore.stores.converter import S3Converter
from asrcore.stores.jobs import DynamoJobs
from asrcore.stores.objects import S3Recordings, S3Transcripts, S3Versions, Uploads
from asrcore.stores.secret import StackSecret
from asrcore.stores.turnaround_stats import DynamoTurnaroundStats
from asrcore.stores.workflow import EventBridge, SqsWebhookQueue, StepFunctionsWorkflow
from asrcore.vendors.registry import VENDORS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Every call has a time limit, and botocore retries it where a retry is safe.
CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 5})
_REGIONAL_URLS = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


class _OnFirstUse:
    """An AWS client that is created when it is first used: no function's usual step uses all of them."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Any:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def s3_signer(client: Callable[..., Any] = boto3.client) -> "S3Client":
    """Return an S3 client for presigned URLs that do not redirect, as global and path-style ones do."""
    signer: S3Client = client("s3", config=CONFIG.merge(_REGIONAL_URLS))
    return signer


def connect(environment: Mapping[str, str] = os.environ, client: Callable[..., Any] = boto3.client) -> Services:
    """Return the services of this process.

    Args:
        environment: of the process, as `template.yaml` sets it.
        client: creates AWS clients, as `boto3.client` does.

    Raises:
        pydantic.ValidationError: a variable is missing or malformed.
        AsrError: `config`: a stack parameter is not allowed; see `Settings.from_environment`.
    """
    settings = Settings.from_environment(environment)

    def of(service: str) -> Any:
        return _OnFirstUse(lambda: client(service, config=CONFIG))

    s3, dynamodb = of("s3"), of("dynamodb")
    signer: Any = _OnFirstUse(lambda: s3_signer(client))
    uploads = Uploads(settings.audio_bucket, settings.upload_max_bytes, settings.is_local)
    recordings = S3Recordings(s3, signer, uploads)
    # The provider marks its client as Powertools' own when it is made, and so makes it.
    provider = _OnFirstUse(lambda: SecretsProvider(boto3_client=of("secretsmanager")))

    return Services(
        settings=settings,
        vendors={name: vendor.tuned(settings.tuning[name]) for name, vendor in VENDORS.items()},
        jobs=DynamoJobs(dynamodb, settings.jobs_table),
        budget=DynamoBudget(dynamodb, settings.jobs_table),
        turnaround_stats=DynamoTurnaroundStats(dynamodb, settings.jobs_table),
        recordings=recordings,
        converter=S3Converter(s3, recordings.read),
        transcripts=S3Transcripts(s3, settings.transcript_bucket, signer),
        versions=S3Versions(s3),
        workflow=StepFunctionsWorkflow(of("stepfunctions"), settings.state_machine_arn),
        events=EventBridge(of("events")),
        webhook_client=_OnFirstUse(lambda: _webhook_client(settings)),
        webhook_queue=SqsWebhookQueue(of("sqs"), settings.webhook_queue_url),
        metrics=Metrics(settings.stack_name, print),
        vendor_secret=StackSecret("VendorSecret", provider, settings.secret_arn),
        signing_secret=StackSecret("SigningSecret", provider, settings.signing_secret_arn),
        send=_send,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        nonce=lambda: secrets.randbelow(2**31 - 1) + 1,
    )


def _send(request: HttpRequest) -> HttpReply:
    """Make one HTTP exchange with a vendor. Most invocations make none, and the client loads slowly."""
    from asrcore.net.vendor_http import send  # noqa: PLC0415 - loaded when first used

    return send(request)


def _webhook_client(settings: Settings) -> WebhookClient:
    """Return the webhook's client, which one function in six uses."""
    from asrcore.net.webhook_client import HttpWebhookClient  # noqa: PLC0415 - loaded when first used

    return HttpWebhookClient(local=settings.is_local)
