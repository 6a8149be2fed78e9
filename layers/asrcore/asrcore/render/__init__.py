"""Exports of a transcript: subtitles, plain text, and a page to read and listen to. They have all that was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from asrcore.core.transcript import Transcript
from asrcore.messages import Message
from asrcore.render import html, subtitles, text
from asrcore.render.cues import USUAL_SIZE, Cue, CueSize, cues
from asrcore.render.html import with_recording
from asrcore.render.speech import speech

__all__ = ["FORMATS", "CueSize", "Exports", "Format", "render", "with_recording"]


@dataclass(frozen=True)
class Format:
    """A kind of export.

    Attributes:
        extension: of the file name, with its dot.
        content_type: as in HTTP.
        timed: whether it shows only utterances with times.
    """

    extension: str
    content_type: str
    timed: bool


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "srt": Format(".srt", "application/x-subrip; charset=utf-8", timed=True),
        "vtt": Format(".vtt", "text/vtt; charset=utf-8", timed=True),
        "txt": Format(".txt", "text/plain; charset=utf-8", timed=False),
        "html": Format(".html", "text/html; charset=utf-8", timed=False),
    }
)


class Exports:
    """The exports of one transcript. What they share is computed once, so that five hours take about a second."""

    def __init__(self, transcript: Transcript, size: CueSize = USUAL_SIZE) -> None:
        """Prepare the exports of a transcript. size: of its cues."""
        self._size = size
        self._transcript = transcript
        self._speech = speech(transcript)

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the formats of this transcript: no subtitles without times, all of them for a silent recording."""
        turns = self._speech.turns
        has_times = not turns or any(turn.timed for turn in turns)
        return tuple(name for name, each in FORMATS.items() if has_times or not each.timed)

    @property
    def warnings(self) -> tuple[Message, ...]:
        """Return the warnings that belong into the job's row: utterances that subtitles lack."""
        turns = self._speech.turns
        untimed = sum(not turn.timed for turn in turns)
        if not untimed:
            return ()
        if untimed == len(turns):
            return (Message("warning.no-times"),)
        return (Message("warning.some-without-times", {"untimed": untimed, "utterances": len(turns)}),)

    def write(self, format: str, *, crlf: bool = False, bom: bool = False) -> bytes:
        """Return an export.

        Args:
            format: a key of FORMATS.
            crlf: end lines with CR LF, for Windows players. A page keeps its line ends.
            bom: begin with a byte order mark, for players that would guess another encoding. Only .srt and .txt have
                one: WebVTT is always UTF-8, and a page declares its encoding.

        Returns:
            The file's content, in UTF-8.

        Raises:
            ValueError: the format is unknown, or not among `formats`.
        """
        if format not in FORMATS:
            raise ValueError(f"there is no export {format!r}: choose among {', '.join(FORMATS)}")
        if format not in self.formats:
            raise ValueError(f"no {format} of a transcript without times: choose among {', '.join(self.formats)}")
        content = self._text(format)
        if crlf and format != "html":
            content = content.replace("\n", "\r\n")
        return content.encode("utf-8-sig" if bom and format in {"srt", "txt"} else "utf-8")

    def _text(self, format: str) -> str:
        if format == "srt":
            return subtitles.write_srt(self._cues)
        if format == "vtt":
            return subtitles.write_vtt(self._cues, self._speech.names())
        if format == "txt":
            return text.write(self._speech, self._speech.names())
        return html.write(self._transcript, self._speech, self._cues)

    @cached_property
    def _cues(self) -> list[Cue]:
        return cues(self._speech, self._size)


def render(transcript: Transcript, format: str) -> bytes:
    """Return a transcript in one format, as `Exports.write` does."""
    return Exports(transcript).write(format)
