"""What a long recording takes: CPU and memory to read, normalize, export and store a reply, and what the probe reads.

Each case has a process of its own, so that its peak of memory is its own. `python -m benchmarks.size VENDOR MINUTES`
measures one case.
"""

import platform
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asrcore.core.audio import Audio, probe
from asrcore.core.job import Job, new_job, recognition_request
from asrcore.core.options import Options
from asrcore.core.transcript import Recognition
from asrcore.finish import settle
from asrcore.outcome import RawReply, Recognized
from asrcore.render import FORMATS
from asrcore.vendors.registry import VENDORS
from benchmarks.environment import found_alone, print_found
from benchmarks.replies import reply
from tests.support.fake_services import START, World
from tests.support.pipeline import SOURCE

MEASURED = ("volcengine", "abcpen", "tencent-rec-task")  # the three forms in which words come
SHORT_MINUTES, LONG_MINUTES = (1, 60), (60, 299)  # Volcengine takes less than 5 hours
RUNS = 3
TIMEOUT_S = 300
MEBI = 1024 * 1024
RECORDING_BYTES = 600 * 1000 * 1000


def measure(minutes: Sequence[int]) -> dict[str, Any]:
    """By vendor and minutes: CPU seconds of each stage (the least of some runs) and the peak of memory in MiB."""
    cases = {
        vendor: {str(each): _least([_in_a_process(vendor, each) for _ in range(RUNS)]) for each in minutes}
        for vendor in MEASURED
    }
    return {"replies": cases, "probe": probed_bytes()}


def probed_bytes() -> dict[str, int]:
    """How much the probe reads of a recording of 600 MB, in bytes, by its kind."""
    return {
        "wav": _read_by_probe(_wav_header(), bytes(4), "a.wav"),
        # MPEG 2.5 layer III, 8 kbit/s, 8 kHz: 72 bytes.
        "mp3": _read_by_probe(b"", bytes.fromhex("ffe318c4") + bytes(68), "a.mp3"),
        # ADTS, 16 kHz, one channel: 371 bytes. It has no bit rate, so the probe has to look at more places.
        "aac": _read_by_probe(b"", bytes.fromhex("fff160402e7ffc") + bytes(364), "a.aac"),
    }


def _read_by_probe(head: bytes, frame: bytes, name: str) -> int:
    """The recording is made while it is read: a head, then one frame again and again."""
    total = 0

    def read(offset: int, length: int) -> bytes:
        nonlocal total
        length = min(length, RECORDING_BYTES - offset)
        total += length
        repeated = frame * (length // len(frame) + 2)
        body = repeated[offset % len(frame) :]
        return (head[offset:] + body)[:length]

    probe(read, RECORDING_BYTES, name)
    return total


def _wav_header() -> bytes:
    data_bytes = RECORDING_BYTES - 44
    return (
        b"RIFF" + (data_bytes + 36).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x01\0\x02\0"
        b"\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data" + data_bytes.to_bytes(4, "little")
    )


def _least(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: min(run[name] for run in runs) for name in runs[0]}


def _in_a_process(vendor: str, minutes: int) -> dict[str, float]:
    found: dict[str, float] = found_alone("benchmarks.size", vendor, str(minutes), timeout_s=TIMEOUT_S)
    return found


def _measure_one(vendor: str, minutes: int) -> dict[str, float]:
    told, job = reply(vendor, minutes), _submitted(vendor, minutes)
    world = World({vendor: VENDORS[vendor]}, lambda _request: told, {}, exports=tuple(FORMATS))
    world.jobs.create(job)
    services, request = world.services, recognition_request(job)
    before_mib = peak_mib()
    start_s = time.process_time()
    heard = VENDORS[vendor].read_query(told, request)
    if not isinstance(heard, Recognition):
        raise TypeError(f"{vendor} reads no result from its reply: {heard}")
    read_s = time.process_time()
    settle(Recognized(job, heard, RawReply.of(told, VENDORS[vendor])), services)
    finished_s = time.process_time()
    return {
        "words": sum(len(utterance.words) for utterance in heard.utterances),
        "reply_bytes": len(told.body),
        "objects": len(world.results),
        "stored_bytes": sum(map(len, world.results.values())),
        "read_s": read_s - start_s,
        "finish_s": finished_s - read_s,
        "cpu_s": finished_s - start_s,
        "before_mib": before_mib,
        "peak_mib": peak_mib(),
    }


def _submitted(vendor: str, minutes: int) -> Job:
    """A job that a vendor has taken."""
    audio = Audio(format="mp3", codec="mp3", sample_rate_hz=16000, channels=1, duration_ms=minutes * 60_000)
    planned = new_job(SOURCE, START).plan(SOURCE, audio, Options(), vendors=[vendor], warnings=[], now=START)
    return planned.claim(None, [], START).submitted(1, "1", START)


def peak_mib() -> float:
    """The most memory that this program held. Linux's getrusage would count the process that started it, too."""
    if platform.system() == "Linux":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBI


if __name__ == "__main__":
    print_found(lambda: _measure_one(sys.argv[1], int(sys.argv[2])))
