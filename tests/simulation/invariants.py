"""The invariants that hold at the end of every schedule, with any faults."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

from asrcore.core.backoff import MAX_ATTEMPTS
from asrcore.core.errors import NO_RESULT_IN_TIME
from asrcore.core.form import CONVERTED
from asrcore.core.job import Attempt, Job, Status
from asrcore.core.polling import CALLBACK_DEADLINE_S
from asrcore.vendors.registry import VENDORS
from tests.simulation.state_machine import MOST_EVENTS
from tests.simulation.world import KEY, PRICE, TRANSCRIPTS, Charge, World
from tests.support.fake_aws import Item
from tests.support.table import totals_rows

STAYING = {"length_ms", "usd", "cny"}  # in the totals, when a job is deleted
BILLION = 10**9  # of a cost's unit, in the totals
MAIN = f"transcripts/{KEY}.json"


def violations(world: World) -> list[str]:
    """Return a message for every broken invariant; empty when all hold."""
    return [
        f"{check.__name__.removeprefix('_').replace('_', ' ')}: {what}" for check in CHECKS for what in check(world)
    ]


def _every_object_has_a_job_or_a_queued_event(world: World) -> Iterator[str]:
    """Every version with an S3 event has a job, or its event is in the failed events' queue."""
    jobs = {job.source.version_id for job in world.jobs.values()}
    queued = {
        record["s3"]["object"]["versionId"] for event in world.failed_events for record in event.get("Records", [])
    }
    deleted = {f"v{version}" for _, version in world.schedule.events if world.id_of(version) in world.deleted}
    for version in sorted({f"v{version}" for _, version in world.schedule.events} - jobs - queued - deleted):
        yield f"version {version} has neither a job nor an event in the queue"


def _every_accepted_object_ends_completed_or_failed(world: World) -> Iterator[str]:
    """Every job has ended and its end is published; nothing runs or waits, and no execution's history was full."""
    for job in world.jobs.values():
        if not job.finished:
            yield f"{_name(job)} is still {job.status}"
        elif not job.event_published:
            yield f"{_name(job)} ended, but its end was not published"
    for execution in world.machine.executions.values():
        if execution.running:
            yield f"execution {execution.name} still runs, in {execution.state}"
        if execution.events > MOST_EVENTS:
            yield f"execution {execution.name} has a history of {execution.events} events"
    for name in world.machine.waiting_tokens:
        yield f"execution {name} waits for a token"


def _an_end_is_final(world: World) -> Iterator[str]:
    """A finished job does not change, and the published event has its result."""
    yield from world.broken
    told = {"COMPLETED": "Transcript Completed", "FAILED": "Transcript Failed"}
    for job in world.jobs.values():
        ends = {what for what, detail in world.bus.published if detail["job_id"] == job.job_id}
        if job.job_id in world.deleted:  # S3's event came again: the job is a new one, without a recording
            continue
        if job.finished and ends != (set() if job.superseded else {told[job.status]}):
            yield f"{_name(job)} is {job.status}, but published was {sorted(ends)}"


def _an_empty_version_fails_only_without_content(world: World) -> Iterator[str]:
    """An empty version with a newer one within its rest is closed as superseded; without one it is no recording."""
    for job in world.jobs.values():
        number = int((job.source.version_id or "v0")[1:])
        newer_at = world.written_at.get(number + 1)
        if job.superseded and (number not in world.schedule.empty or newer_at is None):
            yield f"{_name(job)} is superseded, but by nothing"
        if job.status is Status.COMPLETED and number in world.schedule.empty:
            yield f"{_name(job)} is empty and COMPLETED"
        is_empty = job.error is not None and job.error.code == "EmptyObject"
        if is_empty and (job.rests_until is None or (newer_at is not None and newer_at < job.rests_until)):
            yield f"{_name(job)} failed as empty before its content could follow"


