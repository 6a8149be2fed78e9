"""The advice for a recording that no vendor accepts: one sentence, with the FFmpeg command if there is one.

The vendors' own limits decide: the advice is the smallest change after which one of them accepts the recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product

from asrcore.core.audio import Audio
from asrcore.core.vendor import RecognitionRequest, Vendor
from asrcore.messages import Message

ENGINE_HZ = 16000  # what every vendor's engines are made for
LONG_MS = 10 * 60 * 1000  # of longer recordings a WAV is large
MP3_BYTES_PER_S = 8000  # at the bit rate of the command
# What FFmpeg writes by the ending of a file's name: codec, bits per sample, and the arguments that it takes for it.
WRITTEN: dict[str, tuple[str, int | None, tuple[str, ...]]] = {
    "wav": ("pcm_s16le", 16, ()),
    "mp3": ("mp3", None, ("-b:a 64k",)),
}
READ_PCM = "-f s16le -ar 16000 -ac 1 "
UNREADABLE = frozenset({"silk"})  # FFmpeg has no decoder


@dataclass(frozen=True)
class _Change:
    """A form of a recording that FFmpeg writes with these arguments."""

    words: tuple[Message, ...]
    arguments: tuple[str, ...]
    ending: str
    audio: Audio
    size_bytes: int

    def command(self, source: Audio, *more: str, out: str = "OUT") -> str:
        before = READ_PCM if source.format == "pcm" else ""
        return " ".join([f"ffmpeg {before}-i IN", *self.arguments, *more, f"{out}.{self.ending}"])


def advise(request: RecognitionRequest, vendors: Sequence[Vendor]) -> Message:
    """Return in one sentence how to change a recording so that a vendor accepts it."""
    if not any(request.options.language in vendor.limits.languages for vendor in vendors):
        spoken = sorted(frozenset[str]().union(*(vendor.limits.languages for vendor in vendors)))
        return Message("remedy.language", {"accepted": spoken})
    if request.audio.codec in UNREADABLE:
        return Message("remedy.codec", {"codec": request.audio.codec})
    change = _first_taken(request, vendors, _changes(request))
    if change:
        return Message("remedy.convert", {"forms": [*change.words], "command": change.command(request.audio)})
    for longest_ms in sorted({vendor.limits.max_duration_ms for vendor in vendors}, reverse=True):
        part = _first_taken(request, vendors, chain([_as_it_is(request)], _changes(request)), longest_ms)
        if part:
            seconds = longest_ms // 1000
            split = part.command(request.audio, f"-f segment -segment_time {seconds}", out="OUT%03d")
            return Message("remedy.split", {"most_s": seconds, "command": split})
    return Message("remedy.other")


def _first_taken(
    request: RecognitionRequest, vendors: Sequence[Vendor], changes: Iterable[_Change], longest_ms: int | None = None
) -> _Change | None:
    """Return the first change after which a vendor accepts the recording, or its parts of `longest_ms`."""
    for change in changes:
        # What FFmpeg writes says how long it is: a length that is not known yet is no obstacle.
        length_ms = change.audio.duration_ms or 0
        part_ms = length_ms if longest_ms is None else min(length_ms, longest_ms)
        audio = change.audio.model_copy(update={"duration_ms": part_ms})
        size_bytes = change.size_bytes * part_ms // max(length_ms, 1)
        changed = replace(request, audio=audio, size_bytes=size_bytes, named=False)
        if any(vendor.rejection_reason(changed) is None for vendor in vendors):
            return change
    return None


def _as_it_is(request: RecognitionRequest) -> _Change:
    return _Change((), ("-c copy",), request.audio.format, request.audio, request.size_bytes)


def _changes(request: RecognitionRequest) -> Iterator[_Change]:
    """Yield what FFmpeg can make of a recording, from few changes to many; its own format first."""
    audio = request.audio
    own = [name for name, (codec, *_) in WRITTEN.items() if (name, codec) == (audio.format, audio.codec)]
    others = ["wav", "mp3"] if (audio.duration_ms or 0) <= LONG_MS else ["mp3", "wav"]
    forms = [
        *product(own, (False,), (True, False), (True, False)),
        *product(others, (True,), (True, False), (True, False)),
    ]
    for ending, *wanted in sorted(forms, key=lambda form: sum(form[1:])):
        if any(wanted):
            yield _change(request, ending, *wanted)


def _change(request: RecognitionRequest, ending: str, is_new_format: bool, to_mono: bool, to_rate: bool) -> _Change:
    codec, bits, arguments = WRITTEN[ending]
    changed = {"format": ending, "codec": codec, "bits_per_sample": bits}
    changed |= {"channels": 1} if to_mono else {}
    changed |= {"sample_rate_hz": ENGINE_HZ} if to_rate else {}
    audio = request.audio.model_copy(update=changed)
    bytes_per_s = MP3_BYTES_PER_S
    if ending == "wav":
        bytes_per_s = 2 * (audio.channels or 2) * (audio.sample_rate_hz or ENGINE_HZ)
    steps = (
        (is_new_format, Message("form.format", {"format": ending.upper()}), "-vn"),
        (to_mono, Message("channels.mono"), "-ac 1"),
        (to_rate, Message("form.rate", {"khz": ENGINE_HZ // 1000}), f"-ar {ENGINE_HZ}"),
    )
    return _Change(
        words=tuple(word for is_wanted, word, _ in steps if is_wanted),
        arguments=(*(argument for is_wanted, _, argument in steps if is_wanted), *arguments),
        ending=ending,
        audio=audio,
        size_bytes=(audio.duration_ms or 0) * bytes_per_s // 1000,
    )
