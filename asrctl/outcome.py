"""The outcome of a job for people: the text of its transcript, or why there is none."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from asrcore.core.job import Job, Status
from asrcore.messages import Message, Param
from asrctl.formatting import format_duration, quote_name
from asrctl.inspect_jobs import why
from asrctl.result import ExactText, Line
from asrctl.stack import DeployedStack


@dataclass(frozen=True)
class JobOutcome:
    """What a job came to. text: of its transcript; None without one."""

    lines: Sequence[Line]
    text: str | None


def describe_outcome(job: Job, stack: DeployedStack) -> JobOutcome:
    """Return the transcript's text, or the job's explanation as `why` gives it."""
    stored = stack.read(stack.transcript_bucket, job.transcript_key) if job.transcript_key else None
    if job.status is not Status.COMPLETED or stored is None:
        return JobOutcome(why(stack, job.job_id, job.updated_at).lines, None)
    text: str = json.loads(stored.body)["text"]
    took = format_duration(job.updated_at - job.created_at)
    about: dict[str, Param] = {"key": quote_name(job.source.key), "vendor": str(job.vendor), "duration": took}
    return JobOutcome([Message("cli.smoke.done", about), ExactText(text)], text)
