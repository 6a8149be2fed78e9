"""`make flaky`: random order, CPU load, and what is recorded of each run."""

import subprocess
import sys

import pytest

from tools import flaky

SUITE = """
import pytest

class TestOne:
    @pytest.mark.parametrize("number", range(6))
    def test_any(self, number):
        with open({order!r}, "a") as file:
            file.write(str(number))

def test_by_chance():
    assert {passes}
"""


@pytest.fixture(autouse=True)
def no_plugins_but_the_order(monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def suite(tmp_path):
    def write(*, passes):
        path = tmp_path / "test_suite.py"
        path.write_text(SUITE.format(order=str(tmp_path / "order"), passes=passes))
        return [f"--rootdir={tmp_path}", "-c", "/dev/null", "-p", "no:cacheprovider", str(path)]

    return write


def sitting(folder, arguments, **options):
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return flaky.main([*words, "--busy", "0", "--folder", str(folder), "--", *arguments])


def test_flaky_adds_up_recorded_runs(tmp_path, suite, capsys):
    folder = tmp_path / "results"

    assert sitting(folder, suite(passes=False), seed=7) == 1
    assert sitting(folder, suite(passes=True), seed=7, runs=2) == 0

    runs = flaky.recorded(folder)
    assert [(run.seed, run.tests, run.exit_status) for run in runs] == [(7, 7, 1), (7, 7, 0), (8, 7, 0)]
    assert runs[0].failed == ["test_suite.py::test_by_chance"]
    *_, last_but_one, last = capsys.readouterr().out.splitlines()
    assert last_but_one.startswith("failed 1 times: test_suite.py::test_by_chance (repeat: make flaky SEED=7;")
    assert last == "green runs in a row, up to the last: 2"
    assert len(list(folder.glob("*.log"))) == 3

    orders = (tmp_path / "order").read_text()
    assert orders[:6] == orders[6:12] != orders[12:], "a seed repeats its order, and another has another"


def test_flaky_run_without_results_counts_as_failed(tmp_path):
    assert sitting(tmp_path / "results", ["--no-such-option"], seed=3) == 1

    (*_, row) = flaky.summary(flaky.recorded(tmp_path / "results"))
    assert row == "green runs in a row, up to the last: 0"


def test_flaky_failure_in_a_class_has_its_node_id(tmp_path):
    (tmp_path / "results.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.unit.test_a.TestB" file="tests/unit/test_a.py" '
        'name="test_c[d.e::f]"><failure/></testcase></testsuite></testsuites>'
    )

    assert flaky.read_results(tmp_path / "results.xml") == (1, ["tests/unit/test_a.py::TestB::test_c[d.e::f]"])


def test_flaky_load_ends_with_a_killed_run():
    """They hold the pipe that they inherit open until they end."""
    starter = "import time\nfrom tools import flaky\nwith flaky.load(2):\n    print(flush=True)\n    time.sleep(600)\n"
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, cwd=flaky.ROOT) as parent:
        parent.stdout.readline()
        parent.kill()

        assert parent.communicate(timeout=60) == (b"", None)
