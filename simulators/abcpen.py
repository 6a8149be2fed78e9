"""Simulate abcpen long-speech recognition, v1: one signed POST, then GET until the result is there.

Source: "abcpen (bisheng) long-speech offline ASR, v1".
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from flask import Flask, Response, request
from pydantic import Field

from simulators import abcpen_signature, outgoing
from simulators.asynchronous import DAY_S, AsynchronousOptions, AsynchronousSimulator, Outcome, Task
from simulators.checks import RateLimit, is_http_url, whole_number
from simulators.recording import (
    EmptyRecordingError,
    NotAudioError,
    Source,
    TooLongError,
    UndecodableError,
)
from simulators.script import Utterance, make_utterances, strip_punctuation
from simulators.server import Answer, RefusalError, Setup

PATH = "/v1/asr/long"
MAX_BYTES = 600 * 1024 * 1024
MAX_DURATION_MS = 5 * 3600 * 1000
ENCODINGS = ("pcm", "aac", "mpeg2", "opus", "flac")
SAMPLE_RATES = {"8000", "16000", "44100", "48000"}
DOMAINS = {"court", "edu", "finance", "medical", "tech", "isp", "gov", "ecom", "mil", "com", "life", "car"} | {
    "sport",
    "game",
}

MESSAGES = {
    "0": "success",
    "-1": "task is not finished",
    "-2": "audio encode error",
    "1": "task is in progress",
    "10105": "illegal access",
    "10106": "invalid parameter",
    "10107": "illegal parameter",
    "10109": "audio url is not valid http(s) url",
    "10110": "no license",
    "10202": "websocket connect error",
    "10204": "websocket write error",
    "10205": "websocket read error",
    "10700": "engine error",
    "10701": "Audio encode error, only support pcm, aac, mpeg2, opus and flac",
    "10702": "Audio sample error",
    "10800": "over max connect limit",
    "16003": "basic component error",
}


class AbcpenOptions(AsynchronousOptions):
    """The account's licence, and the forms on which the vendor's documents differ."""

    retention_s: float = Field(30 * DAY_S, ge=0)
    requests_per_s: int = Field(20, ge=1)
    fetches_per_task: int = Field(100, ge=1)
    licensed_languages: tuple[str, ...] = ("cn", "en")
    licensed_hours: float | None = Field(None, ge=0)
    licensed_tasks: int | None = Field(None, ge=0)
    allowed_addresses: tuple[str, ...] | None = None
    task_id_name: Literal["task_id", "taskId"] = "task_id"
    message_name: Literal["desc", "msg"] = "desc"
    code_type: Literal["string", "int"] = "string"
    in_progress_code: Literal["-1", "1"] = "-1"
    silent_code: Literal["-2", "0"] = "-2"
    words_name: Literal["wordsResultList", "wordsPiece"] = "wordsResultList"
    early_refusals: bool = False


@dataclass(frozen=True)
class AbcpenSubmission:
    """A submission that passed every check."""

    encoding: str
    punctuated: bool
    speakers: int
    words: bool


class Abcpen(AsynchronousSimulator[AbcpenOptions, AbcpenSubmission]):
    """`POST` and `GET` on `/v1/asr/long`; credentials: `appid`, `api_key`."""

    vendor = "abcpen"
    moments = frozenset({"submit", "query", "result"})
    internal_error = "10700"
    audio_codes = MappingProxyType(
        {
            outgoing.DownloadError: "10700",
            outgoing.OversizeError: "10107",
            EmptyRecordingError: "-2",
            NotAudioError: "-2",
            UndecodableError: "-2",
            TooLongError: "10107",
        }
    )

    def __init__(self, setup: Setup, options: AbcpenOptions) -> None:
        super().__init__(setup, options)
        self._rate = RateLimit(self.runtime.monotonic)

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule(PATH, view_func=self._serve, methods=["GET", "POST"])

    def parameters(self) -> Mapping[str, object]:
        return self._sent()

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        text = message or MESSAGES.get(code, "error")
        if self.options.early_refusals and code == "10105":
            return Answer(code, {"ok": "10105", "err_no": 26601, "failed": text, "data": None})
        if text.startswith("illegal access|"):
            sid = uuid.uuid4().hex
            return Answer(code, {"action": "error", "code": self._typed(code), "data": "", "desc": text, "sid": sid})
        data: Mapping[str, object] | None = None if code == "10105" else {}
        return Answer(code, {"code": self._typed(code), "data": data, self.options.message_name: text})

    def _serve(self) -> Response:
        if request.method == "GET" or "task_id" in self._sent():
            return self.serve("query", self._handle_query)
        return self.serve("submit", self._handle_submission)

    def _typed(self, code: str) -> str | int:
        return int(code) if self.options.code_type == "int" else code

    def _sent(self) -> dict[str, str]:
        """Return the parameters: the body overrides the query, the headers override both."""
        body = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        named = body if isinstance(body, dict) else {}
        merged = {**request.args.to_dict(), **named, **abcpen_signature.header_claims()}
        return {"appid" if name == "app_id" else name: str(value) for name, value in merged.items()}

    def _handle_submission(self) -> Answer:
        sent = self._sent()
        self._authenticate(sent)
        submission = self._checked_submission(sent)
        self._check_licence(sent.get("lang", "cn"))
        task = self.accept(uuid.uuid4().hex, submission, Source(url=sent["audio_url"]))
        return self._answer_with("0", {self.options.task_id_name: task.id}, task.id)

    def _handle_query(self) -> Answer:
        sent = self._sent()
        self._authenticate(sent)
        task = self.find(sent.get("task_id", ""))
        if task is None:
            raise RefusalError("10107")
        task.fetches += 1
        if task.fetches > self.options.fetches_per_task:
            raise RefusalError("10107", "illegal parameter: the result was fetched too often")
        if task.outcome is None:
            return self._answer_with(self.options.in_progress_code, {self.options.task_id_name: task.id}, task.id)
        if task.outcome.code != "0":
            return replace(self.refuse("query", task.outcome.code, task.outcome.message), task_id=task.id)
        result = {"data": {"speechResult": self._speech_result(task, task.outcome)}, self.options.task_id_name: task.id}
        return self._answer_with("0", result, task.id)

    def _answer_with(self, code: str, data: Mapping[str, object], task_id: str) -> Answer:
        payload = {"code": self._typed(code), "data": data, self.options.message_name: MESSAGES[code]}
        return Answer(code, payload, task_id)

    def _authenticate(self, sent: Mapping[str, str]) -> None:
        if not abcpen_signature.is_authentic(sent, self.credentials, self.runtime.wall_clock()):
            raise RefusalError("10105")
        allowed = self.options.allowed_addresses
        if allowed is not None and request.remote_addr not in allowed:
            raise RefusalError("10105", f"illegal access|illegal client_ip: {request.remote_addr}")
        if not self._rate.allows(sent["appid"], self.options.requests_per_s):
            raise RefusalError("10800")

    def _checked_submission(self, sent: Mapping[str, str]) -> AbcpenSubmission:
        url, encoding = sent.get("audio_url"), sent.get("audio_encode", "mpeg2")
        if not url:
            raise RefusalError("10106", "invalid parameter: audio_url")
        if not is_http_url(url):
            raise RefusalError("10109")
        if encoding not in ENCODINGS:
            raise RefusalError("10701")
        rates = {sent[name] for name in ("audio_sample_rate", "audio_samplerate") if name in sent} or {"16000"}
        if len(rates) > 1:
            raise RefusalError("10107", "illegal parameter: audio_sample_rate and audio_samplerate differ")
        if not rates <= SAMPLE_RATES or (encoding == "opus" and rates == {"44100"}):
            raise RefusalError("10702")
        speakers = whole_number(sent.get("speaker_number", "2"))
        if speakers is None or not 0 <= speakers <= 10:
            raise RefusalError("10107", "illegal parameter: speaker_number")
        if sent.get("lang", "cn") not in {"cn", "en"} or sent.get("pd", "com") not in DOMAINS:
            raise RefusalError("10107", "illegal parameter: lang or pd")
        return AbcpenSubmission(
            encoding=encoding,
            punctuated=sent.get("punc") != "0",
            speakers=speakers or 2,
            words="true" in {sent.get("has_participle"), sent.get("words_output")},
        )

    def _check_licence(self, language: str) -> None:
        options = self.options
        if language not in options.licensed_languages:
            raise RefusalError("10110")
        if options.licensed_hours is not None and self.recognized_hours() >= options.licensed_hours:
            raise RefusalError("10110")
        running = sum(task.outcome is None for task in self.tasks())
        if options.licensed_tasks is not None and running >= options.licensed_tasks:
            raise RefusalError("10800")

    def recognize(self, submission: AbcpenSubmission, source: Source) -> Outcome:
        recording = self.read_recording(source, max_bytes=MAX_BYTES, max_ms=MAX_DURATION_MS)
        if _encoding_of(recording.codec) != submission.encoding:
            return Outcome("-2")
        if not recording.segments:
            return Outcome(self.options.silent_code, recording)
        return Outcome(
            "0", recording, make_utterances(recording.segments, recording.speech, speakers=submission.speakers)
        )

    def _speech_result(self, task: Task[AbcpenSubmission], outcome: Outcome) -> Mapping[str, object]:
        sentences = [
            self._sentence(task.submission, number, utterance) for number, utterance in enumerate(outcome.utterances)
        ]
        return {
            "onebest": "".join(str(sentence["sentences"]) for sentence in sentences),
            "duration": outcome.recording.duration_ms if outcome.recording else 0,
            "detail": sentences,
        }

    def _sentence(self, submission: AbcpenSubmission, number: int, utterance: Utterance) -> dict[str, object]:
        text = utterance.text if submission.punctuated else strip_punctuation(utterance.text)
        speaker = str(utterance.speaker)
        sentence: dict[str, object] = {
            # Every second sentence begins with a stray space, as in the vendor's answers.
            "sentences": f" {text}" if number % 2 else text,
            "wordBg": str(utterance.start_ms),
            "wordEd": str(utterance.end_ms),
            "speakerId": speaker,
        }
        if submission.words:
            sentence[self.options.words_name] = [
                {
                    "words": word.text,
                    "wordBg": str(word.start_ms),
                    "wordEd": str(word.end_ms),
                    "speakerId": speaker,
                    "wp": "2" if word.punctuation else "1",
                }
                for word in utterance.words
                if submission.punctuated or not word.punctuation
            ]
        return sentence


def _encoding_of(codec: str) -> str | None:
    """Return the `audio_encode` value of a codec; WMA and AMR have none."""
    if codec.startswith("pcm_"):
        return "pcm"
    return {"aac": "aac", "mp3": "mpeg2", "mp2": "mpeg2", "opus": "opus", "flac": "flac"}.get(codec)
