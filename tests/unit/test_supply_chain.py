"""Check that CI uses only pinned code, and has no secrets."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github/workflows/check.yml").read_text()
WORKFLOW = yaml.safe_load(TEXT)
MAKEFILE = (ROOT / "Makefile").read_text()
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_action_is_pinned_by_commit():
    actions = [step["uses"] for step in STEPS if "uses" in step]

    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []


def test_workflow_has_no_secret_and_read_only_permissions():
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]

    assert "secrets." not in TEXT
    assert "pull_request_target" not in TEXT
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [job for job in WORKFLOW["jobs"].values() if "permissions" in job] == []
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(WORKFLOW["jobs"])


def test_ci_installs_only_hash_pinned_packages():
    commands = [step["run"] for step in STEPS if "run" in step]

    assert [command for command in commands if not command.startswith(("make ", ".venv-sam/bin/sam "))] == []


def test_ci_builds_the_stack_and_runs_every_event():
    assert {"make build", "make sam-local SAM_PULL_IMAGE=yes"} <= {step.get("run") for step in STEPS}


def test_npm_packages_are_pinned_with_hashes_and_run_no_scripts():
    folder = ROOT / "tests/states"
    wanted = json.loads((folder / "package.json").read_text())["devDependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    installed = {path: package for path, package in locked.items() if path}

    assert {name: installed[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [path for path, package in installed.items() if not package["integrity"].startswith("sha512-")] == []
    assert [path for path, package in installed.items() if "resolved" in package] == []  # each user's registry is asked
    assert "ignore-scripts=true" in (folder / ".npmrc").read_text().splitlines()
    assert "npm ci " in MAKEFILE


@pytest.mark.parametrize("scanner", ["checkov", "bandit", "tools.audit"])
def test_ci_runs_every_scanner(scanner):
    (scan,) = re.findall(r"(?m)^scan:.*\n((?:\t.*\n)+)", MAKEFILE)

    assert scanner in scan
    assert {"make check", "make scan MUST_AUDIT=yes"} <= {step.get("run") for step in STEPS}
    assert re.search(r"(?m)^check:.*\bscan\b", MAKEFILE)


def test_every_template_is_scanned():
    templates = [ROOT / "template.yaml", *(ROOT / "deploy").glob("*.yaml")]

    scanned = yaml.safe_load((ROOT / ".checkov.yaml").read_text())["file"]

    assert {ROOT / path for path in scanned} == set(templates)
