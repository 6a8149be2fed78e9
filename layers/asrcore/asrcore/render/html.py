"""The viewer: one self-contained page that shows a transcript and plays its recording.

It asks the network for nothing: its Content Security Policy allows its own script and style by their hashes, and audio
from a file that the reader picks, or from the one address that `with_recording` adds. What was said is data (JSON in a
block that is never run), and the script puts it on the page as text. The downloads are made here, by the code that also
makes the files; only the speakers' names are left open in them.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asrcore.core.transcript import Transcript
from asrcore.render import subtitles, text
from asrcore.render.cues import Cue
from asrcore.render.lines import STOPS
from asrcore.render.pages import Page, as_data, load
from asrcore.render.speech import Piece, Speech, Turn, clean

_NO_RECORDING = '<script type="application/json" id="recording">null</script>'
_NO_MEDIA = "media-src blob:;"
_VIEWER = Path(__file__).parent / "viewer" / "viewer"
_MOST_PIECES = 200


def write(transcript: Transcript, spoken: Speech, cues: Sequence[Cue]) -> str:
    """The page of a transcript: what it says, and its subtitles."""
    # Control characters never occur in clean text, so a name's place cannot be mistaken.
    open_names = [f"\x01{speaker}\x01" for speaker in range(len(spoken.speakers))]
    exports = {"txt": text.write(spoken, open_names)}
    if cues or not spoken.turns:
        exports |= {"srt": subtitles.write_srt(cues), "vtt": subtitles.write_vtt(cues, open_names)}
    return viewer().fill({"transcript": as_data(_data(transcript, spoken)), "exports": as_data(exports)})


def viewer() -> Page:
    """The page without a transcript."""
    return load(_VIEWER)


def with_recording(page: bytes, url: str) -> bytes:
    """A stored page that plays the recording at a presigned URL. Raises ValueError unless the URL is http or https."""
    parsed = urlsplit(url)
    if parsed.scheme not in {"http", "https"} or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parsed.netloc):
        raise ValueError("a recording is played from an http or https address")
    block = f'<script type="application/json" id="recording">{as_data(url)}</script>'
    allowed = f"media-src blob: {parsed.scheme}://{parsed.netloc};"
    # The first of each is the page's own: what was said comes behind them and cannot contain a `<`.
    return page.replace(_NO_MEDIA.encode(), allowed.encode(), 1).replace(_NO_RECORDING.encode(), block.encode(), 1)


def _data(transcript: Transcript, spoken: Speech) -> dict[str, Any]:
    return {
        "job": transcript.job_id,
        "name": clean(transcript.source.key.rsplit("/", 1)[-1]),
        "language": clean(transcript.language or "") or None,
        "speakers": spoken.speakers,
        "turns": [_turn(part) for turn in spoken.turns for part in _paragraphs(turn)],
    }


def _paragraphs(turn: Turn) -> Iterator[Turn]:
    """A turn in parts that a browser lays out at once; one that goes on for hours is cut behind sentences."""
    part: list[Piece] = []
    for piece in turn.pieces:
        part.append(piece)
        if len(part) >= _MOST_PIECES or (len(part) >= _MOST_PIECES // 2 and piece.text.rstrip()[-1:] in STOPS):
            yield _part(turn, part)
            part = []
    if part or not turn.timed:
        yield _part(turn, part)


def _part(turn: Turn, pieces: Sequence[Piece]) -> Turn:
    is_whole = len(pieces) == len(turn.pieces)
    return turn if is_whole else Turn(turn.speaker, "".join(piece.text for piece in pieces), tuple(pieces))


def _turn(turn: Turn) -> list[Any]:
    """Who, what, and for each piece of it its length as the browser counts (UTF-16), its start and its end."""
    pieces = [number for piece in turn.pieces for number in (_units(piece.text), piece.start_ms, piece.end_ms)]
    return [turn.speaker, turn.text, pieces]


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
