"""Simulate Volcengine AUC, v3 "bigmodel", standard and idle editions: submit and query by the client's own task id.

The headers of an answer have the outcome of a call. Source: "Volcengine recording-file recognition, v3 bigmodel".
"""

import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from flask import Flask, Response, request
from pydantic import Field

from simulators import outgoing, volcengine_gateway
from simulators.asynchronous import (
    AsynchronousOptions,
    AsynchronousSimulator,
    Callback,
    Outcome,
    Task,
    TaskExistsError,
)
from simulators.body import JsonBody, sent_fields
from simulators.checks import RateLimit
from simulators.recording import (
    EmptyRecordingError,
    NotAudioError,
    RawPcm,
    Source,
    TooLongError,
    UndecodableError,
)
from simulators.script import Utterance, join_texts, strip_punctuation
from simulators.server import Answer, RefusalError, Setup
from simulators.volcengine_audio import CONTAINERS, AudioSubmission, declared_format, declared_source, recognize_audio
from simulators.volcengine_gateway import BAD_KEY, NOT_GRANTED, QUOTA

PATH = "/api/v3/auc/bigmodel"
# What an edition may be asked for, by its path.
RESOURCES = {PATH: ("volc.bigasr.auc", "volc.seedasr.auc"), f"{PATH}/idle": ("volc.bigasr.auc_idle",)}
LANGUAGES = {
    *("zh-CN", "en-US", "ja-JP", "id-ID", "es-MX", "pt-BR", "de-DE", "fr-FR", "ko-KR", "fil-PH", "ms-MY", "th-TH"),
    *("ar-SA", "it-IT", "bn-BD", "el-GR", "nl-NL", "ru-RU", "tr-TR", "vi-VN", "pl-PL", "ro-RO", "ne-NP", "uk-UA"),
    "yue-CN",
    "ro-R0",  # as the vendor's page prints it
}
FLAGS = (
    "enable_itn",
    "enable_ddc",
    "show_speech_rate",
    "show_volume",
    "enable_lid",
    "enable_emotion_detection",
    "enable_gender_detection",
    "enable_poi_fc",
    "enable_music_fc",
)
MAX_HOTWORDS = 5000
HALF_AN_HOUR_S = 30 * 60

SUCCESS, PROCESSING, QUEUED, SILENT = "20000000", "20000001", "20000002", "20000003"
UNKNOWN_TASK, BAD_PARAMETER = "45000000", "45000001"
TOO_MUCH, TOO_LARGE, BAD_FORMAT = "45000131", "45000132", "45000151"
MESSAGES = {
    **volcengine_gateway.MESSAGES,
    SUCCESS: "OK",
    PROCESSING: "[Processing in progress] Start Processing",
    QUEUED: "[Task in queue] Task is in queue",
    SILENT: "[Normal silence audio] Handle response: no valid speech in audio",
    UNKNOWN_TASK: "[Invalid request] cannot find task",
    BAD_PARAMETER: "[Invalid request parameters] invalid parameters",
    "45000002": "[Empty audio] the audio has no bytes",
    "45000006": "[Invalid audio URI] audio download failed",
    TOO_MUCH: "[Volume exceeded] the audio submitted within half an hour is too long",
    TOO_LARGE: "[Audio too large] the audio exceeds the size limit",
    BAD_FORMAT: "[Invalid audio format] OperatorWrapper Process failed: audio convert failed",
    "55000000": "[Internal error] internal server error",
    "55000031": "[Server busy] server is busy",
    "55001010": "[Timeout] processing timed out",
}


class VolcengineBigmodelOptions(AsynchronousOptions):
    """The account's grants, and the observed variants of an answer.

    `hours_per_half_hour`: the limit on audio submitted within half an hour.
    `formats`: accepted containers; mp4 is not on the vendor's page and was seen accepted.
    `inline_data`: accept `audio.data` without an address, which was seen accepted.
    `gateway_status`: whether the gateway's refusals have the status headers too, which is not documented.
    `result_form`: an object as in the example, or the list of one of the vendor's table.
    `code_in_body`: repeat code and task id in the body, as a newer variant does.
    """

    requests_per_s: int = Field(20, ge=1)
    licensed_hours: float | None = Field(None, ge=0)
    granted_resources: tuple[str, ...] = tuple(each for edition in RESOURCES.values() for each in edition)
    hours_per_half_hour: float = Field(500, ge=0)
    formats: tuple[str, ...] = tuple(CONTAINERS)
    inline_data: bool = True
    gateway_status: bool = False
    result_form: Literal["object", "list"] = "object"
    code_in_body: bool = False


