"""The simulation's vendors: the simulators' own request handlers, called without a network, in simulated time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import requests
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from asrcore.core.errors import ErrorClass
from asrcore.core.vendor import SHORT_CALL_S, Completion, HttpReply, HttpRequest, Vendor
from asrcore.vendors.registry import VENDORS
from simulators.abcpen import Abcpen, AbcpenOptions
from simulators.abcpen_offline import AbcpenOffline, AbcpenOfflineOptions
from simulators.asynchronous import AsynchronousOptions
from simulators.faults import Fault, FaultQueue, Moment
from simulators.openai_compatible import OpenaiCompatible, OpenaiCompatibleOptions
from simulators.recording import Recording, Source
from simulators.runtime import Runtime
from simulators.script import Script, ScriptStore
from simulators.segmentation import Segment
from simulators.server import Options, Setup, Simulator
from simulators.tencent_rec_task import TencentRecTask, TencentRecTaskOptions
from simulators.tencent_recording import TencentRecording, TencentRecordingOptions
from simulators.tencent_sentence import TencentSentence, TencentSentenceOptions
from simulators.volcengine import Volcengine, VolcengineOptions
from simulators.volcengine_bigmodel import VolcengineBigmodel, VolcengineBigmodelOptions
from tests.simulation.clock import START, Clock
from tests.support.simulator_control import CREDENTIALS
from tests.support.toy import TEXT, Toy
from tests.support.toy_simulator import ToySimulator

TURNAROUND_S = 10.0
SLOW_CALL_S = 600.0
NEVER_S = 30 * 86400.0  # longer than any schedule
# How often and how late a callback is repeated is not published; the interval doubles.
REPEATED = {"callback_attempts": 6, "callback_interval_s": 60.0}
SPOKEN = (Segment(0, 900),)
RECORDING = Recording("", "wav", "pcm_s16le", 16000, 1, 1000, SPOKEN, (SPOKEN,), Script((TEXT,)))


@dataclass
class Task:
    """One task that a vendor accepted, and charges. word: what becomes of it, as in `Schedule.script`."""

    vendor: str
    word: str
    task_id: str = ""

    @property
    def failure(self) -> str | None:
        """The error class with which it fails."""
        return self.word.removeprefix("fails:") if self.word.startswith("fails:") else None


@dataclass(frozen=True)
class Profile:
    """How the simulation runs a vendor.

    refusals, failures: the vendor's code by error class, of a submission and of a task.
    call_s: how long a call takes from the vendor's acceptance to its answer.
    client_task_ids: the client chooses the task ids, and an id is charged once.
    """

    vendor: Vendor
    simulator: type[Simulator[Any]]
    options: Options
    refusals: Mapping[str, str]
    failures: Mapping[str, str]
    call_s: float = 0.0
    client_task_ids: bool = False


@dataclass(frozen=True)
class Network:
    """What surrounds a vendor.

    next_word: takes the script's next word if it begins with the argument, else returns nothing.
    callbacks: as in `Schedule`.  on_task: is given every new task, and the request that created it.
    deliver: posts a callback (URL, body, content type) and returns the answer.
    content_of: returns the mark of the bytes of a submission's recording, which its transcript ends with.
    """

    clock: Clock
    next_word: Callable[[str], str]
    callbacks: tuple[float, ...]
    turnaround_s: float
    on_task: Callable[[Task, HttpRequest], None]
    deliver: Callable[[str, bytes, str], requests.Response]
    content_of: Callable[[Source], str]


class FakeVendor:
    """One vendor of one world."""

    def __init__(self, name: str, network: Network) -> None:
        self.profile = PROFILES[name]
        self.vendor = self.profile.vendor
        self._network = network
        self._called_back: set[str] = set()
        clock = network.clock
        runtime = Runtime(
            wall_clock=lambda: START.timestamp() + clock.now_s,
            monotonic=lambda: clock.now_s,
            scheduler=lambda _name: SimulatedScheduler(clock),
            read_recording=self._read_recording,
            post=self._post,
        )
        options = self.profile.options.model_copy(update={"turnaround_s": network.turnaround_s})
        self._simulator, self._app = _application(name)
        setup = Setup(_credentials(self.vendor), ScriptStore(), runtime=runtime)
        vars(self._simulator).update(vars(self.profile.simulator(setup, options)))
        self._simulator.faults = ScriptedFaults(self.profile, network, self._on_task)
        self._requests: list[HttpRequest] = []
        self._tasks: list[Task] = []

    def answer(self, request: HttpRequest) -> HttpReply:
        """Make one HTTP exchange."""
        self._requests.append(request)
        known = len(self._tasks)
        body, status, headers = self._exchange(request)
        self._requests.pop()
        if Completion.SYNC not in self.vendor.completion_modes:  # such a vendor names no task
            for task in self._tasks[known : known + 1]:
                task.task_id = str(self._simulator.request_log.entries()[-1]["task_id"])
        return HttpReply(status, body, {name.lower(): value for name, value in headers.items()})

    def _exchange(self, request: HttpRequest) -> tuple[bytes, int, Headers]:
        url, _, query = request.url.partition("?")
        base_url, _, path = url.removeprefix("https://").partition("/")
        builder = EnvironBuilder(
            f"/{path}",
            f"https://{base_url}",
            query_string=query,
            method=request.method,
            headers=dict(request.headers),
            data=request.body if isinstance(request.body, bytes) else b"".join(request.body),
        )
        chunks, status, headers = run_wsgi_app(self._app.wsgi_app, builder.get_environ())
        return b"".join(chunks), int(status.split()[0]), headers

    def _read_recording(self, source: Source, _scripts: ScriptStore, **_limits: Any) -> Recording:
        return replace(RECORDING, speech=Script((f"{TEXT}{self._network.content_of(source)}",)))

    def _on_task(self, word: str) -> None:
        task = Task(self.vendor.name, word)
        self._tasks.append(task)
        self._network.on_task(task, self._requests[-1])

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> requests.Response:
        """Deliver a callback; the schedule's further callbacks are copies of it."""
        network, content_type = self._network, headers["Content-Type"]
        if url not in self._called_back:
            self._called_back.add(url)
            first_s, *others_s = network.callbacks
            for other_s in others_s:
                network.clock.after(other_s - max(first_s, 0), lambda: network.deliver(url, body, content_type))
        return network.deliver(url, body, content_type)


