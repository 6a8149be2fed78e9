"""Turn Whisper's words into sentences of well-written text. Pure: no model, no I/O."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

from recognizer.recognition import Sentence, Word

# Whisper imitates its prompt: simplified characters and punctuation.
PROMPT = "以下是普通话的句子，使用简体中文，并加上标点符号。"
# So many consecutive characters of the prompt were not spoken: Whisper repeats its prompt in silence.
LEAK = 6
HAN = "\u3400-\u9fff\uf900-\ufaff"
SENTENCE_ENDS = "。！？!?"
PAUSE_MS = 1000  # a longer silence ends a sentence that lacks its mark
MOST_REPEATS = 4  # equal sentences in a row: Whisper repeats itself over music, speakers rarely do

CHINESE_MARKS = "，。！？：；、"
FULL_WIDTH = str.maketrans(",.!?:;()", "，。！？：；（）")
# A mark beside Chinese is a Chinese one. A space between two Chinese characters is how Whisper writes a short pause,
# and so is the full-width digit that it sometimes puts there: it writes numbers with ordinary digits.
MARK = re.compile(rf"(?<=[{HAN}])[,.!?:;)]+|(?<=[{HAN}。，！？])\((?=[{HAN}])")
PAUSE = re.compile(rf"(?<=[{HAN}])[ ０-９](?=[{HAN}])")


def write_chinese(text: str) -> str:
    """Write Chinese in simplified characters with Chinese punctuation; as many characters as before."""
    simplified = _simplifier().convert(text)
    text = simplified if len(simplified) == len(text) else text
    return PAUSE.sub("，", MARK.sub(lambda found: found.group().translate(FULL_WIDTH), text))


def repeats_prompt(text: str, prompt: str) -> bool:
    """Return whether a text repeats LEAK or more characters of the prompt."""
    spoken, given = _letters(text), _letters(prompt)
    return any(given[start : start + LEAK] in spoken for start in range(len(given) - LEAK + 1))


def write(words: Iterable[Word], language: str) -> list[Word]:
    """Return the words in their written form."""
    kept = list(words)
    if language != "zh":
        return kept
    written = write_chinese("".join(word.text for word in kept))
    texts: list[str] = []
    start = 0
    for word in kept:
        text = written[start : start + len(word.text)]
        start += len(word.text)
        texts.append(text.lstrip() if texts and texts[-1][-1:] in CHINESE_MARKS else text)
    return [replace(word, text=text) for word, text in zip(kept, texts, strict=True)]


def split_sentences(words: Iterable[Word]) -> Iterator[Sentence]:
    """Yield sentences: each ends at its mark or at a long pause."""
    kept = [word for word in words if word.text.strip()]
    sentence = kept[:1]
    for word, following in pairwise(kept):
        # A full stop ends an English sentence only before a space: "3.5" does not end there.
        is_over = word.text.rstrip()[-1] in SENTENCE_ENDS or (word.text.endswith(".") and following.text[0] == " ")
        if is_over or following.start_ms - word.end_ms > PAUSE_MS:
            yield Sentence(tuple(sentence))
            sentence = []
        sentence.append(following)
    if sentence:
        yield Sentence(tuple(sentence))


def cut_loops(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Drop the repetitions of a sentence beyond MOST_REPEATS in a row."""
    kept: list[Sentence] = []
    repeats = 0
    for sentence in sentences:
        is_same = bool(kept) and _letters(sentence.text) == _letters(kept[-1].text)
        repeats = repeats + 1 if is_same else 1
        if repeats <= MOST_REPEATS:
            kept.append(sentence)
    return kept


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


@cache
def _simplifier() -> Any:
    from opencc import OpenCC  # noqa: PLC0415 - a tenth of a second that no other language needs

    return OpenCC("t2s")
