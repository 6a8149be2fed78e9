"""Check first and repeated deployment: profiles, outputs, parameters, dependencies, retained resources."""

import json
import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from typing import Any

import pytest
import yaml

from devstack.expand import check_parameters
from tests.support.provider_schemas import provider_schemas
from tests.support.template import ROOT, TEMPLATE, Loader, needed
from tools.deploy import overrides
from tools.rights import resources

EXPANDED = resources()
PROFILES = {
    name: tables for name, tables in tomllib.loads((ROOT / "samconfig.toml").read_text()).items() if name != "version"
}
KEY = yaml.load((ROOT / "deploy/key.yaml").read_text(), Loader)


class TestProfiles:
    def test_profiles_are_default_prod_and_china(self):
        assert set(PROFILES) == {"default", "prod", "china"}

    @pytest.mark.parametrize("name", PROFILES)
    def test_profile_parameters_satisfy_the_template(self, name):
        given = overrides(PROFILES[name]["deploy"]["parameters"].get("parameter_overrides", ""))

        check_parameters(TEMPLATE["Parameters"], given)

    @pytest.mark.parametrize("name", PROFILES)
    def test_profile_capabilities_are_those_needed(self, name):
        assert PROFILES[name]["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"
        assert not any(
            "RoleName" in each["Properties"] or "ManagedPolicyName" in each["Properties"] for each in EXPANDED.values()
        )

    @pytest.mark.parametrize("name", PROFILES)
    def test_profile_stack_name_fits_bucket_names(self, name):
        stack = PROFILES[name]["global"]["parameters"]["stack_name"]

        for bucket in ("audio", "transcripts"):
            assert len(f"{stack}-{bucket}-123456789012-ap-southeast-1") <= 63

    def test_default_and_prod_profiles_are_two_stacks(self):
        names = [PROFILES[name]["global"]["parameters"]["stack_name"] for name in ("default", "prod")]

        assert len(set(names)) == 2

    def test_china_profile_needs_no_callbacks(self):
        deploy = PROFILES["china"]["deploy"]["parameters"]

        assert PROFILES["china"]["global"]["parameters"]["region"].startswith("cn-")
        assert "tencent-recording" not in overrides(deploy["parameter_overrides"])["VendorChain"].split(",")


class TestParameters:
    @pytest.mark.parametrize("name", TEMPLATE["Parameters"])
    def test_every_parameter_has_bounds_and_a_short_description(self, name):
        parameter = TEMPLATE["Parameters"][name]

        assert len(parameter["Description"].partition(" | ")[0]) <= 130
        assert {"AllowedValues", "AllowedPattern"} & set(parameter) or {"MinValue", "MaxValue"} <= set(parameter)

    @pytest.mark.parametrize("name", TEMPLATE["Parameters"])
    def test_every_default_is_allowed(self, name):
        check_parameters(TEMPLATE["Parameters"], {name: str(TEMPLATE["Parameters"][name]["Default"])})


DESCRIPTIONS = [
    (f"{name} {attribute}", text)
    for template in (TEMPLATE, KEY)
    for name, each in (
        *({"template": template, **template["Parameters"], **template["Outputs"]}).items(),
        *((name, each.get("Properties", {})) for name, each in template["Resources"].items() if "Alarm" in name),
    )
    for attribute in ("Description", "ConstraintDescription", "AlarmDescription")
    if (text := each.get(attribute))
]


def test_description_has_english_and_then_chinese():
    # CloudWatch API: PutMetricAlarm; CloudFormation: descriptions of template and output.
    assert [name for name, text in DESCRIPTIONS if len(text.encode()) > 1024] == []
    both = re.compile(r"[\x00-\x7f]*? \| .*[\u4e00-\u9fff].*", re.DOTALL)
    assert [name for name, text in DESCRIPTIONS if not both.fullmatch(text)] == []


@pytest.mark.parametrize(
    "output",
    [
        *(
            "AudioBucketName",
            "TranscriptBucketName",
            "JobsTableName",
            "ApiUrl",
            "StateMachineArn",
            "SecretArn",
            "SigningSecretArn",
        ),
        *(
            "FailedEventsQueueUrl",
            "SetupCommand",
            "UploadCommand",
            "TranscriptsCommand",
            "DashboardUrl",
        ),
        *("LogGroupNames", "EncryptionKey"),
    ],
)
def test_next_steps_are_outputs_with_descriptions(output):
    assert TEMPLATE["Outputs"][output]["Description"]
    assert f"`{output}`" in (ROOT / "docs/deploy.md").read_text()


def test_release_is_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert TEMPLATE["Outputs"]["Release"]["Value"] == project["version"]


def test_every_output_is_documented():
    told = (ROOT / "docs/deploy.md").read_text()

    assert [name for name in TEMPLATE["Outputs"] if f"`{name}`" not in told] == []


class TestDependencies:
    def test_dependencies_have_no_cycle(self):
        graph = {name: set(needed(resource)) & set(EXPANDED) for name, resource in EXPANDED.items()}

        assert len(list(TopologicalSorter(graph).static_order())) == len(EXPANDED)
        assert graph["AudioBucket"]  # it invokes a function, so it alone could close a cycle

    def test_dependency_cycle_is_detected(self):
        """Return the resources that a value names by Ref, by attribute or in a text."""
        resources = {
            "Bucket": {"Notify": {"Fn::GetAtt": ["Function", "Arn"]}},
            "Function": {"Role": {"Fn::If": ["Always", {"Ref": "Role"}, ""]}},
            "Role": {"Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/*"}},
        }

        with pytest.raises(CycleError):
            TopologicalSorter({name: set(needed(each)) for name, each in resources.items()}).prepare()