def _latest_transcript_is_stored(world: World) -> Iterator[str]:
    """Each completed job's transcript is where its row says, or a newer version's is."""
    completed = [job for job in world.jobs.values() if job.status is Status.COMPLETED]
    for job in completed:
        body = world.s3.newest(TRANSCRIPTS, job.transcript_key or "")
        if body is None:
            yield f"{_name(job)} has no transcript at {job.transcript_key}"
            continue
        found = json.loads(body)["source"]
        if found["version_id"] != job.source.version_id and found["sequencer"] < job.source.sequencer:
            yield f"the transcript of {_name(job)} was replaced by that of version {found['version_id']}"
        if job.reused is None and world.s3.newest(TRANSCRIPTS, f"raw/{job.job_id}.json") is None:
            yield f"{_name(job)} has lost its vendor's reply"
    main = world.s3.newest(TRANSCRIPTS, MAIN)
    newest = max((job.source.sequencer for job in completed), default=None)
    if newest and (main is None or json.loads(main)["source"]["sequencer"] < newest):
        yield f"{MAIN} is not of the newest version"


def _a_transcript_is_of_its_own_bytes(world: World) -> Iterator[str]:
    """Each stored transcript is the vendor's of the version's bytes; a reused one is of a version with equal bytes."""
    stored = [
        json.loads(version.body)
        for (bucket, key), versions in world.s3.objects.items()
        if bucket == TRANSCRIPTS and key.endswith(".json") and not key.startswith("raw/")
        for version in versions
    ]
    for found in stored:
        version = int(found["source"]["version_id"].removeprefix("v"))
        # A toy's transcript is always the same.
        if found["vendor"] in VENDORS and not found["text"].endswith(world.mark(version)):
            yield f"the transcript of version {version} is of other bytes: {found['text']}"
    for job in world.jobs.values():
        if job.status is not Status.COMPLETED:
            continue
        was_submitted = any(charge.job_id == job.job_id for charge in world.charges)
        if was_submitted == (job.reused is not None):
            yield f"{_name(job)} was submitted: {was_submitted}, and has the result of {job.reused}"
        earlier = world.jobs[job.reused] if job.reused else job
        if world.mark(_number(earlier)) != world.mark(_number(job)):
            yield f"{_name(job)} has the result of other bytes"


def _an_early_end_stays(world: World) -> Iterator[str]:
    """A cancelled job stays Cancelled, a deleted one is gone; without faults neither has a result."""
    for job in world.jobs.values():
        if world.ended_early and _number(job) == 1 and (job.error is None or job.error.code != "Cancelled"):
            yield f"{_name(job)} was cancelled and is {job.status}"
        has_result = world.s3.newest(TRANSCRIPTS, f"raw/{job.job_id}.json") is not None
        if job.withdrawn and has_result and not world.schedule.faults:
            yield f"{_name(job)} was ended early and has a result"
    for job_id in world.deleted if not world.schedule.faults else ():
        if job_id in world.jobs or world.s3.newest(TRANSCRIPTS, f"raw/{job_id}.json") is not None:
            yield f"job {job_id} was deleted, and something of it is left"


def _totals_equal_the_rows(world: World) -> Iterator[str]:
    """The totals are the sum of the jobs' rows, as they are stored; what a deleted job has cost stays in them."""
    rows, totals = Counter[str](), Counter[str]()
    for item in world.table.items.values():
        if "row_version" in item:
            rows.update(_added_to_totals(item))
    for each in totals_rows(world.table.items):
        totals.update(each)
    for name in sorted({*rows, *totals}):
        added, found = rows[name], totals[name]
        if found < added or (found > added and not (world.deleted and name in STAYING)):
            yield f"{name} is {found}, and the rows add up to {added}"


