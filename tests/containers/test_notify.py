"""Run NotifyFunction in its container, by `make sam-local`; tests/stack has the other functions' events."""

import json
from pathlib import Path

import pytest

from devstack.stack import FunctionError
from tests.support.containers import ContainedStack
from tests.support.example_job import store_completed_job

EVENT = json.loads((Path(__file__).parents[2] / "events" / "webhook.json").read_text())
NOBODYS = "https://192.0.2.1/"  # an address reserved for documentation; the stack posts to public addresses only


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with ContainedStack(
        tmp_path_factory.mktemp("sam"),
        params={"WebhookUrl": NOBODYS},
        region="eu-west-1",  # another region than the process's other stack
        log_dir=tmp_path_factory.mktemp("logs"),
    ) as stack:
        yield stack


def test_failed_webhook_is_hidden_until_its_next_attempt(stack):
    """The example event's receipt handle is of no queue, so hiding the message fails."""
    store_completed_job(stack, json.loads(EVENT["Records"][0]["body"])["detail"])

    with pytest.raises(FunctionError, match=r"ReceiptHandleIsInvalid.* ChangeMessageVisibility"):
        stack.invoke("NotifyFunction", EVENT)
