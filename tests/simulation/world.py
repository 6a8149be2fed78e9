"""The environment of one schedule: a fake AWS, fake vendors, the real functions, and simulated time.

Every effect of a function on AWS or a vendor is a numbered point; the schedule has the faults by point.
"""

import base64
import dataclasses
import io
import json
import logging
import random
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from functools import cache, partial
from itertools import count
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import requests
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError, ReadTimeoutError

from asrcore.core.budget import MICRO, Budget, Reservation
from asrcore.core.editions import RefusedEditions
from asrcore.core.errors import ErrorClass, NoAnswerError
from asrcore.core.form import CONVERTED, Form
from asrcore.core.job import BUDGET_PARTS, Job, job_id
from asrcore.core.rate_limit import vendor_day
from asrcore.core.step import GRACE_S, next_check_deadline
from asrcore.core.transcript import Source
from asrcore.core.vendor import HttpReply, HttpRequest
from asrcore.metrics import Metrics
from asrcore.ports import ConvertedRecording
from asrcore.services import Services
from asrcore.stores.budget import DynamoBudget
from asrcore.stores.jobs import DynamoJobs
from asrcore.stores.objects import S3Recordings, S3Transcripts, S3Versions
from asrcore.stores.turnaround_stats import DynamoTurnaroundStats
from asrcore.stores.workflow import EventBridge, StepFunctionsWorkflow
from simulators.recording import Source as Submitted
from tests.simulation import lambda_runtime
from tests.simulation.clock import Clock
from tests.simulation.fake_vendors import PROFILES, TURNAROUND_S, FakeVendor, Network, Task
from tests.simulation.faults import DELAYS_S, Died, Effect, Kind, Point
from tests.simulation.schedule import Schedule
from tests.simulation.state_machine import THROTTLED, Data, Execution, FunctionFailedError, Machine
from tests.support import fake_services
from tests.support.api_client import request_event
from tests.support.fake_aws import S3, DynamoDb, EventBus, Item, refusal
from tests.support.pipeline import wav
from tests.support.reasons import reason
from tests.support.recordings import Kind as Recording
from tests.support.recordings import record
from tests.support.simulator_control import CREDENTIALS, SIGNING_KEYS
from tests.support.template import ROOT

BUCKET, KEY, TRANSCRIPTS = "audio", "incoming/auto/meeting.wav", "transcripts"
HORIZON_S = 14 * 86400.0
CREDENTIALS_AND_TOY = {**CREDENTIALS, "toy": {"key": "k"}}
DEFINITION = json.loads((ROOT / "statemachine/poller.asl.json").read_text())
RECORDING = wav()
FOREIGN = record(Recording("aiff", "pcm_s16be", 16000), 1.0)  # no vendor accepts it
CONVERSION_S = 30.0
PRICE = 1944  # micro-yuan of each version, by the rates of `fake_services`
READS = {"get_item", "head_object", "get_object", "query", "list_object_versions"}

T = TypeVar("T")


@dataclasses.dataclass
class Invocation:
    """One invocation of a function's process."""

    name: str
    started_s: float
    limit_s: float
    faulted_at: list[int] = dataclasses.field(default_factory=list)
    known_secrets: set[str] = dataclasses.field(default_factory=set)
    job_id: str = ""  # that its event is about


@dataclasses.dataclass
class Charge:
    """A task that a vendor charges: its job and attempt, and the point that submitted it."""

    task: Task
    job_id: str
    attempt: int
    invocation: Invocation
    point: int
    day: date


