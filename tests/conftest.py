"""How every run of the tests begins and ends."""

import gc
import locale
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from xdist.scheduler import LoadFileScheduling

WAITS_UNTIL = 0.8  # of a run's files; after those, only files that compute are started

gc.disable()  # until all tests are collected: their modules stay, and load in three quarters of the time

# A property's examples are the same in each run, and may take any time, so that none fails by chance. `make test` has
# fewer of them. `--hypothesis-profile=explore` draws others.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("sample", settings.get_profile("repeatable"), max_examples=30)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Draw the same examples whatever is imported, and keep the garbage collector from the tests' modules."""
    if settings.default.derandomize:
        # Hypothesis draws constants of the code too, but of the modules that the tests before have imported.
        providers._get_local_constants = lambda: providers._local_constants
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)  # ten times less often: the processes end soon, and have memory
        gc.enable()


# The local recognizer costs seconds and 500 MiB a stack: only the tests that are about it start one.
os.environ["RECOGNIZER"] = "none"
# Tests compare English texts, also where the developer's shell speaks Chinese.
os.environ |= {"LC_ALL": "C.UTF-8", "LANGUAGE": "en"}
# A profile or endpoint of the developer's shell would direct boto3 to another AWS; moto reads them on import.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
# A password that the developer's home has for this machine would replace a test's signature.
os.environ["NETRC"] = os.devnull


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends a run as Ctrl-C does: what its fixtures have started is ended, what they have written is removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if config.getoption("markexpr") == "not exhaustive" and not config.getoption("--hypothesis-profile"):
        settings.load_profile("sample")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread files that wait, those of the stack, over files that compute: a worker takes the next file.

    So some workers compute at any time, and none has a long wait at the end.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    # The longest file is of the browser.
    waiting = sorted([path for path in files if path.parent.name in {"stack", "browser"}], key=lambda path: path.parent)
    computing = [path for path in files if path not in waiting]
    place = {path: WAITS_UNTIL * number / len(waiting) for number, path in enumerate(waiting)}
    place |= {path: (number + 0.5) / len(computing) for number, path in enumerate(computing)}
    items[:] = [item for path in sorted(files, key=lambda path: place[path]) for item in files[path]]


class Scheduling(LoadFileScheduling):
    """Gives a worker all tests of a file, which share fixtures, and one worker all of the browser: it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Schedule by files as above."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_unconfigure() -> None:
    """Leave what is stored to the process's end: pytest collects garbage five times now, a third of a second each."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def process_as_before() -> Iterator[None]:
    """Fail a file whose tests leave the process changed for those of the next file, which can be any other."""
    before = process_state()
    yield
    after = process_state()
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    assert {name: (before.get(name), after.get(name)) for name in changed} == {}


def process_state() -> dict[str, Any]:
    """Return what tests can change for other tests of their process, by name."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "working directory": Path.cwd(),
        "time zone": time.tzname,
        "locale": locale.setlocale(locale.LC_ALL),
        "signal handlers": [signal.getsignal(number) for number in signal.Signals],
        "log level": logging.root.level,
        "log handlers": [each for each in logging.root.handlers if not type(each).__module__.startswith("_pytest.")],
        "timeout of sockets": socket.getdefaulttimeout(),
    }


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
