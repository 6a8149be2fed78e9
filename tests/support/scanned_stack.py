"""Local stacks of the tests, scanned for secrets when they stop."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from devstack.functions import Answer
from devstack.stack import LocalStack
from tests.support.failure_report import reported
from tests.support.secrets_scan import assert_kept, listen


class SearchedStack(LocalStack):
    """A local stack whose output is scanned for secrets at its end.

    answers: the different ones of the functions behind the API.
    unsearched: why it is not scanned, for stacks with planted secrets, or with nothing left to scan.
    """

    unsearched: str = ""

    def __init__(self, params: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Vendors need a tenth of a second, waits are a twentieth of AWS's; settings: as of LocalStack.

        Few processes per function: their starts are most of a stack's cost.
        """
        super().__init__(
            params, **{"credential": "local", "turnaround_s": 0.1, "speed": 20, "environments": 2, **settings}
        )

        self.answers: set[tuple[str, bytes]] = set()

    def _run_route(self, function: str, event: bytes) -> Answer:
        answer = super()._run_route(function, event)
        self.answers.add((function, answer.payload))
        return answer

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._disable_schedules()
            listen(self)
        except BaseException:
            super().__exit__()
            raise
        self._cleanup.enter_context(reported(self))
        return self

    def _disable_schedules(self) -> None:
        """Start no function by schedule: a sweep would restart the open jobs of whichever test runs then."""
        events = self.client("events")
        for rule in events.list_rules()["Rules"]:
            if "ScheduleExpression" in rule:
                events.disable_rule(Name=rule["Name"])

    def __exit__(self, kind: type[BaseException] | None = None, *rest: BaseException | TracebackType | None) -> None:
        """Raise AssertionError with each found secret and its place, unless the test has failed already."""
        try:
            if kind is None and not self.unsearched:
                assert_kept(self)
        finally:
            super().__exit__(kind, *rest)
