"""Ten thousand recordings dropped at once, against a vendor that enforces its rate: simulated time, real code.

Every invocation starts when AWS Lambda would start it (a warm process at once, a cold one up to 1.5 s later), every
call to a store or a vendor takes its time, and the vendor refuses what comes above its rate in any one second. Prints
a table. `python -m benchmarks.burst [COUNT …]`.
"""

import json
import logging
import random
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from asrcore.core.transcript import Source
from asrcore.core.vendor import Reply, Request
from asrcore.events import step_event
from asrcore.poll import perform
from asrcore.submit import submit, take
from tests.simulation.clock import Clock
from tests.simulation.desks import TURNAROUND_S, Desk
from tests.simulation.machine import Data, Machine
from tests.simulation.toys import TOYS
from tests.simulation.world import DEFINITION
from tests.support import memory
from tests.support.pipeline import wav

COUNTS = (100, 1_000, 10_000)
PER_SECOND = 25
VENDOR = "toy-query"
COLD_SHARE, COLD_S, WARM_S = 0.3, (0.4, 1.5), (0.01, 0.06)  # until an invocation's code runs
CALL_S = (0.004, 0.02)  # a call to a store
NETWORK_S = (0.02, 0.06)  # to the vendor
S3_EVENTS_S = 2.0  # within which S3 tells of recordings that are dropped at once


@dataclass(frozen=True)
class Result:
    """What one burst took. over_limit: from the first submission to the last, over the least that the rate allows."""

    recordings: int
    completed: int
    refusals: int
    seconds: float
    over_limit: float
    writes_per_job: float
    vendor_calls_per_job: float


