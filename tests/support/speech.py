"""Recordings of real words with known scripts, and how much of them was recognized wrongly."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer

ROOT = Path(__file__).parents[2]
DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")


@dataclass(frozen=True)
class Spoken:
    """A recording and what is said in it."""

    path: Path
    lines: tuple[str, ...]

    def error_rate(self, text: str) -> float:
        """Return the character error rate of a text, marks and spaces left out: 0 is right, 1 and more is all wrong."""
        return float(jiwer.cer(_letters("".join(self.lines)), _letters(text)))


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower().translate(DIGITS)


def mandarin() -> Sequence[Spoken]:
    """Return the recordings made by the better synthesizer (tests/fixtures/speech/make.py)."""
    folder = ROOT / "tests/fixtures/speech"
    scripts = json.loads((folder / "scripts.json").read_text(encoding="utf-8"))
    return [Spoken(folder / name, tuple(entry["lines"])) for name, entry in scripts.items()]


def samples(language: str) -> Sequence[Spoken]:
    """Return the project's samples in a language, by espeak-ng, which is harder to understand."""
    scripts = json.loads((ROOT / "samples/scripts.json").read_text(encoding="utf-8"))
    return [
        Spoken(ROOT / "samples" / entry["file"], tuple(entry["lines"]))
        for entry in scripts.values()
        if entry["language"] == language
    ]
