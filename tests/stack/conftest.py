"""The whole stack, simulated vendors included, once per test process and on ports of its own."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from devstack.stack import LocalStack

# A profile or endpoint of the developer's shell would lead boto3 away from the stack; moto reads them on import.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[LocalStack]":
    """template.yaml with the real functions and vendors that take a third of a second."""
    from devstack.stack import LocalStack

    with LocalStack(turnaround_s=0.3, log_dir=tmp_path_factory.mktemp("logs")) as stack:
        yield stack
