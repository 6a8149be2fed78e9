"""Messages to people: a code with parameters, and a text for it in a catalogue per language.

A text names its parameters in braces. A parameter is text, a number, another message, or a list of texts or messages;
`{names}` separates a list's items as the language does, `{reasons:lines}` by line ends; `{problem:first_line}` leaves
the other lines out. A message with the parameter
`count` has the language's plural forms. Code builds no sentence: a part that varies is a parameter.

The catalogues are gettext's: `locale/<language>/LC_MESSAGES/<domain>.po`, compiled by `make messages` to the `.mo` that
is read here. A code that begins with `cli.` or `pages.` is in the domain of this name, any other in `layer`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal, Union

from asrcore.messages.bidi import isolate

if TYPE_CHECKING:
    from gettext import NullTranslations

Language = Literal["en", "zh-CN"]
DEFAULT: Language = "en"
LOCALES: Mapping[Language, str] = {"en": "en", "zh-CN": "zh_CN"}  # the languages, with gettext's names for them
CATALOGUES = Path(__file__).parent / "locale"
DOMAINS = ("layer", "cli", "pages")
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")

Param = Union[str, int, "Message", list[str], list["Message"], list[Union[str, "Message"]]]


@dataclass(frozen=True)
class Message:
    """A message in no language. code: its key in the catalogues.  params: by the names in its texts."""

    code: str
    params: Mapping[str, Param] = field(default_factory=dict)

    def __str__(self) -> str:
        return render(self)


class MessageError(Exception):
    """An error whose text is a message. reason: the message; the error's own text is in English."""

    def __init__(self, reason: Message) -> None:
        super().__init__(render(reason))
        self.reason = reason


def render(message: Message, language: Language = DEFAULT) -> str:
    """Return a message's text.

    Raises:
        LookupError: the catalogue has no such code, or the text names a parameter that is missing.
    """
    return _formatter(language).vformat(_text(message, language), (), message.params)


def render_stored(code: str | None, params: Mapping[str, Param], text: str, language: Language) -> str:
    """Return the text of a stored message, which another version may have written; `text` if it cannot be rendered."""
    if code is None:
        return text
    try:
        return render(Message(code, params), language)
    except LookupError:
        return text


def negotiate(accept_language: str) -> Language:
    """Return the language for an Accept-Language header (RFC 9110, 12.5.4): Chinese of any region is `zh-CN`."""
    best, best_weight = DEFAULT, 0.0
    for each in accept_language.split(","):
        match = _RANGE.fullmatch(each)
        language = _by_primary_subtag(match[1]) if match else None
        weight = float(match[2] or 1) if match else 0.0
        if language and weight > best_weight:
            best, best_weight = language, weight
    return best


def _by_primary_subtag(subtag: str) -> Language | None:
    return next((language for language in LOCALES if language.partition("-")[0] == subtag.lower()), None)


def _text(message: Message, language: Language) -> str:
    domain, code = message.code.partition(".")[0], message.code
    catalogue = _catalogue(domain if domain in DOMAINS else "layer", language)
    count = message.params.get("count")
    text = catalogue.ngettext(code, code, count) if isinstance(count, int) else code
    text = catalogue.gettext(code) if text == code else text
    if text == code:
        raise LookupError(f"the catalogue of {language} has no {code}")
    return text


@cache
def _catalogue(domain: str, language: Language) -> "NullTranslations":
    import gettext  # noqa: PLC0415 - only an invocation that writes a message needs it

    return gettext.translation(domain, CATALOGUES, [LOCALES[language]])


@cache
def _formatter(language: Language) -> "_Formatter":
    return _Formatter(language)


class _Formatter(Formatter):
    """Formats parameters in a language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "first_line":
            text = value if isinstance(value, str) else self.format_field(value, "")
            return isolate(text.split("\n", 1)[0])
        if isinstance(value, Message):
            return render(value, self._language)
        if isinstance(value, list):
            separator = "\n" if format_spec == "lines" else render(Message("list.separator"), self._language)
            return separator.join(self.format_field(each, "") for each in value)
        # A name or a vendor's text may contain bidirectional controls, which must not reorder the words around it.
        return "\n".join(map(isolate, str(value).split("\n")))