def _added_to_totals(row: Item) -> dict[str, int]:
    """Return what a job's row adds: itself, the length of a transcribed recording, and its known costs."""
    status, cost = row["status"]["S"], row.get("cost", {}).get("M")
    audio = row.get("audio", {}).get("M", {}) if status == "COMPLETED" else {}
    amounts = [each["M"] for each in (cost["aws"], *cost["vendors"]["M"].values())] if cost else []
    in_billionths = {name: round(sum(float(each[name]["N"]) for each in amounts) * BILLION) for name in ("usd", "cny")}
    return {status: 1, "length_ms": int(audio.get("duration_ms", {}).get("N", 0)), **in_billionths}


def _converted_recordings_are_deleted(world: World) -> Iterator[str]:
    """A job's converted recording is deleted at its end, unless an invocation that ended later wrote it."""
    if world.schedule.faults or world.schedule.strikes or world.schedule.throttled or world.schedule.ends:
        return
    for bucket, key in world.s3.objects:
        if key.startswith(CONVERTED):
            yield f"{key} is still in {bucket}"


def _no_attempt_is_submitted_twice(world: World) -> Iterator[str]:
    """A second task of a job belongs to a new attempt after a failed one, or to the crash window."""
    for job in world.jobs.values():
        charges = [charge for charge in world.charges if charge.job_id == job.job_id]
        for number, earlier in enumerate(charges[:-1]):
            if not _may_be_repeated(world, job, earlier, charges[number + 1]):
                yield f"{_name(job)}: task {charges[number + 1].task.task_id} beside {earlier.task.task_id}"


def _may_be_repeated(world: World, job: Job, earlier: Charge, later: Charge) -> bool:
    attempt = _attempt_of(job, earlier)
    fell_into_window = any(point >= earlier.point for point in earlier.invocation.faulted_at)
    if world.vendors[earlier.task.vendor].profile.client_task_ids:
        fell_into_window = attempt is not None and attempt.claims >= MAX_ATTEMPTS
    if attempt is None or earlier.attempt == later.attempt:
        return fell_into_window
    in_time = any(wait_s < CALLBACK_DEADLINE_S for wait_s in world.schedule.callbacks)
    news_were_lost = bool(world.schedule.faults or world.schedule.throttled) or not in_time
    gave_up = attempt.code == NO_RESULT_IN_TIME and news_were_lost
    return attempt.ended_at is not None and bool(
        earlier.task.failure or earlier.task.word == "never" or gave_up or fell_into_window
    )


def _every_charge_has_an_attempt(world: World) -> Iterator[str]:
    """Each task belongs to an attempt that the job submitted to that vendor, with that task's id where it is known."""
    kept = [charge for charge in world.charges if charge.job_id not in world.deleted]
    for charge in kept:
        job = world.jobs[charge.job_id]
        attempt = _attempt_of(job, charge)
        if attempt is None or attempt.claimed_at is None or attempt.vendor != charge.task.vendor:
            yield f"{_name(job)} does not know of task {charge.task.task_id} of {charge.task.vendor}"
    if not world.schedule.faults:
        noted = [
            (attempt.vendor, attempt.vendor_task_id or "") for job in world.jobs.values() for attempt in job.attempts
        ]
        for charge in kept:
            task = charge.task
            if not any(vendor == task.vendor and task_id.endswith(task.task_id) for vendor, task_id in noted):
                yield f"task {charge.task.task_id} is nowhere noted"


def _the_budget_is_what_jobs_have_reserved(world: World) -> Iterator[str]:
    """The budget's rows are the sum of what the rows of all jobs held: nothing is lost or doubled, no entry is left."""
    months = {key: item for key, item in world.table.items.items() if key.startswith("budget#2")}
    held = world.spent_by_deleted + sum(each.total for each in world.reservations.values())
    for of_uploader in (False, True):
        spent = sum(int(item["spent"]["N"]) for key, item in months.items() if (key.count("#") > 1) == of_uploader)
        if spent != held and (world.schedule.uploader_budget or not of_uploader):
            yield f"the budget's rows have {spent}, the jobs' rows {held}"
    for item in months.values():
        yield from (f"{name} is left" for name in item if name.startswith("entry_"))


