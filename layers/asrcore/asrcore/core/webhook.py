"""Webhooks as Standard Webhooks has them: what is sent, and how it is signed.

Source: Standard Webhooks specification 1.0.0, "Payload structure", "Signature scheme" and
"Webhook headers".
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message

_PREFIX = "whsec_"
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_KEY_BYTES = range(24, 65)


@dataclass(frozen=True)
class PublishedEvent:
    """An event of the bus, which any principal of the account may have put there.

    time: of the event, ISO 8601.
    """

    event_id: str
    detail_type: str
    time: str
    job_id: str

    @property
    def published_at(self) -> datetime:
        """When the event was published, in UTC."""
        return datetime.fromisoformat(self.time).astimezone(UTC)


@dataclass(frozen=True)
class WebhookMessage:
    """A webhook message. message_id and body are the same at each attempt."""

    message_id: str
    body: bytes = field(repr=False)


def read_event(event: Mapping[str, Any]) -> PublishedEvent:
    """Return an event of the bus. Raises ValueError for anything else."""
    try:
        read = PublishedEvent(event["id"], event["detail-type"], event["time"], event["detail"]["job_id"])
        is_event = bool(_JOB_ID.fullmatch(read.job_id) and isinstance(read.event_id, str) and read.published_at)
    except (KeyError, TypeError, ValueError):
        is_event = False
    if not is_event:
        raise ValueError("this is no event of the bus: expected id, time, detail-type and detail.job_id")
    return read


def message(event: PublishedEvent, data: Mapping[str, Any]) -> WebhookMessage:
    """Return the webhook of an event. data: how the job ended, by its row."""
    payload = {"type": event.detail_type.lower().replace(" ", "."), "timestamp": event.time, "data": data}
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return WebhookMessage(event.event_id, body)


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
