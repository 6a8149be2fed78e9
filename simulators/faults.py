"""Inject faults: what a simulator does wrong, at which moment, and how many times."""

import threading
from collections.abc import Callable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Moment = Literal["submit", "query", "result", "callback"]

# What can go wrong at each moment. `times`, `about`, `delay_s` fit them all.
EFFECTS: dict[Moment, frozenset[str]] = {
    "submit": frozenset({"code", "message", "http_status", "body", "drop", "accepted"}),
    "query": frozenset({"code", "message", "http_status", "body", "drop"}),
    "result": frozenset({"code", "message"}),
    "callback": frozenset({"code", "message", "body", "drop", "duplicate", "before_answer"}),
}


class Fault(BaseModel):
    """One fault, `times` times.

    `message` replaces the vendor's usual message of the `code`.
    submit, query: `code` is a refusal in the vendor's own shape (with `http_status` if given), `http_status` or `body`
    another answer than the vendor's, `drop` a connection closed without an answer. With `accepted` the submission
    counts all the same: only its answer is lost.
    result: the task ends with `code`, after `delay_s` seconds more than usual.
    callback: the callback of a task has another `code` or `body`, is not sent at all (`drop`), is sent twice
    (`duplicate`), late (`delay_s`), or before the submission is answered (`before_answer`).
    Faults of a result or callback belong to the next submission that is accepted.
    about: a text in the submission's parameters, such as the recording's key: other submissions, and queries of their
    tasks, do not use the fault. None: any may use it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: Moment
    times: int = Field(1, ge=1)
    about: str | None = Field(None, min_length=1)
    code: str | None = None
    message: str | None = None
    http_status: int | None = Field(None, ge=200, le=599)
    body: str | None = None
    delay_s: float = Field(0, ge=0)
    drop: bool = False
    accepted: bool = False
    duplicate: bool = False
    before_answer: bool = False

    @model_validator(mode="after")
    def _fits_its_moment(self) -> Self:
        effects = self.model_fields_set - {"on", "times", "about", "delay_s"}
        if misplaced := effects - EFFECTS[self.on]:
            raise ValueError(f"a fault on {self.on} cannot have: {', '.join(sorted(misplaced))}")
        if "message" in effects and "code" not in effects:
            raise ValueError("a message belongs to a code")
        if not effects - {"accepted"} and not self.delay_s:
            raise ValueError("a fault needs an effect, for example code, http_status, drop or delay_s")
        return self

    @property
    def replaces_answer(self) -> bool:
        """Return whether the caller receives another answer than the vendor's."""
        return self.drop or self.code is not None or self.http_status is not None or self.body is not None


class FaultQueue:
    """The faults to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def waiting(self) -> list[Fault]:
        """Return the faults to come."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, moment: Moment, is_about: Callable[[str], bool]) -> Fault | None:
        """Return the fault for this moment, if there is one, and count it against its `times`.

        is_about: whether the request contains the text of a fault's `about`.
        """
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.on == moment and (fault.about is None or is_about(fault.about)):
                    left = fault.times - 1
                    self._faults[index : index + 1] = [fault.model_copy(update={"times": left})] if left else []
                    return fault
        return None
