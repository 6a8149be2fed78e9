"""Simulators that run for a test, and a control of each: faults, options, and what was asked."""

import json
from dataclasses import dataclass
from pathlib import Path

import requests

CREDENTIALS = json.loads((Path(__file__).resolve().parents[2] / "devstack" / "credentials.json").read_text())
TIMEOUT_S = 60


@dataclass(frozen=True)
class Control:
    """The control endpoints of one simulator."""

    base_url: str

    def fault(self, on: str, **what: object) -> requests.Response:
        return requests.post(f"{self.base_url}/_simulator/faults", json={"on": on, **what}, timeout=TIMEOUT_S)

    def options(self, **changes: object) -> requests.Response:
        return requests.post(f"{self.base_url}/_simulator/options", json=changes, timeout=TIMEOUT_S)

    def reset(self) -> None:
        requests.delete(f"{self.base_url}/_simulator/faults", timeout=TIMEOUT_S)
        requests.delete(f"{self.base_url}/_simulator/options", timeout=TIMEOUT_S)

    def requests(self, kind: str | None = None) -> list[dict[str, object]]:
        noted = requests.get(f"{self.base_url}/_simulator/requests", timeout=TIMEOUT_S).json()
        return [entry for entry in noted if kind in {None, entry["kind"]}]
