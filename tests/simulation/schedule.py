"""A schedule: all inputs of one run of the simulation. The same schedule gives the same log."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.simulation.faults import Kind

LISTS = ("vendors", "script", "callbacks", "empty", "copies", "raised")


@dataclass(frozen=True)
class Schedule:
    """The inputs of one run.

    vendors: the chain, in order of preference.
    script: the result of each submission in the order of arrival, `done` when it is used up: `done`, `never` (no
    result), `refuses:CLASS` (at the submission), `fails:CLASS` (later); CLASS as in `ErrorClass`.
    events: when (s) S3 sends the event of which version of the recording, counted from 1; in any order and number.
    callbacks: when (s) after a submission the vendor posts callbacks; below 0 is before its response.
    strikes: what ends the executions that run at a time (s): `ABORTED`, `DELETED`, `TIMED_OUT`.
    loses_end_events: EventBridge loses the events of failed executions.
    throttled: from when until when (s) AWS Lambda throttles every invocation.
    converts: no vendor accepts the recording as it is.
    empty: the versions without content; each version is written at its first event, otherwise all at the start.
    copies: the versions whose bytes are those of version 1.
    ends: when (s) version 1 is ended early, and how: `cancel` or `delete` its job by the API, delete the `version`, or
    hide it behind a delete `marker`.
    budget: the recordings per day that the budget has room for; 0, no budget.  raised: when (s) an operator raises it.
    uploader_budget: the same for the recordings of one folder.
    per_day: the submissions per day that each vendor accepts; 0, no limit.
    faults: the fault by point.  seed: of the state machine's jitter.
    """

    vendors: tuple[str, ...]
    script: tuple[str, ...] = ()
    events: tuple[tuple[float, int], ...] = ((0.0, 1),)
    callbacks: tuple[float, ...] = (10.0,)
    strikes: tuple[tuple[float, str], ...] = ()
    loses_end_events: bool = False
    throttled: tuple[tuple[float, float], ...] = ()
    converts: bool = False
    empty: tuple[int, ...] = ()
    copies: tuple[int, ...] = ()
    ends: tuple[tuple[float, str], ...] = ()
    budget: int = 0
    raised: tuple[float, ...] = ()
    uploader_budget: int = 0
    per_day: int = 0
    faults: Mapping[int, Kind] = field(default_factory=dict)
    seed: int = 0

    def to_json(self) -> str:
        """Return the schedule as stored in `regressions/`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """The inverse of `to_json`."""
        held: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **held,
                **{name: tuple(held.get(name, ())) for name in LISTS},
                **{
                    name: tuple((at_s, what) for at_s, what in held.get(name, ()))
                    for name in ("events", "strikes", "throttled", "ends")
                },
                "faults": {int(number): Kind(kind) for number, kind in held["faults"].items()},
            }
        )
