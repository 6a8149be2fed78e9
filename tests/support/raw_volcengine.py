"""A minimal client of Volcengine AUC v1, written only from the vendor's page."""

from dataclasses import dataclass

import requests

TIMEOUT_S = 60


@dataclass(frozen=True)
class RawVolcengine:
    """Sends one call; a given part replaces the same part of a correct request."""

    base_url: str
    appid: str
    token: str
    cluster: str

    def submit(self, url: str | None = None, *, header: str | None = None, **parts: object) -> dict[str, object]:
        body: dict[str, object] = {
            "app": self.account,
            "user": {"uid": "test"},
            "audio": {"url": url, "format": "wav"},
            **parts,
        }
        return dict(self.post("/api/v1/auc/submit", body, header).json()["resp"])

    def query(self, task_id: object, *, header: str | None = None, **changes: object) -> dict[str, object]:
        body = {**self.account, "id": task_id, **changes}
        return dict(self.post("/api/v1/auc/query", body, header).json()["resp"])

    def post(self, path: str, body: object, header: str | None = None) -> requests.Response:
        authorization = f"Bearer; {self.token}" if header is None else header
        headers = {"Authorization": authorization} if authorization else {}
        return requests.post(f"{self.base_url}{path}", json=body, headers=headers, timeout=TIMEOUT_S)

    @property
    def account(self) -> dict[str, str]:
        return {"appid": self.appid, "token": self.token, "cluster": self.cluster}
