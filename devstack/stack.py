"""Run template.yaml on this machine, with all its resources, as a context manager."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.cloudformation import parsing
from moto.cloudformation.models import cloudformation_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.utilities.utils import get_partition

import asrctl  # noqa: F401 - the layer is on the path from here on
from asrcore.messages import Message
from devstack import moto_patches, step_functions_patches
from devstack.asynchronous import RETRY_PAUSES_S, AsyncInvoker, FailureHandling
from devstack.browser_access import BucketCors, OriginCheck
from devstack.clock import WaitClock
from devstack.cloudformation_gaps import Filled, InvokeConfig, attach_policies, fill, finish, local_outputs
from devstack.event_sources import EventSource, Pollers
from devstack.expand import Expanded, Json, ParameterError, TemplateError, check_parameters, expand, load_template
from devstack.fault_injection import FaultInjection
from devstack.functions import MAX_ENVIRONMENTS, Answer, Credentials, Function, Settings
from devstack.http_api import HttpApi
from devstack.iam_enforcement import IamEnforcement
from devstack.request_counter import RequestCounter
from devstack.schedules import Scheduler, find_schedules
from devstack.settings import (
    ACCOUNT_ID,
    CREDENTIALS,
    ENDPOINT_PARAMETER,
    LOGS,
    OWN_ENGINE_PARAMETER,
    SECRETS,
    STACK_NAME,
    TEMPLATE,
    VENDOR_PARAMETERS,
)
from devstack.web import KeepAliveHandler, WebServer, bind_port
from recognizer.process import RecognizerProcess


class FunctionError(Exception):
    """A function invoked by `LocalStack.invoke` failed; `error` is Lambda's report."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error.get('errorType')}: {error.get('errorMessage')}")
        self.error = error


