"""AWS within a test's process: boto3's calls answered by moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from boto3.session import Session
from moto import mock_aws
from moto.core.base_backend import BackendDict

REGION = "us-east-1"


@contextmanager
def mocked_boto3() -> Iterator[None]:
    """Answer boto3's calls in this context. Starting is slow: begin each test with `forget` instead."""
    with mock_aws():
        yield


def forget() -> None:
    """Delete the content of every service."""
    BackendDict.reset()


def client(service: str) -> Any:
    """Return a boto3 client of a service. The session caches the service's description."""
    return _session().client(service)


@cache
def _session() -> Session:
    return Session("x", "x", region_name=REGION)
