"""AWS as far as the layer's stores speak to it: clients in memory, with boto3's methods, answers and errors.

The real stores run on them, so that a point is one call of an AWS API and not a whole method of a store.
"""

# ruff: noqa: N803 - the names of the arguments are boto3's

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, dict[str, Any]]


def refusal(code: str, operation: str) -> ClientError:
    """The error that boto3 raises for an error code."""
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


@dataclass
class DynamoDb:
    """One table, its index of open jobs, and the few expressions that the stores use."""

    items: dict[str, Item] = field(default_factory=dict)
    on_put: Callable[[Item | None, Item], None] = lambda _before, _after: None
    writes: int = 0

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:
        item = self.items.get(Key["job_id"]["S"])
        return {"Item": item} if item is not None else {}

    def put_item(
        self, *, Item: Item, ConditionExpression: str, ExpressionAttributeValues: Item | None = None, **_: Any
    ) -> None:
        key = Item["job_id"]["S"]
        held = self.items.get(key)
        self._check(ConditionExpression, held or {}, ExpressionAttributeValues or {}, "PutItem")
        self.on_put(held, Item)
        self.writes += 1
        self.items[key] = Item

    def update_item(
        self,
        *,
        Key: Item,
        UpdateExpression: str,
        ExpressionAttributeValues: Item,
        ConditionExpression: str = "",
        **_: Any,
    ) -> dict[str, Any]:
        held = self.items.get(Key["job_id"]["S"], {})
        values = ExpressionAttributeValues
        if ConditionExpression:
            self._check(ConditionExpression, held, values, "UpdateItem")
        added, _, assigned = UpdateExpression.removeprefix("ADD ").rpartition("SET ")
        changes: Item = {}
        for name, value in re.findall(r"(\w+) (:\w+)", added):
            changes[name] = {"N": str(int(held.get(name, {"N": 0})["N"]) + int(values[value]["N"]))}
        for name, value in re.findall(r"(\w+) = ((?:[^,(]|\([^)]*\))+)", assigned):
            changes[name] = {"N": str(sum(_number(term.strip(), held, values) for term in value.split("+")))}
        self.writes += 1
        self.items[Key["job_id"]["S"]] = {**Key, **held, **changes}
        return {"Attributes": changes}

    def query(self, *, ExpressionAttributeValues: Item, **_: Any) -> dict[str, Any]:
        part, before = ExpressionAttributeValues[":part"], ExpressionAttributeValues.get(":before", {"S": "~"})["S"]
        return {
            "Items": [
                {name: item[name] for name in ("job_id", "created_at")}
                for item in self.items.values()
                if item.get("open") == part and item["updated_at"]["S"] < before
            ]
        }

    def _check(self, condition: str, item: Item, values: Item, operation: str) -> None:
        if not any(_holds(each, item, values) for each in condition.split(" OR ")):
            raise refusal("ConditionalCheckFailedException", operation)


def _holds(condition: str, item: Item, values: Item) -> bool:
    if absent := re.fullmatch(r"attribute_not_exists\((\w+)\)", condition):
        return absent[1] not in item
    name, operator, value = condition.split(" ")
    if name not in item:
        return False
    ours, theirs = int(item[name]["N"]), int(values[value]["N"])
    return {"=": ours == theirs, "<": ours < theirs, "<=": ours <= theirs, ">": ours > theirs}[operator]


def _number(term: str, item: Item, values: Item) -> int:
    if default := re.fullmatch(r"if_not_exists\((\w+), (:\w+)\)", term):
        return int(item.get(default[1], values[default[2]])["N"])
    return int((values[term] if term in values else item[term])["N"])


@dataclass(frozen=True)
class _Version:
    version_id: str
    body: bytes
    metadata: Mapping[str, str]

    @property
    def etag(self) -> str:
        return f'"etag-{self.version_id}"'


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int | None = None) -> bytes:
        return self._body[:size]

    def iter_chunks(self, chunk_size: int) -> Iterator[bytes]:
        for start in range(0, len(self._body), chunk_size):
            yield self._body[start : start + chunk_size]

    def close(self) -> None:
        pass

    def __enter__(self) -> "_Body":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@dataclass
class S3:
    """Versioned buckets, with conditional writes."""

    objects: dict[tuple[str, str], list[_Version]] = field(default_factory=dict)
    _made: int = 0

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        version = self._find(Bucket, Key, VersionId, "HeadObject")
        return {
            "VersionId": version.version_id,
            "ETag": version.etag,
            "ContentLength": len(version.body),
            "Metadata": dict(version.metadata),
        }

    def get_object(
        self,
        *,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        Range: str | None = None,
        IfMatch: str | None = None,
    ) -> dict[str, Any]:
        version = self._find(Bucket, Key, VersionId, "GetObject")
        if IfMatch not in (None, version.etag):
            raise refusal("PreconditionFailed", "GetObject")
        first, last = (Range or f"bytes=0-{len(version.body)}").removeprefix("bytes=").split("-")
        return {"Body": _Body(version.body[int(first) : int(last) + 1])}

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        Metadata: Mapping[str, str] | None = None,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        versions = self.objects.setdefault((Bucket, Key), [])
        newest = versions[-1].etag if versions else None
        if (IfNoneMatch and versions) or (IfMatch and newest != IfMatch):
            raise refusal("PreconditionFailed", "PutObject")
        self._made += 1
        versions.append(_Version(f"v{self._made}", Body, Metadata or {}))
        return {"VersionId": versions[-1].version_id, "ETag": versions[-1].etag}

    def list_object_versions(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:
        return {
            "Versions": [
                {
                    "Key": key,
                    "VersionId": each.version_id,
                    "ETag": each.etag,
                    "Size": len(each.body),
                    "IsLatest": each is versions[-1],
                }
                for (bucket, key), versions in self.objects.items()
                if bucket == Bucket and key.startswith(Prefix)
                for each in versions
            ]
        }

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str) -> None:
        left = [each for each in self.objects.get((Bucket, Key), []) if each.version_id != VersionId]
        self.objects.pop((Bucket, Key), None)
        if left:
            self.objects[Bucket, Key] = left

    def generate_presigned_url(self, _method: str, Params: Mapping[str, str], ExpiresIn: int) -> str:
        return (
            f"https://{Params['Bucket']}.example.com/{Params['Key']}?versionId={Params['VersionId']}&X-Amz-Signature=s"
        )

    def newest(self, bucket: str, key: str) -> bytes | None:
        """The newest version's content."""
        versions = self.objects.get((bucket, key))
        return versions[-1].body if versions else None

    def _find(self, bucket: str, key: str, version_id: str | None, operation: str) -> _Version:
        versions: Iterator[_Version] = reversed(self.objects.get((bucket, key), []))
        found = next((version for version in versions if version_id in (None, version.version_id)), None)
        if found is None:
            raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
        return found


@dataclass
class EventBus:
    """What was published: detail types by job."""

    published: list[tuple[str, str]] = field(default_factory=list)

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:
        self.published += [(json.loads(entry["Detail"])["job_id"], entry["DetailType"]) for entry in Entries]
        return {"FailedEntryCount": 0}
