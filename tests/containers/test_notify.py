"""NotifyFunction in its container, by `make sam-local`: the other functions' events are those of `tests/stack`."""

import json
from pathlib import Path

import pytest

from devstack.stack import FunctionError
from tests.support.containers import ContainedStack

EVENT = json.loads((Path(__file__).parents[2] / "events" / "webhook.json").read_text())
NOBODYS = "https://192.0.2.1/"  # of the documentation's network; the stack may post to public addresses only


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with ContainedStack(
        tmp_path_factory.mktemp("sam"),
        params={"WebhookUrl": NOBODYS},
        region="eu-west-1",  # not that of the other stack of this process
        log_dir=tmp_path_factory.mktemp("logs"),
    ) as stack:
        yield stack


def test_failed_webhook_is_hidden_until_its_next_attempt(stack):
    """The example's receipt is no queue's, so that is as far as it gets."""
    with pytest.raises(FunctionError, match=r"ReceiptHandleIsInvalid.* ChangeMessageVisibility"):
        stack.invoke("NotifyFunction", EVENT)
