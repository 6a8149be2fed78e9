"""Check that `docs/rights.md` lists every permission exactly: role, action, resource, condition."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devstack.policy import MULTI_VALUED
from tests.support.template import ROOT, Loader
from tools.rights import UnknownRightError, resources, rights

GRANTED = resources()
WRITTEN = rights(GRANTED)
NO_NARROWER = {"DeliverLogs", "FindInterfaces", "Trace"}  # AWS has no resource types for these actions


def documents(of: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each policy with its owner."""
    for name, resource in of.items():
        properties = resource["Properties"]
        held = [properties.get("PolicyDocument"), *(each["PolicyDocument"] for each in properties.get("Policies", []))]
        yield from ((name, document) for document in held if document)


def statements(of: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Yield each statement of each policy with its address."""
    return [(f"{name}.{each['Sid']}", each) for name, document in documents(of) for each in document["Statement"]]


ADDRESSES = [address for address, _ in statements(GRANTED)]
ALLOWED = [(address, each) for address, each in statements(GRANTED) if each["Effect"] == "Allow"]


def changed(address: str, **elements: Any) -> str:
    """Return the permissions with elements of one statement changed; None removes one."""
    resources_then = copy.deepcopy(GRANTED)
    statement = dict(statements(resources_then))[address]
    for element, value in elements.items():
        statement[element] = value
        if value is None:
            del statement[element]
    return rights(resources_then)


def test_every_statement_is_documented():
    (page,) = re.findall(r"(?s)```text\n(.*?)```", (ROOT / "docs/rights.md").read_text())

    assert page == WRITTEN, "permissions changed: review them, then run: make docs"


def granted_on_the_key() -> dict[str, tuple[str, set[str]]]:
    """Return the actions on a customer's key by policy or statement, and by service or principal."""
    key = yaml.load((ROOT / "deploy/key.yaml").read_text(), Loader)["Resources"]["Key"]["Properties"]["KeyPolicy"]
    by_role = {
        address.split(".")[0]: (each["Condition"]["StringLike"]["kms:ViaService"]["Fn::Sub"].split(".")[0], each)
        for address, each in ALLOWED
        if "kms:" in str(each["Action"])
    }
    by_service = {
        each["Sid"]: (str(each["Principal"]["Service"]), each)
        for each in key["Statement"]
        if "Service" in each["Principal"]
    }
    return {
        name: (through, set(each["Action"] if isinstance(each["Action"], list) else [each["Action"]]))
        for name, (through, each) in {**by_role, **by_service}.items()
    }


def test_key_actions_are_documented():
    rows = re.findall(
        r"(?m)^\| [^|]+ \| [^|]+ \| ([^|]*`kms:[^|]+) \| `(\w+)` \| ([^|]+) \|$", (ROOT / "docs/rights.md").read_text()
    )

    documented = {policy: set(re.findall(r"`(kms:[^`]+)`", actions)) for actions, policy, _ in rows}
    assert documented == {name: actions for name, (_, actions) in granted_on_the_key().items()}
    assert all("Guide, “" in document for *_, document in rows)


def test_page_cites_every_service_that_uses_the_key():
    (table,) = re.findall(r"(?s)\n\| service \| (.+?)\n\n", (ROOT / "docs/rights.md").read_text())
    services = re.findall(
        r"(?m)^\| ([A-Z][^|]+) \| [^|]+ \| [^|]*`kms:[^|]+ \| [^|]+ \| [^|]+ Guide, “[^|]+ \|$", table
    )

    assert services == [
        *("DynamoDB", "S3", "Secrets Manager", "SQS", "CloudWatch Logs", "EventBridge"),
        *("S3 Inventory", "SNS"),
    ]


# DynamoDB Developer Guide, "DynamoDB encryption at rest: usage notes": minimum permissions on a customer managed key.
FOR_DYNAMODB = {"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey"}
FOR_DYNAMODB |= {"kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey", "kms:CreateGrant"}


@pytest.mark.parametrize(
    ("service", "actions"),
    [
        ("dynamodb", FOR_DYNAMODB),
        ("s3", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("secretsmanager", {"kms:Decrypt"}),
        ("sqs", {"kms:Decrypt", "kms:GenerateDataKey"}),
        (
            "{'Fn::Sub': 'logs.${AWS::Region}.${AWS::URLSuffix}'}",
            {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"},
        ),
        ("events.amazonaws.com", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("s3.amazonaws.com", {"kms:GenerateDataKey"}),
    ],
)
def test_key_actions_suffice_for_each_service(service, actions):
    assert dict(granted_on_the_key().values())[service] == actions


@pytest.mark.parametrize(
    ("address", "condition"),
    [
        pytest.param(address, each["Condition"], id=address)
        for address, each in statements(GRANTED)
        if "Condition" in each
    ],
)
def test_condition_keys_with_several_values_have_a_set_operator(address, condition):
    """IAM guide, "Set operators for multivalued context keys"."""
    for operator, keys in condition.items():
        for key in keys:
            has_set_operator = operator.startswith(("ForAllValues:", "ForAnyValue:"))
            assert has_set_operator == (key.lower() in MULTI_VALUED), f"{address}: {operator} {key}"


def test_statement_ids_are_unique():
    assert len(ADDRESSES) == len(set(ADDRESSES))


@pytest.mark.parametrize(
    ("address", "elements"),
    [
        pytest.param(
            "ApiRole.DeleteObjects",
            {"Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${AWS::StackName}-*"}},
            id="deletes in every bucket of the stack",
        ),
        pytest.param("FinishJobsPolicy.UpdateCounters", {"Condition": None}, id="functions update every row"),
        pytest.param("SweepRole.UpdateCounters", {"Condition": None}, id="sweep role updates every row"),
        pytest.param(
            "BackfillStateMachineRole.WriteManifest",
            {"Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${TranscriptBucket}/*"}},
            id="overwrites transcripts",
        ),
        pytest.param("ApiRole.FindVersions", {"Condition": None}, id="lists everything"),
        pytest.param("WebhookQueuePolicy.AcceptEvents", {"Principal": "*"}, id="allows every principal to write"),
        pytest.param("AudioBucketPolicy.TlsOnly", {"Effect": "Allow"}, id="allows what it denied"),
    ],
)
def test_widened_statement_is_detected(address, elements):
    assert changed(address, **elements) != WRITTEN


def ways_to_widen(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each way to widen a statement."""
    yield {"Action": "*"}
    if statement["Resource"] != "*":
        yield {"Resource": "*"}
    if "Condition" in statement:
        yield {"Condition": None}


def test_any_widened_statement_is_detected():
    ways = [(address, elements) for address, each in statements(GRANTED) for elements in ways_to_widen(each)]

    assert [(address, elements) for address, elements in ways if changed(address, **elements) == WRITTEN] == []


@pytest.mark.parametrize(
    "wider",
    [
        pytest.param(lambda role: role.update(PermissionsBoundary="arn"), id="a property of a role"),
        pytest.param(
            lambda role: role["Policies"][0]["PolicyDocument"]["Statement"][0].update(NotAction="s3:Get*"),
            id="an element of a statement",
        ),
    ],
)
def test_undocumentable_statement_is_rejected(wider):
    more = copy.deepcopy(GRANTED)
    wider(more["ApiRole"]["Properties"])

    with pytest.raises(UnknownRightError, match="ApiRole"):
        rights(more)


@pytest.mark.parametrize("kind", ["AWS::IAM::UserToGroupAddition", "AWS::IAM::User"])
def test_unknown_kind_of_permission_is_rejected(kind):
    with pytest.raises(UnknownRightError, match="Member"):
        rights({"Member": {"Type": kind, "Properties": {}}})


def test_actions_are_listed_and_resources_named():
    on_everything = {
        address
        for address, each in ALLOWED
        if "*" in (each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]])
    }

    assert [address for address, each in ALLOWED if "*" in str(each["Action"])] == []
    assert on_everything == {address for address, each in ALLOWED if each["Sid"] in NO_NARROWER}
