"""Control a simulator in a test: its faults, options and request log."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

_DEVSTACK = Path(__file__).resolve().parents[2] / "devstack"
CREDENTIALS = json.loads((_DEVSTACK / "credentials.json").read_text())
SIGNING_KEYS = json.loads((_DEVSTACK / "signing_keys.json").read_text())
TIMEOUT_S = 60
# The values that a parameter of any type may be given; a simulator must answer each in its vendor's form.
any_json_value = pytest.mark.parametrize("value", [None, [], {}, 1.5, True, "\x00", -1, 2**70], ids=repr)


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


@dataclass(frozen=True)
class FromNow:
    """A time in a test's parameters, in seconds from the moment when the test runs."""

    seconds: int


def at_run_time(parameters: Mapping[str, object]) -> dict[str, object]:
    """Replace each FromNow by seconds since 1970; parameters are computed when tests are collected."""
    now = int(time.time())
    return {name: now + each.seconds if isinstance(each, FromNow) else each for name, each in parameters.items()}
