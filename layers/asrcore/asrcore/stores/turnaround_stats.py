"""Turnaround statistics: a row per vendor and month in the jobs table, to which every completed job is added."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from asrcore.core.turnaround_stats import BUCKETS, TurnaroundSum, duration_bucket, turnaround_sum, typical_s
from asrcore.log import LOG

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

READ_EVERY_S = 300
KEPT_DAYS = 100  # after the last job of a month; rows are read for two months
_FAILED = (BotoCoreError, ClientError)


class DynamoTurnaroundStats:
    """The port `TurnaroundStats`. client: a boto3 `dynamodb` client.

    No job depends on the statistics: a failure of DynamoDB is logged, and the turnaround is unknown.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._held: dict[str, tuple[datetime, Mapping[int, TurnaroundSum]]] = {}  # by vendor

    def record(self, vendor: str, audio_s: float, turnaround_s: float, now: datetime) -> None:
        """Add one completed job. A request that the SDK repeats may count twice, which hardly changes the mean.

        Args:
            vendor: the vendor's name.
            audio_s: length of the recording in seconds.
            turnaround_s: seconds from submission to result.
            now: the current time in UTC.
        """
        place, one = duration_bucket(audio_s), turnaround_sum(turnaround_s)
        expires_at = int((now + timedelta(days=KEPT_DAYS)).timestamp())
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": _key(vendor, now)}},
                UpdateExpression=f"ADD count_{place} :count, speed_{place} :speed SET expires_at = :expires_at",
                ExpressionAttributeValues={
                    ":count": {"N": str(one.count)},
                    ":speed": {"N": str(one.speed)},
                    ":expires_at": {"N": str(expires_at)},
                },
            )
        except _FAILED:
            LOG.warning("a turnaround could not be stored", vendor=vendor, exc_info=True)

    def typical_s(self, vendor: str, audio_s: float, now: datetime) -> float | None:
        """Return a vendor's usual turnaround in seconds for a recording's length; None with too few jobs.

        The rows of this month and the last one are read at most every READ_EVERY_S seconds.
        """
        read_at, tallies = self._held.get(vendor, (None, {}))
        if read_at is None or (now - read_at).total_seconds() >= READ_EVERY_S:
            tallies = self._read(vendor, now)
            self._held[vendor] = (now, tallies)
        return typical_s(tallies, audio_s)

    def _read(self, vendor: str, now: datetime) -> Mapping[int, TurnaroundSum]:
        months = [self._month(_key(vendor, each)) for each in (now, now.replace(day=1) - timedelta(days=1))]
        return {
            place: sum((month.get(place, TurnaroundSum()) for month in months), TurnaroundSum())
            for place in range(BUCKETS)
        }

    def _month(self, key: str) -> Mapping[int, TurnaroundSum]:
        try:
            item = self._client.get_item(TableName=self._table, Key={"job_id": {"S": key}}).get("Item", {})
        except _FAILED:
            LOG.warning("turnaround statistics could not be read", exc_info=True)
            return {}
        return {
            place: TurnaroundSum(int(item[f"count_{place}"]["N"]), int(item[f"speed_{place}"]["N"]))
            for place in range(BUCKETS)
            if f"count_{place}" in item
        }


def _key(vendor: str, moment: datetime) -> str:
    return f"history#{vendor}#{moment:%Y-%m}"
