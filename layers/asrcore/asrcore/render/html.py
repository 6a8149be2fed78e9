"""The viewer: one self-contained page that shows a transcript and plays its recording.

The page makes no network request. Its Content Security Policy allows its own script and style by their hashes, and
audio from a file that the reader chooses or from the one URL that `with_recording` adds. The transcript is JSON in a
block that is never executed, and the script inserts it as text. The page also holds the other exports, for download;
only the speakers' names in them are placeholders, because a reader may rename a speaker.

The jobs page shows the same view: `viewer/mount.js` reads the JSON blocks of this page, and gets the rest by the API.
It reads pages of earlier versions, too: a block may get fields, but keeps those that it has.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asrcore.core.transcript import Transcript
from asrcore.messages import LOCALES, Language, render_stored
from asrcore.messages.bidi import isolate
from asrcore.render import subtitles, text
from asrcore.render.cues import Cue
from asrcore.render.lines import ends_sentence
from asrcore.render.pages import Page, as_data, load
from asrcore.render.speech import Piece, Speech, Turn, clean

_NO_RECORDING = '<script type="application/json" id="recording">null</script>'
_NO_MEDIA = "media-src blob:;"
_VIEWER = Path(__file__).parent / "viewer" / "viewer"
_MOST_PIECES = 200
_DOUBTFUL = 0.6  # the page shades words of a lower confidence
_SHOWN_OF_ATTEMPTS = {"vendor", "submitted_at", "ended_at", "outcome", "code", "message"}


def write(transcript: Transcript, spoken: Speech, cues: Sequence[Cue]) -> str:
    """Return the page of a transcript.

    Args:
        transcript: supplies the job id, the file name and the language.
        spoken: its text, as `speech` returns it.
        cues: its subtitles; empty when it has no times.
    """
    # Clean text has no control characters, so a placeholder is never part of it.
    open_names = [f"\x01{speaker}\x01" for speaker in range(len(spoken.speakers))]
    exports = {"txt": text.write(spoken, open_names)}
    if cues or not spoken.turns:
        exports |= {"srt": subtitles.write_srt(cues), "vtt": subtitles.write_vtt(cues, open_names)}
    return viewer().fill({"transcript": as_data(_data(transcript, spoken)), "exports": as_data(exports)})


def viewer() -> Page:
    """Return the page without a transcript."""
    return load(_VIEWER)


def with_recording(page: bytes, url: str) -> bytes:
    """Return a stored page with the recording's URL, from which it plays.

    Args:
        page: as `write` returned it, in UTF-8.
        url: a presigned URL.

    Raises:
        ValueError: the URL is neither http nor https, or its host has characters that a policy cannot hold.
    """
    parsed = urlsplit(url)
    if parsed.scheme not in {"http", "https"} or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parsed.netloc):
        raise ValueError("a recording is played from an http or https address")
    block = f'<script type="application/json" id="recording">{as_data(url)}</script>'
    allowed = f"media-src blob: {parsed.scheme}://{parsed.netloc};"
    # The first of each is the page's own: the transcript comes after it and cannot contain a `<`.
    return page.replace(_NO_MEDIA.encode(), allowed.encode(), 1).replace(_NO_RECORDING.encode(), block.encode(), 1)


def _data(transcript: Transcript, spoken: Speech) -> dict[str, Any]:
    names = {language: spoken.names(language) for language in LOCALES}
    return {
        "job": transcript.job_id,
        "name": isolate(clean(transcript.source.key.rsplit("/", 1)[-1])),
        "facts": {
            "language": clean(transcript.language or "") or None,
            "vendor": transcript.vendor,
            "duration_ms": transcript.audio.duration_ms,
            "completed_at": transcript.completed_at.isoformat(),
        },
        "details": {language: _details(transcript, language) for language in LOCALES},
        "speakers": {
            **names,
            "inFiles": [*map(isolate, spoken.names())],
            "keys": [speaker.key for speaker in spoken.speakers],
        },
        "turns": [_turn(part) for turn in spoken.turns for part in _paragraphs(turn, spoken.language)],
    }


def _details(transcript: Transcript, language: Language) -> dict[str, Any]:
    """Return what the page shows about the job, with the names that the HTTP API has for it. language: of its texts."""
    included: dict[str, Any] = {"cost": {"total"}, "conversion": True, "attempts": {"__all__": _SHOWN_OF_ATTEMPTS}}
    known = transcript.model_dump(mode="json", include=included)
    for shown, attempt in zip(known["attempts"], transcript.attempts, strict=True):
        if attempt.message is not None:
            shown["message"] = render_stored(attempt.message_code, attempt.params, attempt.message, language)
    return {
        **known,
        "vendor": transcript.vendor,
        "warnings": [{"text": warning.in_language(language).text} for warning in transcript.warnings],
    }


def _paragraphs(turn: Turn, language: str | None) -> Iterator[Turn]:
    """Yield a turn in parts that a browser can lay out quickly; a turn of hours is cut at sentence ends."""
    part: list[Piece] = []
    end = 0
    for piece in turn.pieces:
        part.append(piece)
        end += len(piece.text)
        if len(part) >= _MOST_PIECES or (len(part) >= _MOST_PIECES // 2 and ends_sentence(turn.text, end, language)):
            yield _part(turn, part)
            part = []
    if part or not turn.timed:
        yield _part(turn, part)


def _part(turn: Turn, pieces: Sequence[Piece]) -> Turn:
    is_whole = len(pieces) == len(turn.pieces)
    return turn if is_whole else Turn(turn.speaker, "".join(piece.text for piece in pieces), tuple(pieces))


def _turn(turn: Turn) -> list[Any]:
    """Return speaker, text, and for each piece its length in UTF-16 units (as JavaScript counts), start and end.

    A turn with words of low confidence has a fourth part: the number of each such piece, and its confidence in %.
    """
    pieces = [number for piece in turn.pieces for number in (_units(piece.text), piece.start_ms, piece.end_ms)]
    doubts = [
        number
        for at, piece in enumerate(turn.pieces)
        if piece.confidence is not None and piece.confidence < _DOUBTFUL
        for number in (at, round(piece.confidence * 100))
    ]
    return [turn.speaker, turn.text, pieces, *([doubts] if doubts else [])]


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
