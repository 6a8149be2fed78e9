"""Toy vendors with a protocol of one word: what they do is scripted by the test."""

import json
from collections.abc import Iterator, Mapping
from typing import ClassVar

from asrcore.core.errors import AsrError, ErrorClass, InterfaceGoneError, QueryFailedError, TaskNotFoundError
from asrcore.core.parameters import Choice, Parameter
from asrcore.core.transcript import Recognition, Utterance
from asrcore.core.tuning import Tuning
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
    Submission,
    Vendor,
    VendorEndpoint,
    attempt_uuid,
)
from tests.support.reasons import reason

TEXT = "今天天气怎么样。"
RECOGNITION = Recognition(text=TEXT, utterances=[Utterance(start_ms=0, end_ms=900, text=TEXT)])


def toy_message(word: str, task_id: str = "task-1") -> bytes:
    """What a toy answers and calls back with."""
    return json.dumps({"says": word, "id": task_id}).encode()


class Toy(Vendor):
    """Messages have one word: accepted, working, done, silent, not-found, gone, or an error class.

    `query-` before an error class: a failed query.  client_task_ids: the client chooses the task ids.
    """

    limits = Limits(frozenset({"wav"}), frozenset({"zh-CN"}), max_duration_ms=60_000, max_data_bytes=100_000)
    tuning = Tuning(submissions_per_second=10, max_data_bytes=limits.max_data_bytes)
    supported_options: ClassVar[frozenset[str]] = frozenset({"speakers"})
    parameters: ClassVar[Mapping[str, Parameter]] = {"Mood": Choice("how it plays", ("merry", "sad"))}
    secret_name = "toy"
    secret_fields = ("key",)
    codes: ClassVar[Mapping[str, Code]] = {}

    def __init__(
        self,
        name: str,
        *completion_modes: Completion,
        client_task_ids: bool = False,
        longest_call_s: float = SHORT_CALL_S,
        recognition: Recognition = RECOGNITION,
    ) -> None:
        self.name = name
        self.completion_modes = frozenset(completion_modes)
        self.longest_call_s = longest_call_s  # type: ignore[misc]  # a toy is a value, not a class
        self._client_task_ids = client_task_ids
        self._recognition = recognition

    def chosen_task_id(self, request: RecognitionRequest) -> str | None:
        return attempt_uuid(request) if self._client_task_ids else None

    def submit_request(self, submission: Submission) -> HttpRequest:
        body = submission.delivery.data or (submission.delivery.url or "").encode()
        headers = {"task-id": self.chosen_task_id(submission.request) or ""}
        if Completion.CALLBACK in self.completion_modes:
            headers["callback"] = submission.callback_url
        read_timeout_s = self.longest_call_s - CONNECT_TIMEOUT_S - BODY_TIMEOUT_S
        way = "sync" if Completion.SYNC in self.completion_modes else "submit"
        return HttpRequest("POST", f"{submission.endpoint.base_url}/{way}/{self.name}", headers, body, read_timeout_s)

    def read_submit(self, reply: HttpReply, request: RecognitionRequest) -> Accepted | Recognition:
        outcome, task_id = self._outcome(reply.body)
        return Accepted(task_id) if isinstance(outcome, InProgress) else outcome

    def query_request(self, vendor_task_id: str, endpoint: VendorEndpoint, *, now: int) -> HttpRequest:
        if Completion.QUERY not in self.completion_modes:
            return super().query_request(vendor_task_id, endpoint, now=now)
        return HttpRequest("GET", f"{endpoint.base_url}/query/{self.name}/{vendor_task_id}")

    def read_query(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        if Completion.QUERY not in self.completion_modes:
            return super().read_query(reply, request)
        if reply.status != 200:
            raise QueryFailedError(ErrorClass.RETRY, f"HTTP{reply.status}", reason("no answer"), self.name)
        return self._outcome(reply.body)[0]

    def read_callback(self, body: bytes, content_type: str, request: RecognitionRequest) -> Callback:
        if not body:
            raise AsrError(ErrorClass.RETRY, "BadCallback", reason("an empty callback"), self.name)
        task_id = json.loads(body)["id"]
        try:
            outcome, _ = self._outcome(body)
        except AsrError as error:
            return Callback(task_id, error)
        return Callback(task_id, outcome)

    def _outcome(self, body: bytes) -> tuple[InProgress | Recognition, str]:
        message = json.loads(body)
        word = message["says"]
        if word in ("accepted", "working"):
            return InProgress(), message["id"]
        if word in ("done", "silent"):
            return self._recognition if word == "done" else Recognition(text=""), message["id"]
        if word == "gone":
            raise InterfaceGoneError(ErrorClass.CONFIG, "Http404", reason("the address is gone"), self.name)
        if word == "not-found":
            raise TaskNotFoundError(word.upper(), self.name)
        kind = QueryFailedError if word.startswith("query-") else AsrError
        raise kind(ErrorClass(word.removeprefix("query-")), word.upper(), reason(f"the toy said {word}"), self.name)


class Script:
    """Answers every request with the next word, and keeps the requests. Bytes are sent as they are, errors raised."""

    def __init__(self, *words: str | bytes | Exception) -> None:
        self._words: Iterator[str | bytes | Exception] = iter(words)
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest) -> HttpReply:
        self.requests.append(request)
        word = next(self._words, None)
        if word is None:
            raise AssertionError(f"unexpected {request.method} to the vendor, request {len(self.requests)}")
        if isinstance(word, Exception):
            raise word
        body = word if isinstance(word, bytes) else toy_message(word)
        return HttpReply(200, body, {"content-type": "application/json"})
