"""The submission of an attempt to its vendor: claim the attempt, deliver the recording, read the vendor's reply.

Between the vendor's acceptance and its record on the row a crash can submit twice, to vendors without an idempotency
key. Everything else can be repeated without harm.
"""

from dataclasses import replace

from asrcore.core.backoff import MAX_ATTEMPTS
from asrcore.core.errors import AsrError, NoAnswerError
from asrcore.core.job import Job, recognition_request
from asrcore.core.remote_recordings import is_remote
from asrcore.core.routing import deliver_as_data
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import Accepted, Completion, Delivery, HttpReply, Submission, VendorEndpoint
from asrcore.log import LOG
from asrcore.option_addresses import load_addresses
from asrcore.outcome import RawReply, Recognized
from asrcore.services import Services


class ClaimEndedError(Exception):
    """A call to the vendor could outlive the claim on the attempt: another invocation may submit it by then."""


def submit_attempt(job: Job, services: Services, *, typical_s: int | None) -> Job | Recognized:
    """Claim the current attempt and submit it.

    Args:
        job: a job whose attempt has its slot now.
        services: the stack's services.
        typical_s: seconds that the vendor usually needs, kept for the polling schedule; None where it is not known.

    Returns:
        The job as it is saved: submitted, or due again after the vendor did not answer. The result itself, of a vendor
        that answers at once.

    Raises:
        AsrError: the vendor refused the attempt, or was not reached.
        ConflictError: another invocation changed the job before the claim.
        ClaimEndedError: the claim leaves no time for a call to the vendor.
    """
    claimed = _claim(job, services, typical_s)
    services.metrics.submitted(claimed.attempt.vendor)  # once, however many editions are refused
    return _submit_claimed(claimed, services)


def _claim(job: Job, services: Services, typical_s: int | None) -> Job:
    """Claim the attempt with the edition that it uses: once chosen, it stays."""
    vendor, request = services.vendors[job.attempt.vendor], recognition_request(job)
    preferred = services.refused_editions.first(vendor.name, vendor.editions(request), services.now())
    request = request if request.edition else replace(request, edition=preferred)
    claimed = job.claim(
        vendor.chosen_task_id(request),
        vendor.warnings(request),
        services.now(),
        longest_call_s=vendor.longest_call_s,
        edition=request.edition,
        typical_s=typical_s,
    )
    return services.jobs.save(claimed)


def _submit_claimed(job: Job, services: Services, refused: frozenset[str] = frozenset()) -> Job | Recognized:
    """Submit the claimed attempt. refused: editions that the vendor has refused for it just now."""
    number, vendor = job.attempt.number, services.vendors[job.attempt.vendor]
    try:
        reply, raw = _exchange(job, services)
    except NoAnswerError as error:
        if job.attempt.vendor_task_id is None or job.attempt.claims >= MAX_ATTEMPTS:
            raise
        # The task id is ours, so that the same submission may be repeated without a second task.
        LOG.warning("no answer to a submission; it is repeated", attempt=number, vendor=vendor.name, code=error.code)
        retry_after_s = error.retry_after_s
        return services.update_job(job.job_id, lambda job: job.retry_submission(number, services.now(), retry_after_s))
    except AsrError as error:
        edition = job.attempt.edition
        if edition is None or error.code not in vendor.edition_codes:
            raise
        return _submit_to_next_edition(job, error, refused | {edition}, services)
    if isinstance(reply, Recognition):
        return Recognized(job, reply, RawReply.of(raw, vendor))
    LOG.info("submitted", attempt=number, vendor=vendor.name, vendor_task_id=reply.vendor_task_id)
    task_id = reply.vendor_task_id
    return services.update_job(job.job_id, lambda job: job.submitted(number, task_id, services.now()))


def _submit_to_next_edition(job: Job, error: AsrError, refused: frozenset[str], services: Services) -> Job | Recognized:
    """Submit to the first edition that is not among the refused ones. Raises the vendor's error without one."""
    number, vendor = job.attempt.number, services.vendors[job.attempt.vendor]
    services.refused_editions.add(vendor.name, str(job.attempt.edition), services.now())
    following = next((each for each in vendor.editions(recognition_request(job)) if each not in refused), None)
    if following is None:
        raise error
    LOG.warning("edition refused", attempt=number, vendor=vendor.name, edition=job.attempt.edition, following=following)
    request = replace(recognition_request(job), edition=following)
    task_id, warnings = vendor.chosen_task_id(request), vendor.warnings(request)
    job = services.update_job(
        job.job_id, lambda job: job.change_edition(number, following, task_id, warnings, services.now())
    )
    is_ours = job.planned and (job.attempt.number, job.attempt.edition) == (number, following)
    return _submit_claimed(job, services, refused) if is_ours else job


def _exchange(job: Job, services: Services) -> tuple[Accepted | Recognition, HttpReply]:
    vendor, request = services.vendors[job.attempt.vendor], recognition_request(job)
    delivered = replace(request, options=load_addresses(request.options, job.source.bucket, services))

    def submit(endpoint: VendorEndpoint) -> tuple[Accepted | Recognition, HttpReply]:
        http_request = vendor.submit_request(
            Submission(
                delivered,
                _delivery(job, services),
                endpoint,
                callback_url=services.callback_url(job) if Completion.CALLBACK in vendor.completion_modes else "",
                now=int(services.now().timestamp()),
                nonce=services.nonce(),
            )
        )
        if job.claim_left_s(services.now()) < http_request.longest_s:
            raise ClaimEndedError
        reply = services.send(http_request)
        return vendor.read_submit(reply, request), reply

    return services.call_with_fresh_credentials(vendor, submit)


def _delivery(job: Job, services: Services) -> Delivery:
    """Return a new URL for every attempt, or the bytes where the vendor accepts no URL, or none of this length."""
    vendor = services.vendors[job.attempt.vendor]
    source = job.converted.source if job.converted else job.source
    max_data_bytes = services.settings.tuning[vendor.name].max_data_bytes
    if not vendor.limits.accepts_urls:
        return Delivery(stream=services.recordings.stream(source, max_data_bytes))
    # The size of a remote recording shows when it is fetched; its object in the bucket has only its URL.
    size_bytes = 0 if is_remote(source.key) else source.size_bytes
    url = services.recordings.presign(source)
    if deliver_as_data(vendor, source.key, len(url), size_bytes, max_data_bytes):
        return Delivery(data=services.recordings.read_all(source, max_data_bytes))
    return Delivery(url=url)
