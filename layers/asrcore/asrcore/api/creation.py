"""POST /jobs: a job for a recording that is stored in the audio bucket, or a remote one."""

import hashlib
import json
import uuid

from asrcore.api.models import JobRequest, UploadRequest
from asrcore.api.problems import KeyReusedError, NotReadableError, OptionsConflictError
from asrcore.core.job import Job, Status, job_id
from asrcore.core.options import RequestedOptions
from asrcore.core.recording_keys import skip_reason
from asrcore.core.remote_recordings import REMOTE, USUAL_CONTENT, parse_remote_url, safe_name
from asrcore.core.routing import INCOMING
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source
from asrcore.job_creation import get_or_create_job, resolve_version
from asrcore.messages import Message
from asrcore.option_addresses import store_addresses
from asrcore.ports import IdempotencyRecord
from asrcore.services import Services
from asrcore.settings import check_webhook

_S3 = "s3://"
UNNAMED = "recording"  # not the URL's last part, which may be a secret


def create_job(request: JobRequest, key: str | None, services: Services) -> tuple[Job, bool]:
    """Create the job of a recording, and start its execution.

    Args:
        request: the request's body.
        key: the caller's idempotency key: the same request under it returns the same job for 24 hours.
        services: the stack's services.

    Returns:
        The job, and whether it is new.

    Raises:
        AsrError: an option, the URL or the recording is not allowed, or the recording is not stored.
        NotReadableError: the source is not one that this stack may read.
        KeyReusedError: another request came under the key.
        OptionsConflictError: the recording's job was requested with other options.
    """
    requested = read_caller(request, services)
    source = _named(request, key, services) if key else _source(request, uuid.uuid4().hex, services)
    requested = store_addresses(requested, source.bucket, job_id(source), services)
    job, is_new = get_or_create_job(source, services, requested)
    if not is_new and (job.requested or RequestedOptions()) != requested:
        raise OptionsConflictError(Message("OptionsConflict", {"job_id": job.job_id}))
    if job.status is Status.QUEUED:  # a crash may have come between the job and its execution
        services.start_execution(job)
    return job, is_new


def read_caller(request: JobRequest | UploadRequest, services: Services) -> RequestedOptions:
    """Return what a caller requests. Raises AsrError: `config`: an option or the webhook is not allowed."""
    about = {"tags": request.tags, "webhook": request.webhook}
    requested = services.read_request(request.vendor, {**about, **request.options})
    if requested.webhook:
        check_webhook(requested.webhook, services.settings)
    return requested


def _named(request: JobRequest, key: str, services: Services) -> Source:
    """Return the object version of an idempotency key: that of the first request under it."""
    digest = hashlib.sha256(json.dumps(request.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
    first = services.jobs.load_idempotency_record(key, services.now())
    if first is None:
        record = IdempotencyRecord(digest, _source(request, f"{key}/{digest}", services))
        first = services.jobs.create_idempotency_record(key, record, services.now())
    elif first.request_digest == digest and services.jobs.load(job_id(first.source)) is None:
        services.recordings.look_up(first.source)  # its job was deleted, or a crash kept it from being created
    if first.request_digest != digest:
        raise KeyReusedError(Message("KeyReused"))
    return first.source


def _source(request: JobRequest, seed: str, services: Services) -> Source:
    """Return the object version that is meant; for a URL, an object that contains it. seed: of that object's key."""
    if request.source.startswith(_S3):
        return _stored_source(request, services)
    if request.version_id is not None:
        raise NotReadableError(Message("NotReadable.url-version"))
    link = parse_remote_url(request.source, local=services.settings.is_local)
    extension = request.format or link.extension
    if extension not in USUAL_CONTENT:
        raise NotReadableError(Message("NotReadable.url-format"))
    name = safe_name(request.name or "") or UNNAMED
    if name.rpartition(".")[2].lower() != extension:
        name = safe_name(f"{name}.{extension}")
    folder = hashlib.sha256(seed.encode()).hexdigest()[:32]
    return services.recordings.put_remote_url(
        services.settings.audio_bucket, f"{REMOTE}{folder}/{name}", request.source
    )


def _stored_source(request: JobRequest, services: Services) -> Source:
    bucket, _, key = request.source.removeprefix(_S3).partition("/")
    audio_bucket = services.settings.audio_bucket
    if (
        bucket != audio_bucket
        or not key.startswith(INCOMING)
        or key.endswith("/")
        or len(key.encode()) > LONGEST_KEY_BYTES
    ):
        raise NotReadableError(Message("NotReadable.elsewhere", {"folder": f"{_S3}{audio_bucket}/{INCOMING}"}))
    if reason := skip_reason(key):
        raise NotReadableError(Message("NotReadable.no-recording", {"reason": reason}))
    if request.format or request.name:
        raise NotReadableError(Message("NotReadable.format" if request.format else "NotReadable.name"))
    return resolve_version(bucket, key, request.version_id, services)
