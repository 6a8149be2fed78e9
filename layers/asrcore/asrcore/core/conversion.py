"""The form that a recording is converted to for a vendor that does not accept it as it is.

A vendor's own limits decide; the forms, in order of preference, are these:

- channels: both only where they are to be split and the vendor can, else one. They are to be split where the options
  say so, and in a telephone call (8 kHz, stereo) unless the options say otherwise: there each side has its channel.
- sample rate: 8 kHz of a telephone recording for a vendor with an engine for it, else 16 kHz, which every vendor's
  engine is made for; more brings no word more.
- codec: PCM in WAV up to ten minutes, since nothing is lost and it is small enough; MP3 of longer ones, a fifth of the
  size, which every vendor accepts. Each is the other's substitute.
"""

from collections.abc import Iterator
from dataclasses import replace

from asrcore.core.form import Form
from asrcore.core.vendor import RecognitionRequest, Vendor

LONG_MS = 10 * 60 * 1000
TELEPHONE_HZ = 8000
_WITHOUT_HEADER = frozenset({"pcm"})  # formats that a decoder cannot detect
_WITHOUT_DECODER = frozenset({"silk"})  # codecs that FFmpeg cannot decode


def takes_as_is(vendor: Vendor, request: RecognitionRequest) -> bool:
    """Return whether a vendor accepts the recording as it is, with the requested audio track as its first."""
    return request.options.audio_track in {None, 1} and vendor.rejection_reason(request) is None


def form_for(vendor: Vendor, request: RecognitionRequest) -> Form | None:
    """Return the best form of a recording that a vendor accepts; None without one.

    Undocumented formats, which a named vendor is tried with, do not count.
    """
    if request.audio.format in _WITHOUT_HEADER or request.audio.codec in _WITHOUT_DECODER:
        return None
    return next((form for form in _forms(request) if _takes(vendor, request, form)), None)


def converted_request(request: RecognitionRequest, form: Form) -> RecognitionRequest:
    """Return the request after the conversion, with the expected size."""
    duration_ms = request.audio.duration_ms
    return replace(request, audio=form.audio(duration_ms), size_bytes=form.size_bytes(duration_ms))


def _takes(vendor: Vendor, request: RecognitionRequest, form: Form) -> bool:
    converted = replace(converted_request(request, form), named=False)
    if form.channels == 2:
        split = replace(converted, options=converted.options.model_copy(update={"channels": "split"}))
        if "channels" in vendor.unsupported_options(split):
            return False
    return vendor.rejection_reason(converted) is None


def _forms(request: RecognitionRequest) -> Iterator[Form]:
    is_long = request.audio.duration_ms is None or request.audio.duration_ms > LONG_MS
    for channels in (2, 1) if _is_to_be_split(request) else (1,):
        for rate_hz in (8000, 16000) if request.audio.sample_rate_hz == TELEPHONE_HZ else (16000,):
            for name in ("mp3", "wav") if is_long else ("wav", "mp3"):
                yield Form.model_validate({"format": name, "sample_rate_hz": rate_hz, "channels": channels})


def _is_to_be_split(request: RecognitionRequest) -> bool:
    if request.audio.channels != 2 or request.options.channels == "mix":
        return False
    is_call = request.audio.sample_rate_hz == TELEPHONE_HZ and request.options.speakers is None
    return request.options.channels == "split" or is_call
