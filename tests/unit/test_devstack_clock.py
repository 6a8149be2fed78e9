"""Check which waits the local stack shortens, and which keep their length."""

import json
import random
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.wrappers import Request, Response

from devstack.clock import REAL_WAITS, WaitClock
from devstack.prefork import shorten_pauses
from devstack.settings import ROOT
from tests.support.loopback import Loopback


def test_wait_before_a_query_is_divided_by_the_speed():
    assert WaitClock(20).wait_s("WaitToQuery", 10) == 0.5


def test_wait_for_a_time_of_day_keeps_its_length():
    assert WaitClock(20).wait_s("WaitToSubmit", 10) == 10


def test_default_speed_changes_no_wait():
    assert WaitClock().wait_s("WaitToQuery", 10) == WaitClock().pause_s(10) == 10


class Busy(Loopback):
    """Refuses each request for the moment."""

    def answer_to(self, request: Request) -> Response:
        return Response("{}", 503)


def test_pause_of_the_aws_sdk_is_divided_by_the_speed(monkeypatch):
    def pauses(speed):
        slept = []
        for name in ("botocore.endpoint.time", "devstack.prefork.time"):
            monkeypatch.setattr(name, SimpleNamespace(sleep=slept.append))
        shorten_pauses(speed)
        random.seed(7)  # botocore draws the length of each pause
        with Busy() as aws, pytest.raises(ClientError):
            boto3.Session().client(
                "dynamodb",
                "us-east-1",
                endpoint_url=aws.at(""),
                aws_access_key_id="x",
                aws_secret_access_key="x",
                config=Config(retries={"mode": "standard", "total_max_attempts": 4}, proxies={}),
            ).list_tables()
        return slept

    usual = pauses(1)

    assert len(usual) == 3
    assert pauses(20) == pytest.approx([pause_s / 20 for pause_s in usual])


def test_real_waits_name_states_of_the_state_machine():
    states = json.loads((ROOT / "statemachine/poller.asl.json").read_text())["States"]

    assert {name for name in REAL_WAITS if states[name]["Type"] == "Wait"} == REAL_WAITS


@pytest.mark.parametrize("speed", [0, 0.5, -1])
def test_speed_below_one_is_refused(speed: float):
    with pytest.raises(ValueError, match="1 or more"):
        WaitClock(speed)
