"""The documentation says what the code does."""

import pytest

from tools.tables import DOCUMENTS, ROOT, rewritten


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_tables_are_as_the_code_has_them(document):
    text = document.read_text()

    assert rewritten(text) == text, "run: make docs"


def test_the_readme_is_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250
