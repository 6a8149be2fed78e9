"""Check the two signatures of Tencent's cloud API: TC3-HMAC-SHA256 (headers) and v1 (parameters).

Source: "Tencent one-sentence recognition": authentication, with its vectors.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.checks import whole_number
from simulators.server import RefusalError

CLOCK_TOLERANCE_S = 300
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 +Credential=(?P<id>[^/,\s]+)/(?P<date>[^/,\s]+)/(?P<service>[^/,\s]+)/(?P<end>[^/,\s]+),"
    r" *SignedHeaders=(?P<headers>[a-z0-9;-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class SignedCall:
    """A received call; header names in lower case, the query undecoded."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Account:
    """The accepted account, and a host that may be signed besides the received one."""

    secret_id: str
    secret_key: str
    canonical_host: str
    service: str = "asr"


def tc3_signature(
    secret_key: str, call: SignedCall, *, timestamp: int, service: str, signed_headers: Iterable[str]
) -> str:
    """Return the hex signature of a call, computed over its bytes and header values as received."""
    names = sorted(signed_headers)
    unsigned = call.headers.get("x-tc-content-sha256") == UNSIGNED_PAYLOAD
    payload = UNSIGNED_PAYLOAD.encode() if unsigned else b"" if call.method == "GET" else call.body
    canonical = "\n".join(
        [
            call.method,
            "/",
            call.query,
            *(f"{name}:{call.headers[name].strip().lower()}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(payload).hexdigest(),
        ]
    )
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    to_sign = "\n".join(
        [
            "TC3-HMAC-SHA256",
            str(timestamp),
            f"{date}/{service}/tc3_request",
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def v1_signature(secret_key: str, method: str, host: str, parameters: Mapping[str, str]) -> str:
    """Return the base64 signature of a call's sorted raw parameters; `SignatureMethod` chooses the hash."""
    algorithm = "sha256" if parameters.get("SignatureMethod") == "HmacSHA256" else "sha1"
    signed = {name.replace("_", "."): value for name, value in parameters.items() if name != "Signature"}
    query = "&".join(f"{name}={value}" for name, value in sorted(signed.items()))
    plain = f"{method}{host}/?{query}"
    return base64.b64encode(hmac.digest(secret_key.encode(), plain.encode(), algorithm)).decode()


def check_tc3(call: SignedCall, account: Account, now_s: float) -> None:
    """Check the TC3 header of a call; raises RefusalError with a code of AuthFailure."""
    found = AUTHORIZATION.fullmatch(call.headers.get("authorization", "").strip())
    timestamp = whole_number(call.headers.get("x-tc-timestamp"))
    if found is None or timestamp is None:
        raise RefusalError("AuthFailure.InvalidAuthorization")
    signed = found["headers"].split(";")
    if not {"content-type", "host"} <= set(signed) <= set(call.headers):
        raise RefusalError("AuthFailure.InvalidAuthorization")
    _check_account(found["id"], timestamp, account, now_s)
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    if (found["date"], found["service"], found["end"]) != (date, account.service, "tc3_request"):
        raise RefusalError("AuthFailure.SignatureFailure")
    expected = [
        tc3_signature(
            account.secret_key,
            SignedCall(call.method, query, {**call.headers, "host": host}, call.body),
            timestamp=timestamp,
            service=account.service,
            signed_headers=signed,
        )
        for host in _signed_hosts(call.headers["host"], account)
        # The manual sorts the query, the vendor's own SDK signs it as sent.
        for query in (call.query, "&".join(sorted(call.query.split("&"))))
    ]
    _check_any(found["signature"], expected)


def check_v1(method: str, host: str, parameters: Mapping[str, str], account: Account, now_s: float) -> None:
    """Check the `Signature` parameter of a call; raises RefusalError."""
    for name in ("SecretId", "Timestamp", "Nonce", "Signature"):
        if not parameters.get(name):
            raise RefusalError("MissingParameter", f"The request is missing the parameter `{name}`.")
    timestamp, nonce = whole_number(parameters["Timestamp"]), whole_number(parameters["Nonce"])
    if timestamp is None or nonce is None or nonce <= 0:
        raise RefusalError("InvalidParameterValue", "Timestamp and Nonce are positive integers.")
    if parameters.get("SignatureMethod", "HmacSHA1") not in {"HmacSHA1", "HmacSHA256"}:
        raise RefusalError("InvalidParameterValue", "SignatureMethod is HmacSHA1 or HmacSHA256.")
    _check_account(parameters["SecretId"], timestamp, account, now_s)
    hosts = _signed_hosts(host, account)
    expected = [v1_signature(account.secret_key, method, each, parameters) for each in hosts]
    _check_any(parameters["Signature"], expected)


def _signed_hosts(received: str, account: Account) -> tuple[str, ...]:
    """Return the hosts that a client may have signed: the received one, without its port too, and the vendor's own."""
    return received, received.partition(":")[0], account.canonical_host


def _check_account(secret_id: str, timestamp: int, account: Account, now_s: float) -> None:
    if secret_id != account.secret_id:
        raise RefusalError("AuthFailure.SecretIdNotFound")
    if abs(timestamp - now_s) > CLOCK_TOLERANCE_S:
        raise RefusalError("AuthFailure.SignatureExpire")


def _check_any(signature: str, expected: Iterable[str]) -> None:
    if not any(hmac.compare_digest(signature.encode(), each.encode()) for each in expected):
        raise RefusalError("AuthFailure.SignatureFailure")
