"""The state machine's steps: ask a vendor, wait for its callback, and pick up what nobody foresaw."""

from datetime import timedelta

from asrcore.core.errors import AsrError, ErrorClass, InterfaceGoneError, QueryFailedError, TaskNotFoundError
from asrcore.core.job import Job
from asrcore.core.rate_limit import AHEAD_S, EARLY_S, LATE_S, SHORT_WAIT_S
from asrcore.core.step import Next, Step, is_overdue
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import HttpReply, InProgress, VendorEndpoint
from asrcore.events import Action, StepEvent
from asrcore.finish import Raw, announce, attempt_failed, finish
from asrcore.log import LOG
from asrcore.restart import recover
from asrcore.services import Services, recognition_request

GONE_GRACE_S = 120  # a proxy or a deployment of the vendor's may answer 404 for a moment
NOT_FOUND_GRACE_S = 120  # some vendors do not know a task yet, for half a minute after they took it


def dispatch_step(step: StepEvent, services: Services) -> Step:
    """Do one step of one job; the answer tells the state machine what to do next, and when."""
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
            raise ValueError("submit is SubmitFunction's step: PollerFunction does not hand recordings over")
        case Action.CONVERT:
            raise ValueError("convert is ConvertFunction's step: PollerFunction has no decoders")


def query(job_id: str, services: Services) -> Step:
    """Ask the vendor for the result of the current attempt; give the attempt up when its time is over."""
    job = _load(job_id, services)
    step = services.next_step(job)
    if step.next is not Next.QUERY:
        return _ended(job, services, step)
    wait_s = _wait_for_turn_s(job, services)
    if wait_s > SHORT_WAIT_S:
        return step.model_copy(update={"wait_s": int(wait_s - EARLY_S)})
    services.sleep(max(0.0, wait_s))
    return services.next_step(_question(job, services))


def _question(job: Job, services: Services) -> Job:
    """Ask, and note what was said."""
    number, failure = job.attempt.number, None
    try:
        outcome, reply = _ask(job, services)
        if isinstance(outcome, Recognition):
            return finish(job, outcome, Raw.of(reply, services.vendors[job.attempt.vendor]), services)
    except QueryFailedError as error:
        LOG.warning("a query failed", attempt=number, vendor=error.vendor, code=error.code)
        failure = error
    except AsrError as error:
        return attempt_failed(job, error, services)
    if given_up := _given_up(job, failure, services):
        return attempt_failed(job, given_up, services)
    gone = isinstance(failure, InterfaceGoneError)
    return services.update_job(job.job_id, lambda job: job.count_query(number, services.now(), gone=gone))


def await_callback(job_id: str, task_token: str, services: Services) -> Step:
    """Keep the token under which the execution waits; if there is nothing to wait for any more, wake it at once."""
    job = services.update_job(job_id, lambda job: job.store_task_token(task_token, services.now()))
    step = services.next_step(job)
    if step.next is not Next.CALLBACK:
        services.workflow.wake(task_token, _ended(job, services, step))
    return step


def check_overdue(job_id: str, services: Services) -> Step:
    """No callback came in time, or a step failed for good: what is next, or the end of an attempt that is overdue."""
    job = _load(job_id, services)
    if not job.planned or job.finished or job.attempt.submitted_at is None:
        return _ended(job, services, services.next_step(job))
    if _is_overdue(job, services):
        job = attempt_failed(job, _overdue(job, None), services)
    return services.next_step(job)


def _load(job_id: str, services: Services) -> Job:
    return services.update_job(job_id, lambda job: job)


def _ended(job: Job, services: Services, step: Step) -> Step:
    announce(job, services)
    return step


def _wait_for_turn_s(job: Job, services: Services) -> float:
    """Seconds until the vendor may be asked: some count questions, with or without submissions."""
    attempt, now = job.attempt, services.now()
    pace = services.settings.query_rate_limit(attempt.vendor)
    if pace is None:
        return 0.0
    slot = attempt.query_slot
    if slot is None or (now - slot).total_seconds() > LATE_S:
        slot = services.jobs.reserve_slot(f"{attempt.vendor}#query", pace, now + timedelta(seconds=AHEAD_S)) or now
        if (slot - now).total_seconds() > SHORT_WAIT_S:
            services.update_job(job.job_id, lambda job: job.assign_query_slot(attempt.number, slot, now))
    return (slot - services.now()).total_seconds()


def _ask(job: Job, services: Services) -> tuple[InProgress | Recognition, HttpReply]:
    vendor = services.vendors[job.attempt.vendor]

    def ask(endpoint: VendorEndpoint) -> tuple[InProgress | Recognition, HttpReply]:
        task_id = job.attempt.vendor_task_id or ""
        request = vendor.query_request(task_id, endpoint, now=int(services.now().timestamp()))
        try:
            reply = services.send(request)
        except AsrError as error:
            raise QueryFailedError(error.error_class, error.code, error.message, vendor.name) from error
        return vendor.read_query(reply, recognition_request(job)), reply

    return services.call_with_fresh_credentials(vendor, ask)


def _given_up(job: Job, last: QueryFailedError | None, services: Services) -> AsrError | None:
    """The error that ends an attempt of which no result is to be expected; None where one is. last: of this query."""
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
    said = f" The last query failed: {last.message}" if last else ""
    message = f"the vendor gave no result in the time it promises; if it persists, see its status page.{said}"
    return AsrError(ErrorClass.RETRY, "NoResultInTime", message, job.attempt.vendor)
