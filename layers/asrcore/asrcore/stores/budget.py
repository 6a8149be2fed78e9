"""The budget's rows in the jobs table: a row per month, one per month of an uploader with a limit, and the limits.

A row has the sums of its month and days, in micro-yuan, and each entry until the row of its job has it, too. An entry
and its sums are one conditional write: it counts once, however often the write is repeated, and what a crash leaves of
it is found again (`asrcore.budget_check`). No transactions: those on one row would conflict at the vendors' rates.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from asrcore.core.budget import Balance, Budget, BudgetEntry, BudgetLimit, micro
from asrcore.core.rate_limit import day_start

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIMITS_KEY = "budget#limits"
KEPT_DAYS = 400  # of a month's row, from the month's beginning
_NO_LIMIT = micro(1e10)
_ENTRY, _ZERO = "entry_", {"N": "0"}


class DynamoBudget:
    """The port `BudgetRows`. client: a boto3 `dynamodb` client."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def load_limits(self, parameters: Budget) -> Budget:
        """Return the limits: what an operator has set, and the stack's parameters for the rest."""
        return parameters.model_copy(update=dict(self._set_limits()))

    def save_limits(self, changes: Mapping[str, Any]) -> None:
        """Set some limits, in place of the stack's parameters; an empty change removes all that were set.

        Raises:
            pydantic.ValidationError: a limit is no possible sum. Nothing is written.
        """
        if not changes:
            self._client.delete_item(TableName=self._table, Key=_row(LIMITS_KEY))
            return
        limits = Budget.model_validate({**self._set_limits(), **changes}).model_dump_json(exclude_unset=True)
        self._client.put_item(TableName=self._table, Item={**_row(LIMITS_KEY), "limits": {"S": limits}})

    def _set_limits(self) -> Mapping[str, Any]:
        item = self._client.get_item(TableName=self._table, Key=_row(LIMITS_KEY)).get("Item")
        if item is None:
            return {}
        return Budget.model_validate_json(item["limits"]["S"]).model_dump(exclude_unset=True)

    def count(self, entry: BudgetEntry, budget: Budget) -> BudgetLimit | None:
        """Count an entry once, however often this is repeated, unless it exceeds a limit.

        Args:
            entry: of one day, if the limits have any.
            budget: the limits; without any for a correction, which always counts.

        Returns:
            None when it is counted; otherwise the limit that leaves no room.
        """
        own = (micro(budget.per_month) or _NO_LIMIT, micro(budget.per_day) or _NO_LIMIT)
        for month, days in _months(entry):
            if (reached := self._add(_key(month), entry, days, own)) is not None:
                return reached
        of_uploader = (_NO_LIMIT, micro(budget.uploader_per_day) or _NO_LIMIT)
        for month, days in _months(entry) if entry.account else ():
            if self._add(_key(month, entry.account), entry, days, of_uploader) is not None:
                self.cancel(entry)
                return BudgetLimit.UPLOADER
        return None

    def cancel(self, entry: BudgetEntry) -> None:
        """Give back what an entry counts, if it is still in the rows: last in the stack's, by which it is found."""
        for month, days in _months(entry):
            for account in _accounts(entry):
                name, less = _name(entry), {each: -change for each, change in _changes(days).items()}
                expression = f"ADD {_adds(less)} REMOVE {name}"
                self._update(_key(month, account), expression, f"attribute_exists({name})", _added_values(less))

    def forget(self, entry: BudgetEntry) -> None:
        """Remove an entry whose job's row has it; what it counts stays."""
        for month, _ in _months(entry):
            for account in _accounts(entry):
                name = _name(entry)
                self._update(_key(month, account), f"REMOVE {name}", f"attribute_exists({name})", {})

    def balance(self, day: date) -> Balance:
        """Return what is reserved in the month of a day."""
        item = self._client.get_item(TableName=self._table, Key=_row(_key(day)), ConsistentRead=True).get("Item", {})
        sums = [name for name in item if re.fullmatch(r"d\d\d", name)]
        days = {day.replace(day=int(name[1:])): int(item[name]["N"]) for name in sums}
        entries = (_entry(name, item[name]["S"]) for name in item if name.startswith(_ENTRY))
        return Balance(int(item.get("spent", _ZERO)["N"]), days, tuple(entries))

    def _add(
        self, key: str, entry: BudgetEntry, days: Mapping[date, int], most: tuple[float, float]
    ) -> BudgetLimit | None:
        """Add an entry's days to a row, unless the last of them or the month exceeds its limit.

        most: micro-yuan of the month and of a day. Returns the limit that leaves no room.
        """
        name, changes = _name(entry), _changes(days)
        day = f"d{max(days).day:02}"
        rooms = {"spent": most[0] - changes["spent"], day: most[1] - changes[day]}
        if over := [each for each, room in rooms.items() if room < 0]:
            return BudgetLimit.MONTH if "spent" in over else BudgetLimit.DAY
        has_room = (
            "attribute_not_exists(spent)",
            f"spent <= :month AND attribute_not_exists({day})",
            f"spent <= :month AND {day} <= :day",
        )
        condition = " OR ".join(f"attribute_not_exists({name}) AND {each}" for each in has_room)
        expires_at = int(day_start(max(days).replace(day=1) + timedelta(days=KEPT_DAYS)).timestamp())
        values = {
            **_added_values(changes),
            ":month": _number(rooms["spent"]),
            ":day": _number(rooms[day]),
            ":entry": {
                "S": json.dumps(
                    {
                        "days": {str(each): change for each, change in entry.days.items()},
                        "at": entry.at,
                        "account": entry.account,
                    }
                )
            },
            ":expires_at": _number(expires_at),
        }
        held = self._update(
            key, f"ADD {_adds(changes)} SET {name} = :entry, expires_at = :expires_at", condition, values
        )
        if held is None or name in held:  # counted, now or by the same write before
            return None
        month = int(held.get("spent", _ZERO)["N"])
        return BudgetLimit.MONTH if month > rooms["spent"] else BudgetLimit.DAY

    def _update(self, key: str, expression: str, condition: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Update a row and return None; without an update, the row as it is when the condition is not met."""
        given: Any = {"ExpressionAttributeValues": values} if values else {}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_row(key),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **given,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            refused: Any = error.response
            found: Mapping[str, Any] = refused.get("Item", {})
            return found
        return None


def _months(entry: BudgetEntry) -> Iterator[tuple[date, Mapping[date, int]]]:
    """Yield each month of an entry, as its first day, with the changes by day."""
    for month, days in groupby(sorted(entry.days), lambda day: day.replace(day=1)):
        yield month, {day: entry.days[day] for day in days}


def _accounts(entry: BudgetEntry) -> list[str]:
    """Return the accounts whose rows have an entry, the stack's own last."""
    return [*([entry.account] if entry.account else []), ""]


def _key(month: date, account: str = "") -> str:
    return f"budget#{month:%Y-%m}{'#' if account else ''}{account}"


def _row(key: str) -> dict[str, Any]:
    return {"job_id": {"S": key}}


def _name(entry: BudgetEntry) -> str:
    return f"{_ENTRY}{entry.job_id}_{entry.number}"


def _entry(name: str, text: str) -> BudgetEntry:
    job_id, number = name.removeprefix(_ENTRY).split("_")
    held = json.loads(text)
    days = {date.fromisoformat(day): change for day, change in held["days"].items()}
    return BudgetEntry(job_id, int(number), days, held["account"], held["at"])


def _changes(days: Mapping[date, int]) -> dict[str, int]:
    """Return the changes of a row's sums, by attribute."""
    return {"spent": sum(days.values()), **{f"d{day.day:02}": change for day, change in days.items()}}


def _adds(changes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} :{name}" for name in changes)


def _added_values(changes: Mapping[str, int]) -> dict[str, Any]:
    return {f":{name}": _number(change) for name, change in changes.items()}


def _number(value: float) -> dict[str, str]:
    return {"N": str(int(value))}
