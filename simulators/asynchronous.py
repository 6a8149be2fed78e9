"""Simulate what vendors have in common that accept a recording and give the result later, by query or callback."""

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, Literal, TypeVar

import requests
from pydantic import Field

from simulators import outgoing
from simulators.faults import Fault
from simulators.recording import Recording, RecordingError, Source
from simulators.script import Utterance
from simulators.server import RECOGNIZED_WARNING, Answer, Options, Setup, Simulator, in_charset

LOG = logging.getLogger(__name__)

DAY_S = 24 * 3600
JSON_TYPE = "application/json"

SubmissionT = TypeVar("SubmissionT")


@dataclass(frozen=True)
class Outcome:
    """The end of a task: the vendor's code and, if speech was recognized, the utterances.

    message: replaces the vendor's usual message of the code.
    """

    code: str
    recording: Recording | None = None
    utterances: tuple[Utterance, ...] = ()
    message: str | None = None

    @property
    def is_recognized(self) -> bool:
        """Return whether the words are the local recognizer's."""
        return self.recording is not None and self.recording.is_recognized


class TaskExistsError(Exception):
    """A task of this id exists; only a vendor whose clients choose the ids raises it."""


@dataclass
class Task(Generic[SubmissionT]):
    """One accepted submission and its outcome."""

    id: str
    submission: SubmissionT
    turnaround_s: float
    monotonic: Callable[[], float] = time.monotonic
    accepted_at: float = field(init=False)
    ended_at: float | None = None
    outcome: Outcome | None = None
    fetches: int = 0

    def __post_init__(self) -> None:
        self.accepted_at = self.monotonic()

    @property
    def state(self) -> Literal["queued", "processing", "ended"]:
        if self.outcome is not None:
            return "ended"
        return "queued" if self.monotonic() < self.accepted_at + self.turnaround_s / 2 else "processing"


@dataclass(frozen=True)
class Callback:
    """The HTTP post at the end of a task."""

    url: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class AsynchronousOptions(Options):
    """Options of every vendor with tasks. The interval between callback attempts doubles each time."""

    retention_s: float = Field(DAY_S, ge=0)
    callback_attempts: int = Field(1, ge=1, le=20)
    callback_interval_s: float = Field(1.0, ge=0)
    callback_timeout_s: float = Field(10.0, gt=0)


AsynchronousOptionsT = TypeVar("AsynchronousOptionsT", bound=AsynchronousOptions)


