"""A minimal client of Volcengine AUC v3 "bigmodel", written only from the vendor's page."""

import uuid
from dataclasses import dataclass
from typing import Any

import requests

PATH = "/api/v3/auc/bigmodel"
TIMEOUT_S = 60


@dataclass(frozen=True)
class RawVolcengineBigmodel:
    """Sends one call; given headers and parts of the body replace those of a correct request (None: leave it out)."""

    base_url: str
    appid: str
    token: str

    def submit(
        self,
        url: str | None = None,
        *,
        task_id: str | None = None,
        edition: str = "",
        headers: dict[str, Any] | None = None,
        **parts: object,
    ) -> requests.Response:
        body = {
            "user": {"uid": "test"},
            "audio": {"url": url, "format": "wav"},
            "request": {"model_name": "bigmodel", "show_utterances": True, "enable_punc": True},
            **parts,
        }
        sequence = {"X-Api-Sequence": "-1"}
        return self.post(f"{PATH}{edition}/submit", body, task_id, {**sequence, **(headers or {})})

    def query(self, task_id: str, *, edition: str = "", headers: dict[str, Any] | None = None) -> requests.Response:
        return self.post(f"{PATH}{edition}/query", {}, task_id, headers or {})

    def post(self, path: str, body: object, task_id: str | None, headers: dict[str, Any]) -> requests.Response:
        resource = "volc.bigasr.auc_idle" if "/idle/" in path else "volc.bigasr.auc"
        merged = {
            "X-Api-App-Key": self.appid,
            "X-Api-Access-Key": self.token,
            "X-Api-Resource-Id": resource,
            "X-Api-Request-Id": task_id or str(uuid.uuid4()),
            **headers,
        }
        sent = {name: value for name, value in merged.items() if value is not None}
        return requests.post(f"{self.base_url}{path}", json=body, headers=sent, timeout=TIMEOUT_S)


def code_of(response: requests.Response) -> str:
    """Return the outcome of a call: it is in the headers, or in the body of a refusal by the gateway."""
    if "X-Api-Status-Code" not in response.headers:
        return str(response.json()["header"]["code"])
    assert response.headers["X-Api-Message"]
    assert response.headers["X-Tt-Logid"]
    return response.headers["X-Api-Status-Code"]


def message_of(response: requests.Response) -> str:
    """Return the gateway's words for a refusal."""
    return response.json()["header"]["message"]
