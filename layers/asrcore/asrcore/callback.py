"""A vendor's callback: untrusted until the signature in its URL is verified, stored before it is acknowledged."""

import json
from dataclasses import dataclass
from typing import Any

from asrcore.core.callback_url import expiry, is_signed
from asrcore.core.errors import AsrError, UnreadableResultError
from asrcore.core.job import Job, recognition_request
from asrcore.core.step import Next
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import Callback, Completion, InProgress, Vendor
from asrcore.events import CallbackRequest
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.outcome import AttemptFailed, Outcome, RawReply, Recognized
from asrcore.services import JobDeletedError, Services


@dataclass(frozen=True)
class CallbackResponse:
    """The HTTP response to a vendor's callback. body: JSON.  allow: the header of this name; empty for none."""

    status: int
    body: str
    allow: str = ""

    def as_event(self) -> dict[str, Any]:
        """Return the response in API Gateway's payload format 2.0."""
        headers = {"content-type": "application/json", **({"allow": self.allow} if self.allow else {})}
        return {"statusCode": self.status, "headers": headers, "body": self.body}


def receive(posted: CallbackRequest, services: Services) -> CallbackResponse:
    """Record what a callback reports, and continue the job's execution.

    A repeated callback, a late one, or one of an earlier attempt is acknowledged and changes nothing. Only a valid URL
    that has not expired leads to a read of the jobs table. After a result
    that cannot be read, a vendor that can be queried is queried at once.

    Args:
        posted: the callback, not verified.
        services: the stack's services.

    Returns:
        The vendor's acknowledgement, once everything is stored; 403 for a URL without a valid signature, 400 for a
        body that is not the vendor's.
    """
    vendor = services.vendors.get(posted.vendor)
    if vendor is None or not _is_signature_valid(posted, services):
        services.metrics.callback_refused()
        LOG.warning("callback signature rejected")
        return CallbackResponse(403, json.dumps({"code": 403, "message": "forbidden"}))
    LOG.append_keys(job_id=posted.job_id)  # not before: a forged URL may name any job, and be of any length
    if services.now() > expiry(posted.signature):  # its attempt has ended
        LOG.info("callback address expired")
        return _acknowledge(vendor)
    job = services.jobs.load(posted.job_id)
    if job is None:
        LOG.warning("callback for a job without a row")
        return _acknowledge(vendor)
    outcome: Outcome = job
    is_read = True
    if job.planned and not job.finished and str(job.attempt.number) == posted.attempt:
        try:
            outcome = _read(posted, vendor, job, services)
        except AsrError as error:
            LOG.warning("callback unreadable", vendor=vendor.name, code=error.code)
            is_read = False
            if isinstance(error, UnreadableResultError):
                outcome = _unreadable(error, vendor, job, services)
    try:
        job = settle(outcome, services)
    except JobDeletedError:
        LOG.info("callback for a job that was deleted meanwhile")
        return _acknowledge(vendor)
    step = services.next_step(job)
    if job.task_token and step.next is not Next.CALLBACK:
        services.workflow.complete_task(job.task_token, step)
    return _acknowledge(vendor) if is_read else CallbackResponse(400, json.dumps(vendor.acknowledge(stored=False)))


def _is_signature_valid(posted: CallbackRequest, services: Services) -> bool:
    """Return whether the URL's signature is valid, with a key that may be newer than the cached ones."""
    address = (posted.vendor, posted.job_id, posted.attempt, posted.signature)
    return any(is_signed(*address, services.callback_keys(fresh=fresh)) for fresh in (False, True))


def refuse(vendor_name: str, services: Services) -> CallbackResponse:
    """Return the response to a callback that could not be stored, after which the vendor sends it again."""
    vendor = services.vendors.get(vendor_name)
    return CallbackResponse(500, json.dumps(vendor.acknowledge(stored=False) if vendor else {"code": 500}))


def refuse_other(method: str) -> CallbackResponse:
    """Return the response to a request under `/callbacks/` that is no callback: 405, or 404 to a POST."""
    if method != "POST":
        return CallbackResponse(405, json.dumps({"code": 405, "message": "method not allowed"}), allow="POST")
    return CallbackResponse(404, json.dumps({"code": 404, "message": "not found"}))


def _unreadable(error: AsrError, vendor: Vendor, job: Job, services: Services) -> Outcome:
    """Query the vendor after a result that cannot be read, or end the attempt if no other callback will come."""
    number = job.attempt.number
    if Completion.QUERY in vendor.completion_modes:
        return services.update_job(job.job_id, lambda job: job.called_back(number, services.now()))
    job = services.update_job(job.job_id, lambda job: job.callback_unreadable(number, services.now()))
    is_last = vendor.most_callbacks is not None and job.attempt.unreadable_callbacks >= vendor.most_callbacks
    return AttemptFailed(job, error) if is_last else job


def _read(posted: CallbackRequest, vendor: Vendor, job: Job, services: Services) -> Outcome:
    """Read what the callback reports of the current attempt. Raises AsrError for a body that cannot be read."""
    callback = vendor.read_callback(posted.body, posted.content_type, recognition_request(job))
    if posted.is_damaged and isinstance(callback.outcome, Recognition):
        raise vendor.unreadable_callback(Message("callback.not-utf-8"))
    if isinstance(callback.outcome, InProgress):
        number = job.attempt.number
        return services.update_job(job.job_id, lambda job: job.called_back(number, services.now()))
    if isinstance(callback.outcome, AsrError):
        if _is_of_another_task(callback, job):
            LOG.warning("callback of another task of the attempt ignored", vendor=vendor.name)
            return job
        return AttemptFailed(job, callback.outcome)
    raw = RawReply(posted.body, posted.content_type, warning=posted.warning)
    return Recognized(job, callback.outcome, raw, vendor_task_id=callback.vendor_task_id)


def _is_of_another_task(callback: Callback, job: Job) -> bool:
    """Return whether a callback names another task: one whose submission a crash kept from being recorded."""
    recorded = job.attempt.vendor_task_id
    return None not in (recorded, callback.vendor_task_id) and callback.vendor_task_id != recorded


def _acknowledge(vendor: Vendor) -> CallbackResponse:
    return CallbackResponse(200, json.dumps(vendor.acknowledge(stored=True)))
