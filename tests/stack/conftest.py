"""The local stack with simulated vendors, once per test process and on its own ports."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.failure_report import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 - hooks

if TYPE_CHECKING:
    from tests.support.operator import Operator
    from tests.support.scanned_stack import SearchedStack
    from tests.support.stack_client import Journey

# A profile or endpoint of the developer's shell would direct boto3 to another AWS; moto reads them on import.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which `make sam-local` invokes functions in containers."""
    parser.addoption("--in-containers", action="store_true", help="invoke functions by `sam local invoke`")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SearchedStack]":
    """Deploy template.yaml with the real functions and fast vendors."""
    from tests.support.containers import ContainedStack
    from tests.support.scanned_stack import SearchedStack

    settings = {"log_dir": tmp_path_factory.mktemp("logs")}
    contained = request.config.getoption("--in-containers")
    local = ContainedStack(tmp_path_factory.mktemp("sam"), **settings) if contained else SearchedStack(**settings)
    local.unsearched = "it is searched after the last test of this folder, below"
    with local as stack:
        _open.append(stack)
        yield stack
        _open.remove(stack)


@pytest.fixture
def journey(stack: "SearchedStack", obedient_vendors: None) -> "Journey":
    """A client that uploads recordings and reads their results."""
    from tests.support.stack_client import Journey

    return Journey(stack)


@pytest.fixture
def operator(stack: "SearchedStack", obedient_vendors: None) -> "Operator":
    """A client that also runs the operator's commands."""
    from tests.support.operator import Operator

    return Operator(stack)


@pytest.fixture
def obedient_vendors(stack: "SearchedStack") -> Iterator[None]:
    """Remove the test's faults from the simulated vendors afterwards."""
    yield
    for url in stack.simulators.values():
        requests.delete(f"{url}/_simulator/faults", timeout=60)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Before the last test of the stack in this process is torn down, search what the stack has written for secrets.

    Not when the stack stops, at the end of the process: tests of other folders may empty the simulated AWS.
    """
    try:
        if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
            from tests.support.secrets_scan import assert_kept

            for stack in _open:
                assert_kept(stack)
    finally:
        torn_down = yield
    return torn_down


_open: "list[SearchedStack]" = []
