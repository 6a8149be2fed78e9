"""Check that the template expands to CloudFormation for moto, and that invalid parameters are refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from devstack.cloudformation_gaps import Filled, InvokeConfig, Route, fill, substitute
from devstack.expand import Json, ParameterError, TemplateError, check_parameters, expand, load_template
from tests.support.fake_functions import code_folders, write_project
from tests.support.template import TEMPLATE

DECLARED = TEMPLATE["Parameters"]
ARNS = {"VendorSecret": "arn:the-credentials", "SigningSecret": "arn:the-signing-keys"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"), {})


@pytest.fixture(scope="module")
def filled(project: Path) -> Filled:
    expanded = expand(load_template(project), project.parent, "cn-north-1")
    return fill(expanded.template, {}, partition="aws-cn", api_url="http://127.0.0.1:8080", secret_arns=ARNS)


def resources_of(filled: Filled, resource_type: str) -> list[Json]:
    return [resource for resource in filled.template["Resources"].values() if resource["Type"] == resource_type]


def test_serverless_resources_are_expanded_with_code_folders(project: Path):
    expanded = expand(load_template(project), project.parent, "us-east-1")

    types = {resource["Type"] for resource in expanded.template["Resources"].values()}
    assert not [name for name in types if name.startswith("AWS::Serverless")]
    folder = project.parent.resolve()
    assert expanded.function_folders == {name: folder / code_uri for name, code_uri in code_folders().items()}
    assert sorted(expanded.layer_folders.values()) == [folder / "layers/asrcore", folder / "layers/media"]


def test_expansion_does_not_change_the_template(project: Path):
    template = load_template(project)
    before = json.dumps(template)

    expand(template, project.parent, "us-east-1")

    assert json.dumps(template) == before


def test_partition_is_substituted(filled: Filled):
    assert not re.findall(r"AWS::(Partition|URLSuffix)", json.dumps(filled.template))


def test_routes_are_read_from_the_template(filled: Filled):
    routes = {route.key: route for route in filled.routes}

    callback = "POST /callbacks/{vendor}/{job_id}/{attempt}/{signature}"
    assert routes[callback] == Route(callback, "CallbackFunction", 29.0, "NONE")
    assert routes["$default"] == Route("$default", "ApiFunction", 29.0, "AWS_IAM")


@pytest.mark.parametrize(
    ("parameters", "key", "authorization"),
    [
        pytest.param({}, "GET /", None, id="no page unless asked for"),
        pytest.param({"JobsPage": "on"}, "GET /", "NONE", id="the page needs no authorization"),
        pytest.param({"ApiAuthorization": "jwt"}, "POST /jobs", "JWT", id="tokens instead of credentials"),
    ],
)
def test_conditions_of_routes_are_evaluated(project: Path, parameters: dict[str, str], key: str, authorization: str):
    expanded = expand(load_template(project), project.parent, "us-east-1")

    filled = fill(expanded.template, parameters, partition="aws", api_url="http://127.0.0.1:1", secret_arns=ARNS)

    assert {route.key: route.authorization for route in filled.routes}.get(key) == authorization


def test_callback_address_is_the_local_api(filled: Filled):
    variables = filled.template["Resources"]["SubmitFunction"]["Properties"]["Environment"]["Variables"]

    assert variables["CALLBACK_BASE_URL"]["Fn::If"][2] == {"Fn::Sub": "http://127.0.0.1:8080"}
    assert filled.template["Outputs"]["ApiUrl"]["Value"] == {"Fn::Sub": "http://127.0.0.1:8080"}


def test_secrets_are_the_seeded_ones(filled: Filled):
    assert filled.template["Outputs"]["SecretArn"]["Value"] == "arn:the-credentials"
    assert filled.template["Outputs"]["SigningSecretArn"]["Value"] == "arn:the-signing-keys"


def test_invoke_config_is_kept_for_the_local_stack(filled: Filled):
    expected = InvokeConfig(2, {"Fn::GetAtt": ["FailedEventsQueue", "Arn"]})
    assert filled.invoke_configs["SubmitFunction"] == expected


def test_definition_has_its_substitutions_and_keeps_its_dollars(filled: Filled):
    machine = filled.template["Resources"]["PollerStateMachine"]

    _, pieces = machine["Properties"]["DefinitionString"]["Fn::Join"]

    assert {"Fn::GetAtt": ["PollerFunction", "Arn"]} in pieces
    text = "".join(piece if isinstance(piece, str) else "ARN" for piece in pieces)
    states = json.loads(text)["States"]
    assert states["AwaitCallback"]["Parameters"]["Payload"]["task_token.$"] == "$$.Task.Token"
    assert states["AwaitCallback"]["Resource"] == "arn:aws-cn:states:::lambda:invoke.waitForTaskToken"
    assert states["Query"]["Parameters"]["FunctionName"] == "ARN"


def test_state_machine_arn_attribute_becomes_its_ref(project: Path):
    expanded = expand(load_template(project), project.parent, "us-east-1")
    expanded.template["Outputs"]["Other"] = {"Value": {"Fn::GetAtt": ["PollerStateMachine", "Arn"]}}

    filled = fill(expanded.template, {}, partition="aws", api_url="http://127.0.0.1:8080", secret_arns=ARNS)

    assert filled.template["Outputs"]["Other"]["Value"] == {"Ref": "PollerStateMachine"}


def test_unsupported_resource_is_refused_by_name(project: Path):
    expanded = expand(load_template(project), project.parent, "us-east-1")
    expanded.template["Resources"]["Rocket"] = {"Type": "AWS::GroundStation::Config", "Properties": {}}

    with pytest.raises(TemplateError, match=r"Rocket \(AWS::GroundStation::Config\)"):
        fill(expanded.template, {}, partition="aws", api_url="http://127.0.0.1:8080", secret_arns=ARNS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"Ref": "Secret"}, "arn", id="reference"),
        pytest.param({"Fn::Sub": "a-${Secret}-${Other}"}, {"Fn::Sub": "a-arn-${Other}"}, id="inside text"),
        pytest.param(
            {"Fn::Sub": ["${Secret}/${Id}", {"Id": {"Ref": "Secret"}}]},
            {"Fn::Sub": ["arn/${Id}", {"Id": "arn"}]},
            id="inside text with names of its own",
        ),
        pytest.param([{"Ref": "Other"}], [{"Ref": "Other"}], id="another reference stays"),
        pytest.param({"Ref": {"no": "name"}, "n": 1}, {"Ref": {"no": "name"}, "n": 1}, id="not a reference"),
    ],
)
def test_references_are_replaced_by_literals(value: Any, expected: Any):
    assert substitute(value, {"Secret": "arn"}) == expected


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param(
            {"Vendors": "abcpen"}, "unknown parameter 'Vendors'; the template has AbcpenBaseUrl", id="unknown"
        ),
        pytest.param(
            {"VendorChain": "a, b"}, "VendorChain='a, b' does not match: vendor names separated", id="pattern"
        ),
        pytest.param(
            {"LogLevel": "LOUD"}, "LogLevel='LOUD' is not one of DEBUG, INFO, WARNING, ERROR", id="not allowed"
        ),
        pytest.param({"LogRetentionDays": "31"}, "LogRetentionDays='31' is not one of 1, 3", id="number not allowed"),
        pytest.param({"ApiBurst": "many"}, "ApiBurst='many' is not a number", id="no number"),
        pytest.param({"ApiBurst": "0"}, "ApiBurst=0 is outside 1 to 5000", id="too small"),
        pytest.param({"ApiBurst": "5001"}, "ApiBurst=5001 is outside 1 to 5000", id="too large"),
        pytest.param({"A": "1", "LogLevel": ""}, "(?s)unknown parameter 'A'.*LogLevel=''", id="two at once"),
    ],
)
def test_invalid_parameter_is_refused(given: dict[str, str], complaint: str):
    with pytest.raises(ParameterError, match=complaint):
        check_parameters(DECLARED, given)


def test_parameter_without_default_must_be_given():
    with pytest.raises(ParameterError, match="Owner has no default and must be given"):
        check_parameters({"Owner": {"Type": "String"}}, {})


def test_valid_parameter_is_accepted():
    check_parameters(DECLARED, {"VendorChain": "abcpen", "ApiBurst": "5", "LogRetentionDays": "14"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(None, "cannot read the template", id="not there"),
        pytest.param("just: text", "is not a CloudFormation template", id="no template"),
    ],
)
def test_unreadable_template_is_named(tmp_path: Path, text: str | None, complaint: str):
    path = tmp_path / "template.yaml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(TemplateError, match=complaint):
        load_template(path)


def test_missing_code_is_named(tmp_path: Path):
    resource = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "functions/gone"}}

    with pytest.raises(TemplateError, match=r"SubmitFunction: .*'functions/gone' is not there"):
        expand({"Resources": {"SubmitFunction": resource}}, tmp_path, "us-east-1")


def test_translators_message_is_raised(tmp_path: Path):
    (tmp_path / "code").mkdir()
    resource = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "code", "Handler": "app.handler"}}

    with pytest.raises(TemplateError, match=r"cannot be expanded.*Runtime"):
        expand({"Resources": {"SubmitFunction": resource}}, tmp_path, "us-east-1")
