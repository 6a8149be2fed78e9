"""Check the evaluation of IAM policies."""

import pytest

from devstack.policy import Call, Grant, PolicyError, grants, is_allowed, without

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/jobs"


def allow(action, resource="*", **more):
    return {"Sid": "One", "Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("statement", "call", "allowed"),
    [
        pytest.param(allow("dynamodb:GetItem"), Call("dynamodb:GetItem", TABLE), True, id="named"),
        pytest.param(allow("dynamodb:getitem"), Call("dynamodb:GetItem", TABLE), True, id="actions have no case"),
        pytest.param(allow("dynamodb:Get*"), Call("dynamodb:GetItem", TABLE), True, id="an action's wildcard"),
        pytest.param(allow("dynamodb:GetItem"), Call("dynamodb:PutItem", TABLE), False, id="another action"),
        pytest.param(
            allow("dynamodb:GetItem", TABLE), Call("dynamodb:GetItem", f"{TABLE}2"), False, id="another table"
        ),
        pytest.param(
            allow("dynamodb:Query", TABLE), Call("dynamodb:Query", f"{TABLE}/index/open"), False, id="an index"
        ),
        pytest.param(
            allow("s3:GetObject", "arn:aws:s3:::b/in/*"),
            Call("s3:GetObject", "arn:aws:s3:::b/in/a/b.wav"),
            True,
            id="below",
        ),
        pytest.param(
            allow("s3:GetObject", "arn:aws:s3:::b/in/*"),
            Call("s3:GetObject", "arn:aws:s3:::b/out/a"),
            False,
            id="beside",
        ),
        pytest.param(
            allow("s3:GetObject", "arn:aws:s3:::b/a.wav"),
            Call("s3:GetObject", "arn:aws:s3:::b/axwav"),
            False,
            id="a dot",
        ),
        pytest.param(
            allow("s3:GetObject", "arn:aws:s3:::b/A"),
            Call("s3:GetObject", "arn:aws:s3:::b/a"),
            False,
            id="keys have case",
        ),
    ],
)
def test_actions_and_resources_match_with_wildcards(statement, call, allowed):
    assert is_allowed([policy(statement)], call) is allowed


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        pytest.param(
            {"StringEquals": {"events:detail-type": "asrcore"}}, {"events:detail-type": ("asrcore",)}, True, id="equal"
        ),
        pytest.param(
            {"StringEquals": {"events:detail-type": "asrcore"}}, {"events:detail-type": ("aws.s3",)}, False, id="other"
        ),
        pytest.param(
            {"StringEquals": {"events:detail-type": ["a", "b"]}}, {"events:detail-type": ("b",)}, True, id="any of two"
        ),
        pytest.param({"StringEquals": {"events:detail-type": "asrcore"}}, {}, False, id="missing"),
        pytest.param({"StringLike": {"s3:prefix": "in/*"}}, {"s3:prefix": ("in/a",)}, True, id="like"),
        pytest.param(
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["limiter#*"]}},
            {"dynamodb:leadingkeys": ("limiter#a", "limiter#b")},
            True,
            id="all of them",
        ),
        pytest.param(
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["limiter#*"]}},
            {"dynamodb:leadingkeys": ("limiter#a", "job")},
            False,
            id="not all of them",
        ),
        pytest.param({"ForAllValues:StringLike": {"aws:TagKeys": ["x"]}}, {}, True, id="all of none"),
        pytest.param(
            {"ForAllValues:StringEquals": {"events:source": "asrcore"}},
            {"events:source": ("asrcore", "aws.s3")},
            False,
            id="one of two sources",
        ),
        pytest.param(
            {"ForAnyValue:StringEquals": {"events:source": "asrcore"}},
            {"events:source": ("asrcore", "aws.s3")},
            True,
            id="any of two sources",
        ),
        pytest.param({"Null": {"k": "true"}}, {}, True, id="null"),
        pytest.param({"Null": {"k": "true"}}, {"k": ("x",)}, False, id="not null"),
    ],
)
def test_conditions_decide_by_operator(condition, context, allowed):
    statement = allow("x:Do", Condition=condition)

    assert is_allowed([policy(statement)], Call("x:Do", "r", context)) is allowed


def test_deny_overrides_every_allow():
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret/*"}
    documents = [policy(allow("s3:GetObject")), policy(deny)]

    assert is_allowed(documents, Call("s3:GetObject", "arn:aws:s3:::b/a"))
    assert not is_allowed(documents, Call("s3:GetObject", "arn:aws:s3:::b/secret/a"))


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param({"Effect": "Allow", "NotAction": "s3:*", "Action": "x:Do", "Resource": "*"}, id="an element"),
        pytest.param(allow("x:Do", Condition={"NumericLessThan": {"k": "1"}}), id="an operator"),
    ],
)
def test_unknown_element_raises_policy_error(statement):
    with pytest.raises(PolicyError, match="not evaluated here"):
        is_allowed([policy(statement)], Call("x:Do", "r", {"k": ("0",)}))


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param({"StringEquals": {"events:source": "asrcore"}}, id="several values without a set operator"),
        pytest.param({"ForAllValues:StringEquals": {"aws:SourceAccount": "1"}}, id="a set operator on one value"),
    ],
)
def test_set_operators_are_required_where_aws_requires_them(condition):
    call = Call("x:Do", "r", {"events:source": ("asrcore",), "aws:sourceaccount": ("1",)})

    with pytest.raises(PolicyError, match="not evaluated by AWS as it reads"):
        is_allowed([policy(allow("x:Do", Condition=condition))], call)


def test_grants_are_listed_and_removed_one_by_one():
    document = policy(allow(["s3:GetObject", "s3:PutObject"], ["a", "b"]))

    assert list(grants(document)) == [
        Grant("One", action, resource) for action in ("s3:GetObject", "s3:PutObject") for resource in ("a", "b")
    ]
    assert {grant.action for grant in grants(without(document, "One", "s3:PutObject"))} == {"s3:GetObject"}
    assert list(grants(without(without(document, "One", "s3:PutObject"), "One", "s3:GetObject"))) == []