class ScriptedFaults(FaultQueue):
    """A simulator's faults, as the schedule's script and callbacks demand them."""

    def __init__(self, profile: Profile, network: Network, on_task: Callable[[str], None]) -> None:
        super().__init__()
        self._profile, self._network, self._on_task = profile, network, on_task

    def take(self, moment: Moment, is_about: Callable[[str], bool]) -> Fault | None:
        match moment:
            case "submit" if word := self._network.next_word("refuses:"):
                return Fault(on=moment, code=self._profile.refusals[word.removeprefix("refuses:")])
            case "result":
                return self._take_result()
            case "callback":
                return self._take_callback()
        return None

    def _take_result(self) -> Fault | None:
        """A simulator looks for this fault when it has accepted a submission."""
        word = self._network.next_word("") or "done"
        self._on_task(word)
        if word == "never":
            return Fault(on="result", delay_s=NEVER_S)
        if word.startswith("fails:"):
            return Fault(on="result", code=self._profile.failures[word.removeprefix("fails:")])
        return None

    def _take_callback(self) -> Fault | None:
        if not self._network.callbacks:
            return Fault(on="callback", drop=True)
        first_s = self._network.callbacks[0]
        if first_s < 0:
            return Fault(on="callback", before_answer=True)
        late_s = first_s - self._network.turnaround_s
        return Fault(on="callback", delay_s=late_s) if late_s > 0 else None


class SimulatedScheduler:
    """A simulator's later work, on the simulation's clock. What is due at once is done at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        if delay_s == 0:
            action()
        elif delay_s < NEVER_S:
            self._clock.after(delay_s, action)

    def pause(self, duration_s: float) -> None:
        self._clock.pass_time(duration_s)


@cache
def _application(name: str) -> tuple[Simulator[Any], Flask]:
    """A simulator and its web application, which takes milliseconds to build: one of each vendor serves every world."""
    profile = PROFILES[name]
    simulator = profile.simulator(Setup(_credentials(profile.vendor), ScriptStore()), profile.options)
    return simulator, simulator.app()


def _credentials(vendor: Vendor) -> Mapping[str, str]:
    return CREDENTIALS.get(vendor.secret_name, {})


def _codes(*, retry: str, config: str, bad_audio: str) -> dict[str, str]:
    """Return a vendor's codes for the error classes that schedules use."""
    return {ErrorClass.RETRY: retry, ErrorClass.CONFIG: config, ErrorClass.BAD_AUDIO: bad_audio}


