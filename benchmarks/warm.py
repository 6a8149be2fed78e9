"""CPU time of a warm process: every exchange with a vendor and every call to AWS is answered at once, by memory.

`exchanges` sets writing a request and reading its reply against the same by the vendor's SDK; `steps` is all that our
code does in a step of a job, rows and log lines included. `python -m benchmarks.warm` measures in its own process.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

from tencentcloud.asr.v20190614 import models  # type: ignore[import-untyped]
from tencentcloud.asr.v20190614.asr_client import AsrClient  # type: ignore[import-untyped]
from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]

from asrcore.core.audio import Audio
from asrcore.core.options import Options
from asrcore.core.transcript import Source
from asrcore.core.vendor import Account, Delivery, Order, Reply, Request, Vendor
from asrcore.poll import query
from asrcore.submit import take
from asrcore.vendors.registry import VENDORS
from benchmarks.environment import found_alone
from benchmarks.replies import reply_bytes
from tests.support.memory import World
from tests.support.pipeline import wav
from tests.support.running import CREDENTIALS

BATCHES = 7  # the least of them counts: others can only add
CALLS = 50  # in a batch
TIMEOUT_S = 300
NOW = 1_700_000_000
URL = f"https://audio.example.com/a.mp3?X-Amz-Signature={'0' * 1200}"
KEY = "incoming/auto/a.wav"
SECRET = {**CREDENTIALS, "callback": {"keys": ["key"]}}
ORDER = Order(
    "job-1",
    1,
    Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=60_000, bits_per_sample=16),
    1_920_044,
    Options(),
)

_TENCENT_ACCEPTED = b'{"Response":{"RequestId":"1","Data":{"TaskId":1}}}'
_TENCENT_WORKING = b'{"Response":{"RequestId":"1","Data":{"TaskId":1,"Status":1,"StatusStr":"doing"}}}'
_SENTENCE = json.dumps(
    {"Response": {"RequestId": "1", "Result": "今天讨论预算。", "AudioDuration": 2000, "WordSize": 0, "WordList": None}}
).encode()


@dataclass(frozen=True)
class Job:
    """A vendor's replies to a submission and to queries: first none, then a minute of speech."""

    vendor: str
    accepted: bytes
    working: bytes = b""

    def replies(self) -> Iterator[bytes]:
        """What the vendor answers, in order; a result again and again."""
        if not self.working:
            return repeat(self.accepted)
        return chain([self.accepted, self.working], repeat(reply_bytes(self.vendor, 1)))


JOBS = (
    Job("tencent-sentence", _SENTENCE),
    Job("tencent-rec-task", _TENCENT_ACCEPTED, _TENCENT_WORKING),
    Job("volcengine", b'{"resp":{"code":1000,"id":"1"}}', b'{"resp":{"code":2000,"id":"1"}}'),
    Job("abcpen", b'{"code":"0","data":{"task_id":"1"}}', b'{"code":"-1","data":{}}'),
)


def measure() -> dict[str, Any]:
    """Milliseconds of CPU, from a process whose log goes nowhere but here."""
    found: dict[str, Any] = found_alone("benchmarks.warm", timeout_s=TIMEOUT_S)
    return found


def _exchanges() -> dict[str, dict[str, float]]:
    recording, sentence = VENDORS["tencent-rec-task"], VENDORS["tencent-sentence"]
    result = reply_bytes("tencent-rec-task", 1)
    cases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "CreateRecTask": (_submit(recording, _TENCENT_ACCEPTED), _sdk_submit(_TENCENT_ACCEPTED)),
        "DescribeTaskStatus, working": (_query(recording, _TENCENT_WORKING), _sdk_query(_TENCENT_WORKING)),
        "DescribeTaskStatus, a minute with words": (_query(recording, result), _sdk_query(result)),
        "SentenceRecognition": (_submit(sentence, _SENTENCE), _sdk_sentence(_SENTENCE)),
    }
    return {name: {"ours_ms": ours, "sdk_ms": sdk} for name, case in cases.items() for ours, sdk in [_least(*case)]}


