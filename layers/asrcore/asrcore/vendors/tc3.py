"""Tencent Cloud's request signature TC3-HMAC-SHA256, for POST to the path `/` without a query.

Source: Tencent one-sentence recognition, "TC3-HMAC-SHA256".
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"


def authorization(
    signed_headers: Mapping[str, str], body: bytes, *, service: str, now: int, secret_id: str, secret_key: str
) -> str:
    """Return the value of the `Authorization` header.

    Args:
        secret_id: the id of the key.
        secret_key: the key.
        service: such as `asr`.
        signed_headers: the headers to sign, at least Content-Type and Host, exactly as they are sent.
        body: the request's body.
        now: UNIX seconds; the vendor allows a difference of 5 minutes.
    """
    headers = sorted((name.lower(), value.strip().lower()) for name, value in signed_headers.items())
    names = ";".join(name for name, _ in headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers)
    canonical_request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"

    # The vendor's date is in UTC.
    date = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    string_to_sign = f"{ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(canonical_request.encode()).hexdigest()}"

    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = _hmac_sha256(key, part)
    signature = _hmac_sha256(key, string_to_sign).hex()
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _hmac_sha256(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode(), hashlib.sha256).digest()
