"""Rules with a schedule, which moto keeps and never fires: a thread does, at their rates, while the stack is up."""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from devstack.expand import TemplateError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Scheduled:
    """A function that a rule starts every so often."""

    rule_arn: str
    function_arn: str
    every_s: float

    def is_enabled(self, events: Any) -> bool:
        """Return whether the rule is still there, and not disabled. events: a boto3 `events` client."""
        try:
            return bool(events.describe_rule(Name=self.rule_arn.rpartition("/")[2])["State"] == "ENABLED")
        except events.exceptions.ResourceNotFoundException:
            return False


def scheduled(events: Any) -> list[Scheduled]:
    """The schedules that were deployed, as a boto3 `events` client tells. Raises TemplateError for what is no rate."""
    found = []
    for rule in events.list_rules()["Rules"]:
        if not (expression := rule.get("ScheduleExpression")):
            continue
        rate = _RATE.fullmatch(expression)
        if rate is None:
            raise TemplateError(f"the local stack fires schedules of the form rate(5 minutes), not {expression}")
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        every_s = int(rate[1]) * _SECONDS[rate[2]]
        found += [Scheduled(rule["Arn"], target["Arn"], every_s) for target in targets if ":lambda:" in target["Arn"]]
    return found


class Scheduler:
    """Fires schedules from a thread of its own, while a `with` lasts."""

    def __init__(self, schedules: list[Scheduled], events: Any, start: Callable[[str, bytes], None]) -> None:
        """Take `events`, a boto3 client, and `start`, which takes a function's ARN and an event and returns at once."""
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


def _event(schedule: Scheduled) -> dict[str, Any]:
    """What EventBridge sends for a schedule (EventBridge guide: scheduled events)."""
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
