"""A job: one object version on its way to a transcript, and every move it can make.

A job is a plain value. A move takes a job and returns the next one; the store saves it only if nobody else has moved
the job meanwhile (`row_version`). `LIFE_CYCLE` says which moves there are, from which states, to which; a
move from any other state returns the job unchanged. No move leaves COMPLETED, and only an operator's leaves FAILED: a
late failure cannot overwrite a success.

An attempt is planned (`due_at`), claimed (`claimed_at`), submitted (`submitted_at`), ended (`ended_at`), in this order.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import wraps
from itertools import takewhile
from types import MappingProxyType
from typing import Concatenate, ParamSpec, Self

from pydantic import BaseModel, ConfigDict, Field, computed_field

from asrcore.core.audio import Audio
from asrcore.core.choice import ChoiceReason, VendorChoice
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.form import Conversion, Form
from asrcore.core.money import Cost
from asrcore.core.options import Options, RequestedOptions
from asrcore.core.rate_limit import MAX_TRIES, retry_wait_s
from asrcore.core.transcript import AttemptRecord, Source
from asrcore.core.vendor import SHORT_CALL_S

CLAIM_MARGIN_S = 55  # for what SubmitFunction does between a claim and the call to the vendor
DEADLINE_S = 48 * 3600  # a job that has not ended by then ends FAILED
MAX_RESTARTS = 3  # times that a job is picked up again by itself
RESTART_WAIT_S = 30  # before the first; four times as long before each further one


class Status(StrEnum):
    """Amazon Transcribe's words."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


PARTS = "0123456789abcdef"  # of the indexes: by the job id's first digit, so that no part is hot
OPEN = frozenset({Status.QUEUED, Status.IN_PROGRESS})
ENDED = frozenset({Status.COMPLETED, Status.FAILED})
_UNDER_WAY = frozenset({Status.IN_PROGRESS})


@dataclass(frozen=True)
class Move:
    """One row of the life cycle. `by`: the modules of the layer that make the move, and no others."""

    sources: frozenset[Status]
    targets: frozenset[Status]
    by: tuple[str, ...]
    meaning: str


LIFE_CYCLE: Mapping[str, Move] = MappingProxyType(
    {
        "plan": Move(
            frozenset({Status.QUEUED}), _UNDER_WAY, ("planning",), "the recording is understood, and a vendor takes it"
        ),
        "conversion_completed": Move(
            _UNDER_WAY, _UNDER_WAY, ("convert",), "the recording is there in the form that its vendor takes"
        ),
        "conversion_failed": Move(_UNDER_WAY, _UNDER_WAY, ("convert",), "the recording cannot be converted"),
        "conversion_lost": Move(
            _UNDER_WAY, _UNDER_WAY, ("submit",), "the converted recording is gone; it is made again"
        ),
        "assign_slot": Move(_UNDER_WAY, _UNDER_WAY, ("slots",), "the attempt has its place in the vendor's line"),
        "claim": Move(
            _UNDER_WAY, _UNDER_WAY, ("submission",), "somebody is about to submit; nobody else may for a while"
        ),
        "change_edition": Move(
            _UNDER_WAY,
            _UNDER_WAY,
            ("submission",),
            "the account has no right to the edition; the next one is submitted to",
        ),
        "retry_submission": Move(
            _UNDER_WAY, _UNDER_WAY, ("submission",), "the vendor did not answer; the same once more"
        ),
        "submitted": Move(_UNDER_WAY, _UNDER_WAY, ("submission",), "the vendor took the recording"),
        "assign_query_slot": Move(
            _UNDER_WAY, _UNDER_WAY, ("slots",), "many ask the vendor; the question has its place"
        ),
        "count_query": Move(_UNDER_WAY, _UNDER_WAY, ("poll",), "the vendor was asked and has no result yet"),
        "called_back": Move(_UNDER_WAY, _UNDER_WAY, ("callback",), "the vendor has news, and must be asked for them"),
        "callback_unreadable": Move(
            _UNDER_WAY, _UNDER_WAY, ("callback",), "a result could not be read, and the vendor cannot be queried"
        ),
        "store_task_token": Move(_UNDER_WAY, _UNDER_WAY, ("poll",), "the execution waits for the vendor's callback"),
        "attempt_failed": Move(
            _UNDER_WAY,
            frozenset({Status.IN_PROGRESS, Status.FAILED}),
            ("finish",),
            "the attempt ended: the same vendor again, the next one, or nobody is left",
        ),
        "complete": Move(_UNDER_WAY, frozenset({Status.COMPLETED}), ("finish",), "the transcript is stored"),
        "fail": Move(OPEN, frozenset({Status.FAILED}), ("finish",), "the end without a transcript"),
        "restart": Move(OPEN, OPEN, ("restart",), "nobody looked after the job, or a step failed for good"),
        "redrive": Move(
            frozenset({Status.FAILED}), frozenset({Status.QUEUED}), ("restart",), "an operator wants it tried again"
        ),
        "mark_event_published": Move(ENDED, ENDED, ("publication",), "the world was told of the end"),
    }
)

