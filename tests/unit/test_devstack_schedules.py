"""Check that schedules start functions at their rates."""

import json
import threading
from types import SimpleNamespace

import pytest

from devstack.expand import TemplateError
from devstack.schedules import Schedule, Scheduler, find_schedules

RULE = "arn:aws:events:us-east-1:123456789012:rule/sweep"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:sweep"


class Rules:
    """What moto says of its rules."""

    exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def __init__(self, expression, states=()):
        self.expression = expression
        self.states = iter(states)

    def describe_rule(self, Name):  # noqa: N803 - AWS's name
        assert Name == "sweep"
        state = next(self.states, "ENABLED")
        if state is None:
            raise KeyError(Name)
        return {"State": state}

    def list_rules(self):
        return {
            "Rules": [
                {"Name": "sweep", "Arn": RULE, "ScheduleExpression": self.expression},
                {"Name": "other", "Arn": "x"},
            ]
        }

    def list_targets_by_rule(self, Rule):  # noqa: N803 - AWS's name
        return {"Targets": [{"Arn": FUNCTION}, {"Arn": "arn:aws:sqs:us-east-1:123456789012:queue"}]}


@pytest.mark.parametrize(
    ("expression", "every_s"), [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7200)]
)
def test_rates_are_read_from_the_rules(expression, every_s):
    assert find_schedules(Rules(expression)) == [Schedule(RULE, FUNCTION, every_s)]


def test_unsupported_schedule_is_refused_by_name():
    with pytest.raises(TemplateError, match=r"cron\(0 8"):
        find_schedules(Rules("cron(0 8 * * ? *)"))


def test_function_is_started_at_each_scheduled_time():
    started, thrice = [], threading.Event()

    def start(function_arn, event):
        started.append((function_arn, json.loads(event)))
        if len(started) == 3:
            thrice.set()

    with Scheduler([Schedule(RULE, FUNCTION, 0.01)], Rules("rate(1 minute)"), start):
        assert thrice.wait(120)

    assert {function_arn for function_arn, _ in started} == {FUNCTION}
    assert started[0][1]["detail-type"] == "Scheduled Event"
    assert started[0][1]["resources"] == [RULE]


@pytest.mark.parametrize("state", [pytest.param("DISABLED", id="disabled"), pytest.param(None, id="deleted")])
def test_disabled_rule_starts_nothing(state):
    started, once = [], threading.Event()
    events = Rules("rate(1 minute)", [state] * 5)

    def start(function_arn, event):
        started.append(next(events.states, "none left"))
        once.set()

    with Scheduler([Schedule(RULE, FUNCTION, 0.01)], events, start):
        assert once.wait(60)

    assert started[0] == "none left"
