"""Simulate abcpen offline recognition (SDK-v2): submit under the client's id, check the status, get the result.

Source: "abcpen asr-offline, SDK-v2 document"; the form of refusals is not published; this one is invented.
"""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from flask import Flask, Response, request
from pydantic import Field

from simulators import abcpen_signature, outgoing
from simulators.asynchronous import DAY_S, AsynchronousOptions, AsynchronousSimulator, Outcome, Task, TaskExistsError
from simulators.body import JsonBody, sent_fields
from simulators.checks import RateLimit, is_uuid
from simulators.recording import (
    EmptyRecordingError,
    NotAudioError,
    Source,
    TooLongError,
    UndecodableError,
)
from simulators.script import Utterance, make_utterances
from simulators.server import Answer, RefusalError, Setup

PATH = "/asr-offline"
MAX_BYTES = 500 * 1024 * 1024
MAX_DURATION_MS = 10 * 3600 * 1000
FORMATS = {"wav", "mp3", "mp4", "flac"}
DIARIZATIONS = {"v1", "v2"}
LANGUAGES = {"zh", "en"}
WITH_SPEAKERS = {"asr_sd", "asr_sd_id"}
AUDIO_TYPES = {"asr", "audio_separate", *WITH_SPEAKERS}

SUCCESS, RUNNING, FAILED = "0", "1", "-1"
BAD_REQUEST, UNAUTHORIZED, TOO_MANY, SERVER_ERROR = "400", "401", "429", "500"
MESSAGES = {
    SUCCESS: "success",
    RUNNING: "task is processing",
    FAILED: "system error",
    BAD_REQUEST: "invalid parameters",
    UNAUTHORIZED: "authentication failed",
    TOO_MANY: "too many requests",
    SERVER_ERROR: "internal server error",
}


class AbcpenOfflineOptions(AsynchronousOptions):
    """Limits; the defaults are the published ones, of which that of polling is advice.

    `poll_interval_s`: a status query sooner than this after the last one is refused.
    `limit_code`: how a limit refuses, which is not published.
    `labels`: speakers only if requested, as in a recorded reply, or always, as in the vendor's document.
    """

    submissions_per_s: int = Field(5, ge=1)
    submissions_per_day: int = Field(100, ge=0)
    poll_interval_s: float = Field(0, ge=0)
    limit_code: Literal["429", "400"] = "429"
    word_speaker: Literal["string", "list"] = "string"
    labels: Literal["asked", "always"] = "asked"


@dataclass(frozen=True)
class AbcpenOfflineSubmission:
    """A submission that passed every check."""

    app_id: str
    audio_url: str
    language: str
    speakers: int | None  # at most; None if no labels were requested


