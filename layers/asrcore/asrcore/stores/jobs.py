"""The jobs table: a row per job, each write conditional on nobody else having written since it was read."""

from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from asrcore.core.job import Job
from asrcore.core.pacing import slot_interval_us
from asrcore.services import ConflictError

_SERIALIZE = TypeSerializer().serialize
_DESERIALIZE = TypeDeserializer().deserialize


class DynamoJobs:
    """Jobs in Amazon DynamoDB. client: a boto3 `dynamodb` client."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def create(self, job: Job) -> bool:
        """Write a new job; False when it exists already."""
        return self._put(job, ConditionExpression="attribute_not_exists(job_id)")

    def load(self, job_id: str) -> Job | None:
        """The job as it is now."""
        answer = self._client.get_item(TableName=self._table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        if "Item" not in answer:
            return None
        return Job.model_validate({name: _DESERIALIZE(value) for name, value in answer["Item"].items()})

    def save(self, job: Job) -> Job:
        """Write a moved job and return it with its new revision. Raises ConflictError."""
        following = job.model_copy(update={"revision": job.revision + 1})
        condition = {
            "ConditionExpression": "revision = :read",
            "ExpressionAttributeValues": {":read": _SERIALIZE(job.revision)},
        }
        if not self._put(following, **condition):
            raise ConflictError(f"job {job.job_id} was moved by somebody else")
        return following

    def take_slot(self, vendor: str, per_second: int, now: datetime) -> datetime:
        """The next free place in a vendor's line.

        The line is one number, the moment from which it is free; time itself empties it, so that nothing can leak and
        nothing is ever given back. Each of the two writes below fails exactly when the other one holds.
        """
        now_us = int(now.timestamp() * 1_000_000)
        interval_us = slot_interval_us(per_second)
        while True:
            behind = self._move_line(vendor, "free_from_us + :interval", "free_from_us > :now", now_us, interval_us)
            if behind is not None:
                return datetime.fromtimestamp((behind - interval_us) / 1_000_000, UTC)
            empty = "attribute_not_exists(free_from_us) OR free_from_us <= :now"
            if self._move_line(vendor, ":now + :interval", empty, now_us, interval_us) is not None:
                return now

    def _move_line(self, vendor: str, value: str, condition: str, now_us: int, interval_us: int) -> int | None:
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": f"pace#{vendor}"}},
                UpdateExpression=f"SET free_from_us = {value}",
                ConditionExpression=condition,
                ExpressionAttributeValues={":now": _SERIALIZE(now_us), ":interval": _SERIALIZE(interval_us)},
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if _is_conditional(error):
                return None
            raise
        return int(_DESERIALIZE(answer["Attributes"]["free_from_us"]))

    def _put(self, job: Job, **condition: Any) -> bool:
        row = job.model_dump(mode="json", by_alias=True)
        item = {name: _SERIALIZE(value) for name, value in row.items() if value is not None}
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if _is_conditional(error):
                return False
            raise
        return True


def _is_conditional(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