def _reservations_become_what_vendors_charge(world: World) -> Iterator[str]:
    """At its end, a job has reserved the price of each attempt that its vendors accepted and did not fail.

    An attempt in the crash window may be missing: the vendor accepted it, and no invocation noted that. So may one
    whose job was ended early before the vendor answered: the answer is discarded. An attempt without a result in time
    is reserved, too: the vendor may have failed it, and does not report that.
    """
    for job in world.jobs.values():
        accepted = [each for each in world.charges if each.job_id == job.job_id and not each.task.failure]
        given_up = {attempt.number for attempt in job.attempts if attempt.code == NO_RESULT_IN_TIME}
        most = len(given_up.union(each.attempt for each in accepted)) * PRICE
        noted = {
            each.attempt
            for each in accepted
            if not any(at >= each.point for at in each.invocation.faulted_at)
            and not (job.withdrawn and (each.invocation.faulted_at or world.vendors[each.task.vendor].profile.call_s))
        }
        held = job.reservation.total
        if job.reservation.entries and not len(noted) * PRICE <= held <= most:
            yield f"{_name(job)} has reserved {held} and is charged {most}"


def _no_more_is_submitted_than_the_budget_allows(world: World) -> Iterator[str]:
    """On each day as many recordings are charged as the budget has room for, beside those reserved on an earlier day.

    Attempts in the crash window are charged beyond that: a job counts once.
    """
    most = world.schedule.budget or world.schedule.uploader_budget
    if not most or world.schedule.raised:
        return
    charged = {(charge.day, charge.job_id) for charge in world.charges if not charge.task.failure}
    for day in {day for day, _ in charged}:
        jobs = [job_id for of_day, job_id in charged if of_day == day]
        earlier = [job_id for job_id in jobs if min(world.reservations[job_id].days, default=day) < day]
        if len(jobs) - len(earlier) > most:
            yield f"{len(jobs)} recordings are charged on {day}"


def _no_used_place_of_a_day_is_given_back(world: World) -> Iterator[str]:
    """Each day of a vendor with a daily limit counts at least the attempts that were submitted on it."""
    submitted = {(charge.task.vendor, charge.day, charge.job_id, charge.attempt) for charge in world.charges}
    for key, item in world.table.items.items():
        if not key.startswith("limiter#") or "taken" not in item:
            continue
        vendor, day = key.split("#")[1:]
        used = sum((of_vendor, str(of_day)) == (vendor, day) for of_vendor, of_day, *_ in submitted)
        if int(item["taken"]["N"]) < used:
            yield f"{day} of {vendor} counts {item['taken']['N']} of {used} submissions"


def _no_function_fails_without_a_fault(world: World) -> Iterator[str]:
    """Without faults, no function failed."""
    yield from world.unforeseen


CHECKS: tuple[Callable[[World], Iterator[str]], ...] = (
    _every_object_has_a_job_or_a_queued_event,
    _every_accepted_object_ends_completed_or_failed,
    _an_end_is_final,
    _an_empty_version_fails_only_without_content,
    _latest_transcript_is_stored,
    _a_transcript_is_of_its_own_bytes,
    _an_early_end_stays,
    _totals_equal_the_rows,
    _converted_recordings_are_deleted,
    _no_attempt_is_submitted_twice,
    _every_charge_has_an_attempt,
    _the_budget_is_what_jobs_have_reserved,
    _reservations_become_what_vendors_charge,
    _no_more_is_submitted_than_the_budget_allows,
    _no_used_place_of_a_day_is_given_back,
    _no_function_fails_without_a_fault,
)


def _number(job: Job) -> int:
    return int((job.source.version_id or "").removeprefix("v"))


def _name(job: Job) -> str:
    return f"the job of version {job.source.version_id}"


def _attempt_of(job: Job, charge: Charge) -> Attempt | None:
    return next((attempt for attempt in job.attempts if attempt.number == charge.attempt), None)
