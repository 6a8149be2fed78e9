"""Recordings and transcripts in Amazon S3."""

from collections.abc import Mapping
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.levels import LARGEST_SIDECAR_BYTES, SIDECAR_SUFFIX
from asrcore.core.sequencer import rank
from asrcore.core.transcript import Source
from asrcore.services import JSON

URL_LIFETIME_S = 6 * 3600  # vendors fetch when the task leaves their queue, hours later at worst
SEQUENCER = "asr-sequencer"  # metadata of a transcript: of the recording it was made from
_GONE = {"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"}
_CHANGED = {"412", "PreconditionFailed"}
# To If-Match, S3 answers 404 for an object that was deleted in between.
_CONDITION_FAILED = {*_CHANGED, *_GONE, "ConditionalRequestConflict", "409"}


class S3Recordings:
    """The audio bucket.

    client: a boto3 `s3` client.  signer: another one whose URLs are regional, virtual-hosted and signed with version 4:
    a global endpoint answers 307, and some vendors follow no redirect.
    """

    def __init__(self, client: Any, signer: Any) -> None:
        self._client = client
        self._signer = signer

    def look_up(self, source: Source) -> tuple[Source, dict[str, str]]:
        """The source with its true size and version, and the object's metadata.

        The key itself is asked for first: who deleted a recording does not want it sent anywhere, even if an old
        version could still be read. Raises AsrError("ObjectNotFound" or "ObjectReplaced").
        """
        try:
            head = self._client.head_object(Bucket=source.bucket, Key=source.key)
            if source.version_id and head.get("VersionId") != source.version_id:
                head = self._client.head_object(Bucket=source.bucket, Key=source.key, VersionId=source.version_id)
        except ClientError as error:
            _raise_known(error, source)
        etag = head["ETag"].strip('"')
        if source.etag and etag != source.etag:
            _raise_replaced(source)
        found = {
            "version_id": source.version_id or head.get("VersionId"),
            "etag": etag,
            "size_bytes": head["ContentLength"],
        }
        return source.model_copy(update=found), head["Metadata"]

    def sidecar(self, source: Source) -> bytes | None:
        """The options that lie beside the recording, cut off one byte past the largest allowed; None without any."""
        try:
            answer = self._client.get_object(Bucket=source.bucket, Key=f"{source.key}{SIDECAR_SUFFIX}")
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise
        with answer["Body"] as stream:
            body: bytes = stream.read(LARGEST_SIDECAR_BYTES + 1)
        return body

    def read(self, source: Source, offset: int, length: int) -> bytes:
        """A range of the recording; shorter at its end, empty behind it. Raises AsrError as `look_up` does."""
        if offset >= source.size_bytes or length <= 0:
            return b""
        last = min(offset + length, source.size_bytes) - 1
        try:
            answer = self._client.get_object(
                **self._version(source), Range=f"bytes={offset}-{last}", IfMatch=f'"{source.etag}"'
            )
        except ClientError as error:
            _raise_known(error, source)
        body: bytes = answer["Body"].read()
        return body

    def presign(self, source: Source) -> str:
        """A URL at which a vendor can fetch exactly this version; it dies with this function's credentials."""
        url: str = self._signer.generate_presigned_url("get_object", self._version(source), ExpiresIn=URL_LIFETIME_S)
        return url

    def _version(self, source: Source) -> dict[str, str]:
        version = {"VersionId": source.version_id} if source.version_id else {}
        return {"Bucket": source.bucket, "Key": source.key, **version}


class S3Transcripts:
    """The transcript bucket. client: a boto3 `s3` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep a vendor's reply as it came; its headers are notes (`vendor-…`), never what a browser is told."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=f"raw/{job_id}.json",
            Body=body,
            ContentType="application/octet-stream",
            Metadata={f"vendor-{name}": _printable(value) for name, value in headers.items()},
        )

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = JSON) -> bool:
        """Write a transcript, or an export, unless one of a newer version of the same recording is there: then False.

        The check and the write are one: S3 refuses the write (412, 409) if the object is not what was seen. Seen first
        is nothing at all, as for most recordings.
        """
        condition = {"IfNoneMatch": "*"}
        while not self._put(key, body, content_type, source.sequencer, **condition):
            held = self._head(key)
            if held is None:
                condition = {"IfNoneMatch": "*"}
            elif rank(held["Metadata"].get(SEQUENCER, "")) > rank(source.sequencer):
                return False
            else:
                condition = {"IfMatch": held["ETag"]}
        return True

    def sequencer(self, key: str) -> str:
        """Of the recording that the transcript under a key was made from; empty when there is none."""
        held = self._head(key)
        return held["Metadata"].get(SEQUENCER, "") if held else ""

    def put_superseded(self, key: str, body: bytes) -> None:
        """Keep the transcript of an older version."""
        self._put(key, body, JSON, "")

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            held: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return held

    def _put(self, key: str, body: bytes, content_type: str, sequencer: str, **condition: str) -> bool:
        """Whether the object was written; False when the condition does not hold."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata={SEQUENCER: sequencer} if sequencer else {},
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _CONDITION_FAILED:
                return False
            raise
        return True


def _printable(text: str) -> str:
    """What S3 metadata, which travels in HTTP headers, can hold of a text from outside."""
    return "".join(character for character in text if " " <= character <= "~")[:200]


def _raise_known(error: ClientError, source: Source) -> NoReturn:
    code = error.response["Error"]["Code"]
    if code in _GONE:
        message = f"{source.key} was deleted before it could be read; upload it again if it is still wanted"
        raise AsrError(ErrorClass.BAD_AUDIO, "ObjectNotFound", message) from error
    if code in _CHANGED:
        _raise_replaced(source)
    raise error


def _raise_replaced(source: Source) -> NoReturn:
    message = f"{source.key} was replaced before it could be read; the new recording has a job of its own"
    raise AsrError(ErrorClass.BAD_AUDIO, "ObjectReplaced", message)
