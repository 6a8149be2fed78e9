"""JSON from outside, read with limits: a few MB of it can make GB of objects."""

import json
from typing import Any

MOST_PARTS = 200_000  # objects and lists; ten hours of words are 180,000


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
