"""Signed callback URLs: vendors do not sign their callbacks, so the URL is signed.

`{base}/callbacks/{vendor}/{job_id}/{attempt}/{signature}`: the signature is an HMAC-SHA256 over the three before it. A
vendor's own task id is no part of it: Tencent repeats task ids on other days.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message


def callback_url(base_url: str, vendor: str, job_id: str, attempt: int, keys: Sequence[str]) -> str:
    """Return the callback URL of an attempt, signed with the first key. Raises AsrError(config) without a key."""
    signature = _sign(vendor, job_id, str(attempt), _usable(keys)[0])
    return f"{base_url.rstrip('/')}/callbacks/{vendor}/{job_id}/{attempt}/{signature}"


def is_signed(vendor: str, job_id: str, attempt: str, signature: str, keys: Sequence[str]) -> bool:
    """Return whether one of the keys made this signature, in constant time; rotation needs several keys."""
    matches = [
        hmac.compare_digest(_sign(vendor, job_id, attempt, key).encode(), signature.encode("utf-8", "surrogatepass"))
        for key in _usable(keys)
    ]
    return any(matches)


def _sign(vendor: str, job_id: str, attempt: str, key: str) -> str:
    message = "\n".join((vendor, job_id, attempt)).encode("utf-8", "surrogatepass")
    digest = hmac.new(key.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _usable(keys: Sequence[str]) -> list[str]:
    # Signatures with an empty key can be forged: it is an error, not "no check".
    usable = [key for key in keys if key]
    if not usable:
        raise AsrError(ErrorClass.CONFIG, "CallbackKeyMissing", Message("CallbackKeyMissing"))
    return usable
