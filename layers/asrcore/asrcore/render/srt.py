"""SubRip subtitles. The format has no way to quote markup, so what players take for markup is spelt otherwise."""

from collections.abc import Iterable

from asrcore.render.clock import stamp
from asrcore.render.cues import Cue

# Players hide <tags> and {\commands}; an arrow of three characters makes a line of times.
LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})


def write(cues: Iterable[Cue]) -> str:
    """The file's text; empty without subtitles."""
    return "".join(
        f"{number}\n{stamp(cue.start_ms, ',')} --> {stamp(cue.end_ms, ',')}\n{_text(cue)}\n\n"
        for number, cue in enumerate(cues, start=1)
    )


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines).translate(LOOKALIKES)
