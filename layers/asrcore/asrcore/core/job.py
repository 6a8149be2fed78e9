"""A job: one object version on its way to a transcript, and every move it can make.

A job is a plain value. A move takes a job and returns the next one; the store saves it only if nobody else has moved
the job meanwhile (`revision`). A finished job never moves: every move of one returns it unchanged, so that a late
failure cannot overwrite a success.

    QUEUED ──plan──▶ IN_PROGRESS ──complete──▶ COMPLETED
       │              │  ▲   │
       │              └──┘   │  claim, submitted, asked, attempt_failed (retry or next vendor)
       └─────fail────────────┴──fail, attempt_failed (nobody left)──▶ FAILED

An attempt is planned (`due_at`), claimed (`claimed_at`), submitted (`submitted_at`), ended (`ended_at`), in this order.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from asrcore.core.audio import Audio
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.options import Options
from asrcore.core.pacing import MAX_TRIES, retry_wait_s
from asrcore.core.transcript import AttemptRecord, Source

CLAIM_S = 150  # longer than SubmitFunction may run: past it, whoever claimed an attempt is gone


class Status(StrEnum):
    """Amazon Transcribe's words."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Attempt(AttemptRecord):
    """One try with one vendor. `number` counts from 1 over the whole job and is part of the callback address."""

    number: int
    due_at: datetime  # not before
    paced: bool = False  # due_at is a slot of the vendor's pace
    claimed_at: datetime | None = None
    queries: int = 0
    vendor_task_id: str | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    code: str | None = None
    message: str | None = None

    def record(self) -> AttemptRecord:
        """The attempt as transcripts and readers know it."""
        return AttemptRecord(**{name: getattr(self, name) for name in AttemptRecord.model_fields})


class JobError(BaseModel):
    """Why a job failed; `message` says what to do."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    class_: ErrorClass = Field(alias="class")
    vendor: str | None
    code: str
    message: str

    @classmethod
    def of(cls, error: AsrError) -> "JobError":
        """The row's form of an error."""
        return cls(class_=error.error_class, vendor=error.vendor, code=error.code, message=error.message)


