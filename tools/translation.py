"""Generated tables in another language: the English ones, with each text replaced.

`tables.zh-CN.toml` has the texts. A text is a cell of a table, a heading or a line. Its names in backticks, links and
figures stay: where the whole text is not found, `{0}`, `{1}` and so on stand for them, in the English order.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

ENGLISH = "en"
_FIXED = re.compile(r"`[^`]+`|https?://\S+|\d[\d,.]*\d|\d")
_BAR = re.compile(r"(?<!\\)\|")
_WORD = re.compile(r"[A-Za-z]{2,}")
_PREFIX = re.compile(r"(#+ |- )?(.*)", re.DOTALL)


class UntranslatedError(LookupError):
    """A text that has no translation."""


class Translation:
    """The texts of one language. `used` are the keys that were found."""

    def __init__(self, language: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
        """Read the texts of a language: `en` needs none. more: texts that have another source."""
        path = Path(__file__).parent / f"tables.{language}.toml"
        self.texts: dict[str, str] = {}
        if language != ENGLISH:
            self.texts = {**tomllib.loads(path.read_text(encoding="utf-8")), **more}
        self.used: set[str] = set()
        self._language = language

    def markdown(self, text: str) -> str:
        """Return a generated part in this language. Fenced blocks stay. Raises UntranslatedError."""
        if self._language == ENGLISH:
            return text
        parts = re.split(r"(?ms)(^```.*?^```$)", text)
        return "".join(part if part.startswith("```") else self._lines(part) for part in parts)

    def _lines(self, text: str) -> str:
        return "\n".join(self._line(line) for line in text.split("\n"))

    def _line(self, line: str) -> str:
        if line.startswith("|"):
            return "|".join(f" {self._cell(cell.strip())} " if cell else "" for cell in _BAR.split(line))
        prefix, text = _PREFIX.fullmatch(line).groups(default="")  # type: ignore[union-attr]
        return f"{prefix}{self._text(text)}"

    def _cell(self, cell: str) -> str:
        return self._text(cell.replace("\\|", "|")).replace("|", "\\|")

    def _text(self, text: str) -> str:
        fixed: list[str] = _FIXED.findall(text)
        pattern = _FIXED.sub("{}", text)
        if text in self.texts:
            self.used.add(text)
            return self.texts[text]
        if pattern in self.texts:
            self.used.add(pattern)
            return self.texts[pattern].format(*fixed)
        if _WORD.search(pattern):
            raise UntranslatedError(f"tools/tables.{self._language}.toml lacks {text!r}, or {pattern!r}")
        return text
