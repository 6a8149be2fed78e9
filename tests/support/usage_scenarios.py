"""Simulated jobs with every request counted that AWS charges for."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from asrcore.core.audio import Audio
from asrcore.core.aws_usage import AwsUsage, estimate_usage, row_write_units, transaction_write_units
from asrcore.core.budget import Budget
from asrcore.core.job import Job
from asrcore.core.prices import REFERENCE, VENDOR_PRICES, Rates, aws_prices
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import SHORT_CALL_S
from asrcore.ports import TurnaroundStats
from asrcore.services import Services
from asrcore.vendors.registry import VENDORS
from tests.simulation.fake_vendors import PROFILES, TURNAROUND_S
from tests.simulation.schedule import Schedule
from tests.simulation.world import World

COUNTS_QUERIES = frozenset(name for name, vendor in VENDORS.items() if vendor.tuning.queries_per_second)
COUNTS_DAYS = frozenset(name for name, vendor in VENDORS.items() if vendor.tuning.submissions_per_day)
EXPORTS = ("srt", "vtt", "txt", "html")
PER_SECOND = 10


def rates(region: str = REFERENCE) -> Rates:
    """What the vendors of the simulation and AWS ask, as far as the tables know."""
    ways = {name: each.vendor.completion_modes for name, each in PROFILES.items()}
    long_calls = frozenset(name for name, each in PROFILES.items() if each.vendor.longest_call_s > SHORT_CALL_S)
    return Rates(VENDOR_PRICES, ways, aws_prices(region), region, exports=len(EXPORTS), long_calls=long_calls)


@dataclass(frozen=True)
class Counts:
    """The counted requests of one job.

    row_writes, transactions, other_writes: to the table, of the job's row, of the row with totals, and of other items.
    """

    transitions: int
    invocations: int
    row_writes: int
    transactions: int
    other_writes: int
    table_reads: int
    s3_puts: int
    s3_gets: int
    api_requests: int
    events: int

    @property
    def requests(self) -> int:
        """Requests to the table, to S3 and to the event bus."""
        writes = self.row_writes + self.transactions + self.other_writes
        return writes + self.table_reads + self.s3_puts + self.s3_gets + self.events

    def usage(self, job: Job) -> AwsUsage:
        """Return the counts as AWS charges for them. What was not counted is 0."""
        row_bytes = len(job.model_dump_json(by_alias=True))
        return AwsUsage(
            transitions=self.transitions,
            invocations=self.invocations,
            compute_ms=0,
            table_writes=self.row_writes * row_write_units(row_bytes)
            + self.transactions * transaction_write_units(row_bytes)
            + self.other_writes,
            table_reads=self.table_reads * math.ceil(row_bytes / 4096),
            s3_puts=self.s3_puts,
            s3_gets=self.s3_gets,
            api_requests=self.api_requests,
            events=self.events,
            secret_reads=0,
            logged_bytes=0,
            sent_bytes=0,
        )


def requests_only(usage: AwsUsage) -> AwsUsage:
    """Return the part of an estimate that can be counted without AWS."""
    return replace(usage, compute_ms=0, secret_reads=0, logged_bytes=0, sent_bytes=0)


@dataclass(frozen=True)
class KnownTurnaround:
    """The port of turnaround statistics, with a known turnaround instead of one learned from jobs."""

    stats: TurnaroundStats
    seconds: float

    def record(self, vendor: str, audio_s: float, turnaround_s: float, now: datetime) -> None:
        self.stats.record(vendor, audio_s, turnaround_s, now)

    def typical_s(self, vendor: str, audio_s: float, now: datetime) -> float | None:
        return self.seconds


class CountedWorld(World):
    """The simulation, with the lines and exports that the template asks for, and functions' runs counted."""

    def __init__(self, schedule: Schedule, audio: Audio, *, turnaround_s: float, typical_s: float | None) -> None:
        self.invoked: Counter[str] = Counter()
        self._audio = audio
        self._typical_s = typical_s
        super().__init__(schedule, turnaround_s=turnaround_s)

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
            "budget": Budget(per_day=1e6),
        }
        settings = services.settings.model_copy(update=lines)
        services = replace(services, settings=settings, probe=lambda *_: self._audio)
        if self._typical_s is not None:
            known = KnownTurnaround(services.turnaround_stats, self._typical_s)
            services = replace(services, turnaround_stats=known)
        return services

    def _invoke(self, function: str, event: Any, request_id: str = "") -> Any:
        self.invoked[function] += 1
        return super()._invoke(function, event, request_id)

    @property
    def job(self) -> Job:
        """The only job there is."""
        (job,) = self.jobs.values()
        return job

    @property
    def estimate(self) -> AwsUsage:
        """The estimate from the job's row."""
        return estimate_usage(self.job, rates())

    @property
    def counts(self) -> Counts:
        """The requests of every function but the sweep."""
        requests = Counter(
            " ".join(point.what.split(" ")[:2]) for point in self.points if not point.actor.startswith("Sweep")
        )
        return Counts(
            transitions=self.machine.transitions,
            invocations=sum(count for name, count in self.invoked.items() if name != "SweepFunction"),
            row_writes=requests["dynamodb put_item"],
            transactions=requests["dynamodb transact_write_items"],
            other_writes=requests["dynamodb update_item"],
            table_reads=requests["dynamodb get_item"],
            s3_puts=requests["s3 put_object"] + requests["s3 list_object_versions"],
            s3_gets=requests["s3 head_object"] + requests["s3 get_object"],
            api_requests=self.invoked["CallbackFunction"],
            events=requests["events put_events"],
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
    if turnaround_s is not None:
        schedule = replace(schedule, callbacks=(turnaround_s,))
    world = CountedWorld(schedule, audio, turnaround_s=turnaround_s or TURNAROUND_S, typical_s=typical_s)
    world.run()
    return world
