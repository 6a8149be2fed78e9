"""Values from outside: JSON, read with limits because a few MB of it can make GB of objects, and their faults."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from asrcore.messages import Message, MessageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MOST_PARTS = 200_000  # objects and lists; ten hours of words are 180,000

# By pydantic's type of a fault.
_MESSAGES: Mapping[str, Message] = MappingProxyType(
    {
        "missing": Message("invalid.missing"),
        "extra_forbidden": Message("invalid.unknown"),
        "string_type": Message("invalid.text"),
        "bool_type": Message("invalid.switch"),
        "dict_type": Message("invalid.object"),
        "model_type": Message("invalid.object"),
        "model_attributes_type": Message("invalid.object"),
        "list_type": Message("invalid.list"),
        "int_type": Message("invalid.whole"),
        "int_parsing": Message("invalid.whole"),
        "int_from_float": Message("invalid.whole"),
        "float_type": Message("invalid.number"),
        "float_parsing": Message("invalid.number"),
        "finite_number": Message("invalid.number"),
    }
)
# By pydantic's type of a fault: the message, and the bound's name in the fault's context.
_BOUNDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "greater_than_equal": ("invalid.at-least", "ge"),
        "greater_than": ("invalid.more-than", "gt"),
        "less_than_equal": ("invalid.at-most", "le"),
        "less_than": ("invalid.less-than", "lt"),
        "string_too_short": ("invalid.too-short", "min_length"),
        "string_too_long": ("invalid.too-long", "max_length"),
        "too_long": ("invalid.too-many", "max_length"),
        "string_pattern_mismatch": ("invalid.pattern", "pattern"),
        "enum": ("invalid.one-of", "expected"),
        "literal_error": ("invalid.one-of", "expected"),
    }
)


class TooManyPartsError(ValueError):
    """A JSON text has more objects and lists than any valid document."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_PARTS} objects and lists")


def read_json(text: bytes | str) -> Any:
    """Parse a JSON text. Raises TooManyPartsError, and ValueError for invalid JSON and for too deep nesting."""
    begins = text.count(b"{") + text.count(b"[") if isinstance(text, bytes) else text.count("{") + text.count("[")
    if begins > MOST_PARTS:
        raise TooManyPartsError
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


class InvalidValueError(MessageError, ValueError):
    """A value is not allowed; the message is a clause."""


def invalid(fault: "ErrorDetails") -> Message:
    """Return what is wrong with a value. fault: one of `ValidationError.errors()`."""
    context = fault.get("ctx", {})
    error = context.get("error")
    if isinstance(error, InvalidValueError):
        return error.reason
    if fault["type"] == "json_invalid":
        return Message("invalid.json", {"error": str(error)})
    if fault["type"] in _BOUNDS:
        code, name = _BOUNDS[fault["type"]]
        return Message(code, {"bound": str(context[name])})
    return _MESSAGES.get(fault["type"], Message("invalid.other", {"type": fault["type"]}))
