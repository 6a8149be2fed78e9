"""Validate both definitions with asl-validator, as Step Functions receives them."""

import json
from typing import Any

import pytest

from tests.states.node_scripts import ask
from tests.support.state_machines import MACHINES, definition


def twice(states: dict[str, Any]) -> None:
    """Give the states of both Maps the same names, which made AWS reject the backfill machine."""
    renamed = json.dumps(states["FromInventory"]["ItemProcessor"]).replace("InventoryBatch", "PrefixBatch")
    states["FromInventory"]["ItemProcessor"] = json.loads(renamed)


def nowhere(states: dict[str, Any]) -> None:
    states["FromPrefix"]["ItemProcessor"]["States"]["SubmitPrefixBatch"]["Next"] = "Nowhere"


def no_path(states: dict[str, Any]) -> None:
    states["FromPrefix"]["MaxConcurrencyPath"] = "concurrency"


FAULTS = {"DUPLICATE_STATE_NAMES": twice, "MISSING_TRANSITION_TARGET": nowhere, "SCHEMA_VALIDATION_FAILED": no_path}


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    """Return the validator's findings for each machine, and for the backfill machine with each fault."""
    definitions = {name: json.loads(definition(name)) for name in MACHINES}
    for fault, damage in FAULTS.items():
        definitions[fault] = json.loads(definition("BackfillStateMachine"))
        damage(definitions[fault]["States"])
    answer: dict[str, list[Any]] = ask("validate.mjs", definitions)
    return answer


@pytest.mark.parametrize("name", MACHINES)
def test_definition_passes_asl_validator(found, name):
    assert found[name] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_found_by_asl_validator(found, fault):
    assert {error["Error code"] for error in found[fault]} == {fault}
