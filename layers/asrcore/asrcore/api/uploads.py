"""POST /uploads: a form, or an upload in parts, that puts one recording where S3's event finds it."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from asrcore.api.creation import read_caller
from asrcore.api.models import Upload, UploadRequest
from asrcore.api.problems import BadUploadError
from asrcore.core.errors import AsrError
from asrcore.core.job import job_id
from asrcore.core.option_sources import TAG_PREFIX, metadata_name, read_metadata
from asrcore.core.options import RequestedOptions
from asrcore.core.recording_keys import UPLOADS, skip_reason
from asrcore.core.remote_recordings import safe_name
from asrcore.core.routing import AUTO, INCOMING
from asrcore.core.transcript import Source
from asrcore.messages import Message
from asrcore.services import Services

LIFETIME_S = 3600
PARTS_ABOVE_BYTES = 100_000_000  # a larger recording is uploaded in parts
_LARGEST_METADATA_BYTES = 2000  # S3 accepts 2 KB, names and values together
_VIDEO = frozenset({"mp4", "mov", "webm", "mkv", "flv", "3gp", "avi", "wmv"})
_PLAIN = "-_.,~ "  # what a value has unencoded


def offer_upload(request: UploadRequest, services: Services) -> Upload:
    """Sign an upload: a unique key, the options as metadata, the size and the kind of file.

    Args:
        request: the request's body.
        services: the stack's services.

    Returns:
        The form, or how to upload in parts; and where the job is listed.

    Raises:
        AsrError: `config`: an option is not allowed.
        BadUploadError: the name or the options cannot be those of an upload.
    """
    requested = read_caller(request, services)
    name = safe_name(request.name)
    if not name or skip_reason(name):
        raise BadUploadError(Message("BadUpload.name"))
    key = f"{INCOMING}{requested.vendor or AUTO}/{UPLOADS}{uuid.uuid4().hex}/{name}"
    metadata = _metadata(requested, services)
    content_type = request.content_type or _content_type(name)
    source = Source(bucket=services.settings.audio_bucket, key=key, version_id=None, etag="", size_bytes=0)
    form = multipart = None
    if size_bytes := _size_in_parts(request, services):
        from asrcore.api.multipart import start_upload  # noqa: PLC0415 - for large recordings only

        multipart = start_upload(key, content_type, metadata, size_bytes, services)
    else:
        form = services.recordings.presign_upload(key, content_type, metadata, LIFETIME_S)
    return Upload(
        url=form.url if form else None,
        fields=dict(form.fields) if form else None,
        multipart=multipart,
        key=key,
        max_bytes=services.settings.upload_max_bytes,
        expires_at=services.now() + timedelta(seconds=LIFETIME_S),
        job_id=job_id(source),
        job=listed_at(key),
    )


def listed_at(key: str) -> str:
    """Return the path that lists the job of a key, once it is created."""
    return f"/jobs?key={quote(key, safe='/')}"


def _size_in_parts(request: UploadRequest, services: Services) -> int | None:
    """Return the size of a recording that is uploaded in parts; None for an upload by a form."""
    most_bytes = services.settings.upload_max_bytes
    if request.size_bytes is None:
        if request.in_parts:
            raise BadUploadError(Message("BadUpload.size-missing"))
        return None
    if request.size_bytes > most_bytes:
        raise BadUploadError(Message("BadUpload.too-large", {"most_mb": most_bytes // 1_000_000}))
    return request.size_bytes if request.in_parts or request.size_bytes > PARTS_ABOVE_BYTES else None


def _content_type(name: str) -> str:
    extension = name.rpartition(".")[2].lower()
    if not extension.isascii() or not extension.isalnum():
        return "audio/octet-stream"
    return f"{'video' if extension in _VIDEO else 'audio'}/{extension}"


def _metadata(requested: RequestedOptions, services: Services) -> dict[str, str]:
    """Return the options as an object's metadata, which reads back to the same options."""
    options = requested.options.model_dump(mode="json")
    own: Mapping[str, Mapping[str, Any]] = options.pop("vendor", {})
    values = {metadata_name(name): value for name, value in options.items() if value is not None}
    values |= {metadata_name(vendor, name): each for vendor, named in own.items() for name, each in named.items()}
    values |= {f"{TAG_PREFIX}{name}": value for name, value in requested.tags.items()}
    values |= {metadata_name("webhook"): requested.webhook} if requested.webhook else {}
    metadata = encode_metadata({name: _text(value) for name, value in values.items()})
    if not _reads_back(metadata, requested, services):
        raise BadUploadError(Message("BadUpload.options"))
    return metadata


def encode_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """Return values as an object's metadata: percent-encoded.

    Raises:
        BadUploadError: they exceed what S3 accepts.
    """
    metadata = {name: quote(value, safe=_PLAIN) for name, value in values.items()}
    if sum(len(name) + len(value) for name, value in metadata.items()) > _LARGEST_METADATA_BYTES:
        raise BadUploadError(Message("BadUpload.options-too-large", {"most_bytes": _LARGEST_METADATA_BYTES}))
    return metadata


def _reads_back(metadata: Mapping[str, str], requested: RequestedOptions, services: Services) -> bool:
    try:
        return read_metadata(metadata, services.vendors) == requested.model_copy(update={"vendor": None})
    except AsrError:
        return False


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
