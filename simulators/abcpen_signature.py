"""Check the signature of every abcpen generation: `appid`, `ts` and `signa`, or three headers.

Source: "abcpen (bisheng) long-speech offline ASR, v1" and the vendor's signature document.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from flask import request

from simulators.checks import whole_number

CLOCK_TOLERANCE_S = 300
HEADERS = {"X-App-Key": "appid", "X-Timestamp": "ts", "X-App-Signature": "signa"}


def sign(appid: str, ts: str, api_key: str) -> str:
    """Return the `signa` of an application at a time: base64 of HMAC-SHA1 over the hex MD5 of both."""
    digest = hashlib.md5(f"{appid}{ts}".encode(), usedforsecurity=False).hexdigest()
    return base64.b64encode(hmac.digest(api_key.encode(), digest.encode(), "sha1")).decode()


def header_claims() -> dict[str, str]:
    """Return the current request's signature headers, under the names of the parameters."""
    return {name: request.headers[header] for header, name in HEADERS.items() if header in request.headers}


def is_authentic(claimed: Mapping[str, str], credentials: Mapping[str, str], now_s: float) -> bool:
    """Return whether a known application signed at `now_s` (seconds since 1970), give or take five minutes."""
    appid, ts = claimed.get("appid", ""), claimed.get("ts", "")
    seconds = whole_number(ts)
    expected = sign(appid, ts, credentials["api_key"])
    return (
        appid == credentials["appid"]
        and seconds is not None
        and abs(seconds - now_s) <= CLOCK_TOLERANCE_S
        and hmac.compare_digest(claimed.get("signa", "").encode(), expected.encode())
    )
