"""Signed callback URLs: vendors do not sign their callbacks, so the URL is signed.

`{base}/callbacks/{vendor}/{job_id}/{attempt}/{signature}`: the last part is the URL's expiry, in UNIX seconds, and an
HMAC-SHA256 over it and the three parts before. A vendor's own task id is no part of it: Tencent repeats task ids on
other days.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Sequence
from datetime import UTC, datetime

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message


def callback_url(
    base_url: str, vendor: str, job_id: str, attempt: int, keys: Sequence[str], *, expires_at: datetime
) -> str:
    """Return the callback URL of an attempt, signed with the first key. Raises AsrError(config) without a key."""
    until = str(math.ceil(expires_at.timestamp()))
    signature = f"{until}-{_sign(vendor, job_id, str(attempt), until, _usable(keys)[0])}"
    return f"{base_url.rstrip('/')}/callbacks/{vendor}/{job_id}/{attempt}/{signature}"


def is_signed(vendor: str, job_id: str, attempt: str, signature: str, keys: Sequence[str]) -> bool:
    """Return whether one of the keys made this signature, in constant time; rotation needs several keys."""
    until, _, digest = signature.partition("-")
    found = digest.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(_sign(vendor, job_id, attempt, until, key).encode(), found) for key in _usable(keys)]
    return any(matches)


def expiry(signature: str) -> datetime:
    """Return when the URL of a valid signature expires."""
    return datetime.fromtimestamp(int(signature.partition("-")[0]), UTC)


def _sign(vendor: str, job_id: str, attempt: str, until: str, key: str) -> str:
    message = "\n".join((vendor, job_id, attempt, until)).encode("utf-8", "surrogatepass")
    digest = hmac.new(key.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _usable(keys: Sequence[str]) -> list[str]:
    # Signatures with an empty key can be forged: it is an error, not "no check".
    usable = [key for key in keys if key]
    if not usable:
        raise AsrError(ErrorClass.CONFIG, "CallbackKeyMissing", Message("CallbackKeyMissing"))
    return usable
