"""A minimal client of Tencent's CreateRecTask and DescribeTaskStatus, written only from the vendor's pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.raw_tencent_cloud import RawTencentCloud, data_of

__all__ = ["RawTencentRecTask", "data_of"]

CREATE, DESCRIBE = "CreateRecTask", "DescribeTaskStatus"
CORRECT = {"EngineModelType": "16k_zh", "ChannelNum": 1, "ResTextFormat": 0, "SourceType": 0}


@dataclass(frozen=True)
class RawTencentRecTask(RawTencentCloud):
    """Signs and sends one call; the named parameters replace or add to a correct request (None: leave it out)."""

    def create(self, call: Mapping[str, Any] | None = None, **changes: object) -> dict[str, Any]:
        """`call` changes the call itself: its method, host, date and so on."""
        parameters = {name: value for name, value in {**CORRECT, **changes}.items() if value is not None}
        return self.call_tc3(**{"action": CREATE, "parameters": parameters, **(call or {})})

    def describe(self, task_id: object, **call: Any) -> dict[str, Any]:
        return self.call_tc3(**{"action": DESCRIBE, "parameters": {"TaskId": task_id}, **call})
