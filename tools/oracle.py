"""Compare the probe with PyAV (FFmpeg) over the recordings of a folder: `python -m tools.oracle FOLDER`.

A development tool. It prints every disagreement, and ends with 1 where the probe breaks, reads too much, or agrees in
fewer than LEAST_SHARE of the recordings that both describe.
"""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from asrcore.core.audio import Audio, NotAudio, probe
from asrcore.core.audio.model import plausible_rate_hz
from asrcore.core.audio.source import MOST_READS

LEAST_SHARE = 0.9
DECODED_BYTES = 4 * 1024 * 1024
CLOSE_MS, CLOSE_SHARE = 100, 0.03  # lengths that are estimates
ENCODER_SAMPLES = 2304  # what an encoder adds at both ends, which headers count and decoders leave out
# FFmpeg's word for a codec, where ours is another.
SAME_CODECS = {
    "amrnb": "amr_nb",
    "amrwb": "amr_wb",
    "dca": "dts",
    "mp3float": "mp3",
    "mp1float": "mp1",
    "mp2float": "mp2",
}


@dataclass(frozen=True)
class Comparison:
    """One recording: what is wrong with the probe's answer, and whether there are two answers to compare."""

    name: str
    wrong: tuple[str, ...] = ()
    is_comparable: bool = True


def compare(name: str, path: Path) -> Comparison:
    """Compare the two descriptions of one file: codec, rate, channels, and length where both know it."""
    data, reads = path.read_bytes(), list[int]()

    def read(offset: int, length: int) -> bytes:
        reads.append(length)
        return data[offset : offset + length]

    ours: Audio | None = None
    try:
        ours = probe(read, len(data), name)
    except NotAudio:
        pass
    except Exception as error:  # noqa: BLE001 - whatever the probe raises beside NotAudio is what is looked for
        return Comparison(name, (f"raises {type(error).__name__}: {error}",))
    too_many = (f"{len(reads)} reads",) if len(reads) > MOST_READS else ()
    theirs = _decoded(path)
    if ours is None or theirs is None:
        return Comparison(name, too_many, is_comparable=False)
    return Comparison(name, (*too_many, *differences(ours, theirs)))


def _decoded(path: Path) -> Audio | None:
    """Return what PyAV decodes of the first sound in a file; of a large file, the length is what its header says."""
    try:
        with av.open(str(path)) as file:
            stream = file.streams.audio[0]
            codec = stream.codec.name
            length_s = None if file.duration is None else file.duration / av.time_base
            if path.stat().st_size <= DECODED_BYTES:
                length_s = _count_s(file, stream)
            if not stream.rate or not stream.channels:
                return None
            return Audio(
                format="-",
                codec=SAME_CODECS.get(codec, codec),
                sample_rate_hz=stream.rate,
                channels=stream.channels,
                duration_ms=None if not length_s or length_s < 0 else round(length_s * 1000),
            )
    except (av.FFmpegError, IndexError, ValueError):
        return None


def _count_s(file: InputContainer, stream: AudioStream) -> float:
    """Return the seconds that can be decoded, up to the first damage that ends the decoding."""
    seconds = 0.0
    with contextlib.suppress(av.FFmpegError):
        for packet in file.demux(stream):
            with contextlib.suppress(av.error.InvalidDataError):
                seconds += sum(frame.samples / frame.sample_rate for frame in packet.decode() if frame.sample_rate)
    return seconds


def differences(ours: Audio, theirs: Audio) -> Iterator[str]:
    """Yield in words each property in which two descriptions differ; what one of them leaves open is no difference.

    Lengths are not compared where the header states an implausible sample rate: only the probe doubts it.
    """
    for name in ("codec", "sample_rate_hz", "channels"):
        one, other = getattr(ours, name), getattr(theirs, name)
        if one is not None and one != other:
            yield f"{name} {one}, not {other}"
    is_plausible = plausible_rate_hz(theirs.sample_rate_hz or 8000) == (theirs.sample_rate_hz or 8000)
    if ours.duration_ms is not None and theirs.duration_ms is not None and is_plausible:
        added_ms = 1000 * ENCODER_SAMPLES / (theirs.sample_rate_hz or 8000)
        close_ms = max(CLOSE_MS, CLOSE_SHARE * theirs.duration_ms, added_ms)
        if abs(ours.duration_ms - theirs.duration_ms) > close_ms:
            yield f"length {ours.duration_ms} ms, not {theirs.duration_ms} ms"


def main() -> int:
    """Compare every file of a folder. Return 0 where the probe agrees often enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    av.logging.set_level(av.logging.PANIC)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    compared = [compare(str(path.relative_to(folder)), path) for path in files]
    for each in compared:
        if each.wrong:
            print(f"{each.name}: {'; '.join(each.wrong)}")
    both = [each for each in compared if each.is_comparable]
    right = sum(not each.wrong for each in both)
    broken = sum(wrong.startswith("raises ") or wrong.endswith(" reads") for each in compared for wrong in each.wrong)
    kinds = Counter(wrong.split(" ")[0] for each in compared for wrong in each.wrong)
    print(f"{len(files)} files, {len(both)} described by both, {right} alike; {dict(kinds)}")
    return int(broken > 0 or right < LEAST_SHARE * len(both))


if __name__ == "__main__":
    sys.exit(main())
