"""Fill the gaps of moto's CloudFormation, each in one place.

`fill` rewrites the expanded template before it is deployed; `finish` completes what was deployed. Changes of the
deployed services themselves are in moto_patches.py.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.cloudformation.parsing import get_model_map

from devstack.expand import Json, TemplateError

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

DEFAULT_ROUTE = "$default"
ANY_METHOD = "x-amazon-apigateway-any-method"  # of the OpenAPI extension
NO_VALUE = {"Ref": "AWS::NoValue"}
URL_SUFFIXES = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}

# Simulated by the local stack itself, or without effect here: resource policies, alarms and dashboards.
LEFT_OUT = frozenset(
    {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SecretsManager::Secret",
        "AWS::SQS::QueuePolicy",
    }
)


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API: its key as in the template, and the logical id of its function.

    authorization: NONE, AWS_IAM or JWT. The local stack authorizes every caller; the function receives the
    authorizer's fields as from AWS.
    """

    key: str
    function: str
    timeout_s: float
    authorization: str = "NONE"

    @property
    def method(self) -> str:
        """Return POST, GET, ..., ANY; empty for the default route."""
        return self.key.partition(" ")[0] if self.path else ""

    @property
    def path(self) -> str:
        """Return the path with its variables; empty for the default route."""
        return self.key.partition(" ")[2]


@dataclass(frozen=True)
class InvokeConfig:
    """The handling of failed asynchronous events; `on_failure` is the destination as the template writes it."""

    max_retries: int
    on_failure: Any


@dataclass(frozen=True)
class Filled:
    """A template that moto can deploy, and the parts that the local stack simulates itself."""

    template: Json
    routes: list[Route]
    invoke_configs: dict[str, InvokeConfig]
    event_sources: dict[str, Json]  # by function; as the template writes them


def fill(
    template: Json, parameters: Mapping[str, str], *, partition: str, api_url: str, secret_arns: Mapping[str, str]
) -> Filled:
    """Return `template` (expanded) without what moto's CloudFormation lacks.

    Args:
        template: The expanded template.
        parameters: Those given; the others have their defaults.
        partition: The AWS partition of the region.
        api_url: The address of the local HTTP API, in place of the API's host name in AWS.
        secret_arns: The secrets that replace the template's, by logical id.

    Raises:
        TemplateError: A resource that neither moto nor the local stack can simulate.
    """
    template = _with_partition(template, partition)
    resources = template["Resources"]
    routes = _routes(template, parameters)
    invoke_configs = _invoke_configs(resources)
    event_sources = _event_sources(resources)
    template = _with_api_url(template, api_url)
    template = _with_secrets(template, secret_arns)
    template = _with_state_machine_refs(template)
    _write_out_definitions(template["Resources"])
    _empty_layers(template["Resources"])
    _retain(template["Resources"])
    template["Resources"] = _without_left_out(template["Resources"])
    _refuse_unknown(template["Resources"])
    return Filled(template, routes, invoke_configs, event_sources)


def attach_policies(template: Json, resolve: Callable[[Any], Any], roles: dict[str, str], iam: "IAMClient") -> None:
    """Attach the managed policies, which moto's CloudFormation omits, to the deployed roles (logical id to name)."""
    for name, role in roles.items():
        arns = resolve(template["Resources"][name]["Properties"].get("ManagedPolicyArns", []))
        for arn in filter(None, arns):  # a condition may have taken one out
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)


def finish(template: Json, resolve: Callable[[Any], Any], s3: "S3Client") -> None:
    """Configure what moto's CloudFormation omits of buckets: versioning, CORS, notifications."""
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        properties = resolve(resource["Properties"])
        bucket = properties["BucketName"]
        if versioning := properties.get("VersioningConfiguration"):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
        if cors := properties.get("CorsConfiguration"):
            s3.put_bucket_cors(
                Bucket=bucket, CORSConfiguration={"CORSRules": [_cors(rule) for rule in cors["CorsRules"]]}
            )
        if notifications := properties.get("NotificationConfiguration"):
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=_api_notifications(notifications)
            )


def local_outputs(outputs: dict[str, str], aws_endpoint_url: str) -> dict[str, str]:
    """Return the outputs with queue URLs of the local endpoint; moto's Ref of a queue names a host of AWS."""
    return {name: re.sub(r"^https://sqs\.[^/]+", aws_endpoint_url, value) for name, value in outputs.items()}


# moto's pseudo parameters always say `aws` and `amazonaws.com`, in China too.
def _with_partition(template: Json, partition: str) -> Json:
    result: Json = substitute(
        template, {"AWS::Partition": partition, "AWS::URLSuffix": URL_SUFFIXES.get(partition, URL_SUFFIXES["aws"])}
    )
    return result


