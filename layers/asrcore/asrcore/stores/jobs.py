"""The jobs table in Amazon DynamoDB: a row per job, written only if it has not changed since it was read.

The same table holds the rate limiters' rows, the idempotency records, the turnaround statistics and the totals, whose
keys begin with a word and `#`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from botocore.exceptions import ClientError

from asrcore.core.backoff import write_wait_s
from asrcore.core.budget import WAKE_S, BudgetLimit
from asrcore.core.job import AFTER_BUDGET, BUDGET_PARTS, PARTS, Job, recency
from asrcore.core.rate_limit import RateLimit, day_start, vendor_day
from asrcore.core.totals import Counted, MonthSum, expires_at, month_sum, totals_key, totals_keys
from asrcore.core.transcript import Source
from asrcore.ports import ConflictError, CountedSubmission, IdempotencyRecord, JobFilter, JobIdPage
from asrcore.stores.attributes import AttributeSerializer, deserialize

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_T = TypeVar("_T")
_SERIALIZE = AttributeSerializer().serialize
ASKED_KEPT_S = 24 * 3600
EXAMINED = 100  # jobs that one search reads from each part of the index
MOST_IN_A_BATCH = 100  # rows of one BatchGetItem
MOST_WRITES = 8  # of a row, while other invocations write to it or to the same totals
MAX_RELEASED = 50  # slots of a limiter, so that its row stays small
_FIRST, _LAST = "0", "~"  # sort before and after every `recency`


class DynamoJobs:
    """The port `Jobs`. client: a boto3 `dynamodb` client.  sleep: waits for seconds."""

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def create(self, job: Job) -> bool:
        """Write a new job. Return False when a job of this id exists."""
        counted = job.model_copy(update={"counted": job.countable})
        return self._put(counted, None, ConditionExpression="attribute_not_exists(job_id)")

    def load(self, job_id: str) -> Job | None:
        """Return a job, read consistently; None without one."""
        answer = self._client.get_item(TableName=self._table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        if "Item" not in answer:
            return None
        return _job(answer["Item"])

    def every(self) -> Iterator[Job]:
        """Yield every job, unordered: scans the whole table, eventually consistent. For operators' tools only."""
        # Only job rows have a row version.
        pages = self._client.get_paginator("scan")
        for page in pages.paginate(TableName=self._table, FilterExpression="attribute_exists(row_version)"):
            yield from map(_job, page["Items"])

    def delete(self, job: Job) -> None:
        """Delete a job's row.

        Raises:
            ConflictError: another invocation has updated or deleted the row since it was read.
        """
        deletion = {
            "TableName": self._table,
            "Key": {"job_id": {"S": job.job_id}},
            "ConditionExpression": "row_version = :read",
            "ExpressionAttributeValues": {":read": _SERIALIZE(job.row_version)},
        }
        left = job.counted.model_copy(update={"status": None}) if job.counted else Counted()
        if not self._write("Delete", deletion, job, left.since(job.counted)):
            raise _conflict(job)

    def save(self, job: Job, *, released: CountedSubmission | None = None) -> Job:
        """Write an updated job and return it with its new lock counter.

        Args:
            job: with the lock counter that it was read with.
            released: a submission that its day stops counting in the same transaction, so that it does so once.

        Raises:
            ConflictError: another invocation has updated or deleted the row since it was read.
        """
        following = job.model_copy(update={"row_version": job.row_version + 1, "counted": job.countable})
        condition = {
            "ConditionExpression": "row_version = :read",
            "ExpressionAttributeValues": {":read": _SERIALIZE(job.row_version)},
        }
        if not self._put(following, job.counted, released, **condition):
            raise _conflict(job)
        return following

    def reserve_slot(
        self,
        limiter: str,
        rate: RateLimit,
        now: datetime,
        *,
        counted: date | None = None,
        latest: datetime | None = None,
        group: str = "",
    ) -> datetime | None:
        """Reserve the next slot of a rate limiter.

        A limiter is one number, the moment from which a slot is free, which time frees; and the slots that were
        released before their time. Of the two conditional writes exactly one succeeds.

        Args:
            limiter: the limiter's name.
            rate: its rate and its daily limit.
            now: the earliest slot wanted, in UTC.
            counted: the vendor's day on which this submission has been counted before.
            latest: the last moment that is of use, in UTC; None for no limit.
            group: of its uploader, which takes only a share of a later day; "" for no share.

        Returns:
            The slot's moment, `now` or later; None when the daily limit leaves none until `latest`.
        """
        key, start = f"limiter#{limiter}", now
        if rate.per_day:
            today = vendor_day(now)
            day = today if counted == today else self._count_day(key, rate, today, latest, group)
            if day is None:
                return None
            key, start = f"{key}#{day}", max(now, day_start(day))
        start_us = _microseconds(start)
        held = None
        while held is None:
            held = self._advance_limiter(key, "free_from_us + :interval", "free_from_us > :start", start_us, rate)
            if held is None:
                empty = "attribute_not_exists(free_from_us) OR free_from_us <= :start"
                held = self._advance_limiter(key, ":start + :interval", empty, start_us, rate)
        slot_us = held["free_from_us"] - rate.interval_us
        return _moment(self._exchange_for_released(key, held.get("released", set()), start_us, slot_us, rate))

    def release_slot(self, limiter: str, rate: RateLimit, slot: datetime) -> None:
        """Give back a reserved slot that will not be used.

        The latest slot is free again at once. An earlier one is kept for the next reservation; beyond MAX_RELEASED such
        slots it is lost, as it is when the process crashes.

        Args:
            limiter: the limiter's name.
            rate: its rate and its daily limit.
            slot: the slot's moment, in UTC.
        """
        of_day = f"#{vendor_day(slot)}" if rate.per_day else ""
        self._put_back(f"limiter#{limiter}{of_day}", _microseconds(slot), rate)

    def _put_back(self, key: str, slot_us: int, rate: RateLimit) -> None:
        """Release a slot; a repetition changes nothing."""
        latest = {":slot": slot_us, ":end": slot_us + rate.interval_us}
        if self._update(key, "SET free_from_us = :slot", "free_from_us = :end", latest) is not None:
            return
        room = (
            "free_from_us > :end AND attribute_not_exists(released) OR "
            "free_from_us > :end AND size(released) < :most AND NOT contains(released, :slot)"
        )
        self._update(key, "ADD released :slots", room, {**latest, ":slots": {slot_us}, ":most": MAX_RELEASED})

    def _exchange_for_released(
        self, key: str, released: AbstractSet[int], start_us: int, slot_us: int, rate: RateLimit
    ) -> int:
        """Return the first released slot from start_us on, for which slot_us is released; slot_us without one."""
        usable = sorted(each for each in released if start_us <= each < slot_us)
        for first_us in usable:
            gone = {first_us, *(each for each in released if each < start_us)}
            values = {":slot": first_us, ":gone": gone}
            if self._update(key, "DELETE released :gone", "contains(released, :slot)", values) is not None:
                self._put_back(key, slot_us, rate)
                return first_us
        return slot_us

    def _count_day(self, key: str, rate: RateLimit, day: date, latest: datetime | None, group: str) -> date | None:
        """Count a submission on the first day, from `day` to `latest`, that is below the daily limit, and return it.

        On a later day than the first its uploader must be below its share, too.
        """
        counts = "ADD taken :one" + (f", {group} :one" if group else "")
        room = "attribute_not_exists(taken) OR taken < :per_day"
        share: dict[str, int] = {}
        while latest is None or day_start(day) <= latest:
            expires_at = int(day_start(day + timedelta(days=7)).timestamp())
            values = {":one": 1, ":per_day": rate.per_day, ":expires_at": expires_at, **share}
            if self._update(f"{key}#{day}", f"{counts} SET expires_at = :expires_at", room, values) is not None:
                return day
            day += timedelta(days=1)
            if group:
                share = {":share": rate.uploader_per_day}
                room = (
                    "attribute_not_exists(taken) OR taken < :per_day AND attribute_not_exists(group) OR "
                    "taken < :per_day AND group < :share"
                ).replace("group", group)
        return None

    def _advance_limiter(
        self, limiter: str, value: str, condition: str, start_us: int, rate: RateLimit
    ) -> dict[str, Any] | None:
        """Move the moment from which a slot is free, and return the row; None when the condition is not met."""
        values = {":start": start_us, ":interval": rate.interval_us}
        return self._update(limiter, f"SET free_from_us = {value}", condition, values)

    def _update(self, key: str, expression: str, condition: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """Update a row and return it; None when the condition is not met."""
        update = partial(
            self._client.update_item,
            TableName=self._table,
            Key={"job_id": {"S": key}},
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues={name: _SERIALIZE(value) for name, value in values.items()},
            ReturnValues="ALL_NEW",
        )
        try:
            answer = self._repeat_on_conflict(update, key)
        except ClientError as error:
            if _is_conditional(error):
                return None
            raise
        return {name: deserialize(value) for name, value in answer["Attributes"].items()}

    def find_stalled(self, before: datetime) -> Iterator[str]:
        """Yield the ids of jobs that are not finished, or whose event is not published, and unchanged since `before`.

        The index of open jobs is eventually consistent, so load a job before acting on it. Each minute starts with
        another part of the index, so that a sweep that runs out of time does not always skip the same part. A job that
        waits for the budget is not stalled on the day, or in the month, in which its wait began.
        """
        first = int(before.timestamp() // 60) % len(PARTS)
        today = vendor_day(before - timedelta(seconds=WAKE_S))
        until = dict.fromkeys((*PARTS[first:], *PARTS[:first], AFTER_BUDGET), before)
        until |= {part: day_start(today) for part in BUDGET_PARTS.values()}
        until[BUDGET_PARTS[BudgetLimit.MONTH]] = day_start(today.replace(day=1))
        for part, moment in until.items():
            for item in self._open(part, "job_id", moment):
                yield item["job_id"]["S"]

    def open_since(self) -> Iterator[datetime]:
        """Yield since when each job of the same index is open; none for one that waits for the budget.

        That is its creation; of a job that has waited for the budget, its last change.
        """
        for part in (*PARTS, AFTER_BUDGET):
            name = "updated_at" if part == AFTER_BUDGET else "created_at"
            for item in self._open(part, name):
                yield datetime.fromisoformat(item[name]["S"])

    def waiting_for_budget(self) -> Iterator[tuple[datetime, str]]:
        """Yield when each job was created that waits for the stack's budget, and its id."""
        for limit in (BudgetLimit.DAY, BudgetLimit.MONTH):
            for item in self._open(BUDGET_PARTS[limit], "created_at, job_id"):
                yield datetime.fromisoformat(item["created_at"]["S"]), item["job_id"]["S"]

    def _open(self, part: str, attributes: str, before: datetime | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield a part of the index of open jobs, those unchanged for longest first. before: of their last change."""
        pages = self._client.get_paginator("query")
        changed = {} if before is None else {":before": _SERIALIZE(before.isoformat())}
        for page in pages.paginate(
            TableName=self._table,
            IndexName="open",
            KeyConditionExpression=f"#open = :part{' AND updated_at < :before' if changed else ''}",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":part": {"S": part}, **changed},
            ProjectionExpression=attributes,
        ):
            yield from page["Items"]

    def list_recent(self, wanted: JobFilter, limit: int, before: str | None) -> JobIdPage:
        """Return a page of jobs, the newest first, from the index of all jobs, which is eventually consistent.

        EXAMINED jobs are read from each part of the index. A job is left out when some part was not read as far back
        as its time. So the work is limited, and a page may have few jobs, or none, although more follow.

        Args:
            wanted: which jobs to return.
            limit: the largest number of jobs.
            before: the cursor, `after` of the previous page; None for the first page.
        """
        first = _FIRST if wanted.since is None else recency(wanted.since)
        last = min(_LAST if wanted.until is None else recency(wanted.until), before or _LAST)
        found: list[tuple[str, str]] = []
        read_until = ""
        for part in PARTS:
            page = self._part_of_recent(part, wanted, first, last, limit)
            found += [(item["recency"]["S"], item["job_id"]["S"]) for item in page["Items"]]
            if following := page.get("LastEvaluatedKey"):
                read_until = max(read_until, following["recency"]["S"])
        page_rows = sorted((each for each in found if read_until <= each[0] < last), reverse=True)
        more = page_rows[limit - 1][0] if len(page_rows) > limit else read_until
        return JobIdPage([job_id for _, job_id in page_rows[:limit]], more or None)

    def _part_of_recent(self, part: str, wanted: JobFilter, first: str, last: str, limit: int) -> Mapping[str, Any]:
        equal = (("status", wanted.status), ("vendor", wanted.vendor))
        filters = {name: value for name, value in (*equal, ("name", wanted.name)) if value}
        names = {f"#{name}": name for name in ("part", *filters)}
        values = {"part": part, "first": first, "last": max(first, _just_before(last)), **filters}
        conditions = [f"contains(#{name}, :{name})" if name == "name" else f"#{name} = :{name}" for name in filters]
        for number, (tag, value) in enumerate(wanted.tags.items()):
            names |= {"#tags": "tags", f"#tag{number}": tag}
            values[f"tag{number}"] = value
            conditions.append(f"#tags.#tag{number} = :tag{number}")
        filtered: dict[str, Any] = {"FilterExpression": " AND ".join(conditions)} if conditions else {}
        page: Mapping[str, Any] = self._client.query(
            TableName=self._table,
            IndexName="listed",
            KeyConditionExpression="#part = :part AND recency BETWEEN :first AND :last",
            **filtered,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{name}": _SERIALIZE(str(value)) for name, value in values.items()},
            ProjectionExpression="job_id, recency",
            ScanIndexForward=False,
            Limit=EXAMINED if conditions else min(limit, EXAMINED),
        )
        return page

    def ids_that_begin_with(self, prefix: str) -> Iterator[str]:
        """Yield the ids of jobs that begin with one or more hexadecimal digits, in the order of their creation.

        Reads a sixteenth of the index of all jobs, which is eventually consistent. For operators' tools only.
        """
        pages = self._client.get_paginator("query")
        for page in pages.paginate(
            TableName=self._table,
            IndexName="listed",
            KeyConditionExpression="#part = :part",
            ExpressionAttributeNames={"#part": "part"},
            ExpressionAttributeValues={":part": {"S": prefix[0]}},
            ProjectionExpression="job_id",
        ):
            ids = (item["job_id"]["S"] for item in page["Items"])
            yield from (job_id for job_id in ids if job_id.startswith(prefix))

    def load_all(self, job_ids: Sequence[str]) -> list[Job]:
        """Return these jobs, at most 100, in the same order, without those whose row was deleted."""
        found = {job.job_id: job for job in map(_job, self._load_items(job_ids))}
        return [found[job_id] for job_id in job_ids if job_id in found]

    def _load_items(self, keys: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of these keys, at most MOST_IN_A_BATCH, in any order."""
        left: Any = {self._table: {"Keys": [{"job_id": {"S": key}} for key in keys]}} if keys else {}
        while left:
            answer = self._client.batch_get_item(RequestItems=left)
            yield from answer["Responses"].get(self._table, [])
            left = answer.get("UnprocessedKeys")

    def load_idempotency_record(self, key: str, now: datetime) -> IdempotencyRecord | None:
        """Return the record of an idempotency key, if it is at most a day old."""
        place = {"job_id": {"S": _asked_name(key)}}
        held = self._client.get_item(TableName=self._table, Key=place, ConsistentRead=True).get("Item")
        # DynamoDB deletes an expired row days later.
        if held is None or int(held["expires_at"]["N"]) < int(now.timestamp()):
            return None
        return IdempotencyRecord(held["request_digest"]["S"], Source.model_validate_json(held["source"]["S"]))

    def create_idempotency_record(self, key: str, record: IdempotencyRecord, now: datetime) -> IdempotencyRecord:
        """Store the record of an idempotency key for a day, unless there is one. Return the one that is stored."""
        row = {
            "job_id": _asked_name(key),
            "request_digest": record.request_digest,
            "source": record.source.model_dump_json(),
            "expires_at": int(now.timestamp()) + ASKED_KEPT_S,
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item={attribute: _SERIALIZE(value) for attribute, value in row.items()},
                ConditionExpression="attribute_not_exists(job_id) OR expires_at < :now",
                ExpressionAttributeValues={":now": _SERIALIZE(int(now.timestamp()))},
            )
        except ClientError as error:
            if not _is_conditional(error):
                raise
            return self.load_idempotency_record(key, now) or record
        return record

    def totals(self, months: Sequence[str]) -> list[MonthSum]:
        """Return the totals of months, in the same order, by eventually consistent reads."""
        keys = [key for month in months for key in totals_keys(month)]
        rows: dict[str, Mapping[str, int]] = {}
        for start in range(0, len(keys), MOST_IN_A_BATCH):
            for item in self._load_items(keys[start : start + MOST_IN_A_BATCH]):
                numbers = {name: int(each["N"]) for name, each in item.items() if "N" in each}
                rows[item["job_id"]["S"]] = {name: each for name, each in numbers.items() if name != "expires_at"}
        return [month_sum(month, (rows.get(key, {}) for key in totals_keys(month))) for month in months]

    def _put(
        self, job: Job, counted: Counted | None, released: CountedSubmission | None = None, **condition: Any
    ) -> bool:
        """Write a row, and what it adds to the totals; return False when the condition is not met."""
        row = json.loads(job.model_dump_json(by_alias=True), parse_float=Decimal)  # DynamoDB accepts no float
        item = {name: _SERIALIZE(value) for name, value in row.items() if value is not None}
        request = {"TableName": self._table, "Item": item, **condition}
        return self._write("Put", request, job, job.countable.since(counted), released)

    def _write(
        self,
        kind: Literal["Put", "Delete"],
        request: Any,
        job: Job,
        changes: Mapping[str, int],
        released: CountedSubmission | None = None,
    ) -> bool:
        """Write or delete a job's row, in one transaction with the totals and the vendor's day that change.

        Args:
            kind: of the write.
            request: its arguments.
            job: of the row.
            changes: of the totals of its month, by name.
            released: a submission that its day stops counting, if it counts any.

        Returns:
            Whether the row was written; False when its condition is not met.
        """
        parts: Any = [
            {kind: request},
            *([self._count(job, changes)] if changes else []),
            *([self._release(released)] if released else []),
        ]
        alone: Callable[..., Any] = self._client.put_item if kind == "Put" else self._client.delete_item
        together = partial(self._client.transact_write_items, TransactItems=parts)
        try:
            self._repeat_on_conflict(together if len(parts) > 1 else partial(alone, **request), job.job_id)
        except ClientError as error:
            if not _is_conditional(error):
                raise
            of_the_day = released is not None and not _is_conditional_of_first(error)
            return of_the_day and self._write(kind, request, job, changes)
        return True

    def _repeat_on_conflict(self, write: "Callable[[], _T]", key: str) -> "_T":
        """Write, again and later each time while another invocation's transaction has one of the rows."""
        for tries in range(1, MOST_WRITES):
            try:
                return write()
            except ClientError as error:
                if _is_conditional(error) or not _is_conflict(error):
                    raise
                self._sleep(write_wait_s(key, tries))
        return write()

    def _release(self, submission: CountedSubmission) -> Any:
        """Return the part of a transaction after which a day counts a submission less."""
        of_group = f", {submission.group} :less" if submission.group else ""
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"job_id": {"S": f"limiter#{submission.limiter}#{submission.day}"}},
                "UpdateExpression": f"ADD taken :less{of_group}",
                "ConditionExpression": "taken > :none",
                "ExpressionAttributeValues": {":less": {"N": "-1"}, ":none": {"N": "0"}},
            }
        }

    def _count(self, job: Job, changes: Mapping[str, int]) -> Any:
        """Return the part of a transaction that adds changes to the totals of a job's month."""
        values = {f":{name}": {"N": str(each)} for name, each in changes.items()}
        added = ", ".join(f"{name} :{name}" for name in changes)
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"job_id": {"S": totals_key(job.job_id, job.created_at)}},
                "UpdateExpression": f"ADD {added} SET expires_at = :expires_at",
                "ExpressionAttributeValues": {**values, ":expires_at": {"N": str(expires_at(job.created_at))}},
            }
        }


