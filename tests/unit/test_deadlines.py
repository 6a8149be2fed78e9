"""No test fails by chance on a loaded machine: what must happen has a minute or more."""

import ast
import re

import pytest

from tests.support.template import ROOT

MINUTE_S = 60
DEADLINE = re.compile(r"(DEADLINE|TIMEOUT|JOIN|WAIT|LIMIT)_S$")
FILES = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.name != "test_deadlines.py")


def number(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else None


def short_deadlines(tree):
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and DEADLINE.search(node.targets[0].id)
        ):
            found = number(node.value)
        elif isinstance(node, ast.keyword) and node.arg == "timeout":
            found = number(node.value)
        else:
            continue
        if found is not None and found < MINUTE_S:
            yield f"line {node.lineno if hasattr(node, 'lineno') else node.value.lineno}: {found} s"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT / "tests").as_posix())
def test_what_must_happen_has_a_minute_or_more(file):
    assert list(short_deadlines(ast.parse(file.read_text()))) == []
