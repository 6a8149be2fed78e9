"""Toy vendors with a protocol of one word, for use case tests: what they do is scripted by the test."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from asrcore.core.errors import AsrError, ErrorClass, InterfaceGoneError, QueryFailedError, TaskNotFoundError
from asrcore.core.parameters import Choice, Parameter
from asrcore.core.transcript import Recognition, Utterance
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import (
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
)

TEXT = "今天天气怎么样。"
RECOGNITION = Recognition(text=TEXT, utterances=[Utterance(start_ms=0, end_ms=900, text=TEXT)])


class Toy(Vendor):
    """Replies are one word: accepted, working, done, silent, not-found, gone, or an error class.

    `query-` before an error class: a failed query.
    """

    limits = Limits(frozenset({"wav"}), frozenset({"zh-CN"}), max_duration_ms=60_000, max_data_bytes=100_000)
    tuning = Tuning(submissions_per_second=10, max_data_bytes=limits.max_data_bytes)
    supported_options: ClassVar[frozenset[str]] = frozenset({"speakers"})
    parameters: ClassVar[Mapping[str, Parameter]] = {"Mood": Choice("how it plays", ("merry", "sad"))}
    secret_name = "toy"
    secret_fields = ("key",)
    codes: ClassVar[Mapping[str, Code]] = {}

    def __init__(self, name: str, *completion_modes: Completion) -> None:
        self.name = name
        self.completion_modes = frozenset(completion_modes)

    def submit_request(self, submission: Submission) -> HttpRequest:
        body = submission.delivery.data or (submission.delivery.url or "").encode()
        return HttpRequest(
            "POST", f"{submission.endpoint.base_url}/submit/{self.name}", {"callback": submission.callback_url}, body
        )

    def read_submit(self, reply: HttpReply, request: RecognitionRequest) -> Accepted | Recognition:
        outcome = self._outcome(reply.body)
        return Accepted("task-1") if isinstance(outcome, InProgress) else outcome

    def query_request(self, vendor_task_id: str, endpoint: VendorEndpoint, *, now: int) -> HttpRequest:
        if Completion.QUERY not in self.completion_modes:
            return super().query_request(vendor_task_id, endpoint, now=now)
        return HttpRequest("GET", f"{endpoint.base_url}/query/{self.name}/{vendor_task_id}")

    def read_query(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        return (
            self._outcome(reply.body)
            if Completion.QUERY in self.completion_modes
            else super().read_query(reply, request)
        )

    def read_callback(self, body: bytes, content_type: str, request: RecognitionRequest) -> Callback:
        if not body:
            raise AsrError(ErrorClass.RETRY, "BadCallback", "an empty callback", self.name)
        try:
            outcome = self._outcome(body)
        except AsrError as error:
            return Callback("task-1", error)
        return Callback("task-1", outcome)

    def _outcome(self, body: bytes) -> InProgress | Recognition:
        word = body.decode()
        if word in ("accepted", "working"):
            return InProgress()
        if word in ("done", "silent"):
            return RECOGNITION if word == "done" else Recognition(text="")
        if word == "gone":
            raise InterfaceGoneError(ErrorClass.CONFIG, "Http404", "the address is gone", self.name)
        if word == "not-found":
            raise TaskNotFoundError(word.upper(), self.name)
        kind = QueryFailedError if word.startswith("query-") else AsrError
        raise kind(ErrorClass(word.removeprefix("query-")), word.upper(), f"the toy said {word}", self.name)


class Script:
    """Answers every request with the next word; a word may be an exception to raise. Keeps the requests."""

    def __init__(self, *words: str | Exception) -> None:
        self._words: Iterator[str | Exception] = iter(words)
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest) -> HttpReply:
        self.requests.append(request)
        word = next(self._words, None)
        if word is None:
            raise AssertionError(f"nobody expected {request.method} to the vendor, request {len(self.requests)}")
        if isinstance(word, Exception):
            raise word
        return HttpReply(200, word.encode(), {"content-type": "text/plain"})
