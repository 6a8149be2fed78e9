"""Check which waits the local stack shortens, and which keep their length."""

import json

import pytest

from devstack.clock import REAL_WAITS, WaitClock
from devstack.settings import ROOT


def test_wait_before_a_query_is_divided_by_the_speed():
    assert WaitClock(20).wait_s("WaitToQuery", 10) == 0.5


def test_wait_for_a_time_of_day_keeps_its_length():
    assert WaitClock(20).wait_s("WaitToSubmit", 10) == 10


def test_default_speed_changes_no_wait():
    assert WaitClock().wait_s("WaitToQuery", 10) == WaitClock().pause_s(10) == 10


def test_real_waits_name_states_of_the_state_machine():
    states = json.loads((ROOT / "statemachine/poller.asl.json").read_text())["States"]

    assert {name for name in REAL_WAITS if states[name]["Type"] == "Wait"} == REAL_WAITS


@pytest.mark.parametrize("speed", [0, 0.5, -1])
def test_speed_below_one_is_refused(speed: float):
    with pytest.raises(ValueError, match="1 or more"):
        WaitClock(speed)
