"""Isolation of text with bidirectional control characters, so that it reorders only itself. Source: Unicode, UAX 9."""

import re

_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BEGINS = frozenset("\u2066\u2067\u2068")  # of isolates: LRI, RLI, FSI
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def isolate(text: str) -> str:
    """Return one line of text in an isolate of its own if it has control characters, all of which are kept.

    An end of an isolate without its beginning gets one before it, or it would end the isolate around the text. The end
    of an isolate also ends the embeddings and overrides in it.
    """
    if _CONTROLS.search(text) is None:
        return text
    isolated, depth = [_FIRST_STRONG_ISOLATE], 0
    for character in text:
        if character in _BEGINS:
            depth += 1
        elif character == _POP_ISOLATE and depth == 0:
            isolated.append(_FIRST_STRONG_ISOLATE)
        elif character == _POP_ISOLATE:
            depth -= 1
        isolated.append(character)
    return "".join([*isolated, _POP_ISOLATE * (depth + 1)])