# http_api.py simulates the HTTP API; its host name in AWS becomes that server's address.
def _with_api_url(template: Json, api_url: str) -> Json:
    result = template
    for name in _names(template["Resources"], "AWS::ApiGatewayV2::Api"):
        host = re.compile(rf"https://\$\{{{re.escape(name)}\}}\.execute-api\.[^/]+")
        result = _map_subs(result, functools.partial(host.sub, api_url))
    return result


# moto's CloudFormation has no secrets: the stack creates them first and the template refers to them by ARN.
def _with_secrets(template: Json, secret_arns: Mapping[str, str]) -> Json:
    names = _names(template["Resources"], "AWS::SecretsManager::Secret")
    if unknown := sorted(set(names) - set(secret_arns)):
        raise TemplateError(f"the local stack has no content for the secret {', '.join(unknown)}")
    result: Json = substitute(template, dict(secret_arns))
    return result


# moto supports a state machine's Ref, which is its ARN, but not its Arn attribute.
def _with_state_machine_refs(template: Json) -> Json:
    names = _names(template["Resources"], "AWS::StepFunctions::StateMachine")

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            target = value.get("Fn::GetAtt")
            if isinstance(target, list) and target[0] in names and target[1] == "Arn":
                return {"Ref": target[0]}
            return {key: replace(item) for key, item in value.items()}
        return [replace(item) for item in value] if isinstance(value, list) else value

    result: Json = replace(template)
    return result


# moto supports DefinitionString, not DefinitionSubstitutions. Joined: its Fn::Sub would drop a `$` of `$$.Task.Token`.
def _write_out_definitions(resources: Json) -> None:
    for name in _names(resources, "AWS::StepFunctions::StateMachine"):
        properties = resources[name]["Properties"]
        substitutions = properties.pop("DefinitionSubstitutions", {})
        separator, lines = properties["DefinitionString"]["Fn::Join"]
        pieces = re.split(r"\$\{(\w+)\}", separator.join(lines))
        missing = sorted(set(pieces[1::2]) - set(substitutions))
        if missing:
            raise TemplateError(
                f"{name}: the definition uses {', '.join(missing)}, which DefinitionSubstitutions lacks"
            )
        values = [substitutions[piece] if index % 2 else piece for index, piece in enumerate(pieces)]
        properties["DefinitionString"] = {"Fn::Join": ["", values]}


# A layer's content is in its folder, not in S3.
def _empty_layers(resources: Json) -> None:
    for name in _names(resources, "AWS::Lambda::LayerVersion"):
        resources[name]["Properties"]["Content"] = {"ZipFile": ""}


# moto supports only one policy that keeps a resource when its stack is deleted.
def _retain(resources: Json) -> None:
    for resource in resources.values():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"


# A permission for an omitted resource would refer to nothing; moto checks no permission to invoke.
def _without_left_out(resources: Json) -> Json:
    return {
        name: resource
        for name, resource in resources.items()
        if resource["Type"] not in LEFT_OUT
        and not (
            resource["Type"] == "AWS::Lambda::Permission"
            and resource["Properties"]["Principal"] == "apigateway.amazonaws.com"
        )
    }


def _refuse_unknown(resources: Json) -> None:
    known = get_model_map()
    if unknown := [f"{name} ({r['Type']})" for name, r in resources.items() if r["Type"] not in known]:
        raise TemplateError(
            f"the local stack cannot deploy {', '.join(unknown)}: fill the gap in devstack/cloudformation_gaps.py"
        )


# moto has the HTTP API's control plane without CloudFormation, and serves no requests.
def _routes(template: Json, parameters: Mapping[str, str]) -> list[Route]:
    """Read the routes of the HTTP API from its OpenAPI document, as API Gateway imports it."""
    resources, conditions = template["Resources"], _Conditions(template, parameters)
    bodies = [
        conditions.resolve_conditions(resources[name]["Properties"]["Body"])
        for name in _names(resources, "AWS::ApiGatewayV2::Api")
    ]
    return [
        _route(_route_key(method, path), operation, body.get("components", {}))
        for body in bodies
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    ]


def _route_key(method: str, path: str) -> str:
    if path == DEFAULT_ROUTE:
        return path
    return f"{'ANY' if method == ANY_METHOD else method.upper()} {path}"


def _route(key: str, operation: Json, components: Json) -> Route:
    integration = operation["x-amazon-apigateway-integration"]
    if "$ref" in integration:
        integration = components["x-amazon-apigateway-integrations"][integration["$ref"].rpartition("/")[2]]
    function = re.search(
        r":lambda:path/2015-03-31/functions/\$\{(\w+)\.Arn\}/invocations$", integration["uri"]["Fn::Sub"]
    )
    if not function or integration["payloadFormatVersion"] != "2.0":
        raise TemplateError(f"the local stack's HTTP API cannot serve the route {key}")
    schemes = [components["securitySchemes"][name] for scheme in operation.get("security", []) for name in scheme]
    authorization = next(map(_authorization, schemes), "NONE")
    return Route(key, function[1], integration.get("timeoutInMillis", 30_000) / 1000, authorization)