class AbcpenOffline(AsynchronousSimulator[AbcpenOfflineOptions, AbcpenOfflineSubmission]):
    """`/asr-offline/{submit_task,check_status,get_result}/v1`; credentials: `appid`, `api_key`."""

    vendor = "abcpen-offline"
    moments = frozenset({"submit", "query", "result"})
    internal_error = FAILED
    # A failed task has no reason.
    audio_codes = MappingProxyType(
        dict.fromkeys(
            (
                outgoing.DownloadError,
                outgoing.OversizeError,
                EmptyRecordingError,
                NotAudioError,
                UndecodableError,
                TooLongError,
            ),
            FAILED,
        )
    )

    def __init__(self, setup: Setup, options: AbcpenOfflineOptions) -> None:
        super().__init__(setup, options)
        self._rate, self._daily, self._polls = (
            RateLimit(self.runtime.monotonic),
            RateLimit(self.runtime.monotonic),
            RateLimit(self.runtime.monotonic),
        )

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule(f"{PATH}/submit_task/v1", view_func=self._submit, methods=["POST"])
        app.add_url_rule(f"{PATH}/check_status/v1/<task_id>", view_func=self._check, methods=["GET"])
        app.add_url_rule(f"{PATH}/get_result/v1/<task_id>", view_func=self._get, methods=["GET"])

    def parameters(self) -> Mapping[str, object]:
        return {**request.args.to_dict(), **sent_fields()}

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        status = int(code) if code in {BAD_REQUEST, UNAUTHORIZED, TOO_MANY, SERVER_ERROR} else 200
        payload = {"status": "error", "code": code, "msg": message or MESSAGES.get(code, "error")}
        return Answer(code, payload, http_status=status)

    def _submit(self) -> Response:
        return self.serve("submit", self._handle_submission)

    def _check(self, task_id: str) -> Response:
        return self.serve("query", lambda: self._status(task_id))

    def _get(self, task_id: str) -> Response:
        return self.serve("query", lambda: self._result(task_id))

    def _authenticate(self) -> None:
        claimed = {**request.args.to_dict(), **abcpen_signature.header_claims()}
        if not abcpen_signature.is_authentic(claimed, self.credentials, self.runtime.wall_clock()):
            raise RefusalError(UNAUTHORIZED)

    def _handle_submission(self) -> Answer:
        self._authenticate()
        if not self._rate.allows(request.remote_addr or "", self.options.submissions_per_s):
            raise RefusalError(self.options.limit_code, "too many submissions in a second")
        body = JsonBody.of_request(BAD_REQUEST)
        submission = self._read_submission(body)
        wanted_id = body.text("task_id")
        if not self._daily.allows(self.credentials["appid"], self.options.submissions_per_day, DAY_S):
            raise RefusalError(self.options.limit_code, "too many submissions in a day")
        task_id = wanted_id if is_uuid(wanted_id, version=4) else str(uuid.uuid4())
        with suppress(TaskExistsError):  # a repeated submission returns the first one's task
            self.accept(task_id, submission, Source(url=submission.audio_url))
        payload = {"status": "success", "message": "Task submitted successfully", "task_id": task_id}
        return Answer(SUCCESS, payload, task_id)

    def _read_submission(self, body: JsonBody) -> AbcpenOfflineSubmission:
        body.flag("denoise", default=True)
        if (body.text_or_none("sd_type") or "v2") not in DIARIZATIONS:
            raise body.refusal("sd_type", "is v1 or v2")
        fewest, most = body.number("min_speaker_num", -1), body.number("max_speaker_num", -1)
        if not (min(fewest, most) >= -1 and (fewest <= most or most < 1)):
            raise body.refusal("min_speaker_num, max_speaker_num", "are -1, or from 1 on in order")
        audio_type = body.text_or_none("audio_type") or "asr"
        if audio_type not in AUDIO_TYPES:
            raise body.refusal("audio_type", f"is one of {', '.join(sorted(AUDIO_TYPES))}")
        language = body.text_or_none("language") or "zh"
        if language not in LANGUAGES:
            raise body.refusal("language", f"is one of {', '.join(sorted(LANGUAGES))}")
        numbered = most if most >= 1 else 2
        return AbcpenOfflineSubmission(
            app_id=body.text("app_id"),
            audio_url=body.url("audio_url"),
            language=language,
            speakers=numbered if audio_type in WITH_SPEAKERS else None,
        )

    def _status(self, task_id: str) -> Answer:
        self._authenticate()
        if not self._polls.allows(task_id, 1, self.options.poll_interval_s):
            raise RefusalError(self.options.limit_code, "the status was queried too soon after the last time")
        task = self.find(task_id)
        if task is None:
            code, status = FAILED, "not_found"
        elif task.outcome is None:
            code, status = RUNNING, "queued" if task.state == "queued" else "processing"
        else:
            # The status of a failed task is not published; this is the remaining one of the vendor's list.
            code, status = task.outcome.code, "completed" if task.outcome.code == SUCCESS else "unknown"
        message = "task not found" if task is None else MESSAGES.get(code, MESSAGES[FAILED])
        return Answer(code, {"status": status, "code": code, "msg": message, "task_id": task_id}, task_id)

    def _result(self, task_id: str) -> Answer:
        self._authenticate()
        task = self.find(task_id)
        if task is None:
            missing = {"status": "not_found", "code": FAILED, "msg": "task not found", "task_id": task_id}
            return Answer(FAILED, missing, task_id)
        task.fetches += 1
        outcome = task.outcome or Outcome(RUNNING)
        message = outcome.message or MESSAGES.get(outcome.code, MESSAGES[FAILED])
        payload: dict[str, object] = {"code": outcome.code, "msg": message, "task_id": task_id}
        if outcome.code == SUCCESS:
            payload |= self._speech(task, outcome)
        return Answer(outcome.code, payload, task_id)

    def recognize(self, submission: AbcpenOfflineSubmission, source: Source) -> Outcome:
        recording = self.read_recording(source, max_bytes=MAX_BYTES, max_ms=MAX_DURATION_MS)
        if recording.format not in FORMATS:
            raise UndecodableError(f"{recording.format} is not taken")
        return Outcome(
            SUCCESS, recording, make_utterances(recording.segments, recording.speech, speakers=submission.speakers or 1)
        )

    def _speech(self, task: Task[AbcpenOfflineSubmission], outcome: Outcome) -> dict[str, object]:
        result = {
            "onebest": "".join(utterance.text for utterance in outcome.utterances),
            "duration": outcome.recording.duration_ms / 1000 if outcome.recording else 0.0,
            "language": task.submission.language,
            "file": "",
            "detail": [
                self._sentence(task.submission, number, utterance)
                for number, utterance in enumerate(outcome.utterances)
            ],
        }
        return {
            "app_id": task.submission.app_id,
            "audio_url": task.submission.audio_url,
            "asr": {"speechResult": result},
        }

    def _sentence(self, submission: AbcpenOfflineSubmission, number: int, utterance: Utterance) -> dict[str, object]:
        speaker = f"SPEAKER_{utterance.speaker:02d}"
        is_labelled = submission.speakers is not None or self.options.labels == "always"
        label = {"speaker": speaker} if is_labelled else {}
        word_label = {"speaker": [speaker]} if is_labelled and self.options.word_speaker == "list" else label
        words = [word for word in utterance.words if not word.punctuation]
        return {
            "text": utterance.text,
            "start": utterance.start_ms,
            "end": utterance.end_ms,
            **label,
            "words": [
                {
                    # The first word of every second sentence has a stray space, as in the vendor's answers.
                    "word": f" {word.text}" if number % 2 and word is words[0] else word.text,
                    "start": word.start_ms,
                    "end": word.end_ms,
                    **word_label,
                }
                for word in words
            ],
        }
