"""What a long recording takes: CPU and memory to read, normalise, write and export a reply, and what the probe reads.

Each case has a process of its own, so that its peak of memory is its own. `python -m benchmarks.size VENDOR MINUTES`
measures one case.
"""

import json
import platform
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asrcore.core.audio import Audio, probe
from asrcore.core.options import Options
from asrcore.core.transcript import Recognition, Source, Transcript
from asrcore.core.vendor import Order, Reply
from asrcore.render import FORMATS, Exports
from asrcore.vendors.registry import VENDORS
from benchmarks.environment import found_alone
from benchmarks.replies import REPLIES, reply_bytes

MINUTES = (1, 10, 60, 299)  # Volcengine takes less than 5 hours
RUNS = 3
TIMEOUT_S = 300
MEBI = 1024 * 1024
RECORDING_BYTES = 600 * 1000 * 1000


def measure() -> dict[str, Any]:
    """By vendor and minutes: CPU seconds of each stage (the least of some runs) and the peak of memory in MiB."""
    cases = {
        vendor: {str(minutes): _least([_in_a_process(vendor, minutes) for _ in range(RUNS)]) for minutes in MINUTES}
        for vendor in REPLIES
    }
    return {"replies": cases, "probe": probed_bytes()}


def probed_bytes() -> dict[str, int]:
    """How much the probe reads of a recording of 600 MB, in bytes, by its kind."""
    return {"wav": _read_by_probe(_wav_header(), "a.wav"), "mp3": _read_by_probe(b"", "a.mp3")}


def _read_by_probe(head: bytes, name: str) -> int:
    """The recording is made while it is read: a head, and after it MP3 frames of 8 kbit/s, which are silence in WAV."""
    frame = bytes.fromhex("ffe318c4") + bytes(68)  # MPEG 2.5 layer III, 8 kbit/s, 8 kHz: 72 bytes
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
    audio = Audio(format="mp3", codec="mp3", sample_rate_hz=16000, channels=1, duration_ms=minutes * 60_000)
    order = Order("job-1", 1, audio, 1000, Options())
    body = reply_bytes(vendor, minutes)
    before_mib = _peak_mib()
    start_s = time.process_time()
    heard = VENDORS[vendor].read_query(Reply(200, body), order)
    if not isinstance(heard, Recognition):
        raise TypeError(f"{vendor} reads no result from its reply: {heard}")
    read_s = time.process_time()
    transcript = _transcript(vendor, audio, heard)
    written = transcript.model_dump_json(by_alias=True).encode()
    written_s = time.process_time()
    exports = Exports(transcript)
    sizes = [len(exports.write(each)) for each in FORMATS]
    exported_s = time.process_time()
    words = sum(len(utterance.words) for utterance in heard.utterances)
    return {
        "words": words,
        "reply_bytes": len(body),
        "written_bytes": len(written) + sum(sizes),
        "read_s": read_s - start_s,
        "write_s": written_s - read_s,
        "export_s": exported_s - written_s,
        "cpu_s": exported_s - start_s,
        "before_mib": before_mib,
        "peak_mib": _peak_mib(),
    }


def _transcript(vendor: str, audio: Audio, heard: Recognition) -> Transcript:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Transcript(
        job_id="job-1",
        source=Source(bucket="audio", key="incoming/auto/a.mp3", etag="e", size_bytes=1000),
        vendor=vendor,
        vendor_task_id="1",
        language="zh-CN",
        audio=audio,
        text=heard.text,
        utterances=heard.utterances,
        attempts=[],
        submitted_at=now,
        completed_at=now,
    )


def _peak_mib() -> float:
    """The most memory that this program held. Linux's getrusage would count the process that started it, too."""
    if platform.system() == "Linux":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBI


if __name__ == "__main__":
    json.dump(_measure_one(sys.argv[1], int(sys.argv[2])), sys.stdout)