def _authorization(scheme: Json) -> str:
    if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4":
        return "AWS_IAM"
    if scheme.get("x-amazon-apigateway-authorizer", {}).get("type") == "jwt":
        return "JWT"
    raise TemplateError(f"the local stack's HTTP API does not support the security scheme {scheme}")


class _Conditions:
    """The template's conditions that decide the parts which the local stack simulates itself."""

    def __init__(self, template: Json, parameters: Mapping[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        declared = template.get("Parameters", {})
        self._parameters = {name: str(each.get("Default", "")) for name, each in declared.items()} | dict(parameters)

    def resolve_conditions(self, value: Any) -> Any:
        """Return a part of the template with every `Fn::If` decided, without what is `AWS::NoValue` then."""
        match value:
            case {"Fn::If": [str(condition), one, other]}:
                return self.resolve_conditions(one if self._holds(self._conditions[condition]) else other)
            case dict():
                items = {key: self.resolve_conditions(item) for key, item in value.items()}
                return {key: item for key, item in items.items() if item != NO_VALUE}
            case list():
                return [item for item in map(self.resolve_conditions, value) if item != NO_VALUE]
        return value

    def _value(self, value: Any) -> Any:
        return self._parameters[value["Ref"]] if isinstance(value, dict) else value

    def _holds(self, condition: Json) -> bool:
        match condition:
            case {"Fn::Equals": [one, other]}:
                return bool(self._value(one) == self._value(other))
            case {"Fn::Not": [dict(inner)]}:
                return not self._holds(inner)
        raise TemplateError(
            f"the local stack cannot evaluate {condition}: fill the gap in devstack/cloudformation_gaps.py"
        )


def _event_sources(resources: Json) -> dict[str, Json]:
    mappings = [resources[name]["Properties"] for name in _names(resources, "AWS::Lambda::EventSourceMapping")]
    return {properties["FunctionName"]["Ref"]: properties for properties in mappings}


def _invoke_configs(resources: Json) -> dict[str, InvokeConfig]:
    configs = {}
    for name in _names(resources, "AWS::Lambda::EventInvokeConfig"):
        properties = resources[name]["Properties"]
        on_failure = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        configs[properties["FunctionName"]["Ref"]] = InvokeConfig(properties.get("MaximumRetryAttempts", 2), on_failure)
    return configs


def _cors(rule: Json) -> Any:
    """Return a bucket's CORS rule under the names of the S3 API."""
    names = {"MaxAge": "MaxAgeSeconds", "ExposedHeaders": "ExposeHeaders"}
    return {names.get(name, name): value for name, value in rule.items()}


def _api_notifications(properties: Json) -> Any:
    """Return a bucket's notifications under the names of the S3 API, which differ from CloudFormation's."""
    configurations = []
    for item in properties.get("LambdaConfigurations", []):
        configuration: Json = {"LambdaFunctionArn": item["Function"], "Events": [item["Event"]]}
        if rules := item.get("Filter", {}).get("S3Key", {}).get("Rules"):
            configuration["Filter"] = {"Key": {"FilterRules": rules}}
        configurations.append(configuration)
    return {"LambdaFunctionConfigurations": configurations}


def substitute(value: Any, literals: dict[str, str]) -> Any:
    """Replace every Ref to a name in `literals`, and every `${name}` in an Fn::Sub, by its literal."""
    if isinstance(value, dict):
        name = value.get("Ref")
        if isinstance(name, str) and name in literals:
            return literals[name]
        return {key: substitute(item, literals) for key, item in _in_subs(value, literals).items()}
    if isinstance(value, list):
        return [substitute(item, literals) for item in value]
    return value


def _in_subs(value: Json, literals: dict[str, str]) -> Json:
    def write_in(text: str) -> str:
        for name, literal in literals.items():
            text = text.replace(f"${{{name}}}", literal)
        return text

    return _map_sub(value, write_in)


def _map_subs(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _map_subs(item, change) for key, item in _map_sub(value, change).items()}
    return [_map_subs(item, change) for item in value] if isinstance(value, list) else value


def _map_sub(value: Json, change: Callable[[str], str]) -> Json:
    match value.get("Fn::Sub"):
        case str(text):
            return {**value, "Fn::Sub": change(text)}
        case [str(text), dict(names)]:
            return {**value, "Fn::Sub": [change(text), names]}
    return value


def _names(resources: Json, resource_type: str) -> list[str]:
    return [name for name, resource in resources.items() if resource["Type"] == resource_type]
