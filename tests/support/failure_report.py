"""What a failing test of the stack prints beside its traceback: of each job that it touched, what one would look up."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

LINES = 15  # of a function's log
ENTRIES = 20  # of a vendor's request log
JOBS = 5
watched: list[Any] = []  # the stacks that run: a test can fail without having the ids of its jobs
touched: dict[str, Any] = {}  # job id -> its stack, in the order in which the running test came to them


@contextmanager
def reported(stack: Any) -> Iterator[None]:
    """Have a failing test that names no job report the newest jobs of a stack."""
    watched.append(stack)
    try:
        yield
    finally:
        watched.remove(stack)


def touch(job: str, stack: Any) -> None:
    """Note that the running test is about a job."""
    touched.setdefault(job, stack)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the jobs of the test before."""
    touched.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Add sections to the report of a test that failed: they are printed with it, in a worker of xdist too."""
    report: Any = yield
    if report.failed:
        jobs = list(touched.items()) or [(job, stack) for stack in watched for job in newest_jobs(stack)]
        report.sections += [section for job, stack in jobs[-JOBS:] for section in sections(stack, job)]
    return report


def newest_jobs(stack: Any) -> list[str]:
    """Return the ids of a stack's newest jobs, the newest one last; none if the stack does not answer."""
    try:
        rows = stack.client("dynamodb").scan(TableName=stack.jobs_table)["Items"]
    except Exception:  # noqa: BLE001 - the report must not hide the failure
        return []
    # Some tests store rows that are no whole job, and the table has rows that are no job at all.
    jobs = [row for row in rows if {"job_id", "source", "created_at"} <= row.keys()]
    return [row["job_id"]["S"] for row in sorted(jobs, key=lambda row: row["created_at"]["S"])][-JOBS:]


def sections(stack: Any, job: str) -> list[tuple[str, str]]:
    """A job's story, the last lines about it in each function's log, and what its vendors were asked."""
    return [
        (f"asrctl why {job}", _or_error(lambda: story(stack, job))),
        (f"functions' logs of {job}", _or_error(lambda: logs(stack, job))),
        (f"vendors' request logs of {job}", _or_error(lambda: requests_of(stack, job))),
    ]


def story(stack: Any, job: str) -> str:
    """What `asrctl why` prints."""
    from tests.support.operator import Operator

    done = Operator(stack).run("why", job)
    return done.stdout + done.stderr


def logs(stack: Any, job: str) -> str:
    """The last lines that name the job; of a function without any, its very last ones."""
    found = []
    for function in stack.environments:
        lines = stack.logs(function).splitlines()
        about = [line for line in lines if job in line]
        found += [f"-- {function}", *(about[-LINES:] or lines[-3:])]
    return "\n".join(found)


def requests_of(stack: Any, job: str) -> str:
    """The latest requests to each vendor of the job's attempts, and its callbacks."""
    from tests.support.stack_client import Journey

    found = []
    vendors = dict.fromkeys(attempt["vendor"] for attempt in Journey(stack).row(job).get("attempts", []))
    for vendor in vendors.keys() & stack.simulators.keys():
        entries = requests.get(f"{stack.simulators[vendor]}/_simulator/requests", timeout=60).json()
        found += [f"-- {vendor}", *map(str, entries[-ENTRIES:])]
    return "\n".join(found) or "no vendor was asked"


def _or_error(look: Callable[[], str]) -> str:
    """What is found, or why it cannot be: a report is not to hide the failure that it is about."""
    try:
        return look()
    except Exception:  # noqa: BLE001 - whatever it is, it is printed
        return traceback.format_exc(limit=3)
