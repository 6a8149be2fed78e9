"""CPU, memory and bytes read of a conversion, for recordings of 10 minutes to hours.

Each case has a process of its own, so that its peak of memory is its own. Long recordings repeat ten seconds with a
tone in the middle; where the last tone is in the result, against where it was, shows whether times drift.
`python -m benchmarks.conversion KIND MINUTES` measures one case.
"""

import io
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

from asrcore.core.aws_usage import CONVERT_GB
from asrcore.core.form import Form
from asrcore.core.prices import ASSUMED_EXCHANGE, AWS_PRICES, REFERENCE, VENDOR_PRICES
from asrcore.core.transcript import Source
from asrcore.stores.converter import S3Converter
from benchmarks.environment import found_alone, print_found
from benchmarks.size import peak_mib
from tests.support.recordings import Kind, record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHORT_MINUTES: Mapping[str, tuple[int, ...]] = dict.fromkeys(("mp3", "mp4", "alaw"), (10, 60))
LONG_MINUTES: Mapping[str, tuple[int, ...]] = {"mp3": (600,), "mp4": (300,), "alaw": (300,)}
PIECE_S = 10.0
STEP_S = 10.2  # a piece of video, with what its codecs add
STEPS_S = MappingProxyType({"alaw": PIECE_S, "mp4": STEP_S})  # the kinds with times of their own
TIMEOUT_S = 1800
MEBI = 1024 * 1024
TONE_S = 5.0  # in each piece
FORM = Form(format="mp3", sample_rate_hz=16000, channels=1)
FRAME_SAMPLES = 576  # of MP3 at 16 kHz
FRAME_BYTES = FRAME_SAMPLES // 8 * FORM.bits_a_second // FORM.sample_rate_hz
TAIL_BYTES = round(PIECE_S * FORM.sample_rate_hz / FRAME_SAMPLES) * FRAME_BYTES
LOUD = 1500


def measure(minutes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return by kind and minutes: CPU seconds, the peak of memory in MiB, bytes read for each of the recording."""
    return {
        kind: {
            str(each): found_alone("benchmarks.conversion", kind, str(each), timeout_s=TIMEOUT_S) for each in lengths
        }
        for kind, lengths in minutes.items()
    }


def share_of_the_vendors_bill(cpu_s_an_hour: float) -> float:
    """Return the price of converting an hour on AWS as a share of the lowest price that a vendor asks for one."""
    hours_usd = [
        ASSUMED_EXCHANGE.amount(price.price, price.currency).usd
        for price in VENDOR_PRICES.values()
        if price.per == "hour" and price.price
    ]
    second_usd = CONVERT_GB * (AWS_PRICES[REFERENCE].gb_second or 0)
    return cpu_s_an_hour * second_usd / min(hours_usd)


class _Sink:
    """S3 as far as a conversion writes to it: parts are counted, and the end of the last one is kept."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.tail = b""
        self._last = 0

    def put_object(self, *, Body: bytes, **_: Any) -> dict[str, str]:  # noqa: N803 - boto3's names
        return self.upload_part(PartNumber=1, Body=Body)

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "u"}

    def upload_part(self, *, PartNumber: int, Body: bytes, **_: Any) -> dict[str, str]:  # noqa: N803 - boto3's names
        self.size_bytes += len(Body)
        if PartNumber > self._last:
            self._last, self.tail = PartNumber, (self.tail + Body[-TAIL_BYTES:])[-TAIL_BYTES:]
        return {"ETag": '"e"'}

    def complete_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"ETag": '"e"'}


