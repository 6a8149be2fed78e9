"""`destroy` stops executions before and after the stack's deletion begins, within quotas, and publishes nothing."""

import io
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from asrctl import destroy
from asrctl.progress import ProgressReporter
from asrctl.result import OperatorError
from asrctl.stack import DeployedStack, StackLocation
from devstack.expand import expand, load_template
from tests.support.template import ROOT

POLLER, BACKFILL = "arn:poller", "arn:backfill"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Operation")


class Account:
    """A stack of AWS in memory, with its clients; `log` holds what was called, in order.

    executions: those that run, by state machine. late: those that start when the stack's deletion begins.
    """

    name, audio_bucket, transcript_bucket = "asrcore", "audio", "transcripts"
    jobs_table, state_machine_arn, backfill_arn = "jobs", POLLER, BACKFILL
    secret_arn, signing_secret_arn = "arn:secret", "arn:signing"

    def __init__(self, executions: dict[str, list[str]], late: dict[str, list[str]] | None = None) -> None:
        self.executions, self.late = executions, late or {}
        self.log: list[str] = []
        self.now_s, self.stopped_at_s = 0.0, []
        self.refusals: dict[str, str] = {}
        self.states = self.events = self.s3 = self.dynamodb = self.secrets = self.cloudformation = self

    def resource(self, logical_id: str) -> str:
        return f"asrcore-{logical_id}"

    def describe(self) -> dict[str, Any]:
        return {"StackStatus": "CREATE_COMPLETE"}

    def running(self, state_machine_arn: str) -> Any:
        self._call("list_executions", "")
        for execution in list(self.executions[state_machine_arn]):
            yield {"executionArn": execution}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_object_versions"
        return SimpleNamespace(paginate=lambda **_: iter([]))

    def stop_execution(self, executionArn: str, cause: str) -> None:  # noqa: N803 - AWS's names
        self._call("stop_execution", executionArn)
        self.stopped_at_s.append(self.now_s)
        for running in self.executions.values():
            if executionArn in running:
                running.remove(executionArn)

    def disable_rule(self, Name: str) -> None:  # noqa: N803
        self._call("disable_rule", Name)

    def put_bucket_notification_configuration(self, Bucket: str, NotificationConfiguration: Any) -> None:  # noqa: N803
        self._call("put_bucket_notification_configuration", Bucket)

    def delete_bucket(self, Bucket: str) -> None:  # noqa: N803
        self._call("delete_bucket", Bucket)

    def delete_table(self, TableName: str) -> None:  # noqa: N803
        self._call("delete_table", TableName)

    def delete_secret(self, SecretId: str, ForceDeleteWithoutRecovery: bool) -> None:  # noqa: N803
        self._call("delete_secret", SecretId)

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        self._call("delete_stack", StackName)
        for machine, executions in self.late.items():
            self.executions[machine] += executions

    def get_waiter(self, _name: str) -> Any:
        def wait(**_: Any) -> None:
            assert not any(self.executions.values()), "the stack's deletion hangs"
            self._call("wait", "")

        return SimpleNamespace(wait=wait)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if seconds > 1:
            self._call("sleep", f"{seconds:g}")

    def _call(self, operation: str, about: str) -> None:
        if code := self.refusals.get(operation):
            raise refused(code)
        if operation != "list_executions":
            self.log.append(f"{operation} {about}".strip())


