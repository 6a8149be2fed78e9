"""asrctl as an installed command: what `pipx install .` brings works from any folder."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The package, installed without its dependencies, which the tests' environment has."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--target", folder]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", *options, ROOT], capture_output=True, timeout=300, check=True
    )
    return folder


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, folder / "bin" / "asrctl", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_installed_command_prints_the_version(folder):
    assert run(folder, "--version").stdout == f"asrctl {PROJECT['version']}\n"


def test_installed_command_is_named_in_usage_and_completion(folder):
    assert run(folder, "--help").stdout.startswith("Usage: asrctl ")
    assert run(folder, "--help", LANG="zh_CN.UTF-8").stdout.startswith("用法： asrctl ")
    assert "_ASRCTL_COMPLETE=bash_complete" in run(folder, _ASRCTL_COMPLETE="bash_source").stdout


def test_installed_command_reaches_for_aws(folder):
    place = ["--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"]

    done = run(folder, "smoke", *place, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("asrctl: Could not connect to the endpoint URL")


def test_installed_command_with_local_asks_for_a_checkout(folder):
    done = run(folder, "status", "--local")

    assert (done.returncode, done.stderr) == (
        1,
        "asrctl: --local needs a checkout: there, `make ctl` runs this command\n",
    )


def files(folder):
    """Return the files of a package: messages, the pages and their scripts are among them."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in found if "__pycache__" not in path}


def test_installed_package_has_sample_and_layer_only(folder):
    packages = {path.name for path in folder.iterdir()} - {"bin"}

    assert packages == {"asrcore", "asrctl", f"asrcore-{PROJECT['version']}.dist-info"}
    assert files(folder / "asrcore") == files(ROOT / "layers/asrcore/asrcore")
    assert files(folder / "asrctl") == files(ROOT / "asrctl") | {"greeting.wav"}
    assert (folder / "asrctl/greeting.wav").read_bytes() == (ROOT / "samples/greeting.wav").read_bytes()


def test_installed_dependencies_are_those_of_the_stack():
    files = ("layer.in", "local.in")
    lines = [line for name in files for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines()]
    required = {re.split(r"\s+#", line)[0].strip() for line in lines}

    assert [each for each in PROJECT["dependencies"] if each not in required] == []
