"""Check that the local Step Functions refuses the definitions that AWS refuses."""

import json
from typing import Any

import pytest
from moto.stepfunctions.parser.api import InvalidDefinition

from devstack.state_machines import check_definition
from tests.support.state_machines import MACHINES, definition


def machine(**states: Any) -> dict[str, Any]:
    """Return a definition that starts with the first of these states."""
    return {"StartAt": next(iter(states)), "States": states}


def each(label: str, **states: Any) -> dict[str, Any]:
    """Return a Map over these states, the last one of its scope."""
    return {"Type": "Map", "Label": label, "ItemProcessor": machine(**states), "End": True}


DONE = {"Type": "Succeed"}
REFUSED = {
    "a name in two scopes": (
        machine(First={"Type": "Parallel", "Branches": [machine(Done=DONE), machine(Done=DONE)], "End": True}),
        "DUPLICATE_STATE_NAME: Duplicate State name: Done at /States/First/Branches[0]/States/Done",
    ),
    "an inner name at the top": (
        machine(First={**each("a", Done=DONE), "End": False, "Next": "Done"}, Done=DONE),
        "DUPLICATE_STATE_NAME: Duplicate State name: Done at /States/First/ItemProcessor/States/Done",
    ),
    "a label twice": (
        machine(One={**each("same", A=DONE), "End": False, "Next": "Two"}, Two=each("same", B=DONE)),
        "DUPLICATE_LABEL_NAME: Duplicate Label name: same at /States/One/Label",
    ),
    "a long label": (machine(One=each("x" * 41, A=DONE)), "INVALID_LABEL_NAME"),
    "a long name": (machine(**{"x" * 81: DONE}), "INVALID_STATE_NAME"),
    "a start that is missing": (
        {"StartAt": "Nowhere", "States": {"Done": DONE}},
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /StartAt",
    ),
    "a next that is missing": (
        machine(First={"Type": "Pass", "Next": "Nowhere"}, Done=DONE),
        "Missing 'Next' target: Nowhere at /States/First/Next",
    ),
    "a choice that leads nowhere": (
        machine(First={"Type": "Choice", "Choices": [{"Next": "Done"}, {"Next": "Nowhere"}]}, Done=DONE),
        "Missing 'Next' target: Nowhere at /States/First/Choices[1]/Next",
    ),
    "a catch that leads out of its scope": (
        machine(
            First=each("a", Inner={"Type": "Task", "Catch": [{"Next": "Done"}], "End": True}) | {"Next": "Done"},
            Done=DONE,
        ),
        "Missing 'Next' target: Done at /States/First/ItemProcessor/States/Inner/Catch[0]/Next",
    ),
    "states that only lead to each other": (
        machine(Done=DONE, Here={"Type": "Pass", "Next": "There"}, There={"Type": "Pass", "Next": "Here"}),
        'State "Here" is not reachable. at /States/Here',
    ),
    "no last state": (
        machine(First={"Type": "Pass", "Next": "First"}),
        "MISSING_END_STATE: No terminal state at /States",
    ),
}


@pytest.mark.parametrize(("document", "message"), REFUSED.values(), ids=REFUSED)
def test_definition_that_aws_refuses_is_refused(document, message):
    with pytest.raises(InvalidDefinition) as refused:
        check_definition(json.dumps(document))

    assert str(refused.value.message).startswith("Invalid State Machine Definition: '")
    assert message in str(refused.value.message)


def test_name_in_both_maps_is_refused_as_in_aws():
    broken = definition("BackfillStateMachine").replace("InventoryBatch", "PrefixBatch")

    with pytest.raises(InvalidDefinition, match="DUPLICATE_STATE_NAME: Duplicate State name: SubmitPrefixBatch"):
        check_definition(broken)


@pytest.mark.parametrize("name", MACHINES)
def test_definition_of_the_template_is_accepted(name):
    check_definition(definition(name))


def test_names_may_be_as_long_as_aws_allows():
    check_definition(json.dumps(machine(**{"x" * 80: each("y" * 40, Done=DONE)})))
