"""Find speech: stretches of a recording that are louder than its pauses."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRAME_MS = 20
QUIET = 0.004  # an amplitude of 0.4 % of full scale (-48 dB) is silence for any recognizer
PAUSE_MS = 300  # a shorter gap is within a sentence
SHORTEST_MS = 100  # a shorter sound is a click
LONGEST_MS = 20_000  # vendors cut longer speech at a pause

Levels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """A stretch of speech, in milliseconds from the start; `channel` from 0 if the channels are separate.

    text: its text in the transcript, where it cannot be recognized.
    """

    start_ms: int
    end_ms: int
    channel: int | None = None
    text: str | None = None


def find_segments(levels: Levels, duration_ms: int, channel: int | None = None) -> tuple[Segment, ...]:
    """Return the stretches of speech in loudness values (RMS, 0 to 1, one per FRAME_MS), in order of time."""
    if levels.size == 0 or float(np.percentile(levels, 99)) < QUIET:
        return ()
    stretches = _join(_loud(levels > _threshold(levels)), PAUSE_MS // FRAME_MS)
    long_enough = [(start, end) for start, end in stretches if (end - start) * FRAME_MS >= SHORTEST_MS]
    return tuple(
        Segment(start * FRAME_MS, min(end * FRAME_MS, duration_ms), channel)
        for stretch in long_enough
        for start, end in _cut(levels, *stretch)
        if start * FRAME_MS < duration_ms
    )


def _threshold(levels: Levels) -> float:
    """Return a loudness above the pauses and well below the speech, even if there are no pauses."""
    pauses, speech = (float(level) for level in np.percentile(levels, (10, 95)))
    loudest = max(speech, float(np.percentile(levels, 99)))
    return max(QUIET, min(3 * pauses, 0.2 * loudest))


def _loud(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _join(stretches: list[tuple[int, int]], pause: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and start - joined[-1][1] < pause:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _cut(levels: Levels, start: int, end: int) -> list[tuple[int, int]]:
    longest = LONGEST_MS // FRAME_MS
    pieces = []
    while end - start > longest:
        pause_at = start + longest // 2 + int(np.argmin(levels[start + longest // 2 : start + longest]))
        pieces.append((start, pause_at))
        start = pause_at
    return [*pieces, (start, end)]
