"""Volcengine AUC, v1 standard edition: submit, then query; a callback if asked for.

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

from simulators import outgoing
from simulators.asynchronous import AsynchronousOptions, AsynchronousSimulator, Callback, Outcome, Task
from simulators.checks import RateLimit, is_http_url, whole_number
from simulators.recording import (
    EmptyRecordingError,
    NotAudioError,
    RawPcm,
    Source,
    TooLongError,
    UndecodableError,
    read_recording,
    suffix_of,
)
from simulators.script import join_texts, speak
from simulators.server import Answer, RefusalError, Setup

CANONICAL_HOST = "openspeech.bytedance.com"
MAX_BYTES = 512 * 1024 * 1024 - 1
MAX_DURATION_MS = 5 * 3600 * 1000 - 1
CONTAINERS = {"wav": {"wav", "w64"}, "ogg": {"ogg"}, "mp3": {"mp3"}, "mp4": {"mp4"}, "raw": {"raw"}}
CODECS = {"raw", "opus"}
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
class Order:
    """A submission that passed every check."""

    format: str
    callback_url: str | None
    queryable: bool
    speakers: bool
    split_channels: bool


def mac_lines(method: str, target: str, protocol: str, headers: list[tuple[str, str]], body: bytes) -> list[bytes]:
    """What HMAC256 signs: the `Name: value` form of the printed mac, and the bare values of the vendor's template."""
    start = f"{method} {target} {protocol}\n"
    named = "".join(f"{name}: {value}\n" for name, value in headers)
    bare = "".join(f"{value}\n" for _, value in headers)
    return [(start + each).encode() + body for each in (named, bare)]


def mac(secret_key: str, message: bytes) -> str:
    """The URL-safe base64 of HMAC-SHA256, without padding."""
    return base64.urlsafe_b64encode(hmac.digest(secret_key.encode(), message, "sha256")).decode().rstrip("=")


