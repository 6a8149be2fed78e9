"""Compare Tencent's current callbacks byte for byte with the vendor's callback page."""

from pathlib import Path

import pytest

from simulators.asynchronous import Outcome, Task
from simulators.recording import Recording
from simulators.script import ScriptStore, Utterance, Word
from simulators.server import Setup
from simulators.tencent_rec_submission import RecTaskSubmission
from simulators.tencent_rec_task import TencentRecTask, TencentRecTaskOptions
from tests.support.simulator_control import CREDENTIALS

RECOGNIZED_WARNING = Outcome(
    "0",
    Recording(
        sha256="",
        format="wav",
        codec="pcm_s16le",
        sample_rate_hz=16000,
        channels=1,
        duration_ms=2432,
        segments=(),
        channel_segments=(),
    ),
    (
        Utterance(
            text="今天天气怎么样。",
            start_ms=20,
            end_ms=2380,
            speaker=0,
            channel=None,
            words=(
                Word("今天", 140, 800, punctuation=False),
                Word("天气", 800, 1550, punctuation=False),
                Word("怎么样", 1550, 2270, punctuation=False),
            ),
        ),
    ),
)

SUCCESS = (
    "code=0&requestId=6000000123456&appid=125000001&projectid=0&audioUrl=http%3A%2F%2Faudio.example.com%2Fa.wav"
    "&text=%5B0%3A0.020%2C0%3A2.380%2C0%5D++%E4%BB%8A%E5%A4%A9%E5%A4%A9%E6%B0%94%E6%80%8E%E4%B9%88%E6%A0%B7%E3%80%82%0A"
    "&audioTime=2.432000&message=&resultDetail=%5B%7B%22FinalSentence%22%3A%22%E4%BB%8A%E5%A4%A9%E5%A4%A9%E6%B0%94"
    "%E6%80%8E%E4%B9%88%E6%A0%B7%E3%80%82%22%2C%22SliceSentence%22%3A%22%E4%BB%8A%E5%A4%A9+%E5%A4%A9%E6%B0%94+"
    "%E6%80%8E%E4%B9%88%E6%A0%B7%22%2C%22StartMs%22%3A20%2C%22EndMs%22%3A2380%2C%22WordsNum%22%3A3%2C%22Words%22%3A%5B"
    "%7B%22Word%22%3A%22%E4%BB%8A%E5%A4%A9%22%2C%22OffsetStartMs%22%3A120%2C%22OffsetEndMs%22%3A780%7D%2C"
    "%7B%22Word%22%3A%22%E5%A4%A9%E6%B0%94%22%2C%22OffsetStartMs%22%3A780%2C%22OffsetEndMs%22%3A1530%7D%2C"
    "%7B%22Word%22%3A%22%E6%80%8E%E4%B9%88%E6%A0%B7%22%2C%22OffsetStartMs%22%3A1530%2C%22OffsetEndMs%22%3A2250%7D%5D%2C"
    "%22SpeechSpeed%22%3A3.0%2C%22SpeakerId%22%3A0%7D%5D"
)
FAILURE = (
    "code=10007&requestId=6000000123457&appid=125000001&projectid=0&audioUrl=http%3A%2F%2Faudio.example.com%2Fb.wav"
    "&text=&audioTime=0.000000&message=Failed+to+download+audio+file%21&resultDetail="
)


@pytest.mark.parametrize(
    ("task_id", "audio_url", "outcome", "body"),
    [
        pytest.param("6000000123456", "http://audio.example.com/a.wav", RECOGNIZED_WARNING, SUCCESS, id="success"),
        pytest.param("6000000123457", "http://audio.example.com/b.wav", Outcome("10007"), FAILURE, id="failure"),
    ],
)
def test_callback_body_equals_the_documented_form(task_id, audio_url, outcome, body):
    vendor = TencentRecTask(Setup(CREDENTIALS["tencent"], ScriptStore(Path("none"))), TencentRecTaskOptions())
    submission = RecTaskSubmission(
        engine="16k_zh",
        channels=1,
        detail=2,
        diarization=1,
        speakers=0,
        max_length=0,
        emotion=0,
        energy=0,
        keywords=False,
        role=None,
        audio_url=audio_url,
        callback_url="http://cb.example.com/asr",
    )

    callback = vendor.callback(Task(task_id, submission, turnaround_s=0), outcome)

    assert callback.body.decode() == body
    assert callback.content_type == "application/x-www-form-urlencoded"