class World:
    """One run of one schedule; its results are valid after `run`."""

    def __init__(self, schedule: Schedule, *, turnaround_s: float = TURNAROUND_S) -> None:
        self.schedule = schedule
        self.clock = Clock()
        self.points: list[Point] = []
        self.log: list[str] = []
        self.table = DynamoDb(on_put=self._watch, on_update=self._watch_budget)
        self.s3 = S3(has_checksums=True)
        self.bus = EventBus()
        self.failed_events: list[dict[str, Any]] = []
        self.charges: list[Charge] = []
        self.written_at: dict[int, datetime] = {}  # by version
        self.jobs: dict[str, Job] = {}  # by id, at the end
        self.broken: list[str] = []  # broken invariants
        self.unforeseen: list[str] = []  # functions that failed without a fault
        self.machine = Machine(
            DEFINITION, self.clock, self._perform, self._publish_bad_end, self.note, random.Random(schedule.seed)
        )
        self.deleted: set[str] = set()  # jobs that a caller deleted
        self.reservations: dict[str, Reservation] = {}  # the last one of each job
        self.spent_by_deleted = 0  # micro-yuan
        self._entries_at: dict[tuple[str, str], float] = {}  # when each entry of the budget was written, UNIX seconds
        self.ended_early = False  # a caller was answered that the job is cancelled
        self._script = list(schedule.script)
        self._running: list[Invocation] = []
        self._invocations = 0
        self._swept: tuple[set[tuple[str, str]], int] = set(), 0  # the old rows, and the room
        self._same_sweeps = 0
        self._s3_events = 0  # S3 events by version
        self._read: dict[tuple[str, str], Job] = {}  # by id and time of the change
        self._jobs = DynamoJobs(self.table, "jobs")
        self.budget = DynamoBudget(self.table, "jobs")
        network = Network(
            self.clock,
            self._next_word,
            schedule.callbacks,
            turnaround_s,
            on_task=self._charge,
            deliver=self._post,
            content_of=self.content_of,
        )
        self.vendors = {name: FakeVendor(name, network) for name in schedule.vendors}
        self._services = self._connect()

    def run(self) -> "World":
        """Run from the upload until nothing is left to run."""
        if not self.schedule.empty:
            self._write(max(version for _, version in self.schedule.events))
        for at_s, version in self.schedule.events:
            self.clock.after(at_s, lambda version=version: self._notify(version))  # type: ignore[misc]
        for at_s, how in self.schedule.ends:
            self.clock.after(at_s, lambda how=how: self._end_early(how))  # type: ignore[misc]
        for at_s, status in self.schedule.strikes:
            self.clock.after(at_s, lambda status=status: self._strike(status))  # type: ignore[misc]
        for at_s in self.schedule.raised:
            self.clock.after(at_s, lambda: self.budget.save_limits({"per_day": 1000}))
        self.clock.after(lambda_runtime.SWEEP_EVERY_S, self._sweep, timer=True)
        logging.disable(logging.CRITICAL)
        try:
            while not self.settled and self.clock.now_s < HORIZON_S:
                self.clock.step()
        finally:
            logging.disable(logging.NOTSET)
        rows = [key for key, item in self.table.items.items() if "row_version" in item]
        self.jobs = {key: job for key in rows if (job := self._jobs.load(key))}
        return self

    @property
    def settled(self) -> bool:
        """Return whether nothing is left to run."""
        return not (
            self.clock.errands
            or any("open" in item for item in self.table.items.values())
            or any(execution.running for execution in self.machine.executions.values())
            or self._entries_at
        )

    def mark(self, version: int) -> str:
        """Return the end of a version's bytes, which differs from that of other bytes."""
        return f"versionId=v{1 if version in self.schedule.copies else version}"

    def id_of(self, version: int) -> str:
        """Return the id of a version's job."""
        return _id_of(f"v{version}")

    def source(self, version: int) -> Source:
        """Return S3's event of a version of the recording, counted from 1."""
        head = self.s3.head_object(Bucket=BUCKET, Key=KEY, VersionId=f"v{version}")
        return Source(
            bucket=BUCKET,
            key=KEY,
            version_id=f"v{version}",
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
            sequencer=f"{version:04X}",
        )

    def _end_early(self, how: str, tries: int = 5) -> None:
        """End the job of version 1 early. A caller repeats a request that failed."""
        source = Source(bucket=BUCKET, key=KEY, version_id="v1", etag="", size_bytes=0)
        self.note("caller", f"ends the job of version 1: {how}")
        match how:
            case "marker":
                self.s3.delete_object(Bucket=BUCKET, Key=KEY)
                self._notify_removal(source, "DeleteMarkerCreated", "v-marker", "0001FF")
            case "version":
                self.s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId="v1")
                self._notify_removal(source, "Delete", "v1", "0001FF")
            case _:
                path = f"/jobs/{job_id(source)}{'/cancel' if how == 'cancel' else ''}"
                try:
                    request = request_event(
                        "POST" if how == "cancel" else "DELETE", path, content_type="application/json"
                    )
                    answer = self._invoke("ApiFunction", request)
                    status = answer["statusCode"]
                except FunctionFailedError:
                    status = 500
                self.note("API", f"answers {status}")
                if status < 300 and how == "cancel":
                    self.ended_early = True
                if status >= 500 or (status == 409 and how == "delete"):
                    if tries:
                        self.clock.after(5, lambda: self._end_early(how, tries - 1))
                elif how == "delete":
                    self.deleted.add(job_id(source))

    def _notify_removal(self, source: Source, kind: str, version_id: str, sequencer: str) -> None:
        s3_object = {"key": quote(source.key), "versionId": version_id, "sequencer": sequencer}
        record = {"eventName": f"ObjectRemoved:{kind}", "s3": {"bucket": {"name": BUCKET}, "object": s3_object}}
        self._s3_events += 1
        self._invoke_later("SubmitFunction", {"Records": [record]}, f"event-{self._s3_events}")

    def note(self, actor: str, what: str) -> None:
        """Add a line to the log."""
        self.log.append(f"{self.clock.now_s:9.1f} s  {actor}: {what}")

    # ---- effects -----------------------------------------------------------------------------------------------------

    def effect(
        self,
        what: str,
        effect: Effect,
        do: Callable[[], T],
        failure: Callable[[Kind], Exception],
        *,
        longest_s: float = HORIZON_S,
    ) -> T:
        """Run one point: the effect with its response, or the schedule's fault."""
        process = self._running[-1]
        number = len(self.points) + 1
        fault = self.schedule.faults.get(number)
        path = () if self.schedule.faults else _path_from(sys._getframe(1))
        self.points.append(Point(number, self.clock.now_s, process.name, what, effect, fault, path))
        self.note(process.name, f"[{number}] {what}{f'  <- {fault.upper()}' if fault else ''}")
        if fault is None:
            return do()
        process.faulted_at.append(number)
        match fault:
            case Kind.DIES_BEFORE:
                raise Died
            case Kind.DIES_AFTER:
                _attempt(do)
                raise Died
            case Kind.REFUSED | Kind.BROKEN:
                raise failure(fault)
            case Kind.LOST:
                _attempt(do)
                raise failure(fault)
            case Kind.REPEATED:
                _attempt(do)
            case Kind.DELAYED | Kind.DELAYED_LONG:
                self.pass_time(min(DELAYS_S[fault], longest_s))
        return do()

    def pass_time(self, seconds: float) -> None:
        """Let the current process wait. AWS Lambda may end it meanwhile."""
        process = self._running[-1]
        self.clock.pass_time(seconds)
        if self.clock.now_s - process.started_s > process.limit_s:
            self.note(process.name, "is ended at its time limit")
            raise Died

    def _send(self, request: HttpRequest) -> HttpReply:
        vendor = self.vendors[(urlsplit(request.url).hostname or "").removesuffix(".example.com")]
        if not isinstance(request.body, bytes):
            request = dataclasses.replace(request, body=b"".join(request.body))

        def failure(kind: Kind) -> Exception:
            code = "Timeout" if kind is Kind.LOST else "ConnectionFailed"
            return NoAnswerError(ErrorClass.RETRY, code, reason("the vendor did not answer"))

        try:
            reply = self.effect(
                f"{request.method} to {vendor.vendor.name}",
                Effect.VENDOR,
                lambda: vendor.answer(request),
                failure,
                longest_s=request.longest_s,  # later, the exchange is cut off
            )
        except NoAnswerError:
            if self.points[-1].fault is Kind.BROKEN:
                return HttpReply(503, b"<html>unwell</html>")
            raise
        # A process runs nested in the one that waits, and must not delay it.
        self.pass_time(vendor.profile.call_s if len(self._running) == 1 else 0)
        return reply

    def _secret(self, name: str, held: Data, *, fresh: bool = False) -> Data:
        process = self._running[-1]
        if fresh or name not in process.known_secrets:
            self.effect(
                "secretsmanager get_secret_value",
                Effect.READ,
                lambda: None,
                lambda _kind: GetParameterError("throttled"),
            )
            process.known_secrets.add(name)
        return held

    def _connect(self) -> Services:
        base = _services_of(self.schedule.vendors, self.schedule.per_day)
        s3 = Client("s3", self.s3, self)
        jobs, states = Client("dynamodb", self.table, self), Client("states", self.machine, self)
        return dataclasses.replace(
            base,
            settings=base.settings.model_copy(
                update={
                    "budget": Budget(
                        per_day=_room_for(self.schedule.budget),
                        uploader_per_day=_room_for(self.schedule.uploader_budget),
                    ),
                }
            ),
            jobs=DynamoJobs(jobs, "jobs"),
            budget=DynamoBudget(jobs, "jobs"),
            turnaround_stats=DynamoTurnaroundStats(jobs, "jobs"),
            recordings=(recordings := S3Recordings(s3, self.s3)),
            converter=FakeConverter(s3, recordings, self.pass_time),
            transcripts=S3Transcripts(s3, TRANSCRIPTS),
            versions=S3Versions(s3),
            workflow=StepFunctionsWorkflow(states, "arn"),
            events=EventBridge(Client("events", self.bus, self)),
            vendor_secret=partial(self._secret, "vendor", CREDENTIALS_AND_TOY),
            signing_secret=partial(self._secret, "signing", SIGNING_KEYS),
            now=self.clock.now,
            sleep=self.pass_time,
            send=self._send,
            nonce=count(1).__next__,
            metrics=(Unwritten if self.schedule.faults else Metrics)("a-stack", lambda _line: None),
            refused_editions=RefusedEditions(),
        )

    # ---- processes ---------------------------------------------------------------------------------------------------

    def _invoke(self, function: str, event: Data, request_id: str = "") -> Any:
        """Run a function in its own process. Raises FunctionFailedError when it does not return."""
        if self._throttled_s():
            self.note(function, "is throttled")
            raise FunctionFailedError(THROTTLED)
        self._invocations += 1
        name = f"{function.removesuffix('Function')}#{self._invocations}"
        process = Invocation(name, self.clock.now_s, lambda_runtime.TIMEOUT_S[function], job_id=_job_id_of(event))
        self._running.append(process)
        try:
            return lambda_runtime.call(function, event, request_id or name, self._services)
        except Died:
            self.note(process.name, "is gone")
            raise FunctionFailedError("Lambda.Unknown") from None
        except Exception as error:  # noqa: BLE001 - as AWS Lambda does
            self.note(process.name, f"fails: {type(error).__name__}: {error}")
            if not self.schedule.faults:
                self.unforeseen.append(f"{process.name}: {type(error).__name__}: {error}")
            raise FunctionFailedError(type(error).__name__) from None
        finally:
            self._running.pop()

    def _invoke_later(self, function: str, event: Data, request_id: str, retry: int = 0) -> None:
        """Invoke a function asynchronously: two retries, then the queue. Lambda waits while it throttles."""
        if wait_s := self._throttled_s():
            self.clock.after(wait_s, lambda: self._invoke_later(function, event, request_id, retry))
            return
        try:
            self._invoke(function, event, request_id)
        except FunctionFailedError:
            if retry < lambda_runtime.MAX_RETRIES[function]:
                self.clock.after(
                    lambda_runtime.RETRY_WAITS_S[retry],
                    lambda: self._invoke_later(function, event, request_id, retry + 1),
                )
                return
            self.note(function, "the event goes to the failed events' queue")
            self.failed_events.append(event)

    def _throttled_s(self) -> float:
        """Return how long Lambda throttles invocations from now."""
        ends_s = [until_s for from_s, until_s in self.schedule.throttled if from_s <= self.clock.now_s < until_s]
        return max(ends_s, default=self.clock.now_s) - self.clock.now_s

    def _perform(self, placeholder: str, payload: Data) -> Data:
        answer: Data = self._invoke(placeholder.removesuffix("Arn"), payload)
        return answer

    def _write(self, latest: int) -> None:
        """Write the versions up to the latest, unless they exist."""
        for number in range(1 + len(self.written_at), 1 + latest):
            content = (FOREIGN if self.schedule.converts else RECORDING) + self.mark(number).encode()
            self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"" if number in self.schedule.empty else content)
            self.written_at[number] = self.clock.now()

    def _notify(self, version: int) -> None:
        self._write(version)
        source = self.source(version)
        s3_object = {
            "key": quote(source.key),
            "versionId": source.version_id,
            "eTag": source.etag,
            "size": source.size_bytes,
            "sequencer": source.sequencer,
        }
        event = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": s3_object}}]}
        self._s3_events += 1
        self._invoke_later("SubmitFunction", event, f"event-{self._s3_events}")

    def _sweep(self) -> None:
        """Run the schedule's sweeps. Of those that would find the same rows and room, none overdue, two are run."""
        self.clock.after(lambda_runtime.SWEEP_EVERY_S, self._sweep, timer=True)
        old = [item for item in self.table.items.values() if "open" in item and self._age_s(item) > GRACE_S]
        room = self._room_for_waiting_jobs()
        found = {(item["job_id"]["S"], item["row_version"]["N"]) for item in old}, room
        self._same_sweeps = self._same_sweeps + 1 if found == self._swept else 0
        self._swept = found
        has_old_entry = any(self.clock.now().timestamp() - at > GRACE_S for at in self._entries_at.values())
        is_new = self._same_sweeps < 2 and (old or room >= PRICE)
        if is_new or has_old_entry or any(self._is_overdue(item) for item in old):
            self._invoke_later("SweepFunction", {"source": "aws.events"}, f"sweep-{self.clock.now_s}")

    def _room_for_waiting_jobs(self) -> int:
        """Return the budget's room if a job waits for it, which may have it after a raise or another job's end."""
        waiting = BUDGET_PARTS.values()
        rows = self.table.items.values()
        if not self.schedule.budget or not any(item.get("open", {}).get("S") in waiting for item in rows):
            return 0
        today = vendor_day(self.clock.now())
        limits = self.budget.load_limits(self._services.settings.budget)
        return self.budget.balance(today).room(limits, today)

    def _age_s(self, item: Item) -> float:
        return (self.clock.now() - datetime.fromisoformat(item["updated_at"]["S"])).total_seconds()

    def _is_overdue(self, item: Item) -> bool:
        change = item["job_id"]["S"], item["updated_at"]["S"] + item["row_version"]["N"]
        if change not in self._read:
            job = self._jobs.load(change[0])
            assert job is not None
            self._read[change] = job
        job = self._read[change]
        return job.finished or self.clock.now() >= min(
            next_check_deadline(job, self._services.completion_modes(job)), job.deadline_at
        )

    def _publish_bad_end(self, execution: Execution) -> None:
        if self.schedule.loses_end_events:
            return
        detail = {"input": json.dumps(execution.input), "name": execution.name, "status": execution.status}
        event = {"source": "aws.states", "detail": detail}
        self.clock.after(0, lambda: self._invoke_later("SweepFunction", event, f"ended-{execution.name}"))

    def _strike(self, status: str) -> None:
        for execution in list(self.machine.executions.values()):
            if execution.running:
                self.note(execution.name, f"struck: {status}")
                self.machine.stop(execution, status)

    # ---- vendors -----------------------------------------------------------------------------------------------------

    def _next_word(self, beginning: str) -> str:
        return self._script.pop(0) if self._script and self._script[0].startswith(beginning) else ""

    def _charge(self, task: Task, request: HttpRequest) -> None:
        job = self._submitted_job(request)
        self.note(task.vendor, "accepts the recording")
        process, day = self._running[-1], vendor_day(self.clock.now())
        charge = Charge(task, job.job_id, job.attempt.number, process, len(self.points), day)
        self.charges.append(charge)

    def _submitted_job(self, request: HttpRequest) -> Job:
        """Return the job that a request submits; bytes of several versions are of the invocation's job."""
        of_event = self._running[-1].job_id
        copies = {self.id_of(version) for version in self.schedule.copies}
        found = of_event if _job_id_in(request) in copies and of_event in copies else _job_id_in(request)
        job = self._jobs.load(found)
        assert job is not None
        return job

    def content_of(self, submitted: Submitted) -> str:
        """Return the mark of the bytes that a vendor was sent, or fetches."""
        data = submitted.data
        if data is None:
            address = urlsplit(unquote(submitted.url or ""))
            version = re.search(r"versionId=([^&]+)", address.query)
            answer = self.s3.get_object(
                Bucket=(address.hostname or "").partition(".")[0],
                Key=address.path.lstrip("/"),
                VersionId=version[1] if version else None,
            )
            data = answer["Body"].read()
        return data[-len(self.mark(1)) :].decode(errors="replace")

    def _post(self, url: str, body: bytes, content_type: str) -> requests.Response:
        vendor, of_job, attempt, signature = urlsplit(url).path.split("/")[2:]
        event = {
            "pathParameters": {"vendor": vendor, "job_id": of_job, "attempt": attempt, "signature": signature},
            "headers": {"content-type": content_type},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        response = requests.Response()
        try:
            answer = self._invoke("CallbackFunction", event)
        except FunctionFailedError:
            answer = {"statusCode": 500, "body": ""}
        response.status_code, response.raw = answer["statusCode"], io.BytesIO(answer["body"].encode())
        return response

    # ---- invariants of every write -----------------------------------------------------------------------------------

    def _watch(self, before: Item | None, after: Item) -> None:
        """Check every write of a job's row."""
        self._watch_reservation(before, after)
        if before is None:
            return
        was, now = before["status"]["S"], after["status"]["S"]
        if was != now:
            self.note("jobs table", f"{was} becomes {now}")
        if was in ("COMPLETED", "FAILED") and (
            was != now or before.get("transcript_key") != after.get("transcript_key")
        ):
            self.broken.append(f"a finished job changed from {was} to {now}")

    def _watch_reservation(self, before: Item | None, after: Item) -> None:
        job_id = after["job_id"]["S"]
        if before is None and job_id in self.reservations:  # the job was deleted, and S3's event came again
            self.spent_by_deleted += self.reservations[job_id].total
        if "reservation" in after:
            self.reservations[job_id] = Reservation.model_validate(TypeDeserializer().deserialize(after["reservation"]))

    def _watch_budget(self, row: Item) -> None:
        """Note the entries; check that a day's reservations never exceed the budget, while it is not raised."""
        if not row["job_id"]["S"].startswith("budget#2"):
            return
        key, is_account = row["job_id"]["S"], row["job_id"]["S"].count("#") > 1
        entries = {name: json.loads(row[name]["S"])["at"] for name in row if name.startswith("entry_")}
        self._entries_at = {
            **{each: at for each, at in self._entries_at.items() if each[0] != key},
            **{(key, name): at for name, at in entries.items()},
        }
        most = _room_for(self.schedule.uploader_budget if is_account else self.schedule.budget) * MICRO
        is_limited = most and not any(at_s <= self.clock.now_s for at_s in self.schedule.raised)
        if is_limited:
            over = [name for name in row if re.fullmatch(r"d\d\d", name) and int(row[name]["N"]) > most]
            self.broken += [f"{name} of the budget is {row[name]['N']}" for name in over]


class Unwritten(Metrics):
    """The metrics of a schedule with faults, which nothing reads."""

    def _emit(self, *_: object, **__: object) -> None:
        pass


class FakeConverter:
    """A conversion without a decoder: it reads, waits and writes."""

    def __init__(self, s3: "Client", recordings: S3Recordings, pass_time: Callable[[float], None]) -> None:
        self._s3, self._recordings, self._pass_time = s3, recordings, pass_time

    def convert(
        self, source: Source, key: str, form: Form, track: int, is_late: Callable[[], bool]
    ) -> ConvertedRecording:
        """Write a second of silence with the mark of this version of the recording."""
        read = self._recordings.read(source, 0, source.size_bytes)
        self._pass_time(CONVERSION_S)
        body = RECORDING + read.removeprefix(FOREIGN)
        answer = self._s3.put_object(Bucket=source.bucket, Key=key, Body=body)
        made = Source(
            bucket=source.bucket,
            key=key,
            version_id=answer["VersionId"],
            etag=answer["ETag"].strip('"'),
            size_bytes=len(body),
        )
        return ConvertedRecording(made, form.audio(1000))


class Client:
    """A boto3 client whose every call is a point."""

    def __init__(self, service: str, backend: Any, world: World) -> None:
        self._service, self._backend, self._world = service, backend, world

    def __getattr__(self, method: str) -> Callable[..., Any]:
        do = getattr(self._backend, method)
        effect = Effect.READ if method in READS else Effect.WRITE

        def call(**arguments: Any) -> Any:
            what = f"{self._service} {method} {arguments.get('Key', '') if self._service == 's3' else ''}".strip()

            def failure(kind: Kind) -> Exception:
                if kind is Kind.LOST:
                    return ReadTimeoutError(endpoint_url=f"https://{self._service}.example.com")
                return refusal("ThrottlingException", method)

            return self._world.effect(what, effect, lambda: do(**arguments), failure)

        return call

    def get_paginator(self, method: str) -> "Client":
        return self

    def paginate(self, **arguments: Any) -> list[Any]:
        """Return one page. A read of an empty part of the index is not a point: it has no effect."""
        if self._service == "s3":
            return [self.list_object_versions(**arguments)]
        page = self._backend.query(**arguments)
        return [self.query(**arguments)] if page["Items"] else [page]


def _room_for(recordings: int) -> float:
    """Return a limit in yuan that has room for so many recordings; 0 for none."""
    return recordings and (recordings + 0.5) * PRICE / MICRO


@cache
def _services_of(vendors: tuple[str, ...], per_day: int) -> Services:
    """Return the services that every world with these vendors has."""
    world = fake_services.World(
        vendors={name: PROFILES[name].vendor for name in vendors},
        send=lambda _request: HttpReply(500, b""),
        secret={},
        per_day=dict.fromkeys(vendors, per_day),
    )
    urls = {name: f"https://{name}.example.com" for name in vendors}
    services = world.services
    settings = services.settings.model_copy(update={"base_urls": urls, "conversion": "on"})
    return dataclasses.replace(services, settings=settings)


def _path_from(frame: FrameType | None) -> tuple[str, ...]:
    """Return the lines of the layer on the stack, the innermost first."""
    lines = []
    while frame is not None and frame.f_code.co_filename != lambda_runtime.__file__:
        if "/asrcore/asrcore/" in frame.f_code.co_filename:
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(lines)


def _attempt(do: Callable[[], object]) -> None:
    """Run an effect whose response is lost."""
    with suppress(ClientError):
        do()


def _job_id_of(event: Data) -> str:
    """Return the id of the job that an event is about: a step's, or of the version of an S3 event."""
    if "Records" in event:
        return _id_of(event["Records"][0]["s3"]["object"]["versionId"])
    return str(event.get("job_id", ""))


def _job_id_in(request: HttpRequest) -> str:
    """Return the id of the job whose recording a request submits: by URL, or as bytes that end with the version."""
    body = request.body if isinstance(request.body, bytes) else b"".join(request.body)
    text = unquote(unquote(f"{request.url} {body.decode(errors='replace')}"))
    if converted := re.search(rf"/{CONVERTED}([^/]+)/", text):
        return converted[1]
    version = re.search(r"versionId=(v\d+)", text)
    assert version is not None
    return _id_of(version[1])


@cache
def _id_of(version_id: str) -> str:
    return job_id(Source(bucket=BUCKET, key=KEY, version_id=version_id, etag="", size_bytes=0))
