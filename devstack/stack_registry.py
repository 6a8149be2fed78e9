"""The local stacks of this process, by region, for the places in which moto is changed."""

from typing import Any, Protocol

from devstack.clock import WaitClock
from devstack.functions import Answer
from devstack.iam_enforcement import IamEnforcement


class Stack(Protocol):
    """The part of a local stack that the changed places use."""

    credential: str
    iam: IamEnforcement
    clock: WaitClock

    def run_function(self, name_or_arn: str, event: bytes) -> Answer:
        """Run a function and wait for its answer."""

    def run_function_later(self, name_or_arn: str, event: bytes) -> None:
        """Run a function asynchronously."""

    def client(self, service: str) -> Any:
        """Return an administrator's boto3 client."""

    def client_of_role(self, role_arn: str, service: str) -> Any:
        """Return a boto3 client with the permissions of a state machine's role."""


STACKS: dict[str, Stack] = {}
