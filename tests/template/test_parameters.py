"""Check what each parameter accepts, and that Lambda accepts all of them at their longest."""

import json
import re
from typing import Any

import pytest

from asrcore.core.prices import UNITS
from asrcore.vendors.registry import VENDORS
from devstack.expand import ParameterError, check_parameters
from devstack.settings import VENDOR_PARAMETERS
from tests.support.template import ROOT, TEMPLATE

PARAMETERS = TEMPLATE["Parameters"]
OWN_ENGINE = VENDOR_PARAMETERS["openai-compatible"]
WITHOUT_A_PATH = [name for name in VENDOR_PARAMETERS.values() if name != OWN_ENGINE]
FUNCTIONS = [name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::Serverless::Function"]
AT_MOST_BYTES = 4096  # Lambda's limit for all variables together, as one JSON object
REGION = "ap-southeast-1"
# Buckets are named after stack, account and region, in at most 63 characters.
STACK = "s" * (63 - len(f"-transcripts-123456789012-{REGION}"))
PLACE = f"{REGION}:123456789012"
# The longest values of what a deployment generates.
IN_AWS = {
    "AWS::StackName": STACK,
    "AWS::AccountId": "123456789012",
    "AWS::Region": REGION,
    "AWS::Partition": "aws-us-gov",
    "AWS::URLSuffix": "amazonaws.com.cn",
    "AWS::NoValue": "",
    "HttpApi": "a" * 10,
    "JobsTable": f"{STACK}-JobsTable-{'X' * 13}",
    "SigningSecret": f"arn:aws-us-gov:secretsmanager:{PLACE}:secret:SigningSecret-{'X' * 12}-{'x' * 6}",
    "VendorSecret": f"arn:aws-us-gov:secretsmanager:{PLACE}:secret:VendorSecret-{'X' * 12}-{'x' * 6}",
    "PollerStateMachine": f"arn:aws-us-gov:states:{PLACE}:stateMachine:{STACK}-poller",
    "WebhookQueue": f"https://sqs.ap-southeast-1.amazonaws.com.cn/123456789012/{STACK}-WebhookQueue-{'X' * 13}",
}
# The worst cases of a JSON parameter: a quote counts twice in JSON, a Chinese character is three bytes.
DENSE = {
    "DefaultOptions": '"会议",',
    "VendorTuning": '"abcpen":{"queries_per_second":9},',
    "VendorPrices": '"ab',
    "AwsPrices": '"ab',
}


def longest(value: Any) -> str:
    """Return the longest value of a variable."""
    match value:
        case {"Ref": name} if name in PARAMETERS:
            return longest_parameter(name)
        case {"Ref": name}:
            return IN_AWS[name]
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: longest({"Ref": found[1]}), text)
        case {"Fn::If": [_, one, other]}:
            return max(longest(one), longest(other), key=len)
    return str(value)


