"""AWS's own protocols within a test's process, on moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from boto3.session import Session
from moto import mock_aws
from moto.core.base_backend import BackendDict

REGION = "us-east-1"


@contextmanager
def embedded_aws() -> Iterator[None]:
    """Answer every call of boto3's within. Starting takes longer than most tests: begin each with `forget`."""
    with mock_aws():
        yield


def forget() -> None:
    """Empty every service."""
    BackendDict.reset()


def client(service: str) -> Any:
    """Return a boto3 client of a service. A session keeps what it has read of the service's description."""
    return _session().client(service)


@cache
def _session() -> Session:
    return Session("x", "x", region_name=REGION)
