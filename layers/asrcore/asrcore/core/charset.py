"""The character sets of vendors' text: decoded without replacement characters, or not at all.

Chinese services answer in UTF-8 or in GBK, and do not always say which. Text whose set is
uncertain is rejected, so that the result is queried again rather than stored as a transcript with gaps.
"""

import codecs
import re
from collections.abc import Mapping
from types import MappingProxyType

_DECLARED = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_GUESSED = "gb18030"
# By Python's name of a declared set. GB18030 is what GB2312 and GBK have become, and reads both. Latin-1 and ASCII are
# the default of web servers, so that they declare nothing; no vendor of Chinese speech sends other sets.
_READ_AS: Mapping[str, str] = MappingProxyType(
    {
        "utf-8": "utf-8-sig",
        "utf-16": "utf-16",
        "utf-16-le": "utf-16-le",
        "utf-16-be": "utf-16-be",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "gb18030": "gb18030",
        "big5": "big5",
        "big5hkscs": "big5hkscs",
        "cp950": "cp950",
    }
)


class UnknownCharsetError(ValueError):
    """Bytes do not fit any character set that is possible for them."""

    def __init__(self) -> None:
        super().__init__("its text is in no known character set")


def declared_charset(content_type: str) -> str | None:
    """Return the character set that a Content-Type names; None without one."""
    found = _DECLARED.search(content_type)
    return found[1] if found else None


def decode(body: bytes, *declared: str | None) -> str:
    """Return the text of bytes in the first of the declared character sets that they fit, or else in UTF-8.

    declared: None and sets that are not known declare nothing. Where nothing but UTF-8 is declared, bytes that do not
    fit it are read as GB18030. Raises UnknownCharsetError for what fits no set, and for UTF-8 that was damaged, which
    would read as other words.
    """
    sets = [known for name in declared if name and (known := _READ_AS.get(_python_name(name)))]
    for charset in dict.fromkeys([*sets, "utf-8-sig"]):
        try:
            return body.decode(charset)
        except UnicodeDecodeError:
            continue
    if {*sets} <= {"utf-8-sig"} and not _is_damaged_utf_8(body):
        try:
            return body.decode(_GUESSED)
        except UnicodeDecodeError:
            pass
    raise UnknownCharsetError


def _python_name(charset: str) -> str:
    try:
        return codecs.lookup(charset).name
    except LookupError:
        return ""


def _is_damaged_utf_8(body: bytes) -> bool:
    """Return whether more characters fit UTF-8 than do not: text in another set fits it in few places."""
    fitting = body.decode("utf-8", "ignore")
    wide = len(fitting) - len(fitting.encode("ascii", "ignore"))
    return wide > body.decode("utf-8", "replace").count("\ufffd")
