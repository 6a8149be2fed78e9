"""The routes of the HTTP API: each reads its request, calls one use case, and returns its result."""

import base64
import gzip
import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import BaseModel

from asrcore.api.conditional import entity_tag, is_known, wait_s
from asrcore.api.creation import create_job
from asrcore.api.document import document, responses
from asrcore.api.job_views import detail
from asrcore.api.listing import jobs_of, list_jobs
from asrcore.api.models import (
    MOST_ON_A_PAGE,
    Deletion,
    Estimate,
    Flag,
    IdempotencyKey,
    JobDetail,
    JobId,
    JobPage,
    JobRequest,
    JobRequests,
    JobResult,
    JobResults,
    JobSummary,
    Key,
    Moment,
    Newline,
    PartNumbers,
    PartUrls,
    RecordingAddress,
    RequestedVendor,
    TagFilter,
    Totals,
    TranscriptFormat,
    Upload,
    UploadedRecording,
    UploadId,
    UploadProgress,
    UploadRequest,
    VendorName,
)
from asrcore.api.problems import (
    EndedError,
    MethodNotAllowedError,
    NoSuchJobError,
    NotFailedError,
    language_headers,
    problem,
    problem_document,
    unknown_parameters,
)
from asrcore.api.transcripts import FileOptions, transcript
from asrcore.api.uploads import offer_upload
from asrcore.cancellation import cancel
from asrcore.core.documents import read_json
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job, Status
from asrcore.core.option_sources import MOST_TAGS
from asrcore.core.recording_keys import fold_name
from asrcore.core.routing import AUTO
from asrcore.core.totals import MONTHS
from asrcore.deletion import delete
from asrcore.log import LOG
from asrcore.messages import Language, Message, negotiate
from asrcore.ports import JobFilter
from asrcore.restart import redrive
from asrcore.services import Services

