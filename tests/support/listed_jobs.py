"""The HTTP API of the jobs page with jobs as a test wants them, on loopback: their states need no stack.

Each answer is made from the API's own models, so that it has their fields.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from werkzeug.wrappers import Request, Response

from asrcore.api.models import (
    JobDetail,
    JobPage,
    Links,
    MonthTotals,
    Problem,
    Recording,
    Stage,
    StatusCounts,
    Totals,
    WaitingReason,
)
from asrcore.core.errors import ErrorClass
from asrcore.core.job import JobError, Status
from asrcore.core.money import Amount, Cost
from asrcore.messages.stored import StoredMessage
from asrcore.vendors.registry import VENDORS
from tests.support.api_client import REQUEST_ID, Caller
from tests.support.loopback import Loopback
from tests.support.pipeline import world

FIRST = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
USD_IN_CNY = 7.1


def listed(name: str, *, nth: int = 0, **changes: Any) -> JobDetail:
    """Return an open job. nth: its place, the newest is 0."""
    created = FIRST - timedelta(minutes=17 * nth)
    job_id = f"{nth:032x}"
    key = f"incoming/auto/{job_id}/{name}"
    fields = {
        "job_id": job_id,
        "name": name,
        "status": Status.IN_PROGRESS,
        "stage": Stage.WAITING_FOR_RESULT,
        "waiting": None,
        "vendor": "volcengine-bigmodel",
        "recording": Recording(bucket="audio", key=key, version_id=None, size_bytes=100_000, audio=None),
        "length_s": 605.0,
        "created_at": created,
        "updated_at": created + timedelta(seconds=10),
        "elapsed_s": 10.0,
        "typical_s": None,
        "cost": cost_of(None),
        "error": None,
        "warnings": [],
        "tags": {},
        "links": Links(self=f"/jobs/{job_id}", transcript=None),
        "choice": None,
        "conversion": None,
        "correction": None,
        "attempts": [],
        "options": {},
    }
    return JobDetail(**{**fields, **changes})


def completed(name: str, *, nth: int = 0, usd: float = 0.0123, **changes: Any) -> JobDetail:
    """Return a completed job."""
    here = f"/jobs/{changes.get('job_id', f'{nth:032x}')}"
    ended = {"status": Status.COMPLETED, "stage": Stage.COMPLETED, "cost": cost_of(usd)}
    return listed(name, nth=nth, **{**ended, "links": Links(self=here, transcript=f"{here}/transcript"), **changes})


def failed(name: str, message: str, *, nth: int = 0, code: str = "NotAudio", **changes: Any) -> JobDetail:
    """Return a failed job."""
    error = JobError(class_=ErrorClass.BAD_AUDIO, vendor=None, code=code, message=message, message_code=code)
    ended = {"status": Status.FAILED, "stage": Stage.FAILED, "vendor": None, "length_s": None, "error": error}
    return listed(name, nth=nth, **{**ended, **changes})


def cost_of(usd: float | None) -> Cost:
    """Return the cost of a job, all of it the vendor's; without an amount, one that is not known."""
    total = None if usd is None else Amount(usd=usd, cny=usd * USD_IN_CNY)
    return Cost(
        vendor=total, aws=Amount(usd=0, cny=0), total=total, usd_in_cny=USD_IN_CNY, prices_from=date(2026, 1, 1)
    )


def waits(text: str) -> WaitingReason:
    """Return why a job waits. text: as the page shows it."""
    return WaitingReason(code="waiting.slot", params={}, text=text, until=None)


def warned(text: str) -> StoredMessage:
    """Return a warning of a job. text: as the page shows it."""
    return StoredMessage(code="warning.no-speech", text=text)


def page_of(jobs: Sequence[JobDetail] = (), following: str | None = None) -> JobPage:
    """Return the answer of GET /jobs."""
    return JobPage(jobs=list(jobs), next_cursor=following)


def totals_of(jobs: Sequence[JobDetail] = ()) -> Totals:
    """Return the answer of GET /totals for jobs of one month."""
    found = Counter(job.status for job in jobs)
    counts = StatusCounts(**{status: found[status] for status in Status})
    month = MonthTotals(month="2026-11", counts=counts, hours=12.34, cost=Amount(usd=9.5, cny=67.45))
    return Totals(counts=counts, months=[month])


def problem(status: int, detail: str) -> Problem:
    """Return the answer to a request that fails."""
    return Problem(
        type="urn:asrcore:problem:of-a-test",
        title="of a test",
        status=status,
        detail=detail,
        instance=f"urn:uuid:{REQUEST_ID}",
        message_code="NoSuchJob",
    )


def as_json(answer: BaseModel) -> Any:
    """Return an answer of the API as its JSON."""
    return answer.model_dump(mode="json", by_alias=True)


@dataclass
class ListedJobs(Loopback):
    """Serves the page of a unit test's services, and a list of jobs, the newest first, with what a reader does to them.

    calls: method and path of each request but for the page and lists.  queries: those of the lists.
    """

    jobs: Sequence[JobDetail] = ()
    calls: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._page = Caller(replace(world(), vendors=dict(VENDORS))).get("/")

    def show(self, *jobs: JobDetail) -> str:
        """Return the page's address, which shows these jobs."""
        self.jobs = jobs
        self.calls.clear()
        self.queries.clear()
        return self.at("/")

    def answer_to(self, request: Request) -> Response:
        if request.path == "/":
            return Response(self._page.body, headers=dict(self._page.headers))
        if request.path in {"/jobs", "/totals"}:
            answer = _respond(self._listed(request.args) if request.path == "/jobs" else totals_of(self.jobs))
            answer.add_etag(weak=True)
            return answer.make_conditional(request.environ)
        self.calls.append(f"{request.method} {request.full_path.rstrip('?')}")
        _, _, job_id, *action = request.path.split("/")
        job = next((each for each in self.jobs if each.job_id == job_id), None)
        if job is None:
            return _respond(problem(404, "no such job"), 404)
        return self._act(job, request.method, "".join(action))

    def _act(self, job: JobDetail, method: str, action: str) -> Response:
        if action == "transcript":
            return Response(f"what {job.name} says", content_type="text/plain; charset=utf-8")
        if method == "GET":
            return _respond(job)
        queued = job.model_copy(update={"status": Status.QUEUED, "stage": Stage.NEW, "error": None})
        changed = [queued] if action == "redrive" else []
        self.jobs = [new for each in self.jobs for new in (changed if each is job else [each])]
        return _respond(queued, 202) if changed else Response(status=204)

    def _listed(self, asked: Mapping[str, str]) -> JobPage:
        self.queries.append(dict(asked))
        found = [job for job in self.jobs if _matches(job, asked)]
        first, limit = int(asked.get("cursor", 0)), int(asked.get("limit", 50))
        following = f"{first + limit}" if first + limit < len(found) else None
        return page_of(found[first : first + limit], following)


def _matches(job: JobDetail, asked: Mapping[str, str]) -> bool:
    return (
        asked.get("status", job.status) == job.status
        and asked.get("vendor", job.vendor) == job.vendor
        and asked.get("name", "") in job.name
        and asked.get("key", job.recording.key) == job.recording.key
    )


def _respond(answer: BaseModel, status: int = 200) -> Response:
    return Response(answer.model_dump_json(by_alias=True), status=status, content_type="application/json")
