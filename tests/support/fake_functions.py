"""Fake functions: the real template and state machine in a folder of a test's own, with functions it scripts."""

import json
import shutil
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from devstack.clock import WaitClock
from devstack.expand import load_template
from devstack.functions import LAYER_PACKAGE, Credentials, Function, Settings
from devstack.settings import ROOT

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
IDLE = "def lambda_handler(event, context):\n    return event\n"

Found = TypeVar("Found")


def write_project(folder: Path, functions: Mapping[str, str]) -> Path:
    """A copy of the project in `folder` whose functions are the given code (by folder name); gives its template.

    Fakes make other requests than the real functions, so their roles allow everything.
    """
    template = load_template(ROOT / "template.yaml")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            resource["Properties"]["Policies"] = [{"PolicyName": "Everything", "PolicyDocument": EVERYTHING}]
    (folder / "template.yaml").write_text(json.dumps(template), encoding="utf-8")
    shutil.copytree(ROOT / "statemachine", folder / "statemachine")
    (folder / "layers/asrcore" / LAYER_PACKAGE).mkdir(parents=True)  # so that processes are forked, with boto3 imported
    (folder / "layers/media").mkdir()
    (folder / "layers/asrcore/in_layer.py").write_text("NAME = 'the layer'\n")
    for code_uri in code_folders().values():
        code = folder / code_uri / "app.py"
        code.parent.mkdir(parents=True)
        code.write_text(textwrap.dedent(functions.get(code.parent.name, IDLE)))
    return folder / "template.yaml"


def code_folders() -> dict[str, str]:
    """Where the template says each function's code is, by logical id."""
    resources = load_template(ROOT / "template.yaml")["Resources"]
    return {
        name: resource["Properties"]["CodeUri"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def make_function(
    folder: Path,
    code: str,
    timeout_s: float = 120,
    variables: Mapping[str, str] | None = None,
    layer: Path | None = None,
) -> Function:
    """A function of its own with `code` as its app.py; the caller closes it."""
    (folder / "code").mkdir()
    (folder / "code/app.py").write_text(textwrap.dedent(code))
    if layer is None:
        layer = make_layer(folder / "layer")
    settings = Settings(
        logical_id="StandIn",
        name="stack-StandIn-1",
        arn="arn:aws:lambda:us-east-1:123456789012:function:stack-StandIn-1",
        handler="app.lambda_handler",
        runtime="python3.13",
        region="us-east-1",
        folder=folder / "code",
        layers=(layer,),
        variables=dict(variables or {}),
        timeout_s=timeout_s,
        memory_mb=1024,
        log_group="/aws/lambda/stack/fake",
        credentials=Credentials("key-id", "secret-key", "session-token"),
        clock=WaitClock(),
    )
    return Function(settings, folder / "StandIn.log")


def make_layer(folder: Path) -> Path:
    """Write a layer with a module."""
    folder.mkdir()
    (folder / "in_layer.py").write_text("NAME = 'the layer'\n")
    return folder


def wait_for(look: Callable[[], Found | None], limit_s: float = 120) -> Found:
    """What `look` finds, as soon as it finds something. Raises AssertionError when it does not in time."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing came in {limit_s} s")
