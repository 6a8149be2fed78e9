"""Keys of the audio bucket: which objects are no recordings, and in which Unicode forms a key may be stored."""

import re
from itertools import islice, product
from unicodedata import normalize

from asrcore.core.option_sources import SIDECAR_SUFFIX
from asrcore.core.transcript import LONGEST_KEY_BYTES

MOST_FORMS = 16
# What stands beside recordings in real buckets, by the last part of the key, in lower case, and why it gets no job.
NO_RECORDINGS: tuple[tuple[str, str], ...] = (
    (rf".*{re.escape(SIDECAR_SUFFIX)}", "a sidecar, which is read with its recording"),
    (r".*_\$folder\$", "a folder marker of Hadoop"),
    (r"\._.*", "an AppleDouble file of macOS, without sound"),
    (r"\.(ds_store|localized|apdisk|fseventsd|trashes|spotlight-v100)", "a settings file of macOS"),
    (r"(thumbs|ehthumbs)\.db|desktop\.ini", "a settings file of Windows"),
    (r"~\$.*|\.~lock\..*#", "a lock file of an office program"),
    (r"\.nfs[0-9a-f]+|\.fuse_hidden[0-9a-f]+", "a placeholder of a mounted file system"),
    (r".*\.(tmp|temp|swp)", "a temporary file"),
    (r".*\.(part|partial|filepart|crdownload|opdownload|download)", "an upload or download that is not complete"),
    (r".*\.(md5|sha1|sha224|sha256|sha384|sha512|sfv)|(md5|sha1|sha256|sha512)sums?(\.txt)?", "a file of checksums"),
    (r".*\.(m3u|m3u8|pls|xspf|wpl|asx)", "a playlist"),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), reason) for pattern, reason in NO_RECORDINGS)
_MACOS_ARCHIVE = "/__macosx/"  # macOS puts AppleDouble files there when it makes a ZIP archive


def skip_reason(key: str, size_bytes: int | None = None) -> str | None:
    """Return why an object of the audio bucket gets no job.

    Args:
        key: the object's key, decoded.
        size_bytes: its size; None if it is not known, when no key that ends in a slash is a folder marker.

    Returns:
        The reason, as a noun phrase such as "a playlist"; None for a recording.
    """
    if key.endswith("/"):
        return "a folder marker" if size_bytes == 0 else None
    folded = key.casefold()
    if _MACOS_ARCHIVE in folded:
        return "an AppleDouble file of macOS, without sound"
    name = folded.rpartition("/")[2]
    return next((reason for pattern, reason in _PATTERNS if pattern.fullmatch(name)), None)


def key_forms(key: str) -> list[str]:
    """Return the keys under which an object of this name may be stored.

    macOS decomposes names (Unicode normal form NFD), most others compose them (NFC), and S3 compares keys byte by byte.
    Folders and file may be of different systems, so that each part of the key has a form of its own.

    Args:
        key: in any form.

    Returns:
        The key itself, then its other forms, at most MOST_FORMS in all and none longer than S3 allows.
    """
    parts = (dict.fromkeys(normalize(form, part) for form in ("NFC", "NFD")) for part in key.split("/"))
    mixed = ("/".join(chosen) for chosen in islice(product(*parts), MOST_FORMS))
    forms = dict.fromkeys([key, normalize("NFC", key), normalize("NFD", key), *mixed])
    return [form for form in forms if len(form.encode()) <= LONGEST_KEY_BYTES][:MOST_FORMS]
