"""The HTTP API in the template: routes, authorization, access logs, throttling, and the order of creation."""

import json
import re
from typing import Any

import pytest

from asrcore.core.vendor import Completion
from asrcore.vendors.registry import VENDORS
from devstack.expand import expand
from tests.support.template import ROOT, TEMPLATE, deployed

PARAMETERS = TEMPLATE["Parameters"]
DOCUMENT = json.loads((ROOT / "schemas/openapi.json").read_text())
CALLBACK = "POST /callbacks/{vendor}/{job_id}/{attempt}/{signature}"
UNDER_CALLBACKS = "ANY /callbacks/{proxy+}"
PAGE = "GET /"
DEFAULT = "$default"
METHODS = {"x-amazon-apigateway-any-method": "ANY"}
READ, WRITE = "asrcore/read", "asrcore/write"
SCOPES = {"GET": [READ, WRITE], "POST": [WRITE], "DELETE": [WRITE], "$default": [READ, WRITE], "ANY": [], "": []}
OPEN_TO_ALL = {CALLBACK, UNDER_CALLBACKS, PAGE}
# "Customizing HTTP API access logs": the caller's name by credentials or by token.
WHO_CALLED = ("identity.userArn", "authorizer.claims.sub")
DEPLOYMENTS = {
    "iam": deployed(JobsPage="on"),
    "jwt": deployed(JobsPage="on", ApiAuthorization="jwt", JwtIssuer="https://id.example.com", JwtAudience="asrcore"),
}


def body(resources: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = resources["HttpApi"]["Properties"]["Body"]
    return document


def routes(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each operation by its route key."""
    return {
        path if path == DEFAULT else f"{METHODS.get(method, method.upper())} {path}": operation
        for path, methods in body(resources)["paths"].items()
        for method, operation in methods.items()
    }


def integration(operation: dict[str, Any]) -> str:
    return str(operation["x-amazon-apigateway-integration"]["$ref"].rpartition("/")[2])


def with_integrations(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document's paths, with references to integrations resolved."""
    integrations = document["components"]["x-amazon-apigateway-integrations"]
    return {
        path: {
            method: {**operation, "x-amazon-apigateway-integration": integrations[integration(operation)]}
            for method, operation in methods.items()
        }
        for path, methods in document["paths"].items()
    }


def written_by_sam(deployment: str) -> dict[str, Any]:
    """Return what SAM's own HttpApi writes for these routes and this authorization."""
    if deployment == "iam":
        name, auth = "AWS_IAM", {"EnableIamAuthorizer": True}
    else:
        issuer = {"issuer": {"Ref": "JwtIssuer"}, "audience": [{"Ref": "JwtAudience"}]}
        authorizer = {"IdentitySource": "$request.header.Authorization", "JwtConfiguration": issuer}
        name, auth = "caller", {"Authorizers": {"caller": authorizer}}
    events: dict[str, dict[str, Any]] = {"callback": {}, "api": {}}
    for number, (key, operation) in enumerate(routes(DEPLOYMENTS[deployment]).items()):
        method, _, path = key.partition(" ")
        route: dict[str, Any] = {"ApiId": {"Ref": "HttpApi"}, "TimeoutInMillis": 29000}
        route |= {} if key == DEFAULT else {"Path": path, "Method": method}
        scopes = {"AuthorizationScopes": SCOPES[key.partition(" ")[0]]} if deployment == "jwt" else {}
        route |= {} if key in OPEN_TO_ALL else {"Auth": {"Authorizer": name, **scopes}}
        events[integration(operation)][f"Route{number}"] = {"Type": "HttpApi", "Properties": route}
    functions = {
        f"{folder.capitalize()}Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": f"functions/{folder}",
                "Handler": "app.lambda_handler",
                "Runtime": "python3.13",
                "Events": own,
            },
        }
        for folder, own in events.items()
    }
    api = {"Type": "AWS::Serverless::HttpApi", "Properties": {"Auth": auth}}
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {each: {"Type": "String"} for each in ("JwtIssuer", "JwtAudience")},
        "Resources": {"HttpApi": api, **functions},
    }
    document = body(expand(template, ROOT, "us-east-1").template["Resources"])
    result: dict[str, Any] = json.loads(json.dumps(document).replace('"AWS_IAM":', '"caller":'))
    return result


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_openapi_body_equals_sams_own_http_api(deployment):
    ours, sams = body(DEPLOYMENTS[deployment]), written_by_sam(deployment)

    assert with_integrations(ours) == sams["paths"]
    assert ours["components"]["securitySchemes"] == sams["components"]["securitySchemes"]
    assert ours["openapi"] == sams["openapi"]


