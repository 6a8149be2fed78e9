"""Webhooks as Standard Webhooks has them: what is sent, and how it is signed.

Source: Standard Webhooks specification 1.0.0, "Payload structure", "Signature scheme" and
"Webhook headers".
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)


@dataclass(frozen=True)
class WebhookMessage:
    """A webhook message. message_id and body are the same at each attempt.

    about: the job's id, for logs.  published_at: when the job's end was published, with its zone.
    """

    message_id: str
    about: str
    published_at: datetime
    body: bytes = field(repr=False)


def message(event: Mapping[str, Any]) -> WebhookMessage:
    """Return an event of the bus as a webhook. Raises ValueError for anything else."""
    try:
        payload = {
            "type": event["detail-type"].lower().replace(" ", "."),
            "timestamp": event["time"],
            "data": event["detail"],
        }
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return WebhookMessage(
            event["id"], event["detail"]["job_id"], datetime.fromisoformat(event["time"]).astimezone(UTC), body
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError("this is no event of the bus: expected id, time, detail-type and detail.job_id") from error


def headers(message: WebhookMessage, timestamp_s: int, keys: Sequence[str]) -> dict[str, str]:
    """Return the headers of one attempt, signed with every key: rotation needs several keys.

    timestamp_s: of this attempt, UNIX time. Raises AsrError(config) without a key, or for an invalid one.
    """
    signed = b".".join([message.message_id.encode(), str(timestamp_s).encode(), message.body])
    signatures = [_signature(signed, _key_bytes(key)) for key in _usable(keys)]
    return {
        "content-type": "application/json",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def _signature(signed: bytes, key: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def _usable(keys: Sequence[str]) -> Sequence[str]:
    if not keys:
        raise AsrError(ErrorClass.CONFIG, "WebhookKeyMissing", Message("WebhookKeyMissing", {"prefix": _PREFIX}))
    return keys


def _key_bytes(key: str) -> bytes:
    try:
        decoded = base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except (AttributeError, ValueError):  # not text, or not base64
        decoded = b""
    if len(decoded) not in _KEY_BYTES:
        raise AsrError(ErrorClass.CONFIG, "WebhookKeyInvalid", Message("WebhookKeyInvalid", {"prefix": _PREFIX}))
    return decoded
