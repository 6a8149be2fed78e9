"""Check presigned POST uploads to S3, which moto accepts from any caller, against their signed policy.

Source: S3 guide, "Authenticating requests: browser-based uploads using POST (Signature Version 4)" and "POST policy".
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.s3.exceptions import S3ClientError

_UNNAMED = ("policy", "x-amz-signature", "file")  # fields that need no condition


def is_form(request: Any) -> bool:
    """Return whether a request of moto's is a presigned POST."""
    return request.service_name == "s3" and request.method == "POST" and "policy" in request.form_data


def fields_of(request: Any) -> dict[str, str]:
    """Return the form's fields with lower-case names; S3 ignores their case."""
    return {name.lower(): value for name, value in request.form_data.items()}


def check(fields: Mapping[str, str], bucket: str, size_bytes: int, secret_access_key: str) -> None:
    """Raise S3's error for a form that is forged, expired, or breaks its policy."""
    if not hmac.compare_digest(_signature(fields, secret_access_key), fields.get("x-amz-signature", "")):
        raise S3ClientError("SignatureDoesNotMatch", "The request signature we calculated does not match")
    policy = json.loads(base64.b64decode(fields["policy"]))
    if datetime.fromisoformat(policy["expiration"]) < datetime.now(UTC):
        raise S3ClientError("AccessDenied", "Invalid according to Policy: Policy expired.")
    values, allowed = {**fields, "bucket": bucket}, {"bucket"}
    for condition in _listed(policy["conditions"]):
        match condition:
            case ["content-length-range", int(least), int(most)]:
                _check_size(size_bytes, least, most)
            case [("eq" | "starts-with") as operator, str(name), str(value)]:
                field = name.removeprefix("$").lower()
                allowed.add(field)
                found = values.get(field, "")
                if not (found == value if operator == "eq" else found.startswith(value)):
                    raise S3ClientError(
                        "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {condition}"
                    )
    extra = sorted(set(fields) - allowed - {*_UNNAMED})
    if extra:
        raise S3ClientError("AccessDenied", f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


def _listed(conditions: Iterable[Any]) -> Iterable[Any]:
    """Yield conditions as lists; an object is one or more conditions of equality."""
    for condition in conditions:
        if isinstance(condition, dict):
            yield from (["eq", name, value] for name, value in condition.items())
        else:
            yield condition


def _check_size(size_bytes: int, least: int, most: int) -> None:
    if size_bytes > most:
        raise S3ClientError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    if size_bytes < least:
        raise S3ClientError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")


def _signature(fields: Mapping[str, str], secret_access_key: str) -> str:
    key = f"AWS4{secret_access_key}".encode()
    for part in fields.get("x-amz-credential", "").split("/")[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, fields["policy"].encode(), hashlib.sha256).hexdigest()
