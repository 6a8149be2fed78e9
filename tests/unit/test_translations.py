"""Check that a page says the same in English and Chinese.

A page and its translation have the same headings, tables, examples, names and figures, section by section.
"""

import json
import re
from itertools import zip_longest

import pytest

from tests.support.chinese import LINE_BREAK, MISTAKES
from tests.support.doc_examples import TRANSLATIONS, name, page_blocks

PAIRS = [pytest.param(*pair, id=name(pair[1])) for pair in TRANSLATIONS]
FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")
COMMENT = re.compile(r"(?m)(?:^|\s+)# .*$")
MARKER = re.compile(r"<!-- (.*?) -->")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,.]*\d|\d")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def sections(page):
    """Return a page's sections in order: the heading's level, and the text below without its fenced blocks."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    starts = [*re.finditer(r"(?m)^(#+) .+$", text)]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [(len(start[1]), text[start.start() : end]) for start, end in zip(starts, ends, strict=True)]


def tables(page):
    """Return a page's tables in order: a list of rows, each with its number of cells and its names in backticks."""
    found = re.findall(r"(?m)(?:^ *\|.*\|$\n?)+", FENCED.sub("", page.read_text(encoding="utf-8")))
    return [[(len(re.findall(r"(?<!\\)\|", row)), names(row)) for row in table.splitlines()] for table in found]


def names(text):
    """Return the names in backticks that mean the same in every language."""
    return {span for span in re.findall(r"`([^`\n]+)`", text) if not CHINESE.search(span)}


def numbers(text):
    """Return the figures of a text, without those of names, links and markers."""
    plain = re.sub(r"`[^`\n]+`|\]\([^)]*\)|<!--.*?-->|https?://\S+", " ", text)
    return set(NUMBER.findall(plain))


def examples(page):
    """Return a page's fenced blocks: language, mark, and what must be equal. Comments and sample output may differ."""
    return [(block.language, block.mark, _fixed(block)) for block in page_blocks(page)]


def _fixed(block):
    if block.language == "sh":
        return [line.strip() for line in COMMENT.sub("", block.body).splitlines() if line.strip()]
    return json.loads(block.body) if block.language == "json" else None


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_translation_and_page_link_to_each_other(english, chinese):
    def targets(page):
        head = "\n".join(page.read_text(encoding="utf-8").splitlines()[:5])
        return [(page.parent / link).resolve() for link in re.findall(r"\]\(([^)#]+\.md)\)", head)]

    assert chinese in targets(english), "link to the Chinese page within the first five lines"
    assert english in targets(chinese), "link to the English page within the first five lines"


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_translation_has_the_same_headings(english, chinese):
    assert [level for level, _ in sections(chinese)] == [level for level, _ in sections(english)]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_translation_has_the_same_tables(english, chinese):
    assert tables(chinese) == tables(english)
    assert MARKER.findall(chinese.read_text("utf-8")) == MARKER.findall(english.read_text("utf-8"))


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_translation_has_the_same_examples(english, chinese):
    assert examples(chinese) == examples(english)


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_translation_has_the_same_names_and_figures(english, chinese):
    differences = []
    for (_, ours), (_, theirs) in zip_longest(sections(english), sections(chinese), fillvalue=(0, "")):
        lacking = sorted((names(ours) - names(theirs)) | (numbers(ours) - numbers(theirs)))
        added = sorted(names(theirs) - names(ours))
        if lacking or added:
            differences.append((theirs.splitlines()[0] if theirs else ours, {"lacking": lacking, "added": added}))

    assert differences == []


@pytest.mark.parametrize("chinese", [pytest.param(page, id=name(page)) for _, page in TRANSLATIONS])
def test_chinese_page_is_set_as_chinese(chinese):
    text = FENCED.sub("", chinese.read_text(encoding="utf-8"))
    text = re.sub(r"`[^`\n]+`", "`name`", re.sub(r"\]\([^)]*\)", "]", text))

    assert [
        (mistake, text[max(0, each.start() - 10) : each.end() + 10])
        for mistake, pattern in {**MISTAKES, "line break within a sentence": LINE_BREAK}.items()
        for each in pattern.finditer(text)
    ] == []


@pytest.mark.parametrize("chinese", [pytest.param(page, id=name(page)) for _, page in TRANSLATIONS])
def test_every_line_of_a_chinese_page_is_translated(chinese):
    text = re.sub(r"`[^`\n]+`|\]\([^)]*\)|<[^>]*>", " ", FENCED.sub("", chinese.read_text(encoding="utf-8")))
    english_only = [line for line in text.splitlines() if not CHINESE.search(line)]

    assert [line for line in english_only if len(re.findall(r"[A-Za-z]{2,}", line)) > 3] == []


def test_links_of_chinese_pages_lead_to_chinese_pages():
    translated = {english.resolve(): chinese for english, chinese in TRANSLATIONS}
    found = []
    for english, chinese in TRANSLATIONS:
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", chinese.read_text(encoding="utf-8")):
            target = (chinese.parent / link).resolve()
            if target in translated and target != english:
                found.append(f"{name(chinese)}: {link} -> {name(translated[target])}")

    assert found == []


def test_every_chinese_page_has_an_english_one():
    assert [name(english) for english, _ in TRANSLATIONS if not english.is_file()] == []
