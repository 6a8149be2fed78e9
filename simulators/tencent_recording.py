"""Simulate Tencent recording recognition, legacy API: one signed POST, the result only by callback.

Source: "Tencent recording recognition, legacy API page"; the page does not give the order of all checks.
"""

import base64
import binascii
import hmac
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

import requests
from flask import Flask, Response, request
from pydantic import Field

from simulators.asynchronous import DAY_S, AsynchronousOptions, AsynchronousSimulator, Callback, Outcome, Task
from simulators.checks import RateLimit, is_http_url, whole_number
from simulators.recording import (
    RawPcm,
    Source,
    has_header,
    suffix_of,
)
from simulators.script import Utterance, make_utterances
from simulators.server import UTF_8, Answer, RefusalError, Setup
from simulators.tencent_callback import (
    AUDIO_CODES,
    FORM,
    SHORTEST_MS,
    TOO_SHORT,
    form_body,
    format_lines,
    is_acknowledged,
)

CANONICAL_HOST = "aai.qcloud.com"
MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_URL_BYTES = 1024**3  # not published for this generation; the current one's limit
MAX_URL_LENGTH = 2048  # exclusive
MAX_DURATION_MS = 3600 * 1000
MAX_VALIDITY_S = 90 * DAY_S  # exclusive
CLOCK_TOLERANCE_S = 300
FORMATS = {"wav", "w64", "mp3", "amr", "ogg", "silk", "raw"}  # ogg: the container of speex
CHARSETS = {"0": "utf-8", "1": "gb2312", "2": "gbk", "3": "big5"}
ENGINES = {"8k_0": 8000, "16k_0": 16000, "8k_6": 8000, "0": 8000, "1": 16000}
STEREO_ENGINES = {"8k_0", "0"}
SPEAKER_ENGINE = "8k_6"

# Name -> (number in the newer table, number in an older public revision), complete.
CODES: dict[str, tuple[int, int]] = {
    "ERROR_BAD_REQ": (1000, 1000),
    "ERROR_PARSE_DATA_FAILED": (1001, 1001),
    "ERROR_HAS_NO_VALID_PROJECTID": (1002, 1002),
    "ERROR_HAS_NO_VALID_RES_TEXT_FORMAT": (1003, 1003),
    "ERROR_HAS_NO_VALID_SUB_SERVICE_TYPE": (1004, 1004),
    "ERROR_HAS_NO_VALID_ENGINE_MODEL_TYPE": (1005, 1005),
    "ERROR_HAS_NO_VALID_CALLBACK_URL": (1006, 1006),
    "ERROR_HAS_NO_VALID_RES_TYPE": (1007, 1007),
    "ERROR_HAS_NO_VALID_SOURCE_TYPE": (1008, 1008),
    "ERROR_HAS_NO_VALID_URL": (1009, 1009),
    "ERROR_HAS_NO_VALID_SECRET_ID": (1010, 1010),
    "ERROR_HAS_NO_VALID_TIMESTAMP": (1011, 1011),
    "ERROR_HAS_NO_VALID_EXPIRED": (1012, 1012),
    "ERROR_HAS_NO_VALID_NONCE": (1013, 1013),
    "ERROR_HAS_NO_VALID_TEMPLATENAME": (1014, 1014),
    "ERROR_HAS_NO_BUCKET": (1015, 1015),
    "ERROR_HAS_NO_AMOUNT": (1016, 1016),
    "ERROR_URL_TOO_LONG": (1017, 1016),
    "ERROR_FILEID_TOO_LONG": (1018, 1017),
    "ERROR_APPID_NOT_REGISTER": (1019, 1018),
    "ERROR_APPID_PROJECTID_TEMPLATENAME_MISMATCH": (1020, 1019),
    "ERROR_PROCESS_FAILED": (1021, 1020),
    "ERROR_PROXY_BAD_AUTH": (1022, 1021),
    "ERROR_PROXY_AUTH_TOO_LONG_EXPIRED": (1024, 1023),
    "ERROR_PROXY_AUTH_EXPIRED": (1025, 1024),
    "ERROR_PROXY_AUTH_PROJECTID_NOEXIST": (1026, 1025),
    "ERROR_PROXY_AUTH_SECRETID_NOEXIST": (1027, 1026),
    "ERROR_PROXY_AUTH_PROJECTID_MISMATCH": (1028, 1027),
    "ERROR_PROXY_AUTH_REPLAY_ATTACK": (1029, 1028),
    "ERROR_PROXY_AUTH_FAILED": (1030, 1029),
    "ERROR_AUDIO_TOO_LARGE": (1032, 1031),
    "ERROR_UNKNOWN": (1034, 1033),
}

