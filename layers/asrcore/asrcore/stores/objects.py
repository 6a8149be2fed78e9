"""Recordings and transcripts in Amazon S3."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from asrcore.core.errors import OBJECT_NOT_FOUND, OBJECT_REPLACED, AsrError, ErrorClass
from asrcore.core.form import CONVERTED
from asrcore.core.option_sources import LARGEST_SIDECAR_BYTES, SIDECAR_SUFFIX
from asrcore.core.remote_recordings import REMOTE, is_remote
from asrcore.core.routing import INCOMING
from asrcore.core.sequencer import rank
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source
from asrcore.core.vendor import ByteStream
from asrcore.messages import Message
from asrcore.ports import (
    JSON,
    VENDORS_URL_LIFETIME_S,
    FoundRecording,
    ObjectVersion,
    PresignedPost,
    StoredObject,
    StoredPart,
    TranscriptOrigin,
)
from asrcore.stores.s3_errors import WITHOUT_REASON, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

LARGEST_FORM_BYTES = 5 * 1024**3  # that S3 accepts in one request
CHUNK_BYTES = 256 * 1024  # of a recording on its way to a vendor
DOWNLOAD_LIFETIME_S = 900  # people follow a redirect at once
# Recordings, and what is made of them; no role may list other prefixes.
PREFIXES = (INCOMING, REMOTE, CONVERTED, "transcripts/", "superseded/", "raw/")
# Metadata of a transcript: the version of the recording that it was made from.
SEQUENCER = "asr-sequencer"
VERSION = "asr-version"
_GONE = {"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"}
_CHECKSUMS = frozenset(f"Checksum{name}" for name in ("CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256"))
_MD5 = re.compile("[0-9a-f]{32}")
_CHANGED = {"412", "PreconditionFailed"}
_NO_UPLOAD = {*_GONE, "NoSuchUpload"}
# S3 answers 404 to If-Match when the object was deleted in between.
_CONDITION_FAILED = {*_CHANGED, *_GONE, "ConditionalRequestConflict", "409"}
_NO_VERSION_ID = {"InvalidArgument", "InvalidVersion"}  # S3's and moto's answer to a string that is no version id


@dataclass(frozen=True)
class Uploads:
    """Where recordings are uploaded, and their largest size.

    Attributes:
        bucket: the audio bucket.
        max_bytes: the largest size of an upload.
        is_local: whether a remote recording may have a private address, as on the local stack.
    """

    bucket: str
    max_bytes: int
    is_local: bool = False


NO_UPLOADS = Uploads("", 0)


class S3Recordings:
    """The port `Recordings`: the audio bucket in Amazon S3.

    client: a boto3 `s3` client.  signer: another one, whose URLs are regional, virtual-hosted and signed with version
    4, because a global endpoint answers 307 and some vendors follow no redirect.
    """

    def __init__(self, client: "S3Client", signer: "S3Client", uploads: Uploads = NO_UPLOADS) -> None:
        self._client = client
        self._signer = signer
        self._uploads = uploads

    def look_up(self, source: Source) -> FoundRecording:
        """Return the source with its true size, version and ETag, the object's metadata, and its content's digests.

        The key is queried without its version first: a recording whose key was deleted must not be sent to a vendor,
        even where the old version can still be read. Nor is an empty version that was replaced a recording.

        Raises:
            AsrError: class bad_audio, code ObjectNotFound or ObjectReplaced; class config, when S3 does not describe
                the object, such as ObjectAccessDenied.
        """
        head = self._head(source.model_copy(update={"version_id": None}))
        if source.version_id and head.get("VersionId") != source.version_id:
            head = self._head(source)
            if head["ContentLength"] == 0:
                _raise_replaced(source)
        etag = head["ETag"].strip('"')
        if source.etag and etag != source.etag:
            _raise_replaced(source)
        found = {
            "version_id": source.version_id or head.get("VersionId"),
            "etag": etag,
            "size_bytes": head["ContentLength"],
        }
        return FoundRecording(source.model_copy(update=found), head["Metadata"], _digests(head))

    def sidecar(self, source: Source) -> bytes | None:
        """Return the recording's sidecar, cut off one byte past the largest allowed size; None without one."""
        key = f"{source.key}{SIDECAR_SUFFIX}"
        if len(key.encode()) > LONGEST_KEY_BYTES:  # no object can have such a key, and S3 rejects the request
            return None
        try:
            answer = self._client.get_object(Bucket=source.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            _raise_known(error, source.model_copy(update={"key": key}))
        with answer["Body"] as stream:
            body: bytes = stream.read(LARGEST_SIDECAR_BYTES + 1)
        return body

    def read(self, source: Source, offset: int, length: int) -> bytes:
        """Return a range of the recording, shorter at its end and empty after it. Raises AsrError as `look_up` does."""
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

    def presign(self, source: Source, lifetime_s: int = VENDORS_URL_LIFETIME_S) -> str:
        """Return a URL from which exactly this version can be fetched; of a remote recording, the URL given.

        It expires with this function's credentials, after `lifetime_s` at the latest. Raises AsrError as `look_up`
        does.
        """
        if is_remote(source.key):
            return self.read(source, 0, source.size_bytes).decode()
        url: str = self._signer.generate_presigned_url("get_object", self._version(source), ExpiresIn=lifetime_s)
        return url

    def read_all(self, source: Source, at_most_bytes: int) -> bytes:
        """Return the whole recording. Raises AsrError as `look_up` does or, for a remote one, `remote_fetch.fetch`."""
        if not is_remote(source.key):
            return self.read(source, 0, min(source.size_bytes, at_most_bytes))
        from asrcore.net.remote_fetch import fetch  # noqa: PLC0415 - rarely needed

        return fetch(self.presign(source), at_most_bytes, local=self._uploads.is_local)

    def stream(self, source: Source, at_most_bytes: int) -> ByteStream:
        """Return the whole recording, to be read from S3 while it is sent; a remote one is fetched first."""
        if is_remote(source.key):
            data = self.read_all(source, at_most_bytes)
            return ByteStream(len(data), lambda: iter((data,)))
        return ByteStream(source.size_bytes, lambda: self._chunks(source))

    def _chunks(self, source: Source) -> Iterator[bytes]:
        """Yield this version in pieces. Raises AsrError as `look_up` does, and of class retry for any other failure."""
        read_bytes = 0
        try:
            answer = self._client.get_object(**self._version(source), IfMatch=f'"{source.etag}"')
            with closing(answer["Body"]) as stream:
                for chunk in stream.iter_chunks(CHUNK_BYTES):
                    read_bytes += len(chunk)
                    yield chunk
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE | _CHANGED:
                _raise_known(error, source)
            raise refusal(error, source.key) or _unreadable(error) from error
        except BotoCoreError as error:
            raise _unreadable(error) from error
        if read_bytes != source.size_bytes:
            raise _unreadable(EOFError())

    def presign_upload(
        self, key: str, content_type: str, metadata: Mapping[str, str], lifetime_s: int
    ) -> PresignedPost:
        """Return the form with which a caller uploads one recording.

        S3 enforces what is signed: the key, the metadata, 1 to `max_bytes` bytes, and the content type's first part.

        Args:
            key: the object's key.
            content_type: such as `audio/wav`; the upload may have another one of the same first part.
            metadata: the object's metadata, by name without `x-amz-meta-`.
            lifetime_s: seconds for which the form is valid.
        """
        kind = f"{content_type.partition('/')[0]}/"
        fixed = {"success_action_status": "201", **{f"x-amz-meta-{name}": value for name, value in metadata.items()}}
        signed = self._signer.generate_presigned_post(
            self._uploads.bucket,
            key,
            Fields={"Content-Type": content_type, **fixed},
            Conditions=[
                ["content-length-range", 1, min(self._uploads.max_bytes, LARGEST_FORM_BYTES)],
                ["starts-with", "$Content-Type", kind],
                *({name: value} for name, value in fixed.items()),
            ],
            ExpiresIn=lifetime_s,
        )
        return PresignedPost(signed["url"], signed["fields"])

    def start_upload(self, key: str, content_type: str, metadata: Mapping[str, str]) -> str:
        """Start an upload in parts. Return S3's id of it."""
        answer = self._client.create_multipart_upload(
            Bucket=self._uploads.bucket, Key=key, ContentType=content_type, Metadata=dict(metadata)
        )
        return answer["UploadId"]

    def presign_part(self, key: str, s3_id: str, number: int, size_bytes: int, lifetime_s: int) -> str:
        """Return a URL for one part. Its size is signed, so that S3 accepts no other."""
        part = {**self._upload(key, s3_id), "PartNumber": number, "ContentLength": size_bytes}
        url: str = self._signer.generate_presigned_url("upload_part", part, ExpiresIn=lifetime_s)
        return url

    def uploaded_parts(self, key: str, s3_id: str) -> list[StoredPart] | None:
        """Return the parts that are uploaded, in order; None for an upload that S3 does not have, or not any more."""
        try:
            pages = self._client.get_paginator("list_parts").paginate(**self._upload(key, s3_id))
            return [
                StoredPart(part["PartNumber"], part["Size"], part["ETag"])
                for page in pages
                for part in page.get("Parts", [])
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_UPLOAD:
                raise
            return None

    def complete_upload(self, key: str, s3_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the object. S3 refuses a second object of this key, and an upload that another request completed."""
        try:
            self._client.complete_multipart_upload(
                **self._upload(key, s3_id),
                MultipartUpload={"Parts": [{"PartNumber": each.number, "ETag": each.etag} for each in parts]},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_UPLOAD | _CHANGED:
                raise

    def abort_upload(self, key: str, s3_id: str) -> None:
        """Delete the parts of an upload, unless it has ended."""
        try:
            self._client.abort_multipart_upload(**self._upload(key, s3_id))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_UPLOAD:
                raise

    def exists(self, source: Source) -> bool:
        """Return whether the key has an object."""
        try:
            self._client.head_object(Bucket=source.bucket, Key=source.key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return False
        return True

    def _upload(self, key: str, s3_id: str) -> dict[str, Any]:
        return {"Bucket": self._uploads.bucket, "Key": key, "UploadId": s3_id}

    def put_remote_url(self, bucket: str, key: str, url: str) -> Source:
        """Store the URL of a remote recording, unless the key exists. Return the object that is stored."""
        try:
            self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=url.encode(),
                ContentType="text/uri-list",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONDITION_FAILED:
                raise
        named = Source(bucket=bucket, key=key, version_id=None, etag="", size_bytes=0)
        return self.look_up(named)[0]

    def _head(self, source: Source) -> "HeadObjectOutputTypeDef":
        """Return the head of this version. Raises AsrError as `look_up` does."""
        try:
            return self._client.head_object(**self._version(source), ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] in WITHOUT_REASON:
                self._raise_reason(source)
            _raise_known(error, source)

    def _raise_reason(self, source: Source) -> None:
        """Raise the error for which S3 answers no HEAD request: a GET request has it in its body."""
        try:
            self._client.get_object(**self._version(source), Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            if source.version_id and error.response["Error"]["Code"] in _NO_VERSION_ID:
                _raise_gone(source, error)
            _raise_known(error, source)

    def _version(self, source: Source) -> dict[str, Any]:
        version = {"VersionId": source.version_id} if source.version_id else {}
        return {"Bucket": source.bucket, "Key": source.key, **version}


class S3Transcripts:
    """The port `Transcripts`. client: a boto3 `s3` client.  signer: one whose URLs do not redirect."""

    def __init__(self, client: "S3Client", bucket: str, signer: "S3Client | None" = None) -> None:
        self._client = client
        self._bucket = bucket
        self._signer = signer or client

    def put_raw(self, job_id: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Store a vendor's reply unchanged. Its headers become metadata (`vendor-…`), never headers of a download."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=f"raw/{job_id}.json",
            Body=body,
            ContentType="application/octet-stream",
            Metadata={f"vendor-{name}": _printable(value) for name, value in headers.items()},
        )

    def put_transcript(self, key: str, body: bytes, source: Source, content_type: str = JSON) -> bool:
        """Write a transcript or an export, unless the stored one is of a newer version of the same recording.

        Check and write are one operation: S3 refuses the write (412, 409) when the object is not the one that was read.
        The first try expects no object, as is usual.

        Returns:
            Whether it was written; False when a newer one is stored.
        """
        condition = {"IfNoneMatch": "*"}
        while not self._put(key, body, content_type, _origin(source), **condition):
            held = self._head(key)
            if held is None:
                condition = {"IfNoneMatch": "*"}
            elif rank(held["Metadata"].get(SEQUENCER, "")) > rank(source.sequencer):
                return False
            else:
                condition = {"IfMatch": held["ETag"]}
        return True

    def origin(self, key: str) -> TranscriptOrigin | None:
        """Return which version of a recording the transcript under a key was made from; None without a transcript."""
        held = self._head(key)
        return _made(held) if held else None

    def put_superseded(self, key: str, body: bytes, source: Source) -> None:
        """Store the transcript of an older version of a recording."""
        self._put(key, body, JSON, _origin(source))

    def find(self, key: str, source: Source) -> StoredObject | None:
        """Return the transcript or export under a key that was made from this version of the recording, if any.

        It is the object's current version, unless a newer version of the recording has been transcribed since.
        """
        held = self._head(key)
        if held is None:
            return None
        if _made(held).is_of(source):
            return StoredObject(key, held.get("VersionId"), held["ContentLength"])
        versions = S3Versions(self._client)
        for each in versions.of(self._bucket, key):
            made = versions.origin(each)
            if made and made.is_of(source):
                return StoredObject(key, each.version_id, each.size_bytes)
        return None

    def read(self, stored: StoredObject) -> bytes:
        """Return the object's content."""
        answer = self._client.get_object(Bucket=self._bucket, **_version(stored))
        with answer["Body"] as stream:
            body: bytes = stream.read()
        return body

    def presign(self, stored: StoredObject, file_name: str) -> str:
        """Return a URL that downloads it as a file of that name, for DOWNLOAD_LIFETIME_S at most."""
        # RFC 6266 and 5987: an ASCII name for old clients, the true one for all others.
        plain = "".join(each if " " <= each <= "~" and each not in '"\\%' else "_" for each in file_name)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
        parameters = {"Bucket": self._bucket, **_version(stored), "ResponseContentDisposition": disposition}
        url: str = self._signer.generate_presigned_url("get_object", parameters, ExpiresIn=DOWNLOAD_LIFETIME_S)
        return url

    def _head(self, key: str) -> "HeadObjectOutputTypeDef | None":
        try:
            return self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None

    def _put(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str], **condition: Any) -> bool:
        """Write an object. Return False when the condition is not met."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=metadata,
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _CONDITION_FAILED:
                return False
            raise
        return True


class S3Versions:
    """The port `Versions`. client: a boto3 `s3` client."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def under(self, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
        """Yield the versions whose keys have this prefix, of each key the newest first; none outside of PREFIXES."""
        if not prefix.startswith(PREFIXES):
            return
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Versions", []):
                etag = each["ETag"].strip('"')
                yield ObjectVersion(bucket, each["Key"], each["VersionId"], etag, each["Size"], each["IsLatest"])

    def of(self, bucket: str, key: str) -> Iterator[ObjectVersion]:
        """Yield the versions of one key, the newest first. S3 lists them before longer keys, which may be millions."""
        return takewhile(lambda version: version.key == key, self.under(bucket, key))

    def origin(self, version: ObjectVersion) -> TranscriptOrigin | None:
        """Return which version of a recording an object was made from; None when the object was deleted."""
        try:
            held = self._client.head_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return _made(held)

    def delete(self, version: ObjectVersion) -> None:
        """Delete a version permanently; one that does not exist is no error."""
        self._client.delete_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)


def _made(held: Mapping[str, Any]) -> TranscriptOrigin:
    return TranscriptOrigin(held["Metadata"].get(VERSION), held["Metadata"].get(SEQUENCER, ""))


def _version(stored: StoredObject) -> dict[str, Any]:
    return {"Key": stored.key, **({"VersionId": stored.version_id} if stored.version_id else {})}


def _origin(source: Source) -> dict[str, str]:
    known = {SEQUENCER: source.sequencer, VERSION: source.version_id}
    return {name: value for name, value in known.items() if value}


def _printable(text: str) -> str:
    """Return the part of a text that fits into S3 metadata, which are HTTP headers."""
    return "".join(character for character in text if " " <= character <= "~")[:200]


def _digests(head: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of an object's whole content, by algorithm.

    A multipart upload's checksum may be composed of those of its parts. An ETag is the content's MD5 only of an upload
    in one part that is not encrypted with KMS or a customer's key (S3 API reference: Object).
    """
    found = {
        name.removeprefix("Checksum"): str(value)
        for name, value in head.items()
        if name in _CHECKSUMS and "-" not in value and head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    }
    etag = head["ETag"].strip('"')
    is_plain = head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head
    if is_plain and _MD5.fullmatch(etag):
        found["MD5"] = etag
    return found


def _raise_known(error: ClientError, source: Source) -> NoReturn:
    code = error.response["Error"]["Code"]
    if code in _GONE:
        _raise_gone(source, error)
    if code in _CHANGED:
        _raise_replaced(source)
    known = refusal(error, source.key)
    if known is None:
        raise error
    raise known from error


def _unreadable(error: Exception) -> AsrError:
    reason = Message("RecordingUnreadable", {"error": type(error).__name__})
    return AsrError(ErrorClass.RETRY, "RecordingUnreadable", reason)


def _raise_gone(source: Source, error: ClientError) -> NoReturn:
    raise AsrError(ErrorClass.BAD_AUDIO, OBJECT_NOT_FOUND, Message("ObjectNotFound", {"key": source.key})) from error


def _raise_replaced(source: Source) -> NoReturn:
    raise AsrError(ErrorClass.BAD_AUDIO, OBJECT_REPLACED, Message("ObjectReplaced", {"key": source.key}))
