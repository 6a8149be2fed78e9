"""Vendors' replies of any length, with word times: 250 words a minute, as a quick Mandarin speaker has."""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

WORDS_A_MINUTE = 250
WORDS_A_SENTENCE = 10
WORD_MS = 60_000 // WORDS_A_MINUTE
SPOKEN_MS = 200  # of each word
SPEECH = ["今天", "我们", "讨论", "一下", "明年", "产品", "发布", "计划", "以及", "预算"]


def _sentences(minutes: int) -> Iterator[tuple[int, int, str, list[tuple[int, int, str]]]]:
    """Start, end, text and words of each sentence."""
    for number in range(minutes * WORDS_A_MINUTE // WORDS_A_SENTENCE):
        first_ms = number * WORDS_A_SENTENCE * WORD_MS
        words = [(first_ms + place * WORD_MS, word) for place, word in enumerate(SPEECH)]
        timed = [(start_ms, start_ms + SPOKEN_MS, word) for start_ms, word in words]
        yield first_ms, timed[-1][1], f"{''.join(SPEECH)}。", timed


def _text(minutes: int) -> str:
    return "".join(text for _, _, text, _ in _sentences(minutes))


def volcengine(minutes: int) -> dict[str, Any]:
    """An answer to a query of Volcengine AUC v1."""
    utterances = [
        {
            "start_time": start_ms,
            "end_time": end_ms,
            "text": text,
            "words": [{"start_time": start, "end_time": end, "text": word} for start, end, word in words],
        }
        for start_ms, end_ms, text, words in _sentences(minutes)
    ]
    whole = _text(minutes)
    return {"resp": {"code": 1000, "message": "Success", "id": "1", "text": whole, "utterances": utterances}}


def abcpen(minutes: int) -> dict[str, Any]:
    """An answer to a query of abcpen long ASR v1, its times as text."""
    detail = [
        {
            "wordBg": str(start_ms),
            "wordEd": str(end_ms),
            "sentences": text,
            "speakerId": "1",
            "wordsPiece": [
                {"wordBg": str(start), "wordEd": str(end), "words": word, "wc": "0.98"} for start, end, word in words
            ],
        }
        for start_ms, end_ms, text, words in _sentences(minutes)
    ]
    result = {"onebest": _text(minutes), "detail": detail}
    return {"code": "0", "desc": "success", "data": {"task_id": "1", "data": {"speechResult": result}}}


def tencent_rec_task(minutes: int) -> dict[str, Any]:
    """An answer to Tencent's DescribeTaskStatus, its word times counted from the sentence's start."""
    details = [
        {
            "FinalSentence": text,
            "StartMs": start_ms,
            "EndMs": end_ms,
            "SpeakerId": 0,
            "Words": [
                {"Word": word, "OffsetStartMs": start - start_ms, "OffsetEndMs": end - start_ms}
                for start, end, word in words
            ],
        }
        for start_ms, end_ms, text, words in _sentences(minutes)
    ]
    data = {
        "TaskId": 1,
        "Status": 2,
        "StatusStr": "success",
        "AudioDuration": minutes * 60.0,
        "Result": "",
        "ErrorMsg": "",
        "ResultDetail": details,
    }
    return {"Response": {"RequestId": "1", "Data": data}}


REPLIES: Mapping[str, Callable[[int], dict[str, Any]]] = MappingProxyType(
    {"volcengine": volcengine, "abcpen": abcpen, "tencent-rec-task": tencent_rec_task}
)


def reply_bytes(vendor: str, minutes: int) -> bytes:
    """A vendor's reply about a recording of that many minutes, as it comes over the wire."""
    return json.dumps(REPLIES[vendor](minutes), ensure_ascii=False).encode()
