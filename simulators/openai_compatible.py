"""Simulate a server with OpenAI's transcription interface: one upload, the result in the same answer.

Source: OpenAI API reference, "Create transcription"; for `dialect` the servers of FunASR, speaches and whisper.cpp.
It is as strict as the strictest of them: every field is checked, and an unknown one refused.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Literal

from flask import Flask, Response, request
from pydantic import Field

from recognizer.client import StillWorkingError
from simulators.checks import RateLimit
from simulators.outgoing import OversizeError
from simulators.recording import Recording, RecordingError, Source, TooLongError
from simulators.script import Utterance, join_texts, make_utterances
from simulators.server import RECOGNIZED_WARNING, Answer, Options, RefusalError, Setup, Simulator

PATH = "/v1/audio/transcriptions"
MAX_DURATION_MS = 10 * 3600 * 1000
SHORTEST_MS = 100
FIELDS = {
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "timestamp_granularities[]",
    "chunking_strategy",
}
SUFFIXES = {"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"}
LANGUAGES = {
    "zh": "chinese",
    "en": "english",
    "yue": "cantonese",
    "ja": "japanese",
    "ko": "korean",
    "fr": "french",
    "de": "german",
    "es": "spanish",
}
RESPONSE_FORMATS = {"json", "verbose_json", "diarized_json"}
GRANULARITIES = {"word", "segment"}
# A refusal's code -> its HTTP status, error type, parameter, and OpenAI's message.
REFUSALS: Mapping[str, tuple[HTTPStatus, str, str | None, str]] = {
    "invalid_api_key": (HTTPStatus.UNAUTHORIZED, "invalid_request_error", None, "Incorrect API key provided."),
    "insufficient_quota": (
        HTTPStatus.TOO_MANY_REQUESTS,
        "insufficient_quota",
        None,
        "You exceeded your current quota.",
    ),
    "rate_limit_exceeded": (HTTPStatus.TOO_MANY_REQUESTS, "requests", None, "Rate limit reached."),
    "model_not_found": (HTTPStatus.NOT_FOUND, "invalid_request_error", "model", "The model does not exist."),
    "audio_too_short": (HTTPStatus.BAD_REQUEST, "invalid_request_error", "file", "Audio file is too short."),
    "server_error": (HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", None, "The server had an error."),
    "loading": (HTTPStatus.SERVICE_UNAVAILABLE, "server_error", None, "The model is loading."),
    "too_large": (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "server_error",
        None,
        "Maximum content size limit exceeded.",
    ),
    "undecodable": (
        HTTPStatus.BAD_REQUEST,
        "invalid_request_error",
        "file",
        "The audio file could not be decoded or its format is not supported.",
    ),
    "invalid_value": (HTTPStatus.BAD_REQUEST, "invalid_request_error", None, "Invalid value."),
    "unknown_url": (HTTPStatus.NOT_FOUND, "invalid_request_error", None, "Unknown request URL."),
}
# Codes for faults only; a server's error has none.
WITHOUT_CODE = {"loading", "too_large", "undecodable", "invalid_value"}


class OpenaiCompatibleOptions(Options):
    """Limits, and the ways in which servers differ.

    dialect: the server whose replies and errors are simulated.  requires_key: whether a key is required.
    loading: the model is not ready yet.  retry_after: the header of retryable refusals; empty for none.
    path: in front of `/v1`, as behind a proxy.  models: the known ones; empty accepts any.
    """

    dialect: Literal["openai", "funasr", "speaches", "whisper.cpp", "text"] = "openai"
    requires_key: bool = True
    loading: bool = False
    retry_after: str = ""
    path: str = ""
    models: tuple[str, ...] = ("whisper-1", "gpt-4o-transcribe-diarize")
    requests_per_s: int = Field(1000, ge=1)
    max_upload_bytes: int = Field(25 * 1024 * 1024, ge=1)


class OpenaiCompatible(Simulator[OpenaiCompatibleOptions]):
    """`POST` on `/v1/audio/transcriptions`; credentials: `api_key`."""

    vendor = "openai-compatible"
    moments = frozenset({"submit", "result"})
    call_codes = outcome_codes = r"[a-z_]{1,40}"

    def __init__(self, setup: Setup, options: OpenaiCompatibleOptions) -> None:
        super().__init__(setup, options)
        self._rate = RateLimit(self.runtime.monotonic)

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule(PATH, view_func=self._serve, methods=["POST"])
        app.add_url_rule(f"/<path:before>{PATH}", view_func=self._serve, methods=["POST"])

    def parameters(self) -> Mapping[str, object]:
        sent: dict[str, object] = {name: request.form.getlist(name) for name in request.form}
        return {**sent, "files": [file.filename for file in request.files.values()]}

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        status, kind, parameter, usual = REFUSALS.get(
            code, (HTTPStatus.BAD_REQUEST, "invalid_request_error", None, code)
        )
        text = message or usual
        is_retryable = (
            status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE} and code != "insufficient_quota"
        )
        headers = {"Retry-After": self.options.retry_after} if is_retryable and self.options.retry_after else {}
        match self.options.dialect:
            case "funasr" | "speaches" if parameter is None or code == "undecodable":
                payload: dict[str, object] = {"detail": text}
            case "funasr" | "speaches":
                payload = {"detail": [{"type": "value_error", "loc": ["body", parameter], "msg": text}]}
            case "whisper.cpp":
                payload, status = {"error": text}, HTTPStatus.OK if code == "undecodable" else status
            case _:
                shown_code = None if code in WITHOUT_CODE else code
                payload = {"error": {"message": text, "type": kind, "param": parameter, "code": shown_code}}
        return Answer(code, payload, http_status=status, headers=headers)

    def _serve(self, before: str = "") -> Response:
        return self.serve("submit", lambda: self._transcribe(before))

    def _transcribe(self, before: str) -> Answer:
        if before != self.options.path.strip("/"):
            raise RefusalError("unknown_url")
        key = self.credentials.get("api_key")
        if self.options.requires_key and request.headers.get("Authorization") != f"Bearer {key}":
            raise RefusalError("invalid_api_key")
        if self.options.loading:
            raise RefusalError("loading")
        if not self._rate.allows("all", self.options.requests_per_s):
            raise RefusalError("rate_limit_exceeded")
        source = self._checked_source()
        if result := self.take_fault("result"):
            self.background.pause(result.delay_s)
            if result.code is not None:
                raise RefusalError(result.code, result.message)
        recording = self._measured(source)
        speakers = 2 if self._response_format() == "diarized_json" or self.options.dialect == "funasr" else 1
        utterances = make_utterances(recording.segments, recording.speech, speakers=speakers)
        headers = {"Warning": RECOGNIZED_WARNING} if recording.is_recognized else {}
        return Answer("ok", self._result(recording, utterances), headers=headers)

    def _checked_source(self) -> Source:
        """Check every field of the request; return its file."""
        form, files = request.form, request.files
        if request.mimetype != "multipart/form-data":
            raise RefusalError("invalid_value", "Content-Type must be multipart/form-data.")
        if unknown := sorted(set(form) - FIELDS):
            raise RefusalError("invalid_value", f"Unrecognized request argument supplied: {', '.join(unknown)}")
        if set(files) != {"file"} or len(files.getlist("file")) != 1:
            raise RefusalError("invalid_value", "One file is required.")
        if repeated := [name for name in form if len(form.getlist(name)) > 1 and not name.endswith("[]")]:
            raise RefusalError("invalid_value", f"Sent twice: {', '.join(repeated)}")
        self._check_fields()
        file = files["file"]
        data = file.stream.read()
        if len(data) > self.options.max_upload_bytes:
            raise RefusalError("too_large")
        if (file.filename or "").rpartition(".")[2] not in SUFFIXES:
            raise RefusalError("undecodable", "Invalid file format.")
        return Source(data=data)

    def _check_fields(self) -> None:
        form = request.form
        if self.options.models and form.get("model") not in self.options.models:
            raise RefusalError("model_not_found")
        if "language" in form and form["language"] not in LANGUAGES:
            raise RefusalError("invalid_value", "Language parameter must be specified in ISO-639-1 format.")
        if self._response_format() not in RESPONSE_FORMATS:
            raise RefusalError("invalid_value", "Unsupported response_format.")
        granularities = form.getlist("timestamp_granularities[]")
        if granularities and self._response_format() != "verbose_json":
            raise RefusalError("invalid_value", "timestamp_granularities requires verbose_json.")
        if not set(granularities) <= GRANULARITIES or len(granularities) != len(set(granularities)):
            raise RefusalError("invalid_value", "timestamp_granularities are word and segment.")
        if not _is_temperature(form.get("temperature", "0")):
            raise RefusalError("invalid_value", "temperature is a number from 0 to 1.")

    def _response_format(self) -> str:
        return request.form.get("response_format", "json")

    def _measured(self, source: Source) -> Recording:
        try:
            recording = self.read_recording(source, max_bytes=self.options.max_upload_bytes, max_ms=MAX_DURATION_MS)
        except (OversizeError, TooLongError):
            raise RefusalError("too_large") from None
        except StillWorkingError:
            raise RefusalError("server_error") from None
        except RecordingError:
            raise RefusalError("undecodable") from None
        if recording.duration_ms < SHORTEST_MS:
            raise RefusalError("audio_too_short")
        return recording

    def _result(self, recording: Recording, utterances: Sequence[Utterance]) -> dict[str, object]:
        text = join_texts([utterance.text for utterance in utterances])
        dialect, response_format = self.options.dialect, self._response_format()
        if dialect == "text" or response_format == "json":
            return {"text": text}
        language = request.form.get("language", "zh")
        segments = [
            {"id": number, "start": each.start_ms / 1000, "end": each.end_ms / 1000, "text": f" {each.text}"}
            for number, each in enumerate(utterances)
        ]
        length_s = recording.duration_ms / 1000
        if response_format == "diarized_json":
            labels = [{"speaker": "AB"[each.speaker]} for each in utterances]
            return {"duration": length_s, "text": text, "segments": _joined(segments, labels)}
        if dialect == "funasr":
            # Its `duration` is the time of the recognition.
            numbers = [{"speaker": each.speaker} for each in utterances]
            return {"text": text, "segments": _joined(segments, numbers), "language": language, "duration": 0.012}
        granularities = set(request.form.getlist("timestamp_granularities[]")) or {"segment"}
        words = [_words(each) if "word" in granularities else [] for each in utterances]
        result: dict[str, object] = {"task": "transcribe", "duration": length_s, "text": text}
        if dialect == "openai":
            beside = {"words": [word for each in words for word in each]} if "word" in granularities else {}
            parts = {"segments": segments} if "segment" in granularities else {}
            return {**result, "language": LANGUAGES[language], **parts, **beside}
        inside = _joined(segments, [{"words": [{**word, "probability": 0.9} for word in each]} for each in words])
        name = LANGUAGES[language] if dialect == "whisper.cpp" else language
        return {**result, "language": name, "segments": inside}


def _words(utterance: Utterance) -> list[dict[str, object]]:
    return [
        {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000}
        for word in utterance.words
        if not word.punctuation
    ]


def _joined(
    segments: Sequence[Mapping[str, object]], others: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    return [{**segment, **other} for segment, other in zip(segments, others, strict=True)]


def _is_temperature(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
