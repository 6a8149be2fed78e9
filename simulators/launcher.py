"""Start all vendor simulators together, for tests, the local stack and the command line."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from recognizer.client import Client
from simulators.abcpen import Abcpen, AbcpenOptions
from simulators.abcpen_offline import AbcpenOffline, AbcpenOfflineOptions
from simulators.openai_compatible import OpenaiCompatible, OpenaiCompatibleOptions
from simulators.script import SAMPLE_SCRIPTS, ScriptStore
from simulators.server import LOOPBACK, Setup, Simulator
from simulators.tencent_rec_task import TencentRecTask, TencentRecTaskOptions
from simulators.tencent_recording import TencentRecording, TencentRecordingOptions
from simulators.tencent_sentence import TencentSentence, TencentSentenceOptions
from simulators.volcengine import Volcengine, VolcengineOptions
from simulators.volcengine_bigmodel import VolcengineBigmodel, VolcengineBigmodelOptions

# Vendor -> its account among the credentials.
ACCOUNTS = {
    "tencent-recording": "tencent",
    "tencent-sentence": "tencent",
    "tencent-rec-task": "tencent",
    "volcengine": "volcengine",
    "volcengine-bigmodel": "volcengine",
    "abcpen": "abcpen",
    "abcpen-offline": "abcpen",
    "openai-compatible": "openai_compatible",
}
VENDORS = tuple(ACCOUNTS)


class Simulators:
    """Every vendor on its own port of this machine, from `start` to `stop`, or as a context manager.

    credentials: an object per account: `tencent`, `volcengine`, `abcpen`, `openai_compatible`. turnaround_s: seconds
    from a submission to its result, whatever the recording's length. ports: a port per vendor; any free one for those
    not named. bind: the address to listen on; the loopback, unless containers must reach the simulators.
    recognizer: recognizes the recordings without a script.
    """

    def __init__(
        self,
        credentials: Mapping[str, Mapping[str, str]],
        turnaround_s: float = 1.0,
        ports: Mapping[str, int] | None = None,
        scripts: Path = SAMPLE_SCRIPTS,
        bind: str = LOOPBACK,
        *,
        recognizer: Client | None = None,
    ) -> None:
        port = {**dict.fromkeys(VENDORS, 0), **(ports or {})}
        if unknown := port.keys() - set(VENDORS):
            raise ValueError(f"no such vendor: {', '.join(sorted(unknown))}; there are {', '.join(VENDORS)}")
        book = ScriptStore(scripts, recognizer)

        setup = {vendor: Setup(credentials[account], book, port[vendor], bind) for vendor, account in ACCOUNTS.items()}
        soon = {"turnaround_s": turnaround_s}
        self._simulators: tuple[Simulator[Any], ...] = (
            TencentRecording(setup["tencent-recording"], TencentRecordingOptions(**soon)),
            TencentSentence(setup["tencent-sentence"], TencentSentenceOptions()),
            TencentRecTask(setup["tencent-rec-task"], TencentRecTaskOptions(**soon)),
            Volcengine(setup["volcengine"], VolcengineOptions(**soon)),
            VolcengineBigmodel(setup["volcengine-bigmodel"], VolcengineBigmodelOptions(**soon)),
            Abcpen(setup["abcpen"], AbcpenOptions(**soon)),
            AbcpenOffline(setup["abcpen-offline"], AbcpenOfflineOptions(**soon)),
            OpenaiCompatible(setup["openai-compatible"], OpenaiCompatibleOptions()),
        )
        self._running = ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        """Return the base URL of each vendor, after `start`."""
        return {simulator.vendor: simulator.url for simulator in self._simulators}

    def start(self) -> Self:
        """Listen on every port; raises devstack.web.PortTakenError, and then listens on none."""
        with ExitStack() as running:
            for simulator in self._simulators:
                simulator.start()
                running.callback(simulator.stop)
            self._running = running.pop_all()
        return self

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