def unordered(of: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of an HTTP API's resources that CloudFormation may create at the same time.

    API Gateway answers a concurrent modification of an API with ConflictException.
    """
    graph = {name: set(needed(each)) & set(of) for name, each in of.items()}
    earlier: dict[str, set[str]] = {}
    for name in TopologicalSorter(graph).static_order():
        earlier[name] = graph[name].union(*(earlier[each] for each in graph[name]))
    parts = [name for name, each in of.items() if each["Type"].startswith("AWS::ApiGatewayV2::")]
    return [(one, other) for one, other in combinations(parts, 2) if not {one, other} & (earlier[one] | earlier[other])]


def test_api_resources_are_created_in_order():
    assert unordered(EXPANDED) == []


@pytest.mark.parametrize(
    ("depends_on", "pairs"),
    [
        pytest.param({}, [("First", "Second")], id="at-once"),
        pytest.param({"DependsOn": "First"}, [], id="one-after-the-other"),
    ],
)
def test_api_resources_without_an_order_are_detected(depends_on, pairs):
    route = {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Api"}}}
    of = {"Api": {"Type": "AWS::ApiGatewayV2::Api"}, "First": route, "Second": {**route, **depends_on}}

    assert unordered(of) == pairs


STAYS = {
    "AudioBucket": {"BucketName": {"Fn::Sub": "${AWS::StackName}-audio-${AWS::AccountId}-${AWS::Region}"}},
    "TranscriptBucket": {"BucketName": {"Fn::Sub": "${AWS::StackName}-transcripts-${AWS::AccountId}-${AWS::Region}"}},
    "JobsTable": {"KeySchema": [{"AttributeName": "job_id", "KeyType": "HASH"}]},
    "VendorSecret": {},
    "SigningSecret": {},
    "FailedEventsQueue": {},
    "HttpApi": {},  # callbacks in flight use its address
    "PollerStateMachine": {"StateMachineName": {"Fn::Sub": "${AWS::StackName}-poller"}, "StateMachineType": "STANDARD"},
}


@pytest.mark.parametrize("name", STAYS)
def test_update_replaces_no_resource_with_data(name):
    """CloudFormation replaces a resource when its logical id or an immutable property changes."""
    resource = EXPANDED[name]
    schema = provider_schemas().get_resource_schema("us-east-1", resource["Type"]).schema
    paths = [*schema.get("createOnlyProperties", []), *schema.get("conditionalCreateOnlyProperties", [])]
    fixed = {path.removeprefix("/properties/") for path in paths}

    assert {key: value for key, value in resource["Properties"].items() if key in fixed} == STAYS[name]


@pytest.mark.parametrize("name", ["AudioBucket", "TranscriptBucket", "JobsTable", "VendorSecret", "SigningSecret"])
def test_stack_deletion_retains_data(name):
    assert EXPANDED[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert EXPANDED[name]["UpdateReplacePolicy"] == "Retain"


STATEMENTS = {each["Sid"]: each for each in KEY["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]}


class TestKey:
    def test_key_is_retained_and_rotated(self):
        assert (KEY["Resources"]["Key"]["DeletionPolicy"], KEY["Resources"]["Key"]["UpdateReplacePolicy"]) == (
            "Retain",
            "Retain",
        )
        assert KEY["Resources"]["Key"]["Properties"]["EnableKeyRotation"] is True

    def test_key_policy_admits_services_for_this_stack_only(self):
        for name, statement in STATEMENTS.items():
            if name != "AllowAccountPolicies":
                ((key, values),) = statement["Condition"]["ArnLike"].items()
                assert key in {"kms:EncryptionContext:aws:logs:arn", "aws:SourceArn"}
                for value in values if isinstance(values, list) else [values]:
                    assert "${StackName}" in value["Fn::Sub"]

    @pytest.mark.parametrize("name", [name for name, each in EXPANDED.items() if each["Type"] == "AWS::Logs::LogGroup"])
    def test_key_policy_covers_every_log_group(self, name):
        group = EXPANDED[name]["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "${StackName}")
        allowed = STATEMENTS["EncryptLogs"]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]

        assert any(group.startswith(each["Fn::Sub"].split(":log-group:")[1].rstrip("*")) for each in allowed)

    def test_events_use_the_key_for_the_webhook_rule_only(self):
        """A stack named after this one with a suffix has rules of names that begin the same."""
        source = STATEMENTS["EncryptEvents"]["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]

        assert source.endswith(":rule/${StackName}-WebhookRule-*")
        assert EXPANDED["WebhookRule"]["Type"] == "AWS::Events::Rule"
        assert "Name" not in EXPANDED["WebhookRule"]["Properties"]

    def test_key_output_satisfies_the_parameter(self):
        arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

        assert KEY["Outputs"]["KmsKeyArn"]["Value"] == {"Fn::GetAtt": "Key.Arn"}
        assert re.fullmatch(TEMPLATE["Parameters"]["KmsKeyArn"]["AllowedPattern"], arn)

    def test_key_template_hardcodes_no_partition(self):
        text = re.sub(r"(events|s3)\.amazonaws\.com", "", json.dumps(KEY))

        assert not re.findall(r"arn:aws|amazonaws", text)


def test_china_section_explains_the_icp_filing():
    (section,) = re.findall(r"(?s)\n## AWS China\n(.*?)\n## ", (ROOT / "docs/deploy.md").read_text())
    region = PROFILES["china"]["global"]["parameters"]["region"]

    assert f"Ningxia (`{region}`)" in section
    assert "it is per region" in section
    assert re.search(r"(?m)^1\. \*\*(.+?)\*\*", section)[1] == "A presigned download"
