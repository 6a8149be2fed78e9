"""AWS as far as the layer's stores speak to it: clients in memory, with boto3's methods, answers and errors.

The real stores run on them in unit tests and in the simulation. `tests/contract/test_stores.py` holds them to what moto
answers.
"""

# ruff: noqa: N803 - the names of the arguments are boto3's

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from asrcore.core.step import Step

Item = dict[str, dict[str, Any]]
INDEX_SORT_KEYS = {"open": "updated_at", "listed": "recency"}


def refusal(code: str, operation: str, item: Item | None = None) -> ClientError:
    """The error that boto3 raises for an error code. item: as it is, of a condition that is not met."""
    response: Any = {"Error": {"Code": code, "Message": code}, **({"Item": item} if item else {})}
    return ClientError(response, operation)


class _Paginator:
    """One page of an operation's answers."""

    def __init__(self, operation: Callable[..., dict[str, Any]]) -> None:
        self._operation = operation

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        return [self._operation(**arguments)]


@dataclass
class DynamoDb:
    """One table, its two indexes, and the few expressions that the stores use.

    on_put: is called before each item is written, with the item that it replaces.  on_update: after each update.
    """

    items: dict[str, Item] = field(default_factory=dict)
    on_put: Callable[[Item | None, Item], None] = lambda _before, _after: None
    on_update: Callable[[Item], None] = lambda _after: None

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:
        item = self.items.get(Key["job_id"]["S"])
        return {"Item": item} if item is not None else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        ((table, wanted),) = RequestItems.items()
        keys = [key["job_id"]["S"] for key in wanted["Keys"]]
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def put_item(
        self, *, Item: Item, ConditionExpression: str = "", ExpressionAttributeValues: Item | None = None, **_: Any
    ) -> None:
        key = Item["job_id"]["S"]
        held = self.items.get(key)
        _check(ConditionExpression, held or {}, ExpressionAttributeValues or {}, "PutItem")
        self.on_put(held, Item)
        self.items[key] = Item

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]], **_: Any) -> None:
        """Apply all, or nothing when a condition is false."""
        parts = [part for each in TransactItems for part in each.items()]
        unmet = [not self._is_applicable(request) for _, request in parts]
        if any(unmet):
            error = refusal("TransactionCanceledException", "TransactWriteItems")
            response: Any = error.response
            response["CancellationReasons"] = [{"Code": "ConditionalCheckFailed" if each else "None"} for each in unmet]
            raise error
        writes = {"Put": self.put_item, "Delete": self.delete_item, "Update": self.update_item}
        for kind, request in parts:
            writes[kind](**request)

    def _is_applicable(self, request: Mapping[str, Any]) -> bool:
        """Return whether the condition of a transaction's part is met."""
        held = self.items.get(request.get("Key", request.get("Item"))["job_id"]["S"], {})
        condition = request.get("ConditionExpression", "")
        return not condition or _holds(condition, held, request.get("ExpressionAttributeValues", {}))

    def delete_item(
        self, *, Key: Item, ConditionExpression: str = "", ExpressionAttributeValues: Item | None = None, **_: Any
    ) -> None:
        key = Key["job_id"]["S"]
        _check(ConditionExpression, self.items.get(key, {}), ExpressionAttributeValues or {}, "DeleteItem")
        self.items.pop(key, None)

    def update_item(
        self,
        *,
        Key: Item,
        UpdateExpression: str,
        ExpressionAttributeValues: Item | None = None,
        ConditionExpression: str = "",
        **_: Any,
    ) -> dict[str, Any]:
        held = self.items.get(Key["job_id"]["S"], {})
        values = ExpressionAttributeValues or {}
        _check(ConditionExpression, held, values, "UpdateItem")
        expression, _, removed = UpdateExpression.partition("REMOVE ")
        added, _, assigned = expression.partition("SET ")
        changes: Item = {}
        for name, value in re.findall(r"(\w+) (:\w+)", added.removeprefix("ADD ").removeprefix("DELETE ")):
            changes[name] = _added(held.get(name), values[value], less=added.startswith("DELETE "))
        for name, value in re.findall(r"(\w+) = ((?:[^,(]|\([^)]*\))+)", assigned):
            changes[name] = _assigned([term.strip() for term in value.split("+")], held, values)
        updated = {
            name: value
            for name, value in {**Key, **held, **changes}.items()
            if value != {"NS": []} and name not in removed.split(", ")
        }
        self.items[Key["job_id"]["S"]] = updated
        self.on_update(updated)
        return {"Attributes": updated}

    def query(
        self,
        *,
        IndexName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Item,
        ExpressionAttributeNames: Mapping[str, str],
        ProjectionExpression: str,
        FilterExpression: str = "",
        ScanIndexForward: bool = True,
        Limit: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        names = tuple(ExpressionAttributeNames.items())

        def holds(expression: str, item: Item) -> bool:
            return _holds(_named(expression, names), item, ExpressionAttributeValues)

        rows = [item for item in self.items.values() if holds(KeyConditionExpression, item)]
        rows.sort(key=lambda item: item[INDEX_SORT_KEYS[IndexName]]["S"], reverse=not ScanIndexForward)
        page = rows[:Limit]
        wanted = ProjectionExpression.split(", ")
        found = [item for item in page if not FilterExpression or holds(FilterExpression, item)]
        answer: dict[str, Any] = {"Items": [{name: item[name] for name in wanted} for item in found]}
        if len(page) < len(rows):
            answer["LastEvaluatedKey"] = page[-1]
        return answer

    def scan(self, *, FilterExpression: str, **_: Any) -> dict[str, Any]:
        return {"Items": [item for item in self.items.values() if _holds(FilterExpression, item, {})]}

    def get_paginator(self, method: str) -> _Paginator:
        return _Paginator(getattr(self, method))


def _check(condition: str, item: Item, values: Item, operation: str) -> None:
    if condition and not _holds(condition, item, values):
        raise refusal("ConditionalCheckFailedException", operation, item)


def _assigned(terms: list[str], item: Item, values: Item) -> dict[str, Any]:
    """Return a string, or the sum of numbers."""
    if terms[0] in values and "S" in values[terms[0]]:
        return values[terms[0]]
    return {"N": str(sum(_number(term, item, values) for term in terms))}


@cache
def _named(expression: str, names: tuple[tuple[str, str], ...]) -> str:
    for placeholder, name in names:
        expression = expression.replace(placeholder, name)
    return expression


@cache
def _alternatives(expression: str) -> list[list[list[str]]]:
    """An expression as alternatives of terms that must all hold, each term as its words."""
    between = re.sub(r"(\w+) BETWEEN (\S+) AND (\S+)", r"\1 >= \2 AND \1 <= \3", expression)
    return [[term.split(" ") for term in each.split(" AND ")] for each in between.split(" OR ")]


def _holds(expression: str, item: Item, values: Item) -> bool:
    return any(all(_is_met(term, item, values) for term in terms) for terms in _alternatives(expression))


def _is_met(term: list[str], item: Item, values: Item) -> bool:
    if term[0] == "NOT":
        return not _is_met(term[1:], item, values)
    if term[0].startswith("contains("):
        name, placeholder = term[0].removeprefix("contains(").rstrip(","), term[1].rstrip(")")
        if "S" in values[placeholder]:
            return values[placeholder]["S"] in item.get(name, {"S": ""})["S"]
        return values[placeholder]["N"] in item.get(name, {"NS": []})["NS"]
    if len(term) == 1:
        function, _, name = term[0].removesuffix(")").partition("(")
        return (name in item) == {"attribute_exists": True, "attribute_not_exists": False}[function]
    name, operator, placeholder = term
    if name.startswith("tags."):
        item, name = item.get("tags", {}).get("M", {}), name.removeprefix("tags.")
    is_size = name.startswith("size(")
    name = name.removeprefix("size(").removesuffix(")")
    if name not in item:
        return False
    ours, theirs = len(item[name]["NS"]) if is_size else _value(item[name]), _value(values[placeholder])
    return bool(
        {
            "=": ours == theirs,
            "<": ours < theirs,
            "<=": ours <= theirs,
            ">": ours > theirs,
            ">=": ours >= theirs,
        }[operator]
    )


def _added(held: Mapping[str, Any] | None, value: Mapping[str, Any], *, less: bool) -> dict[str, Any]:
    """Return a number with another added, or a set with elements added or, with `less`, removed."""
    if "NS" not in value:
        return {"N": str(int((held or {"N": 0})["N"]) + int(value["N"]))}
    own, others = set((held or {"NS": []})["NS"]), set(value["NS"])
    return {"NS": sorted(own - others if less else own | others)}


def _value(attribute: Mapping[str, Any]) -> Any:
    return int(attribute["N"]) if "N" in attribute else attribute["S"]


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


@dataclass
class _OpenUpload:
    bucket: str
    key: str
    metadata: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


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
    """Versioned buckets, with conditional writes. has_checksums: of objects' content, as S3 has by default."""

    objects: dict[tuple[str, str], list[_Version]] = field(default_factory=dict)
    has_checksums: bool = False
    hidden: set[tuple[str, str]] = field(default_factory=set)  # behind a delete marker
    uploads: dict[str, "_OpenUpload"] = field(default_factory=dict)

    def head_object(
        self, *, Bucket: str, Key: str, VersionId: str | None = None, ChecksumMode: str = ""
    ) -> dict[str, Any]:
        version = self._find(Bucket, Key, VersionId, "HeadObject")
        checksum = (
            {"ChecksumSHA256": hashlib.sha256(version.body).hexdigest()}
            if self.has_checksums and ChecksumMode == "ENABLED"
            else {}
        )
        return {
            **checksum,
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
        versions.append(_Version(f"v{len(versions) + 1}", Body, Metadata or {}))
        self.hidden.discard((Bucket, Key))
        return {"VersionId": versions[-1].version_id, "ETag": versions[-1].etag}

    def create_multipart_upload(
        self, *, Bucket: str, Key: str, Metadata: Mapping[str, str], **_: Any
    ) -> dict[str, Any]:
        upload_id = f"upload-{len(self.uploads) + 1}"
        self.uploads[upload_id] = _OpenUpload(Bucket, Key, Metadata)
        return {"UploadId": upload_id}

    def upload_part(self, *, UploadId: str, PartNumber: int, Body: bytes, **_: Any) -> None:
        self._open(UploadId, "UploadPart").parts[PartNumber] = Body

    def list_parts(self, *, UploadId: str, **_: Any) -> dict[str, Any]:
        parts = self._open(UploadId, "ListParts").parts
        return {
            "Parts": [
                {"PartNumber": number, "Size": len(body), "ETag": f'"part-{number}"'}
                for number, body in sorted(parts.items())
            ]
        }

    def complete_multipart_upload(
        self, *, UploadId: str, MultipartUpload: Mapping[str, Any], IfNoneMatch: str, **_: Any
    ) -> None:
        upload = self._open(UploadId, "CompleteMultipartUpload")
        body = b"".join(upload.parts[each["PartNumber"]] for each in MultipartUpload["Parts"])
        self.put_object(
            Bucket=upload.bucket, Key=upload.key, Body=body, Metadata=upload.metadata, IfNoneMatch=IfNoneMatch
        )
        del self.uploads[UploadId]

    def abort_multipart_upload(self, *, UploadId: str, **_: Any) -> None:
        self._open(UploadId, "AbortMultipartUpload")
        del self.uploads[UploadId]

    def _open(self, upload_id: str, operation: str) -> "_OpenUpload":
        if upload_id not in self.uploads:
            raise refusal("NoSuchUpload", operation)
        return self.uploads[upload_id]

    def list_object_versions(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:
        return {
            "Versions": [
                {
                    "Key": key,
                    "VersionId": each.version_id,
                    "ETag": each.etag,
                    "Size": len(each.body),
                    "IsLatest": each is versions[-1] and (bucket, key) not in self.hidden,
                }
                for (bucket, key), versions in sorted(self.objects.items())
                if bucket == Bucket and key.startswith(Prefix)
                for each in reversed(versions)
            ]
        }

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> None:
        if VersionId is None:
            self.hidden.add((Bucket, Key))
            return
        left = [each for each in self.objects.get((Bucket, Key), []) if each.version_id != VersionId]
        self.objects.pop((Bucket, Key), None)
        if left:
            self.objects[Bucket, Key] = left

    def generate_presigned_url(self, _method: str, Params: Mapping[str, str], ExpiresIn: int) -> str:
        extra = {"versionId": Params.get("VersionId"), "as": Params.get("ResponseContentDisposition")}
        extra |= {name: Params.get(name) for name in ("UploadId", "PartNumber", "ContentLength")}
        query = urlencode({name: value for name, value in extra.items() if value})
        signed = f"X-Amz-Expires={ExpiresIn}&X-Amz-Signature=signed"
        return f"https://{Params['Bucket']}.example.com/{Params['Key']}?{query}&{signed}"

    def generate_presigned_post(
        self, Bucket: str, Key: str, Fields: Mapping[str, str], Conditions: list[Any], ExpiresIn: int
    ) -> dict[str, Any]:
        return {"url": f"https://{Bucket}.example.com/", "fields": {"key": Key, **Fields}}

    def get_paginator(self, method: str) -> _Paginator:
        return _Paginator(getattr(self, method))

    def newest(self, bucket: str, key: str) -> bytes | None:
        """The newest version's content."""
        versions = self.objects.get((bucket, key))
        return versions[-1].body if versions else None

    def _find(self, bucket: str, key: str, version_id: str | None, operation: str) -> _Version:
        if len(key.encode()) > 1024:
            raise refusal("KeyTooLongError", operation)
        is_hidden = version_id is None and (bucket, key) in self.hidden
        versions: Iterator[_Version] = reversed([] if is_hidden else self.objects.get((bucket, key), []))
        found = next((version for version in versions if version_id in (None, version.version_id)), None)
        if found is None:
            raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
        return found


class Objects(MutableMapping[str, tuple[bytes, Mapping[str, str]]]):
    """A bucket's objects by key, as content and metadata. An object that is set here has one version, `v1`."""

    def __init__(self, s3: S3, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def __getitem__(self, key: str) -> tuple[bytes, Mapping[str, str]]:
        newest = self._s3.objects[self._bucket, key][-1]
        return newest.body, newest.metadata

    def __setitem__(self, key: str, value: tuple[bytes, Mapping[str, str]]) -> None:
        self._s3.objects[self._bucket, key] = [_Version("v1", *value)]

    def __delitem__(self, key: str) -> None:
        del self._s3.objects[self._bucket, key]

    def __iter__(self) -> Iterator[str]:
        return iter([key for bucket, key in self._s3.objects if bucket == self._bucket])

    def __len__(self) -> int:
        return len(list(iter(self)))


class Bodies(MutableMapping[str, bytes]):
    """The same without metadata, which an object keeps when its content is set."""

    def __init__(self, s3: S3, bucket: str) -> None:
        self._objects = Objects(s3, bucket)

    def __getitem__(self, key: str) -> bytes:
        return self._objects[key][0]

    def __setitem__(self, key: str, body: bytes) -> None:
        self._objects[key] = (body, self._objects.get(key, (b"", {}))[1])

    def __delitem__(self, key: str) -> None:
        del self._objects[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)


@dataclass
class EventBus:
    """What was published: detail type and detail."""

    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:
        self.published += [(entry["DetailType"], json.loads(entry["Detail"])) for entry in Entries]
        return {"FailedEntryCount": 0}


@dataclass
class Executions:
    """Step Functions: which executions were started, and which tokens were completed with what.

    statuses: by an execution's name, as a test sets them; an execution without one does not exist.
    """

    started: dict[str, Step] = field(default_factory=dict)
    woken: list[tuple[str, Step]] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    def start_execution(self, *, name: str, input: str, **_: Any) -> None:
        if name in self.started:
            raise refusal("ExecutionAlreadyExists", "StartExecution")
        self.started[name] = _step(input)

    def send_task_success(self, *, taskToken: str, output: str) -> None:
        self.woken.append((taskToken, _step(output)))

    def stop_execution(self, *, executionArn: str) -> None:
        name = executionArn.rpartition(":")[2]
        if name not in {*self.started, *self.statuses}:
            raise refusal("ExecutionDoesNotExist", "StopExecution")
        self.stopped.append(name)

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:
        name = executionArn.rpartition(":")[2]
        if name not in self.statuses:
            raise refusal("ExecutionDoesNotExist", "DescribeExecution")
        return {"status": self.statuses[name]}


def _step(text: str) -> Step:
    return Step.model_validate(json.loads(text))


@dataclass
class Queue:
    """Amazon SQS: which messages were made invisible, and for how many seconds."""

    hidden: list[tuple[str, int]] = field(default_factory=list)

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:
        self.hidden.append((ReceiptHandle, VisibilityTimeout))
