"""Sentences and words of both generations of Volcengine AUC.

Source: Volcengine recording-file recognition, v1 and v3 bigmodel (answers to a query). The speaker is in
`additions.speaker`, `additions.speaker_id`, or `speaker` of the sentence, depending on the reply.
"""

from collections.abc import Mapping
from typing import Any

from asrcore.vendors import asr, coerce

_CHANNELS = {"1": 0, "2": 1}


def utterances(items: object, *, with_words: bool) -> list[asr.Utterance]:
    """Return the sentences of a list, with channels, speakers and emotions where the vendor returns them."""
    sentences = coerce.mappings(items)
    spans = coerce.spans(sentences, ("start_time",), ("end_time",), earliest_ms=0)
    return [
        _utterance(sentence, start_ms, end_ms, with_words=with_words)
        for sentence, (start_ms, end_ms) in zip(sentences, spans, strict=True)
    ]


def _utterance(item: Mapping[str, Any], start_ms: int | None, end_ms: int | None, *, with_words: bool) -> asr.Utterance:
    additions = coerce.mapping(item.get("additions"))
    speaker = coerce.first(additions, "speaker", "speaker_id")
    return asr.Utterance(
        start_ms=start_ms,
        end_ms=end_ms,
        text=coerce.text(item.get("text")),
        speaker=coerce.text(item.get("speaker") if speaker is None else speaker) or None,
        channel=_CHANNELS.get(coerce.text(additions.get("channel_id"))),
        emotion=coerce.text(additions.get("emotion")) or None,
        words=_words(item.get("words"), start_ms) if with_words else [],
    )


def _words(items: object, sentence_start_ms: int | None) -> list[asr.Word]:
    """Return the words. The newer generation sends a confidence of 0, and -1 for unknown times."""
    words = coerce.mappings(items)
    spans = coerce.spans(words, ("start_time",), ("end_time",), earliest_ms=sentence_start_ms)
    return [
        asr.Word(
            start_ms=start_ms,
            end_ms=end_ms,
            text=coerce.text(word.get("text")),
            confidence=coerce.confidence(word.get("confidence")) or None,
        )
        for word, (start_ms, end_ms) in zip(words, spans, strict=True)
    ]