def destroyed(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    *,
    agreed: bool = True,
    dry_run: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> Any:
    """Return the result of `destroy`. meanwhile: is called while consent is awaited."""

    def confirm(_shown: list[str]) -> bool:
        meanwhile()
        return agreed

    clock = SimpleNamespace(monotonic=lambda: account.now_s, sleep=account.sleep)
    monkeypatch.setattr(destroy, "time", clock)
    stack: Any = account
    return destroy.destroy(stack, ProgressReporter(io.StringIO(), "en"), confirm, dry_run=dry_run)


def test_destroy_stops_executions_before_and_after_the_stack(monkeypatch):
    account = Account({POLLER: ["p1", "p2"], BACKFILL: ["b1"]}, late={POLLER: ["p3"], BACKFILL: ["b2"]})

    result = destroyed(account, monkeypatch)

    assert account.log == [
        "put_bucket_notification_configuration audio",
        "disable_rule asrcore-SweepFunctionSweep",
        "disable_rule asrcore-SweepFunctionExecutionEndedBadly",
        "sleep 30",
        *("stop_execution b1", "stop_execution p1", "stop_execution p2"),
        *(
            "delete_bucket audio",
            "delete_bucket transcripts",
            "delete_table jobs",
            "delete_secret arn:secret",
            "delete_secret arn:signing",
        ),
        "delete_stack asrcore",
        *("stop_execution b2", "stop_execution p3"),
        "wait",
    ]
    assert result.data.executions == 5


def test_destroy_stops_executions_within_the_quota(monkeypatch):
    account = Account({POLLER: [f"p{number}" for number in range(100)], BACKFILL: []})

    destroyed(account, monkeypatch)

    first, *_, last = account.stopped_at_s
    assert last - first == pytest.approx(99 / 25)


def test_destroy_without_executions_does_not_wait(monkeypatch):
    account = Account({POLLER: [], BACKFILL: []})

    destroyed(account, monkeypatch)

    assert account.now_s == 0


def test_rules_settle_for_executions_that_start_before_consent(monkeypatch):
    account = Account({POLLER: [], BACKFILL: []})

    destroyed(account, monkeypatch, meanwhile=lambda: account.executions[POLLER].append("p1"))

    assert account.log[3:5] == ["sleep 30", "stop_execution p1"]


DOCUMENTED = {
    "put_bucket_notification_configuration": "`s3:PutBucketNotification`",
    "disable_rule": "`events:DisableRule`",
    "stop_execution": "`states:StopExecution`",
    "delete_bucket": "`s3:DeleteBucket`",
    "delete_table": "`dynamodb:DeleteTable`",
    "delete_secret": "`secretsmanager:DeleteSecret`",
    "delete_stack": "`cloudformation:DeleteStack`",
}


def test_destroy_uses_documented_permissions_only(monkeypatch):
    account = Account({POLLER: ["p1"], BACKFILL: []})
    (documented,) = re.findall(r"(?m)^\| \[`destroy`\].*", (ROOT / "docs/operating.md").read_text())

    destroyed(account, monkeypatch)

    called = {entry.split()[0] for entry in account.log} - {"sleep", "wait"}
    assert called == set(DOCUMENTED)
    assert [action for action in DOCUMENTED.values() if action not in documented] == []


@pytest.mark.parametrize("how", [{"agreed": False}, {"dry_run": True}])
def test_destroy_without_confirmation_changes_nothing(monkeypatch, how):
    account = Account({POLLER: ["p1"], BACKFILL: []})

    result = destroyed(account, monkeypatch, **how)

    assert account.log == []
    assert result.data.executions == 1


def test_destroy_dry_run_counts_running_executions(monkeypatch):
    result = destroyed(Account({POLLER: ["p1"], BACKFILL: ["b1"]}), monkeypatch, dry_run=True)

    assert str(result.lines[0]).startswith("2 running executions")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param("put_bucket_notification_configuration", "NoSuchBucket", id="bucket"),
        pytest.param("disable_rule", "ResourceNotFoundException", id="rule"),
        pytest.param("list_executions", "StateMachineDoesNotExist", id="state machine"),
        pytest.param("stop_execution", "ExecutionDoesNotExist", id="execution"),
        pytest.param("delete_table", "ResourceNotFoundException", id="table"),
    ],
)
def test_destroy_of_what_is_gone_continues(monkeypatch, operation, code):
    account = Account({POLLER: ["p1"] if operation == "stop_execution" else [], BACKFILL: []})
    account.refusals[operation] = code
    if operation == "stop_execution":
        account.get_waiter = lambda _name: SimpleNamespace(wait=lambda **_: account.log.append("wait"))

    destroyed(account, monkeypatch)

    assert account.log[-1] == "wait"


def test_destroy_rejected_by_aws_raises(monkeypatch):
    account = Account({POLLER: ["p1"], BACKFILL: []})
    account.refusals["stop_execution"] = "AccessDeniedException"

    with pytest.raises(ClientError, match="AccessDenied"):
        destroyed(account, monkeypatch)

    assert "delete_bucket audio" not in account.log


def test_destroy_of_a_failed_first_deployment_names_a_page(monkeypatch):
    stack = DeployedStack(StackLocation("asrcore", "us-east-1"))
    monkeypatch.setattr(stack, "describe", lambda: {"StackStatus": "ROLLBACK_COMPLETE"})

    with pytest.raises(OperatorError, match=r'is ROLLBACK_COMPLETE .* "A deployment that fails"'):
        destroy.destroy(stack, ProgressReporter(io.StringIO(), "en"), lambda _shown: True, dry_run=False)


def test_throttled_step_functions_calls_slow_down():
    stack = DeployedStack(StackLocation("asrcore", "us-east-1", endpoint_url="http://127.0.0.1:9", credential="local"))

    assert stack.states.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 10}


def test_destroy_disables_every_rule_of_the_sweep():
    resources = expand(load_template(ROOT / "template.yaml"), ROOT, "us-east-1").template["Resources"]

    rules = {
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Events::Rule" and "SweepFunction" in str(resource["Properties"]["Targets"])
    }

    assert rules == set(destroy.RULES)
