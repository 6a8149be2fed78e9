"""Check what the parameters of encryption, network, tracing, retention and concurrency change, and nothing else."""

from typing import Any

import pytest

from asrcore.core.routing import INCOMING
from asrctl.credential_check import PREFIX
from devstack.expand import ParameterError, check_parameters
from tests.support.template import TEMPLATE, deployed, policies_of, statements_of

KEY = "arn:aws-cn:kms:cn-north-1:123456789012:key/0f8b1c2d-1111-2222-3333-444455556666"
NETWORK = {"VpcSubnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e", "VpcSecurityGroupIds": "sg-0a1b2c3d"}
WITH_ALL = {"WebhookUrl": "https://example.com/hook", "JobsPage": "on"}
BY_NAME = deployed(**WITH_ALL)
FUNCTIONS = [name for name, each in BY_NAME.items() if each["Type"] == "AWS::Serverless::Function"]
ROLES = [  # SAM writes the state machines' roles
    name for name, each in BY_NAME.items() if each["Type"] == "AWS::IAM::Role"
]


def with_all(**given: str) -> dict[str, dict[str, Any]]:
    """Return the resources with every optional part and these parameters."""
    return deployed(**WITH_ALL, **given)


def of_type(resources: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def added(role: str, **given: str) -> list[dict[str, Any]]:
    """Return the statements that a role has only with these parameters."""
    resources = with_all(**given)
    usual, _ = policies_of(BY_NAME[role])
    attached, _ = policies_of(resources[role])
    more = [policy["Ref"] for policy in attached if policy not in usual]
    return [each for name in more for each in resources[name]["Properties"]["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class TestKey:
    SEALED = with_all(KmsKeyArn=KEY)

    def test_key_is_aws_managed_by_default(self):
        (rule,) = {
            str(bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"])
            for bucket in of_type(BY_NAME, "AWS::S3::Bucket").values()
        }

        assert rule == "[{'ServerSideEncryptionByDefault': {'SSEAlgorithm': 'AES256'}}]"
        assert "KmsKeyArn" not in str(BY_NAME)

    @pytest.mark.parametrize("name", of_type(BY_NAME, "AWS::S3::Bucket"))
    def test_key_encrypts_buckets_by_bucket_key(self, name):
        (rule,) = self.SEALED[name]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]

        assert rule == {
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}},
            "BucketKeyEnabled": True,
        }

    @pytest.mark.parametrize("name", of_type(BY_NAME, "AWS::DynamoDB::Table"))
    def test_key_encrypts_the_table(self, name):
        assert self.SEALED[name]["Properties"]["SSESpecification"] == {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": {"Ref": "KmsKeyArn"},
        }

    @pytest.mark.parametrize(
        ("kind", "property_name"),
        [
            ("AWS::SQS::Queue", "KmsMasterKeyId"),
            ("AWS::SNS::Topic", "KmsMasterKeyId"),
            ("AWS::SecretsManager::Secret", "KmsKeyId"),
            ("AWS::Logs::LogGroup", "KmsKeyId"),
        ],
    )
    def test_key_encrypts_every_resource(self, kind, property_name):
        sealed = of_type(self.SEALED, kind)

        assert [name for name, each in sealed.items() if each.get(property_name) != {"Ref": "KmsKeyArn"}] == []

    def test_key_replaces_the_sqs_managed_key(self):
        assert not any(queue["SqsManagedSseEnabled"] for queue in of_type(self.SEALED, "AWS::SQS::Queue").values())

    @pytest.mark.parametrize("role", ROLES)
    def test_role_uses_the_key_only_through_its_services(self, role):
        services = {
            "dynamodb": "dynamodb:",
            "s3": "s3:GetObject",  # and of a version; listing and deleting need no key
            "secretsmanager": "secretsmanager:",
            "sqs": "sqs:",
            "sns": "sns:",
        }
        usual = str(statements(role))

        statements_of_key = added(role, KmsKeyArn=KEY)

        for statement in statements_of_key:
            assert statement["Resource"] == {"Ref": "KmsKeyArn"}
            assert not [action for action in listed(statement["Action"]) if "*" in action]
        through = {each["Condition"]["StringLike"]["kms:ViaService"]["Fn::Sub"] for each in statements_of_key}
        assert through == {
            f"{service}.${{AWS::Region}}.*" for service, action in services.items() if f"'{action}" in usual
        }

    @pytest.mark.parametrize("value", ["alias/mine", "arn:aws:kms:us-east-1:1:key/x", f"{KEY} ", "arn:aws:s3:::b"])
    def test_key_parameter_accepts_key_arns_only(self, value):
        check_parameters(TEMPLATE["Parameters"], {"KmsKeyArn": KEY})

        with pytest.raises(ParameterError, match="KmsKeyArn"):
            check_parameters(TEMPLATE["Parameters"], {"KmsKeyArn": value})


class TestNetwork:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_every_function_runs_in_the_vpc(self, name):
        own = TEMPLATE["Resources"][name]["Properties"]

        assert "VpcConfig" not in own  # without a group of its own it would get the VPC's default group
        assert TEMPLATE["Globals"]["Function"]["VpcConfig"]["Fn::If"] == [
            "HasVpc",
            {"SubnetIds": {"Ref": "VpcSubnetIds"}, "SecurityGroupIds": {"Ref": "VpcSecurityGroupIds"}},
            {"Ref": "AWS::NoValue"},
        ]

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_network_permissions_exist_only_with_a_vpc(self, name):
        role = BY_NAME[name]["Properties"]["Role"]["Fn::GetAtt"].removesuffix(".Arn")

        statements_of_network = added(role, **NETWORK)

        assert {action for each in statements_of_network for action in each_action(each)} == {
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        }
        for statement in statements_of_network:
            assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}
        assert "ec2:" not in str(statements(role))

    @pytest.mark.parametrize(
        "given",
        [{"VpcSubnetIds": "subnet-1"}, {"VpcSubnetIds": "sg-0a1b2c3d"}, {"VpcSecurityGroupIds": "sg-0a1b2c3d, sg-2"}],
        ids=str,
    )
    def test_vpc_parameters_accept_ids_only(self, given):
        check_parameters(TEMPLATE["Parameters"], NETWORK)

        with pytest.raises(ParameterError, match="Vpc"):
            check_parameters(TEMPLATE["Parameters"], given)

    def test_subnets_and_security_groups_need_each_other(self):
        rules = TEMPLATE["Rules"]
        subnets = {"Fn::Not": [{"Fn::EachMemberEquals": [{"Ref": "VpcSubnetIds"}, ""]}]}
        groups = {"Fn::Not": [{"Fn::EachMemberEquals": [{"Ref": "VpcSecurityGroupIds"}, ""]}]}

        for name, condition, wanted in (
            ("SubnetsNeedSecurityGroups", subnets, groups),
            ("SecurityGroupsNeedSubnets", groups, subnets),
        ):
            assert rules[name]["RuleCondition"] == condition
            assert [each["Assert"] for each in rules[name]["Assertions"]] == [wanted]


