"""AWS within a test's process: boto3's calls answered by moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from boto3.session import Session
from moto import mock_aws
from moto.core.custom_responses_mock import reset_responses_mock
from moto.core.models import responses_mock

from devstack.region_data import delete_region
from devstack.stack_registry import STACKS

# No local stack runs here: moto stores what a stack has in the same process, and a stack can outlive the mock.
REGION = "us-gov-west-1"


@contextmanager
def mocked_boto3() -> Iterator[None]:
    """Answer boto3's calls in this context. Starting is slow: begin each test with `forget` instead."""
    mock = mock_aws()
    mock.start(reset=False)  # a reset deletes what every region stores
    try:
        yield
    finally:
        mock.stop(remove_data=False)
        reset_responses_mock(responses_mock)
        forget()


def forget() -> None:
    """Delete the content of every service in REGION."""
    assert REGION not in STACKS, f"mocks delete what this stack stores: run it in another region than {REGION}"
    delete_region(REGION)


def client(service: str) -> Any:
    """Return a boto3 client of a service. The session caches the service's description."""
    return _session().client(service)


def create_bucket(name: str, *, versioning: bool = False) -> Any:
    """Create a bucket; return a client of S3."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versioning:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3


@cache
def _session() -> Session:
    return Session("x", "x", region_name=REGION)
