"""Start functions by schedule; moto stores schedule rules and never fires them."""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from devstack.expand import TemplateError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Schedule:
    """A rule that starts a function at a fixed rate."""

    rule_arn: str
    function_arn: str
    every_s: float

    def is_enabled(self, events: "EventBridgeClient") -> bool:
        """Return whether the rule exists and is enabled. events: a boto3 `events` client."""
        try:
            return bool(events.describe_rule(Name=self.rule_arn.rpartition("/")[2])["State"] == "ENABLED")
        except events.exceptions.ResourceNotFoundException:
            return False


def find_schedules(events: "EventBridgeClient") -> list[Schedule]:
    """Return the deployed schedules. events: a boto3 client. Raises TemplateError for a schedule that is not a rate."""
    found = []
    for rule in events.list_rules()["Rules"]:
        if not (expression := rule.get("ScheduleExpression")):
            continue
        rate = _RATE.fullmatch(expression)
        if rate is None:
            raise TemplateError(f"the local stack fires schedules of the form rate(5 minutes), not {expression}")
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        every_s = int(rate[1]) * _SECONDS[rate[2]]
        found += [Schedule(rule["Arn"], target["Arn"], every_s) for target in targets if ":lambda:" in target["Arn"]]
    return found


class Scheduler:
    """Fires schedules from its own thread, as a context manager."""

    def __init__(
        self, schedules: list[Schedule], events: "EventBridgeClient", start: Callable[[str, bytes], None]
    ) -> None:
        """events: a boto3 client. start: called with a function's ARN and an event; returns at once."""
        self._events = events
        self._due = {schedule: time.monotonic() + schedule.every_s for schedule in schedules}
        self._start = start
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while self._due and not self._closing.wait(max(0.0, min(self._due.values()) - time.monotonic())):
            for schedule in [each for each, due in self._due.items() if due <= time.monotonic()]:
                self._due[schedule] += schedule.every_s
                if schedule.is_enabled(self._events):
                    self._start(schedule.function_arn, json.dumps(_event(schedule)).encode())


def _event(schedule: Schedule) -> dict[str, Any]:
    """Return EventBridge's event for a schedule (EventBridge guide: scheduled events)."""
    _, _, _, region, account, _ = schedule.rule_arn.split(":", 5)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [schedule.rule_arn],
        "detail": {},
    }
