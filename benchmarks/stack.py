"""Times of the local stack: from a callback to the end of its execution, and for 200 recordings uploaded at once.

Real processes, real HTTP, the template's own wiring; but AWS is one Python process here, which shares this machine's
cores with all functions, vendors and this program. Times are wall-clock times, of all of these together. Prints JSON;
`python -m benchmarks.stack callbacks`, `… together`.
"""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import requests

from asrcore.core.job import Job, Status
from asrcore.stores.jobs import DynamoJobs
from benchmarks.environment import found_alone, print_found
from devstack.stack import LocalStack
from tests.support.pipeline import wav
from tests.support.stack_client import Journey
from tests.support.web import eventually

RECORDINGS = 200
ROUNDS = 4  # the first of them starts the processes, and does not count
TURNAROUND_S = 1.0
VENDOR = "volcengine-bigmodel"
CALLERS = ("tencent-rec-task", "volcengine-bigmodel", "tencent-recording", "volcengine")
UNPACED = {"VendorTuning": '{"volcengine-bigmodel": {"submissions_per_second": 1000}}'}
LIMIT_S = 300
_REPORT = re.compile(r"Duration: ([0-9.]+) ms")


def measure(what: str) -> dict[str, Any]:
    """Run `callbacks` or `together` in a process of its own, because moto patches the process."""
    found: dict[str, Any] = found_alone("benchmarks.stack", what, timeout_s=2 * LIMIT_S)
    return found


def callbacks(stack: LocalStack) -> dict[str, Any]:
    """Return by vendor the seconds from a callback to its acknowledgement, and to the end of the execution."""
    journey = Journey(stack)
    taken: dict[str, list[tuple[float, float]]] = {vendor: [] for vendor in CALLERS}
    for number in range(ROUNDS):
        for vendor in CALLERS:
            job = journey.drop(f"incoming/{vendor}/callback-{number}.wav", wav())
            execution, row = journey.ended_execution(job), journey.finished(job)
            posted_at, took_s = _callback(stack, vendor, row["attempts"][-1]["vendor_task_id"])
            if number:
                taken[vendor].append((took_s, (execution["stopDate"] - posted_at).total_seconds()))
    return {
        vendor: {"answered_s": median(answered for answered, _ in of), "ended_s": median(ended for _, ended in of)}
        for vendor, of in taken.items()
    }


def _callback(stack: LocalStack, vendor: str, task_id: str) -> tuple[datetime, float]:
    """Return when a task's callback was sent, and the seconds to its answer."""
    name = task_id.rpartition("/")[2]  # behind the resource, for a vendor whose tasks have one

    def noted() -> list[dict[str, Any]]:
        requested = requests.get(f"{stack.simulators[vendor]}/_simulator/requests", timeout=60).json()
        return [each for each in requested if each["kind"] == "callback" and each["task_id"] == name]

    (entry,) = eventually(noted)
    return datetime.fromisoformat(entry["at"]) - timedelta(seconds=entry["took_s"]), entry["took_s"]


def together(stack: LocalStack, count: int) -> dict[str, Any]:
    """Upload recordings at once. Return the rate a minute and each stage's time. Raises RuntimeError if any fails."""
    journey, jobs = Journey(stack), DynamoJobs(stack.client("dynamodb"), stack.jobs_table)
    before = {function: _durations(stack, function) for function in stack.environments}
    start = time.monotonic()
    dropped = {journey.drop(f"incoming/{VENDOR}/{number}.wav", wav()): datetime.now(UTC) for number in range(count)}
    while len(found := _ended(jobs, dropped)) < count:
        if time.monotonic() - start > LIMIT_S:
            raise RuntimeError(f"not all of {count} recordings ended in {LIMIT_S} s")
        time.sleep(1)
    took_s = time.monotonic() - start
    if failed := [job.error for job in found.values() if job.status is not Status.COMPLETED]:
        raise RuntimeError(f"{len(failed)} of {count} recordings failed, the first with {failed[0]}")
    inside = {function: _durations(stack, function)[len(before[function]) :] for function in before}
    return {
        "recordings": count,
        "seconds": took_s,
        "a_minute": 60 * count / took_s,
        "stages_s": _stages(dropped, found),
        "functions": {
            function: {"invocations": len(spent), "mean_ms": mean(spent), "seconds": sum(spent) / 1000}
            for function, spent in inside.items()
            if spent
        },
    }


def _ended(jobs: DynamoJobs, dropped: Mapping[str, datetime]) -> dict[str, Job]:
    """Return the jobs of the uploaded recordings whose event was published."""
    return {job.job_id: job for job in jobs.every() if job.job_id in dropped and job.finished and job.event_published}


def _stages(dropped: Mapping[str, datetime], jobs: Mapping[str, Job]) -> dict[str, float]:
    """Return the mean seconds of a job's stages."""
    moments = [
        [dropped[each.job_id], each.created_at, each.attempt.submitted_at, each.attempt.ended_at]
        for each in jobs.values()
    ]
    names = ("until SubmitFunction has the event", "until the vendor has the recording", "until the result is here")
    return {
        name: mean((after - before).total_seconds() for before, after in _pairs(moments, place))
        for place, name in enumerate(names)
    }


def _pairs(moments: Sequence[Sequence[datetime | None]], place: int) -> list[tuple[datetime, datetime]]:
    pairs = ((each[place], each[place + 1]) for each in moments)
    return [(before, after) for before, after in pairs if before is not None and after is not None]


def _durations(stack: LocalStack, function: str) -> list[float]:
    """Return the milliseconds of each invocation so far."""
    return [float(spent) for spent in _REPORT.findall(stack.logs(function))]


def _measure_here(what: str) -> dict[str, Any]:
    with TemporaryDirectory() as logs:
        if what == "callbacks":
            with LocalStack(turnaround_s=TURNAROUND_S, log_dir=Path(logs)) as stack:
                return callbacks(stack)
        here, functions = _cpu_s(RUSAGE_SELF), _cpu_s(RUSAGE_CHILDREN)
        with LocalStack(UNPACED, turnaround_s=TURNAROUND_S, log_dir=Path(logs)) as stack:
            found = together(stack, RECORDINGS)
    cpu_s = {"functions": _cpu_s(RUSAGE_CHILDREN) - functions, "AWS, vendors, this program": _cpu_s(RUSAGE_SELF) - here}
    return {**found, "cpu_s": cpu_s}


def _cpu_s(whose: int) -> float:
    spent = getrusage(whose)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    print_found(lambda: _measure_here(sys.argv[1]))
