"""The forms that a recording's sound is converted to, and the record of a conversion."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from asrcore.core.audio import Audio
from asrcore.messages import Message

CODECS = {"wav": "pcm_s16le", "mp3": "mp3"}
CONVERTED = "converted/"  # where converted recordings are stored, in the audio bucket
MP3_BITS_A_CHANNEL = {8000: 32_000, 16000: 48_000}  # per second; enough for speech of that rate


class Form(BaseModel):
    """A container with its codec, a sample rate and a number of channels."""

    model_config = ConfigDict(frozen=True)

    format: Literal["wav", "mp3"]
    sample_rate_hz: Literal[8000, 16000]
    channels: Literal[1, 2]

    @property
    def name(self) -> str:
        """The name of the form: `wav-16000-1`."""
        return f"{self.format}-{self.sample_rate_hz}-{self.channels}"

    @property
    def bits_a_second(self) -> int:
        """The bit rate of all channels together."""
        a_channel = 16 * self.sample_rate_hz if self.format == "wav" else MP3_BITS_A_CHANNEL[self.sample_rate_hz]
        return a_channel * self.channels

    def audio(self, duration_ms: int | None) -> Audio:
        """Describe a recording of this form as the probe would."""
        return Audio(
            format=self.format,
            codec=CODECS[self.format],
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            duration_ms=duration_ms,
            bits_per_sample=16 if self.format == "wav" else None,
        )

    def size_bytes(self, duration_ms: int | None) -> int:
        """Return the size of a recording of this form, without its header; 0 where the length is not known."""
        return self.bits_a_second * (duration_ms or 0) // 8000

    def in_words(self) -> Message:
        """Return the form as a message: `mono WAV, 16 kHz`."""
        channels = Message("channels.mono") if self.channels == 1 else Message("channels.stereo")
        khz = self.sample_rate_hz // 1000
        return Message("form", {"channels": channels, "format": self.format.upper(), "khz": khz})


class Conversion(BaseModel):
    """A converted recording, submitted instead of the original. track: of the audio tracks, counted from 1."""

    model_config = ConfigDict(frozen=True)

    form: str
    track: int
    audio: Audio
    size_bytes: int


def converted_key(job_id: str, form: Form) -> str:
    """Return the key of a job's recording in another form, the same at every repetition."""
    return f"{converted_prefix(job_id)}{form.name}.{form.format}"


def converted_prefix(job_id: str) -> str:
    """Return how the keys of everything converted for a job begin."""
    return f"{CONVERTED}{job_id}/"
