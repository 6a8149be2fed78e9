"""Serve a simulated vendor: a real HTTP server on loopback, with faults, options and a request log."""

import logging
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar
from urllib.parse import unquote

from flask import Flask, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.serving import WSGIRequestHandler

from devstack.web import WebServer
from simulators.faults import Fault, FaultQueue, Moment
from simulators.recording import Recording, Source
from simulators.request_log import RequestLog, without_secrets
from simulators.runtime import Runtime
from simulators.script import ScriptStore

LOG = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 64 * 1024 * 1024  # more than any vendor accepts, so that each refuses with its own code
SOCKET_TIMEOUT_S = 60
# Marks the words of the local recognizer: HTTP's header for what the body does not say (RFC 7234, 5.5).
RECOGNIZED_WARNING = '299 - "words and times by the local recognizer; the vendor is simulated"'


@dataclass(frozen=True)
class Answer:
    """A vendor's answer: its JSON, HTTP status and headers, and its entry in the request log."""

    code: str
    payload: Mapping[str, object]
    task_id: str | None = None
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusalError(Exception):
    """The vendor refuses a call with its code; `message` replaces the code's usual message."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(f"{code} {message or ''}".strip())
        self.code = code
        self.message = message


UTF_8: Final = "utf-8"


def in_charset(body: bytes, charset: str) -> bytes:
    """Return UTF-8 text in another character set."""
    return body if charset == UTF_8 else body.decode().encode(charset)


class Options(BaseModel):
    """Options of a simulator; each vendor adds its own. `turnaround_s`: seconds from submission to the result.

    `charset`: of answers and callbacks, which do not declare it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    turnaround_s: float = Field(1.0, ge=0)
    charset: Literal["utf-8", "gb18030"] = UTF_8


@dataclass(frozen=True)
class Setup:
    """The account, the scripts of known recordings, and the address of a simulator (port 0: any free one)."""

    credentials: Mapping[str, str]
    scripts: ScriptStore
    port: int = 0
    bind: str = LOOPBACK
    runtime: Runtime = field(default_factory=Runtime)


OptionsT = TypeVar("OptionsT", bound=Options)