@dataclass(frozen=True)
class VolcengineBigmodelSubmission(AudioSubmission):
    """A submission that passed every check."""

    resource: str
    punctuated: bool
    detailed: bool
    speakers: bool
    callback_url: str | None
    callback_data: str | None


class VolcengineBigmodel(AsynchronousSimulator[VolcengineBigmodelOptions, VolcengineBigmodelSubmission]):
    """`POST /api/v3/auc/bigmodel/{submit,query}`, or `…/idle/…`; credentials: `appid` and `token`, or `api_key`."""

    vendor = "volcengine-bigmodel"
    moments = frozenset({"submit", "query", "result", "callback"})
    call_codes = outcome_codes = r"\d{8}"
    internal_error = "55000000"
    audio_codes = MappingProxyType(
        {
            outgoing.DownloadError: "45000006",
            outgoing.OversizeError: TOO_LARGE,
            EmptyRecordingError: "45000002",
            NotAudioError: BAD_FORMAT,
            UndecodableError: BAD_FORMAT,
            TooLongError: TOO_LARGE,  # a guess: no code is published for what is too long
        }
    )

    def __init__(self, setup: Setup, options: VolcengineBigmodelOptions) -> None:
        super().__init__(setup, options)
        self._rate = RateLimit(self.runtime.monotonic)

    def add_routes(self, app: Flask) -> None:
        for edition in RESOURCES:
            app.add_url_rule(f"{edition}/submit", view_func=self._submit, methods=["POST"])
            app.add_url_rule(f"{edition}/query", view_func=self._query, methods=["POST"])

    def parameters(self) -> Mapping[str, object]:
        names = ("X-Api-Resource-Id", "X-Api-Request-Id", "X-Api-Sequence")
        return {**{name: request.headers.get(name) for name in names}, **sent_fields()}

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        if code not in volcengine_gateway.HTTP_STATUSES:
            return self._answer_with(code, {}, message=message)
        answer = volcengine_gateway.refusal(code, message)
        if not self.options.gateway_status:
            return answer
        return replace(answer, headers=self._answer_with(code, {}, message=message).headers)

    def _submit(self) -> Response:
        return self.serve("submit", self._handle_submission)

    def _query(self) -> Response:
        return self.serve("query", self._handle_query)

    def _handle_submission(self) -> Answer:
        task_id, resource = self._authenticate()
        if request.headers.get("X-Api-Sequence") != "-1":
            raise RefusalError(BAD_PARAMETER, "invalid parameters: X-Api-Sequence is -1")
        body = JsonBody.of_request(BAD_PARAMETER)
        submission = self._read_submission(body, resource)
        source = self._source(body.part("audio"), submission)
        if self.options.licensed_hours is not None and self.recognized_hours() >= self.options.licensed_hours:
            raise RefusalError(QUOTA, volcengine_gateway.USED_UP)
        if self._recent_hours() >= self.options.hours_per_half_hour:
            raise RefusalError(TOO_MUCH)
        try:
            self.accept(task_id, submission, source)
        except TaskExistsError:
            raise RefusalError(BAD_PARAMETER, "duplicate request: X-Api-Request-Id was used before") from None
        return self._answer_with(SUCCESS, {}, task_id)

    def _handle_query(self) -> Answer:
        task_id, resource = self._authenticate()
        task = self.find(task_id)
        if task is None or task.submission.resource != resource:
            raise RefusalError(UNKNOWN_TASK)
        task.fetches += 1
        if (outcome := task.outcome) is None:
            code = QUEUED if task.state == "queued" else PROCESSING
            return self._answer_with(code, {"audio_info": {}, "result": {"text": ""}}, task.id)
        return self._answer_with(outcome.code, self._result(task.submission, outcome), task.id, outcome.message)

    def _answer_with(
        self, code: str, body: Mapping[str, object], task_id: str | None = None, message: str | None = None
    ) -> Answer:
        words = message or MESSAGES.get(code, "error")
        line = " ".join(words.split()).encode("ascii", "replace").decode()  # all that a header can carry
        headers = {"X-Api-Status-Code": code, "X-Api-Message": line, "X-Tt-Logid": uuid.uuid4().hex}
        return Answer(code, self._coded(code, words, task_id, body), task_id, headers=headers)

    def _coded(self, code: str, message: str, task_id: str | None, body: Mapping[str, object]) -> Mapping[str, object]:
        if not self.options.code_in_body:
            return body
        return {"code": int(code), "message": message, "task_id": task_id, **body}

    def _authenticate(self) -> tuple[str, str]:
        """Authorize a call; return its task id and resource."""
        if not self._is_known_key():
            raise RefusalError(BAD_KEY)
        resource = request.headers.get("X-Api-Resource-Id", "")
        edition = request.path.rpartition("/")[0]
        if resource not in RESOURCES[edition] or resource not in self.options.granted_resources:
            raise RefusalError(NOT_GRANTED)
        # One rate of the account for submissions and queries together.
        if not self._rate.allows(self.vendor, self.options.requests_per_s):
            raise RefusalError(QUOTA, "quota exceeded for types: qps")
        task_id = request.headers.get("X-Api-Request-Id", "")
        if not task_id:
            raise RefusalError(BAD_PARAMETER, "invalid parameters: X-Api-Request-Id is required")
        return task_id, resource

    def _recent_hours(self) -> float:
        """Return the length of the recordings that were submitted within half an hour, as far as it is known."""
        since = self.runtime.monotonic() - HALF_AN_HOUR_S
        ended = [task.outcome for task in self.tasks() if task.accepted_at > since and task.outcome]
        return sum(outcome.recording.duration_ms for outcome in ended if outcome.recording) / 3_600_000

    def _is_known_key(self) -> bool:
        """Return whether the key of the new console, or the pair of the old one, is the account's."""
        header = request.headers
        if "X-Api-Key" in header:
            return _same(header["X-Api-Key"], self.credentials.get("api_key"))
        return _same(header.get("X-Api-App-Key"), self.credentials.get("appid")) and _same(
            header.get("X-Api-Access-Key"), self.credentials.get("token")
        )

    def _read_submission(self, body: JsonBody, resource: str) -> VolcengineBigmodelSubmission:
        audio, wanted = body.part("audio"), body.part("request")
        body.part("user").text_or_none("uid")
        if wanted.text("model_name") != "bigmodel":
            raise wanted.refusal("model_name", "is bigmodel")
        language = audio.text_or_none("language")
        if language is not None and language not in LANGUAGES:
            raise audio.refusal("language", "is not known")
        for name in FLAGS:
            wanted.flag(name)
        submission = VolcengineBigmodelSubmission(
            format=declared_format(audio, self.options.formats),
            split_channels=wanted.flag("enable_channel_split"),
            resource=resource,
            punctuated=wanted.flag("enable_punc"),
            detailed=wanted.flag("show_utterances"),
            # The idle edition lists no speaker parameter.
            speakers=wanted.flag("enable_speaker_info") and not resource.endswith("_idle"),
            callback_url=body.url_or_none("callback"),
            callback_data=body.text_or_none("callback_data"),
        )
        separates = wanted.flag("enable_speaker_info")
        if wanted.text_or_none("ssd_version") and not (separates and language in {None, "zh-CN"}):
            raise wanted.refusal("ssd_version", "needs enable_speaker_info and no language but zh-CN")
        _check_tuning(wanted)
        return submission

    def _source(self, audio: JsonBody, submission: VolcengineBigmodelSubmission) -> Source:
        shape = RawPcm(audio.number("rate", 16000), audio.number("channel", 1), audio.number("bits", 16))
        if shape.bits != 16:
            raise audio.refusal("bits", "is 16")
        return declared_source(audio, submission.format, shape, inline_data=self.options.inline_data)

    def recognize(self, submission: VolcengineBigmodelSubmission, source: Source) -> Outcome:
        recording, utterances = recognize_audio(submission, source, self.read_recording, han_per_word=2)
        return Outcome(SUCCESS if utterances else SILENT, recording, utterances)

    def callback(self, task: Task[VolcengineBigmodelSubmission], outcome: Outcome) -> Callback | None:
        """Return a callback with the body of a query's answer; it has the code only with `code_in_body`."""
        submission = task.submission
        if submission.callback_url is None:
            return None
        message = outcome.message or MESSAGES.get(outcome.code, "error")
        body = dict(self._coded(outcome.code, message, task.id, self._result(submission, outcome)))
        if submission.callback_data is not None:
            body["callback_data"] = submission.callback_data
        return Callback(submission.callback_url, json.dumps(body, ensure_ascii=False).encode(), "application/json")

    def _result(self, submission: VolcengineBigmodelSubmission, outcome: Outcome) -> Mapping[str, object]:
        if outcome.code != SUCCESS:
            return {}
        duration_ms = outcome.recording.duration_ms if outcome.recording else 0
        texts = [_text(submission, utterance) for utterance in outcome.utterances]
        result: dict[str, object] = {"text": join_texts(texts), "additions": {"duration": str(duration_ms)}}
        if submission.detailed:
            result["utterances"] = [
                _utterance(submission, number, utterance) for number, utterance in enumerate(outcome.utterances)
            ]
        return {
            "audio_info": {"duration": duration_ms},
            "result": [result] if self.options.result_form == "list" else result,
        }


