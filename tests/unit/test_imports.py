"""What the import contracts in pyproject.toml cannot check: handlers, and names instead of imports."""

import ast
from pathlib import Path

import pytest

from asrcore.vendors.registry import VENDORS

ROOT = Path(__file__).parents[2]
HANDLERS = sorted((ROOT / "functions").glob("*/*.py"))
CORE = sorted((ROOT / "layers/asrcore/asrcore/core").rglob("*.py"))
HANDLER_PACKAGES = {"asrcore", "typing"}
VENDOR_WORDS = {name.partition("-")[0] for name in VENDORS}
NAMES_VENDORS = {
    "prices.py": "a table of published prices, by vendor",
}


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_handler_imports_only_the_layer(path):
    assert imported_packages(path) <= HANDLER_PACKAGES


def docstrings(tree: ast.AST) -> set[ast.AST]:
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, scopes) and node.body]
    return {body[0].value for body in bodies if isinstance(body[0], ast.Expr)}


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_names_no_vendor(path):
    tree = ast.parse(path.read_text("utf-8"))
    skipped = docstrings(tree)
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped
    ]

    named = {word for word in VENDOR_WORDS for text in texts if word in text.lower()}

    assert bool(named) == (path.name in NAMES_VENDORS), named
