"""What `why` says about a job in each of its states, and what it advises."""

from datetime import timedelta

import pytest

from asrcore.core.audio import Audio
from asrcore.core.choice import ChoiceReason, VendorChoice
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.form import Form
from asrcore.core.job import DEADLINE_S, Job, new_job
from asrcore.core.options import Options
from asrcore.core.transcript import Source
from asrcore.core.vendor import Completion
from asrcore.messages import render
from asrctl.explain import explain_job
from tests.support.fake_services import START
from tests.support.reasons import reason

SOURCE = Source(bucket="audio", key="incoming/auto/meeting.wav", version_id="v1", etag="e", size_bytes=1_920_044)
AUDIO = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=60_000)
MONO = Form(format="wav", sample_rate_hz=16000, channels=1)
QUERY = frozenset({Completion.QUERY})
CALLBACK = frozenset({Completion.CALLBACK})
BOTH = CALLBACK | QUERY
BUSY = AsrError(
    ErrorClass.RETRY, "1005", reason("busy. Look at https://vendor.example.com/?token=secret"), "volcengine"
)
LICENCE = AsrError(ErrorClass.CONFIG, "10110", reason("there is no licence: renew it"), "abcpen")
SUPPORTS_SPEAKERS = VendorChoice(
    code=ChoiceReason.SUPPORTS_OPTIONS, params={"options": ["speakers"], "passed_over": ["tencent-sentence"]}
)
NONE_FITS = AsrError(
    ErrorClass.BAD_AUDIO,
    "NoVendorFits",
    reason(
        "Convert it to mono: ffmpeg -i IN -ac 1 OUT.wav\ntencent-sentence: stereo; this vendor accepts mono\n"
        "abcpen: language fr-FR (accepts en-US, zh-CN)"
    ),
)
NO_AUDIO = AsrError(ErrorClass.BAD_AUDIO, "NotAudio", reason("this is a web page"))


def at(seconds: float):
    return START + timedelta(seconds=seconds)


def planned(choice: VendorChoice | None = None) -> Job:
    vendors = ["volcengine", "abcpen"]
    return new_job(SOURCE, START).plan(SOURCE, AUDIO, Options(), vendors=vendors, choice=choice, warnings=[], now=START)


def submitted() -> Job:
    return planned().claim(None, [], at(1)).submitted(1, "task-1", at(2))


def failed_over() -> Job:
    return (
        submitted()
        .attempt_failed(1, NO_AUDIO, ["abcpen"], at(10))
        .claim(None, [], at(11))
        .submitted(2, "task-2", at(12))
    )


CREATED = "At 2026-01-02 03:04:05 the job was created."
SUBMITTED = "At 03:04:07 it was submitted to volcengine (attempt 1, task task-1)."
CONTINUES = "nothing; it continues by itself, and ends FAILED on 2026-01-04 03:04:05 at the latest"


