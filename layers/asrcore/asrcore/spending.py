"""What a job reserves of the budget: the estimate before a submission, what vendors charged at its end.

Each change is first an entry in the budget's rows, then on the job's row, and then no longer an entry. A crash between
leaves an entry that `asrcore.budget_check` gives back, or removes where the job's row has it.
"""

from datetime import date

from asrcore.core.budget import (
    MICRO,
    Budget,
    BudgetAction,
    BudgetEntry,
    BudgetLimit,
    BudgetReachedError,
    account_of,
    micro,
    wait_end,
)
from asrcore.core.cost import owed
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import BudgetWait, Job
from asrcore.core.rate_limit import vendor_day
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.messages.stored import StoredMessage
from asrcore.outcome import JobFailed, Outcome
from asrcore.services import Services


def reserve_budget(job: Job, services: Services) -> BudgetEntry | None:
    """Count the estimate of the current attempt, as far as the job has not reserved it before.

    Returns:
        The entry, which the caller stores on the job's row and then forgets; None when there is nothing to reserve.

    Raises:
        BudgetReachedError: the budget has no room for it.
        AsrError: `config`, BudgetTooSmall: it alone exceeds a limit; another vendor may be cheaper.
    """
    needed = owed(job, services.settings.rates, with_attempt=True)
    missing = needed - job.reservation.total
    if missing <= 0:
        return None
    budget = services.budget.load_limits(services.settings.budget)
    if not budget.is_limited:
        return None
    least = budget.smallest()
    if missing > micro(budget.limit(least)):
        reason = Message("BudgetTooSmall", {"needed": f"{missing / MICRO:.2f}", "limit": f"{budget.limit(least):g}"})
        raise AsrError(ErrorClass.CONFIG, "BudgetTooSmall", reason, job.attempt.vendor)
    now = services.now()
    account = account_of(job.source.key) if budget.uploader_per_day else job.reservation.account
    entry = _entry(job, {vendor_day(now): missing}, account, services)
    if (reached := services.budget.count(entry, budget)) is not None:
        raise BudgetReachedError(reached, budget, missing)
    return entry


def wait_or_refuse(job: Job, reached: BudgetReachedError, services: Services) -> Outcome:
    """Return the outcome of a job that the budget has no room for: it waits, or fails where the stack says so."""
    if reached.limit is not BudgetLimit.UPLOADER:
        services.metrics.budget_reached()
    if reached.budget.when_reached is BudgetAction.REFUSE:
        return JobFailed(job, reached.refusal())
    now, number = services.now(), job.attempt.number
    wait = BudgetWait(
        limit=reached.limit,
        reason=StoredMessage.of(reached.reason()),
        amount=reached.amount,
        since=now,
        until=wait_end(reached.limit, job.job_id, now),
    )
    LOG.warning("the budget is used up; the job waits", limit=reached.limit, until=wait.until.isoformat())
    held = job.reservation  # another invocation may have reserved meanwhile

    def wait_if_unreserved(current: Job) -> Job:
        return current.wait_for_budget(number, wait, now) if current.reservation == held else current

    return services.update_job(job.job_id, wait_if_unreserved)


def correct_budget(job: Job, services: Services) -> BudgetEntry | None:
    """Correct what an ended job has reserved to what its vendors charged.

    Returns:
        The entry, which the caller stores on the job's row and then forgets; None when nothing was reserved or the
        estimate was right.
    """
    if not job.reservation.entries:
        return None
    now = services.now()
    changes = job.reservation.corrections(owed(job, services.settings.rates), vendor_day(now))
    if not changes:
        return None
    entry = _entry(job, changes, job.reservation.account, services)
    services.budget.count(entry, Budget())
    return entry


def forget_entries(job: Job, services: Services) -> None:
    """Remove a job's entries that a crash left: without the job's row, the check of the budget would give them back."""
    held = job.reservation
    for number in held.entries:
        services.budget.forget(BudgetEntry(job.job_id, number, held.days, held.account, 0))


def _entry(job: Job, days: dict[date, int], account: str, services: Services) -> BudgetEntry:
    return BudgetEntry(job.job_id, services.nonce(), days, account, int(services.now().timestamp()))
