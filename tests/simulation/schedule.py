"""A schedule: everything that decides what happens in one run of the simulation. The same schedule, the same story."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.simulation.faults import Kind


@dataclass(frozen=True)
class Schedule:
    """One run, replayable.

    vendors: the chain, in order of preference.
    script: what becomes of each submission in the order of arrival, `done` when it is used up: `done`, `never` (no
    result ever comes), `refuses:CLASS` (at the submission), `fails:CLASS` (later); CLASS as in `ErrorClass`.
    events: when (s) S3 tells of which version of the recording, counted from 1; any order, any number of times.
    callbacks: how long (s) after the submission the vendor calls back, each time anew; below 0 is before it answers.
    strikes: what befalls the executions that run at a time (s): `ABORTED`, `DELETED`, `TIMED_OUT`.
    deaf: EventBridge loses the news of executions that ended badly.
    full: from when until when (s) AWS Lambda has no room, and turns every invocation away.
    converts: the recording is one that no vendor takes as it is.
    faults: what happens at which point.  seed: of the state machine's jitter.
    """

    vendors: tuple[str, ...]
    script: tuple[str, ...] = ()
    events: tuple[tuple[float, int], ...] = ((0.0, 1),)
    callbacks: tuple[float, ...] = (10.0,)
    strikes: tuple[tuple[float, str], ...] = ()
    deaf: bool = False
    full: tuple[tuple[float, float], ...] = ()
    converts: bool = False
    faults: Mapping[int, Kind] = field(default_factory=dict)
    seed: int = 0

    def to_json(self) -> str:
        """As kept in `regressions/`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """The inverse of `to_json`."""
        held: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **held,
                **{name: tuple(held[name]) for name in ("vendors", "script", "callbacks")},
                **{
                    name: tuple((at_s, what) for at_s, what in held.get(name, ()))
                    for name in ("events", "strikes", "full")
                },
                "faults": {int(number): Kind(kind) for number, kind in held["faults"].items()},
            }
        )
