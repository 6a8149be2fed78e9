"""Measure how readable each page of the documentation is, and find what makes it hard to read.

`python -m tools.readability` prints a row per page; `--findings` prints what the tests reject; `--draw 20 --seed 7`
prints paragraphs drawn at random, to be read by a person. Lengths are in words, in Chinese pages in characters.
"""

import argparse
import random
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path

from tools.glossary import find_banned_words
from tools.markdown import table

ROOT = Path(__file__).parents[1]
CHINESE = "zh-CN"
PAGES = (
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("simulators", "samples", "benchmarks")),
)
# Pages that quote words of the glossary's column "not", and a tale.
QUOTING = frozenset({"docs/glossary.md", "samples/README.md"})
# The first paragraph of a page says what its reader can do afterwards; the READMEs of the project say what it is.
OPENING = {"en": "this page", CHINESE: "读完本页"}
UNOPENED = frozenset({"README.md", "README.zh-CN.md"})
# The longest sentence of a page, and the mean of its sentences: in words, and for Chinese in characters.
LONGEST = {"en": 40, CHINESE: 80}
MEAN = {"en": 18.0, CHINESE: 30.0}

# Abbreviations that every reader of these pages knows. All others are explained on their page or in docs/glossary.md.
_KNOWN = """
AI API APIs APP APPID ARN ASCII ASR AWS CI CLI CNY CORS CPU CSV DELETE DNS FAQ GB GET GPU HTML HTTP HTTPS IAM ID IDs IP
JSON JWT KB KMS MB MIT OS POST PUT PUTs RAM README RFC S3 SDK SDKs SIGTERM SMS SNS SQS SSD TCP TLS TXT UI URL URLs
US USD UTC UTF UUID VPC XML YAML ZIP
AAC AIFF AMR AVI CAF FLAC FLV M4A MOV MP3 MP4 MPEG OK PCM SRT TS VTT WAV WMA
BSD CC0 GPL LGPL
"""
KNOWN = frozenset(_KNOWN.split())
# Names of products and formats that are written like names of code, and what consoles of vendors call their keys.
_PRODUCTS = """
AppleDouble CamelCase CloudFormation CloudFront CloudWatch EventBridge SecretId SecretKey SenseVoice SubRip SubStation
JavaScript WeChat kHz macOS vLLM
"""
PRODUCTS = frozenset(_PRODUCTS.split())

_FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")
_GENERATED = re.compile(r"(?s)<!-- table: \w+ -->.*?<!-- end -->")
_HEADING = re.compile(r"(?m)^(#+) (.+)$")
_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)\)")
_CODE = re.compile(r"`[^`\n]+`")
_BAR = re.compile(r"(?<!\\)\|")
_ITEM = re.compile(r"^\s*(?:[*-]|\d+\.) ")
_SENTENCE = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)[)*”\"_]*\s+(?:/ )?(?=[\"“*(`A-Z\d_])|(?<=[。！？；])")
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[\w`$<>{}/.:+%’'-]*\w[\w`$<>{}/.:+%’'-]*")
_ABBREVIATION = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]+s?(?![\w-]|\.md)")
_CODE_NAME = re.compile(r"(?<![\w./-])(?:[a-z]+_[a-z_]+|[A-Z][a-z]+(?:[A-Z][a-z]+)+|[a-z]+[A-Z]\w+)(?![\w/-])")


@dataclass(frozen=True)
class Figures:
    """The figures of one page; lengths are in words, or in characters for a Chinese page."""

    sentences: int
    mean: float
    longest: int
    headings: int
    banned_words: int
    dead_links: int
    unexplained_terms: int


def language(page: Path) -> str:
    """Return the language of a page: `en` or `zh-CN`."""
    return CHINESE if CHINESE in page.relative_to(ROOT).as_posix() else "en"


