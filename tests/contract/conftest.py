"""Servers that contract tests connect to.

A test file of one simulator says what it needs in module variables: `VENDOR`; `OPTIONS` of the simulator during its
tests; `SCRIPTS`, the script of each recording (its bytes), where the words matter; `ACCOUNTS`, if not the sample
credentials.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulators import Simulators
from tests.support.mocked_aws import REGION, forget, mocked_boto3
from tests.support.simulator_control import CREDENTIALS, Control
from tests.support.web import Web


@pytest.fixture(scope="module")
def started_aws() -> Iterator[None]:
    """Have moto answer boto3 during a file's tests."""
    with mocked_boto3():
        yield


@pytest.fixture
def aws(started_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test with an empty AWS, in the region of this process."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    forget()


@pytest.fixture
def web() -> Iterator[Web]:
    """Run a web server that serves recordings and receives callbacks."""
    with Web() as web:
        yield web


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the simulators; return the address of the file's vendor."""
    module: Any = request.module
    scripts = tmp_path_factory.mktemp("samples") / "scripts.json"
    known = getattr(module, "SCRIPTS", {})
    scripts.write_text(json.dumps({hashlib.sha256(audio).hexdigest(): script for audio, script in known.items()}))
    with Simulators(getattr(module, "ACCOUNTS", CREDENTIALS), turnaround_s=0, scripts=scripts) as running:
        address = running.urls[module.VENDOR]
        set_options(request, address)
        yield address


@pytest.fixture
def control(request: pytest.FixtureRequest, url: str) -> Iterator[Control]:
    """Control the simulator; afterwards remove its faults and set the file's options again."""
    control = Control(url)
    yield control
    control.reset()
    set_options(request, url)


def set_options(request: pytest.FixtureRequest, url: str) -> None:
    """Set the file's options of the simulator, for the tests without a control too."""
    Control(url).options(**getattr(request.module, "OPTIONS", {})).raise_for_status()
