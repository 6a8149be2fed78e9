"""A recording's way to its vendor: one job per object version, probed, routed, and handed over in its turn.

Every step can be repeated: a redelivered event, a Lambda retry or a state machine retry finds the job where it was
left. Only between a vendor's yes and our note of it can a crash submit twice, to vendors that know no idempotency key.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from asrcore.core.audio import Audio, NotAudio, probe
from asrcore.core.errors import AsrError, ErrorClass, NoAnswerError
from asrcore.core.job import Job, new_job
from asrcore.core.option_sources import is_sidecar, merge, read_metadata, read_sidecar
from asrcore.core.options import RequestedOptions
from asrcore.core.rate_limit import AHEAD_S, FAR_S, LATE_S, MAX_TRIES, SHORT_WAIT_S, vendor_day
from asrcore.core.remote_recordings import is_remote, remote_audio
from asrcore.core.routing import Selection, choose, deliver_as_data, pinned_vendor
from asrcore.core.step import Step
from asrcore.core.transcript import Recognition, Source
from asrcore.core.vendor import (
    SHORT_CALL_S,
    Accepted,
    Completion,
    Delivery,
    HttpReply,
    RecognitionRequest,
    VendorEndpoint,
)
from asrcore.events import RequestEvent
from asrcore.finish import Raw, announce, attempt_failed, end, finish
from asrcore.job_creation import get_or_create_job, resolve_version
from asrcore.log import LOG
from asrcore.services import ConflictError, Services, recognition_request

# What each usual extension may contain; an Ogg is an Ogg whatever speaks in it.
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


_UNSEEN = (
    "the recording lies elsewhere and was not looked into: by its name it is taken for {audio.codec} in {audio.format}"
)


class _ClaimEndedError(Exception):
    """A call to the vendor could outlive the claim on the attempt: another invocation may submit it by then."""


class SomeRecordingsFailedError(Exception):
    """Some recordings of one event could not be taken; the event must come again, which is harmless for the others."""


def handle_new_objects(sources: Iterable[Source], services: Services) -> None:
    """Take new recordings, each on its own. Raises SomeRecordingsFailedError after all were tried."""
    failures: list[str] = []
    for source in sources:
        try:
            _handle_new_object(source, services)
        except Exception as error:  # noqa: BLE001 - whatever stops one recording must not stop its neighbours
            LOG.exception("a recording could not be taken", key=source.key)
            # A key may hold line ends, and Lambda writes the message into the log as it is.
            failures.append(repr(f"{source.key}: {type(error).__name__}: {error}"))
    if failures:
        raise SomeRecordingsFailedError("; ".join(failures))


def submit(job_id: str, services: Services) -> Step:
    """The state machine's submit step: a paced slot, a retry, or the next vendor of the chain.

    Only this step makes a call that may take minutes: AWS Step Functions waits for it, and repeats it when it fails.
    """
    job = _advance(services.update_job(job_id, lambda job: job), services, longest_call_s=math.inf)
    return services.next_step(job)


def request(asked: RequestEvent, services: Services) -> Step:
    """Take a recording that somebody asks for by name; what is next for its job.

    One job per object version here too: where there is a job already, it stays as it is. Raises AsrError for options
    that are not allowed (BadOption, UnknownVendor) and for a recording that is not there (ObjectNotFound).
    """
    wish = services.read_request(asked.vendor, asked.options)
    job, is_new = get_or_create_job(
        resolve_version(asked.bucket, asked.key, asked.version_id, services), wish, services
    )
    return services.next_step(start_job(job.job_id, services) if is_new else job)


def start_job(job_id: str, services: Services) -> Job:
    """Bring a job as far as it gets now, and leave it in the hands of an execution."""
    job = _advance(services.update_job(job_id, lambda job: job), services, longest_call_s=SHORT_CALL_S)
    if job.finished:
        return job
    services.workflow.start(job.execution_name, services.next_step(job))
    return job


def _handle_new_object(source: Source, services: Services) -> None:
    if source.key.endswith("/") and source.size_bytes == 0:
        LOG.info("a folder marker is no recording", key=source.key)
        return
    if is_sidecar(source.key):
        LOG.info("a sidecar is no recording; it is read with its recording", key=source.key)
        return
    job = new_job(source, services.now())
    LOG.append_keys(job_id=job.job_id)
    if services.jobs.create(job):
        services.metrics.received()
        LOG.info("new recording", key=source.key, size_bytes=source.size_bytes)
    start_job(job.job_id, services)


def _advance(job: Job, services: Services, *, longest_call_s: float) -> Job:
    """Bring a job as far as it gets without waiting. longest_call_s: of the calls to vendors that are made here."""
    if not job.finished and not job.planned:
        job = _plan(job, services)
    if job.finished:
        return announce(job, services)
    if job.conversion_error is not None:
        known = job.conversion_error
        return end(job.job_id, AsrError(known.class_, known.code, known.message), services)
    if job.attempt.submitted_at is None and job.converted and not _is_there(job.converted.source, services):
        LOG.warning("the converted recording is gone; it is converted again", key=job.converted.source.key)
        return services.update_job(job.job_id, lambda job: job.conversion_lost(services.now()))
    if job.attempt.submitted_at or job.awaits_conversion:
        return job
    return _submit_in_turn(job, services, longest_call_s=longest_call_s)


def _plan(job: Job, services: Services) -> Job:
    """Look at the recording and choose its vendors."""
    try:
        source, metadata = services.recordings.look_up(job.source)
        wish = _wish(job, source, metadata, services)
        options = wish.options
        pinned = pinned_vendor(source.key, wish.vendor, services.vendors)
        linked = is_remote(source.key)
        audio = remote_audio(source.key) if linked else _probe(source, services)
        # Nobody knows how large a linked recording is.
        request = RecognitionRequest(
            job.job_id, 1, audio, 0 if linked else source.size_bytes, options, named=pinned is not None
        )
        can_convert = services.settings.converts and not linked
        selected = _choose(request, _candidates(pinned, services), services, can_convert=can_convert)
    except AsrError as error:
        return end(job.job_id, _explained(error, job.source.key), services)
    warnings = [_UNSEEN.format(audio=audio)] if linked else _audio_warnings(source.key, audio)
    if options.audio_track not in {None, 1} and not selected.forms:
        warnings.append("the option 'audio_track' needs a conversion, and there is none; the vendor chooses the track")
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
            now=services.now(),
        ),
    )


def _candidates(pinned: str | None, services: Services) -> Sequence[str]:
    """Return the vendors to choose from, without those that are off. Raises AsrError(VendorOff) when all are."""
    off = services.settings.off
    named = [pinned] if pinned else services.settings.vendor_chain
    on = [name for name in named if name not in off]
    if not on:
        raise AsrError(ErrorClass.CONFIG, "VendorOff", off[named[0]], named[0])
    return on


def _explained(error: AsrError, key: str) -> AsrError:
    """Say of a remote recording that no vendor takes why it is not converted."""
    if error.code != "NoVendorFits" or not is_remote(key):
        return error
    message = f"{error.message}\nA remote recording is not converted: upload the file itself."
    return AsrError(error.error_class, error.code, message, error.vendor)


def _choose(
    request: RecognitionRequest, candidates: Sequence[str], services: Services, *, can_convert: bool
) -> Selection:
    """Select the candidates that take the recording; credentials that lack are looked for afresh before a job fails.

    can_convert: whether the recording may be converted.
    """
    select = partial(choose, request, candidates, services.vendors, can_convert=can_convert)
    try:
        return select(services.missing_credentials)
    except AsrError as error:
        if error.error_class is not ErrorClass.CONFIG:
            raise
    return select(partial(services.missing_credentials, fresh=True))


def _wish(job: Job, source: Source, metadata: Mapping[str, str], services: Services) -> RequestedOptions:
    """What is asked of this recording, at all levels together."""
    sidecar, vendors = services.recordings.sidecar(source), services.vendors
    return merge(
        services.settings.defaults,
        RequestedOptions() if sidecar is None else read_sidecar(source.key, sidecar, vendors),
        read_metadata(metadata, vendors),
        job.requested or RequestedOptions(),
    )


def _probe(source: Source, services: Services) -> Audio:
    try:
        return probe(
            lambda offset, length: services.recordings.read(source, offset, length), source.size_bytes, source.key
        )
    except NotAudio as error:
        raise AsrError(ErrorClass.BAD_AUDIO, error.code, str(error)) from error


def _audio_warnings(key: str, audio: Audio) -> list[str]:
    name = key.rsplit("/", 1)[-1]
    extension = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    found = [audio.warning] if audio.warning else []
    if audio.format not in EXTENSIONS.get(extension, {audio.format}):
        found.append(f"the name says .{extension}, the content is {audio.format}; the content counts")
    return found


def _submit_in_turn(job: Job, services: Services, *, longest_call_s: float) -> Job:
    """Submit when it is the job's turn, which may be now; otherwise the job says when.

    A vendor with a longer call than longest_call_s gets its slot here, and the recording from the state machine.
    """
    if (job.free_from() - services.now()).total_seconds() > SHORT_WAIT_S:
        return job
    vendor = services.vendors[job.attempt.vendor]
    submits_here = vendor.longest_call_s <= longest_call_s
    typical_s, now = _typical_s(job, services), services.now()
    try:
        if not job.attempt.has_slot or (now - job.attempt.due_at).total_seconds() > LATE_S:
            slot = _take_slot(job, now, services, ahead_s=AHEAD_S if submits_here else SHORT_WAIT_S)
            if slot is None:
                return attempt_failed(job, _line_too_long(job), services)
            job = services.jobs.save(job.assign_slot(slot, now))
        wait_s = (job.free_from() - services.now()).total_seconds()
        if wait_s > SHORT_WAIT_S or not submits_here:
            return job
        if wait_s > 0:
            services.sleep(wait_s)
        request = _order(job, services)
        claimed = job.claim(
            vendor.chosen_task_id(request),
            vendor.warnings(request),
            services.now(),
            longest_call_s=vendor.longest_call_s,
            edition=request.edition,
            typical_s=typical_s,
        )
        job = services.jobs.save(claimed)
    except ConflictError:
        # Somebody else has the job in hand; what is next is read off what they wrote.
        return services.update_job(job.job_id, lambda job: job)
    services.metrics.submitted(vendor.name)  # once, however many editions are refused
    try:
        return _submit_now(job, services)
    except _ClaimEndedError:
        LOG.warning("the claim leaves no time for a call", attempt=job.attempt.number, vendor=vendor.name)
        return services.update_job(job.job_id, lambda job: job)


def _is_there(source: Source, services: Services) -> bool:
    """Return whether a converted recording is still stored: after days of waiting it may have expired."""
    try:
        services.recordings.look_up(source)
    except AsrError as error:
        if error.code not in {"ObjectNotFound", "ObjectReplaced"}:
            raise
        return False
    return True


def _order(job: Job, services: Services) -> RecognitionRequest:
    """Return the order of the current attempt, with the edition that it uses: once chosen, it stays."""
    request = recognition_request(job)
    vendor = services.vendors[job.attempt.vendor]
    preferred = services.refused_editions.first(vendor.name, vendor.editions(request), services.now())
    return request if request.edition else replace(request, edition=preferred)


def _typical_s(job: Job, services: Services) -> int | None:
    """Whole seconds in which the attempt's vendor usually has the result, if it must be asked for."""
    if job.audio_s is None or Completion.QUERY not in services.completion_modes(job):
        return None
    usual_s = services.history.typical_s(job.attempt.vendor, job.audio_s, services.now())
    return None if usual_s is None else max(1, round(usual_s))


