"""The option that records clients' requests again, and the web server of the recording."""

from collections.abc import Iterator

import pytest

from tests.support.web import Web


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-clients", action="store_true", help="write the shapes of what the clients send")


@pytest.fixture
def web() -> Iterator[Web]:
    """Serve the recordings that vendors download."""
    with Web() as web:
        yield web
