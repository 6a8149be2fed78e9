"""Both state machines' definitions as Step Functions receives them."""

import re
from typing import Any

from tests.support.template import ROOT, TEMPLATE

# What a deployment would put in the place of each reference in DefinitionSubstitutions.
_ARN = "arn:aws:lambda:us-east-1:123456789012:function:asrcore-{}"
_BUCKET = "asrcore-{}-123456789012-us-east-1"

MACHINES: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::StateMachine"
}


def definition(machine: str) -> str:
    """Return a machine's definition (its logical id), with its DefinitionSubstitutions filled in."""
    properties = MACHINES[machine]
    values = {name: _deployed(value) for name, value in properties["DefinitionSubstitutions"].items()}
    text = (ROOT / properties["DefinitionUri"]).read_text()
    return re.sub(r"\$\{(\w+)\}", lambda written: values[written[1]], text)


def _deployed(reference: dict[str, str]) -> str:
    match reference:
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": bucket}:
            return _BUCKET.format(bucket.lower())
        case {"Fn::GetAtt": attribute}:
            return _ARN.format(attribute.removesuffix(".Arn"))
    raise AssertionError(f"no example of {reference}")
