"""Schedules that once broke an invariant."""

from pathlib import Path

import pytest

from tests.simulation.explore import Counts
from tests.simulation.schedule import Schedule

KEPT = sorted(Path(__file__).with_name("regressions").glob("*.json"))


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.stem)
def test_stored_schedule_breaks_no_invariant(kept):
    assert not (report := Counts().run(Schedule.from_json(kept.read_text()))), report
