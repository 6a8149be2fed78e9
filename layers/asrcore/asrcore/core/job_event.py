"""The event of a job's end: the detail of the EventBridge event, and the data of the webhook.

Fields may be added under the same `schema`; none is removed or changes its meaning. The JSON Schema in
`schemas/event.schema.json` is published from here.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from asrcore.core.form import Conversion
from asrcore.core.job import Job, JobError, Status
from asrcore.core.money import Cost
from asrcore.core.transcript import Correction, Source
from asrcore.messages import Message, Param, render
from asrcore.messages.stored import StoredMessage

DetailType = Literal["Transcript Completed", "Transcript Failed"]


class S3Location(BaseModel):
    """An object in Amazon S3."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    key: str


class JobEvent(BaseModel):
    """How a job ended. It refers to the transcript and contains no speech.

    summary: one line to read.  vendor: null when the job failed before one was chosen.  transcript: null when there
    is none.  error: null unless the job failed.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_: Literal["asrcore.event.v1"] = Field(alias="schema")
    summary: str
    job_id: str
    status: Literal["COMPLETED", "FAILED"]
    vendor: str | None
    source: Source
    transcript: S3Location | None
    error: JobError | None
    warnings: list[StoredMessage]
    cost: Cost | None = None
    conversion: Conversion | None = None
    correction: Correction | None = None
    tags: dict[str, str] = {}

    @classmethod
    def of(cls, job: Job, transcript_bucket: str, cost: Cost) -> "JobEvent":
        """Return the event of a job that has ended."""
        transcript = S3Location(bucket=transcript_bucket, key=job.transcript_key) if job.transcript_key else None
        return cls(
            schema_="asrcore.event.v1",
            summary=_summary(job),
            job_id=job.job_id,
            status="COMPLETED" if job.status is Status.COMPLETED else "FAILED",
            vendor=job.vendor,
            source=job.source,
            transcript=transcript,
            error=job.error,
            warnings=job.warnings,
            cost=cost,
            conversion=job.converted.record() if job.converted else None,
            correction=job.correction,
            tags=job.tags,
        )

    @property
    def detail_type(self) -> DetailType:
        """The detail type in EventBridge."""
        return "Transcript Completed" if self.status == "COMPLETED" else "Transcript Failed"


def _summary(job: Job) -> str:
    if job.error:
        failed: dict[str, Param] = {"key": job.source.key, "code": job.error.code, "reason": job.error.reason}
        return render(Message("event.failed", failed))
    return render(Message("event.completed", {"key": job.source.key, "vendor": job.vendor or ""}))
