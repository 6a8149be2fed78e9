"""The local stack with simulated vendors, once per test process and on its own ports."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.failure_report import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 - hooks

if TYPE_CHECKING:
    from tests.support.operator import Operator
    from tests.support.scanned_stack import SearchedStack
    from tests.support.stack_client import Journey
    from tests.support.warm_programs import WarmPrograms


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
    with local as stack:
        yield stack


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[WarmPrograms]":
    """Preload the programs that documented lines run."""
    from tests.support.warm_programs import WarmPrograms

    with WarmPrograms(tmp_path_factory.mktemp("programs"), pytestconfig.rootpath) as programs:
        yield programs


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
    from tests.support.stack_client import disobedient

    disobedient.clear()  # those of a module's own stack have stopped
    yield
    for url in disobedient.intersection(stack.simulators.values()):  # not of another stack, which may have stopped
        requests.delete(f"{url}/_simulator/faults", timeout=60)
        disobedient.discard(url)
