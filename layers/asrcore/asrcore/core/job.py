"""A job: one object version on its way to a transcript, and every move that changes it.

A job is an immutable value. A move takes a job and returns the next one; the store saves it only if no other invocation
has saved the job since it was read (`row_version`). `LIFE_CYCLE` lists the moves, the statuses from which each starts
and to which it leads; from any other status a move returns the job unchanged. No move leaves COMPLETED, and only an
operator's redrive leaves FAILED: a late failure cannot overwrite a success.

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

from asrcore.core.audio import Audio, with_measured_length
from asrcore.core.backoff import MAX_ATTEMPTS, attempt_wait_s
from asrcore.core.budget import BudgetEntry, BudgetLimit, Reservation
from asrcore.core.choice import ChoiceReason, VendorChoice
from asrcore.core.errors import OBJECT_REPLACED, AsrError, ErrorClass
from asrcore.core.form import Conversion, Form
from asrcore.core.money import Cost
from asrcore.core.options import Options, RequestedOptions
from asrcore.core.recording_keys import file_name, fold_name, is_upload
from asrcore.core.totals import Counted
from asrcore.core.transcript import AttemptRecord, Correction, Source
from asrcore.core.vendor import SHORT_CALL_S, RecognitionRequest
from asrcore.messages import Language, Message, render_stored
from asrcore.messages.stored import Params, StoredMessage

CLAIM_MARGIN_S = 55  # for what SubmitFunction does between a claim and the call to the vendor
WITHDRAWN = frozenset({"Cancelled", "Withdrawn"})  # codes of jobs that were ended early
EMPTY_REST_S = 30  # mounted buckets and some SDKs write an empty object first, and the content seconds later
DEADLINE_S = 48 * 3600  # a job that has not ended by then ends FAILED


class Status(StrEnum):
    """The status of a job, in Amazon Transcribe's words."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


PARTS = "0123456789abcdef"  # of the indexes: by the job id's first digit, so that no part is hot
# Of the index of open jobs: those that wait for the budget, by its limit, and those that have waited for it.
BUDGET_PARTS = MappingProxyType({limit: f"budget#{limit}" for limit in BudgetLimit})
AFTER_BUDGET = "budget#over"
OPEN = frozenset({Status.QUEUED, Status.IN_PROGRESS})
ENDED = frozenset({Status.COMPLETED, Status.FAILED})
_IN_PROGRESS = frozenset({Status.IN_PROGRESS})


@dataclass(frozen=True)
class Move:
    """One row of the life cycle: the statuses a move starts from, those it leads to, and what happened."""

    sources: frozenset[Status]
    targets: frozenset[Status]
    meaning: str


def _within_attempt(meaning: str) -> Move:
    return Move(_IN_PROGRESS, _IN_PROGRESS, meaning)


LIFE_CYCLE: Mapping[str, Move] = MappingProxyType(
    {
        "rest": Move(
            frozenset({Status.QUEUED}),
            frozenset({Status.QUEUED}),
            "the object is empty; a newer version with the content may follow",
        ),
        "wait_for_budget": Move(_IN_PROGRESS, OPEN, "the budget is used up; the job waits until the next day or month"),
        "end_budget_wait": Move(
            frozenset({Status.QUEUED}), frozenset({Status.QUEUED}), "the budget has room again before that"
        ),
        "plan": Move(frozenset({Status.QUEUED}), _IN_PROGRESS, "the recording was probed, and a vendor accepts it"),
        "reuse": Move(
            frozenset({Status.QUEUED}), frozenset({Status.COMPLETED}), "an earlier version had the same bytes"
        ),
        "conversion_completed": _within_attempt("the recording is stored in the form that its vendor accepts"),
        "conversion_failed": _within_attempt("the recording cannot be converted"),
        "conversion_lost": _within_attempt("the converted recording was deleted; the conversion is repeated"),
        "assign_slot": _within_attempt("the rate limiter reserved a submission slot for the attempt"),
        "claim": _within_attempt("one invocation is about to submit; no other may until the claim ends"),
        "change_edition": _within_attempt("the account has no right to the edition; the next one is submitted to"),
        "retry_submission": _within_attempt("the vendor did not answer; the same attempt is submitted again"),
        "submitted": _within_attempt("the vendor accepted the recording"),
        "assign_query_slot": _within_attempt("the rate limiter reserved a slot for the query"),
        "count_query": _within_attempt("the vendor was queried and has no result yet"),
        "called_back": _within_attempt("the vendor reported a result that must be queried"),
        "callback_unreadable": _within_attempt("the result in a callback is unreadable, and the vendor has no query"),
        "store_task_token": _within_attempt("the execution waits for the vendor's callback"),
        "attempt_failed": Move(
            _IN_PROGRESS,
            frozenset({Status.IN_PROGRESS, Status.FAILED}),
            "the attempt ended; the same vendor, the next vendor or the end of the job follows",
        ),
        "complete": Move(_IN_PROGRESS, frozenset({Status.COMPLETED}), "the transcript is stored"),
        "fail": Move(OPEN, frozenset({Status.FAILED}), "the job ended without a transcript"),
        "restart": Move(OPEN, OPEN, "the job stalled, or a step failed after all its retries"),
        "redrive": Move(frozenset({Status.FAILED}), frozenset({Status.QUEUED}), "an operator starts the job again"),
        "mark_event_published": Move(ENDED, ENDED, "the event of the job's end was published"),
    }
)

