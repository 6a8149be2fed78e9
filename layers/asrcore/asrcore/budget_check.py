"""The periodic check of the budget: entries that a crash left, jobs that need not wait any longer, and its metric.

An entry whose job's row has it is done, and is removed. Any other entry, once no invocation can still store it, is
given back. A job continues before its day or month begins when the budget has room for it: an operator raised it, or
other jobs cost less than they had reserved.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from asrcore.core.budget import WAKE_S, BudgetEntry
from asrcore.core.job import Job
from asrcore.core.rate_limit import day_start, vendor_day
from asrcore.core.step import GRACE_S
from asrcore.log import LOG
from asrcore.services import JobDeletedError, Services

MOST_WOKEN = 300  # by one check: each takes some requests


def check_budget(services: Services) -> None:
    """Repair the budget's entries, wake jobs that it has room for, and report how much of it is reserved."""
    today = vendor_day(services.now())
    balance = services.budget.balance(today)
    last_month = services.budget.balance(today.replace(day=1) - timedelta(days=1))
    for entry in {(each.job_id, each.number): each for each in (*last_month.entries, *balance.entries)}.values():
        if services.now().timestamp() - entry.at > GRACE_S:
            _repair(entry, services)
    budget = services.budget.load_limits(services.settings.budget)
    waiting = sorted(services.jobs.waiting_for_budget())
    woken = _wake([job_id for _, job_id in waiting], balance.room(budget, today), services)
    services.metrics.budget_used(balance.percent(budget, today), len(waiting) - woken)


def _repair(entry: BudgetEntry, services: Services) -> None:
    """Remove an entry that its job's row has; give back one that it does not have."""
    job = services.jobs.load(entry.job_id)
    if job is not None and entry.number in job.reservation.entries:
        services.budget.forget(entry)
        return
    LOG.warning("an entry of the budget is on no job's row; it is given back", job_id=entry.job_id)
    services.budget.cancel(entry)


def _wake(job_ids: Sequence[str], room: int, services: Services) -> int:
    """Continue the jobs, the oldest first, that there is room for. room: micro-yuan. Return how many there were."""
    woken = 0
    for job_id in islice(job_ids, MOST_WOKEN):
        job = services.jobs.load(job_id)
        if job is None or job.budget_wait is None or not job.waits_for_budget:
            continue
        if job.budget_wait.amount > room:
            break
        room -= job.budget_wait.amount
        if not _continues_by_itself(job.budget_wait.until, services.now()):
            woken += _continue(job, services)
    return woken


def _continues_by_itself(until: datetime, now: datetime) -> bool:
    """Return whether a day begins, and a wait for it ends: these jobs continue one after another."""
    begun = day_start(vendor_day(now)) + timedelta(seconds=WAKE_S)
    return max(now, until) < begun


def _continue(job: Job, services: Services) -> bool:
    """Start a job's next execution, and stop the one that waits; return whether the job still waited."""
    try:
        moved = services.update_job(job.job_id, lambda job: job.end_budget_wait(services.now()))
    except JobDeletedError:
        return False
    if moved.run == job.run:
        return False
    services.start_execution(moved)
    services.workflow.stop(job.execution_name)
    return True
