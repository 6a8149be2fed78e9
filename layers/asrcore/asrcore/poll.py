"""The state machine's steps in PollerFunction: query a vendor, wait for its callback, continue after a failure."""

from asrcore.core.errors import (
    NO_RESULT_IN_TIME,
    AsrError,
    ErrorClass,
    InterfaceGoneError,
    QueryFailedError,
    TaskNotFoundError,
)
from asrcore.core.job import Job, recognition_request
from asrcore.core.rate_limit import SHORT_WAIT_S, STARTUP_S
from asrcore.core.step import Next, Step, end_of_deleted, is_overdue
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import HttpReply, InProgress, VendorEndpoint
from asrcore.events import Action, StepEvent
from asrcore.finish import settle
from asrcore.log import LOG
from asrcore.messages import Message
from asrcore.outcome import AttemptFailed, Outcome, RawReply, Recognized
from asrcore.restart import recover
from asrcore.services import JobDeletedError, Services
from asrcore.slots import reserve_query_slot

GONE_GRACE_S = 120  # a vendor's proxy or deployment may answer 404 for a moment
NOT_FOUND_GRACE_S = 120  # some vendors do not find a task for half a minute after they accepted it


def dispatch_step(step: StepEvent, services: Services) -> Step:
    """Run one step of a job.

    Returns:
        The job's next step, and the wait before it; FAILED, which ends the execution, when the job's row was deleted.

    Raises:
        ValueError: the step belongs to another function.
    """
    try:
        return _run_step(step, services)
    except JobDeletedError:
        LOG.info("the job was deleted; its execution ends")
        last = end_of_deleted(step.job_id)
        if step.task_token:
            services.workflow.complete_task(step.task_token, last)
        return last


def _run_step(step: StepEvent, services: Services) -> Step:
    match step.action:
        case Action.QUERY:
            return query(step.job_id, services)
        case Action.AWAIT_CALLBACK:
            return await_callback(step.job_id, step.task_token, services)
        case Action.CHECK_OVERDUE:
            return check_overdue(step.job_id, services)
        case Action.RECOVER:
            return recover(step.job_id, step.error.name, services)
        case Action.SUBMIT:
            raise ValueError("submit is SubmitFunction's step: PollerFunction submits no recordings")
        case Action.CONVERT:
            raise ValueError("convert is ConvertFunction's step: PollerFunction has no decoders")


def query(job_id: str, services: Services) -> Step:
    """Query the vendor for the result of the current attempt; end the attempt when its time is over.

    Returns:
        The job's next step; the same query again when its slot is not near.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    job = services.load_job(job_id)
    step = services.next_step(job)
    if step.next is not Next.QUERY:
        settle(job, services)
        return step
    slot = reserve_query_slot(job, services)
    wait_s = 0.0 if slot is None else (slot - services.now()).total_seconds()
    if wait_s > SHORT_WAIT_S:
        return step.model_copy(update={"wait_s": int(wait_s - STARTUP_S)})
    services.sleep(max(0.0, wait_s))
    return services.next_step(settle(_query(job, services), services))


def _query(job: Job, services: Services) -> Outcome:
    """Query the vendor, and count a query without a result."""
    number, failure = job.attempt.number, None
    try:
        outcome, reply = _exchange(job, services)
        if isinstance(outcome, Recognition):
            return Recognized(job, outcome, RawReply.of(reply, services.vendors[job.attempt.vendor]))
    except QueryFailedError as error:
        LOG.warning("query failed", attempt=number, vendor=error.vendor, code=error.code)
        failure = error
    except AsrError as error:
        return AttemptFailed(job, error)
    if reason := _hopeless(job, failure, services):
        return AttemptFailed(job, reason)
    gone = isinstance(failure, InterfaceGoneError)
    return services.update_job(job.job_id, lambda job: job.count_query(number, services.now(), gone=gone))


def await_callback(job_id: str, task_token: str, services: Services) -> Step:
    """Store the token under which the execution waits; complete its task at once when there is no callback to wait for.

    Returns:
        The job's next step.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    job = services.update_job(job_id, lambda job: job.store_task_token(task_token, services.now()))
    step = services.next_step(job)
    if step.next is not Next.CALLBACK:
        settle(job, services)
        services.workflow.complete_task(task_token, step)
    return step


def check_overdue(job_id: str, services: Services) -> Step:
    """End the current attempt if it is overdue, after a callback that did not come or a step that failed.

    Returns:
        The job's next step.

    Raises:
        JobDeletedError: the job's row was deleted.
    """
    job = services.load_job(job_id)
    is_submitted = job.planned and not job.finished and job.attempt.submitted_at is not None
    overdue = is_submitted and _is_overdue(job, services)
    job = settle(AttemptFailed(job, _overdue(job, None)) if overdue else job, services)
    return services.next_step(job)


def _exchange(job: Job, services: Services) -> tuple[InProgress | Recognition, HttpReply]:
    vendor = services.vendors[job.attempt.vendor]

    def query(endpoint: VendorEndpoint) -> tuple[InProgress | Recognition, HttpReply]:
        task_id = job.attempt.vendor_task_id or ""
        request = vendor.query_request(task_id, endpoint, now=int(services.now().timestamp()))
        try:
            reply = services.send(request)
        except AsrError as error:
            raise QueryFailedError(error.error_class, error.code, error.reason, vendor.name) from error
        return vendor.read_query(reply, recognition_request(job)), reply

    return services.call_with_fresh_credentials(vendor, query)


def _hopeless(job: Job, last: QueryFailedError | None, services: Services) -> AsrError | None:
    """Return the error that ends an attempt without a result in sight; None while one may come. last: of this query."""
    if isinstance(last, TaskNotFoundError) and job.attempt.submitted_at:
        waited_s = (services.now() - job.attempt.submitted_at).total_seconds()
        if waited_s > NOT_FOUND_GRACE_S:
            return last
    if isinstance(last, InterfaceGoneError) and job.attempt.address_gone_since:
        gone_s = (services.now() - job.attempt.address_gone_since).total_seconds()
        if gone_s > GONE_GRACE_S:
            return last
    return _overdue(job, last) if _is_overdue(job, services) else None


def _is_overdue(job: Job, services: Services) -> bool:
    vendor = services.vendors[job.attempt.vendor]
    return is_overdue(job, vendor.completion_modes, vendor.result_deadline_s(recognition_request(job)), services.now())


def _overdue(job: Job, last: QueryFailedError | None) -> AsrError:
    reason = Message("NoResultInTime")
    if last:
        reason = Message("NoResultInTime.query-failed", {"reason": last.reason})
    return AsrError(ErrorClass.RETRY, NO_RESULT_IN_TIME, reason, job.attempt.vendor)