def _conflict(job: Job) -> ConflictError:
    return ConflictError(f"another invocation has updated job {job.job_id}")


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _asked_name(key: str) -> str:
    return f"asked#{hashlib.sha256(key.encode()).hexdigest()}"


def _job(item: Mapping[str, Any]) -> Job:
    return Job.model_validate({name: deserialize(value) for name, value in item.items()})


def _just_before(place: str) -> str:
    """Return what sorts directly before a `recency`: DynamoDB's BETWEEN includes its ends."""
    return f"{place[:-1]}{chr(ord(place[-1]) - 1)}{_LAST}"


def _codes(error: ClientError) -> set[str]:
    """Return the codes of an error, those of a cancelled transaction's parts included."""
    response: Mapping[str, Any] = error.response
    return {response["Error"]["Code"], *(each.get("Code", "") for each in response.get("CancellationReasons", []))}


def _is_conditional_of_first(error: ClientError) -> bool:
    """Return whether the condition of a transaction's first part is not met."""
    reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [{}])
    return reasons[0].get("Code") == "ConditionalCheckFailed"


def _is_conditional(error: ClientError) -> bool:
    return not _codes(error).isdisjoint({"ConditionalCheckFailedException", "ConditionalCheckFailed"})


def _is_conflict(error: ClientError) -> bool:
    return not _codes(error).isdisjoint({"TransactionConflictException", "TransactionConflict"})
