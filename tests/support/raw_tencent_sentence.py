"""A minimal client of Tencent one-sentence recognition, written only from the vendor's pages: both ways of signing."""

from dataclasses import dataclass
from typing import Any

from tests.support.raw_tencent_cloud import VERSION, RawTencentCloud, data_of

__all__ = ["RawTencentSentence", "data_of"]

ACTION = "SentenceRecognition"
PARTS_OF_A_CALL = {"method", "host", "version", "timestamp", "date", "service", "authorization", "body", "algorithm"}


@dataclass(frozen=True)
class RawTencentSentence(RawTencentCloud):
    """Signs and sends one call; whatever is given replaces or adds to a correct request (None: leave it out)."""

    def tc3(self, *, action: str = ACTION, version: str = VERSION, **changes: Any) -> dict[str, object]:
        parts, parameters = _parted(changes)
        return self.call_tc3(action, parameters, version=version, **parts)

    def v1(self, **changes: Any) -> dict[str, object]:
        parts, parameters = _parted(changes)
        return self.call_v1(ACTION, parameters, **parts)


def _parted(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What belongs to the call, and the parameters: those of a correct request, changed."""
    correct: dict[str, object] = {
        "EngSerViceType": "16k_zh",
        "SourceType": 0,
        "VoiceFormat": "wav",
        "ProjectId": 0,
        "SubServiceType": 2,
    }
    parts = {name: value for name, value in changes.items() if name in PARTS_OF_A_CALL}
    merged = {**correct, **{name: value for name, value in changes.items() if name not in PARTS_OF_A_CALL}}
    return parts, {name: value for name, value in merged.items() if value is not None}
