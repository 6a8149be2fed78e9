"""Hold each page of the documentation to the limits of `tools/readability.py`."""

import pytest

from tools import readability

PAGES = [page for page in readability.PAGES if page.exists()]


@pytest.fixture
def page(tmp_path):
    def write(text, path="page.md"):
        (tmp_path / path).write_text(text, encoding="utf-8")
        return tmp_path / path

    return write


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(readability.ROOT).as_posix())
def test_page_is_readable(page):
    assert readability.findings(page) == []


def test_sentences_end_at_full_stops_of_both_languages():
    text = "One, e.g. a short one. `Two` ends!\n\n- 第一句。第二句；第三句！\n"

    assert list(readability.sentences(text)) == [
        "One, e.g. a short one.",
        "`Two` ends!",
        "第一句。",
        "第二句；",
        "第三句！",
    ]


@pytest.mark.parametrize(
    ("sentence", "language", "length"),
    [
        pytest.param("Run `python -m asrctl why JOB` twice.", "en", 3, id="a-name-in-backticks-is-one-word"),
        pytest.param("运行 `asrctl why JOB` 两次", "zh-CN", 5, id="chinese-characters-and-names"),
        pytest.param("任务由 AWS 处理。", "zh-CN", 6, id="a-latin-word-counts-as-one-character"),
    ],
)
def test_length_of_a_sentence(sentence, language, length):
    assert readability.length(sentence, language) == length


def test_examples_and_generated_tables_are_not_prose():
    text = "Prose.\n\n```sh\nls\n```\n\n<!-- table: limits -->\n| a | b |\n<!-- end -->\n\n| cell | [link](x.md) |\n"

    assert list(readability.paragraphs(text)) == ["Prose.", "cell", "link"]
    assert list(readability.paragraphs(text, cells=False)) == ["Prose."]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("[a](missing.md)", ["dead link: missing.md"], id="file"),
        pytest.param("# Title\n\n[a](#no-such)", ["dead anchor: #no-such"], id="anchor"),
        pytest.param("# A title, `code`\n\n[a](#a-title-code)", [], id="anchor-of-a-heading"),
        pytest.param("# Title\n## Twice\n## Twice\n[a](#twice-1)", [], id="anchor-of-a-repeated-heading"),
        pytest.param("`[a](missing.md)` [b](https://example.com/)", [], id="code-and-web-addresses"),
    ],
)
def test_dead_links_are_found(page, text, found):
    assert list(readability.dead_links(page(text), text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("# One\n## Two\n### Three\n## Four\n", [], id="in-order"),
        pytest.param("# One\n### Three\n", ["headings: a level is left out before 'Three'"], id="level-left-out"),
        pytest.param("## Two\n", ["headings: a page has one title, at its top"], id="no-title"),
        pytest.param("# One\n## Two\n## Two\n", ["headings: twice: 'Two'"], id="twice"),
    ],
)
def test_mistakes_in_headings_are_found(text, found):
    assert list(readability.heading_mistakes(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("The QXZ is used.", ["unexplained: QXZ"], id="unexplained"),
        pytest.param("The QXZ (a made-up thing) is used.", [], id="explained-behind"),
        pytest.param("A made-up thing (QXZ) is used.", [], id="explained-before"),
        pytest.param("A call of SubmitFunction.", ["not in backticks: SubmitFunction"], id="name-of-code"),
        pytest.param("A rule of EventBridge, `SubmitFunction`.", [], id="product-and-name-in-backticks"),
        pytest.param("An HMAC over JSON, and `QXZ`.", [], id="in-the-glossary-known-or-code"),
    ],
)
def test_unexplained_abbreviations_are_found(text, found):
    assert list(readability.unexplained_terms(text)) == found


def test_sentence_above_the_limit_is_found():
    limit = readability.LONGEST["en"]

    assert list(readability.long_sentences(f"{'word ' * limit}.", "en")) == []
    assert [each[:7] for each in readability.long_sentences(f"{'word ' * (limit + 1)}.", "en")] == [f"{limit + 1} long"]


@pytest.mark.parametrize(
    ("path", "text", "finds"),
    [
        pytest.param(
            "docs/api.md", "# T\n\nEnglish · [中文](x.md)\n\nAfter this page you can call.", False, id="english"
        ),
        pytest.param("docs/zh-CN/api.md", "# T\n\n[English](x.md) · 中文\n\n读完本页，就能调用。", False, id="chinese"),
        pytest.param("docs/api.md", "# T\n\nThere is an API.", True, id="says-what-there-is"),
        pytest.param("README.md", "# T\n\nThere is an API.", False, id="readme-of-the-project"),
    ],
)
def test_opening_that_says_no_use_is_found(path, text, finds):
    assert bool(list(readability.opening_mistakes(readability.ROOT / path, text))) == finds


def test_draw_repeats_by_its_seed(page):
    pages = [page for page in PAGES if page.parent == readability.ROOT]

    assert readability.draw(pages, 5, 7) == readability.draw(pages, 5, 7)
    assert readability.draw(pages, 5, 7) != readability.draw(pages, 5, 8)
