"""What tests on both sides of a connection share: the other end."""

from collections.abc import Iterator

import pytest

from tests.support.web import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """The operator's web server: recordings to fetch, callbacks to take."""
    with Web() as web:
        yield web
