"""Short recordings in every form that PyAV writes."""

from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np

SECONDS = 2


def write_tones(
    path: Path,
    container: str,
    codec: str,
    rate_hz: int,
    layout: str,
    *,
    seconds: int = SECONDS,
    options: Mapping[str, str] | None = None,
) -> None:
    """Write a tone that comes and goes. Raises av.FFmpegError, ValueError where no such file can be."""
    t = np.arange(rate_hz * seconds) / rate_hz
    tone = (8000 * np.sin(2 * np.pi * 330 * t) * (np.sin(2 * np.pi * 0.7 * t) > 0)).astype(np.int16)
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels).reshape(1, -1), format="s16", layout=layout)
    frame.rate = rate_hz
    with av.open(str(path), "w", format=container, options=dict(options or {})) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout=layout)
        if codec.startswith("wma"):
            stream.bit_rate = 64_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            if packet.size or container == "flac":  # FLAC's last packet only corrects the head of its own format
                file.mux(packet)
