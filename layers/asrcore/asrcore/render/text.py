"""Plain text to read: a line for each utterance, with its time and who speaks, where they are known."""

from collections.abc import Sequence

from asrcore.render.clock import readable
from asrcore.render.speech import Speech, Turn


def write(speech: Speech, voices: Sequence[str]) -> str:
    """The file's text; empty when nobody speaks. voices: the speakers' names, by `Turn.voice`."""
    return "".join(f"{_when(turn)}{_who(turn, voices)}{turn.text}\n" for turn in speech.turns)


def _when(turn: Turn) -> str:
    return f"[{readable(turn.pieces[0].start_ms)}] " if turn.timed else ""


def _who(turn: Turn, voices: Sequence[str]) -> str:
    return "" if turn.voice is None else f"{voices[turn.voice]}: "
