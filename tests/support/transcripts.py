"""Transcripts for the tests of the exports."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from asrcore.core.audio import Audio
from asrcore.core.transcript import Source, Transcript, Utterance, Word, join_text


def transcript(
    utterances: Sequence[Utterance],
    *,
    text: str | None = None,
    language: str | None = "zh-CN",
    key: str = "incoming/auto/call.wav",
) -> Transcript:
    """A finished transcript of these utterances."""
    return Transcript(
        job_id="job-1",
        source=Source(bucket="audio", key=key, etag="e", size_bytes=1),
        vendor="volcengine",
        vendor_task_id="task",
        language=language,
        audio=Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, duration_ms=None),
        text=join_text([utterance.text for utterance in utterances]) if text is None else text,
        utterances=list(utterances),
        attempts=[],
        submitted_at=None,
        completed_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def said(
    text: str,
    start_ms: int | None,
    end_ms: int | None,
    *words: tuple[str, int, int],
    speaker: str | None = None,
    channel: int | None = None,
) -> Utterance:
    """One utterance; words as (text, start, end)."""
    spoken = [Word(start_ms=start, end_ms=end, text=word) for word, start, end in words]
    return Utterance(start_ms=start_ms, end_ms=end_ms, text=text, speaker=speaker, channel=channel, words=spoken)


def five_hours(words: int = 75_000, per_utterance: int = 12) -> Transcript:
    """A long meeting of three people in Chinese, with the time of each word; the same at every call."""
    dice = random.Random(5)
    characters = "我们今天讨论项目进度然后看一下数据结果图书馆市民可以免费借书感谢收听明天再见问题方案时间成本质量"
    length_ms = 5 * 3_600_000 // words
    utterances, at_ms = [], 0
    for first in range(0, words, per_utterance):
        spoken, start_ms = [], at_ms
        for _ in range(first, min(first + per_utterance, words)):
            word = "".join(dice.choices(characters, k=dice.choice((1, 2, 2, 3))))
            spoken.append((word, at_ms, at_ms + length_ms - 20))
            at_ms += length_ms
        text = "".join(word + ("，" if index % 6 == 5 else "") for index, (word, _, _) in enumerate(spoken))
        text = text.rstrip("，") + "。"
        utterances.append(said(text, start_ms, at_ms - 20, *spoken, speaker=str(dice.randrange(3))))
    return transcript(utterances, key="incoming/auto/five-hours.wav")


def call() -> Transcript:
    """What is said in `samples/call.wav`, with the time of each character."""
    lines = [
        ("1", 300, 1_660, "您好，是王先生吗？"),
        ("2", 2_260, 3_240, "是的，请问哪位？"),
        ("1", 3_740, 4_560, "您的快递到了。"),
    ]
    utterances = []
    for speaker, start_ms, end_ms, text in lines:
        characters = [character for character in text if character not in "，。？"]
        edges = [start_ms + (end_ms - start_ms) * index // len(characters) for index in range(len(characters) + 1)]
        words = list(zip(characters, edges, edges[1:], strict=False))
        utterances.append(said(text, start_ms, end_ms, *words, speaker=speaker))
    return transcript(utterances)
