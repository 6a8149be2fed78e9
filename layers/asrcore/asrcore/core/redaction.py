"""Web addresses in texts of others: a vendor's reply or message repeats those that it was given, which are secrets.

An address may be plain, escaped as in JSON or percent-encoded, wholly or in part, each once or more; without its scheme
(`//host/path`); without both, where it has a query or ends as a recording (`host/path?signature=`, `host/call.mp3`); or
a path with a query alone (`/path?signature=`).
"""

import re
from collections.abc import Collection
from re import Match

from asrcore.core.remote_recordings import USUAL_CONTENT

REPLACEMENT = "(URL)"
# A repeated group needs memory for each repetition, so that each is bounded. A key, and so an address of ours, has
# fewer parts than 4,096. No group is possessive: before Python 3.11.5, it would keep what its last repetition matched
# before it failed.
_SLASH = r"(?:\\{0,8}/|\\{1,8}u002f)"
_PERCENT = r"%(?:25){0,8}"
_ENCODED_SLASH = rf"{_PERCENT}2F"
_CHARACTERS = r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*+"
_ENCODED_CHARACTERS = r"[A-Za-z0-9._~*+%:/-]*+"
_TAIL = rf"{_CHARACTERS}(?:\\{{1,8}}(?:/|u00[0-9a-f]{{2}}){_CHARACTERS}){{0,4096}}"
_ENCODED_TAIL = rf"{_ENCODED_CHARACTERS}(?:\\{{1,8}}/{_ENCODED_CHARACTERS}){{0,4096}}"
_NAME = r"(?:[a-z0-9-]{1,63}\.){1,8}(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})"
_HOST = rf"(?:{_NAME}|(?:\d{{1,3}}\.){{3}}\d{{1,3}}|\[[0-9a-f:.]{{2,45}}\])(?::\d{{1,5}})?"
_APART = r"(?<![a-z0-9.@/\\_-])"
_ADDRESS = "|".join(
    (
        rf"\b(?:https?|wss?|ftp)(?::|\\{{1,8}}u003a){_TAIL}",
        rf"\b(?:https?|wss?|ftp){_PERCENT}3A{_ENCODED_TAIL}",
        rf"(?<![:/\\a-z0-9]){_SLASH}{{2}}[a-z0-9][a-z0-9.-]{{0,252}}(?::\d{{1,5}})?{_SLASH}{_TAIL}",
        rf"{_ENCODED_SLASH}{_ENCODED_SLASH}[a-z0-9][a-z0-9.-]{{0,252}}{_ENCODED_SLASH}{_ENCODED_TAIL}",
        rf"X-Amz-(?:Algorithm|Credential|Date|Expires|Security-Token|Signature|SignedHeaders){_TAIL}",
        rf"(?:{_SLASH}|{_ENCODED_SLASH})callbacks(?:{_SLASH}{_TAIL}|{_ENCODED_SLASH}{_ENCODED_TAIL})",
    )
)
# What may be an address without its scheme. All of it is one match, so that a long text is read once.
_PERHAPS = "|".join(
    (
        rf"{_APART}(?P<host>{_HOST}){_SLASH}{_TAIL}",
        rf"(?:{_APART}|(?<=%2F)|(?<=3D))(?P<encoded>{_HOST}){_ENCODED_SLASH}{_ENCODED_TAIL}",
        rf"(?<![a-z0-9.~%:/\\_-]){_SLASH}{_TAIL}",
    )
)
_QUERY = rf"(?:\?|\\u003f|{_PERCENT}3F)"
_OF_A_HOST = rf"{_QUERY}|\.(?:{'|'.join(USUAL_CONTENT)})(?![a-z0-9.])"
_OF_A_PATH = rf"{_QUERY}[a-z0-9._~%-]{{1,64}}?(?:=|\\u003d|{_PERCENT}3D)"
# Of bytes, also for texts: no character of UTF-8 beyond ASCII has a byte of ASCII.
_ADDRESS_RE, _PERHAPS_RE, _OF_A_HOST_RE, _OF_A_PATH_RE = (
    re.compile(each.encode(), re.IGNORECASE) for each in (_ADDRESS, _PERHAPS, _OF_A_HOST, _OF_A_PATH)
)
_NEVER = re.compile(rb"(?!)")
_SLASHES = re.compile(rf"/|{_ENCODED_SLASH}|\\u002f|&#x2F;|&#47;|X-Amz-".encode(), re.IGNORECASE)


def mask_addresses(text: str) -> str:
    """Return a text with REPLACEMENT for each web address in it, and for the signed part of one."""
    return _mask(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


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
    return _mask(field) if _SLASHES.search(field) else field


def _mask(text: bytes) -> bytes:
    return _PERHAPS_RE.sub(_decide, _ADDRESS_RE.sub(REPLACEMENT.encode(), text))


def _decide(found: Match[bytes]) -> bytes:
    """Return the replacement of an address without its scheme, or what was found where it is none."""
    is_host = found["host"] or found["encoded"]
    is_address = (_OF_A_HOST_RE if is_host else _OF_A_PATH_RE).search(found[0])
    return REPLACEMENT.encode() if is_address else found[0]
