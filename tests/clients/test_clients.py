"""Check that published clients get a transcript from the simulators, and send the recorded requests.

`make clients` installs them in a separate environment. A fixture has the shape of a client's requests: the field names
and the kind of each value. When a new version sends something else, record it with `make clients
ARGS=--record-clients`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulators import launcher
from tests.clients.callers import CALLERS
from tests.support.process import running
from tests.support.simulator_control import CREDENTIALS, Control

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-clients/bin/python"
FIXTURES = ROOT / "tests/fixtures/clients"
GREETING = ROOT / "samples/greeting.wav"
ACCOUNTS = {**CREDENTIALS, "volcengine": {**CREDENTIALS["volcengine"], "api_key": "SYNTHETIC_KEY"}}
VENDORS = {
    "shellus_voice2text": "volcengine-bigmodel",
    "doubao_speech_mcp": "volcengine-bigmodel",
    "openspeechapi_volcengine": "volcengine",
    "openspeechapi_tencent": "tencent-rec-task",
    "tencent_sdk": "tencent-rec-task",
    "openai_sdk": "openai-compatible",
    "volcengine_document": "volcengine",
}
# Simulator options that a client needs.
OPTIONS = {"openspeechapi_volcengine": {"inline_data": True}}
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """Run the simulators like `make simulators`, with an account that has the single key too."""
    credentials = tmp_path_factory.mktemp("account") / "credentials.json"
    credentials.write_text(json.dumps(ACCOUNTS))
    command = [sys.executable, "-m", "simulators", "--turnaround", "0", "--credentials", str(credentials)]
    with running(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        yield json.loads(process.stdout.readline().removeprefix("READY "))


def shape(value):
    """Return the field names of a request, each with the kind of its value; absent fields are left out."""
    match value:
        case dict():
            return {name: shape(each) for name, each in sorted(value.items()) if each is not None}
        case list():
            return [shape(each) for each in value]
        case bool():
            return "switch"
        case int() | float():
            return "number"
    return "text"


def called(name, base_url, web):
    """Return the text that a client received, running in its own environment."""
    asked = {
        "base_url": base_url,
        "account": ACCOUNTS[launcher.ACCOUNTS[VENDORS[name]]],
        "url": web.serve("/greeting.wav", GREETING.read_bytes()),
        "path": str(GREETING),
    }
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("callers.py"), name],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", CALLERS)
def test_published_client_gets_a_transcript(name, urls, web, request):
    control = Control(urls[VENDORS[name]])
    control.reset()
    control.options(**OPTIONS.get(name, {})).raise_for_status()
    before = len(control.requests())

    text = called(name, control.base_url, web)

    assert "您好" in text
    sent = {}
    for noted in control.requests()[before:]:
        sent.setdefault(noted["kind"], shape(noted["parameters"]))
    fixture = FIXTURES / f"{name}.json"
    if request.config.getoption("--record-clients"):
        fixture.write_text(json.dumps(sent, indent=2) + "\n")
    assert sent == json.loads(fixture.read_text()), f"{name} sends something other than recorded"


def test_every_caller_has_a_fixture_and_a_vendor():
    assert set(CALLERS) == set(VENDORS) == {fixture.stem for fixture in FIXTURES.glob("*.json")}
