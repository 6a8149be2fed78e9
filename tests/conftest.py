"""What a run of the tests says at its end."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much the simulation of crashes has run, over all workers."""
    properties = [
        entry
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for entry in report.user_properties
    ]
    total = {name: sum(value for found, value in properties if found == name) for name in ("schedules", "points")}
    if total["schedules"]:
        terminalreporter.write_line(
            f"simulation: {total['schedules']} schedules, {total['points']} faults at crash points"
        )