class LocalStack:
    """A deployed stack, from entering the context to leaving it. One per region and process.

    After entering: `aws_endpoint_url`, `api_url`, `outputs` (the template's), `audio_bucket`, `transcript_bucket`,
    `jobs_table`, `state_machine_arn`, `secret_arns` (by logical id), `failed_events_queue_url`, `simulators` (vendor ->
    address), `faults` (makes AWS refuse requests), `request_counter` (counts them), `iam` (enforces the functions'
    roles), `roles` (their names, by logical id).
    """

    aws_endpoint_url: str = ""
    api_url: str = ""
    secret_arns: dict[str, str]
    outputs: dict[str, str]
    roles: dict[str, str]
    faults: FaultInjection
    request_counter: RequestCounter
    _api_server: WebServer

    def __init__(
        self,
        params: Mapping[str, str] | None = None,
        *,
        region: str = "us-east-1",
        port: int = 0,
        api_port: int = 0,
        bind: str = "127.0.0.1",
        credential: str = "",
        turnaround_s: float = 1.0,
        speed: float = 1.0,
        environments: int = MAX_ENVIRONMENTS,
        simulate: bool = True,
        recognizer: RecognizerProcess | None = None,
        template: Path = TEMPLATE,
        log_dir: Path = LOGS,
    ) -> None:
        """Check the parameters; entering the context deploys the stack.

        Args:
            params: The template's parameters; a vendor whose base URL is not among them is simulated.
            region: The AWS region.
            port: The port of the AWS endpoint, 0 for any free one.
            api_port: The port of the HTTP API, 0 for any free one.
            bind: The address to listen on.
            credential: The access key of an administrator, and its secret; a new one is drawn if it is empty.
            turnaround_s: Seconds from a submission to the result of a simulated vendor.
            speed: The factor by which waits are shorter (devstack/clock.py).
            environments: The most processes of a function.
            simulate: False leaves vendors at the template's addresses.
            recognizer: A running recognizer, for simulated vendors and for the vendor openai-compatible.
            template: The path of the template.
            log_dir: The folder of the functions' logs.

        Raises:
            ParameterError: A parameter does not fit the template. Entering raises it too.
            TemplateError: The template cannot be read or deployed. Entering raises it too.

        Entering raises PortTakenError for a port in use.
        """
        self.region = region
        # moto does not check an administrator's signature, so that the access key itself is the secret.
        self.credential = credential or secrets.token_hex(16)
        self.iam = IamEnforcement(region)
        self.clock = WaitClock(speed)
        self._environments = environments
        self.simulators: dict[str, str] = {}
        self._params = dict(params or {})
        self._port, self._api_port, self._bind = port, api_port, bind
        self._turnaround_s, self._simulate = turnaround_s, simulate
        self._recognizer = recognizer
        self._template_path, self._log_dir = template, log_dir
        self._template = load_template(template)
        if ENDPOINT_PARAMETER in self._params:
            raise ParameterError(Message("cli.parameter.own_address", {"name": ENDPOINT_PARAMETER}))
        check_parameters(self._template.get("Parameters", {}), self._params)
        self._functions: dict[str, Function] = {}
        self._by_name: dict[str, str] = {}
        self._failures: dict[str, FailureHandling] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self._clients_lock = threading.Lock()
        self._sessions: dict[str, Credentials] = {}
        self._routes = Routes()
        self._api_front = OriginCheck(self._routes, bind, self._page_ports)
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            self._start(cleanup)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def audio_bucket(self) -> str:
        """Return the name of the bucket for recordings."""
        return self.outputs["AudioBucketName"]

    @property
    def transcript_bucket(self) -> str:
        """Return the name of the bucket for transcripts."""
        return self.outputs["TranscriptBucketName"]

    @property
    def jobs_table(self) -> str:
        """Return the name of the table with a row per job."""
        return self.outputs["JobsTableName"]

    @property
    def state_machine_arn(self) -> str:
        """Return the ARN of the state machine that waits for vendors."""
        return self.outputs["StateMachineArn"]

    @property
    def failed_events_queue_url(self) -> str:
        """Return the URL of SubmitFunction's on-failure queue."""
        return self.outputs["FailedEventsQueueUrl"]

    @property
    def environments(self) -> dict[str, dict[str, str]]:
        """Return each function's environment variables as deployed, by logical id."""
        return {name: dict(function.settings.variables) for name, function in self._functions.items()}

    def client(self, service: str) -> Any:
        """Return an administrator's boto3 client, the same at each call; safe to use from several threads."""
        return self._client(service, Credentials(self.credential, self.credential, ""))

    def client_of_role(self, role_arn: str, service: str) -> Any:
        """Return a boto3 client with the permissions of a state machine's role. Raises TrustError for another role."""
        with self._clients_lock:
            if role_arn not in self._sessions:
                self._sessions[role_arn] = self.iam.assume(role_arn, "states.amazonaws.com", "a state machine")
        return self._client(service, self._sessions[role_arn])

    def client_of_function(self, function: str, service: str) -> Any:
        """Return a boto3 client with the permissions of `function` (its logical id)."""
        return self._client(service, self._functions[function].settings.credentials)

    def _client(self, service: str, credentials: Credentials) -> Any:
        known = (service, credentials.access_key_id)
        with self._clients_lock:
            if known not in self._clients:
                # One attempt, longer than any function runs: a retry would run a function twice. No proxy.
                config = Config(
                    connect_timeout=5,
                    read_timeout=900,
                    retries={"total_max_attempts": 1},
                    proxies={},
                    max_pool_connections=50,
                )
                make: Callable[..., Any] = boto3.client  # typed for literal names only
                self._clients[known] = make(
                    service,
                    endpoint_url=self.aws_endpoint_url,
                    region_name=self.region,
                    aws_access_key_id=credentials.access_key_id,
                    aws_secret_access_key=credentials.secret_access_key,
                    aws_session_token=credentials.session_token or None,
                    config=config,
                )
            return self._clients[known]

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke `function` (its logical id) with `event`; return its answer. Raises FunctionError if it fails."""
        answer = self._functions[function].invoke(json.dumps(event).encode())
        result = json.loads(answer.payload)
        if answer.is_error:
            raise FunctionError(result)
        return result

    def invoke_later(self, function: str, event: Any) -> None:
        """Invoke `function` (its logical id) with `event` asynchronously."""
        self.run_function_later(self._functions[function].settings.name, json.dumps(event).encode())

    def logs(self, function: str) -> str:
        """Return the log of `function` (its logical id) so far."""
        return self._functions[function].log_path.read_text(encoding="utf-8", errors="replace")

    def retire(self, function: str) -> None:
        """Stop the processes of `function` (its logical id), a busy one after its event; new ones follow."""
        self._functions[function].retire()

    def kill(self, function: str) -> int:
        """Kill the processes in which `function` (its logical id) runs at this moment; return their number."""
        return self._functions[function].kill()

    @contextmanager
    def api_down(self) -> Iterator[None]:
        """Stop the HTTP API within the context; afterwards it serves at the same address."""
        port = self._api_server.port
        self._api_server.stop()
        bound = bind_port(self._bind, port)  # so that no other process takes the port
        try:
            yield
        finally:
            self._api_server = WebServer(self._api_front, self._bind, port, bound=bound)

    def run_function(self, name_or_arn: str, event: bytes) -> Answer:
        """Run a function by its name or ARN and wait for its answer."""
        return self._functions[self._by_name[name_or_arn]].invoke(event)

    def run_function_later(self, name_or_arn: str, event: bytes) -> None:
        """Run a function asynchronously, with its retries and its on-failure destination."""
        name = self._by_name[name_or_arn]
        self._async.submit(self._functions[name], event, self._failures.get(name, FailureHandling()))

    def _start(self, cleanup: ExitStack) -> None:
        with ThreadPoolExecutor(2) as helpers:
            expanding = helpers.submit(expand, self._template, self._template_path.parent, self.region)
            simulating = helpers.submit(self._start_simulators, cleanup)
            self._start_aws(cleanup)
            expanded = expanding.result()
            simulating.result()
        self._seed_secrets()
        self._async = AsyncInvoker(tuple(map(self.clock.pause_s, RETRY_PAUSES_S)))
        cleanup.callback(self._async.close)
        self._pollers = Pollers()
        cleanup.callback(self._pollers.close)
        cleanup.callback(self._close_functions)
        filled = self._start_api(cleanup, expanded)
        cleanup.callback(step_functions_patches.stop_executions, ACCOUNT_ID, self.region)
        self._deploy(filled, expanded)
        events = self.client("events")
        cleanup.enter_context(Scheduler(find_schedules(events), events, self.run_function_later))

    def _start_simulators(self, cleanup: ExitStack) -> None:
        given = {**self._params, **self._recognizer_params()}
        simulated = [vendor for vendor, parameter in VENDOR_PARAMETERS.items() if parameter not in given]
        if not (self._simulate and simulated):
            return
        from simulators import Simulators  # noqa: PLC0415 - imports audio decoders, which only simulated vendors need

        credentials = json.loads(CREDENTIALS.read_text(encoding="utf-8"))
        client = self._recognizer.client() if self._recognizer else None
        running = cleanup.enter_context(
            Simulators(credentials, turnaround_s=self._turnaround_s, bind=self._bind, recognizer=client)
        )
        self.simulators = {vendor: running.urls[vendor] for vendor in simulated}

    def _recognizer_params(self) -> dict[str, str]:
        """Return the parameter that makes the local recognizer a vendor."""
        url = self._recognizer.url if self._recognizer else None
        return {OWN_ENGINE_PARAMETER: url} if url else {}

    def _start_aws(self, cleanup: ExitStack) -> None:
        moto_patches.register(self.region, self)
        cleanup.callback(moto_patches.unregister, self.region)
        self.faults = FaultInjection(DomainDispatcherApplication(create_backend_app))
        self.request_counter = RequestCounter(self.faults)
        partition = get_partition(self.region)
        front = OriginCheck(BucketCors(self.request_counter, partition), self._bind, self._page_ports)
        server = cleanup.enter_context(WebServer(front, self._bind, self._port, AwsRequestHandler))
        self.aws_endpoint_url = server.url

    def _seed_secrets(self) -> None:
        create: Callable[..., Any] = self.client("secretsmanager").create_secret
        self.secret_arns = {
            name: create(Name=f"{STACK_NAME}-{name}", SecretString=path.read_text(encoding="utf-8"))["ARN"]
            for name, path in SECRETS.items()
        }

    def _start_api(self, cleanup: ExitStack, expanded: Expanded) -> Filled:
        """Open the HTTP API's port first: the template needs its address, and it serves the template's routes."""
        self._api_server = WebServer(self._api_front, self._bind, self._api_port)
        cleanup.callback(self._stop_api)
        self.api_url = self._api_server.url
        partition = self.client("s3").meta.partition
        filled = fill(
            expanded.template, self._params, partition=partition, api_url=self.api_url, secret_arns=self.secret_arns
        )
        api = HttpApi(filled.routes, self._run_route, account_id=ACCOUNT_ID, region=self.region)
        cleanup.callback(api.close)
        self._routes.application = api
        return filled

    def _page_ports(self) -> set[int]:
        """Return the ports whose pages may send requests: the API's with the jobs page, AWS's with transcripts."""
        return {urlsplit(url).port or 80 for url in (self.api_url, self.aws_endpoint_url) if url}

    def _stop_api(self) -> None:
        self._api_server.stop()

    def _run_route(self, function: str, event: bytes) -> Answer:
        return self._functions[function].invoke(event)

    def _deploy(self, filled: Filled, expanded: Expanded) -> None:
        endpoints = {VENDOR_PARAMETERS[vendor]: url for vendor, url in self.simulators.items()}
        known = {ENDPOINT_PARAMETER: self.aws_endpoint_url, **self._recognizer_params(), **endpoints}
        params = {**{name: known[name] for name in known if name in self._template["Parameters"]}, **self._params}
        cloudformation = self.client("cloudformation")
        try:
            cloudformation.create_stack(
                StackName=STACK_NAME,
                TemplateBody=json.dumps(filled.template),
                Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in params.items()],
                Capabilities=["CAPABILITY_IAM"],
            )
        except ClientError as error:
            raise TemplateError(f"moto cannot deploy the template: {error}") from error
        resources = cloudformation_backends[ACCOUNT_ID][self.region].get_stack(STACK_NAME).resource_map

        def resolve(value: Any) -> Any:
            return parsing.clean_json(value, resources)

        self.roles = {
            name: deployed.name
            for name, resource in filled.template["Resources"].items()
            if resource["Type"] == "AWS::IAM::Role" and (deployed := resources.get(name))
        }
        attach_policies(filled.template, resolve, self.roles, self.client("iam"))
        self._load_functions(filled, expanded, resources, resolve)
        finish(filled.template, resolve, self.client("s3"))
        described = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.outputs = local_outputs(outputs, self.aws_endpoint_url)

    def _load_functions(self, filled: Filled, expanded: Expanded, resources: Any, resolve: Any) -> None:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        for name, folder in expanded.function_folders.items():
            deployed = resources[name]
            if deployed is None:  # its condition does not hold
                continue
            written = filled.template["Resources"][name]["Properties"]
            properties = resolve(written)
            log_path = self._log_dir / f"{name}.log"
            log_path.write_text("")
            settings = Settings(
                logical_id=name,
                name=deployed.function_name,
                arn=deployed.function_arn,
                handler=properties["Handler"],
                runtime=properties["Runtime"],
                region=self.region,
                folder=folder,
                layers=tuple(expanded.layer_folders[layer["Ref"]] for layer in written.get("Layers", [])),
                variables={key: str(value) for key, value in _variables(properties).items()},
                timeout_s=float(properties.get("Timeout", 3)),
                memory_mb=int(properties.get("MemorySize", 128)),
                log_group=properties.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{deployed.function_name}"),
                credentials=self.iam.assume(properties["Role"], "lambda.amazonaws.com", name),
                clock=self.clock,
            )
            self._functions[name] = Function(settings, log_path, self._environments)
            self._by_name |= {settings.name: name, settings.arn: name}
            if config := filled.invoke_configs.get(name):
                self._failures[name] = self._failure_rules(config, resolve, settings.credentials)
            if mapping := filled.event_sources.get(name):
                self._poll_queue(self._functions[name], EventSource.of(resolve(mapping)))

    def _poll_queue(self, function: Function, source: EventSource) -> None:
        """Poll a function's queue under the function's own role, as Lambda does."""
        url = self.client("sqs").get_queue_url(QueueName=source.queue_arn.rpartition(":")[2])["QueueUrl"]
        sqs = self._client("sqs", function.settings.credentials)
        self._pollers.start(source, url, function.settings, function.invoke, sqs)

    def _failure_rules(self, config: InvokeConfig, resolve: Any, credentials: Credentials) -> FailureHandling:
        """Return how failed events are handled; Lambda sends them under the function's own role."""
        if config.on_failure is None:
            return FailureHandling(config.max_retries)
        arn = resolve(config.on_failure)
        if ":sqs:" not in arn:
            raise TemplateError(f"the local stack delivers failed events to queues only, not to {arn}")

        def deliver(envelope: Json) -> None:
            url = self.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
            self._client("sqs", credentials).send_message(QueueUrl=url, MessageBody=json.dumps(envelope))

        return FailureHandling(config.max_retries, deliver)

    def _close_functions(self) -> None:
        for function in self._functions.values():
            function.close()


class AwsRequestHandler(KeepAliveHandler, MotoRequestHandler):
    """moto's handler, with connections that stay open."""


class Routes:
    """The WSGI application of the HTTP API; answers 503 until there is one."""

    application: HttpApi | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if self.application is None:
            start_response("503 Service Unavailable", [("content-type", "application/json")])
            return [b'{"message":"Service Unavailable"}']
        return self.application(environ, start_response)


def _variables(properties: Json) -> Json:
    variables: Json = properties.get("Environment", {}).get("Variables", {})
    return variables
