"""Plain text to read: a line for each utterance, with its time and who speaks, where they are known."""

from collections.abc import Sequence

from asrcore.render.speech import Speech, Turn


def clock_time(ms: int) -> str:
    """Return `0:01`, `12:30` or `1:00:00`: the whole seconds since the start of the recording."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"


def write(speech: Speech, voices: Sequence[str]) -> str:
    """The file's text; empty when nobody speaks. voices: the speakers' names, by `Turn.voice`."""
    return "".join(f"{_when(turn)}{_who(turn, voices)}{turn.text}\n" for turn in speech.turns)


def _when(turn: Turn) -> str:
    return f"[{clock_time(turn.pieces[0].start_ms)}] " if turn.timed else ""


def _who(turn: Turn, voices: Sequence[str]) -> str:
    return "" if turn.voice is None else f"{voices[turn.voice]}: "
