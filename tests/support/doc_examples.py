"""The examples of the documentation: every fenced block of its pages, and what tests it.

A word after `sh` names the test: without one, `tests/stack/test_documentation.py` runs it on a local stack; `make`, it
starts a program that CI or another test runs; `docker` and `aws-account`, it needs what tests lack, and is compared
with what it names.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHINESE = ROOT / "docs/zh-CN"
PAGES = (
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("simulators", "samples", "benchmarks")),
)
# English and Chinese pages. `tests/unit/test_translations.py` holds their examples equal: only the English ones run.
TRANSLATIONS = (
    (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    *((ROOT / "docs" / page.relative_to(CHINESE), page) for page in sorted(CHINESE.rglob("*.md"))),
)
ENGLISH = tuple(page for page in PAGES if page not in {chinese for _, chinese in TRANSLATIONS})
MARKS = frozenset({"", "make", "docker", "aws-account"})
# Examples with a test of their own, which checks more than that they run: how they begin, and the test.
RUN_BY = {
    "docs/adding-a-vendor.md": (
        "python -m pytest",
        "tests/contract/test_toy_vendor.py::test_documented_example_vendor_passes_the_contract",
    ),
    "docs/api.md": ("call", "tests/stack/test_api.py::test_documented_commands_work"),
    "docs/from-zero.md": ("", "tests/stack/test_first_hour.py::test_first_hour_leads_from_clone_to_checked_stack"),
    "docs/backfill.md": ("python -m asrctl", "tests/stack/test_backfill.py::test_documented_commands_work"),
}
_FENCED = re.compile(r"^ *```(\w*)(?: (\S+))?\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its first line in the page."""

    page: str
    line: int
    language: str
    mark: str
    body: str

    @property
    def place(self) -> str:
        """Return its page and line."""
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Return a shell block's lines, with continued lines joined."""
        return [line for line in self.body.replace("\\\n", " ").splitlines() if line.strip()]

    @property
    def run_by(self) -> str | None:
        """Return the test that runs it, if it has its own."""
        start, test = RUN_BY.get(self.page, ("", None))
        return test if all(command.startswith(start) for command in self.commands) else None


def name(page: Path) -> str:
    """Return a page's path in the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(language: str) -> list[Block]:
    """Return every fenced block of a language, of all English pages."""
    return [block for page in ENGLISH for block in page_blocks(page) if block.language == language]


def inline(program: str) -> list[tuple[str, str]]:
    """Return every command of a program within a sentence, with its place."""
    return [
        (name(page), text)
        for page in ENGLISH
        for text in _INLINE.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
        if text.startswith(f"{program} ")
    ]


@cache
def page_blocks(page: Path) -> list[Block]:
    """Return every fenced block of a page."""
    text, page_name = page.read_text(encoding="utf-8"), name(page)
    return [
        Block(page_name, text.count("\n", 0, found.start(3)) + 1, found[1], found[2] or "", found[3])
        for found in _FENCED.finditer(text)
    ]
