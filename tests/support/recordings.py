"""Recordings of common formats, made by PyAV: tones at known times, in any container and codec."""

import array
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av

TONES_S = (0.5, 1.25, 2.0)  # when a tone of TONE_S begins
TONE_S = 0.25
LENGTH_S = 2.5


@dataclass(frozen=True)
class Kind:
    """A container with its codec. video: a picture's codec.  tracks: of sound.  starts_s: when the sound begins."""

    container: str
    codec: str
    rate_hz: int = 44100
    layout: str = "mono"
    video: str = ""
    tracks: int = 1
    starts_s: float = 0.0

    @property
    def extension(self) -> str:
        """Return the usual file extension of this container."""
        return {"matroska": "mkv", "mpegts": "ts", "asf": "wma", "ipod": "m4a"}.get(self.container, self.container)


# The formats of phones, browsers, cameras, telephone systems and editors.
EVERYDAY = {
    "iPhone video": Kind("mov", "aac", video="mpeg4"),
    "video whose sound begins later": Kind("mov", "aac", video="mpeg4", starts_s=0.4),
    "browser sound": Kind("webm", "libopus", 48000),
    "browser video": Kind("webm", "libopus", 48000, video="libvpx"),
    "A-law WAV": Kind("wav", "pcm_alaw", 8000, "stereo"),
    "µ-law WAV": Kind("wav", "pcm_mulaw", 8000),
    "24-bit WAV": Kind("wav", "pcm_s24le"),
    "float WAV": Kind("wav", "pcm_f32le"),
    "AIFF": Kind("aiff", "pcm_s16be"),
    "CAF": Kind("caf", "pcm_s16le"),
    "MKV": Kind("matroska", "aac", video="mpeg4", starts_s=0.3),
    "AVI": Kind("avi", "libmp3lame", video="mpeg4"),
    "TS": Kind("mpegts", "aac", video="mpeg2video"),
    "TS whose sound begins later": Kind("mpegts", "aac", video="mpeg2video", starts_s=0.4),
    "stereo WMA": Kind("asf", "wmav2", layout="stereo"),
    "Vorbis": Kind("ogg", "vorbis", layout="stereo"),
    "AU": Kind("au", "pcm_s16be"),
    "MP3": Kind("mp3", "libmp3lame"),
    "M4A with an edit list": Kind("ipod", "aac"),
}


@cache
def record(kind: Kind, length_s: float = LENGTH_S, tones_s: tuple[float, ...] = TONES_S) -> bytes:
    """Return a recording with tones of 440 Hz; of several tracks, the n-th is n - 1 octaves higher.

    In stereo the left channel alone has the first tone, and the right channel alone the others.
    """
    target = io.BytesIO()
    with av.open(target, "w", format=kind.container) as container:
        if kind.video:
            picture = container.add_stream(kind.video, rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sounds = [container.add_stream(kind.codec, rate=kind.rate_hz) for _ in range(kind.tracks)]
        for sound in sounds:
            sound.codec_context.layout = kind.layout
            if kind.codec == "wmav2":
                sound.codec_context.bit_rate = 128_000
            if kind.codec == "vorbis":
                sound.codec_context.options = {"strict": "experimental"}
        if kind.video:
            for number in range(int(length_s * 10)):
                frame = av.VideoFrame(64, 48, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(picture.encode(frame))
        for octave, sound in enumerate(sounds):
            for frame in _frames(sound, kind, length_s - kind.starts_s, tones_s, 440 * 2**octave):
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
        if kind.video:
            container.mux(picture.encode(None))
    return target.getvalue()


def onsets(recording: bytes, channel: int = 0) -> list[float]:
    """Return the starts of tones, in seconds, by a decoder that ignores tags."""
    with av.open(io.BytesIO(recording)) as container:
        resampler = av.AudioResampler(format="s16p")
        samples, rate_hz = array.array("h"), 0
        for frame in container.decode(audio=0):
            rate_hz = frame.sample_rate
            for each in resampler.resample(frame):
                plane = each.planes[min(channel, len(each.planes) - 1)]
                samples.frombytes(bytes(plane)[: 2 * each.samples])
    step = rate_hz // 200
    loud = [max(map(abs, samples[at : at + step]), default=0) > 1500 for at in range(0, len(samples), step)]
    begins = [at for at, is_loud in enumerate(loud) if is_loud and not any(loud[max(0, at - 10) : at])]
    return [at * step / rate_hz for at in begins]


def _frames(
    sound: object, kind: Kind, length_s: float, tones_s: tuple[float, ...], pitch_hz: int
) -> Iterable[av.AudioFrame]:
    rate_hz, size = kind.rate_hz, 1024
    for begin in range(0, int(length_s * rate_hz), size):
        left, right = array.array("h"), array.array("h")
        for at in range(begin, begin + size):
            moment = at / rate_hz + kind.starts_s
            tone = next((number for number, start in enumerate(tones_s) if start <= moment < start + TONE_S), None)
            value = 0 if tone is None else int(12000 * math.sin(2 * math.pi * pitch_hz * moment))
            left.append(value if tone == 0 or kind.layout == "mono" else 0)
            right.append(value if tone else 0)
        frame = av.AudioFrame(format="s16p", layout=kind.layout, samples=size, align=1)
        frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
        frame.pts = begin + round(kind.starts_s * rate_hz)
        for plane, values in zip(frame.planes, (left, right), strict=False):
            plane.update(values.tobytes())
        yield frame
