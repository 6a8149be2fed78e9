"""Simulate Volcengine AUC, v1 standard edition: submit, then query, with an optional callback.

Source: "Volcengine recording-file recognition, v1 standard edition".
"""

import base64
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from flask import Flask, Response, request
from pydantic import Field

from simulators import outgoing, volcengine_gateway
from simulators.asynchronous import AsynchronousOptions, AsynchronousSimulator, Callback, Outcome, Task
from simulators.body import JsonBody, sent_fields
from simulators.checks import RateLimit, whole_number
from simulators.recording import (
    EmptyRecordingError,
    NotAudioError,
    RawPcm,
    Source,
    TooLongError,
    UndecodableError,
    suffix_of,
)
from simulators.script import join_texts
from simulators.server import Answer, RefusalError, Setup
from simulators.volcengine_audio import AudioSubmission, declared_format, declared_source, recognize_audio

CANONICAL_HOST = "openspeech.bytedance.com"
FORMATS = ("raw", "wav", "ogg", "mp3", "mp4")
LANGUAGES = {"zh-CN", "en-US", "cant", "sc", "zh_shanghai", "ja-JP", "ko-KR", "fr-FR", "es-MX", "pt-BR", "id-ID"} | {
    "ru-RU",
    "ms-MY",
}

MESSAGES = {
    "1000": "Success",
    "1001": "invalid parameters",
    "1002": "permission denied",
    "1003": "exceed qps limit",
    "1004": "quota exceeded",
    "1005": "server busy",
    "1006": "request interrupted",
    "1010": "audio too long",
    "1011": "audio too large",
    "1012": "invalid audio format",
    "1013": "silent audio",
    "1014": "empty audio",
    "1015": "download failed",
    "1020": "waiting timed out",
    "1021": "processing timed out",
    "1022": "recognition error",
    "1099": "unknown error",
    "2000": "Start Processing",
    "2001": "Task is in queue",
}


class VolcengineOptions(AsynchronousOptions):
    """`submit_code`, `query_code`: how the success codes of the two calls are typed."""

    requests_per_s: int = Field(100, ge=1)
    submit_code: Literal["string", "int"] = "string"
    query_code: Literal["string", "int"] = "int"
    inline_data: bool = False


@dataclass(frozen=True)
class VolcengineSubmission(AudioSubmission):
    """A submission that passed every check."""

    callback_url: str | None
    queryable: bool
    speakers: bool


def mac_lines(method: str, target: str, protocol: str, headers: list[tuple[str, str]], body: bytes) -> list[bytes]:
    """Return what HMAC256 may sign: `Name: value` lines as in the printed mac, and bare values as in the template."""
    start = f"{method} {target} {protocol}\n"
    named = "".join(f"{name}: {value}\n" for name, value in headers)
    bare = "".join(f"{value}\n" for _, value in headers)
    return [(start + each).encode() + body for each in (named, bare)]


def mac(secret_key: str, message: bytes) -> str:
    """Return the URL-safe base64 of HMAC-SHA256, without padding."""
    return base64.urlsafe_b64encode(hmac.digest(secret_key.encode(), message, "sha256")).decode().rstrip("=")


