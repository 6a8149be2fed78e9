"""The HTTP API in the template: who is let in where, what is written down of it, and that it is the API of the code."""

import json
import re
from typing import Any

import pytest

from tests.support.template import ROOT, TEMPLATE, deployed

PARAMETERS = TEMPLATE["Parameters"]
DOCUMENT = json.loads((ROOT / "schemas/openapi.json").read_text())
OPEN_TO_ALL = {"CallbackRoute", "JobsPageRoute"}
# "Customizing HTTP API access logs": by credentials or by token; names, which sign nothing.
WHO_CALLED = ("identity.userArn", "authorizer.claims.sub")
DEPLOYMENTS = {
    "iam": deployed(JobsPage="on"),
    "jwt": deployed(JobsPage="on", ApiAuthorization="jwt", JwtIssuer="https://id.example.com", JwtAudience="asrcore"),
}


def routes(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::ApiGatewayV2::Route"}


@pytest.mark.parametrize("name", sorted(set(routes(DEPLOYMENTS["iam"])) - OPEN_TO_ALL))
class TestEveryRouteButCallbacksAndThePage:
    def test_asks_for_credentials(self, name):
        route = routes(DEPLOYMENTS["iam"])[name]

        assert route["AuthorizationType"] == "AWS_IAM"
        assert "AuthorizerId" not in route

    def test_or_for_a_token(self, name):
        route = routes(DEPLOYMENTS["jwt"])[name]

        assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", {"Ref": "JwtAuthorizer"})


@pytest.mark.parametrize("name", sorted(OPEN_TO_ALL))
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_callbacks_and_the_page_are_open_to_all(deployment, name):
    assert routes(DEPLOYMENTS[deployment])[name]["AuthorizationType"] == "NONE"


def test_callbacks_lead_to_their_function_and_all_else_to_the_api():
    targets = {name: route["Target"]["Fn::Sub"] for name, route in routes(DEPLOYMENTS["iam"]).items()}

    assert targets.pop("CallbackRoute") == "integrations/${CallbackIntegration}"
    assert set(targets.values()) == {"integrations/${ApiIntegration}"}


def test_the_routes_are_those_of_the_code_and_what_is_left_over():
    documented = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    apart = {"CallbackRoute", "JobsPageRoute", "AnyOtherRoute"}
    written = {route["RouteKey"] for name, route in routes(deployed()).items() if name not in apart}

    assert written == documented


@pytest.mark.parametrize(("bucket", "method"), [("AudioBucket", "POST"), ("TranscriptBucket", "GET")])
def test_the_page_is_off_unless_asked_for_and_with_it_what_it_needs(bucket, method):
    assert "JobsPageRoute" not in deployed()
    assert "CorsConfiguration" not in deployed()[bucket]["Properties"]
    (rule,) = deployed(JobsPage="on")[bucket]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == [method]
    assert "*" not in str(rule["AllowedOrigins"])


def test_tokens_need_an_issuer_and_an_audience():
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


def test_access_logs_tell_what_one_needs_and_never_an_address():
    settings = DEPLOYMENTS["iam"]["ApiStage"]["Properties"]["AccessLogSettings"]
    told = json.loads(settings["Format"])

    assert settings["DestinationArn"] == {"Fn::GetAtt": "ApiAccessLogs.Arn"}
    variables = set(told.values())
    needed = ("requestId", "routeKey", "status", "identity.sourceIp", "responseLatency", "integrationErrorMessage")
    assert {f"$context.{name}" for name in (*needed, *WHO_CALLED)} <= variables
    told_of_callers = re.compile(r"path|query|uri|authorizer|claims|identity\.(?!sourceIp)|header", re.IGNORECASE)
    assert {each for each in variables if told_of_callers.search(each)} == {f"$context.{name}" for name in WHO_CALLED}


def test_an_answer_comes_before_api_gateway_gives_up():
    for name in ("CallbackIntegration", "ApiIntegration"):
        integration = DEPLOYMENTS["iam"][name]["Properties"]
        function = integration["IntegrationUri"]["Fn::GetAtt"].removesuffix(".Arn")
        timeout_s = DEPLOYMENTS["iam"][function]["Properties"]["Timeout"]

        assert timeout_s * 1000 <= integration["TimeoutInMillis"] < 30_000


@pytest.mark.parametrize("permission", ["CallbackPermission", "ApiPermission"])
def test_only_this_api_may_call_the_functions(permission):
    properties = DEPLOYMENTS["iam"][permission]["Properties"]

    assert properties["Principal"] == "apigateway.amazonaws.com"
    assert "${HttpApi}/*" in properties["SourceArn"]["Fn::Sub"]


def test_the_api_knows_no_secret_of_any_vendor():
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
def test_parameters_refuse_what_cannot_work(name, good, bad):
    pattern = PARAMETERS[name]["AllowedPattern"]

    assert re.fullmatch(pattern, good)
    assert re.fullmatch(pattern, "")
    assert not re.fullmatch(pattern, bad)
