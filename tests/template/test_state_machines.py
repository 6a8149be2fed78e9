"""Check both definitions, as a deployment sends them, with cfn-lint and its schema of the States Language.

It detects neither duplicate names nor a `Next` without a state: asl-validator does (tests/states), and the local
stack (tests/unit/test_devstack_state_machines.py).
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from devstack.expand import expand, load_template
from tests.support.state_machines import MACHINES, definition
from tests.support.template import ROOT

# cfn-lint takes longest to import of all that tests use: each process of a run collects every test.
if TYPE_CHECKING:
    from cfnlint.rules import RulesCollection

STATE_MACHINE_RULE = "E3601"
# Each rule needs the one before: template, its sections, resources, their properties, the definition.
NEEDED_RULES = ("E1001", "E1101", "E3001", "E3002", STATE_MACHINE_RULE)


@pytest.fixture(scope="module")
def rules() -> "RulesCollection":
    from cfnlint.core import get_rules
    from cfnlint.rules import RulesCollection

    known = get_rules([], [], ["E"], {}, False).rules
    collection = RulesCollection()
    for rule in NEEDED_RULES:
        collection.register(known[rule])
    return collection


@pytest.fixture(scope="module")
def expanded() -> dict[str, Any]:
    return expand(load_template(ROOT / "template.yaml"), ROOT, "us-east-1").template


def found(expanded: dict[str, Any], rules: "RulesCollection", definitions: dict[str, str]) -> list[str]:
    """Return the rule's messages for a template with these definitions by logical id."""
    resources = dict(expanded["Resources"])
    for name, text in definitions.items():
        others = {
            key: value for key, value in resources[name]["Properties"].items() if key != "DefinitionSubstitutions"
        }
        resources[name] = {**resources[name], "Properties": {**others, "DefinitionString": text}}
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    matches = lint(json.dumps({**expanded, "Resources": resources}), rules, config=ManualArgs(regions=["us-east-1"]))
    return [match.message for match in matches if match.rule.id == STATE_MACHINE_RULE]


def test_definition_passes_cfn_lint(expanded, rules):
    assert len(MACHINES) == 2
    assert found(expanded, rules, {name: definition(name) for name in MACHINES}) == []


def add_unknown_field(states: dict[str, Any]) -> None:
    states["Submit"]["TimeoutSecond"] = 180


def wait_for_text(states: dict[str, Any]) -> None:
    states["WaitToQuery"] = {"Type": "Wait", "Seconds": "ten", "Next": "Query"}


def start_nowhere(states: dict[str, Any]) -> None:
    states["FromPrefix"]["ItemProcessor"]["StartAt"] = "Nowhere"


@pytest.mark.parametrize(
    ("machine", "damage", "message"),
    [
        pytest.param("PollerStateMachine", add_unknown_field, "'TimeoutSecond' was unexpected", id="unknown field"),
        pytest.param("PollerStateMachine", wait_for_text, "WaitToQuery", id="wrong type"),
        pytest.param("BackfillStateMachine", start_nowhere, "Missing 'Next' target 'Nowhere'", id="no such start"),
    ],
)
def test_planted_fault_is_found_by_cfn_lint(
    expanded, rules, machine: str, damage: Callable[[dict[str, Any]], None], message: str
):
    broken = json.loads(definition(machine))
    damage(broken["States"])

    (said,) = found(expanded, rules, {machine: json.dumps(broken)})

    assert message in said


@pytest.mark.parametrize("machine", MACHINES)
def test_definition_has_no_key_twice_in_an_object(machine):
    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert sorted(set(names)) == sorted(names)  # of two, JSON readers keep the last without an error
        return dict(pairs)

    json.loads(definition(machine), object_pairs_hook=distinct)
