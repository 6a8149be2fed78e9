"""A minimal client of abcpen's asr-offline, written only from the vendor's documents."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

import requests

from tests.support.raw_abcpen import signa

PATH = "/asr-offline"
TIMEOUT_S = 60


@dataclass(frozen=True)
class RawAbcpenOffline:
    """Signs and sends one call; whatever is given replaces or adds to a correct request (None: leave it out)."""

    base_url: str
    appid: str
    api_key: str

    def submit(
        self, url: str | None = None, *, headers: dict[str, str] | None = None, **changes: Any
    ) -> requests.Response:
        correct = {"audio_url": url, "app_id": self.appid, "task_id": str(uuid.uuid4()), "language": "zh"}
        body = {name: value for name, value in {**correct, **changes}.items() if value is not None}
        return self.post(body, self.signed() if headers is None else headers)

    def post(self, body: object, headers: dict[str, str], **arguments: Any) -> requests.Response:
        return requests.post(
            f"{self.base_url}{PATH}/submit_task/v1", json=body, headers=headers, timeout=TIMEOUT_S, **arguments
        )

    def check(self, task_id: str, headers: dict[str, str] | None = None) -> requests.Response:
        return self._get(f"check_status/v1/{task_id}", headers)

    def result(self, task_id: str, headers: dict[str, str] | None = None) -> requests.Response:
        return self._get(f"get_result/v1/{task_id}", headers)

    def signed(self, ts: object = None) -> dict[str, str]:
        ts = str(int(time.time()) if ts is None else ts)
        return {
            "X-App-Key": self.appid,
            "X-Timestamp": ts,
            "X-App-Signature": signa(self.appid, ts, self.api_key),
        }

    def _get(self, path: str, headers: dict[str, str] | None) -> requests.Response:
        signed = self.signed() if headers is None else headers
        return requests.get(f"{self.base_url}{PATH}/{path}", headers=signed, timeout=TIMEOUT_S)
