"""Calls of Tencent's cloud API, written only from the vendor's pages: both ways of signing, every part replaceable."""

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import requests

HOST = "asr.tencentcloudapi.com"
VERSION = "2019-06-14"
TIMEOUT_S = 60


def data_of(audio: bytes) -> dict[str, object]:
    """The parameters that carry audio in the request."""
    return {"SourceType": 1, "Data": base64.b64encode(audio).decode(), "DataLen": len(audio)}


@dataclass(frozen=True)
class RawTencentCloud:
    """Signs and sends one call for an account."""

    base_url: str
    secret_id: str
    secret_key: str

    def call_tc3(
        self,
        action: str,
        parameters: Mapping[str, object],
        *,
        method: str = "POST",
        host: str = HOST,
        version: str = VERSION,
        timestamp: int | None = None,
        date: str | None = None,
        service: str = "asr",
        authorization: str | None = None,
        body: bytes | None = None,
    ) -> dict[str, object]:
        timestamp = int(time.time()) if timestamp is None else timestamp
        if method == "GET":
            query, body = urlencode(sorted(parameters.items()), quote_via=quote), b""
            content_type = "application/x-www-form-urlencoded"
        else:
            query, body = "", json.dumps(parameters).encode() if body is None else body
            content_type = "application/json"
        date = date or datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
        canonical = "\n".join(
            [
                method,
                "/",
                query,
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
        url = f"{self.base_url}/" + (f"?{query}" if query else "")
        return _response(requests.request(method, url, data=body, headers=headers, timeout=TIMEOUT_S))

    def call_v1(
        self,
        action: str,
        parameters: Mapping[str, object],
        *,
        method: str = "GET",
        algorithm: str = "HmacSHA1",
        host: str = HOST,
    ) -> dict[str, object]:
        """A `Signature` among the parameters is sent as it is."""
        common: dict[str, object] = {
            "Action": action,
            "Version": VERSION,
            "Timestamp": int(time.time()),
            "Nonce": random.randint(1, 2**31),
            "SecretId": self.secret_id,
            "SignatureMethod": algorithm,
        }
        sent = {name: str(value) for name, value in {**common, **parameters}.items()}
        if "Signature" not in sent:
            query = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
            hash_name = "sha256" if algorithm == "HmacSHA256" else "sha1"
            digest = hmac.new(self.secret_key.encode(), f"{method}{host}/?{query}".encode(), hash_name).digest()
            sent["Signature"] = base64.b64encode(digest).decode()
        url = f"{self.base_url}/"
        if method == "GET":
            return _response(requests.get(url, params=sent, timeout=TIMEOUT_S))
        return _response(requests.post(url, data=sent, timeout=TIMEOUT_S))


def _response(response: requests.Response) -> dict[str, object]:
    assert response.status_code == 200
    return dict(response.json()["Response"])
