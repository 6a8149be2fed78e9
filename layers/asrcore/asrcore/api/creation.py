"""POST /jobs: a job for a recording that lies in the audio bucket already, or somewhere else."""

import hashlib
import json
import uuid

from asrcore.api.models import JobRequest
from asrcore.api.problems import KeyReusedError, NotReadableError, OptionsConflictError
from asrcore.core.job import Job, Status, job_id
from asrcore.core.option_sources import is_sidecar
from asrcore.core.options import RequestedOptions
from asrcore.core.remote_recordings import REMOTE, USUAL_CONTENT, parse_remote_url, safe_name
from asrcore.core.routing import INCOMING
from asrcore.core.transcript import LONGEST_KEY_BYTES, Source
from asrcore.job_creation import get_or_create_job, resolve_version
from asrcore.ports import IdempotencyRecord
from asrcore.services import Services

_S3 = "s3://"


def create_job(asked: JobRequest, key: str | None, services: Services) -> tuple[Job, bool]:
    """The job of the recording, set going, and whether it is new.

    key: under which the same request may come again, for a day: it is about the same recording then, and its job.
    Raises AsrError for options, addresses and recordings that will not do, NotReadableError for a source that is not
    ours, KeyReusedError, and OptionsConflictError where the recording's job was asked for otherwise.
    """
    wish = services.read_request(asked.vendor, asked.options)
    source = _named(asked, key, services) if key else _source(asked, uuid.uuid4().hex, services)
    job, is_new = get_or_create_job(source, services, wish)
    if not is_new and (job.requested or RequestedOptions()) != wish:
        raise OptionsConflictError(
            f"job {job.job_id} has this recording, and was asked for with other options, or by the upload itself: a "
            "recording that is uploaded again is a new one"
        )
    if job.status is Status.QUEUED:  # a process may have died between the job and its execution
        services.workflow.start(job.execution_name, services.next_step(job))
    return job, is_new


def _named(asked: JobRequest, key: str, services: Services) -> Source:
    """The object version that a key is about: the one that it first came with, if it did."""
    digest = hashlib.sha256(json.dumps(asked.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
    first = services.jobs.load_idempotency_record(key, services.now())
    if first is None:
        meant = IdempotencyRecord(digest, _source(asked, f"{key}/{digest}", services))
        first = services.jobs.create_idempotency_record(key, meant, services.now())
    elif first.request_digest == digest and services.jobs.load(job_id(first.source)) is None:
        services.recordings.look_up(first.source)  # its job was deleted, unless a process died before there was one
    if first.request_digest != digest:
        raise KeyReusedError("another request came under this Idempotency-Key today: take a new key for a new one")
    return first.source


def _source(asked: JobRequest, seed: str, services: Services) -> Source:
    """The object version that is meant; for an address, an object that holds it. seed: of that object's name."""
    if asked.source.startswith(_S3):
        return _ours(asked, services)
    if asked.version_id is not None:
        raise NotReadableError("an address has no versions: leave version_id out")
    link = parse_remote_url(asked.source, local=services.settings.is_local)
    name = safe_name(link.file_name) or "recording"
    if asked.format and name.rpartition(".")[2].lower() != asked.format:
        name = safe_name(f"{name}.{asked.format}")
    if name.rpartition(".")[2].lower() not in USUAL_CONTENT:
        raise NotReadableError("the address does not end as a recording's does: tell its format, such as mp3")
    folder = hashlib.sha256(seed.encode()).hexdigest()[:32]
    return services.recordings.put_remote_url(f"{REMOTE}{folder}/{name}", asked.source)


def _ours(asked: JobRequest, services: Services) -> Source:
    bucket, _, key = asked.source.removeprefix(_S3).partition("/")
    ours = services.settings.audio_bucket
    if bucket != ours or not key.startswith(INCOMING) or key.endswith("/") or len(key.encode()) > LONGEST_KEY_BYTES:
        raise NotReadableError(f"only recordings under {_S3}{ours}/{INCOMING} can be read: copy it there first")
    if is_sidecar(key):
        raise NotReadableError("this is a sidecar, which is read with its recording")
    if asked.format:
        raise NotReadableError("what lies in the bucket tells its format itself: leave format out")
    return resolve_version(bucket, key, asked.version_id, services)
