"""The job of the example events, as a row of the jobs table."""

from datetime import UTC, datetime
from typing import Any

from asrcore.core.job import Status, new_job
from asrcore.core.money import Cost
from asrcore.core.transcript import Source
from asrcore.stores.jobs import DynamoJobs


def store_completed_job(stack: Any, detail: Any) -> None:
    """Store the row of a published event's job: no webhook is posted without it."""
    job = new_job(Source.model_validate(detail["source"]), datetime.now(UTC))
    ended = job.model_copy(update={"status": Status.COMPLETED, "transcript_key": detail["transcript"]["key"]})
    published = ended.mark_event_published(2**31, Cost.model_validate(detail["cost"]))
    assert published.job_id == detail["job_id"]
    DynamoJobs(stack.client("dynamodb"), stack.jobs_table).create(published)
