"""Self-contained pages: one file each, whose policy allows its own script and style by their hashes and no others.

A page is three files of one name (html, css, js) in its own folder. The style and script of `common/` come first.
A page carries its texts in every language, as JSON, and its script shows those of the reader's language.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asrcore.messages import LOCALES, Message, render

_COMMON = Path(__file__).parent / "common"
TEXTS = _COMMON / "texts.json"  # made by tools/messages.py from the catalogues
_SLOT = re.compile(r"\{\{(\w+)\}\}")
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
def load(page: Path) -> Page:
    """Read a page. page: the path of its files without their suffix."""
    style, script = (
        (_COMMON / f"common.{kind}").read_text("utf-8") + page.with_suffix(f".{kind}").read_text("utf-8")
        for kind in ("css", "js")
    )
    made = {
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "texts": as_data(_texts(page.name)),
        "noscript": "".join(
            f'<p lang="{language}">{html.escape(render(Message("pages.common.noscript"), language))}</p>'
            for language in LOCALES
        ),
    }
    text = _SLOT.sub(lambda slot: made.get(slot[1], slot[0]), page.with_suffix(".html").read_text("utf-8"))
    return Page(text, made["script_hash"], made["style_hash"])


def _texts(page: str) -> dict[str, dict[str, str]]:
    """Return the texts of a page by language and code, which has no `pages.` there."""
    parts = ("pages.common.", f"pages.{page}.")
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
