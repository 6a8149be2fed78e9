"""Sentences and words as both generations of Volcengine AUC tell them.

Source: Volcengine recording-file recognition, v1 and v3 bigmodel (answers to a query).
"""

from collections.abc import Mapping
from typing import Any

from asrcore.core.transcript import Utterance, Word
from asrcore.vendors import reading

_CHANNELS = {"1": 0, "2": 1}


def utterances(items: object, *, with_words: bool) -> list[Utterance]:
    """The sentences of a list; channels and speakers where they were asked for."""
    return [_utterance(item, with_words=with_words) for item in reading.mappings(items)]


def _utterance(item: Mapping[str, Any], *, with_words: bool) -> Utterance:
    additions = reading.mapping(item.get("additions"))
    return Utterance(
        start_ms=reading.milliseconds(item.get("start_time")),
        end_ms=reading.milliseconds(item.get("end_time")),
        text=reading.text(item.get("text")),
        speaker=reading.text(additions.get("speaker")) or None,
        channel=_CHANNELS.get(reading.text(additions.get("channel_id"))),
        words=[_word(word) for word in reading.mappings(item.get("words"))] if with_words else [],
    )


def _word(item: Mapping[str, Any]) -> Word:
    """A word. The newer generation gives a confidence, which is always 0, and -1 for times that it does not know."""
    return Word(
        start_ms=reading.milliseconds(item.get("start_time")),
        end_ms=reading.milliseconds(item.get("end_time")),
        text=reading.text(item.get("text")),
        confidence=reading.confidence(item.get("confidence")) or None,
    )
