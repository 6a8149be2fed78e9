"""Check that deletions of the local stack fail as in AWS: by the stack's status."""

from types import SimpleNamespace

import pytest

from devstack.deletion import stack_deleted_when_idle


class Stack:
    """One of moto's stacks, without state machines."""

    def __init__(self):
        self.name, self.stack_id, self.status = "calls", "arn:calls", "CREATE_COMPLETE"
        self.stack_resources = []
        self.events = []

    def _add_stack_event(self, status, resource_status_reason):
        self.events.append((status, resource_status_reason))


@pytest.fixture
def backend():
    stack = Stack()
    return SimpleNamespace(account_id="123456789012", region_name="us-east-1", stacks={stack.stack_id: stack})


def test_failed_deletion_is_in_the_stacks_status(backend):
    def fail(backend, stack_id):
        backend.stacks.pop(stack_id)  # as moto's does before it begins
        raise ValueError("Cannot delete entity")

    stack_deleted_when_idle(fail)(backend, "calls")

    stack = backend.stacks["arn:calls"]
    assert stack.status == "DELETE_FAILED"
    assert stack.events == [("DELETE_FAILED", "Cannot delete entity")]


def test_stack_without_executions_is_deleted_at_once(backend):
    stack_deleted_when_idle(lambda backend, stack_id: backend.stacks.pop(stack_id))(backend, "arn:calls")

    assert backend.stacks == {}


def test_deletion_of_unknown_stack_does_nothing(backend):
    stack_deleted_when_idle(lambda *_: pytest.fail("nothing is to be deleted"))(backend, "other")

    assert backend.stacks