_P = ParamSpec("_P")
_NO_REQUEST = RequestedOptions()


def _move(method: "Callable[Concatenate[Job, _P], Job]") -> "Callable[Concatenate[Job, _P], Job]":
    """Restrict a move to the statuses that LIFE_CYCLE allows under its name; from others, return the job unchanged."""
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
    """One submission of a job to one vendor. `number` counts from 1 and is part of the callback address."""

    number: int
    planning: int = 1  # which planning of the job it belongs to: a redrive plans anew
    edition: str | None = None  # of the vendor's product, where it has several
    due_at: datetime  # not before
    has_slot: bool = False  # due_at is a slot of the vendor's rate limit
    claimed_at: datetime | None = None
    claim_s: int = round(SHORT_CALL_S) + CLAIM_MARGIN_S  # seconds for which no other invocation may submit
    claims: int = 0
    typical_s: int | None = None  # the vendor's usual turnaround for such a recording, as known when it was claimed
    queries: int = 0
    query_slot: datetime | None = None  # of the next query, where the limiter of queries has a queue
    address_gone_since: datetime | None = None  # since when every query found the vendor's address gone
    called_back: bool = False  # the vendor reported a result that must be queried
    unreadable_callbacks: int = 0
    vendor_task_id: str | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    code: str | None = None
    message: str | None = None
    message_code: str | None = None
    params: Params = {}  # noqa: RUF012 - pydantic copies it

    @property
    def reason(self) -> Message | None:
        """Why the attempt failed; None if it did not."""
        return Message(self.message_code, self.params) if self.message_code else None

    def record(self) -> AttemptRecord:
        """Return the attempt as transcripts keep it."""
        return AttemptRecord(**{name: getattr(self, name) for name in AttemptRecord.model_fields})


class StoredConversion(Conversion):
    """A conversion, and where its result is stored until the job ends. compute_ms: how long it took."""

    source: Source
    compute_ms: int

    def record(self) -> Conversion:
        """Return the conversion as transcripts keep it."""
        return Conversion(**{name: getattr(self, name) for name in Conversion.model_fields})


class BudgetWait(BaseModel):
    """The wait of a job that the budget had no room for.

    since, until: UTC.  amount: micro-yuan that the job needs.  over: the budget had room before `until`.
    """

    model_config = ConfigDict(frozen=True)

    limit: BudgetLimit
    reason: StoredMessage
    amount: int
    since: datetime
    until: datetime
    over: bool = False


class Restart(BaseModel):
    """When and why the job was started again."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    reason: StoredMessage
    by_operator: bool = False


class JobError(BaseModel):
    """Why a job failed.

    message: what happened and what to do, in English.  message_code, params: the same as a message of the catalogue.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    class_: ErrorClass = Field(alias="class")
    vendor: str | None
    code: str
    message: str
    message_code: str
    params: Params = {}

    @classmethod
    def of(cls, error: AsrError) -> "JobError":
        """Return an error as rows keep it."""
        reason = StoredMessage.of(error.reason)
        return cls(
            class_=error.error_class,
            vendor=error.vendor,
            code=error.code,
            message=reason.text,
            message_code=reason.code,
            params=reason.params,
        )

    @property
    def reason(self) -> Message:
        """The message in no language."""
        return Message(self.message_code, self.params)

    def in_language(self, language: Language) -> "JobError":
        """Return the error with its message in a language."""
        return self.model_copy(
            update={"message": render_stored(self.message_code, self.params, self.message, language)}
        )


