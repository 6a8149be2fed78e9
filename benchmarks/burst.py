"""Up to a hundred thousand recordings at once, for a vendor that enforces its rate: simulated time, real code.

Every invocation starts when AWS Lambda would start it (a warm process at once, a cold one up to 1.5 s later), every
call to a store or a vendor has a latency, and the vendor rejects requests above its rate in any one second. Prints
a table. `python -m benchmarks.burst [COUNT …]`.
"""

import json
import logging
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, cast

from greenlet import getcurrent, greenlet

from asrcore.core.job import Job, Status
from asrcore.core.transcript import Source
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import HttpReply, HttpRequest
from asrcore.events import step_event
from asrcore.job_creation import handle_new_objects
from asrcore.metrics import Metrics
from asrcore.poll import dispatch_step
from asrcore.ports import ConflictError, CountedSubmission, Workflow
from asrcore.services import Services
from asrcore.stores.jobs import DynamoJobs
from asrcore.submit import submit
from tests.simulation.clock import Clock
from tests.simulation.fake_vendors import TURNAROUND_S
from tests.simulation.state_machine import Data, Machine
from tests.simulation.world import DEFINITION
from tests.support import fake_services
from tests.support.fake_aws import S3, DynamoDb
from tests.support.pipeline import QUERY, wav
from tests.support.toy import toy_message

COUNTS = (100, 1_000, 10_000)
LONG_COUNT = 100_000
STRICT_COUNT = 10_000  # for a vendor whose rate includes queries
PER_SECOND = 25
COLD_SHARE, COLD_S, WARM_S = 0.3, (0.4, 1.5), (0.01, 0.06)  # until an invocation's code runs
CALL_S = (0.004, 0.02)  # a call to a store
NETWORK_S = (0.02, 0.06)  # to the vendor
S3_EVENTS_S = 2.0  # within which S3 sends the events of recordings that are uploaded at once


@dataclass(frozen=True)
class BurstResult:
    """The figures of one burst.

    counts_queries: whether the vendor's rate is one for submissions and questions together.  over_limit: from the
    first submission to the last, over the least that the rate allows.
    """

    recordings: int
    counts_queries: bool
    completed: int
    refusals: int
    seconds: float
    over_limit: float
    writes_per_job: float
    vendor_calls_per_job: float