class Crew:
    """Processes that take turns: one runs at a time, and whoever waits lets the others go on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._back = threading.Semaphore(0)
        threading.stack_size(512 * 1024)

    def start(self, work: Callable[[], None]) -> None:
        """Run a process until it ends or waits."""

        def run() -> None:
            work()
            self._back.release()

        threading.Thread(target=run, daemon=True).start()
        self._back.acquire()

    def wait(self, seconds: float) -> None:
        """Called by the process that runs: go on after a while."""
        turn = threading.Semaphore(0)

        def go_on() -> None:
            turn.release()
            self._back.acquire()

        self._clock.after(seconds, go_on)
        self._back.release()
        turn.acquire()


class StrictDesk:
    """The vendor's counter: takes up to its rate in any one second, and refuses the rest.

    counts_queries: the rate is one for submissions and queries together.
    """

    def __init__(self, clock: Clock, *, counts_queries: bool) -> None:
        vendor, desk = TOYS[VENDOR]
        self._desk: Desk = desk(vendor, clock, self._next_word, (), lambda _task: None, lambda *_: True)
        self._clock = clock
        self._counts_queries = counts_queries
        self._recent: deque[float] = deque()
        self.taken_s: list[float] = []
        self.refusals = 0
        self.calls = 0

    def answer(self, request: Request) -> Reply:
        """One HTTP exchange."""
        self.calls += 1
        if self._counts_queries and "/query/" in request.url and not self._takes():
            return Reply(200, b"query-retry")
        return self._desk.answer(request)

    def _next_word(self) -> str:
        if not self._takes():
            return "refuses:retry"
        self.taken_s.append(self._clock.now_s)
        return "done"

    def _takes(self) -> bool:
        """Whether one more fits into the second that ends now."""
        now_s = self._clock.now_s
        while self._recent and self._recent[0] <= now_s - 1:
            self._recent.popleft()
        if len(self._recent) >= PER_SECOND:
            self.refusals += 1
            return False
        self._recent.append(now_s)
        return True


def burst(count: int, seed: int = 1, *, counts_queries: bool = False) -> Result:
    """Drop `count` recordings at once and wait for the last transcript.

    counts_queries: the vendor counts queries too; its rate is then shared in halves, as by the stack's parameters.
    """
    clock, chance = Clock(), random.Random(seed)
    crew, desk = Crew(clock), StrictDesk(clock, counts_queries=counts_queries)
    submissions_per_second = PER_SECOND // 2 if counts_queries else PER_SECOND
    writes = 0

    def send(request: Request) -> Reply:
        crew.wait(chance.uniform(*NETWORK_S))
        return desk.answer(request)

    world = memory.World(vendors={VENDOR: TOYS[VENDOR][0]}, send=send, secret={"toy": {"key": "k"}})
    recording = wav()
    sources = [
        Source(bucket="audio", key=f"incoming/auto/{n}.wav", version_id="v1", etag="e", size_bytes=len(recording))
        for n in range(count)
    ]
    world.recordings.objects = {source.key: (recording, {}) for source in sources}

    class Slow:
        """A store whose every call takes its time."""

        def __init__(self, store: Any, writing: frozenset[str]) -> None:
            self._store, self._writing = store, writing

        def __getattr__(self, name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                nonlocal writes
                crew.wait(chance.uniform(*CALL_S))
                writes += name in self._writing
                return getattr(self._store, name)(*arguments, **named)

            return call

    base = world.services
    services = replace(
        base,
        settings=base.settings.model_copy(
            update={
                "per_second": {VENDOR: submissions_per_second},
                "queries_per_second": {VENDOR: PER_SECOND // 2} if counts_queries else {},
            }
        ),
        jobs=Slow(world.jobs, frozenset({"create", "save", "next_slot"})),
        now=clock.now,
        sleep=crew.wait,
    )

    def start() -> None:
        crew.wait(chance.uniform(*(COLD_S if chance.random() < COLD_SHARE else WARM_S)))

    def invoke(placeholder: str, payload: Data) -> Data:
        start()
        step = step_event(payload)
        if placeholder.startswith("Submit"):
            return submit(step.job_id, services).envelope()
        return perform(step, services).envelope()

    machine = Machine(DEFINITION, _Threaded(clock, crew), invoke, lambda _execution: None, lambda *_: None, chance)
    services = replace(services, workflow=_Executions(machine))

    def notify(source: Source) -> None:
        start()
        take([source], services)

    for source in sources:
        at_s = chance.uniform(0, S3_EVENTS_S)
        clock.after(at_s, lambda source=source: crew.start(lambda: notify(source)))  # type: ignore[misc]
    while clock.errands or any(execution.running for execution in machine.executions.values()):
        clock.step()
    least_s = (count - 1) / submissions_per_second
    completed = sum('"status":"COMPLETED"' in row for row in world.jobs.rows.values())
    return Result(
        recordings=count,
        completed=completed,
        refusals=desk.refusals,
        seconds=round(clock.now_s - TURNAROUND_S if count else 0, 1),
        over_limit=round((desk.taken_s[-1] - desk.taken_s[0]) / least_s, 3),
        writes_per_job=round(writes / count, 2),
        vendor_calls_per_job=round(desk.calls / count, 2),
    )


class _Threaded(Clock):
    """The clock as the state machine sees it: each of its steps is a process of the crew."""

    def __init__(self, clock: Clock, crew: Crew) -> None:
        self._inner, self._crew = clock, crew

    @property
    def now_s(self) -> float:  # type: ignore[override]
        return self._inner.now_s

    def after(self, wait_s: float, action: Callable[[], None], *, timer: bool = False) -> None:
        self._inner.after(wait_s, lambda: self._crew.start(action), timer=timer)


@dataclass(frozen=True)
class _Executions:
    """The layer's workflow, on the simulated state machine."""

    machine: Machine

    def start(self, name: str, step: Any) -> None:
        self.machine.start_execution(name=name, input=json.dumps(step.envelope()))

    def wake(self, task_token: str, step: Any) -> None:
        raise LookupError("this vendor does not call back")


def main() -> int:
    """Run the bursts and print their table."""
    logging.disable(logging.CRITICAL)
    results = [burst(int(count)) for count in sys.argv[1:] or COUNTS]
    header = list(asdict(results[0]))
    print(f"vendor's rate: {PER_SECOND} submissions in any one second")
    print(" | ".join(header))
    for result in results:
        print(" | ".join(str(value).rjust(len(name)) for name, value in asdict(result).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