_P = ParamSpec("_P")


def _move(method: "Callable[Concatenate[Job, _P], Job]") -> "Callable[Concatenate[Job, _P], Job]":
    """A method that moves a job as LIFE_CYCLE allows under its name, and otherwise not at all."""
    allowed = LIFE_CYCLE[method.__name__]

    @wraps(method)
    def moved(job: "Job", /, *args: _P.args, **kwargs: _P.kwargs) -> "Job":
        if job.status not in allowed.sources:
            return job
        following = method(job, *args, **kwargs)
        if following.status not in allowed.targets:
            raise RuntimeError(f"{method.__name__} may not lead from {job.status} to {following.status}")
        return following

    return moved


class Attempt(AttemptRecord):
    """One try with one vendor. `number` counts from 1 over the whole job and is part of the callback address."""

    number: int
    planning: int = 1  # which planning of the job it belongs to: a redrive plans anew
    edition: str | None = None  # of the vendor's product, where it has several
    due_at: datetime  # not before
    has_slot: bool = False  # due_at is a slot of the vendor's pace
    slots: int = 0  # how many were taken; one that is missed is taken anew
    claimed_at: datetime | None = None
    claim_s: int = round(SHORT_CALL_S) + CLAIM_MARGIN_S  # seconds for which no other invocation may submit
    claims: int = 0
    waits: int = 0  # for its callback, each in a task of the state machine
    typical_s: int | None = None  # the vendor's usual turnaround for such a recording, as known when it was claimed
    queries: int = 0
    query_slot: datetime | None = None  # a place in the line of those who ask, when that is long
    address_gone_since: datetime | None = None  # queries have met an address that is gone, the last one too
    called_back: bool = False  # with news that must be asked for
    unreadable_callbacks: int = 0  # whose result could not be read
    vendor_task_id: str | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    code: str | None = None
    message: str | None = None

    def record(self) -> AttemptRecord:
        """The attempt as transcripts and readers know it."""
        return AttemptRecord(**{name: getattr(self, name) for name in AttemptRecord.model_fields})


class StoredConversion(Conversion):
    """A conversion, and where its result is stored until the job ends. compute_ms: how long it took."""

    source: Source
    compute_ms: int

    def record(self) -> Conversion:
        """The conversion as transcripts and readers know it."""
        return Conversion(**{name: getattr(self, name) for name in Conversion.model_fields})


class Restart(BaseModel):
    """A time when the job was picked up again, and why."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    reason: str
    by_operator: bool = False


class JobError(BaseModel):
    """Why a job failed; `message` says what to do."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    class_: ErrorClass = Field(alias="class")
    vendor: str | None
    code: str
    message: str


