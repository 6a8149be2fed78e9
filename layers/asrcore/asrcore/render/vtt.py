"""WebVTT subtitles, with a voice tag for whoever speaks. Source: WebVTT, W3C: cue text, voice span."""

from collections.abc import Iterable, Sequence

from asrcore.render.clock import stamp
from asrcore.render.cues import Cue

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write(cues: Iterable[Cue], voices: Sequence[str]) -> str:
    """The file's text. voices: the speakers' names, by `Cue.voice`."""
    blocks = (
        f"\n{stamp(cue.start_ms, '.')} --> {stamp(cue.end_ms, '.')}\n{_voice(cue, voices)}{_text(cue)}\n"
        for cue in cues
    )
    return "".join(["WEBVTT\n", *blocks])


def _voice(cue: Cue, voices: Sequence[str]) -> str:
    return "" if cue.voice is None else f"<v {voices[cue.voice].translate(_ESCAPES)}>"


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines).translate(_ESCAPES)
