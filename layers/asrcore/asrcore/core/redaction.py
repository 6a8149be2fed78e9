"""Web addresses in texts of others: a vendor's reply or message repeats those that it was given, which are secrets.

An address may be plain, escaped as in JSON, percent-encoded once or more, without its scheme (`//host/path`), or
without both (`host/path?signature=`).
"""

import re
from collections.abc import Collection

REPLACEMENT = "(URL)"
_SLASH = r"(?:\\?/|\\u002f)"
_ENCODED_SLASH = r"%(?:25)*2F"
_TAIL = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|\\/|\\u00[0-9a-f]{2})"
_ENCODED_TAIL = r"[A-Za-z0-9._~*+%-]"
_LABELS = r"(?:[a-z0-9-]{1,63}\.){1,8}"
_HOST = rf"(?<![a-z0-9.@/\\_-]){_LABELS}[a-z]{{2,24}}(?::\d{{1,5}})?"
_ENCODED_HOST = rf"(?:(?<![a-z0-9.@/\\_-])|(?<=%2F)|(?<=3D)){_LABELS}[a-z]{{2,24}}"
_ADDRESS = "|".join(
    (
        rf"\b(?:https?|wss?|ftp)(?::|\\u003a){_SLASH}*{_TAIL}*",
        rf"\b(?:https?|wss?|ftp)%(?:25)*3A{_ENCODED_TAIL}*",
        rf"(?<![:/\\a-z0-9]){_SLASH}{{2}}[a-z0-9][a-z0-9.-]{{0,252}}(?::\d{{1,5}})?{_SLASH}{_TAIL}*",
        rf"{_ENCODED_SLASH}{_ENCODED_SLASH}[a-z0-9][a-z0-9.-]{{0,252}}{_ENCODED_SLASH}{_ENCODED_TAIL}*",
        rf"{_HOST}{_SLASH}(?:(?![?]){_TAIL})*(?:\?|\\u003f){_TAIL}*",
        rf"{_ENCODED_HOST}{_ENCODED_SLASH}{_ENCODED_TAIL}*%(?:25)*3F{_ENCODED_TAIL}*",
        rf"X-Amz-(?:Algorithm|Credential|Date|Expires|Security-Token|Signature|SignedHeaders){_TAIL}*",
        rf"(?:{_SLASH}|{_ENCODED_SLASH})callbacks(?:{_SLASH}{_TAIL}*|{_ENCODED_SLASH}{_ENCODED_TAIL}*)",
    )
)
_IN_TEXT = re.compile(_ADDRESS, re.IGNORECASE | re.ASCII)
_IN_BYTES = re.compile(_ADDRESS.encode(), re.IGNORECASE)
_NEVER = re.compile(rb"(?!)")
_SLASHES = re.compile(rb"/|%(?:25)*2F|\\u002f|X-Amz-", re.IGNORECASE)


def mask_addresses(text: str) -> str:
    """Return a text with REPLACEMENT for each web address in it, and for the signed part of one."""
    return _IN_TEXT.sub(REPLACEMENT, text)


def mask_addresses_in_bytes(body: bytes, form_fields: Collection[str] = ()) -> bytes:
    """Return the body of a reply with REPLACEMENT for each web address in it; every other byte stays.

    No address contains a quote. So only the strings with a slash are searched: a reply of five hours has few.

    Args:
        body: any bytes.
        form_fields: the names in a form whose values may be unencoded: an address ends before the next of them.
    """
    names = "|".join(map(re.escape, form_fields))
    next_field = re.compile(rf"(?=&(?:amp;)?(?:{names})=)".encode(), re.IGNORECASE) if names else _NEVER
    parts, done = list[bytes](), 0
    while found := _SLASHES.search(body, done):
        start, end = max(body.rfind(b'"', done, found.start()) + 1, done), body.find(b'"', found.start())
        end = len(body) if end < 0 else end
        parts += [body[done:start], *map(_masked, next_field.split(body[start:end]))]
        done = end
    return b"".join([*parts, body[done:]])


def _masked(field: bytes) -> bytes:
    return _IN_BYTES.sub(REPLACEMENT.encode(), field) if _SLASHES.search(field) else field