def longest_parameter(name: str) -> str:
    rules = PARAMETERS[name]
    if "AllowedValues" in rules:
        return max(map(str, rules["AllowedValues"]), key=len)
    if rules["Type"] == "Number":
        return str(rules["MaxValue"])
    return (DENSE.get(name, "x") * rules["MaxLength"])[: rules["MaxLength"]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_longest_parameters_fit_the_lambda_environment(function):
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = TEMPLATE["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
    variables = {name: longest(value) for name, value in {**shared, **own}.items()}

    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()

    assert len(measured) < AT_MOST_BYTES


def test_prices_of_every_vendor_fit():
    prices = {
        "VendorPrices": {name: {"price": 0.0032, "date": "2026-11-20"} for name in VENDORS},
        "AwsPrices": {"currency": "CNY", "date": "2026-11-20", **dict.fromkeys(UNITS, 11.1538)},
    }

    check_parameters(PARAMETERS, {name: json.dumps(value, separators=(",", ":")) for name, value in prices.items()})


def test_tuning_of_every_vendor_fits():
    tuning = {name: {"submissions_per_second": 1000} for name in VENDORS}

    check_parameters(PARAMETERS, {"VendorTuning": json.dumps(tuning, separators=(",", ":"))})


def test_longest_values_are_documented():
    section = (ROOT / "docs/settings.md").read_text().partition("\n## How long a value may be\n")[2]
    text = " ".join(re.sub(r" has at most|\([^)]*\]\([^)]*\)\)", "", section).split())

    for name in (*DENSE, OWN_ENGINE):
        assert f"`{name}` {PARAMETERS[name]['MaxLength']}" in text
    assert {PARAMETERS[name]["MaxLength"] for name in WITHOUT_A_PATH} == {64}
    assert "any other `…BaseUrl` 64" in text


@pytest.mark.parametrize("vendor", VENDORS)
def test_chain_accepts_every_vendor(vendor):
    check_parameters(PARAMETERS, {"VendorChain": vendor})


@pytest.mark.parametrize("chain", [VENDORS, list(reversed(VENDORS)), list(VENDORS)[:2]], ids=",".join)
def test_chain_accepts_any_order(chain):
    check_parameters(PARAMETERS, {"VendorChain": ",".join(chain)})


LOCAL = [
    "http://127.0.0.1:4566",
    "http://127.0.0.53:1",
    "http://localhost:4566",
    "http://host.docker.internal:40001",
    "http://10.0.0.7:4566",
    "http://172.17.0.1:4566",
    "http://172.31.255.254:65535",
    "http://192.168.1.20:4566",
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("AwsEndpointUrl", value) for value in ("", *LOCAL)),
        *((name, "https://proxy.example.com:8443") for name in VENDOR_PARAMETERS.values()),
        *((name, "http://127.0.0.1:9") for name in VENDOR_PARAMETERS.values()),  # the local stack's
        *(
            ("CallbackBaseUrl", value)
            for value in ("", "https://callbacks.example.com", "https://cdn.example.cn:8443/asr")
        ),
        *(
            (OWN_ENGINE, value)
            for value in ("", "http://10.0.0.7:8000", "http://asr.internal", "https://api.example.com/groq/openai/v1")
        ),
    ],
)
def test_valid_value_is_accepted(name, value):
    check_parameters(PARAMETERS, {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("VendorChain", value)
            for value in (
                "volcengin",
                "abcpen,",
                ",abcpen",
                "abcpen,,volcengine",
                "abcpen volcengine",
                "abcpenabcpen",
                "",
            )
        ),
        # This address receives recordings and credentials, and turns checks of addresses off.
        *(
            ("AwsEndpointUrl", value)
            for value in (
                "http://aws.example.com:80",
                "https://127.0.0.1:4566",
                "http://127.0.0.1",
                "http://127.0.0.1.example.com:80",
                "http://localhost.example.com:80",
                "http://172.15.0.1:80",
                "http://172.32.0.1:80",
                "http://11.0.0.1:80",
                "http://169.254.169.254:80",
                "http://10.0.0.1:80@example.com",
                "http://user@10.0.0.1:80",
                "http://10.0.0.1:80/path",
            )
        ),
        *(
            ("CallbackBaseUrl", value)
            for value in (
                "http://callbacks.example.com",
                "callbacks.example.com",
                "https://callbacks.example.com/",
                "https://callbacks.example.com/?a=1",
                "https://me@callbacks.example.com",
                "https://[2606:4700::1]",
            )
        ),
        *((name, "http://proxy.example.com") for name in WITHOUT_A_PATH),
        *((name, "https://proxy.example.com/path") for name in WITHOUT_A_PATH),
        *(
            (OWN_ENGINE, value)
            for value in (
                "ftp://10.0.0.7",
                "10.0.0.7:8000",
                "https://",
                "https://key@asr.example.com",
                "https://asr.example.com/?key=1",
                "https://asr.example.com/#v1",
                "https://asr.example.com/a b",
            )
        ),
    ],
)
def test_invalid_value_is_rejected(name, value):
    with pytest.raises(ParameterError, match=name):
        check_parameters(PARAMETERS, {name: value})
