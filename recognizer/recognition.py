"""The result of a recognition: sentences and words with their times."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Word:
    """A word as written, punctuation included, with its times in milliseconds from the start of the recording."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence, in order."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Return the sentence as written."""
        return "".join(word.text for word in self.words).strip()

    @property
    def start_ms(self) -> int:
        """Return the start of its first word."""
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        """Return the end of its last word."""
        return self.words[-1].end_ms


@dataclass(frozen=True)
class Recognition:
    """The recognition of one recording. language: ISO 639-1 code, None if there is no speech."""

    language: str | None
    duration_ms: int
    sentences: tuple[Sentence, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; `from_json` reads it."""
        return {
            "language": self.language,
            "duration_ms": self.duration_ms,
            "sentences": [
                [[word.text, word.start_ms, word.end_ms] for word in sentence.words] for sentence in self.sentences
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        sentences = tuple(Sentence(tuple(Word(*word) for word in words)) for words in document["sentences"])
        return cls(document["language"], document["duration_ms"], sentences)
