"""What the local recognizer takes and gets right: CPU, memory, disk, errors; a minute of speech on the local stack.

The speech is the test recordings', joined to a minute. CPU is of one process, memory its peak; the time from the drop
to the transcript is of the clock on the wall, the model loaded. Prints JSON; `python -m benchmarks.recognition`, and
for a recording of 20 minutes `python -m benchmarks.recognition 20`.
"""

import importlib.metadata
import io
import re
import sys
import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

import numpy as np

from benchmarks.environment import ROOT, found_alone, print_found
from benchmarks.size import peak_mib
from devstack.stack import LocalStack
from recognizer import engine
from recognizer.audio import SAMPLE_RATE_HZ, read_pieces
from recognizer.process import RecognizerProcess
from recognizer.weights import JOINED, find_model
from tests.support.speech import Spoken, mandarin, samples
from tests.support.stack_client import Journey

MEGA = 1_000_000
ROUNDS = 3
LONG_MINUTES = 20
LIMIT_S = 900
VENDOR = "volcengine-bigmodel"

Row = tuple[str, float, str, float | None]


def measure() -> dict[str, Any]:
    """Return all figures but those of a long recording, from processes of their own."""
    found: dict[str, Any] = found_alone("benchmarks.recognition", timeout_s=LIMIT_S)
    return found


def measure_long() -> dict[str, Any]:
    """Return CPU and memory of a recording of LONG_MINUTES, from a process of its own."""
    found: dict[str, Any] = found_alone("benchmarks.recognition", str(LONG_MINUTES), timeout_s=LIMIT_S)
    return found


def rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the name, the value and the unit of each figure of `measure`, and the most that it may be."""
    yield "recognizer: CPU for a minute of Mandarin", results["cpu_s"], "CPU s", 15.0
    yield "recognizer: peak of memory", results["peak_mib"], "MiB", 700.0
    yield "recognizer: disk, weights joined", results["disk_mb"], "MB", None
    yield "local stack: a minute of Mandarin, drop to transcript", results["drop_s"], "s", 20.0
    for name, rate in results["error_rates"].items():
        yield f"recognizer: character errors, {name}", 100 * rate, "%", None


def long_rows(results: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the same of `measure_long`."""
    minutes = results["minutes"]
    yield f"recognizer: peak of memory, {minutes} minutes", results["peak_mib"], "MiB", 700.0
    yield f"recognizer: CPU for a minute, of {minutes}", results["cpu_s"] / minutes, "CPU s", 15.0


@contextmanager
def speech(minutes: int) -> Iterator[IO[bytes]]:
    """A WAV file of the test recordings, one after the other again and again; on the disk, as a download is."""
    pieces = [np.concatenate(list(read_pieces(io.BytesIO(each.path.read_bytes()), 60))) for each in mandarin()]
    minute = (np.resize(np.concatenate(pieces), 60 * SAMPLE_RATE_HZ) * 32767).astype("<i2").tobytes()
    with TemporaryFile() as file:
        with wave.open(file, "wb") as written:
            written.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
            for _ in range(minutes):
                written.writeframes(minute)
        yield file


def _measure_here(arguments: Sequence[str]) -> dict[str, Any]:
    if arguments:
        return recognition(int(arguments[0]), rounds=1)
    return {**recognition(1, ROUNDS), "disk_mb": disk_mb(), "drop_s": drop_s()}


def recognition(minutes: int, rounds: int) -> dict[str, Any]:
    """Return the least CPU that a recording takes, and the error rates of the recordings with scripts."""
    taken = []
    with speech(minutes) as file:
        model = engine.load(find_model())
        for _ in range(rounds):
            started = time.process_time()
            sentences = engine.recognize(model, file).sentences
            taken.append(time.process_time() - started)
    most_mib = peak_mib()
    sets = {
        "Kokoro, Mandarin": mandarin(),
        "espeak-ng, Mandarin": samples("zh-CN"),
        "espeak-ng, English": samples("en-US"),
    }
    return {
        "minutes": minutes,
        "cpu_s": min(taken),
        "peak_mib": most_mib,
        "sentences": len(sentences),
        "error_rates": {name: mean(_error_rate(model, each) for each in spoken) for name, spoken in sets.items()},
    }


def _error_rate(model: engine.Model, spoken: Spoken) -> float:
    with spoken.path.open("rb") as file:
        heard = engine.recognize(model, file)
    return spoken.error_rate(" ".join(sentence.text for sentence in heard.sentences))


def disk_mb() -> float:
    """Return what the recognizer's own packages and its joined weights take on the disk."""
    own = _names("recognizer") - _names("local")
    installed = [found for name in own if (found := _distribution(name)) is not None]
    packages = (Path(str(file.locate())) for file in chain.from_iterable(each.files or [] for each in installed))
    joined = (each for each in JOINED.iterdir()) if JOINED.is_dir() else iter(())
    return sum(each.stat().st_size for each in chain(packages, joined) if each.is_file()) / MEGA


def _names(requirements: str) -> set[str]:
    text = (ROOT / "requirements" / f"{requirements}.txt").read_text()
    return set(re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)==", text))


def _distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:  # of another platform
        return None


def drop_s() -> float:
    """Return the least seconds from a recording's drop to its finished job; each time it is a new recording."""
    with TemporaryDirectory() as folder:
        log_dir = Path(folder)
        recognizer = RecognizerProcess(_fail, log_dir / "recognizer.log")
        with recognizer, LocalStack(recognizer=recognizer, log_dir=log_dir) as stack:
            journey = Journey(stack)
            with speech(1) as file:
                file.seek(0)
                body = file.read()
            taken = []
            for number in range(ROUNDS):
                recording = body + bytes(2 * number)  # after the samples: not decoded, but another file
                started = time.monotonic()
                journey.finished(journey.drop(f"incoming/{VENDOR}/{number}.wav", recording))
                taken.append(time.monotonic() - started)
    return min(taken[1:])  # the first starts the functions' processes


def _fail(problem: str) -> None:
    raise RuntimeError(f"the recognizer does not run: {problem}")


if __name__ == "__main__":
    print_found(lambda: _measure_here(sys.argv[1:]))
