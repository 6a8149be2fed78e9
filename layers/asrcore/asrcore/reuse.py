"""The transcript of an earlier version of a recording with the same bytes, for a version that S3 reports as new.

A copy of an object onto itself, for its tags or rights, and a mount's `touch` write such versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from asrcore.core.job import Job, Status, job_id
from asrcore.core.options import Options, RequestedOptions
from asrcore.core.remote_recordings import is_remote
from asrcore.core.transcript import Source, Transcript, transcript_key
from asrcore.ports import ObjectVersion
from asrcore.services import Services

MAX_VERSIONS = 20  # of a key, the latest ones, that are compared


@dataclass(frozen=True)
class NewVersion:
    """A version of a recording before its plan.

    Attributes:
        source: the object version, with its true size.
        digests: of its content, by algorithm.
        requested: its options, merged from all sources.
        pinned: the vendor that it names; None for automatic choice.
    """

    source: Source
    digests: Mapping[str, str]
    requested: RequestedOptions
    pinned: str | None


@dataclass(frozen=True)
class EarlierResult:
    """A completed job of the same recording, and its transcript as the vendor's result was stored."""

    job: Job
    transcript: Transcript


def find_result(new: NewVersion, services: Services) -> EarlierResult | None:
    """Return the result of an earlier version with the same bytes, options and vendor, if it may be used.

    It may not be used when the options ask for a new transcription, or when the stored transcript was corrected: a
    correction is never taken over.
    """
    source = new.source
    if new.requested.options.again or not new.digests or source.version_id is None:
        return None
    if services.transcripts.origin(transcript_key(source)) is None:  # as of most recordings: no version has one
        return None
    for version in islice(services.versions.of(source.bucket, source.key), MAX_VERSIONS):
        earlier = _completed(version, new, services)
        transcript = _stored_transcript(earlier, services) if earlier else None
        if earlier and transcript:
            return EarlierResult(earlier, transcript)
    return None


def _completed(version: ObjectVersion, new: NewVersion, services: Services) -> Job | None:
    if version.version_id == new.source.version_id or version.size_bytes != new.source.size_bytes:
        return None
    job = services.jobs.load(job_id(version.source))
    if job is None or job.status is not Status.COMPLETED or not _have_same_content(job.digests, new.digests):
        return None
    is_same = job.pinned == new.pinned and _comparable(job.options) == _comparable(new.requested.options)
    return job if is_same else None


def _have_same_content(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether two contents have a digest of one algorithm, and no digests that differ."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[name] == other[name] for name in shared)


def _comparable(options: Options) -> dict[str, object]:
    """Return the options without what differs between jobs: an address counts by the digest in its object's key."""
    vendor = {
        name: {each: str(value).rpartition("/")[2] if is_remote(str(value)) else value for each, value in own.items()}
        for name, own in options.vendor.items()
    }
    return {name: value for name, value in options.model_dump().items() if name != "again"} | {"vendor": vendor}


def _stored_transcript(job: Job, services: Services) -> Transcript | None:
    """Return a job's transcript; None when it was deleted, replaced, corrected, or is kept apart."""
    key = transcript_key(job.source)
    stored = services.transcripts.find(key, job.source) if job.transcript_key == key else None
    if stored is None:
        return None
    try:
        transcript = Transcript.model_validate_json(services.transcripts.read(stored))
    except ValueError:
        return None
    is_original = transcript.correction is None and transcript.job_id == job.job_id
    return transcript if is_original else None
