"""All vendor simulators together, for tests, the local stack and the command line."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulators.abcpen import Abcpen, AbcpenOptions
from simulators.script import SAMPLE_SCRIPTS, ScriptBook
from simulators.server import Setup, Simulator
from simulators.tencent_recording import TencentRecording, TencentRecordingOptions
from simulators.tencent_sentence import TencentSentence, TencentSentenceOptions
from simulators.volcengine import Volcengine, VolcengineOptions

VENDORS = ("tencent-recording", "tencent-sentence", "volcengine", "abcpen")


class Simulators:
    """Every vendor on its own port of 127.0.0.1, from `start` to `stop`, or as a context manager.

    credentials: an object per account: `tencent`, `volcengine`, `abcpen`. turnaround_s: seconds from a submission to
    its result, whatever the recording's length. ports: a port per vendor; any free one for those not named.
    """

    def __init__(
        self,
        credentials: Mapping[str, Mapping[str, str]],
        turnaround_s: float = 1.0,
        ports: Mapping[str, int] | None = None,
        scripts: Path = SAMPLE_SCRIPTS,
    ) -> None:
        port = {**dict.fromkeys(VENDORS, 0), **(ports or {})}
        if unknown := port.keys() - set(VENDORS):
            raise ValueError(f"no such vendor: {', '.join(sorted(unknown))}; there are {', '.join(VENDORS)}")
        book = ScriptBook(scripts)

        def setup(vendor: str, account: str) -> Setup:
            return Setup(credentials[account], book, port[vendor])

        self._simulators: tuple[Simulator[Any], ...] = (
            TencentRecording(setup("tencent-recording", "tencent"), TencentRecordingOptions(turnaround_s=turnaround_s)),
            TencentSentence(setup("tencent-sentence", "tencent"), TencentSentenceOptions()),
            Volcengine(setup("volcengine", "volcengine"), VolcengineOptions(turnaround_s=turnaround_s)),
            Abcpen(setup("abcpen", "abcpen"), AbcpenOptions(turnaround_s=turnaround_s)),
        )
        self._running = ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        """The base URL of each vendor, once started."""
        return {simulator.vendor: simulator.url for simulator in self._simulators}

    def start(self) -> Self:
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