class TestTracing:
    TRACED = with_all(Tracing="on")

    def test_tracing_covers_functions_and_state_machine(self):
        assert TEMPLATE["Globals"]["Function"]["Tracing"] == {"Fn::If": ["IsTraced", "Active", "PassThrough"]}
        machines = of_type(self.TRACED, "AWS::Serverless::StateMachine")
        assert all(machine["Tracing"] == {"Enabled": True} for machine in machines.values())

    @pytest.mark.parametrize(
        "given", [pytest.param({}, id="default"), pytest.param({"Tracing": "on", "Partition": "aws-cn"}, id="China")]
    )
    def test_tracing_is_off_by_default(self, given):
        resources = with_all(**given)

        machines = of_type(resources, "AWS::Serverless::StateMachine")
        assert all(machine["Tracing"] == {"Enabled": False} for machine in machines.values())
        assert "TracingPolicy" not in resources

    @pytest.mark.parametrize("role", ROLES)
    def test_tracing_permissions_exist_only_when_on(self, role):
        actions = {action for each in added(role, Tracing="on") for action in each_action(each)}

        assert {"xray:PutTraceSegments", "xray:PutTelemetryRecords"} <= actions
        assert {action.split(":")[0] for action in actions} == {"xray"}
        assert "xray:" not in str(statements(role))


