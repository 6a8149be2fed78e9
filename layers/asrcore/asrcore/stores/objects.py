"""Recordings and transcripts in Amazon S3."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NoReturn
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.form import CONVERTED
from asrcore.core.option_sources import LARGEST_SIDECAR_BYTES, SIDECAR_SUFFIX
from asrcore.core.remote_recordings import REMOTE, is_remote
from asrcore.core.routing import INCOMING
from asrcore.core.sequencer import rank
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source
from asrcore.core.vendor import ByteStream
from asrcore.services import JSON, ObjectVersion, PresignedPost, Stored, TranscriptOrigin

URL_LIFETIME_S = 6 * 3600  # vendors fetch when the task leaves their queue, hours later at worst
CHUNK_BYTES = 256 * 1024  # of a recording on its way to a vendor
DOWNLOAD_LIFETIME_S = 900  # people follow a redirect at once
# Where recordings lie, and what is made of them; no role may list what else there may be.
PREFIXES = (INCOMING, REMOTE, CONVERTED, "transcripts/", "superseded/", "raw/")
# Metadata of a transcript: of the recording it was made from.
SEQUENCER = "asr-sequencer"
VERSION = "asr-version"
_GONE = {"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"}
_NO_VERSION_ID = "400"
_CHANGED = {"412", "PreconditionFailed"}
# To If-Match, S3 answers 404 for an object that was deleted in between.
_CONDITION_FAILED = {*_CHANGED, *_GONE, "ConditionalRequestConflict", "409"}


@dataclass(frozen=True)
class Uploads:
    """What may be uploaded, and where to. is_local: recordings that lie elsewhere may lie on this machine."""

    bucket: str
    max_bytes: int
    is_local: bool = False


NO_UPLOADS = Uploads("", 0)


class S3Recordings:
    """The audio bucket.

    client: a boto3 `s3` client.  signer: another one whose URLs are regional, virtual-hosted and signed with version 4:
    a global endpoint answers 307, and some vendors follow no redirect.
    """

    def __init__(self, client: Any, signer: Any, uploads: Uploads = NO_UPLOADS) -> None:
        self._client = client
        self._signer = signer
        self._uploads = uploads

    def look_up(self, source: Source) -> tuple[Source, dict[str, str]]:
        """The source with its true size and version, and the object's metadata.

        The key itself is asked for first: who deleted a recording does not want it sent anywhere, even if an old
        version could still be read. Raises AsrError("ObjectNotFound" or "ObjectReplaced").
        """
        try:
            head = self._client.head_object(Bucket=source.bucket, Key=source.key)
            if source.version_id and head.get("VersionId") != source.version_id:
                head = self._head_version(source)
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
        key = f"{source.key}{SIDECAR_SUFFIX}"
        if len(key.encode()) > LONGEST_KEY_BYTES:  # nothing can lie there, and S3 takes no such question
            return None
        try:
            answer = self._client.get_object(Bucket=source.bucket, Key=key)
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
        """A URL at which a vendor can fetch exactly this version; it dies with this function's credentials.

        Of a linked recording it is the address that was given. Raises AsrError as `look_up` does.
        """
        if is_remote(source.key):
            return self.read(source, 0, source.size_bytes).decode()
        url: str = self._signer.generate_presigned_url("get_object", self._version(source), ExpiresIn=URL_LIFETIME_S)
        return url

    def data(self, source: Source, at_most_bytes: int) -> bytes:
        """The whole recording. Raises AsrError as `look_up` and, of a linked one, `outside.fetch` do."""
        if not is_remote(source.key):
            return self.read(source, 0, min(source.size_bytes, at_most_bytes))
        from asrcore.net.remote_fetch import fetch  # noqa: PLC0415 - hardly ever needed

        return fetch(self.presign(source), at_most_bytes, local=self._uploads.is_local)

    def stream(self, source: Source, at_most_bytes: int) -> ByteStream:
        """The whole recording, read from S3 while it is sent; a linked one is fetched first, into memory."""
        if is_remote(source.key):
            data = self.data(source, at_most_bytes)
            return ByteStream(len(data), lambda: iter((data,)))
        return ByteStream(source.size_bytes, lambda: self._chunks(source))

    def _chunks(self, source: Source) -> Iterator[bytes]:
        """Read this version in pieces. Raises AsrError as `look_up` does, and of class retry for any other failure."""
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
            raise _unreadable(error) from error
        except BotoCoreError as error:
            raise _unreadable(error) from error
        if read_bytes != source.size_bytes:
            raise _unreadable(EOFError())

    def ticket(self, key: str, content_type: str, metadata: Mapping[str, str], lifetime_s: int) -> PresignedPost:
        """Lets somebody upload one recording under a key, of the same kind (audio, video) as the content type.

        S3 itself holds the upload to what is signed here: key, metadata, kind, and 1 byte to the largest size.
        """
        kind = f"{content_type.partition('/')[0]}/"
        fixed = {"success_action_status": "201", **{f"x-amz-meta-{name}": value for name, value in metadata.items()}}
        signed = self._signer.generate_presigned_post(
            self._uploads.bucket,
            key,
            Fields={"Content-Type": content_type, **fixed},
            Conditions=[
                ["content-length-range", 1, self._uploads.max_bytes],
                ["starts-with", "$Content-Type", kind],
                *({name: value} for name, value in fixed.items()),
            ],
            ExpiresIn=lifetime_s,
        )
        return PresignedPost(signed["url"], signed["fields"])

    def put_remote_url(self, key: str, url: str) -> Source:
        """Keep the address of a recording that lies elsewhere; under a key that is taken, what is there stays."""
        try:
            self._client.put_object(
                Bucket=self._uploads.bucket,
                Key=key,
                Body=url.encode(),
                ContentType="text/uri-list",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONDITION_FAILED:
                raise
        named = Source(bucket=self._uploads.bucket, key=key, version_id=None, etag="", size_bytes=0)
        return self.look_up(named)[0]

    def _head_version(self, source: Source) -> dict[str, Any]:
        """Of an object that is there; to what is no version's id S3 answers 400, and to HEAD without a reason."""
        try:
            head: dict[str, Any] = self._client.head_object(**self._version(source))
        except ClientError as error:
            if error.response["Error"]["Code"] == _NO_VERSION_ID:
                _raise_gone(source, error)
            raise
        return head

    def _version(self, source: Source) -> dict[str, str]:
        version = {"VersionId": source.version_id} if source.version_id else {}
        return {"Bucket": source.bucket, "Key": source.key, **version}