class Job(BaseModel):
    """The row of the jobs table. Times are UTC; `expires_at` is UNIX seconds (DynamoDB's time to live)."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    run: int = 1  # number of the execution, part of its name: a restart or redrive starts a new one
    plannings: int = 0  # how often vendors were chosen
    row_version: int = 0
    status: Status = Status.QUEUED
    source: Source
    options: Options = Options()
    requested: RequestedOptions | None = None  # by the request that created the job: the highest precedence
    tags: dict[str, str] = {}  # of the caller, by name
    webhook: str | None = None  # that is posted the job's end, instead of the stack's
    rests_until: datetime | None = None  # of an empty object
    budget_wait: BudgetWait | None = None  # the last one
    reservation: Reservation = Reservation()  # of the budget
    audio: Audio | None = None
    vendor: str | None = None
    choice: VendorChoice | None = None  # why this vendor
    chain: list[str] = []  # the vendors that follow, in order, if this one fails
    forms: dict[str, Form] = {}  # by vendor, the form that the recording is converted to; without one, none
    conversion: StoredConversion | None = None  # the last one
    conversion_error: JobError | None = None
    attempts: list[Attempt] = []
    digests: dict[str, str] = {}  # of the recording's content, by algorithm, as S3 has them
    pinned: str | None = None  # the vendor that the recording's options or key name
    reused: str | None = None  # the job of the earlier version whose transcript this is
    restarts: list[Restart] = []
    task_token: str | None = Field(default=None, repr=False)
    transcript_key: str | None = None
    error: JobError | None = None
    warnings: list[StoredMessage] = []
    correction: Correction | None = None  # the last one of the transcript
    event_published: bool = False  # the event of the job's end
    cost: Cost | None = None  # of everything until the last end
    counted: Counted | None = None  # in the totals of its month, with the row's last write
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    expires_at: int | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def open(self) -> str | None:
        """The partition of the index of open jobs that this job is in; None once its end is published."""
        if self.finished:
            return None if self.event_published else self.job_id[0]
        if self.budget_wait is None:
            return self.job_id[0]
        return BUDGET_PARTS[self.budget_wait.limit] if self.waits_for_budget else AFTER_BUDGET

    @computed_field  # type: ignore[prop-decorator]
    @property
    def part(self) -> str:
        """The partition of the index of all jobs that this job is in."""
        return self.job_id[0]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recency(self) -> str:
        """The sort key in that index: unique, and greater for a job that was created later."""
        return recency(self.created_at, self.job_id)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """The recording's file name as that index has it, which a search by name compares."""
        return fold_name(file_name(self.source.key))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length_s(self) -> float | None:
        """The recording's length in seconds, as that index has it."""
        return self.audio_s

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cost_cny(self) -> float | None:
        """The known amounts of the job's cost in yuan, as that index has them; None before the job's first end."""
        return self.cost.known.cny if self.cost else None

    @property
    def countable(self) -> Counted:
        """What the job adds to the totals of its month."""
        length_ms = self.audio.duration_ms if self.audio and self.status is Status.COMPLETED else None
        return Counted.of(self.status, length_ms or 0, self.cost)

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.status in ENDED

    @property
    def waits_for_budget(self) -> bool:
        """Whether the job waits for the next day or month of the budget."""
        return self.status is Status.QUEUED and self.budget_wait is not None and not self.budget_wait.over

    @property
    def queued_until(self) -> datetime | None:
        """When a job without a plan continues: after an empty object's rest, or with the next budget."""
        budget = self.budget_wait.until if self.budget_wait and self.waits_for_budget else None
        return max((each for each in (self.rests_until, budget) if each), default=None)

    @property
    def withdrawn(self) -> bool:
        """Whether the job was ended early: cancelled by a caller, or withdrawn with its object."""
        return self.error is not None and self.error.code in WITHDRAWN

    @property
    def superseded(self) -> bool:
        """Whether the job ended without a result because its object was empty and a newer one replaced it."""
        was_replaced = self.error is not None and self.error.code == OBJECT_REPLACED
        return was_replaced and self.source.size_bytes == 0

    @property
    def audio_s(self) -> float | None:
        """The recording's length in seconds; None where it is not known."""
        length_ms = self.audio.duration_ms if self.audio else None
        return None if length_ms is None else length_ms / 1000

    @property
    def execution_name(self) -> str:
        """The name of the current execution, which AWS Step Functions accepts once."""
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
        """How often the job was restarted since an operator last redrove it."""
        by_itself = takewhile(lambda restart: not restart.by_operator, reversed(self.restarts))
        return sum(1 for _ in by_itself)

    @property
    def planned(self) -> bool:
        """Whether the job has a current attempt: its recording was probed, and a vendor was chosen."""
        return self.status is not Status.QUEUED and bool(self.attempts)

    @property
    def form(self) -> Form | None:
        """The form that the current attempt's vendor needs; None for the recording as it is."""
        return self.forms.get(self.attempt.vendor) if self.planned else None

    @property
    def converted(self) -> StoredConversion | None:
        """The conversion that the current attempt submits; None if it submits the recording itself."""
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

    def _warned(self, warnings: Sequence[Message], now: datetime) -> Self:
        new = [warning for warning in map(StoredMessage.of, warnings) if warning not in self.warnings]
        return self._moved(now, warnings=[*self.warnings, *new])

    def _next_attempt(self, vendor: str, due_at: datetime) -> list[Attempt]:
        return [
            *self.attempts,
            Attempt(number=len(self.attempts) + 1, planning=self.plannings, vendor=vendor, due_at=due_at),
        ]

    @_move
    def rest(self, now: datetime) -> "Job":
        """Wait EMPTY_REST_S for the content of an empty object, once."""
        return self._moved(now, rests_until=now + timedelta(seconds=EMPTY_REST_S)) if not self.rests_until else self

    @_move
    def wait_for_budget(self, number: int, wait: BudgetWait, now: datetime) -> "Job":
        """Wait until the budget's next day or month, and then plan anew. The deadline moves behind the wait.

        number: of the attempt, which is dropped: it was not submitted.
        """
        if not self.planned or self.attempt.number != number or self.attempt.claimed_at is not None:
            return self
        deadline_at = max(self.deadline_at, wait.until + timedelta(seconds=DEADLINE_S))
        return self._moved(
            now, status=Status.QUEUED, budget_wait=wait, attempts=self.attempts[:-1], deadline_at=deadline_at
        )

    @_move
    def end_budget_wait(self, now: datetime) -> "Job":
        """Continue before the budget's next day or month, in a new execution."""
        if self.budget_wait is None or not self.waits_for_budget:
            return self
        wait = self.budget_wait.model_copy(update={"over": True, "until": now})
        return self._moved(now, run=self.run + 1, budget_wait=wait)

    def with_budget_entry(self, entry: BudgetEntry) -> "Job":
        """Return the job with a change of the budget that is counted already; it is not saved by this."""
        held = self.reservation
        days = {day: held.days.get(day, 0) + entry.days.get(day, 0) for day in sorted({*held.days, *entry.days})}
        account = held.account or entry.account
        reservation = Reservation(days=days, account=account, entries=[*held.entries, entry.number])
        return self.model_copy(update={"reservation": reservation})

    @_move
    def plan(
        self,
        source: Source,
        audio: Audio,
        options: Options,
        *,
        vendors: list[str],
        warnings: Sequence[Message],
        now: datetime,
        choice: VendorChoice | None = None,
        forms: Mapping[str, Form] = MappingProxyType({}),
        digests: Mapping[str, str] = MappingProxyType({}),
        pinned: str | None = None,
        requested: RequestedOptions = _NO_REQUEST,
    ) -> "Job":
        """Start the first attempt, with the first of `vendors`; the others form the chain.

        forms: by vendor, the form that the recording is converted to before it is submitted there.
        digests: of the recording's content, by algorithm.  pinned: the vendor that the recording names.
        requested: the source of the options, with the job's tags and webhook.
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
            digests=dict(digests),
            pinned=pinned,
            tags=requested.tags,
            webhook=requested.webhook,
            attempts=first._next_attempt(vendors[0], now),
            warnings=[StoredMessage.of(warning) for warning in warnings],
        )

    @_move
    def reuse(
        self,
        earlier: "Job",
        source: Source,
        requested: RequestedOptions,
        *,
        digests: Mapping[str, str],
        transcript_key: str,
        warnings: Sequence[Message],
        now: datetime,
    ) -> "Job":
        """End the job with the transcript of an earlier version with the same bytes, stored anew for this version."""
        return self._moved(
            now,
            status=Status.COMPLETED,
            source=source,
            audio=earlier.audio,
            options=requested.options,
            tags=requested.tags,
            webhook=requested.webhook,
            vendor=earlier.vendor,
            choice=earlier.choice,
            digests=dict(digests),
            pinned=earlier.pinned,
            reused=earlier.job_id,
            transcript_key=transcript_key,
            warnings=[StoredMessage.of(warning) for warning in warnings],
        )

    @_move
    def conversion_completed(self, made: StoredConversion, warning: Message, now: datetime) -> "Job":
        """Note the converted recording, and its length, which decoding measured."""
        if self.form is None or self.form.name != made.form or self.converted is not None:
            return self
        audio, correction = with_measured_length(self.planned_audio, made.audio.duration_ms)
        warned = self._warned([warning, correction] if correction else [warning], now)
        return warned._moved(now, conversion=made, audio=audio)

    @_move
    def conversion_failed(self, form: Form, error: AsrError, now: datetime) -> "Job":
        """Note why the recording cannot be converted; the submit step ends the job with this error."""
        if self.form != form or self.converted is not None:
            return self
        return self._moved(now, conversion_error=JobError.of(error))

    @_move
    def conversion_lost(self, now: datetime) -> "Job":
        """Forget a conversion whose result was deleted, so that it is repeated."""
        return self._moved(now, conversion=None)

    @_move
    def assign_slot(self, slot: datetime, now: datetime) -> "Job":
        """Note the attempt's slot in the vendor's rate limit, and move the job's deadline behind it."""
        deadline_at = max(self.deadline_at, slot + timedelta(seconds=DEADLINE_S))
        return self._attempt_moved(now, due_at=slot, has_slot=True)._moved(now, deadline_at=deadline_at)

    @_move
    def claim(
        self,
        vendor_task_id: str | None,
        warnings: Sequence[Message],
        now: datetime,
        *,
        longest_call_s: float = SHORT_CALL_S,
        edition: str | None = None,
        typical_s: int | None = None,
    ) -> "Job":
        """Claim the attempt: no other invocation may submit it until the vendor's longest call has surely ended.

        vendor_task_id: the id that the submission will have, where this system chooses it: stored first, it is known
        even if the invocation crashes.  warnings: what this vendor cannot fulfil.  longest_call_s: of the vendor.
        edition: of the vendor's product.  typical_s: the vendor's usual turnaround.
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
        self, number: int, edition: str, vendor_task_id: str | None, warnings: Sequence[Message], now: datetime
    ) -> "Job":
        """Note the edition that attempt `number` is submitted to next, with its task id, before it is submitted."""
        if self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        return self._attempt_moved(now, edition=edition, vendor_task_id=vendor_task_id)._warned(warnings, now)

    @_move
    def retry_submission(self, number: int, now: datetime, retry_after_s: float = 0) -> "Job":
        """Schedule attempt `number` again, after the vendor did not answer to a submission that is safe to repeat."""
        if self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        due_at = now + timedelta(seconds=attempt_wait_s(self.job_id, self.attempt.claims, retry_after_s))
        return self._attempt_moved(now, due_at=due_at, has_slot=False)

    @_move
    def submitted(self, number: int, vendor_task_id: str, now: datetime) -> "Job":
        """Note that the vendor accepted attempt `number`."""
        if self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        return self._attempt_moved(now, vendor_task_id=vendor_task_id, submitted_at=now)

    @_move
    def count_query(self, number: int, now: datetime, *, gone: bool = False) -> "Job":
        """Count a query that returned no result. gone: the vendor's address answered that it does not exist."""
        if self.attempt.number != number:
            return self
        address_gone_since = (self.attempt.address_gone_since or now) if gone else None
        return self._attempt_moved(
            now, queries=self.attempt.queries + 1, query_slot=None, address_gone_since=address_gone_since
        )

    @_move
    def assign_query_slot(self, number: int, slot: datetime, now: datetime) -> "Job":
        """Note the slot of the next query about attempt `number`."""
        return self if self.attempt.number != number else self._attempt_moved(now, query_slot=slot)

    @_move
    def called_back(self, number: int, now: datetime) -> "Job":
        """Note that the vendor of attempt `number` reported a result: the next step is a query."""
        return self if self.attempt.number != number else self._attempt_moved(now, called_back=True)

    @_move
    def callback_unreadable(self, number: int, now: datetime) -> "Job":
        """Count a callback for attempt `number` whose result is unreadable, of a vendor without a query."""
        if self.attempt.number != number:
            return self
        return self._attempt_moved(now, unreadable_callbacks=self.attempt.unreadable_callbacks + 1)

    @_move
    def store_task_token(self, task_token: str, now: datetime) -> "Job":
        """Store the token with which a callback ends the execution's wait."""
        return self._moved(now, task_token=task_token)

    @_move
    def attempt_failed(self, number: int, error: AsrError, followers: Sequence[str], now: datetime) -> "Job":
        """End attempt `number`, then plan the next one or fail the job.

        A retryable error repeats the vendor, up to MAX_ATTEMPTS attempts; otherwise the first of `followers` is next.
        After the job's deadline no further attempt is planned.
        followers: the vendors of the chain that may still succeed after this error, in order.
        """
        if self.attempt.number != number:
            return self
        failure = JobError.of(error).model_dump(include={"code", "message", "message_code"})
        outcome = {"ended_at": now, "outcome": str(error.error_class), "params": dict(error.reason.params)}
        ended = self._attempt_moved(now, **outcome, **failure)
        vendor = self.attempt.vendor
        made = sum(attempt.vendor == vendor and attempt.planning == self.plannings for attempt in self.attempts)
        in_time = now < self.deadline_at
        if in_time and error.error_class is ErrorClass.RETRY and made < MAX_ATTEMPTS:
            due_at = now + timedelta(seconds=attempt_wait_s(self.job_id, made, error.retry_after_s))
            return ended._moved(now, attempts=ended._next_attempt(vendor, due_at))
        if in_time and followers:
            following, chain = followers[0], list(followers[1:])
            choice = VendorChoice(code=ChoiceReason.FAILOVER, params={"vendor": vendor, "error_code": error.code})
            attempts = ended._next_attempt(following, now)
            return ended._moved(now, vendor=following, choice=choice, chain=chain, attempts=attempts)
        return ended.fail(error, now)

    @_move
    def fail(self, error: AsrError, now: datetime) -> "Job":
        """End the job without a transcript; after more than one attempt, the error lists all of them."""
        failed = [
            Message(
                "attempt-failed",
                {"number": each.number, "vendor": each.vendor, "code": each.code, "outcome": each.outcome or ""},
            )
            for each in self.attempts
            if each.code
        ]
        if len(failed) > 1:
            reason = Message("several-attempts", {"reason": error.reason, "attempts": failed})
            error = AsrError(error.error_class, error.code, reason, error.vendor)
        return self._moved(now, status=Status.FAILED, error=JobError.of(error))

    @_move
    def complete(
        self,
        vendor_task_id: str | None,
        transcript_key: str,
        warnings: Sequence[Message],
        now: datetime,
        *,
        duration_ms: int | None = None,
    ) -> "Job":
        """End the job with its transcript, which is stored already.

        duration_ms: the length that the vendor measured, which corrects the job's length, and with it the cost.
        """
        done = self._attempt_moved(
            now,
            vendor_task_id=self.attempt.vendor_task_id or vendor_task_id,
            submitted_at=self.attempt.submitted_at or self.attempt.claimed_at,
            ended_at=now,
            outcome="completed",
        )
        audio, correction = with_measured_length(self.planned_audio, duration_ms)
        found = [correction, *warnings] if correction else warnings
        return done._moved(
            now,
            status=Status.COMPLETED,
            audio=audio,
            transcript_key=transcript_key,
            warnings=[*self.warnings, *map(StoredMessage.of, found)],
        )

    @_move
    def restart(self, reason: Message, now: datetime, *, fresh: bool = True) -> "Job":
        """Continue the job from its current state. fresh: in a new execution; if not, in the current one."""
        restarts = [*self.restarts, Restart(at=now, reason=StoredMessage.of(reason))]
        run = self.run + 1 if fresh else self.run
        return self._moved(now, run=run, restarts=restarts, task_token=None)

    @_move
    def redrive(self, reason: Message, now: datetime) -> "Job":
        """Start the failed job again from the beginning, in a new execution; its earlier attempts stay on the row."""
        return self._moved(
            now,
            status=Status.QUEUED,
            run=self.run + 1,
            restarts=[*self.restarts, Restart(at=now, reason=StoredMessage.of(reason), by_operator=True)],
            task_token=None,
            error=None,
            conversion=None,
            conversion_error=None,
            event_published=False,
            budget_wait=None,
            expires_at=None,
            deadline_at=now + timedelta(seconds=DEADLINE_S),
        )

    @_move
    def mark_event_published(
        self, expires_at: int, cost: Cost | None = None, correction: BudgetEntry | None = None
    ) -> "Job":
        """Note that the event of the end was published, with the job's cost and the correction of its reservation.

        expires_at: of the row, UNIX seconds.
        """
        job = self.with_budget_entry(correction) if correction else self
        return job.model_copy(update={"event_published": True, "expires_at": expires_at, "cost": cost})

    def free_from(self) -> datetime:
        """Return when the current attempt may be submitted: it is due, and no claim on it holds.

        Where this system chooses the task id, a second submission starts no second task: no claim needs to end.
        """
        attempt = self.attempt
        if attempt.claimed_at is None or attempt.vendor_task_id is not None:
            return attempt.due_at
        return max(attempt.due_at, attempt.claimed_at + timedelta(seconds=attempt.claim_s))

    def claim_left_s(self, now: datetime) -> float:
        """Return the seconds until the claim on the current attempt ends; 0 without a claim."""
        claimed_at = self.attempt.claimed_at
        return (claimed_at - now).total_seconds() + self.attempt.claim_s if claimed_at else 0.0


