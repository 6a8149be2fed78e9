"""CPU time of a warm process: every exchange with a vendor and every call to AWS is answered at once, by memory.

`exchanges` sets writing a request and reading its reply against the same by the vendor's SDK; `steps` is all that our
code does in a step of a job, of every vendor, by query or callback: rows, log lines and exports included. `python -m
benchmarks.warm` measures in its own process.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tencentcloud.asr.v20190614 import models  # type: ignore[import-untyped]
from tencentcloud.asr.v20190614.asr_client import AsrClient  # type: ignore[import-untyped]
from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]

from asrcore.callback import receive
from asrcore.core.audio import Audio
from asrcore.core.options import Options
from asrcore.core.transcript import Source
from asrcore.core.vendor import Delivery, HttpReply, RecognitionRequest, Submission, Vendor, VendorEndpoint
from asrcore.events import CallbackRequest
from asrcore.job_creation import handle_new_objects
from asrcore.poll import await_callback, query
from asrcore.render import FORMATS
from asrcore.vendors.registry import VENDORS
from benchmarks.environment import found_alone, print_found
from benchmarks.replies import CALLBACKS, JSON, TASK_ID, answer, callback, reply
from tests.support.fake_services import World
from tests.support.pipeline import wav
from tests.support.simulator_control import CREDENTIALS, SIGNING_KEYS

BATCHES = 7  # the least of them counts: others can only add
CALLS = 50  # in a batch
TIMEOUT_S = 300
NOW = 1_700_000_000
URL = f"https://audio.example.com/a.mp3?X-Amz-Signature={'0' * 1200}"
KEY = "incoming/auto/a.wav"
SECRET = {**CREDENTIALS, **SIGNING_KEYS}
ORDER = RecognitionRequest(
    "job-1",
    1,
    Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=60_000, bits_per_sample=16),
    1_920_044,
    Options(),
)

_TENCENT_ACCEPTED = {"Response": {"RequestId": "1", "Data": {"TaskId": 1}}}
_TENCENT_WORKING = {"Response": {"RequestId": "1", "Data": {"TaskId": 1, "Status": 1, "StatusStr": "doing"}}}
_SENTENCE = {
    "Response": {"RequestId": "1", "Result": "今天讨论预算。", "AudioDuration": 2000, "WordSize": 0, "WordList": None}
}


@dataclass(frozen=True)
class Job:
    """A vendor's answers to a submission, and to a query before the result.

    news: a callback without a result, after which the vendor is asked.
    """

    vendor: str
    accepted: HttpReply
    working: HttpReply | None = None
    news: bytes | None = None


def _job(vendor: str, accepted: Mapping[str, Any], working: Mapping[str, Any] | None = None) -> Job:
    return Job(vendor, answer(vendor, accepted), None if working is None else answer(vendor, working))


JOBS = (
    _job("tencent-sentence", _SENTENCE),
    _job("tencent-recording", {"code": 0, "message": "success", "requestId": 1}),
    _job("tencent-rec-task", _TENCENT_ACCEPTED, _TENCENT_WORKING),
    _job("volcengine", {"resp": {"code": 1000, "id": "1"}}, {"resp": {"code": 2000, "id": "1"}}),
    Job(
        "volcengine-bigmodel",
        answer("volcengine-bigmodel", {}),
        answer("volcengine-bigmodel", {"audio_info": {}, "result": {"text": ""}}, code="20000001"),
        news=b"{}",
    ),
    _job("abcpen", {"code": "0", "data": {"task_id": "1"}}, {"code": "-1", "data": {}}),
    _job("abcpen-offline", {"status": "success", "task_id": TASK_ID}, {"code": "1", "task_id": TASK_ID}),
)


def measure() -> dict[str, Any]:
    """Milliseconds of CPU, from a process whose log goes nowhere but here."""
    found: dict[str, Any] = found_alone("benchmarks.warm", timeout_s=TIMEOUT_S)
    return found


def _exchanges() -> dict[str, dict[str, float]]:
    recording, sentence = VENDORS["tencent-rec-task"], VENDORS["tencent-sentence"]
    result = reply("tencent-rec-task", 1).body
    accepted, working, said = (json.dumps(each).encode() for each in (_TENCENT_ACCEPTED, _TENCENT_WORKING, _SENTENCE))
    cases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "CreateRecTask": (_submit(recording, accepted), _sdk_submit(accepted)),
        "DescribeTaskStatus, working": (_query(recording, working), _sdk_query(working)),
        "DescribeTaskStatus, a minute with words": (_query(recording, result), _sdk_query(result)),
        "SentenceRecognition": (_submit(sentence, said), _sdk_sentence(said)),
    }
    return {name: {"ours_ms": ours, "sdk_ms": sdk} for name, case in cases.items() for ours, sdk in [_least(*case)]}


def _least(*calls: Callable[[], object]) -> list[float]:
    """Return the milliseconds of each call, measured in alternating batches."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(BATCHES):
        for call, found in zip(calls, seconds, strict=True):
            start_s = time.process_time()
            for _ in range(CALLS):
                call()
            found.append((time.process_time() - start_s) / CALLS)
    return [min(found) * 1000 for found in seconds]


