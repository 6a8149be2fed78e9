"""Subtitle files: SubRip and WebVTT.

Source: WebVTT, W3C (cue text, voice span). SubRip has no specification and no way to quote markup, so characters that
players interpret as markup are replaced by similar ones.
"""

from collections.abc import Iterable, Sequence

from asrcore.messages.bidi import isolate
from asrcore.render.cues import Cue

# Players hide <tags> and {\commands}; an arrow of three characters makes a line of times.
LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def timestamp(ms: int, decimal_mark: str) -> str:
    """Return `00:00:01,500`; hours have more than two digits where they need them.

    Args:
        ms: time from the start of the recording, in milliseconds.
        decimal_mark: a comma for SubRip, a point for WebVTT.

    Raises:
        ValueError: the time is negative.
    """
    if ms < 0:
        raise ValueError(f"a time cannot be negative: {ms} ms")
    seconds, rest_ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{decimal_mark}{rest_ms:03d}"


def write_srt(cues: Iterable[Cue]) -> str:
    """Return the text of an .srt file; empty without cues."""
    return "".join(
        f"{number}\n{_time_line(cue, ',')}\n{_text(cue, LOOKALIKES)}\n\n" for number, cue in enumerate(cues, start=1)
    )


def write_vtt(cues: Iterable[Cue], speakers: Sequence[str]) -> str:
    """Return the text of a .vtt file, with a voice span for each speaker. speakers: their names, by `Cue.speaker`."""
    blocks = (f"\n{_time_line(cue, '.')}\n{_voice_span(cue, speakers)}{_text(cue, _VTT_ESCAPES)}\n" for cue in cues)
    return "".join(["WEBVTT\n", *blocks])


def _time_line(cue: Cue, decimal_mark: str) -> str:
    return f"{timestamp(cue.start_ms, decimal_mark)} --> {timestamp(cue.end_ms, decimal_mark)}"


def _voice_span(cue: Cue, speakers: Sequence[str]) -> str:
    return "" if cue.speaker is None else f"<v {isolate(speakers[cue.speaker]).translate(_VTT_ESCAPES)}>"


def _text(cue: Cue, replacements: dict[int, str]) -> str:
    return "\n".join(map(isolate, cue.lines)).translate(replacements)
