"""Which tests stay together, and what a run of the tests says at its end."""

import pytest

TOGETHER = {"stack", "browser", "containers"}  # folders whose files begin with what takes long to make


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups by the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file of these is run by one process, which makes its stack once; all other tests go wherever there is room."""
    for item in items:
        if item.path.parent.name in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


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
