"""The plan of a new job: its recording is probed, its options are read, and its vendors are chosen."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from asrcore.core.audio import Audio, NotAudio
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job
from asrcore.core.option_sources import merge, read_metadata, read_sidecar, undecodable_metadata
from asrcore.core.options import RequestedOptions
from asrcore.core.remote_recordings import is_remote, remote_audio
from asrcore.core.routing import Selection, choose, pinned_vendor
from asrcore.core.transcript import Source
from asrcore.core.vendor import RecognitionRequest, Vendor
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.option_addresses import store_addresses
from asrcore.outcome import Reused
from asrcore.reuse import NewVersion, find_result
from asrcore.services import Services
from asrcore.settings import vendor_off

# The formats that a usual extension may contain; an Ogg file keeps its extension whatever codec it contains.
EXTENSIONS = {
    "wav": {"wav"},
    "mp3": {"mp3"},
    "m4a": {"m4a", "mp4"},
    "mp4": {"mp4", "m4a"},
    "flac": {"flac"},
    "ogg": {"ogg"},
    "opus": {"ogg"},
    "aac": {"aac"},
    "amr": {"amr"},
    "wma": {"wma"},
}


def plan(job: Job, services: Services) -> Job | Reused:
    """Probe the recording, read its options and choose its vendors, unless the job has a plan or has ended.

    Returns:
        The planned job, with its first attempt; as it is saved when another invocation has planned it meanwhile. The
        job without a plan while it waits for the budget, or while its object, which is empty, may be followed by a
        version with the content. Or the result of an earlier version with the same bytes.

    Raises:
        AsrError: the recording was deleted or is no audio, an option is not allowed, or no vendor accepts the
            recording. The job cannot be planned later either.
    """
    waits = job.waits_for_budget and job.queued_until is not None and services.now() < job.queued_until
    if job.planned or job.finished or waits:
        return job
    source, metadata, digests = services.recordings.look_up(job.source)
    if source.size_bytes == 0 and (job.rests_until is None or services.now() < job.rests_until):
        return services.update_job(job.job_id, lambda job: job.rest(services.now()))
    requested = _merge_options(job, source, metadata, services)
    requested = store_addresses(requested, source.bucket, job.job_id, services)
    options = requested.options
    pinned = pinned_vendor(source.key, requested.vendor, services.vendors)
    linked = is_remote(source.key)
    if not linked:
        new = NewVersion(source, digests, requested, pinned)
        if earlier := find_result(new, services):
            LOG.info("an earlier version has the same bytes", earlier_job=earlier.job.job_id)
            return Reused(job, new, earlier)
    audio = remote_audio(source.key) if linked else _probe(source, services)
    # The size of a remote recording is not known.
    request = RecognitionRequest(
        job.job_id, 1, audio, 0 if linked else source.size_bytes, options, named=pinned is not None
    )
    selected = _choose(request, _candidates(pinned, services), services, linked=linked)
    warnings = _audio_warnings(source.key, audio)
    if linked:
        warnings = [Message("warning.not-probed", {"codec": audio.codec, "format": audio.format})]
    warnings += [Message("warning.metadata-undecodable", {"name": name}) for name in undecodable_metadata(metadata)]
    if options.audio_track not in {None, 1} and not selected.forms:
        warnings.append(Message("warning.track-ignored"))
    LOG.info("recording understood", audio=audio.model_dump(), vendors=selected.vendors, choice=selected.choice.code)
    return services.update_job(
        job.job_id,
        lambda job: job.plan(
            source,
            audio,
            options,
            vendors=selected.vendors,
            choice=selected.choice,
            forms=selected.forms,
            warnings=warnings,
            digests=digests,
            pinned=pinned,
            requested=requested,
            now=services.now(),
        ),
    )


def _merge_options(job: Job, source: Source, metadata: Mapping[str, str], services: Services) -> RequestedOptions:
    """Return the options of this recording, merged from all their sources."""
    sidecar, vendors = services.recordings.sidecar(source), services.vendors
    return merge(
        services.settings.defaults,
        RequestedOptions() if sidecar is None else read_sidecar(source.key, sidecar, vendors),
        read_metadata(metadata, vendors),
        job.requested or RequestedOptions(),
    )


def _probe(source: Source, services: Services) -> Audio:
    try:
        return services.probe(
            lambda offset, length: services.recordings.read(source, offset, length), source.size_bytes, source.key
        )
    except NotAudio as error:
        raise AsrError(ErrorClass.BAD_AUDIO, error.code, error.reason) from error


def _candidates(pinned: str | None, services: Services) -> Sequence[str]:
    """Return the vendors to choose from, without those that are off. Raises AsrError(VendorOff) when all are."""
    off = services.settings.off
    named = [pinned] if pinned else services.settings.vendor_chain
    on = [name for name in named if name not in off]
    if not on:
        raise AsrError(ErrorClass.CONFIG, "VendorOff", vendor_off(named[0]), named[0])
    return on


def _choose(request: RecognitionRequest, candidates: Sequence[str], services: Services, *, linked: bool) -> Selection:
    """Select the candidates that accept the recording. Raises AsrError when there is none.

    linked: whether it is a remote recording, which is not converted.
    """
    can_convert = services.settings.converts and not linked
    try:
        return _choose_with_credentials(
            partial(choose, request, candidates, services.vendors, can_convert=can_convert), services
        )
    except AsrError as error:
        if not linked or error.code != "NoVendorFits":
            raise
        reason = Message("NoVendorFits.remote", {"reason": error.reason})
        raise AsrError(error.error_class, error.code, reason, error.vendor) from error


def _choose_with_credentials(
    select: Callable[[Callable[[Vendor], Message | None]], Selection], services: Services
) -> Selection:
    """Select vendors by their credentials; those that are missing are read again before a job fails for them."""
    try:
        return select(services.missing_credentials)
    except AsrError as error:
        if error.error_class is not ErrorClass.CONFIG:
            raise
    return select(partial(services.missing_credentials, fresh=True))


def _audio_warnings(key: str, audio: Audio) -> list[Message]:
    name = key.rsplit("/", 1)[-1]
    extension = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    found = audio.warnings
    if audio.format not in EXTENSIONS.get(extension, {audio.format}):
        found.append(Message("warning.other-format", {"extension": extension, "format": audio.format}))
    return found
