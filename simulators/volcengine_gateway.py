"""Refuse as the gateway in front of both generations of Volcengine AUC does: in its own form, by HTTP status.

Source: replies that clients of this host published (June to October 2026).
"""

import uuid

from simulators.server import Answer

BAD_KEY, NOT_GRANTED, QUOTA = "45000010", "45000030", "45000292"
HTTP_STATUSES = {BAD_KEY: 401, NOT_GRANTED: 403, QUOTA: 429}
MESSAGES = {
    BAD_KEY: "Invalid X-Api-Key",
    NOT_GRANTED: "requested resource not granted",
    QUOTA: "quota exceeded for types: concurrency",
}
USED_UP = "quota exceeded for types: audio_duration_lifetime"


def refusal(code: str, message: str | None = None) -> Answer:
    """Return the gateway's answer for one of its codes; `message` replaces its usual message."""
    header = {"reqid": str(uuid.uuid4()), "code": int(code), "message": message or MESSAGES[code]}
    return Answer(code, {"header": header}, http_status=HTTP_STATUSES[code])
