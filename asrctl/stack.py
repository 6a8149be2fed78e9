"""A deployed stack, on AWS or on this machine: where its parts are, and clients for them with time limits."""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from asrcore.aws import CONFIG, connect
from asrcore.core.job import Job
from asrcore.core.transcript import Source
from asrcore.messages import Message
from asrcore.ports import ObjectVersion
from asrcore.services import Services
from asrcore.stores.jobs import DynamoJobs
from asrctl.formatting import quote_name
from asrctl.parameters import USUAL_STACK
from asrctl.result import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef
    from mypy_boto3_sts import STSClient

WORKERS = 10  # as many as a client keeps connections
_AT_ONCE = 500
_PATIENT = Config(retries={"mode": "adaptive", "total_max_attempts": 10})
_NOT_THERE = {"404", "NoSuchKey", "NoSuchVersion"}
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class StackLocation:
    """Where a stack is. None leaves a value to the AWS settings of the shell.

    credential: stands for both parts of an access key, as the local stack's operator has it.
    """

    stack: str
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    credential: str | None = None

    @property
    def options(self) -> str:
        """The options that name the stack in a further command, each after a space; empty for the usual stack.

        A stack at an endpoint of its own has none, because no URL is printed.
        """
        if self.credential:
            return " --local"
        if self.endpoint_url:
            return ""
        stack = self.stack if self.stack != USUAL_STACK else None
        named = (("--stack", stack), ("--region", self.region), ("--profile", self.profile))
        return "".join(f" {option} {shlex.quote(value)}" for option, value in named if value)

    @classmethod
    def local(cls) -> Self:
        """Return the location of the local stack. Raises OperatorError when none runs, or outside of a checkout."""
        try:
            from devstack.settings import FACTS, STACK_NAME  # noqa: PLC0415 - only a checkout has it

            facts = json.loads(FACTS.read_text(encoding="utf-8"))
        except ModuleNotFoundError as error:
            raise OperatorError(Message("cli.stack.no_checkout")) from error
        except FileNotFoundError as error:
            raise OperatorError(Message("cli.stack.no_local")) from error
        return cls(STACK_NAME, facts["region"], None, facts["aws_endpoint_url"], facts["credential"])

    @staticmethod
    def is_local_there() -> bool:
        """Return whether `make local` runs."""
        try:
            from devstack.settings import FACTS  # noqa: PLC0415 - only a checkout has it
        except ModuleNotFoundError:
            return False
        return FACTS.exists()


@dataclass(frozen=True)
class ObjectContent:
    """An object's content and metadata."""

    body: bytes = field(repr=False)
    metadata: dict[str, str]


