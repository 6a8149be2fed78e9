"""The published Python client, where the API's responses are other than usual."""

import importlib.util
import json
from types import SimpleNamespace

import pytest
import requests

from tools.client import FILE


@pytest.fixture
def client():
    spec = importlib.util.spec_from_file_location("asrcore_client", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def response(status, body, **headers):
    made = requests.Response()
    made.status_code, made._content = status, json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


def waited(client, monkeypatch, *responses):
    """Wait for a job; return its status, and the seconds of each wait."""
    slept, left = [], list(responses)
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=slept.append))
    api = client.Client("https://api.example.com")
    api._session = SimpleNamespace(request=lambda *_, **__: left.pop(0))
    return api.wait("1")["status"], slept


def test_wait_is_as_long_as_the_api_says(client, monkeypatch):
    told = waited(
        client,
        monkeypatch,
        response(200, {"status": "QUEUED"}, Retry_After="60"),
        response(429, {"message": "Too Many Requests"}),
        response(503, {"detail": "busy"}, Retry_After="7"),
        response(200, {"status": "COMPLETED"}),
    )

    assert told == ("COMPLETED", [60, 1, 7])


def test_wait_for_a_deleted_job_raises(client, monkeypatch):
    with pytest.raises(client.ApiError, match="no such job"):
        waited(client, monkeypatch, response(404, {"detail": "no such job"}))
