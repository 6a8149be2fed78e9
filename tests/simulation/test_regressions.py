"""Schedules that once broke a promise."""

from pathlib import Path

import pytest

from tests.simulation.explore import Counts
from tests.simulation.schedule import Schedule

KEPT = sorted(Path(__file__).with_name("regressions").glob("*.json"))


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.stem)
def test_what_once_broke_a_promise_breaks_it_no_more(kept):
    assert not (story := Counts().run(Schedule.from_json(kept.read_text()))), story