class DeployedStack:
    """The parts of one stack, each looked up at its first use.

    Raises OperatorError for a stack that does not exist, botocore's errors for what AWS refuses.
    """

    def __init__(self, place: StackLocation) -> None:
        self.name = place.stack
        self.options = place.options
        self._place = place
        self._session = boto3.Session(
            profile_name=place.profile,
            region_name=place.region,
            aws_access_key_id=place.credential,
            aws_secret_access_key=place.credential,
        )

    @cached_property
    def services(self) -> Services:
        """The services of SubmitFunction, with its settings and stores, under the operator's credentials."""
        deployed = self.lambdas.get_function_configuration(FunctionName=self.submit_function)
        region = self.lambdas.meta.region_name  # Lambda adds it to a function's variables
        return connect({**deployed["Environment"]["Variables"], "AWS_REGION": region}, self._client)

    @cached_property
    def jobs(self) -> DynamoJobs:
        """The jobs table."""
        return DynamoJobs(self.dynamodb, self.jobs_table)

    @cached_property
    def s3(self) -> "S3Client":
        """Amazon S3."""
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        """Amazon SQS."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def lambdas(self) -> "LambdaClient":
        """AWS Lambda."""
        client: LambdaClient = self._client("lambda")
        return client

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """Amazon DynamoDB."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """AWS Secrets Manager."""
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    @cached_property
    def states(self) -> "SFNClient":
        """AWS Step Functions. Throttled calls are slowed down and retried."""
        client: SFNClient = self._client("stepfunctions", CONFIG.merge(_PATIENT))
        return client

    @cached_property
    def events(self) -> "EventBridgeClient":
        """Amazon EventBridge."""
        client: EventBridgeClient = self._client("events")
        return client

    @cached_property
    def sts(self) -> "STSClient":
        """AWS Security Token Service."""
        client: STSClient = self._client("sts")
        return client

    @cached_property
    def cloudwatch(self) -> Any:
        """Amazon CloudWatch."""
        return self._client("cloudwatch")

    @property
    def release(self) -> str | None:
        """The version that is deployed; None of a stack that does not name it."""
        return self._outputs.get("Release")

    @property
    def api_url(self) -> str:
        """The address of the HTTP API."""
        return self._outputs["ApiUrl"]

    @property
    def audio_bucket(self) -> str:
        """The bucket of recordings."""
        return self._outputs["AudioBucketName"]

    @property
    def transcript_bucket(self) -> str:
        """The bucket of transcripts."""
        return self._outputs["TranscriptBucketName"]

    @property
    def jobs_table(self) -> str:
        """The table's name."""
        return self._outputs["JobsTableName"]

    @property
    def secret_arn(self) -> str:
        """The secret with the vendors' credentials."""
        return self._outputs["SecretArn"]

    def read_secret(self, arn: str) -> dict[str, Any]:
        """Return a secret's JSON object. Raises OperatorError for another content, which it does not repeat."""
        try:
            content = json.loads(self.secrets.get_secret_value(SecretId=arn)["SecretString"])
        except (ValueError, KeyError):
            content = None
        if not isinstance(content, dict):
            raise OperatorError(Message("cli.stack.secret_form", {"secret": arn}))
        return content

    def write_secret(self, arn: str, content: Mapping[str, Any]) -> None:
        """Store a secret's JSON object."""
        self.secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(content))

    @property
    def signing_secret_arn(self) -> str:
        """The secret with the keys that sign callback URLs and webhooks."""
        return self._outputs["SigningSecretArn"]

    @property
    def state_machine_arn(self) -> str:
        """The state machine."""
        return self._outputs["StateMachineArn"]

    @property
    def backfill_arn(self) -> str:
        """The state machine of backfills."""
        return self._outputs["BackfillStateMachineArn"]

    @property
    def jobs_page_url(self) -> str | None:
        """The address of the jobs page, with a slash at its end; None without the page."""
        return self._outputs.get("JobsPageUrl")

    @cached_property
    def queue_url(self) -> str:
        """The URL of the queue of failed events."""
        return self._queue_url("FailedEventsQueueUrl")

    @property
    def has_webhook(self) -> bool:
        """Whether the stack has a webhook."""
        return "WebhookQueueUrl" in self._outputs

    @cached_property
    def webhook_queue_url(self) -> str:
        """The URL of the queue of events for the webhook."""
        return self._queue_url("WebhookQueueUrl")

    @cached_property
    def undelivered_queue_url(self) -> str:
        """The URL of the queue of events that the webhook's receiver rejected."""
        return self._queue_url("UndeliveredWebhooksQueueUrl")

    @cached_property
    def submit_function(self) -> str:
        """SubmitFunction's name."""
        return self.resource("SubmitFunction")

    def resource(self, logical_id: str) -> str:
        """Return the physical id of a resource of the template."""
        described = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        name: str = described["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def resources(self, resource_type: str) -> list[str]:
        """Return the physical ids of the resources of a type."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [
            each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == resource_type and "PhysicalResourceId" in each
        ]

    def invoke_asynchronously(self, function: str, event: Any) -> None:
        """Invoke a function as S3 does. After three failures the event is in the queue of failed events."""
        self.lambdas.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())

    def execution_status(self, job: Job) -> str | None:
        """Return RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None when the job's run has no execution."""
        return self.services.workflow.status(job.execution_name)

    def running(self, state_machine_arn: str) -> Iterator["ExecutionListItemTypeDef"]:
        """Yield the executions of a state machine that run, as ListExecutions has them."""
        pages = self.states.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=state_machine_arn, statusFilter="RUNNING"):
            yield from page["executions"]

    def versions(self, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
        """Yield every version of every object with this prefix, the newest of each key first."""
        return self.services.versions.under(bucket, prefix)

    def versions_of(self, bucket: str, key: str) -> list[ObjectVersion]:
        """Return every version of one object, the newest first."""
        return [version for version in self.versions(bucket, key) if version.key == key]

    def upload(
        self, path: Path, key: str, metadata: Mapping[str, str], count: Callable[[int], None] | None = None
    ) -> Source:
        """Upload a file to the audio bucket, in parts if it is large, and return the version that S3 created.

        count: receives numbers of bytes as they are sent, in any thread. Raises OperatorError when the file cannot be
        read, or S3 rejects it or cannot be reached.
        """
        created: list[Mapping[str, str]] = []  # boto3's transfer does not return it

        def note(parsed: Mapping[str, str], **_: object) -> None:
            created.append(parsed)

        events = [f"after-call.s3.{operation}" for operation in ("PutObject", "CompleteMultipartUpload")]
        for event in events:
            self.s3.meta.events.register(event, note)
        try:
            self.s3.upload_file(
                str(path), self.audio_bucket, key, ExtraArgs={"Metadata": dict(metadata)}, Callback=count
            )
        except (S3UploadFailedError, BotoCoreError) as error:
            raise OperatorError(str(error)) from error
        except OSError as error:
            raise OperatorError(f"{quote_name(str(path))}: {error.strerror}") from error
        finally:
            for event in events:
                self.s3.meta.events.unregister(event, note)
        (version,) = (each for each in created if "ETag" in each)
        return Source(
            bucket=self.audio_bucket,
            key=key,
            version_id=version.get("VersionId"),
            etag=version["ETag"].strip('"'),
            size_bytes=path.stat().st_size,
        )

    def read(self, bucket: str, key: str, version_id: str | None = None) -> ObjectContent | None:
        """Return an object, or None when it does not exist."""
        version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        try:
            answer = self.s3.get_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_THERE:
                raise
            return None
        with answer["Body"] as stream:
            return ObjectContent(stream.read(), answer["Metadata"])

    def holds(self, bucket: str, key: str) -> bool:
        """Return whether an object exists."""
        try:
            self.s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_THERE:
                raise
            return False
        return True

    def _queue_url(self, output: str) -> str:
        """Query a queue's URL by its name, as the outputs do not have a local queue's."""
        name = self._outputs[output].rpartition("/")[2]
        url: str = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return url

    def _client(self, service: str, config: Config = CONFIG) -> Any:
        if self._place.endpoint_url:
            config = config.merge(Config(proxies={}))  # --endpoint-url is reached without a proxy
        make: Callable[..., Any] = self._session.client  # typed for literal names only
        return make(service, endpoint_url=self._place.endpoint_url, config=config)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """AWS CloudFormation."""
        client: CloudFormationClient = self._client("cloudformation")
        return client

    def describe(self) -> dict[str, Any]:
        """Return the stack's description from CloudFormation. Raises OperatorError when it does not exist."""
        try:
            (described,) = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            region = self.cloudformation.meta.region_name
            message = Message("cli.stack.unknown", {"stack": repr(self.name), "region": region})
            raise OperatorError(message) from error
        return dict(described)

    @cached_property
    def _outputs(self) -> dict[str, str]:
        described = self.describe()
        if "Outputs" not in described:
            parameters = {"stack": self.name, "status": described["StackStatus"]}
            raise OperatorError(Message("cli.stack.incomplete", parameters))
        return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Yield each item with the function's result, in order. At most _AT_ONCE items are in memory."""
    rest = iter(items)
    with ThreadPoolExecutor(WORKERS) as workers:
        while some := list(islice(rest, _AT_ONCE)):
            yield from zip(some, workers.map(function, some), strict=True)
