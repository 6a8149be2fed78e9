"""Serve the OpenAI transcription interface over HTTP, on loopback.

`POST /v1/audio/transcriptions` as OpenAI documents it (json, verbose_json; word and segment granularities), and for the
simulators `POST /recognitions`, which accepts the recording as the plain body: no side needs a second copy of it in
memory. `GET /recognitions` lists the running and waiting recognitions with their progress.
"""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from recognizer.audio import UnreadableError
from recognizer.queue import Queue
from recognizer.recognition import Recognition

LOG = logging.getLogger(__name__)

MAX_BYTES = 2 * 1024**3  # five hours of uncompressed stereo
FORMATS = ("json", "verbose_json")
GRANULARITIES = ("segment", "word")
MARKS = ",.!?:;，。！？、：；"  # part of segments' texts, not of words
LOADING_S = 20.0  # a model on the disk is loaded by then, even on a busy machine
RETRY_AFTER_S = 2


class RefusalError(Exception):
    """A request is refused with an error in OpenAI's form."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def make_app(queue: Queue, loading_s: float = LOADING_S) -> Flask:
    """Return the WSGI application. loading_s: how long a request waits for the model to be loaded."""
    app = Flask("recognizer")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the provider's documented switch

    def recognize(file: IO[bytes], language: str | None, hints: str) -> Recognition:
        if not queue.wait_open(loading_s):
            raise RefusalError(503, "model_not_ready", "the model is being loaded; send the request again")
        try:
            return queue.recognize(file, language, hints)
        except UnreadableError as error:
            raise RefusalError(400, "invalid_audio", f"the recording cannot be read: {error}") from None

    @app.post("/v1/audio/transcriptions")
    def transcribe() -> Response:
        uploaded = request.files.get("file")
        if uploaded is None:
            raise RefusalError(400, "missing_file", "the form has no field 'file' with the recording")
        form = _choice("response_format", request.form.get("response_format", "json"), FORMATS)
        wanted = [
            _choice("timestamp_granularities[]", each, GRANULARITIES)
            for each in request.form.getlist("timestamp_granularities[]")
        ]
        language = request.form.get("language", "").strip().lower().partition("-")[0] or None
        with tempfile.TemporaryFile(prefix="asr-recognizer-") as file:
            shutil.copyfileobj(uploaded.stream, file)
            recognition = recognize(file, language, request.form.get("prompt", ""))
        if form == "json":
            return jsonify(text=_text(recognition))
        return jsonify(verbose(recognition, wanted or ["segment"]))

    @app.post("/recognitions")
    def recognize_recording() -> Response:
        with tempfile.TemporaryFile(prefix="asr-recognizer-") as file:
            shutil.copyfileobj(request.stream, file)
            return jsonify(recognize(file, None, "").to_json())

    @app.get("/recognitions")
    def show() -> Response:
        return jsonify(recognitions=queue.waiting(), model_loaded=queue.is_open)

    @app.errorhandler(RefusalError)
    def refuse(error: RefusalError) -> Response:
        return _refusal(error.status, error.code, error.message)

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            return _refusal(413, "file_too_large", f"the recording has more than {MAX_BYTES} bytes")
        return _refusal(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        LOG.exception("recognition failed")
        return _refusal(
            500, "internal_error", f"the recognition failed ({type(error).__name__}); see the recognizer's log"
        )

    return app


def verbose(recognition: Recognition, granularities: Sequence[str]) -> dict[str, Any]:
    """Return a recognition as OpenAI's `verbose_json`; times in seconds."""
    document: dict[str, Any] = {
        "task": "transcribe",
        "language": recognition.language,
        "duration": recognition.duration_ms / 1000,
        "text": _text(recognition),
    }
    if "segment" in granularities:
        document["segments"] = [
            {"id": number, "start": each.start_ms / 1000, "end": each.end_ms / 1000, "text": each.text}
            for number, each in enumerate(recognition.sentences)
        ]
    if "word" in granularities:
        document["words"] = [
            {"word": word.text.strip(f" {MARKS}"), "start": word.start_ms / 1000, "end": word.end_ms / 1000}
            for sentence in recognition.sentences
            for word in sentence.words
        ]
    return document


def _text(recognition: Recognition) -> str:
    gap = "" if recognition.language in {"zh", "ja"} else " "
    return gap.join(sentence.text for sentence in recognition.sentences)


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise RefusalError(400, "unsupported_value", f"{name} is {value!r}; it can be: {', '.join(allowed)}")
    return value


def _refusal(status: int, code: str, message: str) -> Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    response = jsonify(error={"message": message, "type": kind, "param": None, "code": code})
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