def _least(*calls: Callable[[], object]) -> list[float]:
    """Milliseconds of each call, taking turns in batches."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(BATCHES):
        for call, found in zip(calls, seconds, strict=True):
            start_s = time.process_time()
            for _ in range(CALLS):
                call()
            found.append((time.process_time() - start_s) / CALLS)
    return [min(found) * 1000 for found in seconds]


def _account(vendor: Vendor) -> Account:
    return Account("https://asr.tencentcloudapi.com", SECRET[vendor.secret_name])


def _submit(vendor: Vendor, body: bytes) -> Callable[[], object]:
    account, delivery = _account(vendor), Delivery(url=URL)

    def call() -> object:
        vendor.submit_request(ORDER, delivery, account, callback_url=URL, now=NOW, nonce=1)
        return vendor.read_submit(Reply(200, body), ORDER)

    return call


def _query(vendor: Vendor, body: bytes) -> Callable[[], object]:
    account = _account(vendor)

    def call() -> object:
        vendor.query_request("1", account, now=NOW)
        return vendor.read_query(Reply(200, body), ORDER)

    return call


@dataclass(frozen=True)
class _Answer:
    """An HTTP response as the SDK reads it."""

    content: bytes
    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @property
    def text(self) -> str:
        return self.content.decode()


class _Wire:
    """In the place of the SDK's HTTP client."""

    def __init__(self, body: bytes) -> None:
        self._answer = _Answer(body)

    def send_request(self, request: object) -> _Answer:
        return self._answer


def _sdk(body: bytes) -> Any:
    client = AsrClient(Credential("sample", "sample"), "")
    client.request = _Wire(body)
    return client


def _sdk_submit(body: bytes) -> Callable[[], object]:
    client = _sdk(body)

    def call() -> object:
        request = models.CreateRecTaskRequest()
        request.EngineModelType, request.ChannelNum, request.ResTextFormat = "16k_zh", 1, 2
        request.SourceType, request.Url, request.CallbackUrl = 0, URL, URL
        return client.CreateRecTask(request)

    return call


def _sdk_query(body: bytes) -> Callable[[], object]:
    client = _sdk(body)

    def call() -> object:
        request = models.DescribeTaskStatusRequest()
        request.TaskId = 1
        return client.DescribeTaskStatus(request)

    return call


def _sdk_sentence(body: bytes) -> Callable[[], object]:
    client = _sdk(body)

    def call() -> object:
        request = models.SentenceRecognitionRequest()
        request.EngSerViceType, request.SourceType, request.VoiceFormat, request.Url = "16k_zh", 0, "wav", URL
        return client.SentenceRecognition(request)

    return call


def _steps() -> dict[str, dict[str, float]]:
    return {job.vendor: _least_of_steps(job) for job in JOBS}


def _least_of_steps(job: Job) -> dict[str, float]:
    runs = [_run(job) for _ in range(BATCHES * CALLS // 5)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def _run(job: Job) -> Mapping[str, float]:
    """One job from its drop to its transcript, by step."""
    replies = job.replies()

    def send(_request: Request) -> Reply:
        return Reply(200, next(replies))

    world = World({job.vendor: VENDORS[job.vendor]}, send, SECRET)
    world.recordings.objects[KEY] = (wav(30), {})
    services = world.services
    spent_ms: dict[str, float] = {}

    def spend(name: str, step: Callable[[], object]) -> None:
        start_s = time.process_time()
        step()
        spent_ms[name] = (time.process_time() - start_s) * 1000
        world.pass_time(100)  # past the patience for a callback

    source = Source(bucket="audio", key=KEY, version_id="1", etag="e", size_bytes=0, sequencer="0A")
    spend("submit_ms", lambda: take([source], services))
    if job.working:
        (job_id,) = world.jobs.rows
        spend("query_ms", lambda: query(job_id, services))
        spend("finish_ms", lambda: query(job_id, services))
    if world.job().transcript_key is None:
        raise RuntimeError(f"{job.vendor}: the job did not end with a transcript: {world.job().error}")
    return {**spent_ms, "job_ms": sum(spent_ms.values())}


if __name__ == "__main__":
    measured = {"exchanges": _exchanges(), "steps": _steps()}
    print(json.dumps(measured))
