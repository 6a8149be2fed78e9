"""Recordings as phones and browsers make them, made of samples."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

SOUND = {".webm": ("libopus", 48000), ".mov": ("aac", 44100)}
FRAMES_A_SECOND, WIDTH, HEIGHT = 5, 64, 48


def remade(sample: Path, path: Path) -> Path:
    """Write a sample's sound to `path` in the form that its suffix names, a .mov with a picture; return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, rate_hz = SOUND[path.suffix]
    with av.open(str(sample)) as source, av.open(str(path), "w") as target:
        picture = None
        if path.suffix == ".mov":
            picture = target.add_stream("mpeg4", rate=FRAMES_A_SECOND)
            picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = cast(AudioStream, target.add_stream(codec, rate=rate_hz, layout="mono"))
        resampler = av.AudioResampler(format=sound.format, layout="mono", rate=rate_hz)
        for frame in source.decode(audio=0):
            if isinstance(frame, AudioFrame):
                for each in resampler.resample(frame):
                    target.mux(sound.encode(each))
        for each in resampler.resample(None):
            target.mux(sound.encode(each))
        target.mux(sound.encode(None))
        if picture is not None:
            for number in range((source.duration or 0) * FRAMES_A_SECOND // av.time_base):
                image = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
                image.pts, image.time_base = number, Fraction(1, FRAMES_A_SECOND)
                target.mux(picture.encode(image))
            target.mux(picture.encode(None))
    return path
