"""RFC 2047, the encoding in which Amazon S3 returns metadata values that are not ASCII.

S3 accepts UTF-8 in a header, reads it as ISO 8859-1, and returns this text in encoded words (S3 user guide,
"User-defined object metadata": `ÄMÄZÕÑ S3` comes back as `=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=`).
"""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

# Loosely: what has the shape of an encoded word and is none shall fail, not be taken as text.
_WORD = re.compile(r"=\?([^?]*)\?([^?]*)\?([^?]*)\?=")
_PLAIN = "utf-8"
_FOLD = re.compile(r"\r?\n[ \t]+")
_QUOTED = re.compile(r"(?:[!-<>-~]|=[0-9A-Fa-f]{2})*")


def decode_words(value: str) -> str:
    """Decode the encoded words of a metadata value.

    Args:
        value: as S3 returns it; it may be folded.

    Returns:
        The text that was uploaded; a value without encoded words unchanged.

    Raises:
        ValueError: an encoded word cannot be decoded.
    """
    if not _WORD.search(value):
        return value
    by_charset = groupby(_pieces(value), key=itemgetter(0))
    text = "".join(_decode(b"".join(data for _, data in pieces), charset) for charset, pieces in by_charset)
    return _as_utf_8(_FOLD.sub(" ", text))


def _pieces(value: str) -> Iterator[tuple[str, bytes]]:
    """Yield words and the text between them, as character set and bytes: a character may be split over two words."""
    end = 0
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        if not end or between.strip():  # white space between two words is not part of the text
            yield _PLAIN, between.encode()
        yield word[1].partition("*")[0].lower(), _bytes(word)  # RFC 2231 appends a language to the character set
        end = word.end()
    yield _PLAIN, value[end:].encode()


def _bytes(word: re.Match[str]) -> bytes:
    encoding, encoded = word[2].upper(), word[3]
    if encoding == "B":
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    if encoding == "Q" and _QUOTED.fullmatch(encoded):
        return binascii.a2b_qp(encoded, header=True)
    raise ValueError(f"an encoded word of the encoding {encoding[:10]!r} cannot be decoded")


def _decode(data: bytes, charset: str) -> str:
    try:
        text = data.decode(charset)
    except LookupError as error:
        raise ValueError(f"the character set {charset[:20]!r} is not known") from error
    text.encode()  # some character sets can express half a character
    return text


def _as_utf_8(text: str) -> str:
    """Return text that S3 read as ISO 8859-1 as the UTF-8 that it was; any other text unchanged."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