class TestRetention:
    ONE = with_all(RetentionDays="30")

    def test_objects_are_kept_for_ever_by_default(self):
        rules = [
            rule["Id"]
            for bucket in of_type(BY_NAME, "AWS::S3::Bucket").values()
            for rule in bucket["LifecycleConfiguration"]["Rules"]
        ]

        assert set(rules) == {"AbandonedUploads", "Converted", "Samples"}

    def test_sample_of_a_killed_check_starts_no_job_and_is_deleted(self):
        bucket = BY_NAME["AudioBucket"]["Properties"]
        (rule,) = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule.get("Prefix") == PREFIX]
        events = [each["Filter"] for each in bucket["NotificationConfiguration"]["LambdaConfigurations"]]

        assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]) == (1, {"NoncurrentDays": 1})
        assert all(each["S3Key"]["Rules"] == [{"Name": "prefix", "Value": INCOMING}] for each in events)
        assert not PREFIX.startswith(INCOMING)

    @pytest.mark.parametrize(
        ("bucket", "own"), [("AudioBucket", "AudioRetentionDays"), ("TranscriptBucket", "TranscriptRetentionDays")]
    )
    def test_bucket_retention_covers_every_object_version(self, bucket, own):
        for given, days in ({"RetentionDays": "30"}, "RetentionDays"), ({own: "400"}, own):
            rule = retention_of(with_all(**given)[bucket])

            assert rule == {
                "Id": "Retention",
                "Status": "Enabled",
                "ExpirationInDays": {"Ref": days},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
            }

    def test_retention_of_one_bucket_spares_the_other(self):
        assert retention_of(with_all(AudioRetentionDays="30")["TranscriptBucket"]) is None
        assert retention_of(with_all(TranscriptRetentionDays="30")["AudioBucket"]) is None

    def test_single_retention_covers_rows_and_logs(self):
        variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
        groups = of_type(self.ONE, "AWS::Logs::LogGroup").values()

        assert variables["ROW_RETENTION_DAYS"]["Fn::If"] == [
            "HasRetention",
            {"Ref": "RetentionDays"},
            {"Ref": "RowRetentionDays"},
        ]
        assert all(group["RetentionInDays"] == {"Ref": "RetentionDays"} for group in groups)

    def test_single_retention_is_a_valid_log_retention(self):
        parameters = TEMPLATE["Parameters"]

        assert parameters["RetentionDays"]["AllowedValues"] == [0, *parameters["LogRetentionDays"]["AllowedValues"]]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "MaximumConcurrency" not in str(BY_NAME[name])])
def test_concurrency_is_reserved_only_by_parameter(name):
    parameter = f"{name.removesuffix('Function')}ReservedConcurrency"

    assert "ReservedConcurrentExecutions" not in BY_NAME[name]["Properties"]
    assert with_all(**{parameter: "5"})[name]["Properties"]["ReservedConcurrentExecutions"] == {"Ref": parameter}


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"])
def test_every_resource_policy_requires_tls(kind):
    policies = [
        str(each["Properties"])
        for each in with_all(KmsKeyArn=KEY).values()
        if each["Type"] in {f"{kind}Policy", "AWS::SNS::TopicPolicy" if kind.endswith("Topic") else ""}
        and "'aws:SecureTransport': 'false'" in str(each["Properties"])
    ]

    for name in of_type(BY_NAME, kind):
        assert any(f"'{name}'" in policy for policy in policies), name


def statements(role: str) -> list[dict[str, Any]]:
    return statements_of(BY_NAME, role)


def each_action(statement: dict[str, Any]) -> list[str]:
    return listed(statement["Action"])


def retention_of(bucket: dict[str, Any]) -> dict[str, Any] | None:
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    return next((rule for rule in rules if rule["Id"] == "Retention"), None)