CALLBACK_MESSAGES = {
    "0": "success",
    "10000": "语音非标准格式,转码失败",
    "10001": "语音识别未成功",
    "10002": "语音时长过短",
    "10003": "语音时长过长",
    "10004": "语音文件无效",
    "10005": "其他失败",
    "10006": "音轨个数与channel_num不匹配",
    "10007": "音频下载失败",
}


class TencentRecordingOptions(AsynchronousOptions):
    """`numbering`: the newer or an older table of codes. `callback_format`: the wire form of a callback.

    `submissions_per_day`: the free allowance, counted over the last 24 hours; None: unlimited.
    """

    callback_attempts: int = Field(2, ge=1, le=20)
    numbering: Literal["newer", "older"] = "newer"
    callback_format: Literal["form", "json"] = "form"
    submissions_per_day: int | None = Field(None, ge=0)


@dataclass(frozen=True)
class TencentRecordingSubmission:
    """A submission that passed every check."""

    appid: str
    project_id: str
    engine: str
    charset: str
    channels: int
    audio_url: str | None
    callback_url: str


@dataclass(frozen=True)
class Rule:
    """A parameter, and the error for its absence or an invalid value."""

    name: str
    error: str
    fits: Callable[[str], bool]
    required: bool = True


def _positive(text: str) -> bool:
    return (whole_number(text) or 0) > 0


# In the order of the checks. Optional ones have a documented or customary default.
RULES = (
    Rule("secretid", "ERROR_HAS_NO_VALID_SECRET_ID", bool),
    Rule("timestamp", "ERROR_HAS_NO_VALID_TIMESTAMP", _positive),
    Rule("expired", "ERROR_HAS_NO_VALID_EXPIRED", _positive),
    Rule("nonce", "ERROR_HAS_NO_VALID_NONCE", lambda text: _positive(text) and len(text) <= 10),
    Rule("projectid", "ERROR_HAS_NO_VALID_PROJECTID", str.isdecimal, False),
    Rule("res_text_format", "ERROR_HAS_NO_VALID_RES_TEXT_FORMAT", CHARSETS.__contains__, False),
    Rule("sub_service_type", "ERROR_HAS_NO_VALID_SUB_SERVICE_TYPE", {"0"}.__contains__, False),
    Rule("engine_model_type", "ERROR_HAS_NO_VALID_ENGINE_MODEL_TYPE", ENGINES.__contains__, False),
    Rule(
        "callback_url",
        "ERROR_HAS_NO_VALID_CALLBACK_URL",
        lambda text: is_http_url(text) and len(text) < MAX_URL_LENGTH,
    ),
    Rule("res_type", "ERROR_HAS_NO_VALID_RES_TYPE", {"1"}.__contains__, False),
    Rule("source_type", "ERROR_HAS_NO_VALID_SOURCE_TYPE", {"0", "1"}.__contains__),
    Rule("channel_num", "ERROR_BAD_REQ", {"1", "2"}.__contains__, False),
)


def sign(secret_key: str, host: str, path: str, parameters: Mapping[str, str]) -> str:
    """Return the base64 of HMAC-SHA1 over method, host, path and the raw parameters, sorted by name."""
    query = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return base64.b64encode(hmac.digest(secret_key.encode(), f"POST{host}{path}?{query}".encode(), "sha1")).decode()


