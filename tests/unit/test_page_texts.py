"""The texts of both pages: all of them in the catalogue, none of them unused, none written in a page itself."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import asrcore
from asrcore.api.models import Stage
from asrcore.core.job import Status
from asrcore.messages import LOCALES
from asrcore.render import FORMATS
from asrcore.render.pages import TEXTS, load
from asrcore.vendors.registry import VENDORS
from tools.messages import for_browsers, path, read

LAYER = Path(asrcore.__file__).parent
COMMON, JOBS, VIEWER = (LAYER / each for each in ("render/common/common", "api/page/jobs", "render/viewer/viewer"))
PAGES = [pytest.param(each, id=each.name) for each in (JOBS, VIEWER)]
VIEWS = {JOBS: ("viewer",), VIEWER: ()}  # other pages that a page shows
SOURCES = [
    pytest.param(each, id=f"{each.parent.name}/{each.stem}")
    for page in (COMMON, JOBS, VIEWER)
    for each in sorted(page.parent.glob("*.js"))
]
STYLES = [pytest.param(each, id=each.name) for each in (COMMON, JOBS, VIEWER)]
# Codes that a script completes with a value.
FAMILIES = {
    "common.language": {"zh-CN", "yue-CN", "wuu-CN", "zh-Sichuan"},  # those that browsers name badly or not at all
    "common.vendor": set(VENDORS),
    "jobs.column": {"name", "length", "created", "state", "vendor", "cost", "menu"},
    "jobs.stage": set(Stage),
    "jobs.status": set(Status),
    "jobs.format": {"json", *FORMATS},
    "viewer.format": set(FORMATS) - {"html"},
}
SHOWN = {"aria-label", "placeholder", "title", "alt", "value"}  # attributes that a browser shows
CODE = re.compile(r"(?:common|jobs|viewer)(?:\.\w+)+")
# A comment, a regular expression, a string, a template.
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?<=[(,=])/(?:\\.|\[[^]]*\]|[^/\\\n])+/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""",
    re.DOTALL,
)
LIKE_A_TEXT = re.compile(r"[^\x00-\x7f·]|[A-Za-z]{2} [A-Za-z]{2}|^[A-Z][a-z]+\W?( |$)")
NAMES = {  # of a mode, classes, headers, keys and a script; signs beside a label
    "use strict",
    "said bad",
    "small plain",
    "Files",
    *"⚠⋯↑↓",
    "Authorization",
    "Bearer {}",
    "Enter",
    "Escape",
    "Hant",
}
LETTER = re.compile(r"[^\W\d_]")


def scripts():
    """Return the sources of every script."""
    return [each.values[0].read_text("utf-8") for each in SOURCES]


def literals(source):
    """Return the texts that a script holds: of strings, and of templates without what these insert."""
    for token in TOKEN.findall(source):
        if token[0] in "\"'`":
            yield re.sub(r"\$\{[^}]*\}", "{}", token[1:-1])


class Reader(HTMLParser):
    """Collect a page's texts and shown attributes, its codes, and where a text has no code."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.codes, self._inside = [], set(), ""
        self.feed(page.with_suffix(".html").read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self._inside = tag
        for name, value in attributes:
            if name in SHOWN:
                self.texts.append(value)
            if name in {"data-say", "data-label", "data-hint"}:
                self.codes.add(value)

    def handle_data(self, text):
        if self._inside not in {"script", "style"}:
            self.texts.append(re.sub(r"\{\{\w+\}\}", "", text))


def used_codes():
    """Return the codes that the pages use. A family's code ends with what the script inserts."""
    codes = {"common.noscript"}  # filled in when a page is loaded
    for source in scripts():
        codes |= {each for each in literals(source) if CODE.fullmatch(each)}
    for page in (JOBS, VIEWER):
        codes |= Reader(page).codes
    return codes | {f"{family}.{member}" for family, members in FAMILIES.items() for member in members}


def test_browsers_get_the_texts_of_the_catalogue():
    assert TEXTS.read_text("utf-8") == for_browsers(), "run make messages"


