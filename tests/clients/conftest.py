"""The option that records anew what clients send, and the web server that has the recording."""

from collections.abc import Iterator

import pytest

from tests.support.web import Web


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-clients", action="store_true", help="write the shapes of what the clients send")


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server with the recordings that vendors fetch."""
    with Web() as web:
        yield web
