"""The parameters that a vendor accepts under its own name, beside the canonical options: one table per vendor.

The table serves three purposes: it checks a value when an option source sets it, its names are those of the vendor's
requests, and the documentation is generated from it.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from asrcore.core.errors import AsrError
from asrcore.core.remote_recordings import parse_remote_url
from asrcore.messages import Message

Value = bool | int | str
_SWITCH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Parameter(ABC):
    """One parameter. meaning: for the documentation, with the vendor's default where it publishes one.

    is_secret: whether a value may be neither stored in a row nor repeated in a message.
    """

    is_secret: ClassVar[bool] = False
    meaning: str

    @property
    @abstractmethod
    def allowed(self) -> Message:
        """The allowed values."""

    @abstractmethod
    def find(self, value: object) -> Value | None:
        """Return the allowed value for a JSON value or its text; None without one."""

    def read(self, value: object) -> Value:
        """Return the value to send. Raises ValueError with what is allowed."""
        text = value.strip() if isinstance(value, str) else None
        found = None if text is not None and not text.isprintable() else self.find(value if text is None else text)
        if found is None:
            raise ValueError(f"allowed: {self.allowed}")
        return found


@dataclass(frozen=True)
class OneOf(Parameter):
    """One of several numbers, each with its meaning."""

    values: Mapping[int, Message]

    @property
    def allowed(self) -> Message:
        values = [
            Message("allowed.value", {"value": value, "meaning": meaning}) for value, meaning in self.values.items()
        ]
        return Message("allowed.values", {"values": values})

    def find(self, value: object) -> int | None:
        number = _whole(value)
        return number if number in self.values else None


@dataclass(frozen=True)
class Whole(Parameter):
    """A whole number from lowest to highest."""

    lowest: int
    highest: int

    @property
    def allowed(self) -> Message:
        return Message("allowed.range", {"lowest": self.lowest, "highest": self.highest})

    def find(self, value: object) -> int | None:
        number = _whole(value)
        return number if number is not None and self.lowest <= number <= self.highest else None


@dataclass(frozen=True)
class Switch(Parameter):
    """On or off."""

    @property
    def allowed(self) -> Message:
        return Message("allowed.words", {"words": ["true", "false"]})

    def find(self, value: object) -> bool | None:
        return value if isinstance(value, bool) else _SWITCH.get(str(value).lower())


@dataclass(frozen=True)
class Text(Parameter):
    """Text of a form. pattern: of the whole text.  form: the pattern in words.  most_bytes: of the text in UTF-8."""

    pattern: str
    form: Message
    most_bytes: int | None = None

    @property
    def allowed(self) -> Message:
        return self.form

    def find(self, value: object) -> str | None:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            return None
        size_bytes = len(value.encode("utf-8", "replace"))
        return value if self.most_bytes is None or size_bytes <= self.most_bytes else None


@dataclass(frozen=True)
class Address(Parameter):
    """The URL of a recording that the vendor fetches: by the rules of remote recordings, and as secret as theirs."""

    is_secret: ClassVar[bool] = True

    @property
    def allowed(self) -> Message:
        return Message("allowed.url")

    def find(self, value: object) -> str | None:
        try:
            return parse_remote_url(value).url if isinstance(value, str) else None
        except AsrError:
            return None


@dataclass(frozen=True)
class Choice(Parameter):
    """One of several words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> Message:
        return Message("allowed.words", {"words": [*self.words]})

    def find(self, value: object) -> str | None:
        return value if isinstance(value, str) and value in self.words else None


@dataclass(frozen=True)
class JsonObject(Parameter):
    """A JSON object that is sent as text. longest: characters of that text."""

    longest: int

    @property
    def allowed(self) -> Message:
        return Message("allowed.json-object", {"longest": self.longest})

    def find(self, value: object) -> str | None:
        try:
            document = json.loads(value) if isinstance(value, str) else value
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            return None
        return text if isinstance(document, dict) and len(text) <= self.longest and text.isprintable() else None


def a_name(meaning: str, longest: int = 128) -> Text:
    """Return the parameter for a name or id from the vendor's console."""
    return Text(meaning, rf"\S{{1,{longest}}}", Message("allowed.name", {"longest": longest}))


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else None
