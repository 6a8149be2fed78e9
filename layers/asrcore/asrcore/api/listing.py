"""GET /jobs: pages of jobs, the latest first; by a recording's key, the jobs of its versions."""

import base64
import binascii
import re
from itertools import islice

from asrcore.api.job_views import summary
from asrcore.api.models import JobPage
from asrcore.api.problems import BadCursorError
from asrcore.core.job import job_id
from asrcore.core.recording_keys import key_forms
from asrcore.messages import Language, Message
from asrcore.ports import JobFilter, ObjectVersion
from asrcore.services import Services

MOST_VERSIONS = 100  # of one recording
_PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#[0-9a-f]{32}")


def list_jobs(job_filter: JobFilter, limit: int, cursor: str | None, services: Services, language: Language) -> JobPage:
    """Return a page of jobs, the latest first.

    Args:
        job_filter: which jobs.
        limit: jobs on the page at most.
        cursor: `next_cursor` of the page before; None for the first page.
        services: the stack's services.
        language: of the texts.

    Raises:
        BadCursorError: the cursor is of no page.
    """
    found = services.jobs.list_recent(job_filter, limit, _read_cursor(cursor) if cursor else None)
    jobs = services.jobs.load_all(found.job_ids)
    return JobPage(
        jobs=[summary(job, services, language) for job in jobs],
        next_cursor=_cursor(found.after) if found.after else None,
    )


def jobs_of(
    key: str, job_filter: JobFilter, limit: int, cursor: str | None, services: Services, *, language: Language
) -> JobPage:
    """Return a page of the jobs of a recording's versions: the latest MOST_VERSIONS that the bucket has.

    Args, errors: as of `list_jobs`. key: of the recording, in any Unicode normal form.
    """
    before = _read_cursor(cursor) if cursor else None
    held = services.jobs.load_all(list(dict.fromkeys(job_id(each.source) for each in _versions(key, services))))
    jobs = [job for job in held if job_filter.matches(job) and (before is None or job.recency < before)]
    jobs.sort(key=lambda job: job.recency, reverse=True)
    after = _cursor(jobs[limit - 1].recency) if len(jobs) > limit else None
    return JobPage(jobs=[summary(job, services, language) for job in jobs[:limit]], next_cursor=after)


def _versions(key: str, services: Services) -> list[ObjectVersion]:
    """Return the latest versions of a recording, under the first form of its key that has any."""
    listed = (services.versions.of(services.settings.audio_bucket, form) for form in key_forms(key))
    return next(filter(None, (list(islice(versions, MOST_VERSIONS)) for versions in listed)), [])


def _cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> str:
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        place = ""
    if not _PLACE.fullmatch(place):
        raise BadCursorError(Message("BadCursor"))
    return place
