"""`make build`, `deploy` and `sam-local` bring their own SAM CLI, and say in a line what they cannot bring."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asrctl.formatting import quote_name

ROOT = Path(__file__).parents[2]


def make(*arguments: str, path: str = os.environ["PATH"], **variables: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("make")
    assert program
    return subprocess.run(
        [program, "--no-print-directory", *arguments],
        cwd=ROOT,
        env={"PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_make_build_installs_the_sam_cli_with_hashes():
    recipe = make("-n", "-W", "requirements/sam.txt", "build").stdout

    assert "devstack/setup.sh .venv-sam requirements/sam.txt" in recipe
    assert '".venv-sam/bin/sam" build' in recipe


def test_make_build_with_sam_given_installs_none():
    recipe = make("-n", "-W", "requirements/sam.txt", "build", "SAM=/opt/sam").stdout

    assert "setup.sh" not in recipe
    assert '"/opt/sam" build' in recipe


def test_make_deploy_finds_its_imports():
    (*_, recipe) = make("-n", "-o", ".venv/local.ok", "-o", "build", "deploy").stdout.splitlines()
    started = recipe.replace(".venv/bin/python", sys.executable)

    done = subprocess.run(["sh", "-c", f"{started} --help"], cwd=ROOT, capture_output=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("target", "installs"),
    [
        pytest.param(("demo",), False, id="samples"),
        pytest.param(("demo", "AUDIO=my.mp3"), True, id="own recording"),
        pytest.param(("local",), True, id="local"),
        pytest.param(("local", "RECOGNIZER=none"), False, id="left out"),
    ],
)
def test_recognizer_is_installed_where_it_is_of_use(tmp_path, target, installs):
    recipe = make("-n", "-o", f"{tmp_path}/local.ok", f"VENV={tmp_path}", *target).stdout

    assert (f"setup.sh {tmp_path} requirements/recognizer.txt" in recipe) is installs


def test_recognizer_that_cannot_be_installed_stops_nothing(tmp_path):
    """`false` stands for a Python that installs nothing."""
    done = make("-o", f"{tmp_path}/local.ok", "local", f"VENV={tmp_path}", "RUN=echo", PYTHON="false")

    assert done.returncode == 0, done.stderr
    assert "-m devstack local" in done.stdout


def test_recognizer_says_what_it_costs_before_it_is_installed(tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("pip", "python"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\necho installs >&2\n")
        program.chmod(0o755)

    command = ["sh", "devstack/setup.sh", str(tmp_path), "requirements/recognizer.txt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    said, installed = done.stderr.split("installs")[0], "installs" in done.stderr
    assert installed
    assert "215 MB to download" in said
    assert "RECOGNIZER=none" in said


@pytest.mark.parametrize(
    "name",
    ["incoming/auto/my file.wav", "it's.wav", "a$b $(touch x) `c`.wav", "会议 \u202e\u00a0.wav", 'a"b\\c#d.wav'],
)
def test_make_ctl_passes_a_quoted_name_as_it_is(name):
    quoted = quote_name(name) if quote_name(name) != name else shlex.quote(name)

    done = make("-o", ".venv/local.ok", "ctl", f"ARGS=why {quoted} --local", "RUN=printf '%s|'", LC_ALL="C.UTF-8")

    assert done.stdout == f"-m|asrctl|why|{name}|--local|", done.stderr


def test_make_test_leaves_out_exhaustive_tests_only():
    (sample,) = make("-n", "-o", ".venv/dev.ok", "test").stdout.splitlines()
    (everything,) = make("-n", "-o", ".venv/dev.ok", "test-all").stdout.splitlines()

    assert sample.replace(' -m "not exhaustive"', "") == everything


def test_make_test_keeps_compiled_files_whatever_the_shell_says():
    printed = "sh -c 'echo [$$PYTHONDONTWRITEBYTECODE]'"

    assert make("-o", ".venv/dev.ok", "test", f"RUN={printed}", PYTHONDONTWRITEBYTECODE="1").stdout == "[]\n"


def test_check_holds_the_state_machines_and_test_needs_no_node():
    judged, tested = make("-n", "check").stdout, make("-n", "test").stdout

    assert "pytest -q tests/states" in judged
    assert "node" not in tested


def test_check_runs_published_clients_and_test_installs_none():
    checked, tested = make("-n", "check").stdout, make("-n", "test").stdout

    assert "pytest -q tests/clients" in checked
    assert "clients" not in tested


def test_check_runs_tests_with_the_oldest_python_if_installed(tmp_path):
    installed = make("-n", "check", f"OLDEST={sys.executable}").stdout
    missing = make("-n", "check", f"OLDEST={tmp_path / 'python3.11'}").stdout

    assert ".venv-oldest/bin/python -m pytest" in installed
    assert ".venv-oldest/bin/python" not in missing


@pytest.mark.parametrize(
    ("target", "says"),
    [
        pytest.param("build", "have it in PATH as python3.13", id="the Python of Lambda"),
        pytest.param("states", "needs Node.js 20 or newer with npm", id="an interpreter of JavaScript"),
        pytest.param("sam-local", "needs Docker: install it, start it", id="an engine for containers"),
    ],
)
def test_make_names_a_missing_program_before_installing(tmp_path, target, says):
    done = make(target, path=str(tmp_path))

    assert done.returncode != 0
    assert says in done.stderr
    assert done.stdout == ""
