"""What spares a caller a response: the tag of one that it has already, and how long to wait before the next request."""

import hashlib
import math
import re
from collections.abc import Iterable

from asrcore.api.models import JobSummary
from asrcore.core.job import ENDED

LEAST_WAIT_S, USUAL_WAIT_S, MOST_WAIT_S = 2, 5, 300
_PASSING = re.compile(r'"elapsed_s":[0-9.e-]+')  # it changes with each request
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(body: str | bytes) -> str:
    """Return the weak tag of a response (RFC 9110, 8.8.3): the same while nothing but the elapsed time changes."""
    content = _PASSING.sub("", body).encode() if isinstance(body, str) else body
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_known(tag: str, if_none_match: str) -> bool:
    """Return whether a caller has a response already. if_none_match: its header (RFC 9110, 13.1.2)."""
    return if_none_match.strip() == "*" or tag.removeprefix("W/") in _TAG.findall(if_none_match)


def wait_s(jobs: Iterable[JobSummary]) -> int | None:
    """Return the seconds after which a caller may ask for these jobs again; None when all have ended."""
    return min((_wait_s(job) for job in jobs if job.status not in ENDED), default=None)


def _wait_s(job: JobSummary) -> int:
    """Return the seconds until the job probably changes: it is submitted, or its usual turnaround is over."""
    left_s: float = USUAL_WAIT_S
    if job.waiting and job.waiting.until:
        left_s = (job.waiting.until - job.created_at).total_seconds() - job.elapsed_s
    elif job.typical_s is not None:
        left_s = job.typical_s - job.elapsed_s
    return min(max(LEAST_WAIT_S, math.ceil(left_s)), MOST_WAIT_S)
