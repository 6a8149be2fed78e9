"""A client of asrcore's HTTP API. Written by `make schema` from the OpenAPI document: do not edit it.

    api = Client("https://….execute-api.eu-central-1.amazonaws.com", auth)
    job = api.wait(api.upload("meeting.wav", options={"speakers": 2}))
    print(api.get_transcript(job["job_id"], format="txt").text)

`auth` is one of `requests`: `Bearer(token)`, or `SigV4(session, region)` with a botocore session.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NotRequired, TypedDict
from urllib.parse import quote

import requests
from requests.auth import AuthBase


class ApiError(Exception):
    """The API refused a request. problem: its problem document.  retry_after_s: when to try again, if that helps."""

    def __init__(self, response: requests.Response) -> None:
        try:
            self.problem: dict[str, Any] = response.json()
        except ValueError:
            self.problem = {}
        self.status = response.status_code
        self.retry_after_s = int(response.headers.get("Retry-After", 0)) or None
        why = self.problem.get("detail") or self.problem.get("message") or response.reason
        super().__init__(f"{self.status}: {why}")


class Bearer(AuthBase):
    """Sends a token (ApiAuthorization=jwt)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class SigV4(AuthBase):
    """Signs requests with AWS credentials (ApiAuthorization=iam). session: of botocore."""

    def __init__(self, session: Any, region: str) -> None:
        self._session, self._region = session, region

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        content = {name: each for name, each in request.headers.items() if name.lower() == "content-type"}
        signed = AWSRequest(request.method, request.url, data=request.body, headers=content)
        SigV4Auth(self._session.get_credentials(), "execute-api", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


class Amount(TypedDict):
    """The same sum in both currencies, at the rate of exchange that the cost names."""

    usd: "float"
    cny: "float"


class Audio(TypedDict):
    """Properties of one recording; None for those that the file does not state."""

    format: "str"
    codec: "str"
    sample_rate_hz: "int | None"
    channels: "int | None"
    duration_ms: "int | None"
    bits_per_sample: "NotRequired[int | None]"
    declared_ms: "NotRequired[int | None]"


ChoiceReason = str


class Conversion(TypedDict):
    """A converted recording, submitted instead of the original. track: of the audio tracks, counted from 1."""

    form: "str"
    track: "int"
    audio: "Audio"
    size_bytes: "int"


class Correction(TypedDict):
    """The correction of a transcript. number: from 1.  at: when, UTC.  by: who made it."""

    number: "int"
    at: "str"
    by: "str"


class Cost(TypedDict):
    """The cost of a job, or its estimate. An unknown amount is null, not 0."""

    vendor: "Amount | None"
    vendors: "NotRequired[dict[str, Amount]]"
    aws: "Amount"
    total: "Amount | None"
    usd_in_cny: "float"
    prices_from: "str"
    assumptions: "NotRequired[list[str]]"


class Deletion(TypedDict):
    """The deletion of a job that was open."""

    job_id: "str"
    message: "str"


ErrorClass = str


class Estimate(TypedDict):
    """The cost and turnaround of a recording with one vendor, without failures."""

    vendor: "str"
    choice: "VendorReason"
    seconds: "float"
    cost: "Cost"
    typical_s: "float | None"


class GatewayError(TypedDict):
    """API Gateway's own response to a caller that is not allowed, or that calls too often."""

    message: "str"


class InvalidField(TypedDict):
    """A field of a request that is not valid."""

    pointer: "str"
    message: "str"
    message_code: "str"
    params: "NotRequired[dict[str, Any]]"


class JobDetail(TypedDict):
    """A job."""

    job_id: "str"
    name: "str"
    status: "Status"
    stage: "Stage"
    waiting: "WaitingReason | None"
    vendor: "str | None"
    recording: "Recording"
    length_s: "float | None"
    created_at: "str"
    updated_at: "str"
    elapsed_s: "float"
    typical_s: "float | None"
    cost: "Cost"
    error: "JobError | None"
    warnings: "list[StoredMessage]"
    tags: "dict[str, str]"
    links: "Links"
    choice: "VendorReason | None"
    conversion: "Conversion | None"
    correction: "Correction | None"
    attempts: "list[NumberedAttempt]"
    options: "dict[str, Any]"


JobError = TypedDict(
    "JobError",
    {
        "class": "ErrorClass",
        "vendor": "str | None",
        "code": "str",
        "message": "str",
        "message_code": "str",
        "params": "NotRequired[dict[str, Any]]",
    },
)


class JobPage(TypedDict):
    """A page of jobs, the latest first. A page may be short or empty although there are more jobs."""

    jobs: "list[JobSummary]"
    next_cursor: "str | None"


class JobRequest(TypedDict):
    """A request to transcribe a recording that is stored already."""

    source: "str"
    version_id: "NotRequired[str | None]"
    format: "NotRequired[str | None]"
    name: "NotRequired[str | None]"
    vendor: "NotRequired[str | None]"
    options: "NotRequired[dict[str, Any]]"
    tags: "NotRequired[dict[str, Any]]"
    webhook: "NotRequired[str | None]"


class JobRequests(TypedDict):
    """Requests to transcribe several recordings."""

    jobs: "list[JobRequest]"


class JobResult(TypedDict):
    """The result of one request of several. Either `job` or `problem` is given."""

    status: "int"
    job: "JobDetail | None"
    problem: "Problem | None"


class JobResults(TypedDict):
    """The results of several requests."""

    results: "list[JobResult]"


class JobSummary(TypedDict):
    """A job in a list."""

    job_id: "str"
    name: "str"
    status: "Status"
    stage: "Stage"
    waiting: "WaitingReason | None"
    vendor: "str | None"
    recording: "Recording"
    length_s: "float | None"
    created_at: "str"
    updated_at: "str"
    elapsed_s: "float"
    typical_s: "float | None"
    cost: "Cost"
    error: "JobError | None"
    warnings: "list[StoredMessage]"
    tags: "dict[str, str]"
    links: "Links"


class Links(TypedDict):
    """Paths of this API about a job."""

    self: "str"
    transcript: "str | None"


class Message(TypedDict):
    """A message in no language. code: its key in the catalogues.  params: by the names in its texts."""

    code: "str"
    params: "NotRequired[dict[str, str | int | Message | list[str] | list[Message] | list[str | Message]]]"


class MonthTotals(TypedDict):
    """The totals of the jobs that were created in a month."""

    month: "str"
    counts: "StatusCounts"
    hours: "float"
    cost: "Amount"


class NumberedAttempt(TypedDict):
    """One submission to one vendor."""

    vendor: "str"
    vendor_task_id: "str | None"
    submitted_at: "str | None"
    ended_at: "str | None"
    outcome: "str | None"
    code: "str | None"
    message: "str | None"
    message_code: "NotRequired[str | None]"
    params: "NotRequired[dict[str, Any]]"
    number: "int"
    due_at: "str"
    queries: "int"


class PartNumbers(TypedDict):
    """The parts whose URLs are wanted."""

    numbers: "list[int]"


class PartUrl(TypedDict):
    """Where a part is put, with the method PUT."""

    number: "int"
    url: "str"
    size_bytes: "int"


class PartUrls(TypedDict):
    """The URLs of parts."""

    urls: "list[PartUrl]"
    expires_at: "str"


class Problem(TypedDict):
    """Why a request failed (RFC 9457)."""

    type: "str"
    title: "str"
    status: "int"
    detail: "str"
    instance: "str"
    code: "NotRequired[str | None]"
    message_code: "str"
    params: "NotRequired[dict[str, Any]]"
    errors: "NotRequired[list[InvalidField] | None]"


class Recording(TypedDict):
    """The recording of a job."""

    bucket: "str"
    key: "str"
    version_id: "str | None"
    size_bytes: "int | None"
    audio: "Audio | None"


class RecordingAddress(TypedDict):
    """An address from which a browser plays a recording."""

    url: "str"
    expires_in_s: "int"


Stage = str

Status = str


class StatusCounts(TypedDict):
    """The number of jobs with each status."""

    QUEUED: "int"
    IN_PROGRESS: "int"
    COMPLETED: "int"
    FAILED: "int"


class StoredMessage(TypedDict):
    """A message as rows, transcripts and events keep it. text: in English."""

    code: "str"
    params: "NotRequired[dict[str, Any]]"
    text: "str"


class Totals(TypedDict):
    """The totals of the last months."""

    counts: "StatusCounts"
    months: "list[MonthTotals]"


TranscriptFormat = str


class Upload(TypedDict):
    """How to upload: post a form (multipart/form-data) with `fields`, and the recording as its last field, `file`."""

    url: "str | None"
    fields: "dict[str, str] | None"
    multipart: "UploadInParts | None"
    key: "str"
    max_bytes: "int"
    expires_at: "str"
    job_id: "str"
    job: "str"


class UploadInParts(TypedDict):
    """An upload in parts: sign URLs for them, put each part to its URL, and complete the upload."""

    upload_id: "str"
    part_bytes: "int"
    parts: "int"


class UploadProgress(TypedDict):
    """An upload in parts that is not complete."""

    key: "str"
    size_bytes: "int"
    part_bytes: "int"
    parts: "int"
    uploaded: "list[UploadedPart]"


class UploadRequest(TypedDict):
    """A request to upload a recording."""

    name: "str"
    content_type: "NotRequired[str | None]"
    size_bytes: "NotRequired[int | None]"
    in_parts: "NotRequired[bool]"
    vendor: "NotRequired[str | None]"
    options: "NotRequired[dict[str, Any]]"
    tags: "NotRequired[dict[str, Any]]"
    webhook: "NotRequired[str | None]"


class UploadedPart(TypedDict):
    """A part that S3 has."""

    number: "int"
    size_bytes: "int"


class UploadedRecording(TypedDict):
    """A recording that was uploaded in parts."""

    key: "str"
    job_id: "str"
    job: "str"


class VendorReason(TypedDict):
    """Why a vendor was chosen. text: the end of a sentence."""

    code: "ChoiceReason"
    params: "dict[str, Any]"
    text: "str"


class WaitingReason(TypedDict):
    """Why a job waits before it is submitted. until: the earliest end of the wait, UTC."""

    code: "str"
    params: "dict[str, Any]"
    text: "str"
    until: "str | None"


class Client:
    """The API of one stack. url: its output ApiUrl.  auth: None for the local stack."""

    def __init__(self, url: str, auth: AuthBase | None = None, timeout_s: float = 60) -> None:
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._session = requests.Session()
        self._auth = auth

    def wait(self, job_id: str) -> "JobDetail":
        """Return a job when it has ended, asking as often as the API says, also after it was busy."""
        while True:
            try:
                response = self._send("GET", f"/jobs/{job_id}")
            except ApiError as error:
                if error.status not in (429, 503):
                    raise
                time.sleep(error.retry_after_s or 1)  # API Gateway's own 429 does not say
                continue
            job: JobDetail = response.json()
            if job["status"] in ("COMPLETED", "FAILED"):
                return job
            time.sleep(int(response.headers.get("Retry-After", 5)))

    def upload(self, path: str, **about: Any) -> str:
        """Upload a recording, in parts if it is large, and return the id of its job. about: as of create_upload."""
        file = Path(path)
        upload = self.create_upload(**{"name": file.name, "size_bytes": file.stat().st_size, **about})
        with file.open("rb") as recording:
            if upload["multipart"] is None:
                form = {"data": upload["fields"], "files": {"file": recording}}
                requests.post(str(upload["url"]), **form, timeout=3600).raise_for_status()
            else:
                self._put_parts(upload["multipart"], recording)
        for _ in range(60):  # the object's event creates the job, about a second later
            try:
                return self.get_job(upload["job_id"])["job_id"]
            except ApiError as error:
                if error.status != 404:
                    raise
                time.sleep(1)
        raise TimeoutError("the upload has no job after a minute")

    def _put_parts(self, upload: "UploadInParts", recording: BinaryIO) -> None:
        for number in range(1, upload["parts"] + 1):
            (part,) = self.sign_parts(upload["upload_id"], numbers=[number])["urls"]
            requests.put(part["url"], data=recording.read(part["size_bytes"]), timeout=3600).raise_for_status()
        self.complete_upload(upload["upload_id"])

    def every_job(self, **filters: Any) -> "Iterator[JobSummary]":
        """Yield every job of a list, page by page. filters: as of list_jobs."""
        while True:
            page = self.list_jobs(**filters)
            yield from page["jobs"]
            if page["next_cursor"] is None:
                return
            filters["cursor"] = page["next_cursor"]

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
    ) -> requests.Response:
        given = {name: each for name, each in (query or {}).items() if each is not None}
        sent = None if body is None else {name: each for name, each in body.items() if each is not None}
        response = self._session.request(
            method,
            self._url + path,
            params=given,
            json=sent,
            auth=self._auth,
            timeout=self._timeout_s,
            headers={name: each for name, each in (headers or {}).items() if each is not None},
            allow_redirects=False,
        )
        if response.is_redirect:  # to a presigned URL, which needs no other authorization
            response = requests.get(response.headers["Location"], timeout=self._timeout_s)
        if not response.ok:
            raise ApiError(response)
        return response

    def sign_parts(self, upload_id: str, *, numbers: list[int]) -> "PartUrls":
        """Get URLs for parts of an upload."""
        result: PartUrls = self._send("POST", f"/uploads/{quote(upload_id)}/parts", body={"numbers": numbers}).json()
        return result

    def get_upload(self, upload_id: str) -> "UploadProgress":
        """Get the parts of an upload that S3 has, to resume it."""
        result: UploadProgress = self._send("GET", f"/uploads/{quote(upload_id)}").json()
        return result

    def abort_upload(self, upload_id: str) -> None:
        """Abort an upload in parts, and delete its parts."""
        self._send("DELETE", f"/uploads/{quote(upload_id)}")

    def complete_upload(self, upload_id: str) -> "UploadedRecording":
        """Complete an upload in parts."""
        result: UploadedRecording = self._send("POST", f"/uploads/{quote(upload_id)}/complete", body={}).json()
        return result

    def get_job(self, job_id: str) -> "JobDetail":
        """Get a job: its stage, attempts and cost."""
        result: JobDetail = self._send("GET", f"/jobs/{quote(job_id)}").json()
        return result

    def delete_job(self, job_id: str) -> "Deletion | None":
        """Delete a job for ever: recording, transcript, exports, raw reply, in every version."""
        response = self._send("DELETE", f"/jobs/{quote(job_id)}")
        result: Deletion | None = response.json() if response.content else None
        return result

    def cancel_job(self, job_id: str) -> "JobDetail":
        """Cancel an open job; its recording stays."""
        result: JobDetail = self._send("POST", f"/jobs/{quote(job_id)}/cancel", body={}).json()
        return result

    def redrive_job(self, job_id: str) -> "JobDetail":
        """Start a failed job again from the beginning."""
        result: JobDetail = self._send("POST", f"/jobs/{quote(job_id)}/redrive", body={}).json()
        return result

    def get_transcript(
        self,
        job_id: str,
        *,
        format: TranscriptFormat | None = None,
        inline: str | None = None,
        bom: str | None = None,
        newline: str | None = None,
        max_line: int | None = None,
        lines: int | None = None,
        playable: str | None = None,
    ) -> requests.Response:
        """Get a transcript, or its subtitles, text or page."""
        return self._send(
            "GET",
            f"/jobs/{quote(job_id)}/transcript",
            query={
                "format": format,
                "inline": inline,
                "bom": bom,
                "newline": newline,
                "max_line": max_line,
                "lines": lines,
                "playable": playable,
            },
        )

    def get_recording(self, job_id: str) -> "RecordingAddress":
        """Get an address from which a browser plays the recording."""
        result: RecordingAddress = self._send("GET", f"/jobs/{quote(job_id)}/recording").json()
        return result

    def create_upload(
        self,
        *,
        name: str,
        content_type: str | None = None,
        size_bytes: int | None = None,
        in_parts: bool | None = None,
        vendor: str | None = None,
        options: dict[str, Any] | None = None,
        tags: dict[str, Any] | None = None,
        webhook: str | None = None,
    ) -> "Upload":
        """Get a form with which a browser, or another program, uploads one recording; or upload it in parts."""
        result: Upload = self._send(
            "POST",
            "/uploads",
            body={
                "name": name,
                "content_type": content_type,
                "size_bytes": size_bytes,
                "in_parts": in_parts,
                "vendor": vendor,
                "options": options,
                "tags": tags,
                "webhook": webhook,
            },
        ).json()
        return result

    def list_jobs(
        self,
        *,
        status: Status | None = None,
        vendor: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        name: str | None = None,
        tag: list[str] | None = None,
        key: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> "JobPage":
        """List jobs, the latest first."""
        result: JobPage = self._send(
            "GET",
            "/jobs",
            query={
                "status": status,
                "vendor": vendor,
                "from": from_,
                "to": to,
                "name": name,
                "tag": tag,
                "key": key,
                "limit": limit,
                "cursor": cursor,
            },
        ).json()
        return result

    def create_job(
        self,
        *,
        idempotency_key: str | None = None,
        source: str,
        version_id: str | None = None,
        format: str | None = None,
        name: str | None = None,
        vendor: str | None = None,
        options: dict[str, Any] | None = None,
        tags: dict[str, Any] | None = None,
        webhook: str | None = None,
    ) -> "JobDetail":
        """Transcribe a recording that is stored in the audio bucket, or at an https URL."""
        result: JobDetail = self._send(
            "POST",
            "/jobs",
            body={
                "source": source,
                "version_id": version_id,
                "format": format,
                "name": name,
                "vendor": vendor,
                "options": options,
                "tags": tags,
                "webhook": webhook,
            },
            headers={"idempotency-key": idempotency_key},
        ).json()
        return result

    def create_jobs(self, *, idempotency_key: str | None = None, jobs: list[JobRequest]) -> "JobResults":
        """Transcribe up to 25 recordings, as POST /jobs does for one."""
        result: JobResults = self._send(
            "POST", "/batches", body={"jobs": jobs}, headers={"idempotency-key": idempotency_key}
        ).json()
        return result

    def get_totals(self, *, months: int | None = None) -> "Totals":
        """Get the number of jobs by status, and the hours and the cost of each month."""
        result: Totals = self._send("GET", "/totals", query={"months": months}).json()
        return result

    def get_estimate(
        self, *, seconds: float, vendor: str | None = None, size_bytes: int | None = None, options: str | None = None
    ) -> "Estimate":
        """Estimate the cost and the turnaround of a recording by its length."""
        result: Estimate = self._send(
            "GET",
            "/estimate",
            query={"seconds": seconds, "vendor": vendor, "size_bytes": size_bytes, "options": options},
        ).json()
        return result

    def get_document(self) -> "dict[str, Any]":
        """Get this API as an OpenAPI document."""
        result: dict[str, Any] = self._send("GET", "/openapi.json").json()
        return result