class AsynchronousSimulator(Simulator[AsynchronousOptionsT], Generic[AsynchronousOptionsT, SubmissionT]):
    """A simulator with tasks. A subclass reads submissions, recognizes them and formats its answers."""

    audio_codes: ClassVar[Mapping[type[Exception], str]]
    internal_error: ClassVar[str]

    def __init__(self, setup: Setup, options: AsynchronousOptionsT) -> None:
        super().__init__(setup, options)
        self._tasks: dict[str, Task[SubmissionT]] = {}
        self._lock = threading.Lock()
        # A second scheduler: recordings that wait for the recognizer must not delay callbacks.
        self._recognition = self.runtime.scheduler(f"{self.vendor}-recognition")

    def start(self) -> None:
        super().start()
        self._recognition.start()

    def stop(self) -> None:
        self._recognition.stop()
        super().stop()

    @abstractmethod
    def recognize(self, submission: SubmissionT, source: Source) -> Outcome:
        """Recognize a recording; may raise the errors in `audio_codes`."""

    def callback(self, task: Task[SubmissionT], outcome: Outcome) -> Callback | None:
        """Return the callback at the end of a task; None for a vendor or a submission without callback."""
        return None

    def is_recognized(self, answer: Answer) -> bool:
        task = self._tasks.get(answer.task_id or "")
        return task is not None and task.outcome is not None and task.outcome.is_recognized

    def acknowledges(self, response: requests.Response) -> bool:
        """Return whether the receiver's answer acknowledges a callback, so that it is not repeated."""
        return response.status_code == 200

    def accept(self, task_id: str, submission: SubmissionT, source: Source) -> Task[SubmissionT]:
        """Accept a submission; the work starts at once in the background, the result is given after the turnaround.

        The task does not keep the audio. Raises TaskExistsError.
        """
        with self._lock:
            if self._kept(task_id):
                raise TaskExistsError(task_id)
            result = self.take_fault("result")
            turnaround_s = self.options.turnaround_s + (result.delay_s if result else 0)
            task = Task(task_id, submission, turnaround_s, self.runtime.monotonic)
            self._tasks[task_id] = task
        callback = self.take_fault("callback") if "callback" in self.moments else None
        forced = _forced(result)
        if callback and callback.before_answer:
            self._end(task, forced or self._recognize(submission, source), callback)
        else:
            self._recognition.after(0, lambda: self._work(task, source, forced, callback))
        return task

    def find(self, task_id: str) -> Task[SubmissionT] | None:
        """Return a task whose result is not deleted yet, None if there is none."""
        with self._lock:
            return self._kept(task_id)

    def tasks(self) -> list[Task[SubmissionT]]:
        with self._lock:
            return list(self._tasks.values())

    def recognized_hours(self) -> float:
        """Return the length of the recognized recordings whose tasks are kept, in hours."""
        recognized = [task.outcome.recording for task in self.tasks() if task.outcome and task.outcome.recording]
        return sum(recording.duration_ms for recording in recognized) / 3_600_000

    def _kept(self, task_id: str) -> Task[SubmissionT] | None:
        task = self._tasks.get(task_id)
        if task and task.ended_at is not None and self.runtime.monotonic() - task.ended_at >= self.options.retention_s:
            del self._tasks[task_id]
            return None
        return task

    def _work(self, task: Task[SubmissionT], source: Source, forced: Outcome | None, fault: Fault | None) -> None:
        outcome = forced or self._recognize(task.submission, source)
        remaining_s = task.accepted_at + task.turnaround_s - self.runtime.monotonic()
        self.background.after(max(0.0, remaining_s), lambda: self._end(task, outcome, fault))

    def _recognize(self, submission: SubmissionT, source: Source) -> Outcome:
        try:
            return self.recognize(submission, source)
        except (outgoing.DownloadError, outgoing.OversizeError, RecordingError) as error:
            code = next(code for kind, code in self.audio_codes.items() if isinstance(error, kind))
            LOG.info("recording refused", extra={"vendor": self.vendor, "code": code, "reason": str(error)})
            return Outcome(code)
        except Exception:  # a vendor's task always ends, even if recognition fails
            LOG.exception("recognition failed", extra={"vendor": self.vendor})
            return Outcome(self.internal_error)

    def _end(self, task: Task[SubmissionT], outcome: Outcome, fault: Fault | None) -> None:
        task.ended_at = self.runtime.monotonic()
        task.outcome = outcome
        reported = _forced(fault) or outcome
        callback = self.callback(task, reported)
        if callback is None or (fault and fault.drop):
            return
        if callback.content_type == JSON_TYPE:
            callback = replace(callback, body=in_charset(callback.body, self.options.charset))
        if fault and fault.body is not None:
            callback = replace(callback, body=fault.body.encode())
        if reported.is_recognized:
            callback = replace(callback, headers={"Warning": RECOGNIZED_WARNING})
        deliver = self._delivery(task.id, reported.code, callback)
        if fault and fault.before_answer:
            deliver()
        else:
            self.background.after(fault.delay_s if fault else 0, deliver)
        if fault and fault.duplicate:
            self.background.after(fault.delay_s, deliver)

    def _delivery(self, task_id: str, code: str, callback: Callback, attempt: int = 1) -> Callable[[], None]:
        def deliver() -> None:
            started = self.runtime.monotonic()
            status, delivered = self._post(callback)
            details = {"attempt": attempt, "http_status": status, "delivered": delivered}
            self.request_log.note(
                "callback", code, task_id=task_id, took_s=round(self.runtime.monotonic() - started, 4), **details
            )
            LOG.info("called back", extra={"vendor": self.vendor, "attempt": attempt, "delivered": delivered})
            if not delivered and attempt < self.options.callback_attempts:
                interval_s = self.options.callback_interval_s * 2 ** (attempt - 1)
                self.background.after(interval_s, self._delivery(task_id, code, callback, attempt + 1))

        return deliver

    def _post(self, callback: Callback) -> tuple[int | None, bool]:
        try:
            response = self.runtime.post(
                callback.url,
                callback.body,
                {**callback.headers, "Content-Type": callback.content_type},
                self.options.callback_timeout_s,
            )
        except requests.RequestException:
            return None, False
        return response.status_code, self.acknowledges(response)


def _forced(fault: Fault | None) -> Outcome | None:
    """Return the outcome that a fault sets, None if it sets none."""
    return Outcome(fault.code, message=fault.message) if fault and fault.code is not None else None