def paragraphs(text: str, *, cells: bool = True) -> Iterator[str]:
    """Yield paragraphs, items and, with `cells`, cells as plain text. Examples and generated tables are left out."""
    plain = _GENERATED.sub("\n\n", _FENCED.sub("\n\n", text))
    plain = re.sub(r"<!--.*?-->|<[^>\n`]+>(?=\s|$)", " ", plain, flags=re.DOTALL)
    lines: list[str] = []
    for line in [*plain.splitlines(), ""]:
        if not line.strip() or line.startswith(("#", "|")) or _ITEM.match(line):
            if lines:
                yield _plain(" ".join(lines))
            lines = []
        if cells and line.startswith("|") and not line.startswith("| ---"):
            yield from (_plain(cell) for cell in _BAR.split(line) if cell.strip())
        elif line.strip() and not line.startswith(("#", "|")):
            lines.append(_ITEM.sub("", line).strip())


def _plain(text: str) -> str:
    return re.sub(r"\*\*|__", "", _LINK.sub(r"\1", text)).strip()


def sentences(text: str, *, cells: bool = True) -> list[str]:
    """Return the sentences of a page, in order."""
    return [
        each
        for paragraph in paragraphs(text, cells=cells)
        for each in _SENTENCE.split(paragraph)
        if each and each.strip()
    ]


def length(sentence: str, of: str) -> int:
    """Return a sentence's length: words, a name in backticks being one; for Chinese, characters and Latin words."""
    plain = _CODE.sub(" name ", sentence)
    if of == CHINESE:
        return len(_HAN.findall(plain)) + len(_WORD.findall(_HAN.sub(" ", plain)))
    return len(_WORD.findall(plain))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    names = set()
    for _, heading in _HEADING.findall(_FENCED.sub("", page.read_text("utf-8"))):
        name = re.sub(r"[^\w\- ]", "", _plain(heading).lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return frozenset(names)


def dead_links(page: Path, text: str) -> Iterator[str]:
    """Yield each link of a page to a file or an anchor that does not exist. Addresses of the web are not fetched.

    The README's badge is relative to the repository's address on GitHub.
    """
    for _, target in _LINK.findall(_CODE.sub("", _FENCED.sub("", text))):
        path, _, anchor = target.partition("#")
        if target.startswith(("http://", "https://", "mailto:", "../../actions/")):
            continue
        file = page.parent / path if path else page
        if not file.exists():
            yield f"dead link: {target}"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.resolve()):
            yield f"dead anchor: {target}"


def heading_mistakes(text: str) -> Iterator[str]:
    """Yield what is wrong with a page's headings: one title, at the top; no level left out; no heading twice."""
    found = [(len(marks), heading) for marks, heading in _HEADING.findall(_FENCED.sub("", text))]
    if [level for level, _ in found].count(1) != 1 or found[0][0] != 1:
        yield "headings: a page has one title, at its top"
    for (before, _), (level, heading) in pairwise(found):
        if level > before + 1:
            yield f"headings: a level is left out before {heading!r}"
    yield from (f"headings: twice: {each[1]!r}" for each, count in Counter(found).items() if count > 1)


