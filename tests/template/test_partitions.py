"""Check that one template serves AWS and AWS China, and uses only what both have."""

import json
import re
import tomllib

import pytest

from devstack.expand import expand, load_template
from tests.support.provider_schemas import provider_schemas
from tests.support.template import ROOT

PARTITIONS = {"us-east-1": "aws", "cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn"}
CHINA = [region for region, partition in PARTITIONS.items() if partition == "aws-cn"]

# Service principals with the same name in every partition (SAM's translator writes them so in China too), unlike
# those of CloudWatch Logs and EC2, which end like the region's hosts.
PRINCIPALS = re.compile(r"\b(lambda|states|apigateway|s3|events|sns)\.amazonaws\.com(?!\.)")

# What AWS China lacks, as a template would have it. Source: "Getting Started with Amazon Web Services in China",
# the "Feature Availability and Implementation Differences" of each service. Lambda's lack of X-Ray is a
# condition of the template (test_kms_and_vpc.py); API Gateway's rule for open routes is in docs/deploy.md.
LACKING = {
    "Lambda: function URLs": r"FunctionUrlConfig",
    "Lambda: SnapStart for Python": r'"SnapStart"',
    "Lambda: a key of one's own for packages": r"SourceKMSKeyArn",
    "Lambda: metrics of asynchronous invocation": r"AsyncEvent(sReceived|Age|sDropped)",
    "Lambda: failed events to S3": r'"Destination": \{[^}]*Bucket',
    "Lambda: Application Signals": r"ApplicationSignals",
    "Lambda: metrics of event source mappings": r'"MetricsConfig"',
    "Lambda: provisioned mode of event source mappings": r'"ProvisionedPollerConfig"',
    "Lambda: architectures of layers, where there is one alone": r'"CompatibleArchitectures"',
    "Lambda: tags of event source mappings": r'"AWS::Lambda::EventSourceMapping"(?:(?!"Type": ).)*"Tags"',
    "API Gateway: Cognito's authorizers": r"cognito-idp",
    "API Gateway: Cloud Map": r"servicediscovery",
    "API Gateway: APIs at the edge": r'"EDGE"',
    "Step Functions: calls of HTTPS APIs": r"states:::http:invoke",
    "SQS: redrive of dead letters": r"RedriveAllowPolicy",
    "layers and policies of the other partition's accounts": r":layer:|:iam::aws:policy/",
}


@pytest.fixture(scope="module", params=PARTITIONS)
def region(request):
    return request.param


@pytest.fixture(scope="module")
def expanded(region):
    """Return the template as CloudFormation processes it in a region, state machines included."""
    return expand(load_template(ROOT / "template.yaml"), ROOT, region).template


def test_no_partition_region_account_or_suffix_is_hardcoded(expanded):
    # One value depends on the partition: the console's host.
    decided = {**expanded, "Conditions": {**expanded["Conditions"], "IsInChina": None}}
    text = PRINCIPALS.sub("", json.dumps(decided))

    assert re.findall(r"arn:aws|\baws-cn\b|amazonaws\.com|\b(?:us|cn|eu|ap)-[a-z]+-\d\b|\b\d{12}\b", text) == []


def test_template_is_the_same_in_every_region(expanded):
    assert expanded == expand(load_template(ROOT / "template.yaml"), ROOT, "us-east-1").template


def test_every_resource_type_exists_in_every_region(expanded, region):
    known = provider_schemas().get_resource_types(region)

    assert {each["Type"] for each in expanded["Resources"].values()} - set(known) == set()


@pytest.mark.parametrize("region", CHINA)
@pytest.mark.parametrize("absent", ["AWS::Cognito::UserPool", "AWS::Chatbot::SlackChannelConfiguration"])
def test_missing_resource_type_is_detected(region, absent):
    assert absent in provider_schemas().get_resource_types("us-east-1")
    assert absent not in provider_schemas().get_resource_types(region)


@pytest.mark.parametrize("pattern", LACKING.values(), ids=LACKING)
def test_nothing_missing_in_china_is_used(expanded, pattern):
    assert re.findall(pattern, json.dumps(expanded)) == []


def test_china_profile_sets_no_tags():
    profile = tomllib.loads((ROOT / "samconfig.toml").read_text())["china"]

    assert [name for name, command in profile.items() if "tags" in command["parameters"]] == []


def test_service_endpoint_is_the_regions():
    """Clients derive their hosts from the region: the code names no host and no partition."""
    code = [*(ROOT / "layers/asrcore/asrcore").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]

    written = {path.name for path in code if re.search(r"amazonaws\.|arn:aws", path.read_text())}

    assert written == set()
