"""A minimal client of Tencent one-sentence recognition, written only from the vendor's pages: both ways of signing."""

import base64
import hashlib
import hmac
import json
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

HOST = "asr.tencentcloudapi.com"
TIMEOUT_S = 30


def data_of(audio: bytes) -> dict[str, object]:
    """The parameters that carry audio in the request."""
    return {"SourceType": 1, "Data": base64.b64encode(audio).decode(), "DataLen": len(audio)}


@dataclass(frozen=True)
class RawTencentSentence:
    """Signs and sends one call; whatever is given replaces or adds to a correct request (None: leave it out)."""

    base_url: str
    secret_id: str
    secret_key: str

    def tc3(
        self,
        *,
        method: str = "POST",
        host: str = HOST,
        action: str = "SentenceRecognition",
        version: str = "2019-06-14",
        timestamp: int | None = None,
        date: str | None = None,
        service: str = "asr",
        authorization: str | None = None,
        body: bytes | None = None,
        **changes: object,
    ) -> dict[str, object]:
        timestamp = int(time.time()) if timestamp is None else timestamp
        body = json.dumps(_request(changes)).encode() if body is None else body
        date = date or datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
        content_type = "application/json"
        canonical = "\n".join(
            [
                method,
                "/",
                "",
                f"content-type:{content_type}",
                f"host:{host}",
                "",
                "content-type;host",
                hashlib.sha256(body).hexdigest(),
            ]
        )
        scope = f"{date}/{service}/tc3_request"
        to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"TC3{self.secret_key}".encode()
        for part in (date, service, "tc3_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": content_type,
            "X-TC-Action": action,
            "X-TC-Version": version,
            "X-TC-Timestamp": str(timestamp),
            "Authorization": authorization
            if authorization is not None
            else f"TC3-HMAC-SHA256 Credential={self.secret_id}/{scope}, SignedHeaders=content-type;host, "
            f"Signature={signature}",
        }
        response = requests.request(method, f"{self.base_url}/", data=body, headers=headers, timeout=TIMEOUT_S)
        return _response(response)

    def v1(
        self, *, method: str = "GET", algorithm: str = "HmacSHA1", host: str = HOST, **changes: object
    ) -> dict[str, object]:
        common: dict[str, object] = {
            "Action": "SentenceRecognition",
            "Version": "2019-06-14",
            "Timestamp": int(time.time()),
            "Nonce": random.randint(1, 2**31),
            "SecretId": self.secret_id,
            "SignatureMethod": algorithm,
        }
        parameters = {name: str(value) for name, value in _request({**common, **changes}).items()}
        if "Signature" not in changes:
            query = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
            hash_name = "sha256" if algorithm == "HmacSHA256" else "sha1"
            digest = hmac.new(self.secret_key.encode(), f"{method}{host}/?{query}".encode(), hash_name).digest()
            parameters["Signature"] = base64.b64encode(digest).decode()
        url = f"{self.base_url}/"
        if method == "GET":
            return _response(requests.get(url, params=parameters, timeout=TIMEOUT_S))
        return _response(requests.post(url, data=parameters, timeout=TIMEOUT_S))


def _request(changes: dict[str, object]) -> dict[str, object]:
    correct: dict[str, object] = {
        "EngSerViceType": "16k_zh",
        "SourceType": 0,
        "VoiceFormat": "wav",
        "ProjectId": 0,
        "SubServiceType": 2,
    }
    return {name: value for name, value in {**correct, **changes}.items() if value is not None}


def _response(response: requests.Response) -> dict[str, object]:
    assert response.status_code == 200
    return dict(response.json()["Response"])
