"""Follow `docs/adding-a-vendor.md`: its code makes a vendor that passes the contract of all vendors.

The page's blocks are applied to a copy of the project: a code block is a new file, a `diff` is an edit, and the
file's name follows the language. Then the page's command runs there.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-vendor.md").read_text()
BLOCK = re.compile(r"^```(?P<language>\w+) (?P<path>\S+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^python -m (pytest .*)$", re.MULTILINE)
LEFT_BEHIND = (".git", ".venv*", ".local", ".aws-sam", ".*_cache", ".hypothesis", "__pycache__", "node_modules", "out")
TYPES = ROOT / ".mypy_cache" / "example-vendor"  # in files, because two runs at once may share it
TIMEOUT_S = 300


def edited(text: str, diff: str) -> str:
    """Apply a diff's hunks to a text; each hunk's old lines must occur exactly once."""
    for hunk in diff.split("@@\n"):
        lines = [(line[:1], line[1:]) for line in hunk.splitlines()]
        old = "".join(f"{line}\n" for mark, line in lines if mark != "+")
        new = "".join(f"{line}\n" for mark, line in lines if mark != "-")
        assert text.count(f"\n{old}") == 1, f"missing, or more than once:\n{old}"
        text = text.replace(f"\n{old}", f"\n{new}")
    return text


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND), dirs_exist_ok=True)
    for block in BLOCK.finditer(PAGE):
        path = copy / block["path"]
        assert path.exists() == (block["language"] == "diff"), f"exists already or is not new: {block['path']}"
        path.write_text(edited(path.read_text(), block["body"]) if path.exists() else block["body"])
    return copy


def run(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=project, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def test_documented_example_vendor_passes_the_contract(project):
    command = COMMAND.search(PAGE)
    assert command

    done = run(project, *shlex.split(command[1]), "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout[-5000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 10


def test_documented_example_vendor_passes_mypy(project):
    modules = [block["path"] for block in BLOCK.finditer(PAGE) if block["language"] == "python"]

    done = run(project, "mypy", "--no-sqlite-cache", "--cache-dir", str(TYPES), *modules)

    assert done.returncode == 0, done.stdout
