"""The HTTP API of the jobs page with jobs as a test wants them, on loopback: their states need no stack."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from asrcore.core.job import Status
from asrcore.vendors.registry import VENDORS
from tests.support.api_client import Caller
from tests.support.loopback import Loopback
from tests.support.pipeline import world

FIRST = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
Listed = dict[str, Any]


def listed(name: str, *, nth: int = 0, **changes: object) -> Listed:
    """Return an open job, as GET /jobs returns it. nth: its place, the newest is 0."""
    created = FIRST - timedelta(minutes=17 * nth)
    job_id = f"{nth:032x}"
    return {
        "job_id": job_id,
        "name": name,
        "status": "IN_PROGRESS",
        "stage": "waiting_for_result",
        "waiting": None,
        "vendor": "volcengine-bigmodel",
        "recording": {"key": f"incoming/auto/{job_id}/{name}"},
        "length_s": 605.0,
        "created_at": created.isoformat(),
        "updated_at": (created + timedelta(seconds=10)).isoformat(),
        "elapsed_s": 10.0,
        "typical_s": None,
        "cost": {"total": None},
        "error": None,
        "warnings": [],
        "links": {"self": f"/jobs/{job_id}", "transcript": None},
        **changes,
    }


def completed(name: str, *, nth: int = 0, usd: float = 0.0123, **changes: object) -> Listed:
    """Return a completed job, as GET /jobs returns it."""
    job = listed(name, nth=nth, status="COMPLETED", stage="completed", cost={"total": {"usd": usd, "cny": usd * 7.1}})
    return {**job, "links": {**job["links"], "transcript": f"{job['links']['self']}/transcript"}, **changes}


def failed(name: str, message: str, *, nth: int = 0, code: str = "NotAudio", **changes: object) -> Listed:
    """Return a failed job, as GET /jobs returns it."""
    error = {"class": "bad_audio", "vendor": None, "code": code, "message": message}
    return listed(name, nth=nth, status="FAILED", stage="failed", vendor=None, length_s=None, error=error, **changes)


@dataclass
class ListedJobs(Loopback):
    """Serves the page of a unit test's services, and a list of jobs, the newest first, with what a reader does to them.

    calls: method and path of each request but for the page and lists.  queries: those of the lists.
    """

    jobs: Sequence[Listed] = ()
    calls: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._page = Caller(replace(world(), vendors=dict(VENDORS))).get("/")

    def show(self, *jobs: Listed) -> str:
        """Return the page's address, which shows these jobs."""
        self.jobs = jobs
        self.calls.clear()
        self.queries.clear()
        return self.at("/")

    def answer_to(self, request: Request) -> Response:
        if request.path == "/":
            return Response(self._page.body, headers=dict(self._page.headers))
        if request.path in {"/jobs", "/totals"}:
            answer = _json(self._listed(request.args) if request.path == "/jobs" else self._totals())
            answer.add_etag(weak=True)
            return answer.make_conditional(request.environ)
        self.calls.append(f"{request.method} {request.full_path.rstrip('?')}")
        _, _, job_id, *action = request.path.split("/")
        job = next((each for each in self.jobs if each["job_id"] == job_id), None)
        return self._act(job, request.method, "".join(action)) if job else _json({"detail": "no such job"}, 404)

    def _act(self, job: Listed, method: str, action: str) -> Response:
        if action == "transcript":
            return Response(f"what {job['name']} says", content_type="text/plain; charset=utf-8")
        if method == "GET":
            return _json(job)
        changed = [{**job, "status": "QUEUED", "stage": "new", "error": None}] if action == "redrive" else []
        self.jobs = [new for each in self.jobs for new in (changed if each is job else [each])]
        return _json({}, 202) if changed else Response(status=204)

    def _totals(self) -> dict[str, Any]:
        statuses = [job["status"] for job in self.jobs]
        counts = {status: statuses.count(status) for status in Status}
        month = {"month": "2026-11", "counts": counts, "hours": 12.34, "cost": {"usd": 9.5, "cny": 67.45}}
        return {"counts": counts, "months": [month]}

    def _listed(self, asked: Mapping[str, str]) -> dict[str, Any]:
        self.queries.append(dict(asked))
        found = [job for job in self.jobs if _matches(job, asked)]
        first, limit = int(asked.get("cursor", 0)), int(asked.get("limit", 50))
        following = f"{first + limit}" if first + limit < len(found) else None
        return {"jobs": found[first : first + limit], "next_cursor": following}


def _matches(job: Listed, asked: Mapping[str, str]) -> bool:
    return (
        asked.get("status", job["status"]) == job["status"]
        and asked.get("vendor", job["vendor"]) == job["vendor"]
        and asked.get("name", "") in job["name"]
        and asked.get("key", job["recording"]["key"]) == job["recording"]["key"]
    )


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")
