"""Refusals by the gateway before both generations of Volcengine AUC, which knows no tasks.

They have HTTP status 401, 403 or 429 and `{"header": {"reqid", "code", "message"}}`; the status headers of bigmodel may
be missing. The vendor does not document them. Source: replies that clients of this host published (June to October
2026).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asrcore.vendors import asr, coerce, error_hints, failure_text

_HTTP_STATUSES = frozenset({401, 403, 429})
BAD_KEY, NOT_GRANTED, QUOTA = "45000010", "45000030", "45000292"
CODES: Mapping[str, asr.Code] = MappingProxyType(
    {
        BAD_KEY: asr.Code(
            asr.CodeKind.CONFIG,
            asr.Message("meaning.key-wrong-not-granted"),
            asr.Message("advice.bigmodel-keys"),
        ),
        NOT_GRANTED: asr.Code(
            asr.CodeKind.CONFIG,
            asr.Message("meaning.account-no-right-edition"),
            asr.Message("advice.bigmodel-edition"),
        ),
        QUOTA: asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.too-many-requests-second-time"), error_hints.SLOWER),
    }
)
_USED_UP = asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.account-quota-used-up"), asr.Message("advice.buy-more"))
_LIFETIME = "_lifetime"  # ends the names of quotas that do not refill, such as audio_duration_lifetime
_FAMILIES = (
    ("450", asr.Code(asr.CodeKind.CONFIG, asr.UNDOCUMENTED.meaning, error_hints.REPORT)),
    ("550", asr.Code(asr.CodeKind.RETRY, asr.UNDOCUMENTED.meaning, error_hints.WAIT)),
)


def refusal(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `code` and `message` of a refusal by the gateway; an empty mapping for any other reply."""
    return coerce.mapping(document.get("header"))


def is_about_the_call(http_status: int, code: str, codes: Mapping[str, asr.Code]) -> bool:
    """Return whether an undocumented code is from the gateway, and so not about the task."""
    return http_status in _HTTP_STATUSES and code not in codes


def look_up(code: str, message: str, codes: Mapping[str, asr.Code]) -> asr.Code:
    """Return a code's meaning; for a code outside of `codes`, the cause that its message names, or that of its family.

    One code stands for quotas that refill (requests at a time) and for quotas that do not (hours of audio).
    """
    if code == QUOTA and _LIFETIME in message:
        return _USED_UP
    if code in codes:
        return codes[code]
    family = next((known for beginning, known in _FAMILIES if code.startswith(beginning)), asr.UNDOCUMENTED)
    return failure_text.cause(message) or family