JSON_TYPE = "application/json"
_LONGEST_S = 10 * 3600
_LONGEST_OPTIONS = 4000  # characters
_LONGEST_NAME = 200
_LARGEST_BYTES = 5 * 1024**4  # S3 holds no larger object
# A response is about this moment, and for this caller alone.
_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Api:
    """Answers requests of API Gateway (payload format 2.0) by use cases."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app = APIGatewayHttpResolver(enable_validation=True, json_body_deserializer=_read_json)
        self._app.exception_handler(Exception)(self._problem)
        self._methods: dict[str, list[str]] = {}
        self._add("POST", "/uploads", self.create_upload, responses(201, Upload, 400, 415, 422))
        parts, one = "/uploads/<upload_id>/parts", "/uploads/<upload_id>"
        self._add("POST", parts, self.sign_parts, responses(200, PartUrls, 400, 404, 415, 422))
        self._add("GET", one, self.get_upload, responses(200, UploadProgress, 404, 422, also=304))
        completed = responses(200, UploadedRecording, 404, 409, 415, 422)
        self._add("POST", f"{one}/complete", self.complete_upload, completed)
        self._add("DELETE", one, self.abort_upload, responses(204, None, 404, 422))
        self._add("POST", "/jobs", self.create_job, responses(202, JobDetail, 400, 409, 415, 422, also=200))
        self._add("POST", "/batches", self.create_jobs, responses(200, JobResults, 400, 415, 422))
        self._add("GET", "/jobs", self.list_jobs, responses(200, JobPage, 422, also=304))
        self._add("GET", "/jobs/<job_id>", self.get_job, responses(200, JobDetail, 404, 422, also=304))
        deleted = {**responses(200, Deletion), **responses(204, None, 404, 409, 422)}
        self._add("DELETE", "/jobs/<job_id>", self.delete_job, deleted)
        self._add("POST", "/jobs/<job_id>/cancel", self.cancel_job, responses(200, JobDetail, 404, 409, 415, 422))
        self._add("POST", "/jobs/<job_id>/redrive", self.redrive_job, responses(202, JobDetail, 404, 409, 415, 422))
        files = responses(303, None, 404, 409, 422, also=304, files=True)
        self._add("GET", "/jobs/<job_id>/transcript", self.get_transcript, files)
        self._add("GET", "/totals", self.get_totals, responses(200, Totals, 422, also=304))
        self._add("GET", "/jobs/<job_id>/recording", self.get_recording, responses(200, RecordingAddress, 404, 422))
        self._add("GET", "/estimate", self.get_estimate, responses(200, Estimate, 422, also=304))
        self._add("GET", "/openapi.json", self.get_document, responses(200, dict[str, Any], 422, also=304))
        self._app.route("/", "GET", include_in_schema=False)(self.get_page)

    def answer(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Return the response to a request; one that fails gets a problem document.

        Args:
            event: of API Gateway.
            context: of AWS Lambda.
        """
        response: dict[str, Any] = self._app.resolve(_json_or_nothing(event), context)  # type: ignore[arg-type]
        return response

    @cached_property
    def document(self) -> str:
        """The OpenAPI document, as JSON."""
        return document(self._app)

    def create_upload(self, body: UploadRequest) -> Response[str]:
        """Get a form with which a browser, or another program, uploads one recording; or upload it in parts

        The upload creates a job, seconds later; `GET` the path in `job` until it lists one. The form is accepted for an
        hour, for one unique key; S3 rejects larger files and other kinds. A recording above 100 MB is uploaded in
        parts: sign their URLs, put each part to its URL, and complete the upload.
        """
        return self._respond(offer_upload(body, self._services), HTTPStatus.CREATED)

    def sign_parts(self, upload_id: Annotated[UploadId, Path()], body: PartNumbers) -> Response[str]:
        """Get URLs for parts of an upload

        Put each part to its URL, several at once if you like, in any order; a part that failed can be put again.
        """
        from asrcore.api.multipart import sign_parts  # noqa: PLC0415 - for large recordings only

        return self._respond(sign_parts(upload_id, body.numbers, self._services))

    def get_upload(self, upload_id: Annotated[UploadId, Path()]) -> Response[str]:
        """Get the parts of an upload that S3 has, to resume it

        An upload that is not complete can be resumed for seven days.
        """
        from asrcore.api.multipart import progress  # noqa: PLC0415 - for large recordings only

        return self._respond(progress(upload_id, self._services))

    def complete_upload(self, upload_id: Annotated[UploadId, Path()]) -> Response[str]:
        """Complete an upload in parts

        An upload makes one recording and one job, however often it is completed.
        """
        from asrcore.api.multipart import complete  # noqa: PLC0415 - for large recordings only

        return self._respond(complete(upload_id, self._services))

    def abort_upload(self, upload_id: Annotated[UploadId, Path()]) -> Response[str]:
        """Abort an upload in parts, and delete its parts"""
        from asrcore.api.multipart import abort  # noqa: PLC0415 - for large recordings only

        abort(upload_id, self._services)
        return Response(HTTPStatus.NO_CONTENT, body="", headers=dict(_PRIVATE))

    def create_job(
        self,
        body: JobRequest,
        idempotency_key: Annotated[
            IdempotencyKey | None,
            Header(alias="Idempotency-Key", description="the same request under the same key, for a day, is one job"),
        ] = None,
    ) -> Response[str]:
        """Transcribe a recording that is stored in the audio bucket, or at an https URL

        202 with a new job, 200 with the job that this recording has already, if it has the same options. An upload to
        the audio bucket creates its job by itself: this is for recordings from before, and for URLs.
        """
        job, is_new = create_job(body, idempotency_key, self._services)
        status = HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK
        return self._respond(detail(job, self._services, self._language), status, f"/jobs/{job.job_id}")

    def create_jobs(
        self,
        body: JobRequests,
        idempotency_key: Annotated[
            IdempotencyKey | None,
            Header(alias="Idempotency-Key", description="the same requests under the same key, for a day, are one"),
        ] = None,
    ) -> Response[str]:
        """Transcribe up to 25 recordings, as POST /jobs does for one

        Each request has a result of its own: one that fails does not keep the others from being done.
        """
        results = []
        for number, request in enumerate(body.jobs):
            try:
                key = f"{idempotency_key}/{number}" if idempotency_key else None
                job, is_new = create_job(request, key, self._services)
                status = HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK
                shown = detail(job, self._services, self._language)
                results.append(JobResult(status=status, job=shown, problem=None))
            except Exception as error:  # noqa: BLE001 - each becomes a problem document, as of a request alone
                document = problem_document(error, self._app.lambda_context.aws_request_id, self._language)
                results.append(JobResult(status=document.status, job=None, problem=document))
        return self._respond(JobResults(results=results))

    def list_jobs(
        self,
        *,
        status: Annotated[Status | None, Query(description="only jobs in this state")] = None,
        vendor: Annotated[VendorName | None, Query(description="only jobs of this current or last vendor")] = None,
        since: Annotated[Moment | None, Query(alias="from", description="created then or later")] = None,
        until: Annotated[Moment | None, Query(alias="to", description="created before")] = None,
        name: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=_LONGEST_NAME,
                description="only recordings with this text in their file name, whatever its case and width",
            ),
        ] = None,
        tag: Annotated[
            list[TagFilter] | None,
            Query(max_length=MOST_TAGS, description="only jobs with this tag, as name:value; several by repetition"),
        ] = None,
        key: Annotated[Key | None, Query(description="only jobs of this recording in the audio bucket")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="jobs on a page")] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="next_cursor of the page before")] = None,
    ) -> Response[str]:
        """List jobs, the latest first

        A call does a bounded amount of work, so a page may be short, or empty, although there are more: continue until
        `next_cursor` is null. With `key` the list has the latest hundred versions that the bucket has.
        """
        known = self._known(vendor) if vendor else None
        tags = dict(pair.split(":", 1) for each in tag or [] for pair in each.split(","))
        job_filter = JobFilter(status, known, since, until, fold_name(name) if name else None, tags)
        if key is not None:
            return self._respond(jobs_of(key, job_filter, limit, cursor, self._services, language=self._language))
        return self._respond(list_jobs(job_filter, limit, cursor, self._services, language=self._language))

    def get_job(self, job_id: Annotated[JobId, Path()]) -> Response[str]:
        """Get a job: its stage, attempts and cost"""
        return self._respond(detail(self._job(job_id), self._services, self._language))

    def delete_job(self, job_id: Annotated[JobId, Path()]) -> Response[str]:
        """Delete a job for ever: recording, transcript, exports, raw reply, in every version

        An open job is cancelled first: 200, and `message` says whether the vendor may still bill. 204 for a job that
        had ended.
        """
        job = self._job(job_id)
        ended = delete(job, self._services)
        if not job.finished and ended.error:
            return self._respond(Deletion(job_id=job_id, message=ended.error.in_language(self._language).message))
        return Response(HTTPStatus.NO_CONTENT, body="", headers=dict(_PRIVATE))

    def cancel_job(self, job_id: Annotated[JobId, Path()]) -> Response[str]:
        """Cancel an open job; its recording stays

        The job ends FAILED with the code Cancelled, and `error` says whether the vendor may still bill. A result that
        arrives later is discarded. A cancelled job can be cancelled again, without effect.
        """
        job = cancel(self._job(job_id).job_id, self._services)
        if not job.withdrawn:
            raise EndedError(Message("Ended", {"job_id": job_id, "status": job.status}))
        return self._respond(detail(job, self._services, self._language))

    def redrive_job(self, job_id: Annotated[JobId, Path()]) -> Response[str]:
        """Start a failed job again from the beginning

        Its recording is probed and its vendor chosen anew; the attempts before stay on the job. A job that does not
        fail any more is a conflict.
        """
        if self._job(job_id).status is not Status.FAILED:
            raise NotFailedError(Message("NotFailed", {"job_id": job_id}))
        return self._respond(
            detail(redrive(job_id, self._services), self._services, self._language), HTTPStatus.ACCEPTED
        )

    def get_transcript(
        self,
        job_id: Annotated[JobId, Path()],
        form: Annotated[TranscriptFormat, Query(alias="format")] = TranscriptFormat.JSON,
        inline: Annotated[Flag, Query(description="in the response itself, if it fits")] = "false",
        *,
        bom: Annotated[
            Flag, Query(description="begin srt and txt with a byte order mark; vtt never has one")
        ] = "false",
        newline: Annotated[Newline, Query(description="line ends of srt, vtt and txt")] = "lf",
        max_line: Annotated[
            int, Query(ge=10, le=120, description="columns of a subtitle's line; a Chinese character has two")
        ] = 42,
        lines: Annotated[int, Query(ge=1, le=2, description="lines of a subtitle")] = 2,
        playable: Annotated[Flag, Query(description="write the recording's address into a page")] = "true",
    ) -> Response[str]:
        """Get a transcript, or its subtitles, text or page

        303 to a URL that is valid for minutes, or with `inline` the file itself, where it fits into a response. A page
        is returned itself whenever it fits, and plays the recording; its ETag does not cover the recording's address.
        With other than the default line ends, byte order mark or size of subtitles, srt, vtt and txt are rendered now
        and returned themselves.
        """
        content = transcript(
            self._job(job_id),
            form,
            self._services,
            inline=inline == "true",
            takes_gzip=self._takes_gzip,
            options=FileOptions(bom == "true", newline == "crlf", max_line, lines),
            with_address=playable == "true",
        )
        if content.location:
            return Response(HTTPStatus.SEE_OTHER, body="", headers={**_PRIVATE, "Location": content.location})
        encoded = {"Content-Encoding": "gzip"} if content.is_packed else {}
        answer = Response(
            HTTPStatus.OK,
            content.content_type,
            base64.b64encode(content.body).decode(),
            {**_PRIVATE, **encoded, "Vary": "Accept-Encoding"},
        )
        answer.base64_encoded = True
        return self._unless_known(answer, entity_tag(content.lasting))

    def get_totals(
        self,
        months: Annotated[int, Query(ge=1, le=MONTHS, description="how many months, this one included")] = MONTHS,
    ) -> Response[str]:
        """Get the number of jobs by status, and the hours and the cost of each month

        A job is of the month in which it was created. The numbers are counted with each change of a job, not searched.
        """
        from asrcore.api.monthly import read_totals  # noqa: PLC0415 - most invocations do not need it

        return self._respond(read_totals(months, self._services))

    def get_recording(self, job_id: Annotated[JobId, Path()]) -> Response[str]:
        """Get an address from which a browser plays the recording

        It is presigned, and expires after minutes: a player requests another one meanwhile. 404 for a recording that
        was deleted, or that is remote.
        """
        from asrcore.api.recordings import recording_address  # noqa: PLC0415 - only players get it

        return self._respond(recording_address(self._job(job_id), self._services))

    def get_estimate(
        self,
        seconds: Annotated[float, Query(ge=0, le=_LONGEST_S, description="the recording's length")],
        vendor: Annotated[RequestedVendor | None, Query()] = None,
        size_bytes: Annotated[
            int | None,
            Query(ge=0, le=_LARGEST_BYTES, description="its size, of which AWS sends every byte to the vendor"),
        ] = None,
        options: Annotated[
            str, Query(max_length=_LONGEST_OPTIONS, description='as in a sidecar, as JSON text: `{"speakers": 2}`')
        ] = "{}",
    ) -> Response[str]:
        """Estimate the cost and the turnaround of a recording by its length

        Without `vendor`, or with `auto`, the vendor is that of automatic choice for 16 kHz mono WAV of that length, and
        `choice` has the reason. Without `size_bytes` the recording is assumed to be MP3 at 64 kbit/s (`assumptions`).
        """
        from asrcore.api.estimates import make_estimate  # noqa: PLC0415 - most invocations do not need it

        if vendor not in (None, AUTO):
            self._known(vendor)
        return self._respond(
            make_estimate(vendor, seconds, size_bytes, options, self._services, language=self._language)
        )

    def get_document(self) -> Response[str]:
        """Get this API as an OpenAPI document"""
        return self._unless_known(Response(HTTPStatus.OK, JSON_TYPE, self.document, {}), entity_tag(self.document))

    def get_page(self) -> Response[str]:
        """Get the jobs page; API Gateway serves it without authorization, where the stack serves it at all."""
        from asrcore.api.jobs_page import jobs_page  # noqa: PLC0415 - programs do not get it

        page = jobs_page(self._services)
        content_type, headers = "text/html; charset=utf-8", {**page.headers, "Vary": "Accept-Encoding"}
        if not self._takes_gzip:
            return Response(HTTPStatus.OK, content_type, page.text, headers)
        body = base64.b64encode(gzip.compress(page.text.encode(), mtime=0)).decode()
        answer = Response(HTTPStatus.OK, content_type, body, {**headers, "Content-Encoding": "gzip"})
        answer.base64_encoded = True
        return answer

    def _add(self, method: str, rule: str, handler: Callable[..., Response[str]], described: Any) -> None:
        known = _query_parameters(handler)

        @wraps(handler)
        def checked(**arguments: Any) -> Response[str]:
            if unknown := self._app.current_event.query_string_parameters.keys() - known:
                raise unknown_parameters(sorted(unknown), known)
            if method == "POST" and self._app.current_event.headers.get("content-type") != JSON_TYPE:
                raise RequestUnsupportedContentType("Unsupported content type", errors=[])
            return handler(**arguments)

        summary, _, description = inspect.getdoc(handler).partition("\n\n")  # type: ignore[union-attr]
        self._methods.setdefault(re.sub(r"<\w+>", "[^/]+", rule), []).append(method)
        self._app.route(
            rule,
            method,
            summary=summary,
            description=" ".join(description.split()) or None,
            operation_id=handler.__name__,
            responses=described,
            status_code=min(described),
        )(checked)

    def _respond(self, model: BaseModel, status: int = HTTPStatus.OK, location: str = "") -> Response[str]:
        body = model.model_dump_json(by_alias=True)
        retry_after_s = wait_s([model] if isinstance(model, JobSummary) else getattr(model, "jobs", []))
        headers = {
            **_PRIVATE,
            **language_headers(self._language),
            **({"Location": location} if location else {}),
            **({"Retry-After": str(retry_after_s)} if retry_after_s else {}),
        }
        return self._unless_known(Response(status, JSON_TYPE, body, headers), entity_tag(body))

    def _unless_known(self, response: Response[str], tag: str) -> Response[str]:
        """Return the response to a GET request with its tag; 304 without a body if the caller has it already."""
        if self._app.current_event.http_method != "GET":
            return response
        response.headers["ETag"] = tag
        if not is_known(tag, str(self._app.current_event.headers.get("if-none-match", ""))):
            return response
        return Response(HTTPStatus.NOT_MODIFIED, body="", headers=response.headers)

    @property
    def _language(self) -> Language:
        """The language of the texts in this response."""
        return negotiate(str(self._app.current_event.headers.get("accept-language", "")))

    @property
    def _takes_gzip(self) -> bool:
        return "gzip" in str(self._app.current_event.headers.get("accept-encoding", "")).lower()

    def _job(self, job_id: str) -> Job:
        LOG.append_keys(job_id=job_id)
        job = self._services.jobs.load(job_id)
        if job is None:
            raise NoSuchJobError(Message("NoSuchJob", {"job_id": job_id}))
        return job

    def _known(self, vendor: str) -> str:
        if vendor not in self._services.vendors:
            known = Message("UnknownVendor", {"vendor": vendor, "vendors": [*self._services.vendors]})
            raise AsrError(ErrorClass.CONFIG, "UnknownVendor", known)
        return vendor

    def _problem(self, error: Exception) -> Response[str]:
        if isinstance(error, NotFoundError):
            path = self._app.current_event.path
            known = (methods for pattern, methods in self._methods.items() if re.fullmatch(pattern, path))
            allowed = next(known, [])
            method = self._app.current_event.http_method
            error = MethodNotAllowedError(allowed) if allowed and method not in allowed else error
        return problem(error, self._app.lambda_context.aws_request_id, self._language)


def _query_parameters(handler: Callable[..., Response[str]]) -> frozenset[str]:
    """Return the names of a handler's query parameters."""
    fields = {
        name: annotation
        for name, parameter in inspect.signature(handler).parameters.items()
        for annotation in getattr(parameter.annotation, "__metadata__", ())
    }
    return frozenset(field.alias or name for name, field in fields.items() if isinstance(field, Query))


def _json_or_nothing(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the event with a body of JSON, or of a type that Powertools does not read, as it would read forms.

    A body without a type is none of JSON: any web site can have a browser send one.
    """
    media_type = event["headers"].get("content-type", "").partition(";")[0].strip().lower()
    known = JSON_TYPE if media_type == JSON_TYPE else "application/octet-stream"
    return {**event, "headers": {**event["headers"], "content-type": known}}


def _read_json(text: str | None) -> Any:
    """Read a body's JSON object. Raises json.JSONDecodeError for anything else, or when it cannot be written."""
    try:
        document = read_json((text or "").encode("utf-8", "surrogatepass"))
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(str(error)[:200], "", 0) from None
    if not isinstance(document, dict):
        raise json.JSONDecodeError("another value", "", 0)
    return document
