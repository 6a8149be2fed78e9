"""Toy vendors, one for each way to complete and each way to name tasks, with JSON for a protocol."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.transcript import Recognition, Utterance
from asrcore.core.vendor import (
    BODY_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    SHORT_CALL_S,
    Accepted,
    Callback,
    Code,
    Completion,
    HttpReply,
    HttpRequest,
    InProgress,
    Limits,
    RecognitionRequest,
    Vendor,
    VendorEndpoint,
    as_failed_query,
    attempt_uuid,
)
from asrcore.core.vendor import Submission as VendorSubmission
from tests.simulation.fake_vendors import TEXT, Desk, Submission, Task

HEARD = Recognition(text=TEXT, utterances=[Utterance(start_ms=0, end_ms=900, text=TEXT)])


class Toy(Vendor):
    """Says `{"says": accepted | working | done | an error class, "id": ...}`. chooses_id: the caller names tasks."""

    limits = Limits(frozenset({"wav"}), frozenset({"zh-CN"}), max_duration_ms=60_000)
    supported_options: ClassVar[frozenset[str]] = frozenset()
    secret_name = "toy"
    secret_fields = ("key",)
    codes: ClassVar[Mapping[str, Code]] = {}

    def __init__(
        self,
        name: str,
        *completion_modes: Completion,
        chooses_id: bool = False,
        longest_call_s: float = SHORT_CALL_S,
    ) -> None:
        self.name = name
        self.longest_call_s = longest_call_s  # type: ignore[misc]  # a toy is a value, not a class
        self.completion_modes = frozenset(completion_modes)
        self._chooses_id = chooses_id

    def chosen_task_id(self, request: RecognitionRequest) -> str | None:
        return attempt_uuid(request) if self._chooses_id else None

    def submit_request(self, submission: VendorSubmission) -> HttpRequest:
        wanted = {
            "audio": submission.delivery.required_url(),
            "callback": submission.callback_url,
            "id": self.chosen_task_id(submission.request),
        }
        read_timeout_s = self.longest_call_s - CONNECT_TIMEOUT_S - BODY_TIMEOUT_S
        return HttpRequest("POST", f"{submission.endpoint.base_url}/", {}, json.dumps(wanted).encode(), read_timeout_s)

    def read_submit(self, reply: HttpReply, request: RecognitionRequest) -> Accepted | Recognition:
        outcome = self._outcome(said := self.parse_json(reply))
        return Accepted(said["id"]) if isinstance(outcome, InProgress) else outcome

    def query_request(self, vendor_task_id: str, endpoint: VendorEndpoint, *, now: int) -> HttpRequest:
        return HttpRequest("GET", f"{endpoint.base_url}/", body=json.dumps({"id": vendor_task_id}).encode())

    def read_query(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        try:
            said = self.parse_json(reply)
        except AsrError as error:
            raise as_failed_query(error) from None
        return self._outcome(said)

    def read_callback(self, body: bytes, content_type: str, request: RecognitionRequest) -> Callback:
        said = json.loads(body)
        try:
            outcome = self._outcome(said)
        except AsrError as error:
            return Callback(said["id"], error)
        return Callback(said["id"], outcome)

    def _outcome(self, said: Mapping[str, Any]) -> InProgress | Recognition:
        match said["says"]:
            case "accepted" | "working":
                return InProgress()
            case "done":
                return HEARD
            case word:
                raise AsrError(ErrorClass(word), word.upper(), f"the toy said {word}", self.name)


class ToyDesk(Desk):
    """The other side of a toy."""

    repeats_callbacks = True

    def read(self, request: HttpRequest) -> Submission | str:
        wanted = json.loads(request.body)
        return (
            wanted["id"] if request.method == "GET" else Submission(wanted["audio"], wanted["callback"], wanted["id"])
        )

    def accepted(self, task: Task) -> HttpReply:
        return _say("accepted", task)

    def refused(self, error_class: str) -> HttpReply:
        return _say(error_class)

    def working(self, task: Task) -> HttpReply:
        return _say("working", task)

    def result(self, task: Task) -> HttpReply:
        return _say("done", task)

    def failed(self, task: Task) -> HttpReply:
        return _say(task.failure or "", task)

    def unknown(self) -> HttpReply:
        return _say("config")

    def callback(self, task: Task) -> tuple[bytes, str]:
        return _say(task.failure or "done", task).body, "application/json"


class SlowToyDesk(ToyDesk):
    """A vendor that lets its caller wait for the answer."""

    call_s = 600.0


class ForgetfulToyDesk(ToyDesk):
    """A vendor that calls back once, whatever it is told."""

    repeats_callbacks = False


def _say(word: str, task: Task | None = None) -> HttpReply:
    return HttpReply(200, json.dumps({"says": word, "id": task.task_id if task else None}).encode())


_SYNC, _CALLBACK, _QUERY = Completion.SYNC, Completion.CALLBACK, Completion.QUERY
TOYS: Mapping[str, tuple[Toy, type[Desk]]] = {
    toy.name: (toy, desk)
    for toy, desk in (
        (Toy("toy-sync", _SYNC), ToyDesk),
        (Toy("toy-sync-slow", _SYNC, longest_call_s=875), SlowToyDesk),
        (Toy("toy-query", _QUERY), ToyDesk),
        (Toy("toy-callback", _CALLBACK), ToyDesk),
        (Toy("toy-both", _CALLBACK, _QUERY), ForgetfulToyDesk),
        (Toy("toy-query-own-id", _QUERY, chooses_id=True), ToyDesk),
        (Toy("toy-callback-own-id", _CALLBACK, chooses_id=True), ToyDesk),
        (Toy("toy-both-own-id", _CALLBACK, _QUERY, chooses_id=True), ForgetfulToyDesk),
    )
}
