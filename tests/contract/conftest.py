"""Servers that contract tests connect to."""

from collections.abc import Iterator

import pytest

from tests.support.mocked_aws import REGION, forget, mocked_boto3
from tests.support.web import Web


@pytest.fixture(scope="module")
def started_aws() -> Iterator[None]:
    """Start moto's server for a file's tests."""
    with mocked_boto3():
        yield


@pytest.fixture
def aws(started_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return moto's server, emptied, in the region of this process."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    forget()


@pytest.fixture
def web() -> Iterator[Web]:
    """Run a web server that serves recordings and receives callbacks."""
    with Web() as web:
        yield web