@pytest.mark.parametrize(
    ("job", "completion_modes", "execution", "sentences", "advice"),
    [
        pytest.param(
            new_job(SOURCE, START),
            frozenset(),
            None,
            [
                "It is QUEUED: it waits for the probe of the recording, which needs seconds.",
                "Its execution {job_id}-1 does not exist: only the sweep can resume the job.",
            ],
            CONTINUES,
            id="new",
        ),
        pytest.param(
            planned().model_copy(update={"forms": {"volcengine": MONO}}),
            CALLBACK,
            "RUNNING",
            ["It is IN_PROGRESS: the recording is converted to mono WAV, 16 kHz, which volcengine accepts."],
            CONTINUES,
            id="being converted",
        ),
        pytest.param(
            planned().assign_slot(at(60), START),
            QUERY,
            "RUNNING",
            ["It is IN_PROGRESS: it is submitted to volcengine (attempt 1) at 03:05:05, at its reserved slot."],
            CONTINUES.replace("03:04:05", "03:05:05"),
            id="waits for its slot",
        ),
        pytest.param(
            planned().claim(None, [], at(1)),
            QUERY,
            "RUNNING",
            [
                "At 03:04:06 its submission to volcengine began (attempt 1).",
                "It is IN_PROGRESS: it is unknown whether volcengine accepted it; if that stays so, it is submitted "
                "again at 03:06:36.",
            ],
            CONTINUES,
            id="submission without an answer",
        ),
        pytest.param(
            planned(choice=SUPPORTS_SPEAKERS).assign_slot(at(60), START),
            QUERY,
            "RUNNING",
            [
                "The vendor is volcengine, chosen because it supports speakers; earlier in the chain, tencent-sentence "
                "cannot do so.",
                "It is IN_PROGRESS: it is submitted to volcengine (attempt 1) at 03:05:05, at its reserved slot.",
            ],
            CONTINUES.replace("03:04:05", "03:05:05"),
            id="chosen for an option",
        ),
        pytest.param(
            submitted(),
            BOTH,
            "RUNNING",
            [
                SUBMITTED,
                "It is IN_PROGRESS: it waits for the callback of volcengine, which is queried at 03:05:07 if none "
                "has come.",
            ],
            CONTINUES,
            id="waits for a callback, a query is the safety net",
        ),
        pytest.param(
            submitted(),
            CALLBACK,
            "RUNNING",
            [
                SUBMITTED,
                "It is IN_PROGRESS: it waits for the callback of volcengine; if none has come at 06:19:07, attempt 1 "
                "fails.",
            ],
            CONTINUES,
            id="waits for a callback, no query",
        ),
        pytest.param(
            submitted().count_query(1, at(5)),
            QUERY,
            "TIMED_OUT",
            [
                SUBMITTED,
                "It is IN_PROGRESS: volcengine was queried 1 time, and is queried again at 03:04:13.",
                "Its execution {job_id}-1 is TIMED_OUT: only the sweep can resume the job.",
            ],
            CONTINUES,
            id="queried, but its execution has ended",
        ),
        pytest.param(
            submitted().complete(None, "transcripts/k.json", [reason("no speech")], at(90_000)).mark_event_published(0),
            QUERY,
            "SUCCEEDED",
            [
                SUBMITTED,
                "At 2026-01-03 04:04:05 volcengine returned the transcript.",
                "It is COMPLETED: the transcript is s3://transcripts/transcripts/k.json.",
                "Warning: no speech",
            ],
            "nothing",
            id="completed a day later, with a warning",
        ),
        pytest.param(
            submitted().complete(None, "transcripts/k.json", [], at(9)),
            QUERY,
            "RUNNING",
            [
                SUBMITTED,
                "At 03:04:14 volcengine returned the transcript.",
                "It is COMPLETED: the transcript is s3://transcripts/transcripts/k.json.",
                "The event of this end is not published yet; the sweep publishes it.",
            ],
            "nothing",
            id="completed, event not published",
        ),
        pytest.param(
            new_job(SOURCE, START).fail(NO_AUDIO, at(1)).mark_event_published(0),
            frozenset(),
            None,
            ["It FAILED with NotAudio (class bad_audio): this is a web page"],
            "upload a corrected recording; this one ends the same way unless vendors were added",
            id="failed before any submission",
        ),
        pytest.param(
            new_job(SOURCE, START).fail(NONE_FITS, at(1)).mark_event_published(0),
            frozenset(),
            None,
            [
                "It FAILED with NoVendorFits (class bad_audio): Convert it to mono: ffmpeg -i IN -ac 1 OUT.wav",
                "tencent-sentence: stereo; this vendor accepts mono",
                "abcpen: language fr-FR (accepts en-US, zh-CN)",
            ],
            "upload a corrected recording; this one ends the same way unless vendors were added",
            id="rejected by every vendor",
        ),
        pytest.param(
            failed_over().attempt_failed(2, LICENCE, [], at(20)).mark_event_published(0),
            QUERY,
            "SUCCEEDED",
            [
                SUBMITTED,
                "At 03:04:15 attempt 1 with volcengine failed: NotAudio (bad_audio), this is a web page",
                "At 03:04:17 it was submitted to abcpen (attempt 2, task task-2).",
                "At 03:04:25 attempt 2 with abcpen failed: 10110 (config), there is no licence: renew it",
                "The vendor is abcpen, chosen because volcengine failed with NotAudio.",
                "It FAILED with 10110 of abcpen (class config): there is no licence: renew it",
            ],
            "correct what the message names, then: python -m asrctl redrive {job_id}",
            id="failed with every vendor",
        ),
        pytest.param(
            submitted().fail(BUSY, at(9)).mark_event_published(0).redrive(reason("an operator asked for it"), at(30)),
            frozenset(),
            "RUNNING",
            [
                SUBMITTED,
                "At 03:04:35 it was restarted: an operator asked for it.",
                "It is QUEUED: it waits for the probe of the recording, which needs seconds.",
            ],
            CONTINUES.replace("03:04:05", "03:04:35"),
            id="redriven",
        ),
    ],
)
def test_explanation_names_each_step_and_what_to_do(job, completion_modes, execution, sentences, advice):
    explanation = explain_job(job, completion_modes, execution=execution, transcript_bucket="transcripts", now=at(30))

    opening = f"Job {job.job_id}: incoming/auto/meeting.wav ({{about}}). Times are UTC."
    about = "wav, 16000 Hz, 1 channel, 1 min, 1.9 MB" if job.audio else "1.9 MB"
    expected = [opening.format(about=about), CREATED, *(line.format(job_id=job.job_id) for line in sentences)]
    assert [line for each in explanation.sentences for line in str(each).split("\n")] == expected
    assert str(explanation.advice) == advice.format(job_id=job.job_id)


@pytest.mark.parametrize(
    "seconds", [pytest.param(3600, id="within its time"), pytest.param(DEADLINE_S + 1, id="past it")]
)
def test_explanation_of_a_stalled_job_names_the_sweep(seconds):
    explanation = explain_job(submitted(), QUERY, execution=None, transcript_bucket="transcripts", now=at(seconds))

    assert str(explanation.sentences[-1]) == "It last changed at 03:04:07: longer ago than any step needs."
    assert "check that SweepFunction runs" in str(explanation.advice)


def test_explanation_omits_the_task_token():
    job = submitted().store_task_token("a-token", at(3))

    explanation = explain_job(job, CALLBACK, execution="RUNNING", transcript_bucket="transcripts", now=at(30))

    assert "a-token" not in str(explanation)


def test_explanation_has_the_text_of_another_versions_message():
    job = new_job(SOURCE, START).fail(NO_AUDIO, at(1))
    assert job.error is not None
    newer = job.model_copy(update={"error": job.error.model_copy(update={"message_code": "of-a-later-version"})})

    explanation = explain_job(newer, frozenset(), execution=None, transcript_bucket="transcripts", now=at(30))

    assert render(explanation.sentences[2], "zh-CN") == (
        "任务失败（FAILED），错误 NotAudio（类别 bad_audio）：this is a web page"
    )