def _toy(
    name: str,
    *modes: Completion,
    client_task_ids: bool = False,
    longest_call_s: float = SHORT_CALL_S,
    callback_attempts: int = 6,
) -> Profile:
    toy = Toy(name, *modes, client_task_ids=client_task_ids, longest_call_s=longest_call_s)
    options = AsynchronousOptions(**{**REPEATED, "callback_attempts": callback_attempts})
    call_s = SLOW_CALL_S if longest_call_s > SHORT_CALL_S else 0.0
    codes = _codes(retry="retry", config="config", bad_audio="bad_audio")
    return Profile(toy, ToySimulator, options, codes, codes, call_s, client_task_ids)


_SYNC, _CALLBACK, _QUERY = Completion.SYNC, Completion.CALLBACK, Completion.QUERY

# A vendor for each completion mode, with one thing different from the others.
TOYS: Mapping[str, Profile] = {
    profile.vendor.name: profile
    for profile in (
        _toy("toy-sync", _SYNC),
        _toy("toy-sync-slow", _SYNC, longest_call_s=875),
        _toy("toy-query", _QUERY),
        _toy("toy-callback", _CALLBACK),
        _toy("toy-both", _CALLBACK, _QUERY, callback_attempts=1),
        _toy("toy-query-own-id", _QUERY, client_task_ids=True),
        _toy("toy-callback-own-id", _CALLBACK, client_task_ids=True),
        _toy("toy-both-own-id", _CALLBACK, _QUERY, client_task_ids=True, callback_attempts=1),
    )
}
_CLOUD = _codes(
    retry="RequestLimitExceeded",
    config="AuthFailure.SecretIdNotFound",
    bad_audio="InvalidParameterValue.ErrorInvalidVoicedata",
)
_VOLCENGINE = _codes(retry="1022", config="1002", bad_audio="1012")
_BIGMODEL = _codes(retry="55000000", config="45000010", bad_audio="45000151")
_ABCPEN = _codes(retry="10700", config="10110", bad_audio="10701")
_OFFLINE = _codes(retry="-1", config="400", bad_audio="400")  # it has no code about the audio
_OPENAI = _codes(retry="loading", config="invalid_api_key", bad_audio="too_large")
REGISTERED = (
    Profile(VENDORS["tencent-sentence"], TencentSentence, TencentSentenceOptions(), _CLOUD, _CLOUD),
    Profile(
        VENDORS["tencent-rec-task"],
        TencentRecTask,
        TencentRecTaskOptions(**REPEATED),
        _CLOUD,
        _codes(retry="10007", config="10005", bad_audio="10000"),
    ),
    Profile(
        VENDORS["tencent-recording"],
        TencentRecording,
        TencentRecordingOptions(**REPEATED),
        _codes(retry="1021", config="1027", bad_audio="1032"),
        _codes(retry="10001", config="1016", bad_audio="10000"),
    ),
    Profile(VENDORS["volcengine"], Volcengine, VolcengineOptions(), _VOLCENGINE, _VOLCENGINE),
    Profile(
        VENDORS["volcengine-bigmodel"],
        VolcengineBigmodel,
        # The account has model 1.0 only, so that each first submission is rejected.
        VolcengineBigmodelOptions(granted_resources=("volc.bigasr.auc",)),
        _BIGMODEL,
        _BIGMODEL,
        client_task_ids=True,
    ),
    Profile(VENDORS["abcpen"], Abcpen, AbcpenOptions(), _ABCPEN, _ABCPEN),
    Profile(VENDORS["abcpen-offline"], AbcpenOffline, AbcpenOfflineOptions(), _OFFLINE, _OFFLINE, client_task_ids=True),
    Profile(
        VENDORS["openai-compatible"],
        OpenaiCompatible,
        OpenaiCompatibleOptions(models=()),
        _OPENAI,
        _OPENAI,
        call_s=SLOW_CALL_S,
    ),
)
PROFILES: Mapping[str, Profile] = {**TOYS, **{profile.vendor.name: profile for profile in REGISTERED}}
