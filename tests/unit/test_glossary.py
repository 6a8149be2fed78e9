"""Keep the words that docs/glossary.md rules out of code, logs, pages, tests and documentation."""

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_TEST_NAME = 60

# A pattern, and what to write instead. A space stands for any gap: a line break, a comment's `#`, `_`, camel case.
BANNED = {
    # Actors without a name.
    "somebody|nobody|anybody|everybody|whoever": "name the actor: caller, operator, vendor, worker, uploader, poller",
    "whom": "name the actor: caller, operator, vendor, worker, uploader, poller",
    "(tells?|says?|knows?|sees?|asks?|told|by|to|for) who(?! must act)": "name the actor",
    # Picture words for operations.
    "(is|are|was|were|be|been|being|not) told": "receives, is notified, is given",
    "tells? (of|the|them|it)": "reports, publishes, names",
    "(tell|tells|told) (\\w+ ){0,2}apart": "distinguish, separate",
    "(lies|lie|lay) (in|where|elsewhere|there|at|on)": "is stored in, is in",
    "hand(s|ed|ing)? (it |them |this |that )?over": "submit, pass, deliver",
    "look(s|ed|ing)? after": "supervise, resume, recover",
    "in (its|their) turn": "at its slot, then",
    "(goes|went) on": "continues",
    "hears?": "receives; an engine recognizes speech",
    "play(s|ed|ing)? (aws|lambda|s3|the vendor|a vendor)": "simulates; local stack",
    "turn(s|ed|ing)? away": "rejects, throttles",
    "(join(s|ed|ing)?|in|into|of) the line": "the rate limiter's queue, a slot",
    "at work": "in progress, running",
    "desks?": "fake, simulated vendor",
    "doors?": "handler, entry point",
    "(vendor|server|service|engine)s? takes?": "accepts; needs 4 s",
    "a (yes|no)": "an acknowledgement, a rejection",
    # The glossary's column "not".
    "unattended": "stalled",
    "footprints?": "AWS usage",
    "announce(s|d|ment|ments)?": "publish an event; event_published",
    "may pass": "retryable",
    "asks? (a|the|another|one) question": "queries",
    "crowded": "throttled",
    "paced?": "rate limit, slot",
    "wish(es)?": "requested options",
    "farther|nearer": "of higher or lower precedence",
    "stand-?ins?": "fake",
    "judges?": "check, validator",
    "in vain": "without a result",
}

# Files written by others, and the rules themselves.
OUTSIDE = (
    "docs/glossary.md",
    "tests/unit/test_glossary.py",
    "tests/fixtures/",
    "tests/states/package-lock.json",
    "samples/",
    "schemas/released/",
    "benchmarks/results.json",
    "LICENSE",
)
UNREAD = {"__pycache__", "node_modules", "out"}
READ = {".py", ".md", ".yaml", ".yml", ".json", ".js", ".mjs", ".html", ".css", ".toml", ".sh", ".in", ""}

# Where a word is right: the file's path starts with the first, the line holds the second.
ALLOWED: dict[tuple[str, str], str] = {
    ("CHANGELOG.md", "| "): "the table of renames names the old words",
}


def compile_banned(pattern: str) -> re.Pattern[str]:
    """Match whole words only, with any gap between them."""
    return re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+"))


PATTERNS = [(compile_banned(pattern), instead) for pattern, instead in BANNED.items()]
ANY = compile_banned("|".join(BANNED))  # one pass over a file that holds none of them
LONG_NAME = re.compile(rf"def (test_\w{{{LONGEST_TEST_NAME - 4},}})")
MARK = re.compile(r"(?<=[a-z])(?=[A-Z])|[_#*/]+")


def read_files() -> Iterator[tuple[str, str]]:
    """Yield path and text of each file of the project that the rules hold for; generated folders are left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in UNREAD and (name == ".github" or name[0] != "."))
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(ROOT).as_posix()
            if Path(name).suffix in READ and not path.startswith(OUTSIDE):
                yield path, (ROOT / path).read_text("utf-8")


def find_banned_words(path: str, text: str) -> Iterator[str]:
    """Yield `file:line: "words" -> replacement` for each banned pattern in a text, identifiers included."""
    words = MARK.sub(" ", text).lower()
    if not ANY.search(words):
        return
    lines = text.splitlines()
    for pattern, instead in PATTERNS:
        for match in pattern.finditer(words):
            number = words.count("\n", 0, match.start()) + 1
            if not any(path.startswith(where) and right in lines[number - 1] for where, right in ALLOWED):
                yield f'{path}:{number}: "{" ".join(match.group().split())}" -> {instead}'


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