def _take_slot(job: Job, now: datetime, services: Services, *, ahead_s: float) -> datetime | None:
    """Reserve a slot, in ahead_s at the soonest; None when it is days off and another vendor could serve sooner."""
    attempt = job.attempt
    return services.jobs.reserve_slot(
        attempt.vendor,
        services.settings.rate_limit(attempt.vendor),
        now + timedelta(seconds=ahead_s),
        counted=vendor_day(attempt.due_at) if attempt.has_slot else None,
        latest=now + timedelta(seconds=FAR_S) if job.chain else None,
    )


def _line_too_long(job: Job) -> AsrError:
    message = (
        "the vendor accepts no more today: raise its submissions_per_day in VendorTuning if your contract allows more"
    )
    return AsrError(ErrorClass.CONFIG, "DailyLimitReached", message, job.attempt.vendor)


def _submit_now(job: Job, services: Services, refused: frozenset[str] = frozenset()) -> Job:
    """Submit the claimed attempt. refused: editions that the vendor has refused for it just now."""
    number = job.attempt.number
    vendor = services.vendors[job.attempt.vendor]
    try:
        outcome, reply = _exchange(job, services)
    except NoAnswerError as error:
        if job.attempt.vendor_task_id is None or job.attempt.claims >= MAX_TRIES:
            return attempt_failed(job, error, services)
        # The id is ours, so that the same submission may be made again without a second task.
        LOG.warning("no answer to a submission; it is repeated", attempt=number, vendor=vendor.name, code=error.code)
        retry_after_s = error.retry_after_s
        return services.update_job(job.job_id, lambda job: job.retry_submission(number, services.now(), retry_after_s))
    except AsrError as error:
        edition = job.attempt.edition
        if edition is None or error.code not in vendor.edition_codes:
            return attempt_failed(job, error, services)
        return _submit_to_next_edition(job, error, refused | {edition}, services)
    if isinstance(outcome, Recognition):
        return finish(job, outcome, Raw.of(reply, vendor), services)
    LOG.info("submitted", attempt=number, vendor=vendor.name, vendor_task_id=outcome.vendor_task_id)
    task_id = outcome.vendor_task_id
    return services.update_job(job.job_id, lambda job: job.submitted(number, task_id, services.now()))


