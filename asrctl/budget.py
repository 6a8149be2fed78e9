"""`budget show`, `budget set`, `budget reset`: what jobs have reserved of the budget, and its limits."""

from collections.abc import Mapping
from datetime import datetime

from asrcore.core.budget import MICRO, Budget, BudgetLimit
from asrcore.core.rate_limit import vendor_day
from asrcore.messages import Message
from asrctl.result import CommandResult, Line, Text, TextTable
from asrctl.shapes import BudgetShape
from asrctl.stack import DeployedStack

_NOTHING = "-"
_ROWS = {
    BudgetLimit.DAY: Message("cli.budget.day"),
    BudgetLimit.MONTH: Message("cli.budget.month"),
    BudgetLimit.UPLOADER: Message("cli.budget.uploader"),
}


def show(stack: DeployedStack, now: datetime) -> CommandResult[BudgetShape]:
    """Show the limits, what is reserved today and this month, and how many jobs wait for the budget."""
    return _report(stack, now, [])


def set_limits(
    stack: DeployedStack, changes: Mapping[str, float | str], now: datetime, *, dry_run: bool
) -> CommandResult[BudgetShape]:
    """Set some limits, in place of the stack's parameters. The next sweep wakes the jobs that then have room.

    Args:
        changes: yuan, or what happens when the budget is reached, by the names of `Budget`; nothing for the parameters.
    """
    if dry_run:
        return _report(stack, now, [Message("cli.budget.would_be_set")])
    stack.services.budget.save_limits(changes)
    return _report(stack, now, [Message("cli.budget.set" if changes else "cli.budget.reset"), ""])


def _report(stack: DeployedStack, now: datetime, first: list[Line]) -> CommandResult[BudgetShape]:
    services, today = stack.services, vendor_day(now)
    limits = services.budget.load_limits(services.settings.budget)
    balance = services.budget.balance(today)
    reserved = {BudgetLimit.DAY: balance.days.get(today, 0) / MICRO, BudgetLimit.MONTH: balance.month / MICRO}
    waiting = sum(1 for _ in services.jobs.waiting_for_budget())
    data = BudgetShape(
        **limits.model_dump(),
        day=today.isoformat(),
        reserved_day=reserved[BudgetLimit.DAY],
        reserved_month=reserved[BudgetLimit.MONTH],
        waiting=waiting,
    )
    table = TextTable(
        (Message("cli.budget.limit"), Message("cli.budget.reserved"), Message("cli.budget.most")),
        [(label, *_amounts(limits, each, reserved)) for each, label in _ROWS.items()],
    )
    when = "cli.budget.waits" if limits.when_reached == "wait" else "cli.budget.refuses"
    lines = [*first, table, "", Message(when), Message("cli.budget.waiting", {"count": waiting})]
    return CommandResult(data, lines)


def _amounts(limits: Budget, which: BudgetLimit, reserved: Mapping[BudgetLimit, float]) -> tuple[Text, Text]:
    """Return what is reserved and the limit, in yuan."""
    used = f"{reserved[which]:.2f}" if which in reserved else _NOTHING
    return used, f"{limits.limit(which):.2f}" if limits.limit(which) else Message("cli.budget.no_limit")
