"""Uploads in parts: a large recording is sent to S3 in pieces, each to a URL of its own, and can be resumed.

S3 keeps the state of such an upload. Its id in the API contains the key, S3's own id and the recording's size, so that
nothing else is stored. A caller that changes it gains nothing: the key must be one of an upload, the size is bounded,
and S3 knows its own ids.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from asrcore.api.models import PartUrl, PartUrls, UploadedPart, UploadedRecording, UploadInParts, UploadProgress
from asrcore.api.problems import NoSuchUploadError, UploadIncompleteError
from asrcore.api.uploads import listed_at
from asrcore.core.job import job_id
from asrcore.core.recording_keys import is_upload
from asrcore.core.transcript import Source
from asrcore.messages import Message
from asrcore.ports import StoredPart
from asrcore.services import Services

PART_BYTES = 16 * 1024 * 1024  # S3 accepts 10,000 parts of 5 MiB to 5 GiB; the last one may be smaller
LIFETIME_S = 3600  # of a part's URL


@dataclass(frozen=True)
class OpenUpload:
    """An upload in parts. key: of the recording in the audio bucket.  s3_id: of S3."""

    key: str
    s3_id: str
    size_bytes: int

    @property
    def upload_id(self) -> str:
        """The id by which callers name the upload."""
        text = json.dumps(list(asdict(self).values()), ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def parts(self) -> int:
        """The number of parts."""
        return -(-self.size_bytes // PART_BYTES)

    def part_bytes(self, number: int) -> int:
        """Return the size of a part. number: from 1."""
        return min(PART_BYTES, self.size_bytes - (number - 1) * PART_BYTES)


_FIELDS = TypeAdapter(tuple[str, str, int])


def start_upload(
    key: str, content_type: str, metadata: dict[str, str], size_bytes: int, services: Services
) -> UploadInParts:
    """Start an upload in parts. Returns its id, and how to cut the recording."""
    s3_id = services.recordings.start_upload(key, content_type, metadata)
    upload = OpenUpload(key, s3_id, size_bytes)
    return UploadInParts(upload_id=upload.upload_id, part_bytes=PART_BYTES, parts=upload.parts)


def sign_parts(upload_id: str, numbers: Sequence[int], services: Services) -> PartUrls:
    """Return a URL for each of these parts, to which exactly its bytes can be put.

    Raises:
        NoSuchUploadError: there is no such upload, or it has no such part.
    """
    upload = _read(upload_id, services)
    if any(number > upload.parts for number in numbers):
        raise _no_such_upload()
    urls = [
        PartUrl(
            number=number,
            url=services.recordings.presign_part(
                upload.key, upload.s3_id, number, upload.part_bytes(number), LIFETIME_S
            ),
            size_bytes=upload.part_bytes(number),
        )
        for number in numbers
    ]
    return PartUrls(urls=urls, expires_at=services.now() + timedelta(seconds=LIFETIME_S))


def progress(upload_id: str, services: Services) -> UploadProgress:
    """Return which parts S3 has. Raises NoSuchUploadError: there is no such upload, or it has ended."""
    upload = _read(upload_id, services)
    uploaded = [UploadedPart(number=each.number, size_bytes=each.size_bytes) for each in _stored(upload, services)]
    return UploadProgress(
        key=upload.key,
        size_bytes=upload.size_bytes,
        part_bytes=PART_BYTES,
        parts=upload.parts,
        uploaded=uploaded,
    )


def complete(upload_id: str, services: Services) -> UploadedRecording:
    """Make the recording of an upload's parts, unless its key has a recording already; a repetition changes nothing.

    Raises:
        NoSuchUploadError: there is no such upload, and no recording of it.
        UploadIncompleteError: some parts are not uploaded.
    """
    upload = _read(upload_id, services)
    source = Source(
        bucket=services.settings.audio_bucket, key=upload.key, version_id=None, etag="", size_bytes=upload.size_bytes
    )
    parts = services.recordings.uploaded_parts(upload.key, upload.s3_id)
    if parts is not None:
        sizes = {each.number: each.size_bytes for each in parts}
        missing = [n for n in range(1, upload.parts + 1) if sizes.get(n) != upload.part_bytes(n)]
        if missing:
            raise UploadIncompleteError(Message("UploadIncomplete", {"count": len(missing), "first": missing[0]}))
        services.recordings.complete_upload(upload.key, upload.s3_id, parts[: upload.parts])
    elif not services.recordings.exists(source):
        raise _no_such_upload()
    return UploadedRecording(key=upload.key, job_id=job_id(source), job=listed_at(upload.key))


def abort(upload_id: str, services: Services) -> None:
    """Delete the parts of an upload; nothing happens when it has ended. Raises NoSuchUploadError: the id is of none."""
    upload = _read(upload_id, services)
    services.recordings.abort_upload(upload.key, upload.s3_id)


def _stored(upload: OpenUpload, services: Services) -> list[StoredPart]:
    parts = services.recordings.uploaded_parts(upload.key, upload.s3_id)
    if parts is None:
        raise _no_such_upload()
    return parts


def _read(upload_id: str, services: Services) -> OpenUpload:
    """Return the upload that an id names."""
    try:
        text = base64.b64decode(upload_id + "=" * (-len(upload_id) % 4), altchars=b"-_", validate=True)
        upload = OpenUpload(*_FIELDS.validate_json(text, strict=True))
    except (binascii.Error, ValidationError):
        raise _no_such_upload() from None
    if not is_upload(upload.key) or not 0 < upload.size_bytes <= services.settings.upload_max_bytes:
        raise _no_such_upload()
    return upload


def _no_such_upload() -> NoSuchUploadError:
    return NoSuchUploadError(Message("NoSuchUpload"))
