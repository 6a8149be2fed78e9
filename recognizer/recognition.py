"""What the recogniser returns: sentences with times, and their words with times."""

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
    """Words that belong together, in order. `text` is the concatenation of their texts, stripped."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The sentence as written."""
        return "".join(word.text for word in self.words).strip()

    @property
    def start_ms(self) -> int:
        """When its first word starts."""
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        """When its last word ends."""
        return self.words[-1].end_ms


@dataclass(frozen=True)
class Recognition:
    """The recognition of one recording. language: ISO 639-1 code, None where no speech was found."""

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
