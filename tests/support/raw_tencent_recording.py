"""A minimal client of Tencent recording recognition, written only from the vendor's legacy API page."""

import base64
import hashlib
import hmac
import random
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import requests

HOST = "aai.qcloud.com"
TIMEOUT_S = 60


@dataclass(frozen=True)
class RawTencentRecording:
    """Signs and sends one submission; whatever is given replaces or adds to a correct request (None: leave it out)."""

    base_url: str
    appid: str
    secret_id: str
    secret_key: str

    def submit(
        self,
        *,
        body: bytes = b"",
        path: str | None = None,
        host: str = HOST,
        signature: str | None = None,
        content_type: str = "application/octet-stream",
        **changes: object,
    ) -> requests.Response:
        now = int(time.time())
        correct: dict[str, object] = {
            "callback_url": "http://127.0.0.1:9/callback",
            "channel_num": 1,
            "engine_model_type": "16k_0",
            "expired": now + 3600,
            "nonce": random.randint(1, 9_999_999_999),
            "projectid": 0,
            "res_text_format": 0,
            "res_type": 1,
            "secretid": self.secret_id,
            "source_type": 0,
            "sub_service_type": 0,
            "timestamp": now,
        }
        parameters = {name: str(value) for name, value in {**correct, **changes}.items() if value is not None}
        path = path or f"/asr/v1/{self.appid}"
        headers = {"Content-Type": content_type}
        signature = self.sign(host, path, parameters) if signature is None else signature
        if signature:
            headers["Authorization"] = signature
        return requests.post(
            f"{self.base_url}{path}?{urlencode(parameters, quote_via=quote)}",
            data=body,
            headers=headers,
            timeout=TIMEOUT_S,
        )

    def sign(self, host: str, path: str, parameters: dict[str, str]) -> str:
        query = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
        digest = hmac.new(self.secret_key.encode(), f"POST{host}{path}?{query}".encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()
