"""What tests on both sides of a connection share: the other end."""

from collections.abc import Iterator

import pytest

from tests.support.embedded import REGION, embedded_aws, forget
from tests.support.web import Web


@pytest.fixture(scope="module")
def started_aws() -> Iterator[None]:
    """An embedded AWS for a file's tests."""
    with embedded_aws():
        yield


@pytest.fixture
def aws(started_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded AWS with nothing in it, in the region of this process."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    forget()


@pytest.fixture
def web() -> Iterator[Web]:
    """The operator's web server: recordings to fetch, callbacks to take."""
    with Web() as web:
        yield web