class Volcengine(AsynchronousSimulator[VolcengineOptions, Order]):
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
        self._rate = RateLimit()

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule("/api/v1/auc/submit", view_func=self._submit, methods=["POST"])
        app.add_url_rule("/api/v1/auc/query", view_func=self._query, methods=["POST"])

    def parameters(self) -> Mapping[str, object]:
        body = request.get_json(force=True, silent=True)
        return body if isinstance(body, dict) else {}

    def refuse(self, moment: str, code: str, message: str | None) -> Mapping[str, object]:
        usual = "task not found" if (moment, code) == ("query", "1001") else MESSAGES.get(code, "error")
        return {"resp": {"code": self._typed(int(code), moment), "message": message or usual}}

    def _submit(self) -> Response:
        return self.serve("submit", self._take)

    def _query(self) -> Response:
        return self.serve("query", self._tell)

    def _typed(self, code: int, moment: str) -> int | str:
        chosen = self.options.submit_code if moment == "submit" and code == 1000 else self.options.query_code
        return str(code) if chosen == "string" else code

    def _take(self) -> Answer:
        body = self._body()
        app = _part(body, "app")
        self._authenticate(app)
        user, audio, wanted, additions = (_part(body, name) for name in ("user", "audio", "request", "additions"))
        _require(user, "uid", "user")
        if any(not isinstance(value, str) for value in additions.values()):
            raise RefusalError("1001", "invalid parameters: the values of additions are strings")
        if additions.get("language", "zh-CN") not in LANGUAGES:
            raise RefusalError("1001", "invalid parameters: additions.language")
        callback_url = _require(wanted, "callback", "request") if "callback" in wanted else None
        if callback_url is not None and not is_http_url(callback_url):
            raise RefusalError("1001", "invalid parameters: request.callback")
        order = Order(
            format=_format(audio),
            callback_url=callback_url,
            queryable=callback_url is None or additions.get("enable_query") == "True",
            speakers=additions.get("with_speaker_info") == "True",
            split_channels=additions.get("channel_split") == "True",
        )
        task = self.accept(str(uuid.uuid4()), order, self._source(audio))
        resp = {"code": self._typed(1000, "submit"), "message": "Success", "id": task.id}
        return Answer("1000", {"resp": resp}, task.id)

    def _tell(self) -> Answer:
        body = self._body()
        self._authenticate(body)
        task = self.find(_require(body, "id"))
        if task is None:
            raise RefusalError("1001", "task not found")
        if not task.order.queryable:
            raise RefusalError("1001", "invalid parameters: a task with a callback is queried only with enable_query")
        task.fetches += 1
        if task.outcome is None:
            code = 2001 if task.state == "queued" else 2000
            resp = {"id": task.id, "code": self._typed(code, "query"), "message": MESSAGES[str(code)]}
            return Answer(str(code), {"resp": resp}, task.id)
        return Answer(task.outcome.code, self._result(task, task.outcome), task.id)

    def _body(self) -> Mapping[str, object]:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            raise RefusalError("1001", "invalid parameters: the body is not a JSON object")
        return body

    def _authenticate(self, claimed: Mapping[str, object]) -> None:
        """The application's own fields, nested at submit and flat at query, and the header must agree."""
        appid, token, cluster = (_require(claimed, name) for name in ("appid", "token", "cluster"))
        if appid != self.credentials["appid"]:
            raise RefusalError("1001", "invalid parameters: appid does not exist")
        if token != self.credentials["token"] or not self._header_proves(token):
            raise RefusalError("1002")
        if cluster != self.credentials["cluster"]:
            raise RefusalError("1002", "permission denied: cluster")
        if not self._rate.allows(appid, self.options.requests_per_s):
            raise RefusalError("1003")

    def _header_proves(self, token: str) -> bool:
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

    def _source(self, audio: Mapping[str, object]) -> Source:
        codec = audio.get("codec", "raw")
        if not isinstance(codec, str) or codec.lower() not in CODECS:
            raise RefusalError("1001", "invalid parameters: audio.codec")
        rate_hz, bits, channels = (
            whole_number(audio.get(name, usual)) or 0 for name, usual in (("rate", 16000), ("bits", 16), ("channel", 1))
        )
        if rate_hz <= 0 or bits <= 0 or channels not in {1, 2}:
            raise RefusalError("1001", "invalid parameters: audio.rate, audio.bits or audio.channel")
        raw = RawPcm(rate_hz, channels, bits) if _format(audio) == "raw" else None
        if self.options.inline_data and "url" not in audio and isinstance(audio.get("data"), str):
            try:
                return Source(data=base64.b64decode(str(audio["data"]), validate=True), raw=raw)
            except ValueError:
                raise RefusalError("1001", "invalid parameters: audio.data") from None
        if not is_http_url(_require(audio, "url", "audio")):
            raise RefusalError("1001", "invalid parameters: audio.url")
        return Source(url=str(audio["url"]), raw=raw)

    def recognise(self, order: Order, source: Source) -> Outcome:
        recording = read_recording(source, max_bytes=MAX_BYTES, max_ms=MAX_DURATION_MS, follow_redirects=False)
        if recording.format not in CONTAINERS.get(order.format, set()):
            return Outcome("1012")
        if not recording.segments:
            return Outcome("1013")
        split = order.split_channels and recording.channels == 2
        segments = recording.split_segments if split else recording.segments
        script = self.scripts.find(recording.sha256)
        return Outcome("1000", recording, speak(segments, script, speakers=2, han_per_word=1))

    def callback(self, task: Task[Order], outcome: Outcome) -> Callback | None:
        if task.order.callback_url is None:
            return None
        body = json.dumps(self._result(task, outcome), ensure_ascii=False).encode()
        return Callback(task.order.callback_url, body, "application/json")

    def _result(self, task: Task[Order], outcome: Outcome) -> Mapping[str, object]:
        """The answer of a query, and the body of a callback: they are the same."""
        code = outcome.code
        resp: dict[str, object] = {
            "id": task.id,
            "code": self._typed(int(code), "query"),
            "message": MESSAGES.get(code, "error"),
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
                        **({"speaker": str(utterance.speaker + 1)} if task.order.speakers else {}),
                        **({} if utterance.channel is None else {"channel_id": str(utterance.channel + 1)}),
                    },
                }
                for utterance in outcome.utterances
            ]
        return {"resp": resp}


def _part(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = body.get(name, {})
    if not isinstance(part, dict):
        raise RefusalError("1001", f"invalid parameters: {name} is an object")
    return part


def _require(part: Mapping[str, object], name: str, parent: str = "") -> str:
    value = part.get(name)
    if not isinstance(value, str) or not value:
        raise RefusalError("1001", f"invalid parameters: {parent + '.' if parent else ''}{name} is required")
    return value


def _format(audio: Mapping[str, object]) -> str:
    """The announced container; without one the suffix of the address decides, as far as it is known."""
    if "format" not in audio:
        suffix = suffix_of(str(audio.get("url", "")))
        return "raw" if suffix == "pcm" else suffix
    announced = audio["format"]
    if not isinstance(announced, str) or announced.lower() not in CONTAINERS:
        raise RefusalError("1001", "invalid parameters: audio.format")
    return announced.lower()