def claim_s(longest_call_s: float) -> int:
    """Return the seconds of a claim on an attempt, by the longest call of its vendor."""
    return math.ceil(longest_call_s) + CLAIM_MARGIN_S


def job_id(source: Source) -> str:
    """Return the id of an object version's job: the same for a redelivered event, another for a changed object.

    It is a hash of bucket, key and version id; without versioning, of ETag and sequencer. Never of the time. For an
    upload of the HTTP API, it is a hash of bucket and key: S3 accepts a form again until it expires.
    """
    version = [source.version_id] if source.version_id else [source.etag, source.sequencer]
    if is_upload(source.key):
        version = []
    return hashlib.sha256("\n".join([source.bucket, source.key, *version]).encode()).hexdigest()[:32]


def recency(created_at: datetime, job_id: str = "") -> str:
    """Return the sort key of a job in the order of creation; without an id, the lowest of that moment."""
    # Not by strftime, which leaves zeros out of early years.
    moment = created_at.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z#{job_id}"


def new_job(source: Source, now: datetime, requested: RequestedOptions | None = None) -> Job:
    """Return a new job for an object version. requested: the options of the request that creates it, if one does."""
    return Job(
        job_id=job_id(source),
        source=source,
        requested=requested,
        tags=requested.tags if requested else {},
        webhook=requested.webhook if requested else None,
        counted=Counted(status=Status.QUEUED),
        created_at=now,
        updated_at=now,
        deadline_at=now + timedelta(seconds=DEADLINE_S),
    )


def recognition_request(job: Job) -> RecognitionRequest:
    """Return the current attempt as the vendor modules know it. Raises LookupError for a job without a plan."""
    audio = job.planned_audio
    attempt, converted = job.attempt, job.converted
    return RecognitionRequest(
        job.job_id,
        attempt.number,
        converted.audio if converted else audio,
        converted.size_bytes if converted else job.source.size_bytes,
        job.options,
        repeated=attempt.claims > 1,
        named=job.choice is not None and job.choice.code is ChoiceReason.NAMED,
        edition=attempt.edition,
    )
