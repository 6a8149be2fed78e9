"""No test fails by chance on a loaded machine: what must happen has a minute or more."""

import ast
import re

from tests.support.template import ROOT

MINUTE_S = 60
DEADLINE = re.compile(r"(DEADLINE|TIMEOUT|JOIN|WAIT|LIMIT)_S$")
FILES = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.name != "test_deadlines.py")


def short_deadlines(file):
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if DEADLINE.search(name):
                pass
            case ast.keyword(arg="timeout", value=value):
                pass
            case _:
                continue
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float) and value.value < MINUTE_S:
            yield f"{file.relative_to(ROOT)}, line {value.lineno}: {value.value} s"


def test_what_must_happen_has_a_minute_or_more():
    assert [found for file in FILES for found in short_deadlines(file)] == []