class Job(BaseModel):
    """The row of the jobs table. Times are UTC; `expires_at` is UNIX seconds (DynamoDB's time to live)."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    run: int = 1  # part of the execution's name: a redrive is a new run
    revision: int = 0
    status: Status = Status.QUEUED
    source: Source
    options: Options = Options()
    audio: Audio | None = None
    vendor: str | None = None
    chain: list[str] = []  # vendors to go to, in order, when this one cannot serve
    attempts: list[Attempt] = []
    task_token: str | None = Field(default=None, repr=False)
    transcript_key: str | None = None
    error: JobError | None = None
    warnings: list[str] = []
    announced: bool = False  # the event that tells of the end was sent
    created_at: datetime
    updated_at: datetime
    expires_at: int | None = None

    @field_serializer("options")
    def _only_what_was_set(self, options: Options) -> dict[str, Any]:
        # What nobody asked for must not look asked for when the row is read again.
        return options.model_dump(mode="json", exclude_unset=True)

    @property
    def finished(self) -> bool:
        """Whether this is the end."""
        return self.status in (Status.COMPLETED, Status.FAILED)

    @property
    def execution_name(self) -> str:
        """The one name under which this run's execution can be started."""
        return f"{self.job_id}-{self.run}"

    @property
    def attempt(self) -> Attempt:
        """The current attempt. Raises LookupError for a job that has none yet."""
        if not self.attempts:
            raise LookupError(f"job {self.job_id} has no attempt yet")
        return self.attempts[-1]

    def _moved(self, now: datetime, **changes: object) -> Self:
        return self.model_copy(update={**changes, "updated_at": now})

    def _attempt_moved(self, now: datetime, **changes: object) -> Self:
        return self._moved(now, attempts=[*self.attempts[:-1], self.attempt.model_copy(update=changes)])

    def plan(
        self, source: Source, audio: Audio, options: Options, *, vendors: list[str], warnings: list[str], now: datetime
    ) -> Self:
        """The recording is known and at least one vendor takes it: the first of `vendors` is next."""
        if self.status is not Status.QUEUED:
            return self
        first = Attempt(number=1, vendor=vendors[0], due_at=now)
        return self._moved(
            now,
            status=Status.IN_PROGRESS,
            source=source,
            audio=audio,
            options=options,
            vendor=vendors[0],
            chain=vendors[1:],
            attempts=[first],
            warnings=warnings,
        )

    def take_slot(self, slot: datetime, now: datetime) -> Self:
        """The attempt has its place in the vendor's line."""
        return self if self.finished else self._attempt_moved(now, due_at=slot, paced=True)

    def claim(self, warnings: list[str], now: datetime) -> Self:
        """Somebody is about to submit; nobody else may for CLAIM_S. warnings: what this vendor cannot honour."""
        if self.finished:
            return self
        new = [warning for warning in warnings if warning not in self.warnings]
        return self._attempt_moved(now, claimed_at=now)._moved(now, warnings=[*self.warnings, *new])

    def free_from(self) -> datetime:
        """From when the current attempt may be submitted: its turn has come, and no claim on it stands."""
        due_at, claimed_at = self.attempt.due_at, self.attempt.claimed_at
        return max(due_at, claimed_at + timedelta(seconds=CLAIM_S)) if claimed_at else due_at

    def submitted(self, number: int, vendor_task_id: str, now: datetime) -> Self:
        """The vendor took attempt `number`."""
        if self.finished or self.attempt.number != number or self.attempt.submitted_at is not None:
            return self
        return self._attempt_moved(now, vendor_task_id=vendor_task_id, submitted_at=now)

    def asked(self, number: int, now: datetime) -> Self:
        """The vendor was asked once more and has no result yet."""
        if self.finished or self.attempt.number != number:
            return self
        return self._attempt_moved(now, queries=self.attempt.queries + 1)

    def keep_token(self, task_token: str, now: datetime) -> Self:
        """The execution waits for a callback under this token."""
        return self if self.finished else self._moved(now, task_token=task_token)

    def attempt_failed(self, number: int, error: AsrError, now: datetime) -> Self:
        """Attempt `number` ended: the same vendor again, the next of the chain, or the end of the job."""
        if self.finished or self.attempt.number != number:
            return self
        ended = self.attempt.model_copy(
            update={"ended_at": now, "outcome": str(error.error_class), "code": error.code, "message": error.message}
        )
        attempts = [*self.attempts[:-1], ended]
        tries = sum(attempt.vendor == ended.vendor for attempt in attempts)
        moved = self._moved(now, attempts=attempts)
        if error.error_class is ErrorClass.RETRY and tries < MAX_TRIES:
            due_at = now + timedelta(seconds=retry_wait_s(self.job_id, tries))
            following = Attempt(number=ended.number + 1, vendor=ended.vendor, due_at=due_at)
            return moved._moved(now, attempts=[*attempts, following])
        if self.chain:
            following = Attempt(number=ended.number + 1, vendor=self.chain[0], due_at=now)
            return moved._moved(now, vendor=self.chain[0], chain=self.chain[1:], attempts=[*attempts, following])
        return moved.fail(error, now)

    def fail(self, error: AsrError, now: datetime) -> Self:
        """The end without a transcript."""
        return self if self.finished else self._moved(now, status=Status.FAILED, error=JobError.of(error))

    def complete(self, vendor_task_id: str | None, transcript_key: str, warnings: list[str], now: datetime) -> Self:
        """The end with a transcript, which is stored already."""
        if self.finished:
            return self
        done = self._attempt_moved(
            now,
            vendor_task_id=self.attempt.vendor_task_id or vendor_task_id,
            submitted_at=self.attempt.submitted_at or self.attempt.claimed_at,
            ended_at=now,
            outcome="completed",
        )
        return done._moved(
            now, status=Status.COMPLETED, transcript_key=transcript_key, warnings=[*self.warnings, *warnings]
        )

    def announce(self, expires_at: int) -> Self:
        """The world was told of the end; from now on the row may be forgotten at `expires_at`."""
        return self.model_copy(update={"announced": True, "expires_at": expires_at})


def job_id(source: Source) -> str:
    """The id of an object version's job: the same for a redelivered event, another for a changed object.

    From bucket, key and version id; without versioning, ETag and sequencer. Never from the time.
    """
    version = [source.version_id] if source.version_id else [source.etag, source.sequencer]
    return hashlib.sha256("\n".join([source.bucket, source.key, *version]).encode()).hexdigest()[:32]


def new_job(source: Source, now: datetime) -> Job:
    """The job of an object version that was just seen."""
    return Job(job_id=job_id(source), source=source, created_at=now, updated_at=now)
