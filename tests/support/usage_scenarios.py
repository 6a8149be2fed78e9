"""Simulated jobs with everything counted that AWS charges for, beside what is derived from their rows."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from asrcore.core.audio import Audio
from asrcore.core.aws_usage import COUNTS_DAYS, COUNTS_QUERIES, AwsUsage, footprint
from asrcore.core.job import Job
from asrcore.core.prices import REFERENCE, VENDOR_PRICES, Rates, aws_prices
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import SHORT_CALL_S
from asrcore.services import Services
from tests.simulation.counters import COUNTERS
from tests.simulation.schedule import Schedule
from tests.simulation.world import World

EXPORTS = ("srt", "vtt", "txt", "html")
PER_SECOND = 10


def rates(region: str = REFERENCE) -> Rates:
    """What the vendors of the simulation and AWS ask, as far as the tables know."""
    ways = {name: vendor.completion_modes for name, (vendor, _) in COUNTERS.items()}
    long_calls = frozenset(name for name, (vendor, _) in COUNTERS.items() if vendor.longest_call_s > SHORT_CALL_S)
    return Rates(VENDOR_PRICES, ways, aws_prices(region), region, exports=len(EXPORTS), long_calls=long_calls)


@dataclass(frozen=True)
class Counts:
    """What really happened in one world."""

    transitions: int
    invocations: int
    table_writes: int
    table_reads: int
    s3_puts: int
    s3_gets: int
    api_requests: int
    events: int
    secret_reads: int


class CountedWorld(World):
    """The simulation, with the lines and exports that the template asks for, and functions' runs counted."""

    def __init__(self, schedule: Schedule, audio: Audio) -> None:
        self.invoked: Counter[str] = Counter()
        self._audio = audio
        super().__init__(schedule)

    def _connect(self) -> Services:
        services = super()._connect()
        tuning = {
            name: Tuning.model_construct(
                submissions_per_second=PER_SECOND,
                submissions_per_day=100 if name in COUNTS_DAYS else 0,
                queries_per_second=PER_SECOND if name in COUNTS_QUERIES else 0,
            )
            for name in services.vendors
        }
        lines = {
            "tuning": tuning,
            "exports": list(EXPORTS),
            "rates": rates(),
        }
        settings = services.settings.model_copy(update=lines)
        return replace(services, settings=settings, probe=lambda *_: self._audio)

    def _invoke(self, function: str, event: Any, request_id: str = "") -> Any:
        self.invoked[function] += 1
        return super()._invoke(function, event, request_id)

    @property
    def job(self) -> Job:
        """The only job there is."""
        (job,) = self.jobs.values()
        return job

    def derived(self) -> AwsUsage:
        """What the job's row says."""
        return footprint(self.job, rates())

    def counts(self) -> Counts:
        """What was asked of AWS, by everybody but the sweep."""
        asked = Counter(
            " ".join(point.what.split(" ")[:2]) for point in self.points if not point.who.startswith("Sweep")
        )
        return Counts(
            transitions=self.machine.transitions,
            invocations=sum(count for name, count in self.invoked.items() if name != "SweepFunction"),
            table_writes=asked["dynamodb put_item"] + asked["dynamodb update_item"],
            table_reads=asked["dynamodb get_item"],
            s3_puts=asked["s3 put_object"] + asked["s3 list_object_versions"],
            s3_gets=asked["s3 head_object"] + asked["s3 get_object"],
            api_requests=self.invoked["CallbackFunction"],
            events=asked["events put_events"],
            secret_reads=asked["secretsmanager get_secret_value"],
        )


def run(
    schedule: Schedule, *, turnaround_s: float | None = None, audio_s: float = 1.0, typical_s: float | None = None
) -> CountedWorld:
    """Play a schedule to its end.

    turnaround_s: how long vendors work, and when they call back; None for the schedule's own times.
    audio_s: how long the recording is said to be.  typical_s: what is known of how long such a one takes.
    """
    kind = ("aiff", "pcm_s16be") if schedule.converts else ("wav", "pcm_s16le")
    length_ms = round(audio_s * 1000)
    audio = Audio(format=kind[0], codec=kind[1], sample_rate_hz=16000, channels=1, duration_ms=length_ms)
    with ExitStack() as changed:
        if turnaround_s is not None:
            schedule = replace(schedule, callbacks=(turnaround_s,))
            changed.enter_context(patch("tests.simulation.fake_vendors.TURNAROUND_S", turnaround_s))
        if typical_s is not None:
            changed.enter_context(patch("tests.simulation.world.DynamoTurnaroundStats.typical_s", lambda *_: typical_s))
        world = CountedWorld(schedule, audio)
        world.run()
    return world
