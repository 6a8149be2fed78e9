"""Keys of the audio bucket: which objects are no recordings, the names in keys, and their Unicode forms."""

import re
from itertools import islice, product
from unicodedata import normalize

from asrcore.core.option_sources import SIDECAR_SUFFIX
from asrcore.core.transcript import LONGEST_KEY_BYTES
from asrcore.messages import Message

MOST_FORMS = 16
UPLOADS = "uploads/"  # within a vendor's folder: what is uploaded by the HTTP API
_UPLOAD = re.compile(r"incoming/[^/]+/uploads/[0-9a-f]{32}/[^/]+")
# What stands beside recordings in real buckets, by the last part of the key, in lower case, and why it gets no job.
NO_RECORDINGS: tuple[tuple[str, Message], ...] = (
    (rf".*{re.escape(SIDECAR_SUFFIX)}", Message("skipped.sidecar")),
    (r".*_\$folder\$", Message("skipped.hadoop")),
    (r"\._.*", Message("skipped.apple-double")),
    (r"\.(ds_store|localized|apdisk|fseventsd|trashes|spotlight-v100)", Message("skipped.macos-settings")),
    (r"(thumbs|ehthumbs)\.db|desktop\.ini", Message("skipped.windows-settings")),
    (r"~\$.*|\.~lock\..*#", Message("skipped.lock-file")),
    (r"\.nfs[0-9a-f]+|\.fuse_hidden[0-9a-f]+", Message("skipped.placeholder")),
    (r".*\.(tmp|temp|swp)", Message("skipped.temporary")),
    (r".*\.(part|partial|filepart|crdownload|opdownload|download)", Message("skipped.incomplete")),
    (
        r".*\.(md5|sha1|sha224|sha256|sha384|sha512|sfv)|(md5|sha1|sha256|sha512)sums?(\.txt)?",
        Message("skipped.checksums"),
    ),
    (r".*\.(m3u|m3u8|pls|xspf|wpl|asx)", Message("skipped.playlist")),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), reason) for pattern, reason in NO_RECORDINGS)
_MACOS_ARCHIVE = "/__macosx/"  # macOS puts AppleDouble files there when it makes a ZIP archive


def skip_reason(key: str, size_bytes: int | None = None) -> Message | None:
    """Return why an object of the audio bucket gets no job.

    Args:
        key: the object's key, decoded.
        size_bytes: its size; None if it is not known, when no key that ends in a slash is a folder marker.

    Returns:
        The reason; None for a recording.
    """
    if key.endswith("/"):
        return Message("skipped.folder") if size_bytes == 0 else None
    folded = key.casefold()
    if _MACOS_ARCHIVE in folded:
        return Message("skipped.apple-double")
    name = folded.rpartition("/")[2]
    return next((reason for pattern, reason in _PATTERNS if pattern.fullmatch(name)), None)


def is_upload(key: str) -> bool:
    """Return whether the HTTP API made the key, for one upload: such a key has one job, whatever its versions."""
    return bool(_UPLOAD.fullmatch(key))


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


def file_name(key: str) -> str:
    """Return the file name in a key: what follows the last slash, or for a key that ends in one, its last folder."""
    return key.rstrip("/").rpartition("/")[2]


def fold_name(name: str) -> str:
    """Return a name for comparison: without differences of case, of width and of Unicode form."""
    return normalize("NFKC", normalize("NFKC", name).casefold())