class Job(BaseModel):
    """The row of the jobs table. Times are UTC; `expires_at` is UNIX seconds (DynamoDB's time to live)."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    run: int = 1  # part of the execution's name: a restart or redrive is a new run
    plannings: int = 0  # how often vendors were chosen
    row_version: int = 0
    status: Status = Status.QUEUED
    source: Source
    options: Options = Options()
    requested: RequestedOptions | None = (
        None  # what a request asked for, beside the recording; it wins over all that lies there
    )
    audio: Audio | None = None
    vendor: str | None = None
    choice: VendorChoice | None = None  # why it is this one
    chain: list[str] = []  # vendors to go to, in order, when this one cannot serve
    forms: dict[str, Form] = {}  # that the recording is converted to, by vendor; it takes it as it is without one
    conversion: StoredConversion | None = None  # the last one
    conversion_error: JobError | None = None
    attempts: list[Attempt] = []
    restarts: list[Restart] = []
    task_token: str | None = Field(default=None, repr=False)
    transcript_key: str | None = None
    error: JobError | None = None
    warnings: list[str] = []
    event_published: bool = False  # the event that tells of the end was sent
    cost: Cost | None = None  # of everything until the last end
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    expires_at: int | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def open(self) -> str | None:
        """The part of the index of open jobs that this one is in: somebody must still look after it."""
        return None if self.finished and self.event_published else self.job_id[0]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def part(self) -> str:
        """The part of the index of all jobs that this one is in."""
        return self.job_id[0]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recency(self) -> str:
        """Its place there: no two jobs share one, and of two the later created one is greater."""
        return recency(self.created_at, self.job_id)

    @property
    def finished(self) -> bool:
        """Whether this is the end."""
        return self.status in ENDED

    @property
    def audio_s(self) -> float | None:
        """The recording's length in seconds; None where nobody knows it."""
        length_ms = self.audio.duration_ms if self.audio else None
        return None if length_ms is None else length_ms / 1000

    @property
    def execution_name(self) -> str:
        """The one name under which this run's execution can be started."""
        return f"{self.job_id}-{self.run}"

    @property
    def attempt(self) -> Attempt:
        """The current attempt. Raises LookupError for a job that was not planned."""
        if not self.planned:
            raise LookupError(f"job {self.job_id} has no attempt yet")
        return self.attempts[-1]

    @property
    def planned_audio(self) -> Audio:
        """Return what the probe found in the recording. Raises LookupError for a job that was not planned."""
        if self.audio is None:
            raise LookupError(f"job {self.job_id} was never planned")
        return self.audio

    @property
    def recoveries(self) -> int:
        """How often the job was picked up again by itself, since an operator last did."""
        by_itself = takewhile(lambda restart: not restart.by_operator, reversed(self.restarts))
        return sum(1 for _ in by_itself)

    @property
    def planned(self) -> bool:
        """Whether the current run has an attempt: its recording is understood, and a vendor was chosen."""
        return self.status is not Status.QUEUED and bool(self.attempts)

    @property
    def form(self) -> Form | None:
        """The form that the current attempt's vendor needs; None for the recording as it is."""
        return self.forms.get(self.attempt.vendor) if self.planned else None

    @property
    def converted(self) -> StoredConversion | None:
        """The conversion that the current attempt is about; None for one about the recording itself."""
        fits = self.form is not None and self.conversion is not None and self.conversion.form == self.form.name
        return self.conversion if fits else None

    @property
    def awaits_conversion(self) -> bool:
        """Whether the current attempt cannot be submitted before the recording is converted."""
        if self.form is None or self.conversion_error is not None:
            return False
        return self.converted is None and self.attempt.submitted_at is None

    def _moved(self, now: datetime, **changes: object) -> Self:
        return self.model_copy(update={**changes, "updated_at": now})

    def _attempt_moved(self, now: datetime, **changes: object) -> Self:
        return self._moved(now, attempts=[*self.attempts[:-1], self.attempt.model_copy(update=changes)])

    def _warned(self, warnings: list[str], now: datetime) -> Self:
        new = [warning for warning in warnings if warning not in self.warnings]
        return self._moved(now, warnings=[*self.warnings, *new])

    def _next_attempt(self, vendor: str, due_at: datetime) -> list[Attempt]:
        return [
            *self.attempts,
            Attempt(number=len(self.attempts) + 1, planning=self.plannings, vendor=vendor, due_at=due_at),
        ]

    @_move
    def plan(
        self,
        source: Source,
        audio: Audio,
        options: Options,
        *,
        vendors: list[str],
        warnings: list[str],
        now: datetime,
        choice: VendorChoice | None = None,
        forms: Mapping[str, Form] = MappingProxyType({}),
    ) -> "Job":
        """The recording is known and at least one vendor takes it: the first of `vendors` is next.

        forms: by vendor, the form that it takes the recording in, where it does not take it as it is.
        """
        first = self.model_copy(update={"plannings": self.plannings + 1})
        return first._moved(
            now,
            status=Status.IN_PROGRESS,
            source=source,
            audio=audio,
            options=options,
            vendor=vendors[0],
            choice=choice,
            chain=vendors[1:],
            forms=dict(forms),
            attempts=first._next_attempt(vendors[0], now),
            warnings=warnings,
        )

    @_move
    def conversion_completed(self, made: StoredConversion, warning: str, now: datetime) -> "Job":
        """Note the recording in another form; a length that the recording does not tell is that of what was made."""
        if self.form is None or self.form.name != made.form or self.converted is not None:
            return self
        warned = self._warned([warning], now)._moved(now, conversion=made)
        if self.audio is None or self.audio.duration_ms is not None:
            return warned
        return warned._moved(now, audio=self.audio.model_copy(update={"duration_ms": made.audio.duration_ms}))

    @_move
    def conversion_failed(self, form: Form, error: AsrError, now: datetime) -> "Job":
        """Note why the recording cannot be converted; the submit step ends the job with it."""
        if self.form != form or self.converted is not None:
            return self
        failure = JobError(class_=error.error_class, vendor=None, code=error.code, message=error.message)
        return self._moved(now, conversion_error=failure)

    @_move
    def conversion_lost(self, now: datetime) -> "Job":
        """Forget a conversion whose result is gone: it is made again."""
        return self._moved(now, conversion=None)

    @_move
    def assign_slot(self, slot: datetime, now: datetime) -> "Job":
        """The attempt has its place in the vendor's line; standing in a long line does not use up the job's time."""
        deadline_at = max(self.deadline_at, slot + timedelta(seconds=DEADLINE_S))
        slots = self.attempt.slots + 1
        return self._attempt_moved(now, due_at=slot, has_slot=True, slots=slots)._moved(now, deadline_at=deadline_at)

    @_move
    def claim(
        self,
        vendor_task_id: str | None,
        warnings: list[str],
        now: datetime,
        *,
        longest_call_s: float = SHORT_CALL_S,
        edition: str | None = None,
        typical_s: int | None = None,
    ) -> "Job":
        """Claim the attempt: no other invocation may submit it until the vendor's longest call has surely ended.

        vendor_task_id: the one that the submission will have, where we choose it: written down first, it is known
        whatever happens then.  warnings: what this vendor cannot honour.  longest_call_s: of the vendor.
        edition: which one of the vendor's product is submitted to.  typical_s: what the vendor usually takes.
        """
        claimed = self._attempt_moved(
            now,
            claimed_at=now,
            claim_s=claim_s(longest_call_s),
            claims=self.attempt.claims + 1,
            vendor_task_id=vendor_task_id,
            edition=edition,
            typical_s=typical_s,
        )
        return claimed._warned(warnings, now)

    @_move
    def change_edition(
        self, number: int, edition: str, vendor_task_id: str | None, warnings: list[str], now: datetime
    ) -> "Job":
        """Note the edition that attempt `number` is submitted to next, with its task id, before it is submitted."""
        if self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        return self._attempt_moved(now, edition=edition, vendor_task_id=vendor_task_id)._warned(warnings, now)

    @_move
    def retry_submission(self, number: int, now: datetime, retry_after_s: float = 0) -> "Job":
        """The vendor did not answer to attempt `number`, which can be repeated without harm: once more, later."""
        if self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        due_at = now + timedelta(seconds=retry_wait_s(self.job_id, self.attempt.claims, retry_after_s))
        return self._attempt_moved(now, due_at=due_at, has_slot=False)

    @_move
    def submitted(self, number: int, vendor_task_id: str, now: datetime) -> "Job":
        """The vendor took attempt `number`."""
        if self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        return self._attempt_moved(now, vendor_task_id=vendor_task_id, submitted_at=now)

    @_move
    def count_query(self, number: int, now: datetime, *, gone: bool = False) -> "Job":
        """Count a query that brought no result yet. gone: the vendor's address was not there."""
        if self.attempt.number != number:
            return self
        address_gone_since = (self.attempt.address_gone_since or now) if gone else None
        return self._attempt_moved(
            now, queries=self.attempt.queries + 1, query_slot=None, address_gone_since=address_gone_since
        )

    @_move
    def assign_query_slot(self, number: int, slot: datetime, now: datetime) -> "Job":
        """The question about attempt `number` has its place in the line of those who ask."""
        return self if self.attempt.number != number else self._attempt_moved(now, query_slot=slot)

    @_move
    def called_back(self, number: int, now: datetime) -> "Job":
        """The vendor of attempt `number` has news: no callback is waited for any more, it is asked."""
        return self if self.attempt.number != number else self._attempt_moved(now, called_back=True)

    @_move
    def callback_unreadable(self, number: int, now: datetime) -> "Job":
        """The result in a callback for attempt `number` could not be read, and the vendor cannot be queried."""
        if self.attempt.number != number:
            return self
        return self._attempt_moved(now, unreadable_callbacks=self.attempt.unreadable_callbacks + 1)

    @_move
    def store_task_token(self, task_token: str, now: datetime) -> "Job":
        """The execution waits for a callback under this token."""
        return self._attempt_moved(now, waits=self.attempt.waits + 1)._moved(now, task_token=task_token)

    @_move
    def attempt_failed(self, number: int, error: AsrError, followers: Sequence[str], now: datetime) -> "Job":
        """Attempt `number` ended: the same vendor again, the first of `followers`, or the end of the job.

        After the job's deadline no other attempt is begun.

        followers: the vendors of the chain that this error leaves a chance to, in order.
        """
        if self.attempt.number != number:
            return self
        told = {"ended_at": now, "outcome": str(error.error_class), "code": error.code, "message": error.message}
        ended = self._attempt_moved(now, **told)
        vendor = self.attempt.vendor
        tries = sum(attempt.vendor == vendor and attempt.planning == self.plannings for attempt in self.attempts)
        in_time = now < self.deadline_at
        if in_time and error.error_class is ErrorClass.RETRY and tries < MAX_TRIES:
            due_at = now + timedelta(seconds=retry_wait_s(self.job_id, tries, error.retry_after_s))
            return ended._moved(now, attempts=ended._next_attempt(vendor, due_at))
        if in_time and followers:
            following, chain = followers[0], list(followers[1:])
            choice = VendorChoice(code=ChoiceReason.FAILOVER, params={"vendor": vendor, "error_code": error.code})
            attempts = ended._next_attempt(following, now)
            return ended._moved(now, vendor=following, choice=choice, chain=chain, attempts=attempts)
        return ended.fail(error, now)

    @_move
    def fail(self, error: AsrError, now: datetime) -> "Job":
        """The end without a transcript; when more than one attempt was made, the error tells of all of them."""
        story = [
            f"attempt {each.number}, {each.vendor}: {each.code} ({each.outcome})" for each in self.attempts if each.code
        ]
        message = "\n".join([error.message, "What was tried:", *story]) if len(story) > 1 else error.message
        failure = JobError(class_=error.error_class, vendor=error.vendor, code=error.code, message=message)
        return self._moved(now, status=Status.FAILED, error=failure)

    @_move
    def complete(
        self,
        vendor_task_id: str | None,
        transcript_key: str,
        warnings: list[str],
        now: datetime,
        *,
        duration_ms: int | None = None,
    ) -> "Job":
        """The end with a transcript, which is stored already. duration_ms: the length that the vendor tells."""
        done = self._attempt_moved(
            now,
            vendor_task_id=self.attempt.vendor_task_id or vendor_task_id,
            submitted_at=self.attempt.submitted_at or self.attempt.claimed_at,
            ended_at=now,
            outcome="completed",
        )
        if self.audio and self.audio.duration_ms is None:
            done = done._moved(now, audio=self.audio.model_copy(update={"duration_ms": duration_ms}))
        return done._moved(
            now, status=Status.COMPLETED, transcript_key=transcript_key, warnings=[*self.warnings, *warnings]
        )

    @_move
    def restart(self, reason: str, now: datetime, *, fresh: bool = True) -> "Job":
        """The job goes on from where it stands: in a new run (fresh), or in its own, which met something unforeseen."""
        restarts = [*self.restarts, Restart(at=now, reason=reason)]
        return self._moved(now, run=self.run + fresh, restarts=restarts, task_token=None)

    @_move
    def redrive(self, reason: str, now: datetime) -> "Job":
        """Tried again from the start, in a new run; what was tried before stays on the job."""
        return self._moved(
            now,
            status=Status.QUEUED,
            run=self.run + 1,
            restarts=[*self.restarts, Restart(at=now, reason=reason, by_operator=True)],
            task_token=None,
            error=None,
            conversion=None,
            conversion_error=None,
            event_published=False,
            expires_at=None,
            deadline_at=now + timedelta(seconds=DEADLINE_S),
        )

    @_move
    def mark_event_published(self, expires_at: int, cost: Cost | None = None) -> "Job":
        """The world was told of the end, and of its cost; from now on the row may be forgotten at `expires_at`."""
        return self.model_copy(update={"event_published": True, "expires_at": expires_at, "cost": cost})

    def free_from(self) -> datetime:
        """From when the current attempt may be submitted: its turn has come, and no claim on it stands.

        Under a task id of ours a second submission is no second task: there, no claim needs to be waited for.
        """
        attempt = self.attempt
        if attempt.claimed_at is None or attempt.vendor_task_id is not None:
            return attempt.due_at
        return max(attempt.due_at, attempt.claimed_at + timedelta(seconds=attempt.claim_s))

    def claim_left_s(self, now: datetime) -> float:
        """Return the seconds until the claim on the current attempt ends; 0 without a claim."""
        claimed_at = self.attempt.claimed_at
        return (claimed_at - now).total_seconds() + self.attempt.claim_s if claimed_at else 0.0

    def restart_wait_s(self) -> float:
        """Seconds before a job that met something unforeseen goes on: longer each time."""
        return float(RESTART_WAIT_S * 4 ** max(0, self.recoveries - 1))


def claim_s(longest_call_s: float) -> int:
    """Return the seconds of a claim on an attempt, by the longest call of its vendor."""
    return math.ceil(longest_call_s) + CLAIM_MARGIN_S


def job_id(source: Source) -> str:
    """The id of an object version's job: the same for a redelivered event, another for a changed object.

    From bucket, key and version id; without versioning, ETag and sequencer. Never from the time.
    """
    version = [source.version_id] if source.version_id else [source.etag, source.sequencer]
    return hashlib.sha256("\n".join([source.bucket, source.key, *version]).encode()).hexdigest()[:32]


def recency(created_at: datetime, job_id: str = "") -> str:
    """The place of a job in the order of creation, as text that sorts so; without an id, the first of that moment."""
    # Not by strftime, which leaves zeros out of early years.
    moment = created_at.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z#{job_id}"


def new_job(source: Source, now: datetime, requested: RequestedOptions | None = None) -> Job:
    """The job of an object version that was just seen, or asked for."""
    return Job(
        job_id=job_id(source),
        source=source,
        requested=requested,
        created_at=now,
        updated_at=now,
        deadline_at=now + timedelta(seconds=DEADLINE_S),
    )
