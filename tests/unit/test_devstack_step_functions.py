"""Check what the local stack changes in moto's Step Functions."""

from types import SimpleNamespace

from moto.stepfunctions.parser.api import ExecutionStatus

from devstack.step_functions_patches import execution_status


def test_execution_that_has_not_started_is_running():
    assert execution_status(SimpleNamespace(exec_status=None)) == "RUNNING"


def test_execution_that_has_ended_has_its_own_status():
    assert execution_status(SimpleNamespace(exec_status=ExecutionStatus.ABORTED)) == "ABORTED"