class Volcengine(AsynchronousSimulator[VolcengineOptions, VolcengineSubmission]):
    """`POST /api/v1/auc/{submit,query}`; credentials: `appid`, `token`, `cluster`, `secret_key` for HMAC256."""

    vendor = "volcengine"
    moments = frozenset({"submit", "query", "result", "callback"})
    internal_error = "1099"
    audio_codes = MappingProxyType(
        {
            outgoing.DownloadError: "1015",
            outgoing.OversizeError: "1011",
            EmptyRecordingError: "1014",
            NotAudioError: "1012",
            UndecodableError: "1012",
            TooLongError: "1010",
        }
    )

    def __init__(self, setup: Setup, options: VolcengineOptions) -> None:
        super().__init__(setup, options)
        self._rate = RateLimit(self.runtime.monotonic)

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule("/api/v1/auc/submit", view_func=self._submit, methods=["POST"])
        app.add_url_rule("/api/v1/auc/query", view_func=self._query, methods=["POST"])

    def parameters(self) -> Mapping[str, object]:
        return sent_fields()

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        if code in volcengine_gateway.HTTP_STATUSES:
            return volcengine_gateway.refusal(code, message)
        usual = "task not found" if (moment, code) == ("query", "1001") else MESSAGES.get(code, "error")
        return Answer(code, {"resp": {"code": self._typed(int(code), moment), "message": message or usual}})

    def _submit(self) -> Response:
        return self.serve("submit", self._handle_submission)

    def _query(self) -> Response:
        return self.serve("query", self._handle_query)

    def _typed(self, code: int, moment: str) -> int | str:
        chosen = self.options.submit_code if moment == "submit" and code == 1000 else self.options.query_code
        return str(code) if chosen == "string" else code

    def _handle_submission(self) -> Answer:
        body = JsonBody.of_request("1001")
        self._authenticate(body.part("app"))
        body.part("user").text("uid")
        audio, additions = body.part("audio"), body.part("additions")
        for name in additions:
            if not isinstance(additions.fields[name], str):
                raise additions.refusal(name, "is a string")
        wanted = additions.fields
        if wanted.get("language", "zh-CN") not in LANGUAGES:
            raise additions.refusal("language", "is not known")
        callback_url = body.part("request").url_or_none("callback")
        submission = VolcengineSubmission(
            format=_format(audio),
            callback_url=callback_url,
            queryable=callback_url is None or wanted.get("enable_query") == "True",
            speakers=wanted.get("with_speaker_info") == "True",
            split_channels=wanted.get("channel_split") == "True",
        )
        task = self.accept(str(uuid.uuid4()), submission, self._source(audio, submission))
        resp = {"code": self._typed(1000, "submit"), "message": "Success", "id": task.id}
        return Answer("1000", {"resp": resp}, task.id)

    def _handle_query(self) -> Answer:
        body = JsonBody.of_request("1001")
        self._authenticate(body)
        task = self.find(body.text("id"))
        if task is None:
            raise RefusalError("1001", "task not found")
        if not task.submission.queryable:
            raise RefusalError("1001", "invalid parameters: a task with a callback is queried only with enable_query")
        task.fetches += 1
        if task.outcome is None:
            code = 2001 if task.state == "queued" else 2000
            resp = {"id": task.id, "code": self._typed(code, "query"), "message": MESSAGES[str(code)]}
            return Answer(str(code), {"resp": resp}, task.id)
        return Answer(task.outcome.code, self._result(task, task.outcome), task.id)

    def _authenticate(self, claimed: JsonBody) -> None:
        """Check the application's fields, nested at submit and flat at query, against the header."""
        appid, token, cluster = (claimed.text(name) for name in ("appid", "token", "cluster"))
        if appid != self.credentials["appid"]:
            raise RefusalError("1001", "invalid parameters: appid does not exist")
        if token != self.credentials["token"] or not self._is_header_valid(token):
            raise RefusalError("1002")
        if cluster != self.credentials["cluster"]:
            raise RefusalError("1002", "permission denied: cluster")
        if not self._rate.allows(appid, self.options.requests_per_s):
            raise RefusalError("1003")

    def _is_header_valid(self, token: str) -> bool:
        header = request.headers.get("Authorization", "")
        if bearer := re.fullmatch(r"Bearer ?; ?(\S+)", header):
            return hmac.compare_digest(bearer[1].encode(), token.encode())
        signed = re.fullmatch(r'HMAC256; *access_token="([^"]*)"; *mac="([^"=]*)=*"(?:; *h="([^"]*)")?', header)
        secret_key = self.credentials.get("secret_key")
        if not signed or not secret_key or signed[1] != token:
            return False
        names = [name.strip() for name in (signed[3] or "Host").split(",")]
        if any(name not in request.headers for name in names):
            return False
        environ = request.environ
        valid = [
            mac(secret_key, message)
            for host in (request.host, CANONICAL_HOST)
            for message in mac_lines(
                request.method,
                environ["REQUEST_URI"],
                environ["SERVER_PROTOCOL"],
                [(name, host if name.lower() == "host" else request.headers[name]) for name in names],
                request.get_data(),
            )
        ]
        return any(hmac.compare_digest(signed[2].encode(), each.encode()) for each in valid)

    def _source(self, audio: JsonBody, submission: VolcengineSubmission) -> Source:
        rate_hz, channels, bits = (
            whole_number(audio.fields.get(name, usual)) or 0
            for name, usual in (("rate", 16000), ("channel", 1), ("bits", 16))
        )
        shape = RawPcm(rate_hz, channels, bits)
        return declared_source(audio, submission.format, shape, inline_data=self.options.inline_data)

    def recognize(self, submission: VolcengineSubmission, source: Source) -> Outcome:
        recording, utterances = recognize_audio(submission, source, self.read_recording, han_per_word=1)
        return Outcome("1000" if utterances else "1013", recording, utterances)

    def callback(self, task: Task[VolcengineSubmission], outcome: Outcome) -> Callback | None:
        if task.submission.callback_url is None:
            return None
        body = json.dumps(self._result(task, outcome), ensure_ascii=False).encode()
        return Callback(task.submission.callback_url, body, "application/json")

    def _result(self, task: Task[VolcengineSubmission], outcome: Outcome) -> Mapping[str, object]:
        """Return the answer of a query, which is also the body of a callback."""
        code = outcome.code
        resp: dict[str, object] = {
            "id": task.id,
            "code": self._typed(int(code), "query"),
            "message": outcome.message or MESSAGES.get(code, "error"),
        }
        if code in {"1000", "1013"}:
            resp["text"] = join_texts([utterance.text for utterance in outcome.utterances])
            resp["utterances"] = [
                {
                    "text": utterance.text,
                    "start_time": utterance.start_ms,
                    "end_time": utterance.end_ms,
                    "words": [
                        {"text": word.text, "start_time": word.start_ms, "end_time": word.end_ms}
                        for word in utterance.words
                        if not word.punctuation
                    ],
                    "additions": {
                        **({"speaker": str(utterance.speaker + 1)} if task.submission.speakers else {}),
                        **({} if utterance.channel is None else {"channel_id": str(utterance.channel + 1)}),
                    },
                }
                for utterance in outcome.utterances
            ]
        return {"resp": resp}


def _format(audio: JsonBody) -> str:
    """Return the declared container; without one, that of the address's suffix if it is known."""
    if "format" in audio:
        return declared_format(audio, FORMATS)
    suffix = suffix_of(str(audio.fields.get("url", "")))
    return "raw" if suffix == "pcm" else suffix
