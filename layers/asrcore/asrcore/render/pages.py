"""Self-contained pages: one file each, whose policy allows its own script and style by their hashes and no others.

A page is three files of one name (html, css, js) in its own folder. Its script is an ES module. `load` links script and
style with what they import, each file once, so that a page needs no build and no second request. A module imports
`{ names }`, exports functions, classes and constants, and has no other import or export.
A page carries its texts in every language, as JSON, and its script shows those of the reader's language.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asrcore.messages import LOCALES, Message, render

_COMMON = Path(__file__).parent / "common"
TEXTS = _COMMON / "texts.json"  # made by tools/messages.py from the catalogues
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_STYLE_IMPORT = re.compile(r'^@import "([^"]+)";\n', re.MULTILINE)
_SCRIPT_IMPORT = re.compile(r'^import (\{[^}]*\}) from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
_ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class Page:
    """A page without its data, and the hashes of its script and style for a Content Security Policy."""

    text: str
    script_hash: str
    style_hash: str

    def fill(self, slots: Mapping[str, str]) -> str:
        """Return the page with its data. slots: JSON from `as_data`, by the slot's name."""
        return _SLOT.sub(lambda slot: slots[slot[1]], self.text)


@cache
def load(page: Path, *views: str) -> Page:
    """Read a page.

    Args:
        page: the path of its files without their suffix.
        views: other pages that it shows, by the names of their texts.
    """
    style, script = _linked_style(page.with_suffix(".css"), set()), _linked_script(page.with_suffix(".js"))
    made = {
        "icon": f"data:image/svg+xml;base64,{base64.b64encode((_COMMON / 'icon.svg').read_bytes()).decode()}",
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "texts": as_data(_texts(("common", page.name, *views))),
        "noscript": "".join(
            f'<p lang="{language}">{html.escape(render(Message("pages.common.noscript"), language))}</p>'
            for language in LOCALES
        ),
    }
    text = _SLOT.sub(lambda slot: made.get(slot[1], slot[0]), page.with_suffix(".html").read_text("utf-8"))
    return Page(text, made["script_hash"], made["style_hash"])


def _linked_style(path: Path, linked: set[Path]) -> str:
    """Return a style after those that it imports. linked: the paths of styles before it, which grows."""
    linked.add(path)

    def imported(match: re.Match[str]) -> str:
        other = (path.parent / match[1]).resolve()
        return "" if other in linked else _linked_style(other, linked)

    return _STYLE_IMPORT.sub(imported, path.read_text("utf-8"))


def _linked_script(path: Path) -> str:
    """Return a module after those that it imports, as one script: each is a function that returns what it exports."""
    parts = ['"use strict";']
    names: dict[Path, str] = {}

    def link(module: Path) -> str:
        if module in names:
            return names[module]
        source = _SCRIPT_IMPORT.sub(
            lambda match: f"const {match[1]} = {link((module.parent / match[2]).resolve())};", module.read_text("utf-8")
        )
        exported = ", ".join(match[2] for match in _EXPORT.finditer(source))
        names[module] = f"module{len(names)}"
        body = _EXPORT.sub(r"\1 \2", source)
        parts.append(f"const {names[module]} = (() => {{\n{body}return {{ {exported} }};\n}})();")
        return names[module]

    link(path.resolve())
    return "\n".join([*parts, ""])


def _texts(groups: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return texts by language and code, which has no `pages.` there. groups: the first parts of the codes."""
    parts = tuple(f"pages.{group}." for group in groups)
    return {
        language: {code.removeprefix("pages."): text for code, text in texts.items() if code.startswith(parts)}
        for language, texts in json.loads(TEXTS.read_text("utf-8")).items()
    }


def as_data(value: object) -> str:
    """Return JSON that cannot end a script block."""
    encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():  # faster than str.translate for a transcript of hours
        encoded = encoded.replace(character, escape)
    return encoded


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