def _last_tone_s(sink: _Sink) -> float:
    """Return when the last tone begins, counted back from the end: a decoder may drop what the tail begins with."""
    with av.open(io.BytesIO(sink.tail), "r") as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    loud = np.flatnonzero(np.abs(samples * 32768.0 if samples.dtype.kind == "f" else samples) > LOUD)
    begin = loud[np.flatnonzero(np.diff(loud, prepend=-FORM.sample_rate_hz) > FORM.sample_rate_hz // 10)[-1]]
    whole = sink.size_bytes // FRAME_BYTES * FRAME_SAMPLES
    return float(whole - len(samples) + begin) / FORM.sample_rate_hz


def _one(kind: str, minutes: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"long.{kind}"
        with path.open("wb") as target:
            for piece in _pieces(kind, minutes, Path(folder)):
                target.write(piece)
        size_bytes, read_bytes = path.stat().st_size, 0
        before_mib = peak_mib()
        with path.open("rb") as file:

            def read(_source: Source, offset: int, length: int) -> bytes:
                nonlocal read_bytes
                file.seek(offset)
                read = file.read(length)
                read_bytes += len(read)
                return read

            source = Source(bucket="b", key="k", etag="e", size_bytes=size_bytes)
            started = time.process_time()
            sink = _Sink()
            made = S3Converter(cast("S3Client", sink), read).convert(source, "converted/k", FORM, 1, lambda: False)
            cpu_s = time.process_time() - started
    if abs((made.audio.duration_ms or 0) - minutes * 60_000) > 0.03 * minutes * 60_000:
        raise RuntimeError(f"{kind}, {minutes} minutes: {made.audio.duration_ms} ms were converted")
    taken = {
        "cpu_s": cpu_s,
        "peak_mib": peak_mib(),
        "before_mib": before_mib,
        "read_for_each_byte": read_bytes / size_bytes,
        "megabytes": size_bytes / 1e6,
    }
    if kind in STEPS_S:
        step_s = STEPS_S[kind]
        taken["last_tone_off_ms"] = 1000 * abs(
            _last_tone_s(sink) - (round(minutes * 60 / step_s) - 1) * step_s - TONE_S
        )
    return taken


def _pieces(kind: str, minutes: int, folder: Path) -> Iterator[bytes]:
    times = round(minutes * 60 / PIECE_S)
    if kind == "mp3":
        yield from (_mp3() for _ in range(times))
    elif kind == "alaw":
        size = minutes * 60 * 8000 * 2
        piece = record(Kind("wav", "pcm_alaw", 8000, "stereo"), PIECE_S, (TONE_S,))
        begin = piece.index(b"data") + 8
        yield b"RIFF" + (begin + size - 8).to_bytes(4, "little") + piece[8 : begin - 4] + size.to_bytes(4, "little")
        yield from (piece[begin : begin + size // times] for _ in range(times))
    else:
        path = folder / "video.mp4"
        _video(path, round(minutes * 60 / STEP_S))
        with path.open("rb") as file:
            while chunk := file.read(MEBI):
                yield chunk
        path.unlink()


_MP3: list[bytes] = []


def _mp3() -> bytes:
    """Return ten seconds of MP3, frames alone, as 44.1 kHz at 128 kbit/s have them."""
    if not _MP3:
        encoder = av.CodecContext.create("libmp3lame", "w")
        encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 44100, "mono", "s16p", 128_000
        encoder.open()
        made = b""
        for _ in range(round(PIECE_S * 44100 / 1152)):
            frame = av.AudioFrame(format="s16p", layout="mono", samples=1152)
            frame.sample_rate = 44100
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            made += b"".join(bytes(packet) for packet in encoder.encode(frame))
        _MP3.append(made)
    return _MP3[0]


def _video(path: Path, times: int) -> None:
    """Write a video of H.264 and AAC: the packets of ten seconds, again and again."""
    piece = record(Kind("mp4", "aac", video="libx264"), PIECE_S, (TONE_S,))
    with av.open(io.BytesIO(piece), "r") as source, av.open(str(path), "w") as target:
        streams = {each.index: target.add_stream_from_template(each) for each in source.streams}
        packets = [packet for packet in source.demux() if packet.dts is not None]
        for number in range(times):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                base = round(number * STEP_S / float(packet.time_base or 1))
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                copy.pts, copy.dts = (packet.pts or 0) + base, (packet.dts or 0) + base
                copy.duration = packet.duration
                copy.stream = streams[packet.stream.index]
                target.mux(copy)


if __name__ == "__main__":
    print_found(lambda: _one(sys.argv[1], int(sys.argv[2])))
