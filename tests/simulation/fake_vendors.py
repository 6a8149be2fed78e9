"""The vendors' side of the counter: they take tasks, count and charge them, work, answer and call back.

A `Desk` knows what every vendor does; its subclasses know one vendor's messages, and nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from asrcore.core.vendor import Completion, HttpReply, HttpRequest, Vendor
from tests.simulation.clock import Clock

TURNAROUND_S = 10.0
REPEAT_CALLBACK_S = 60.0  # not published; only that it is repeated
MAX_REPEATS = 5
TEXT = "今天天气怎么样。"


@dataclass(frozen=True)
class Submission:
    """A request to take a recording, as a vendor reads it. task_id: where the caller chooses it."""

    audio_url: str
    callback_url: str = ""
    task_id: str | None = None


@dataclass
class Task:
    """One task that a vendor took, and charges. word: what becomes of it, as in `Schedule.script`."""

    task_id: str
    vendor: str
    submission: Submission
    word: str
    ready_s: float
    has_id: bool = True  # that the vendor tells

    @property
    def failure(self) -> str | None:
        """The error class with which it fails."""
        return self.word.removeprefix("fails:") if self.word.startswith("fails:") else None


def _not_asked_for() -> LookupError:
    """Each vendor answers in some of the ways only: asked for another, the simulation itself is wrong."""
    return LookupError("this vendor has no such answer")


class Desk(ABC):
    """One vendor. next_word: the script's.  taken: told of every new task, before the answer is on its way.

    post: delivers a callback (address, body, content type) and says whether it was acknowledged.
    """

    repeats_callbacks = False
    call_s = 0.0  # how long a call takes from the vendor's yes to its answer

    def __init__(
        self,
        vendor: Vendor,
        clock: Clock,
        next_word: Callable[[], str],
        callbacks: tuple[float, ...],
        taken: Callable[[Task], None],
        post: Callable[[str, bytes, str], bool],
    ) -> None:
        self.vendor = vendor
        self.tasks: dict[str, Task] = {}
        self.charges_once_per_id = False
        self._clock = clock
        self._next_word = next_word
        self._callbacks = callbacks
        self._taken = taken
        self._post = post

    def answer(self, request: HttpRequest) -> HttpReply:
        """One HTTP exchange."""
        wanted = self.read(request)
        return self._take(wanted) if isinstance(wanted, Submission) else self._tell(self.tasks.get(wanted))

    def _take(self, submission: Submission) -> HttpReply:
        if submission.task_id in self.tasks:
            return self.known_already(self.tasks[submission.task_id])
        word = self._next_word()
        if word.startswith("refuses:"):
            return self.refused(word.removeprefix("refuses:"))
        task_id = submission.task_id or str(1000 + len(self.tasks))
        answers_at_once = Completion.SYNC in self.vendor.completion_modes
        ready_s = self._clock.now_s + TURNAROUND_S
        task = Task(task_id, self.vendor.name, submission, word, ready_s, has_id=not answers_at_once)
        self.tasks[task_id] = task
        self._taken(task)
        self.charges_once_per_id = submission.task_id is not None
        if answers_at_once:
            return self.refused(task.failure) if task.failure else self.result(task)
        if Completion.CALLBACK in self.vendor.completion_modes and word != "never":
            self._call_back(task)
        return self.accepted(task)

    def _tell(self, task: Task | None) -> HttpReply:
        if task is None:
            return self.unknown()
        if task.word == "never" or self._clock.now_s < task.ready_s:
            return self.working(task)
        return self.failed(task) if task.failure else self.result(task)

    def _call_back(self, task: Task) -> None:
        body, content_type = self.callback(task)

        def deliver(repeats_left: int) -> None:
            if not self._post(task.submission.callback_url, body, content_type) and repeats_left:
                self._clock.after(REPEAT_CALLBACK_S, lambda: deliver(repeats_left - 1))

        for wait_s in self._callbacks:
            repeats = MAX_REPEATS if self.repeats_callbacks else 0
            if wait_s < 0:
                deliver(repeats)
            else:
                self._clock.after(wait_s, lambda repeats=repeats: deliver(repeats))  # type: ignore[misc]

    @abstractmethod
    def read(self, request: HttpRequest) -> Submission | str:
        """What a request wants: a recording taken, or the task with this id asked about."""

    @abstractmethod
    def refused(self, error_class: str) -> HttpReply:
        """The answer to a submission that is not taken (or, for a vendor that answers at once, that failed)."""

    @abstractmethod
    def result(self, task: Task) -> HttpReply:
        """The answer with the result."""

    def accepted(self, task: Task) -> HttpReply:
        """The answer to a submission that is taken."""
        raise _not_asked_for()

    def known_already(self, task: Task) -> HttpReply:
        """The answer to a submission under an id that is taken."""
        return self.accepted(task)

    def working(self, task: Task) -> HttpReply:
        """The answer to a question that comes too early."""
        raise _not_asked_for()

    def failed(self, task: Task) -> HttpReply:
        """The answer to a question about a task that failed."""
        raise _not_asked_for()

    def unknown(self) -> HttpReply:
        """The answer to a question about no task of ours."""
        raise _not_asked_for()

    def callback(self, task: Task) -> tuple[bytes, str]:
        """A callback's body and content type."""
        raise _not_asked_for()