def _submit_to_next_edition(job: Job, error: AsrError, refused: frozenset[str], services: Services) -> Job:
    """Submit to the first edition that is not among the refused ones; without one the attempt has failed."""
    number, vendor = job.attempt.number, services.vendors[job.attempt.vendor]
    services.refused_editions.add(vendor.name, str(job.attempt.edition), services.now())
    following = next((each for each in vendor.editions(recognition_request(job)) if each not in refused), None)
    if following is None:
        return attempt_failed(job, error, services)
    LOG.warning("edition refused", attempt=number, vendor=vendor.name, edition=job.attempt.edition, following=following)
    request = replace(recognition_request(job), edition=following)
    task_id, warnings = vendor.chosen_task_id(request), vendor.warnings(request)
    job = services.update_job(
        job.job_id, lambda job: job.change_edition(number, following, task_id, warnings, services.now())
    )
    is_ours = job.planned and (job.attempt.number, job.attempt.edition) == (number, following)
    return _submit_now(job, services, refused) if is_ours else job


def _exchange(job: Job, services: Services) -> tuple[Accepted | Recognition, HttpReply]:
    vendor, request = services.vendors[job.attempt.vendor], recognition_request(job)

    def hand_over(endpoint: VendorEndpoint) -> tuple[Accepted | Recognition, HttpReply]:
        http_request = vendor.submit_request(
            request,
            _delivery(job, services),
            endpoint,
            callback_url=services.callback_url(job) if Completion.CALLBACK in vendor.completion_modes else "",
            now=int(services.now().timestamp()),
            nonce=services.nonce(),
        )
        if job.claim_left_s(services.now()) < http_request.longest_s:
            raise _ClaimEndedError
        reply = services.send(http_request)
        return vendor.read_submit(reply, request), reply

    return services.call_with_fresh_credentials(vendor, hand_over)


def _delivery(job: Job, services: Services) -> Delivery:
    """A fresh URL for every attempt, or the bytes where the vendor accepts no URL, or none of this length."""
    vendor = services.vendors[job.attempt.vendor]
    source = job.converted.source if job.converted else job.source
    if not vendor.limits.accepts_urls:
        return Delivery(stream=services.recordings.stream(source, services.settings.tuning[vendor.name].max_data_bytes))
    # What a linked recording has is found out as it is fetched; its object here has but its address.
    size_bytes = 0 if is_remote(source.key) else source.size_bytes
    url = services.recordings.presign(source)
    max_data_bytes = services.settings.tuning[vendor.name].max_data_bytes
    if deliver_as_data(vendor, source.key, len(url), size_bytes, max_data_bytes):
        return Delivery(data=services.recordings.data(source, max_data_bytes))
    return Delivery(url=url)
