"""Plain text: a line for each utterance, with its time and speaker where they are known."""

from collections.abc import Sequence

from asrcore.messages.bidi import isolate
from asrcore.render.speech import Speech, Turn


def clock_time(ms: int) -> str:
    """Return `0:01`, `12:30` or `1:00:00`: the whole seconds since the start of the recording."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"


def write(speech: Speech, speakers: Sequence[str]) -> str:
    """Return the text of a .txt file; empty without utterances. speakers: their names, by `Turn.speaker`."""
    return "".join(
        f"{_time_prefix(turn)}{_speaker_prefix(turn, speakers)}{isolate(turn.text)}\n" for turn in speech.turns
    )


def _time_prefix(turn: Turn) -> str:
    return f"[{clock_time(turn.pieces[0].start_ms)}] " if turn.timed else ""


def _speaker_prefix(turn: Turn, speakers: Sequence[str]) -> str:
    return "" if turn.speaker is None else f"{isolate(speakers[turn.speaker])}: "