@pytest.mark.parametrize("key", sorted(set(routes(DEPLOYMENTS["iam"])) - OPEN_TO_ALL))
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_routes_of_callers_need_authorization(deployment, key):
    scopes = SCOPES[key.partition(" ")[0]] if deployment == "jwt" else []

    assert routes(DEPLOYMENTS[deployment])[key]["security"] == [{"caller": scopes}]


def test_token_with_the_scope_to_read_changes_nothing():
    open_to_readers = {key for key, each in routes(DEPLOYMENTS["jwt"]).items() if READ in str(each.get("security"))}

    assert {key.partition(" ")[0] for key in open_to_readers} == {"GET", DEFAULT}


@pytest.mark.parametrize("key", sorted(OPEN_TO_ALL))
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_callbacks_and_the_page_need_no_authorization(deployment, key):
    assert "security" not in routes(DEPLOYMENTS[deployment])[key]


@pytest.mark.parametrize(
    ("deployment", "scheme"),
    [
        (
            "iam",  # API Gateway guide, "x-amazon-apigateway-authtype property"
            {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
        ),
        (
            "jwt",  # API Gateway guide, "x-amazon-apigateway-authorizer object"
            {
                "type": "oauth2",
                "x-amazon-apigateway-authorizer": {
                    "type": "jwt",
                    "identitySource": "$request.header.Authorization",
                    "jwtConfiguration": {"issuer": {"Ref": "JwtIssuer"}, "audience": [{"Ref": "JwtAudience"}]},
                },
            },
        ),
    ],
)
def test_authorization_follows_its_parameter(deployment, scheme):
    assert body(DEPLOYMENTS[deployment])["components"]["securitySchemes"] == {"caller": scheme}


def test_callback_routes_invoke_callback_function_others_api():
    targets = {key: integration(operation) for key, operation in routes(DEPLOYMENTS["iam"]).items()}

    assert targets.pop(CALLBACK) == targets.pop(UNDER_CALLBACKS) == "callback"
    assert set(targets.values()) == {"api"}


def test_routes_equal_the_codes_routes_and_the_default():
    documented = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert set(routes(deployed())) == documented | {CALLBACK, UNDER_CALLBACKS, DEFAULT}
    assert routes(deployed())[DEFAULT]["isDefaultRoute"] is True


@pytest.mark.parametrize(
    ("bucket", "methods", "exposed"), [("AudioBucket", ["POST", "PUT"], ["ETag"]), ("TranscriptBucket", ["GET"], None)]
)
def test_jobs_page_is_off_by_default_with_its_resources(bucket, methods, exposed):
    assert PAGE not in routes(deployed())
    assert "CorsConfiguration" not in deployed()[bucket]["Properties"]
    (rule,) = deployed(JobsPage="on")[bucket]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedMethods"], rule.get("ExposedHeaders")) == (methods, exposed)
    assert "*" not in str(rule["AllowedOrigins"])


def test_jwt_needs_an_issuer_and_an_audience():
    rule = TEMPLATE["Rules"]["JwtIsComplete"]

    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ApiAuthorization"}, "jwt"]}
    demanded = [each["Assert"]["Fn::Not"][0]["Fn::Equals"] for each in rule["Assertions"]]
    assert demanded == [[{"Ref": "JwtIssuer"}, ""], [{"Ref": "JwtAudience"}, ""]]


def test_the_stage_is_throttled_by_parameters():
    settings = DEPLOYMENTS["iam"]["ApiStage"]["Properties"]["DefaultRouteSettings"]

    assert settings == {
        "ThrottlingRateLimit": {"Ref": "ApiRequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "ApiBurst"},
    }


def test_callbacks_are_throttled_apart_and_above_all_vendors():
    settings = DEPLOYMENTS["iam"]["ApiStage"]["Properties"]["RouteSettings"]
    calling = [each for each in VENDORS.values() if Completion.CALLBACK in each.completion_modes]
    per_second = sum(each.tuning.submissions_per_second * (each.most_callbacks or 1) for each in calling)

    assert settings.keys() == {CALLBACK, UNDER_CALLBACKS}
    assert settings[CALLBACK]["ThrottlingRateLimit"] > per_second
    assert settings[CALLBACK]["ThrottlingBurstLimit"] > settings[CALLBACK]["ThrottlingRateLimit"]


def test_access_logs_name_the_route_and_never_an_address():
    settings = DEPLOYMENTS["iam"]["ApiStage"]["Properties"]["AccessLogSettings"]
    told = json.loads(settings["Format"])

    assert settings["DestinationArn"] == {"Fn::GetAtt": "ApiAccessLogs.Arn"}
    variables = set(told.values())
    needed = ("requestId", "routeKey", "status", "identity.sourceIp", "responseLatency", "integrationErrorMessage")
    assert {f"$context.{name}" for name in (*needed, *WHO_CALLED)} <= variables
    told_of_callers = re.compile(r"path|query|uri|authorizer|claims|identity\.(?!sourceIp)|header", re.IGNORECASE)
    assert {each for each in variables if told_of_callers.search(each)} == {f"$context.{name}" for name in WHO_CALLED}


@pytest.mark.parametrize(("name", "function"), [("callback", "CallbackFunction"), ("api", "ApiFunction")])
def test_integration_timeout_exceeds_the_functions(name, function):
    integration = body(DEPLOYMENTS["iam"])["components"]["x-amazon-apigateway-integrations"][name]

    assert f"/functions/${{{function}.Arn}}/invocations" in integration["uri"]["Fn::Sub"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    assert integration["payloadFormatVersion"] == "2.0"
    timeout_s = DEPLOYMENTS["iam"][function]["Properties"]["Timeout"]
    assert timeout_s * 1000 <= integration["timeoutInMillis"] < 30_000


def test_callback_permission_covers_every_method_under_callbacks():
    arn = DEPLOYMENTS["iam"]["CallbackPermission"]["Properties"]["SourceArn"]["Fn::Sub"]

    assert arn.endswith("${HttpApi}/*/*/callbacks/*")


@pytest.mark.parametrize("permission", ["CallbackPermission", "ApiPermission"])
def test_only_this_api_may_call_the_functions(permission):
    properties = DEPLOYMENTS["iam"][permission]["Properties"]

    assert properties["Principal"] == "apigateway.amazonaws.com"
    assert "${HttpApi}/*" in properties["SourceArn"]["Fn::Sub"]


def test_api_function_cannot_read_the_secret():
    actions = [
        action
        for policy in DEPLOYMENTS["iam"]["ApiRole"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]

    assert not [action for action in actions if action.startswith("secretsmanager:")]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("JwtIssuer", "https://id.example.com/realms/one", "http://id.example.com"),
        ("JwtAudience", "4f2c-client", "two, audiences"),
    ],
)
def test_invalid_parameters_are_rejected(name, good, bad):
    pattern = PARAMETERS[name]["AllowedPattern"]

    assert re.fullmatch(pattern, good)
    assert re.fullmatch(pattern, "")
    assert not re.fullmatch(pattern, bad)
