"""Keep the words that docs/glossary.md rules out of code, logs, pages, tests and documentation."""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.glossary import find_banned_words

ROOT = Path(__file__).parents[2]
LONGEST_TEST_NAME = 60

# Files written by others, and the rules themselves.
OUTSIDE = (
    "docs/glossary.md",
    "tests/unit/test_glossary.py",
    "tools/glossary.py",
    "tests/fixtures/",
    "tests/states/package-lock.json",
    "samples/",
    "schemas/released/",
    "benchmarks/results.json",
    "LICENSE",
)
UNREAD = {"__pycache__", "node_modules", "out"}
READ = {".py", ".md", ".yaml", ".yml", ".json", ".js", ".mjs", ".html", ".css", ".toml", ".sh", ".in", ""}

LONG_NAME = re.compile(rf"def (test_\w{{{LONGEST_TEST_NAME - 4},}})")


def read_files() -> Iterator[tuple[str, str]]:
    """Yield path and text of each file of the project that the rules hold for; generated folders are left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in UNREAD and (name == ".github" or name[0] != "."))
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(ROOT).as_posix()
            if Path(name).suffix in READ and not path.startswith(OUTSIDE):
                yield path, (ROOT / path).read_text("utf-8")


def find_long_test_names(path: str, text: str) -> Iterator[str]:
    """Yield `file:line: name` for each test whose name is too long."""
    for match in LONG_NAME.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        yield f"{path}:{number}: {match[1]} -> at most {LONGEST_TEST_NAME} characters: subject, condition, result"


def test_banned_words_are_absent() -> None:
    found = [finding for path, text in read_files() for finding in find_banned_words(path, text)]

    assert not found, "docs/glossary.md has the words to use\n" + "\n".join(found)


def test_test_names_are_short() -> None:
    found = [
        finding
        for path, text in read_files()
        if path.startswith("tests/")
        for finding in find_long_test_names(path, text)
    ]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "# nobody\n# else",
        "tell\n    # apart",
        "def test_who_is_told(): ...",
        "SeeWhetherSomebodyIsAtWork",
        "Whom it serves",
    ],
)
def test_banned_words_are_found_across_gaps(text: str) -> None:
    assert list(find_banned_words("example.py", text))


def test_class_names_are_unique() -> None:
    places = defaultdict(list)
    for path, text in read_files():
        if path.startswith(("layers/", "functions/")) and path.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(f"{path}:{node.lineno}")

    repeated = {name: found for name, found in places.items() if len(found) > 1}

    assert not repeated, f"a class name exists once in layers/ and functions/: {repeated}"