def _utterance(submission: VolcengineBigmodelSubmission, number: int, utterance: Utterance) -> dict[str, object]:
    times = [(word.start_ms, word.end_ms) for word in utterance.words if not word.punctuation]
    # As seen in the vendor's answers, now and then: a word whose times are not known, and a word that takes no time.
    if times and number % 3 == 1:
        times[-1] = (-1, -1)
    if times and number % 3 == 2:
        times[0] = (times[0][0], times[0][0])
    words = [word.text for word in utterance.words if not word.punctuation]
    return {
        "definite": True,
        "start_time": utterance.start_ms,
        "end_time": utterance.end_ms,
        "text": _text(submission, utterance),
        "words": [
            {"text": word, "start_time": start_ms, "end_time": end_ms, "blank_duration": 0, "confidence": 0}
            for word, (start_ms, end_ms) in zip(words, times, strict=True)
        ],
        "additions": {
            **({"speaker": str(utterance.speaker + 1)} if submission.speakers else {}),
            **({} if utterance.channel is None else {"channel_id": str(utterance.channel + 1)}),
        },
    }


def _text(submission: VolcengineBigmodelSubmission, utterance: Utterance) -> str:
    return utterance.text if submission.punctuated else strip_punctuation(utterance.text)


def _check_tuning(wanted: JsonBody) -> None:
    """Refuse invalid settings of the recognizer; the simulator ignores valid ones."""
    if wanted.text_or_none("model_version") not in {None, "310", "400"}:
        raise wanted.refusal("model_version", "is 310 or 400")
    wanted.flag("vad_segment")
    wanted.number("ssd_mode", 0)
    if not 300 <= wanted.number("end_window_size", 800) <= 5000:
        raise wanted.refusal("end_window_size", "is 300 to 5000")
    _json_object(wanted, "sensitive_words_filter")
    corpus = wanted.part("corpus")
    if wanted.flag("enable_auto_lang") and any(corpus.fields.values()):
        raise wanted.refusal("enable_auto_lang", "cannot be used with corpus")
    hotwords = _json_object(corpus, "context").get("hotwords", [])
    if not isinstance(hotwords, list) or len(hotwords) > MAX_HOTWORDS:
        raise corpus.refusal("context", f"has a list of up to {MAX_HOTWORDS} hotwords")


def _json_object(part: JsonBody, name: str) -> dict[str, object]:
    """Return the JSON object in the text of a field; an empty one for no text."""
    text = part.fields.get(name) or "{}"
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise part.refusal(name, "is the text of a JSON object")
    return found


def _same(claimed: str | None, known: str | None) -> bool:
    return bool(claimed and known) and hmac.compare_digest(str(claimed).encode(), str(known).encode())