class S3Transcripts:
    """The transcript bucket. client: a boto3 `s3` client.  signer: one whose URLs answer by themselves."""

    def __init__(self, client: Any, bucket: str, signer: Any = None) -> None:
        self._client = client
        self._bucket = bucket
        self._signer = signer

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
        while not self._put(key, body, content_type, _origin(source), **condition):
            held = self._head(key)
            if held is None:
                condition = {"IfNoneMatch": "*"}
            elif rank(held["Metadata"].get(SEQUENCER, "")) > rank(source.sequencer):
                return False
            else:
                condition = {"IfMatch": held["ETag"]}
        return True

    def made_from(self, key: str) -> TranscriptOrigin | None:
        """What the transcript under a key was made from; None when there is none."""
        held = self._head(key)
        return _made(held) if held else None

    def put_superseded(self, key: str, body: bytes, source: Source) -> None:
        """Keep the transcript of an older version."""
        self._put(key, body, JSON, _origin(source))

    def find(self, key: str, source: Source) -> Stored | None:
        """The transcript, or export, under a key that was made from this version of the recording; None without one.

        It is the current one, unless a newer version of the recording has its transcript there by now.
        """
        held = self._head(key)
        if held is None:
            return None
        if _made(held).is_of(source):
            return Stored(key, held.get("VersionId"), held["ContentLength"])
        versions = S3Versions(self._client)
        for each in versions.of(self._bucket, key):
            made = versions.made_from(each)
            if made and made.is_of(source):
                return Stored(key, each.version_id, each.size_bytes)
        return None

    def read(self, stored: Stored) -> bytes:
        """What is there."""
        answer = self._client.get_object(Bucket=self._bucket, **_version(stored))
        with answer["Body"] as stream:
            body: bytes = stream.read()
        return body

    def presign(self, stored: Stored, file_name: str) -> str:
        """A URL at which a person gets it as a file of that name; it dies with this function's credentials."""
        # RFC 6266 and 5987: a plain name for old readers, the true one for all others.
        plain = "".join(each if " " <= each <= "~" and each not in '"\\%' else "_" for each in file_name)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
        parameters = {"Bucket": self._bucket, **_version(stored), "ResponseContentDisposition": disposition}
        url: str = self._signer.generate_presigned_url("get_object", parameters, ExpiresIn=DOWNLOAD_LIFETIME_S)
        return url

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            held: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return held

    def _put(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str], **condition: str) -> bool:
        """Whether the object was written; False when the condition does not hold."""
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
    """Every version of objects in Amazon S3. client: a boto3 `s3` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def under(self, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
        """Those whose keys begin so; of each key the newest first. Outside of PREFIXES nobody looks."""
        if not prefix.startswith(PREFIXES):
            return
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Versions", []):
                etag = each["ETag"].strip('"')
                yield ObjectVersion(bucket, each["Key"], each["VersionId"], etag, each["Size"], each["IsLatest"])

    def of(self, bucket: str, key: str) -> Iterator[ObjectVersion]:
        """Those of one key, the newest first: they come before all that begins with it, which may be millions."""
        return takewhile(lambda version: version.key == key, self.under(bucket, key))

    def made_from(self, version: ObjectVersion) -> TranscriptOrigin | None:
        """What a transcript or export was made from; None when it is gone."""
        try:
            held = self._client.head_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return _made(held)

    def delete(self, version: ObjectVersion) -> None:
        """For ever; one that is gone already is no error."""
        self._client.delete_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)


def _made(held: Mapping[str, Any]) -> TranscriptOrigin:
    return TranscriptOrigin(held["Metadata"].get(VERSION), held["Metadata"].get(SEQUENCER, ""))


def _version(stored: Stored) -> dict[str, str]:
    return {"Key": stored.key, **({"VersionId": stored.version_id} if stored.version_id else {})}


def _origin(source: Source) -> dict[str, str]:
    known = {SEQUENCER: source.sequencer, VERSION: source.version_id}
    return {name: value for name, value in known.items() if value}


def _printable(text: str) -> str:
    """What S3 metadata, which travels in HTTP headers, can hold of a text from outside."""
    return "".join(character for character in text if " " <= character <= "~")[:200]


def _raise_known(error: ClientError, source: Source) -> NoReturn:
    code = error.response["Error"]["Code"]
    if code in _GONE:
        _raise_gone(source, error)
    if code in _CHANGED:
        _raise_replaced(source)
    raise error


def _unreadable(error: Exception) -> AsrError:
    message = f"the recording could not be read from S3 to its end ({type(error).__name__}); it is tried again"
    return AsrError(ErrorClass.RETRY, "RecordingUnreadable", message)


def _raise_gone(source: Source, error: ClientError) -> NoReturn:
    message = f"{source.key} was deleted before it could be read; upload it again if it is still wanted"
    raise AsrError(ErrorClass.BAD_AUDIO, "ObjectNotFound", message) from error


def _raise_replaced(source: Source) -> NoReturn:
    message = f"{source.key} was replaced before it could be read; the new recording has a job of its own"
    raise AsrError(ErrorClass.BAD_AUDIO, "ObjectReplaced", message)