@cache
def explained() -> frozenset[str]:
    """Return the abbreviations that docs/glossary.md explains."""
    rows = re.findall(r"(?m)^\| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text("utf-8"))
    return frozenset(each for row in rows for each in _ABBREVIATION.findall(row))


def unexplained_terms(text: str) -> Iterator[str]:
    """Yield each abbreviation that is not known, in the glossary, or explained on the page: `TERM (…)`, `… (TERM)`.

    A name of code is explained by its backticks: the reader knows that it can be searched for.
    """
    prose = _CODE.sub(" ", " ".join(paragraphs(text)))
    yield from (
        f"not in backticks: {name}" for name in dict.fromkeys(_CODE_NAME.findall(prose)) if name not in PRODUCTS
    )
    for term in dict.fromkeys(_ABBREVIATION.findall(prose)):
        single = term.removesuffix("s")
        if {term, single} & (KNOWN | explained()) or re.search(rf"\b{term} [(（]|[(（]{term}[)）,，]", prose):
            continue
        yield f"unexplained: {term}"


def opening_mistakes(page: Path, text: str) -> Iterator[str]:
    """Yield a page's first paragraph if it does not say what the reader can do after the page."""
    first = next((each for each in paragraphs(text, cells=False) if not re.match(r"English|中文", each)), "")
    if page.relative_to(ROOT).as_posix() not in UNOPENED and OPENING[language(page)] not in first:
        yield f"opening: say what the reader can do after this page: {first}"


def long_sentences(text: str, of: str) -> Iterator[str]:
    """Yield each sentence above the limit of its language."""
    for sentence in sentences(text):
        if (found := length(sentence, of)) > LONGEST[of]:
            yield f"{found} long: {sentence}"


def mean_length(text: str, of: str) -> float:
    """Return the mean length of a page's sentences, without those of tables."""
    lengths = [length(sentence, of) for sentence in sentences(text, cells=False)]
    return statistics.fmean(lengths) if lengths else 0.0


def findings(page: Path) -> list[str]:
    """Return all that the tests reject in a page."""
    text, of = page.read_text("utf-8"), language(page)
    mean = mean_length(text, of)
    return [
        *heading_mistakes(text),
        *opening_mistakes(page, text),
        *dead_links(page, text),
        *unexplained_terms(text),
        *long_sentences(text, of),
        *([f"a sentence has {mean:.1f} on average: at most {MEAN[of]}"] if mean > MEAN[of] else []),
    ]


def figures(page: Path) -> Figures:
    """Return the figures of a page."""
    text, of = page.read_text("utf-8"), language(page)
    lengths = [length(sentence, of) for sentence in sentences(text)] or [0]
    name = page.relative_to(ROOT).as_posix()
    return Figures(
        sentences=len(lengths),
        mean=mean_length(text, of),
        longest=max(lengths),
        headings=len(_HEADING.findall(_FENCED.sub("", text))),
        banned_words=0 if name in QUOTING else len(list(find_banned_words(name, text))),
        dead_links=len(list(dead_links(page, text))),
        unexplained_terms=len(list(unexplained_terms(text))),
    )


def draw(pages: Sequence[Path], count: int, seed: int) -> list[tuple[str, str]]:
    """Return paragraphs of at least two sentences' length drawn at random, each with its page."""
    least = {"en": 15, CHINESE: 30}
    held = [
        (page.relative_to(ROOT).as_posix(), paragraph)
        for page in pages
        for paragraph in paragraphs(page.read_text("utf-8"))
        if length(paragraph, language(page)) >= least[language(page)]
    ]
    return random.Random(seed).sample(held, min(count, len(held)))  # noqa: S311 - a sample, not a secret


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures, the findings or a sample; return 1 when there are findings to be printed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pages", nargs="*", type=Path, help="pages; all of them if none is given")
    parser.add_argument("--findings", action="store_true", help="print what the tests reject")
    parser.add_argument("--draw", type=int, metavar="N", help="print N paragraphs drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw; 0 if not given")
    given = parser.parse_args(arguments)
    pages = [page.resolve() for page in given.pages] or [page for page in PAGES if page.exists()]
    if given.draw:
        for name, paragraph in draw(pages, given.draw, given.seed):
            print(f"{name}\n    {paragraph}\n")
        return 0
    if given.findings:
        found = [f"{page.relative_to(ROOT)}: {each}" for page in pages for each in findings(page)]
        print(*found, sep="\n")
        return int(bool(found))
    header = ("page", *(field.name.replace("_", " ") for field in fields(Figures)))
    print(table(header, (_row(page) for page in pages)), end="")
    return 0


def _row(page: Path) -> tuple[str, ...]:
    values = asdict(figures(page)).values()
    return page.relative_to(ROOT).as_posix(), *(
        f"{each:.1f}" if isinstance(each, float) else str(each) for each in values
    )


if __name__ == "__main__":
    sys.exit(main())
