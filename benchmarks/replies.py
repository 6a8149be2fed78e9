"""Vendors' replies and callbacks of any length: 250 words a minute, as a quick Mandarin speaker has.

In the form that their documents show, with the time of each word where the vendor has it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from asrcore.core.vendor import HttpReply

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
TASK_ID = "e7000000-0000-4000-8000-000000000001"  # where the caller chooses it
WORDS_A_MINUTE = 250
WORDS_A_SENTENCE = 10
WORD_MS = 60_000 // WORDS_A_MINUTE
SPOKEN_MS = 200  # of each word
SPEECH = ["今天", "我们", "讨论", "一下", "明年", "产品", "发布", "计划", "以及", "预算"]


def _sentences(minutes: int) -> Iterator[tuple[int, int, str, list[tuple[int, int, str]]]]:
    """Yield start, end, text and words of each sentence."""
    for number in range(minutes * WORDS_A_MINUTE // WORDS_A_SENTENCE):
        first_ms = number * WORDS_A_SENTENCE * WORD_MS
        words = [(first_ms + place * WORD_MS, word) for place, word in enumerate(SPEECH)]
        timed = [(start_ms, start_ms + SPOKEN_MS, word) for start_ms, word in words]
        yield first_ms, timed[-1][1], f"{''.join(SPEECH)}。", timed


def _text(minutes: int) -> str:
    return "".join(text for _, _, text, _ in _sentences(minutes))


def volcengine(minutes: int) -> dict[str, Any]:
    """Return an answer to a query of Volcengine AUC v1."""
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
    """Return an answer to a query of abcpen long ASR v1, its times as text."""
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
    """Return an answer to Tencent's DescribeTaskStatus."""
    data = {
        "TaskId": 1,
        "Status": 2,
        "StatusStr": "success",
        "AudioDuration": minutes * 60.0,
        "Result": _lines(minutes, ",0"),
        "ErrorMsg": "",
        "ResultDetail": [{**_NOT_ASKED_FOR, **detail} for detail in _details(minutes)],
    }
    return {"Response": {"RequestId": "1", "Data": data}}


_NOT_ASKED_FOR = dict.fromkeys(
    ("WrittenText", "EmotionalEnergy", "SilenceTime", "EmotionType", "KeyWordResults", "LangType", "SpeakerRoleName")
)


def _details(minutes: int) -> list[dict[str, Any]]:
    """Return Tencent's sentences, their word times counted from the sentence's start; marks are words, too."""
    return [
        {
            "FinalSentence": text,
            "SliceSentence": " ".join(word for _, _, word in words),
            "StartMs": start_ms,
            "EndMs": end_ms,
            "WordsNum": len(words) + 1,
            "Words": [
                {"Word": word, "OffsetStartMs": start - start_ms, "OffsetEndMs": end - start_ms}
                for start, end, word in [*words, (end_ms, end_ms, "。")]
            ],
            "SpeechSpeed": 8.3,
            "SpeakerId": 0,
        }
        for start_ms, end_ms, text, words in _sentences(minutes)
    ]


def _lines(minutes: int, more: str = "") -> str:
    """Return Tencent's lines of text. more: what stands in their marks behind the times."""
    return "".join(
        f"[{_clock(start_ms)},{_clock(end_ms)}{more}]  {text}\n" for start_ms, end_ms, text, _ in _sentences(minutes)
    )


def _clock(time_ms: int) -> str:
    return f"{time_ms // 60_000}:{time_ms % 60_000 / 1000:.3f}"


def volcengine_bigmodel(minutes: int) -> dict[str, Any]:
    """Return an answer to a query of Volcengine AUC v3; a header has the status."""
    utterances = [
        {
            "definite": True,
            "start_time": start_ms,
            "end_time": end_ms,
            "text": text,
            "words": [
                {"text": word, "start_time": start, "end_time": end, "blank_duration": 0, "confidence": 0}
                for start, end, word in words
            ],
            "additions": {},
        }
        for start_ms, end_ms, text, words in _sentences(minutes)
    ]
    duration_ms = minutes * 60_000
    result = {"text": _text(minutes), "additions": {"duration": str(duration_ms)}, "utterances": utterances}
    return {"audio_info": {"duration": duration_ms}, "result": result}


def abcpen_offline(minutes: int) -> dict[str, Any]:
    """Return an answer to abcpen's get_result of its SDK v2."""
    speaker = {"speaker": "SPEAKER_00"}
    detail = [
        {
            "text": text,
            "start": start_ms,
            "end": end_ms,
            **speaker,
            "words": [{"word": word, "start": start, "end": end, **speaker} for start, end, word in words],
        }
        for start_ms, end_ms, text, words in _sentences(minutes)
    ]
    about = {"app_id": "synthapp", "audio_url": "https://audio.example.com/a.wav"}
    speech = {"onebest": _text(minutes), "duration": minutes * 60.0, "language": "zh", "file": "", "detail": detail}
    return {"code": "0", "msg": "success", "task_id": TASK_ID, **about, "asr": {"speechResult": speech}}


_ABOUT = {"requestId": 1, "appid": 125000001, "projectid": 0, "audioUrl": "https://audio.example.com/a.wav"}


def tencent_recording_callback(minutes: int) -> dict[str, Any]:
    """Return the fields of a callback of Tencent's legacy recording recognition, which knows no words."""
    return {"code": 0, "message": "success", **_ABOUT, "text": _lines(minutes), "audioTime": minutes * 60.0}


def tencent_rec_task_callback(minutes: int) -> dict[str, Any]:
    """Return the fields of a callback of Tencent's recording recognition, without those that were not requested."""
    return {
        "code": 0,
        **_ABOUT,
        "text": _lines(minutes, ",0"),
        "audioTime": f"{minutes * 60:.6f}",
        "message": "",
        "resultDetail": json.dumps(_details(minutes), ensure_ascii=False, separators=(",", ":")),
    }


REPLIES: Mapping[str, Callable[[int], dict[str, Any]]] = MappingProxyType(
    {
        "volcengine": volcengine,
        "abcpen": abcpen,
        "tencent-rec-task": tencent_rec_task,
        "volcengine-bigmodel": volcengine_bigmodel,
        "abcpen-offline": abcpen_offline,
    }
)
# Volcengine calls back with what it answers to a query.
CALLBACKS: Mapping[str, tuple[Callable[[int], dict[str, Any]], str]] = MappingProxyType(
    {
        "tencent-recording": (tencent_recording_callback, FORM),
        "tencent-rec-task": (tencent_rec_task_callback, FORM),
        "volcengine": (volcengine, JSON),
        "volcengine-bigmodel": (volcengine_bigmodel, JSON),
    }
)


def reply(vendor: str, minutes: int) -> HttpReply:
    """Return a vendor's reply to a query for a recording of that many minutes, as bytes."""
    return answer(vendor, REPLIES[vendor](minutes))


def answer(vendor: str, document: Mapping[str, Any], *, code: str = "20000000") -> HttpReply:
    """Return a vendor's reply. code: for the vendor whose status is in a header."""
    told = {"x-api-status-code": code, "x-api-message": "OK", "x-tt-logid": "20260102"}
    return HttpReply(200, _json(document), told if vendor == "volcengine-bigmodel" else {})


def callback(vendor: str, minutes: int) -> tuple[bytes, str]:
    """Return a vendor's callback for a recording of that many minutes: body and content type."""
    made, content_type = CALLBACKS[vendor]
    fields = made(minutes)
    return urlencode(fields).encode() if content_type == FORM else _json(fields), content_type


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