class SimulatedProcesses:
    """Processes in simulated time: one runs at a time, and a process that waits lets the others run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outside = getcurrent()

    def start(self, work: Callable[[], None]) -> None:
        """Run a process until it ends or waits."""
        greenlet(work).switch()

    def wait(self, seconds: float) -> None:
        """Suspend the calling process for this time."""
        self._clock.after(seconds, getcurrent().switch)
        self._outside.switch()


class Rows(DynamoJobs):
    """A jobs table that keeps open jobs as objects: writing a hundred thousand as JSON would need minutes."""

    def __init__(self) -> None:
        table: Any = DynamoDb()
        super().__init__(table, "jobs")
        self.jobs: dict[str, Job] = {}
        self.completed = 0

    def create(self, job: Job) -> bool:
        """As DynamoJobs."""
        if job.job_id in self.jobs:
            return False
        self.jobs[job.job_id] = job
        return True

    def load(self, job_id: str) -> Job | None:
        """As DynamoJobs."""
        return self.jobs.get(job_id)

    def save(self, job: Job, *, released: CountedSubmission | None = None) -> Job:
        """As DynamoJobs; no job of a burst ends unsubmitted."""
        if self.jobs[job.job_id].row_version != job.row_version:
            raise ConflictError(job.job_id)
        following = self.jobs[job.job_id] = job.model_copy(update={"row_version": job.row_version + 1})
        if following.open is None:  # it is not read again
            del self.jobs[job.job_id]
            self.completed += following.status is Status.COMPLETED
        return following


class WriteOnlyS3(S3):
    """S3 that keeps recordings only: no step of a burst reads a transcript."""

    def put_object(self, **_: Any) -> dict[str, Any]:
        return {}


class _Uncounted(Metrics):
    """Metrics that are not written, which would need an eighth of the time."""

    def _emit(self, *_counted: Any) -> None:
        pass


class StrictVendor:
    """A vendor that accepts requests up to its rate in any one second, and rejects the rest.

    counts_queries: the rate is one for submissions and queries together.
    """

    def __init__(self, clock: Clock, *, counts_queries: bool) -> None:
        self._clock = clock
        self._counts_queries = counts_queries
        self._recent: deque[float] = deque()
        self.accepted_at_s: list[float] = []
        self.refusals = 0
        self.calls = 0

    def answer(self, request: HttpRequest) -> HttpReply:
        """Make one HTTP exchange."""
        self.calls += 1
        if request.method == "GET":
            return self._query(int(request.url.rpartition("/")[2]))
        if not self._accepts():
            return _reply("retry")
        self.accepted_at_s.append(self._clock.now_s)
        return _reply("accepted", str(len(self.accepted_at_s) - 1))

    def _query(self, task: int) -> HttpReply:
        if self._counts_queries and not self._accepts():
            return _reply("query-retry")
        return _reply("done" if self._clock.now_s >= self.accepted_at_s[task] + TURNAROUND_S else "working")

    def _accepts(self) -> bool:
        """Return whether one more request fits into the second that ends now."""
        now_s = self._clock.now_s
        while self._recent and self._recent[0] <= now_s - 1:
            self._recent.popleft()
        if len(self._recent) >= PER_SECOND:
            self.refusals += 1
            return False
        self._recent.append(now_s)
        return True


def _reply(word: str, task_id: str = "") -> HttpReply:
    return HttpReply(200, toy_message(word, task_id))


def burst(count: int, seed: int = 1, *, counts_queries: bool = False) -> BurstResult:
    """Upload `count` recordings at once, two at least, and wait for the last transcript.

    counts_queries: the vendor's rate includes queries; submissions and queries then have one half each.
    """
    return _Burst(count, seed, counts_queries=counts_queries).run()


class _Burst:
    """One burst and the system that processes it."""

    def __init__(self, count: int, seed: int, *, counts_queries: bool) -> None:
        self.clock, self.chance = Clock(), random.Random(seed)
        self.processes, self.vendor = (
            SimulatedProcesses(self.clock),
            StrictVendor(self.clock, counts_queries=counts_queries),
        )
        self.submissions_per_second = PER_SECOND // 2 if counts_queries else PER_SECOND
        self.queries_per_second = PER_SECOND // 2 if counts_queries else 0
        self.rows = Rows()
        self.writes = 0
        recording = wav()
        self.sources = [
            Source(bucket="audio", key=f"incoming/auto/{n}.wav", version_id="v1", etag="", size_bytes=len(recording))
            for n in range(count)
        ]
        self.services = self._connect({source.key: (recording, {}) for source in self.sources})

    def run(self) -> BurstResult:
        """Run until no job is open."""
        for source in self.sources:
            self.clock.after(
                self.chance.uniform(0, S3_EVENTS_S), partial(self.processes.start, partial(self._tell, source))
            )
        while self.clock.errands or self.rows.jobs:
            self.clock.step()
        count, taken_s = len(self.sources), self.vendor.accepted_at_s
        least_s = (count - 1) / self.submissions_per_second
        return BurstResult(
            recordings=count,
            counts_queries=bool(self.queries_per_second),
            completed=self.rows.completed,
            refusals=self.vendor.refusals,
            seconds=round(self.clock.now_s - TURNAROUND_S, 1),
            over_limit=round((taken_s[-1] - taken_s[0]) / least_s, 3),
            writes_per_job=round(self.writes / count, 2),
            vendor_calls_per_job=round(self.vendor.calls / count, 2),
        )

    def call(self, *, writes: bool) -> None:
        """Wait as long as a call to a store."""
        self.processes.wait(self.chance.uniform(*CALL_S))
        self.writes += writes

    def _connect(self, recordings: dict[str, tuple[bytes, dict[str, str]]]) -> Services:
        """Return services whose stores and network have a latency."""
        world = fake_services.World(
            vendors={QUERY.name: QUERY}, send=self._send, secret={"toy": {"key": "k"}}, s3=WriteOnlyS3()
        )
        world.audio.update(recordings)
        base = world.services
        tuning = Tuning.model_construct(
            submissions_per_second=self.submissions_per_second, queries_per_second=self.queries_per_second
        )
        machine = Machine(
            DEFINITION,
            _Threaded(self.clock, self.processes),
            self._invoke,
            lambda _execution: None,
            lambda *_: None,
            self.chance,
        )
        return replace(
            base,
            settings=base.settings.model_copy(update={"tuning": {QUERY.name: tuning}}),
            jobs=_Slow(self.rows, self, frozenset({"create", "save", "reserve_slot"})),
            turnaround_stats=_Slow(world.turnaround_stats, self, frozenset({"record"})),
            metrics=_Uncounted(fake_services.STACK, print),
            workflow=cast(Workflow, _Executions(machine)),  # a burst queries no status
            now=self.clock.now,
            sleep=self.processes.wait,
        )

    def _send(self, request: HttpRequest) -> HttpReply:
        self.processes.wait(self.chance.uniform(*NETWORK_S))
        return self.vendor.answer(request)

    def _tell(self, source: Source) -> None:
        """Deliver S3's event of a recording to SubmitFunction."""
        self._start_process()
        handle_new_objects([source], self.services)

    def _invoke(self, placeholder: str, payload: Data) -> Data:
        self._start_process()
        step = step_event(payload)
        if placeholder.startswith("Submit"):
            return submit(step.job_id, self.services).envelope()
        return dispatch_step(step, self.services).envelope()

    def _start_process(self) -> None:
        self.processes.wait(self.chance.uniform(*(COLD_S if self.chance.random() < COLD_SHARE else WARM_S)))


class _Slow:
    """A store whose calls have a latency. writing: the methods that write."""

    def __init__(self, store: Any, burst: _Burst, writing: frozenset[str]) -> None:
        self._store, self._burst, self._writing = store, burst, writing

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._burst.call(writes=name in self._writing)
            return getattr(self._store, name)(*arguments, **named)

        return call


class _Threaded(Clock):
    """The clock of the state machine: each of its steps runs as a simulated process."""

    def __init__(self, clock: Clock, processes: SimulatedProcesses) -> None:
        self._inner, self._processes = clock, processes

    @property
    def now_s(self) -> float:  # type: ignore[override]
        return self._inner.now_s

    def after(self, wait_s: float, action: Callable[[], None], *, timer: bool = False) -> None:
        self._inner.after(wait_s, lambda: self._processes.start(action), timer=timer)


@dataclass(frozen=True)
class _Executions:
    """The port `Workflow` on the simulated state machine."""

    machine: Machine

    def start(self, name: str, step: Any) -> None:
        self.machine.start_execution(name=name, input=json.dumps(step.envelope()))

    def complete_task(self, task_token: str, step: Any) -> None:
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
