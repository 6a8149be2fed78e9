"""The answer of a probe: a description of the recording, or the reason why there is none."""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, NonNegativeInt, PositiveInt

from asrcore.messages import Message, MessageError

MOST_MS = 30 * 24 * 3600 * 1000  # a header that declares more than a month is wrong
LEAST_MISSING_MS = 100  # a header may round, and a writer may leave out the last padding
TOLERANCE = 0.02  # of the length: more is a contradiction between a header and a measurement
PADDING_MS = 500  # decoders differ by an encoder's padding, which is up to 0.3 s at 8 kHz
LEAST_RATE_HZ, MOST_RATE_HZ = 4_000, 384_000  # what sound is sampled at; a header that states more or less is wrong
SAMPLED = 3.0  # the bit rate of speech may change by this factor after the first frames

NotAudioCode = Literal["EmptyObject", "NotAudio", "TruncatedAudio"]


class Audio(BaseModel, frozen=True):
    """Properties of one recording; None for those that the file does not state.

    format: the container in lower case: wav, mp3, mp2, m4a (MP4 with sound only), mp4, mov, 3gp, flac, ogg (the codec
        is opus, vorbis, speex or flac), aac (ADTS), amr, wma, wmv, silk, webm, matroska, avi, mpegts, aiff, caf, au,
        ape, ac3, eac3, dts, flv or pcm.
    codec: ffmpeg's word where there is one: pcm_s16le, pcm_mulaw, mp3, aac, opus, amr_nb, wmav2, silk, ...
    sample_rate_hz: the rate a decoder delivers, so 48000 for every Opus stream (RFC 7845, section 5.1).
    bits_per_sample: only where the codec has a sample size (PCM, ADPCM, FLAC, ALAC).
    duration_ms: the length of the sound that is there.
    declared_ms: the length that the header declares; only where the file's bytes contradict it: the file ends before
        it, as after a cut upload, or holds more.
    """

    format: str
    codec: str
    sample_rate_hz: PositiveInt | None
    channels: PositiveInt | None
    duration_ms: NonNegativeInt | None
    bits_per_sample: PositiveInt | None = None
    declared_ms: NonNegativeInt | None = None

    @property
    def warnings(self) -> list[Message]:
        """The defects of a recording that can be transcribed nevertheless."""
        found = []
        if self.declared_ms is not None and self.duration_ms is not None:
            code = "warning.cut" if self.declared_ms > self.duration_ms else "warning.header-length"
            lengths = {"found_s": _seconds(self.duration_ms), "declared_s": _seconds(self.declared_ms)}
            found.append(Message(code, lengths))
        if self.sample_rate_hz is not None and plausible_rate_hz(self.sample_rate_hz) != self.sample_rate_hz:
            used = {"rate_hz": self.sample_rate_hz, "used_hz": round(plausible_rate_hz(self.sample_rate_hz))}
            found.append(Message("warning.header-rate", used))
        return found


@dataclass(frozen=True)
class Sound:
    """What a container states about one of its tracks; 0 or None for what it does not.

    frame_samples: in one frame, at `rate_hz`, by the definition of the codec.
    """

    codec: str
    rate_hz: int | None
    channels: int
    bits: int | None = None
    frame_samples: int = 0


class NotAudio(MessageError, ValueError):  # noqa: N818 - reads as what it says, as StopIteration does
    """The object cannot be transcribed as it is; the message says what was found and what to do.

    code: EmptyObject (0 bytes), TruncatedAudio (it begins as audio and ends too early), NotAudio (everything else).
    """

    def __init__(self, reason: Message, code: NotAudioCode = "NotAudio") -> None:
        super().__init__(reason)
        self.code: NotAudioCode = code


def as_cut(audio: Audio, there: float, declared: float) -> Audio:
    """Shorten a recording whose file ends early. there, declared: both in bytes, or both in samples."""
    if audio.duration_ms is None or declared <= 0 or there >= declared:
        return audio
    there_ms = round(audio.duration_ms * there / declared)
    if audio.duration_ms - there_ms < LEAST_MISSING_MS:
        return audio
    return audio.model_copy(update={"duration_ms": there_ms, "declared_ms": audio.duration_ms})


def bounded(audio: Audio, counted_ms: int | None, *, least: float = 1.0, most: float = 1.0) -> Audio:
    """Hold the length that a header declares to what the frames of the file say.

    Args:
        audio: with the header's length, or without one.
        counted_ms: the length by the frames; None or 0 where it is not known.
        least: the header may declare so many times less: above 1 where `counted_ms` extrapolates the first frames.
        most: the header may declare so many times more.

    Returns:
        The recording, with the length by its frames where the header's is beyond these bounds.
    """
    declared_ms = audio.duration_ms
    if not counted_ms or declared_ms is None:
        return audio
    slack_ms = max(TOLERANCE * counted_ms, PADDING_MS)
    if counted_ms / least - slack_ms <= declared_ms <= counted_ms * most + slack_ms:
        return audio
    return audio.model_copy(update={"duration_ms": counted_ms, "declared_ms": declared_ms})


def with_measured_length(audio: Audio, measured_ms: int | None) -> tuple[Audio, Message | None]:
    """Return the recording with the length that its vendor, or a conversion, measured by decoding it.

    Args:
        audio: as the probe describes it.
        measured_ms: None or 0 where the vendor gives no length.

    Returns:
        The recording, and a warning if its length was known and differed by more than 2 %. A length in whole seconds is
        rounded: the probe's stays if it is less than a second away.
    """
    probed_ms = audio.duration_ms
    if not measured_ms or measured_ms > MOST_MS:
        return audio, None
    corrected = audio.model_copy(update={"duration_ms": measured_ms})
    if probed_ms is None:
        return corrected, None
    difference_ms = abs(measured_ms - probed_ms)
    if measured_ms % 1000 == 0 and difference_ms < 1000:
        return audio, None
    if difference_ms <= max(TOLERANCE * probed_ms, PADDING_MS):
        return corrected, None
    params = {"probed_s": _seconds(probed_ms), "measured_s": _seconds(measured_ms)}
    return corrected, Message("warning.length-corrected", params)


def _seconds(ms: int) -> str:
    return f"{round(ms / 1000, 1):.10g}"


def to_ms(units: float, per_second: float) -> int | None:
    """Return `units` of a clock that ticks `per_second`, as whole milliseconds; None if that is impossible."""
    if not (math.isfinite(units) and math.isfinite(per_second)) or units < 0 or per_second <= 0:
        return None
    ms = units * 1000 / per_second
    return round(ms) if ms <= MOST_MS else None


def samples_ms(samples: float, rate_hz: float) -> int | None:
    """Return samples as whole milliseconds at the nearest plausible rate, at most MOST_MS; None if there is no rate."""
    if not (math.isfinite(samples) and rate_hz > 0) or samples < 0:
        return None
    return min(round(samples * 1000 / plausible_rate_hz(rate_hz)), MOST_MS)


def plausible_rate_hz(rate_hz: float) -> float:
    """Return the sample rate, or the nearest that sound is sampled at."""
    return min(max(rate_hz, LEAST_RATE_HZ), MOST_RATE_HZ)


def to_rate_hz(value: float) -> int | None:
    """Return a floating point sample rate as an integer; None if it is not one."""
    return round(value) if math.isfinite(value) and value >= 1 else None
