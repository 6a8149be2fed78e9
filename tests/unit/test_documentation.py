"""The documentation says what the code does."""

import re

import pytest

from tools.tables import DOCUMENTS, ROOT, rewritten


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_tables_are_as_the_code_has_them(document):
    text = document.read_text()

    assert rewritten(text) == text, "run: make docs"


@pytest.mark.parametrize(
    "document",
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "simulators/README.md", ROOT / "benchmarks/README.md"],
    ids=lambda document: str(document.relative_to(ROOT)),
)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_event_is_named_beside_its_function():
    told = (ROOT / "docs/developing.md").read_text()

    assert [event.stem for event in (ROOT / "events").glob("*.json") if f"`{event.stem}`" not in told] == []


def test_the_readme_is_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250
