"""Simulate Tencent recording recognition, current generation: CreateRecTask, then query, callback, or both.

Source: "Tencent recording recognition: CreateRecTask, DescribeTaskStatus, callback page".
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Literal

import requests
from flask import Flask, Response
from pydantic import Field

from simulators import tencent_cloud
from simulators.asynchronous import AsynchronousOptions, AsynchronousSimulator, Callback, Outcome, Task
from simulators.checks import RateLimit
from simulators.recording import (
    Source,
)
from simulators.script import Utterance, join_turns, make_utterances, split_clauses
from simulators.server import Answer, RefusalError, Setup
from simulators.tencent_callback import (
    AUDIO_CODES,
    FORM,
    SHORTEST_MS,
    TOO_SHORT,
    form_body,
    format_lines,
    is_acknowledged,
)
from simulators.tencent_rec_submission import (
    BY_CLAUSE,
    BY_TURN,
    PLAIN,
    WITH_MARKS,
    WRITTEN,
    RecTaskSubmission,
    check_names,
    read_integer,
    read_source,
    read_submission,
)

SUBMIT, QUERY = "CreateRecTask", "DescribeTaskStatus"
MAX_URL_BYTES = 1024**3
MAX_DURATION_MS = 5 * 3600 * 1000
FORMATS = {"wav", "mp3", "mp4", "flv", "asf", "amr", "aac", "ogg", "flac"}

# Callbacks have the numbers, answers to queries the messages too; only 10001's is printed by the vendor.
ERROR_MESSAGES = {
    "10000": "Failed to decode audio file: unsupported format!",
    "10001": "Failed to recognize!",
    "10002": "The audio file is too short!",
    "10003": "The audio file is too long!",
    "10004": "Invalid audio file!",
    "10005": "Other failure!",
    "10006": "The number of audio tracks does not match ChannelNum!",
    "10007": "Failed to download audio file!",
}
WAITING, DOING, SUCCEEDED, FAILED = (0, "waiting"), (1, "doing"), (2, "success"), (3, "failed")


class TencentRecTaskOptions(AsynchronousOptions):
    """`word_offsets`: counted from the start of the sentence, or of the recording (the vendor's example fits both)."""

    submissions_per_s: int = Field(20, ge=1)
    queries_per_s: int = Field(50, ge=1)
    callback_attempts: int = Field(2, ge=1, le=20)
    word_offsets: Literal["relative", "absolute"] = "relative"


class TencentRecTask(AsynchronousSimulator[TencentRecTaskOptions, RecTaskSubmission]):
    """`GET` and `POST` on `/`; credentials: `appid`, `secret_id`, `secret_key`."""

    vendor = "tencent-rec-task"
    moments = frozenset({"submit", "query", "result", "callback"})
    call_codes = r"[A-Za-z.]+"
    internal_error = "10005"
    audio_codes = AUDIO_CODES

    def __init__(self, setup: Setup, options: TencentRecTaskOptions) -> None:
        super().__init__(setup, options)
        self._api = tencent_cloud.CloudApi(setup.credentials, {SUBMIT, QUERY}, self.runtime.wall_clock)
        self._submissions, self._queries = RateLimit(self.runtime.monotonic), RateLimit(self.runtime.monotonic)
        self._task_ids = itertools.count(6_000_000_123_456)

    def add_routes(self, app: Flask) -> None:
        tencent_cloud.add_route(app, self._serve)

    def parameters(self) -> Mapping[str, object]:
        return tencent_cloud.logged_parameters()

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        return tencent_cloud.refusal(code, message)

    def _serve(self) -> Response:
        if self.parameters().get("Action") == QUERY:
            return self.serve("query", self._handle_query)
        return self.serve("submit", self._handle_submission)

    def _handle_submission(self) -> Answer:
        sent = tencent_cloud.sent_parameters()
        self._api.action(sent)
        if not self._submissions.allows(self.credentials["secret_id"], self.options.submissions_per_s):
            raise RefusalError("RequestLimitExceeded.UinLimitExceeded")
        check_names(sent)
        source = read_source(sent)
        submission = read_submission(sent, source)
        task_id = next(self._task_ids)
        self.accept(str(task_id), submission, source)
        return tencent_cloud.answer("0", {"Data": {"TaskId": task_id}}, str(task_id))

    def _handle_query(self) -> Answer:
        sent = tencent_cloud.sent_parameters()
        self._api.action(sent)
        if not self._queries.allows(self.credentials["secret_id"], self.options.queries_per_s):
            raise RefusalError("RequestLimitExceeded")
        check_names(sent, {"TaskId"}, ("TaskId",))
        task = self.find(str(read_integer(sent, "TaskId")))
        if task is None:
            raise RefusalError("FailedOperation.NoSuchTask")
        task.fetches += 1
        if (ended := task.outcome) is None:
            status, name = WAITING if task.state == "queued" else DOING
        else:
            status, name = SUCCEEDED if ended.code == "0" else FAILED
        outcome = ended or Outcome("0")
        sentences = self._sentences(task.submission, outcome)
        data = {
            "TaskId": int(task.id),
            "Status": status,
            "StatusStr": name,
            "AudioDuration": _duration_s(outcome),
            "Result": format_lines(sentences, task.submission.number_of),
            "ErrorMsg": _message(outcome),
            "ResultDetail": self._details(task.submission, sentences),
        }
        return tencent_cloud.answer(name, {"Data": data}, task.id)

    def recognize(self, submission: RecTaskSubmission, source: Source) -> Outcome:
        recording = self.read_recording(source, max_bytes=MAX_URL_BYTES, max_ms=MAX_DURATION_MS)
        if recording.format not in FORMATS or (recording.format == "ogg" and recording.codec != "opus"):
            return Outcome("10000")
        if recording.duration_ms < SHORTEST_MS:
            return Outcome(TOO_SHORT)
        if submission.channels == 2 and recording.channels != 2:
            return Outcome("10006")
        segments = recording.split_segments if submission.channels == 2 else recording.segments
        return Outcome("0", recording, make_utterances(segments, recording.speech, speakers=submission.speakers or 2))

    def callback(self, task: Task[RecTaskSubmission], outcome: Outcome) -> Callback | None:
        submission = task.submission
        if submission.callback_url is None:
            return None
        sentences = self._sentences(submission, outcome)
        details = self._details(submission, sentences)
        brief = [{name: value for name, value in detail.items() if value is not None} for detail in details or ()]
        fields = {
            "code": outcome.code,
            "requestId": task.id,
            "appid": self.credentials["appid"],
            "projectid": 0,
            **({} if submission.audio_url is None else {"audioUrl": submission.audio_url}),
            "text": format_lines(sentences, submission.number_of),
            "audioTime": f"{_duration_s(outcome):.6f}",
            "message": _message(outcome),
            "resultDetail": json.dumps(brief, ensure_ascii=False, separators=(",", ":")) if brief else "",
        }
        return Callback(submission.callback_url, form_body(fields, self.options.charset, self.options.charset), FORM)

    def acknowledges(self, response: requests.Response) -> bool:
        return is_acknowledged(response)

    def _sentences(self, submission: RecTaskSubmission, outcome: Outcome) -> Sequence[Utterance]:
        if submission.detail == BY_CLAUSE:
            length = submission.max_length or None
            return [clause for utterance in outcome.utterances for clause in split_clauses(utterance, length)]
        return (
            join_turns(outcome.utterances, submission.number_of) if submission.detail == BY_TURN else outcome.utterances
        )

    def _details(self, submission: RecTaskSubmission, sentences: Sequence[Utterance]) -> list[dict[str, object]] | None:
        if submission.detail == PLAIN or not sentences:
            return None
        return [self._detail(submission, sentence) for sentence in sentences]

    def _detail(self, submission: RecTaskSubmission, sentence: Utterance) -> dict[str, object]:
        origin_ms = sentence.start_ms if self.options.word_offsets == "relative" else 0
        spoken = [word for word in sentence.words if not word.punctuation]
        words = sentence.words if submission.detail >= WITH_MARKS else spoken
        characters, length_ms = sum(len(word.text) for word in spoken), sentence.end_ms - sentence.start_ms
        speaker = submission.number_of(sentence) or 0
        return {
            "FinalSentence": sentence.text,
            "SliceSentence": " ".join(word.text for word in spoken),
            "WrittenText": sentence.text if submission.detail == WRITTEN else None,
            "StartMs": sentence.start_ms,
            "EndMs": sentence.end_ms,
            "WordsNum": len(words),
            "Words": [
                {
                    "Word": word.text,
                    "OffsetStartMs": word.start_ms - origin_ms,
                    "OffsetEndMs": word.end_ms - origin_ms,
                }
                for word in words
            ],
            "SpeechSpeed": round(characters * 1000 / length_ms, 1) if length_ms else 0.0,
            # 0 also if speakers were not requested.
            "SpeakerId": speaker,
            "EmotionalEnergy": 1.0 if submission.energy else None,
            "SilenceTime": None,
            "EmotionType": [] if submission.emotion else None,
            "KeyWordResults": [] if submission.keywords else None,
            "LangType": None,
            "SpeakerRoleName": submission.role if speaker == 0 else None,
        }


def _duration_s(outcome: Outcome) -> float:
    return outcome.recording.duration_ms / 1000 if outcome.recording else 0.0


def _message(outcome: Outcome) -> str:
    if outcome.code == "0":
        return ""
    return outcome.message or ERROR_MESSAGES.get(outcome.code, ERROR_MESSAGES["10005"])