def _account(vendor: Vendor) -> VendorEndpoint:
    return VendorEndpoint("https://asr.tencentcloudapi.com", SECRET[vendor.secret_name])


def _submit(vendor: Vendor, body: bytes) -> Callable[[], object]:
    endpoint, delivery = _account(vendor), Delivery(url=URL)

    def call() -> object:
        vendor.submit_request(Submission(ORDER, delivery, endpoint, callback_url=URL, now=NOW, nonce=1))
        return vendor.read_submit(HttpReply(200, body), ORDER)

    return call


def _query(vendor: Vendor, body: bytes) -> Callable[[], object]:
    endpoint = _account(vendor)

    def call() -> object:
        vendor.query_request("1", endpoint, now=NOW)
        return vendor.read_query(HttpReply(200, body), ORDER)

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
    """Replaces the SDK's HTTP client."""

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
    runs = [measured_steps(job) for _ in range(BATCHES * CALLS // 5)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def measured_steps(job: Job) -> dict[str, float]:
    """Return the steps of one job from upload to transcript: by query, by callback, or both.

    job_ms is the whole of the first where there is one.
    """
    called = _called_back(job) if job.vendor in CALLBACKS else {}
    asked = _asked(job) if job.vendor not in CALLBACKS or job.working else {}
    return {**called, **asked}


def _asked(job: Job) -> dict[str, float]:
    """Submit, query before the result unless the vendor answers at once, receive a callback if it sends one, query."""
    replies = [job.accepted]
    if job.working:
        replies += [job.working, reply(job.vendor, 1)]
    played = _SteppedJob(job.vendor, replies)
    played.submit()
    if job.working:
        played.spend("query_ms", played.query)
        if job.news is not None:
            played.call_back("news_ms", job.news, JSON)
        played.spend("finish_ms", played.query)
    return {**played.spent_ms, "job_ms": played.whole_ms()}


def _called_back(job: Job) -> dict[str, float]:
    """Submit, wait, and end by the callback."""
    played = _SteppedJob(job.vendor, [job.accepted])
    played.submit()
    played.spend("wait_ms", played.wait)
    played.call_back("callback_ms", *callback(job.vendor, 1))
    whole_ms = played.whole_ms()
    return {**played.spent_ms, "callback_job_ms": whole_ms, "job_ms": whole_ms}


class _SteppedJob:
    """One job, run step by step under the default parameters. spent_ms: CPU of each step."""

    def __init__(self, vendor: str, replies: list[HttpReply]) -> None:
        left = iter(replies)
        self._world = World(
            {vendor: VENDORS[vendor]},
            lambda _request: next(left),
            SECRET,
            exports=tuple(FORMATS),
            queries_per_second={name: 10 for name, each in VENDORS.items() if each.tuning.queries_per_second},
        )
        self._world.audio[KEY] = (wav(30), {})
        self._services = self._world.services
        self.spent_ms: dict[str, float] = {}

    def spend(self, name: str, step: Callable[[], object]) -> None:
        """Run a step, then advance the clock past the wait for a callback."""
        start_s = time.process_time()
        step()
        self.spent_ms[name] = (time.process_time() - start_s) * 1000
        self._world.pass_time(100)

    def submit(self) -> None:
        """Create the job and submit the recording."""
        stored = self._world.s3.head_object(Bucket="audio", Key=KEY)
        source = Source(
            bucket="audio",
            key=KEY,
            version_id=stored["VersionId"],
            etag=stored["ETag"].strip('"'),
            size_bytes=stored["ContentLength"],
            sequencer="0A",
        )
        self.spend("submit_ms", lambda: handle_new_objects([source], self._services))

    def query(self) -> None:
        """Query the vendor."""
        query(self._world.job().job_id, self._services)

    def wait(self) -> None:
        """Store the task token."""
        await_callback(self._world.job().job_id, "token", self._services)

    def call_back(self, name: str, body: bytes, content_type: str) -> None:
        """Receive the vendor's callback."""
        vendor, job_id, attempt, signature = self._services.callback_url(self._world.job()).split("/")[-4:]
        posted = CallbackRequest(vendor, job_id, attempt, signature, body, content_type)
        self.spend(name, lambda: receive(posted, self._services))

    def whole_ms(self) -> float:
        """Return the CPU of all steps. Raises RuntimeError unless the job has ended."""
        job = self._world.job()
        if job.transcript_key is None:
            raise RuntimeError(f"{job.vendor}: the job did not end with a transcript: {job.error}")
        return sum(self.spent_ms.values())


if __name__ == "__main__":
    print_found(lambda: {"exchanges": _exchanges(), "steps": _steps()})
