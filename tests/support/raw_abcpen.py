"""A minimal client of abcpen long-speech v1, written only from the vendor's documents."""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass

import requests

PATH = "/v1/asr/long"
TIMEOUT_S = 60


def signa(appid: str, ts: str, api_key: str) -> str:
    """The signature of every generation."""
    digest = hashlib.md5(f"{appid}{ts}".encode()).hexdigest()
    return base64.b64encode(hmac.new(api_key.encode(), digest.encode(), hashlib.sha1).digest()).decode()


@dataclass(frozen=True)
class RawAbcpen:
    """Signs and sends one call; whatever is given replaces or adds to a correct request (None: leave it out)."""

    base_url: str
    appid: str
    api_key: str

    def submit(self, url: str | None = None, **changes: object) -> dict[str, object]:
        correct = {"audio_url": url, "audio_encode": "pcm", "audio_sample_rate": "16000"}
        return dict(requests.post(self._url, data=self.signed({**correct, **changes}), timeout=TIMEOUT_S).json())

    def poll(self, task_id: object, **changes: object) -> dict[str, object]:
        parameters = self.signed({"task_id": task_id, **changes})
        return dict(requests.get(self._url, params=parameters, timeout=TIMEOUT_S).json())

    def signed(self, parameters: dict[str, object]) -> dict[str, str]:
        ts = str(parameters.get("ts", int(time.time())))
        merged = {"appid": self.appid, "ts": ts, "signa": signa(self.appid, ts, self.api_key), **parameters}
        return {name: str(value) for name, value in merged.items() if value is not None}

    @property
    def _url(self) -> str:
        return f"{self.base_url}{PATH}"
