"""Count the schedules of the simulation's tests, for the summary of the run."""

import pytest

from tests.simulation.explore import Counts


@pytest.fixture
def counts(record_property):
    counted = Counts()
    yield counted
    record_property("schedules", counted.schedules)
    record_property("points", counted.points)
