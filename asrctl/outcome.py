"""The outcome of a job for people: the text of its transcript, or why there is none."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from asrcore.api.models import TranscriptFormat
from asrcore.api.problems import NotEndedError, NoTranscriptError
from asrcore.api.transcripts import read_whole
from asrcore.core.job import Job
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
    """Return the text of this job's own transcript, or the job's explanation as `why` gives it."""
    try:
        text: str = json.loads(read_whole(job, TranscriptFormat.JSON, stack.services))["text"]
    except (NotEndedError, NoTranscriptError):
        return JobOutcome(why(stack, job.job_id, job.updated_at).lines, None)
    took = format_duration(job.updated_at - job.created_at)
    about: dict[str, Param] = {"key": quote_name(job.source.key), "vendor": str(job.vendor), "duration": took}
    return JobOutcome([Message("cli.smoke.done", about), ExactText(text)], text)