class TencentRecording(AsynchronousSimulator[TencentRecordingOptions, TencentRecordingSubmission]):
    """`POST /asr/v1/{appid}`; credentials: `appid`, `secret_id`, `secret_key`."""

    vendor = "tencent-recording"
    moments = frozenset({"submit", "result", "callback"})
    internal_error = "10005"
    audio_codes = AUDIO_CODES

    def __init__(self, setup: Setup, options: TencentRecordingOptions) -> None:
        super().__init__(setup, options)
        self._request_ids = itertools.count(500)
        self._seen: set[tuple[str, str, str]] = set()
        self._seen_lock = threading.Lock()
        self._daily = RateLimit(self.runtime.monotonic)

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule("/asr/v1/<appid>", view_func=self._submit, methods=["POST"], strict_slashes=False)

    def parameters(self) -> Mapping[str, object]:
        return {**request.args.to_dict(), "body_bytes": len(request.get_data())}

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        names = {str(self._number(name)): name for name in CODES}
        return Answer(code, {"code": int(code), "message": message or names.get(code, "ERROR_UNKNOWN")})

    def _submit(self, appid: str) -> Response:
        return self.serve("submit", lambda: self._handle_submission(appid))

    def _handle_submission(self, appid: str) -> Answer:
        submission, source = self._checked_submission(appid)
        allowance = self.options.submissions_per_day
        if allowance is not None and not self._daily.allows(appid, allowance, DAY_S):
            raise self._error("ERROR_HAS_NO_AMOUNT")
        request_id = next(self._request_ids)
        self.accept(str(request_id), submission, source)
        return Answer("0", {"code": 0, "message": "success", "requestId": request_id}, str(request_id))

    def _number(self, name: str) -> int:
        newer, older = CODES[name]
        return newer if self.options.numbering == "newer" else older

    def _error(self, name: str) -> RefusalError:
        return RefusalError(str(self._number(name)), name)

    def _checked_submission(self, appid: str) -> tuple[TencentRecordingSubmission, Source]:
        if appid != self.credentials["appid"]:
            raise self._error("ERROR_APPID_NOT_REGISTER")
        if request.mimetype != "application/octet-stream":
            raise self._error("ERROR_BAD_REQ")
        sent = self._query()
        for rule in RULES:
            if (rule.name in sent or rule.required) and not rule.fits(sent.get(rule.name, "")):
                raise self._error(rule.error)
        self._check_audio_url(sent)
        self._check_signature(sent)
        engine, channels = sent.get("engine_model_type", "16k_0"), int(sent.get("channel_num", "1"))
        if channels == 2 and engine not in STEREO_ENGINES:
            raise self._error("ERROR_BAD_REQ")
        source = self._source(sent, RawPcm(ENGINES[engine], channels))
        submission = TencentRecordingSubmission(
            appid=appid,
            project_id=sent.get("projectid", "0"),
            engine=engine,
            charset=CHARSETS[sent.get("res_text_format", "0")],
            channels=channels,
            audio_url=source.url,
            callback_url=sent["callback_url"],
        )
        return submission, source

    def _query(self) -> dict[str, str]:
        try:
            pairs = parse_qsl(
                request.query_string.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict"
            )
        except ValueError:
            raise self._error("ERROR_PARSE_DATA_FAILED") from None
        return dict(pairs)

    def _check_audio_url(self, sent: Mapping[str, str]) -> None:
        url = sent.get("url")
        if len(url or "") >= MAX_URL_LENGTH:
            raise self._error("ERROR_URL_TOO_LONG")
        if not is_http_url(url) if sent["source_type"] == "0" else url is not None:
            raise self._error("ERROR_HAS_NO_VALID_URL")

    def _check_signature(self, sent: Mapping[str, str]) -> None:
        timestamp, expired, now = int(sent["timestamp"]), int(sent["expired"]), self.runtime.wall_clock()
        if expired <= timestamp:
            raise self._error("ERROR_HAS_NO_VALID_EXPIRED")
        if expired - timestamp >= MAX_VALIDITY_S:
            raise self._error("ERROR_PROXY_AUTH_TOO_LONG_EXPIRED")
        if expired < now or abs(timestamp - now) > CLOCK_TOLERANCE_S:
            raise self._error("ERROR_PROXY_AUTH_EXPIRED")
        if sent["secretid"] != self.credentials["secret_id"]:
            raise self._error("ERROR_PROXY_AUTH_SECRETID_NOEXIST")
        signature = request.headers.get("Authorization", "")
        if not _is_sha1(signature):
            raise self._error("ERROR_PROXY_BAD_AUTH")
        valid = [
            sign(self.credentials["secret_key"], host, request.path, sent) for host in (CANONICAL_HOST, request.host)
        ]
        if not any(hmac.compare_digest(signature, each) for each in valid):
            raise self._error("ERROR_PROXY_AUTH_FAILED")
        ticket = (sent["secretid"], sent["timestamp"], sent["nonce"])
        with self._seen_lock:
            if ticket in self._seen:
                raise self._error("ERROR_PROXY_AUTH_REPLAY_ATTACK")
            self._seen.add(ticket)

    def _source(self, sent: Mapping[str, str], raw: RawPcm) -> Source:
        if sent["source_type"] == "0":
            url = sent["url"]
            return Source(url=url, raw=raw if suffix_of(url) in {"pcm", "raw"} else None)
        data = request.get_data()
        if not data:
            raise self._error("ERROR_BAD_REQ")
        if len(data) > MAX_BODY_BYTES:
            raise self._error("ERROR_AUDIO_TOO_LARGE")
        return Source(data=data, raw=None if has_header(data) else raw)

    def recognize(self, submission: TencentRecordingSubmission, source: Source) -> Outcome:
        recording = self.read_recording(source, max_bytes=MAX_URL_BYTES, max_ms=MAX_DURATION_MS)
        if recording.format not in FORMATS or recording.sample_rate_hz not in {8000, 16000}:
            return Outcome("10000")
        if recording.duration_ms < SHORTEST_MS:
            return Outcome(TOO_SHORT)
        if recording.channels != submission.channels:
            return Outcome("10006")
        if recording.sample_rate_hz != ENGINES[submission.engine]:
            # The vendor's FAQ: a rate that does not fit the engine gives an empty result.
            return Outcome("0", recording)
        segments = recording.split_segments if submission.channels == 2 else recording.segments
        return Outcome("0", recording, make_utterances(segments, recording.speech, speakers=2))

    def callback(self, task: Task[TencentRecordingSubmission], outcome: Outcome) -> Callback:
        submission = task.submission
        fields: dict[str, object] = {
            "code": int(outcome.code),
            "message": outcome.message or CALLBACK_MESSAGES.get(outcome.code, "其他失败"),
            "requestId": int(task.id),
            "appid": int(submission.appid),
            "projectid": int(submission.project_id),
            "audioUrl": submission.audio_url,
            "text": format_lines(outcome.utterances, lambda utterance: _number_of(submission, utterance)),
            "audioTime": outcome.recording.duration_ms / 1000 if outcome.recording else 0.0,
        }
        if submission.audio_url is None:
            del fields["audioUrl"]
        if self.options.callback_format == "json":
            return Callback(
                submission.callback_url, json.dumps(fields, ensure_ascii=False).encode(), "application/json"
            )
        return Callback(
            submission.callback_url, form_body(fields, self._charset_of(submission), self.options.charset), FORM
        )

    def _charset_of(self, submission: TencentRecordingSubmission) -> str:
        """Return the encoding of the text: the submission's, or the option's if it sets another."""
        return submission.charset if self.options.charset == UTF_8 else self.options.charset

    def acknowledges(self, response: requests.Response) -> bool:
        return is_acknowledged(response)


def _number_of(submission: TencentRecordingSubmission, utterance: Utterance) -> int | None:
    if submission.channels == 2:
        return utterance.channel
    return utterance.speaker if submission.engine == SPEAKER_ENGINE else None


def _is_sha1(signature: str) -> bool:
    try:
        return len(base64.b64decode(signature, validate=True)) == 20
    except (binascii.Error, ValueError):
        return False
