"""Check the benchmarks' table: misses come first, every goal is a ratio, and the rest is marked as information."""

import json
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import cold_start, warm
from benchmarks.artefact import FUNCTIONS
from benchmarks.table import Figure, read, table
from tools.performance import RESULTS

SHORT = [
    Figure("near", "a peer", 0.9, aim=1.0),
    Figure("far", "a peer", 0.1, aim=1.0),
    Figure("above", "a limit", 2.0, aim=1.0),
    Figure("none may be", "all", 0.0, aim=0.0),
    Figure("said besides", "", 7.0, "ms"),
]


def test_table_has_misses_first_then_what_is_nearest_its_aim():
    _, *rows, last = table(SHORT)

    assert [row.split("  ")[0] for row in rows] == ["above", "near", "far", "none may be", "said besides"]
    assert [row.endswith("MISSED") for row in rows] == [True, False, False, False, False]
    assert last.startswith("5 figures, 4 with an aim, 1 missed")


def test_table_is_never_longer_than_forty_lines():
    many = [Figure(str(number), "", 1.0, "ms") for number in range(200)]

    lines = list(table([*many, *SHORT]))

    assert len(lines) == 40
    assert "MISSED" in lines[1]


def test_recorded_aims_are_ratios_to_what_is_named():
    recorded = json.loads(RESULTS.read_text())

    found = [each for part in recorded.values() for each in read(part["figures"])]

    aimed = [each for each in found if each.aim is not None]
    assert aimed
    assert [each.what for each in aimed if each.unit != "x" or not each.against] == []


def test_every_aim_of_the_short_ones_is_in_the_printed_table():
    found = read(json.loads(RESULTS.read_text())["short"]["figures"])

    shown = [line.split("  ")[0] for line in table(found)]
    assert [each.what for each in found if each.aim is not None and each.what[:58] not in shown] == []


@pytest.mark.parametrize("job", warm.JOBS, ids=lambda job: job.vendor)
def test_measured_steps_lead_to_a_transcript(job):
    assert warm.measured_steps(job)["job_ms"] > 0


@pytest.mark.parametrize(("value", "status"), [(1.0, 0), (1.1, 1)], ids=["met", "missed"])
def test_missed_aim_is_the_exit_status(tmp_path, monkeypatch, value, status):
    results = tmp_path / "results.json"
    results.write_text('{"short": {}, "long": {"kept": true}}')
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr(command, "stop_by_signal", lambda: None)
    monkeypatch.setattr(command, "_short", dict)
    monkeypatch.setattr(command.figures, "of_short", lambda _found: [Figure("cost", "a limit", value, aim=1.0)])
    monkeypatch.setattr(command.tables, "main", lambda: 0)
    monkeypatch.setattr(command.logging, "disable", lambda _level: None)
    monkeypatch.setattr(sys, "argv", ["benchmarks"])

    assert command.main() == status

    written = json.loads(results.read_text())
    assert written["long"] == {"kept": True}
    assert [each["value"] for each in written["short"]["figures"]] == [value]


def test_every_function_has_a_usual_step_whose_start_is_measured():
    assert set(cold_start.USUAL) == set(FUNCTIONS)