@pytest.mark.parametrize("language", LOCALES)
def test_catalogue_has_the_texts_of_the_pages_and_no_others(language):
    known = {message.id.removeprefix("pages.") for message in read(path("pages", language)) if message.id}

    assert used_codes() == known


def test_families_are_those_of_the_scripts():
    inserted = {
        match[1]
        for source in scripts()
        for each in literals(source)
        if (match := re.fullmatch(r"((?:common|jobs|viewer)(?:\.\w+)+)\.\{\}", each))
    }

    assert inserted == set(FAMILIES)


@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_text_of_its_own(page):
    # The title, until the script runs.
    assert [text.strip() for text in Reader(page).texts if LETTER.search(text)] == ["asrcore"]


@pytest.mark.parametrize("path", SOURCES)
def test_script_has_no_text_of_its_own(path):
    """Find literals that are shown, or look like a text: a script has names, of elements, events, keys and codes."""
    source = path.read_text("utf-8")
    found = [each for each in set(literals(source)) - NAMES if LIKE_A_TEXT.search(each)]
    shown = re.findall(
        r"""(?:textContent|placeholder|ariaLabel|innerText|alert)\s*[:=(]\s*["'`][^"'`]*[^\W\d_]""", source
    )

    assert found + shown == []


@pytest.mark.parametrize("page", STYLES)
def test_style_has_no_text_of_its_own(page):
    style = page.with_suffix(".css").read_text("utf-8")

    assert not [text for text in re.findall(r"\bcontent:\s*(\".*?);", style) if LETTER.search(text)]


@pytest.mark.parametrize("page", PAGES)
def test_page_carries_its_own_texts_in_every_language(page):
    carried = load(page, *VIEWS[page]).text

    for language in LOCALES:
        texts = {message.id.removeprefix("pages."): message.string for message in read(path("pages", language))}
        assert f'"{page.name}.' in carried
        for code, text in texts.items():
            if code.startswith((f"{page.name}.", "common.", *(f"{view}." for view in VIEWS[page]))):
                assert f'"{code}":"{text}"' in carried


def test_linked_script_is_of_modules_in_their_order(tmp_path):
    (tmp_path / "page.js").write_text(
        'import { two } from "./two.js";\nimport { one } from "./one.js";\nuse(one, two);\n'
    )
    (tmp_path / "two.js").write_text('import { one } from "./one.js";\nexport const two = one + one;\n')
    (tmp_path / "one.js").write_text("const half = 0.5;\nexport const one = half + half;\nexport function none() {}\n")
    (tmp_path / "page.css").write_text('@import "one.css";\n@import "two.css";\nmain { color: red; }\n')
    (tmp_path / "two.css").write_text('@import "one.css";\np { color: red; }\n')
    (tmp_path / "one.css").write_text("b { color: red; }\n")
    (tmp_path / "page.html").write_text("<style>{{style}}</style><script>{{script}}</script>")

    page = load(tmp_path / "page").text

    assert page == (
        "<style>b { color: red; }\np { color: red; }\nmain { color: red; }\n</style><script>"
        '"use strict";\n'
        "const module0 = (() => {\n"
        "const half = 0.5;\nconst one = half + half;\nfunction none() {}\nreturn { one, none };\n})();\n"
        "const module1 = (() => {\nconst { one } = module0;\nconst two = one + one;\nreturn { two };\n})();\n"
        "const module2 = (() => {\nconst { two } = module1;\nconst { one } = module0;\n"
        "use(one, two);\nreturn {  };\n})();\n"
        "</script>"
    )


@pytest.mark.parametrize("path", SOURCES)
def test_every_import_and_export_is_linked(path):
    linked = re.findall(
        r'^(?:import \{[^}]*\} from "[./\w]+";|export (?:async function|function|class|const) \w+)',
        path.read_text(),
        re.M,
    )

    assert len(linked) == len(re.findall(r"^\s*(?:import|export)\b", path.read_text(), re.M))