class Simulator(ABC, Generic[OptionsT]):
    """One vendor on one port. A subclass has the routes and answers; faults and request log are inherited.

    call_codes, outcome_codes: patterns of the codes of a refused call and of a task's end.
    """

    vendor: ClassVar[str]
    moments: ClassVar[frozenset[Moment]]
    call_codes: ClassVar[str] = r"-?\d{1,8}"
    outcome_codes: ClassVar[str] = r"-?\d{1,8}"

    _server: WebServer

    def __init__(self, setup: Setup, options: OptionsT) -> None:
        self.credentials = setup.credentials
        self.scripts = setup.scripts
        self.options = options
        self.faults = FaultQueue()
        self.request_log = RequestLog()
        self.runtime = setup.runtime
        self.background = self.runtime.scheduler(self.vendor)
        self._first_options = options
        self._bind, self._port = setup.bind, setup.port

    @property
    def url(self) -> str:
        """Return the base URL for callers on this machine, after `start`."""
        return self._server.url

    def start(self) -> None:
        """Listen; raises devstack.web.PortTakenError, which names the port."""
        self._server = WebServer(self.app(), self._bind, self._port, _QuietHandler)
        self.background.start()

    def stop(self) -> None:
        self.background.stop()
        self._server.stop()

    def app(self) -> Flask:
        """Build the web application: the vendor's paths and those of the simulator's controls."""
        app = Flask(self.vendor)
        app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
        app.json.sort_keys = False  # type: ignore[attr-defined]  # the provider's documented switch
        app.json.ensure_ascii = False  # type: ignore[attr-defined]
        self.add_routes(app)
        app.add_url_rule("/_simulator/faults", view_func=self._show_faults, methods=["GET"])
        app.add_url_rule("/_simulator/faults", view_func=self._add_fault, methods=["POST"])
        app.add_url_rule("/_simulator/faults", view_func=self._clear_faults, methods=["DELETE"])
        app.add_url_rule("/_simulator/options", view_func=self._show_options, methods=["GET"])
        app.add_url_rule("/_simulator/options", view_func=self._set_options, methods=["POST"])
        app.add_url_rule("/_simulator/options", view_func=self._reset_options, methods=["DELETE"])
        app.add_url_rule("/_simulator/requests", view_func=self._show_requests, methods=["GET"])
        app.register_error_handler(ValidationError, _explain)
        return app

    def read_recording(self, source: Source, **limits: Any) -> Recording:
        """Fetch and measure a recording; `limits` and errors as in `recording.read_recording`."""
        return self.runtime.read_recording(source, self.scripts, **limits)

    @abstractmethod
    def add_routes(self, app: Flask) -> None:
        """Add the vendor's paths."""

    @abstractmethod
    def parameters(self) -> Mapping[str, object]:
        """Return the parameters of the current request, for the request log; never raises."""

    @abstractmethod
    def refuse(self, moment: Moment, code: str, message: str | None) -> Answer:
        """Return the vendor's answer for an error; `message` replaces its usual message."""

    def is_recognized(self, answer: Answer) -> bool:
        """Return whether the words in an answer are the local recognizer's."""
        return False

    def serve(self, moment: Moment, handle: Callable[[], Answer]) -> Response:
        """Answer one call of the vendor's API, or inject a fault."""
        fault = self.take_fault(moment)
        if fault and fault.delay_s:
            self.background.pause(fault.delay_s)
        if fault is None or not fault.replaces_answer:
            return self._send(moment, self._answer(moment, handle))
        task_id = self._answer(moment, handle).task_id if fault.accepted else None
        return self._send_fault(moment, fault, task_id)

    def take_fault(self, moment: Moment) -> Fault | None:
        """Return the fault of the current request at this moment, if there is one."""
        return self.faults.take(moment, self._is_about)

    def _is_about(self, text: str) -> bool:
        """Return whether the current submission, or that of the task which is queried, has a text in its parameters."""
        sent = [*_texts(request.view_args), *_texts(self.parameters())]
        if any(text in each for each in sent):
            return True
        noted = (
            entry for entry in self.request_log.entries() if entry["kind"] == "submit" and entry["task_id"] in sent
        )
        return any(text in each for entry in noted for each in _texts(entry["parameters"]))

    def _answer(self, moment: Moment, handle: Callable[[], Answer]) -> Answer:
        try:
            return handle()
        except RefusalError as refusal:
            return self.refuse(moment, refusal.code, refusal.message)

    def _send_fault(self, moment: Moment, fault: Fault, task_id: str | None) -> Response:
        if fault.drop:
            # Logged first: the caller may read the request log as soon as the connection is closed.
            response = self._note(moment, Answer("dropped", {}, task_id), Response())
            _close_connection()
            return response
        if fault.code is not None:
            answer = self.refuse(moment, fault.code, fault.message)
            status = fault.http_status or answer.http_status
            return self._send(moment, replace(answer, task_id=task_id, http_status=status))
        status = fault.http_status or 200
        response = Response(fault.body or "", status=status, mimetype="text/html")
        return self._note(moment, Answer(f"HTTP {status}", {}, task_id), response)

    def _send(self, moment: Moment, answer: Answer) -> Response:
        response = jsonify(answer.payload)
        response.data = in_charset(response.get_data(), self.options.charset)
        response.status_code = answer.http_status
        response.headers.update(answer.headers)
        if self.is_recognized(answer):
            response.headers["Warning"] = RECOGNIZED_WARNING
        return self._note(moment, answer, response)

    def _note(self, moment: Moment, answer: Answer, response: Response) -> Response:
        self.request_log.note(
            moment,
            answer.code,
            task_id=answer.task_id,
            http_status=response.status_code,
            parameters=without_secrets(self.parameters()),
        )
        LOG.info("answered", extra={"vendor": self.vendor, "call": moment, "code": answer.code})
        return response

    def _show_faults(self) -> Response:
        return jsonify([fault.model_dump(exclude_unset=True) for fault in self.faults.waiting()])

    def _add_fault(self) -> Response:
        fault = Fault.model_validate(_control_body())
        if fault.on not in self.moments:
            return _explain_text(f"{self.vendor} has no {fault.on}; it has: {', '.join(sorted(self.moments))}")
        form = self.call_codes if fault.on in {"submit", "query"} else self.outcome_codes
        if fault.code is not None and not re.fullmatch(form, fault.code):
            return _explain_text(f"{self.vendor} has no codes like {fault.code!r} on {fault.on}; they match {form}")
        self.faults.add(fault)
        return jsonify(fault.model_dump(exclude_unset=True))

    def _clear_faults(self) -> Response:
        self.faults.clear()
        return Response(status=204)

    def _show_options(self) -> Response:
        return jsonify(self.options.model_dump())

    def _set_options(self) -> Response:
        changes = _control_body()
        if not isinstance(changes, dict):
            return _explain_text("options are a JSON object")
        self.options = type(self.options).model_validate({**self.options.model_dump(), **changes})
        return self._show_options()

    def _reset_options(self) -> Response:
        self.options = self._first_options
        return self._show_options()

    def _show_requests(self) -> Response:
        return jsonify(self.request_log.entries())


class _QuietHandler(WSGIRequestHandler):
    """Werkzeug's handler with a time limit; the request log and the log line replace its access log."""

    timeout = SOCKET_TIMEOUT_S

    def log(self, type: str, message: str, *args: object) -> None:  # the inherited name
        if type == "error":
            LOG.error("server error: " + message, *args)


def _texts(value: object) -> Iterator[str]:
    """Return the texts of parameters, also of nested ones, without the escapes of URLs."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif value is not None:
        yield unquote(str(value))


def _control_body() -> object:
    return request.get_json(force=True, silent=True)


def _explain(error: Exception) -> Response:
    problems = error.errors(include_url=False, include_context=False) if isinstance(error, ValidationError) else []
    return _explain_text(
        "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}".lstrip(": ") for each in problems)
    )


def _explain_text(message: str) -> Response:
    response = jsonify(error=message)
    response.status_code = 400
    return response


def _close_connection() -> None:
    """Close the caller's connection; the answer is discarded."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
