"""Volcengine AUC, v1 standard edition: completes by callback and by query.

Source: Volcengine recording-file recognition, standard edition v1 (submit, query, callback, error codes).
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asrcore.vendors import asr, coerce, error_hints, failure_text, volcengine_gateway
from asrcore.vendors.volcengine_utterances import utterances

# Our language tags, and the vendor's.
LANGUAGES = MappingProxyType(
    {
        "zh-CN": "zh-CN",
        "en-US": "en-US",
        "yue-CN": "cant",
        "zh-Sichuan": "sc",
        "wuu-CN": "zh_shanghai",
        "ja-JP": "ja-JP",
        "ko-KR": "ko-KR",
        "fr-FR": "fr-FR",
        "es-MX": "es-MX",
        "pt-BR": "pt-BR",
        "id-ID": "id-ID",
        "ru-RU": "ru-RU",
        "ms-MY": "ms-MY",
    }
)
CONTAINERS = MappingProxyType({"pcm": "raw", "wav": "wav", "ogg": "ogg", "mp3": "mp3", "mp4": "mp4", "m4a": "mp4"})
CODECS = MappingProxyType({"pcm_s16le": "raw", "opus": "opus"})  # the vendor names no other
DEFAULT_BITS = 16

_KEYS = asr.Message("advice.credentials", {"secret": "volcengine", "fields": ["appid", "token", "cluster"]})
_RESERVED = asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.code-vendor-keeps-reserve"), error_hints.WAIT)

CLUSTERS = "volc"  # how the names of all clusters begin
_NO_CAUSE = frozenset({"1022", "1099"})
_IN_PROGRESS = re.compile(r"2[0-9]{3}")


class Volcengine(asr.Vendor):
    """Up to five hours in many languages; accepts a URL only and follows no redirect."""

    name = "volcengine"
    successor = "volcengine-bigmodel"
    limits = asr.Limits(
        formats=frozenset(CONTAINERS),
        codecs=MappingProxyType(
            {
                "pcm": frozenset({"pcm_s16le"}),
                "wav": frozenset({"pcm_s16le"}),
                "ogg": frozenset({"opus"}),
                "mp4": frozenset({"aac", "mp3"}),
                "m4a": frozenset({"aac", "mp3"}),
            }
        ),
        refused=asr.NOT_16_BIT,
        languages=frozenset(LANGUAGES),
        max_duration_ms=5 * 60 * 60 * 1000 - 1,
        channels=frozenset({1, 2}),
        max_size_bytes=512 * 1000 * 1000 - 1,
    )
    # no limit is published: it is agreed per application
    tuning = asr.Tuning(submissions_per_second=20)
    completion_modes = frozenset({asr.Completion.CALLBACK, asr.Completion.QUERY})
    supported_options = frozenset(
        {"speakers", "punctuation", "inverse_text_normalization", "words", "channels", "model", "filter_fillers"}
    )
    parameters = MappingProxyType(
        {"boosting_table_name": asr.a_name("name of a hot-word table in the vendor's console")}
    )
    secret_name = "volcengine"  # noqa: S105 - where the secret lies
    secret_fields = ("appid", "token", "cluster")
    codes = MappingProxyType(
        {
            **volcengine_gateway.CODES,
            **{str(code): _RESERVED for code in (*range(1007, 1010), *range(1016, 1020), *range(1023, 1099))},
            "1000": asr.Code(
                asr.CodeKind.SUCCESS, asr.Message("meaning.taken-over-submission-finished-query-callback")
            ),
            "1001": asr.Code(
                asr.CodeKind.CONFIG,
                asr.Message("meaning.parameters-missing-invalid-repeated"),
                asr.Message("advice.application-or-report"),
            ),
            "1002": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.token-wrong-expired-no-right-service"), _KEYS),
            "1003": asr.Code(
                asr.CodeKind.RETRY,
                asr.Message("meaning.too-many-requests-second"),
                error_hints.SLOWER,
            ),
            "1004": asr.Code(
                asr.CodeKind.CONFIG, asr.Message("meaning.account-quota-used-up"), asr.Message("advice.buy-more")
            ),
            "1005": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-busy"), error_hints.WAIT),
            "1006": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-interrupted-request"), error_hints.WAIT),
            "1010": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.recording-too-long"),
                asr.Message("advice.split-five-hours"),
                asr.AudioConstraint.LENGTH,
            ),
            "1011": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.recording-too-large"),
                asr.Message("advice.compress-or-split"),
                asr.AudioConstraint.SIZE,
            ),
            "1012": asr.Code(asr.CodeKind.BAD_AUDIO, asr.Message("meaning.audio-format-invalid"), error_hints.CONVERT),
            "1013": asr.Code(asr.CodeKind.SILENT, asr.Message("meaning.recording-contains-no-speech")),
            "1014": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.recording-no-audio"),
                error_hints.UPLOAD_AGAIN,
                asr.AudioConstraint.CONTENT,
            ),
            "1015": asr.Code(
                asr.CodeKind.RETRY,
                asr.Message("meaning.vendor-could-not-download-recording"),
                asr.Message("advice.download-without-redirect"),
            ),
            "1020": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.recording-waited-too-long-vendor"), error_hints.WAIT
            ),
            "1021": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-took-too-long"), error_hints.WAIT),
            "1022": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.recognition-failed"), error_hints.WAIT),
            "1099": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-not-know-cause"), error_hints.WAIT),
            "2000": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.being-recognized")),
            "2001": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.vendor-queue")),
            "3000": asr.Code(
                asr.CodeKind.CONFIG,
                asr.Message("meaning.account-quota-audio-time-used-up"),
                asr.Message("advice.buy-more"),
            ),
        }
    )

    task_codes = frozenset(str(code) for code in (1006, *range(1010, 1023), 1099))
    unknown_task_codes = frozenset({"1001"})

    def fixes_speakers(self, request: asr.RecognitionRequest) -> bool:
        return False

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        no_cluster = {"model"} if request.options.model and not _cluster(request) else set()
        return super().unsupported_options(request) | no_cluster

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        credentials = submission.endpoint.credentials
        body = {
            "app": {
                "appid": credentials["appid"],
                "token": credentials["token"],
                "cluster": _cluster(submission.request) or credentials["cluster"],
            },
            "user": {"uid": submission.request.job_id},
            "audio": {"url": submission.delivery.required_url(), **_audio(submission.request)},
            "request": {"callback": submission.callback_url, **self.vendor_options(submission.request)},
            "additions": _additions(submission.request),
        }
        return _request("submit", body, submission.endpoint)

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Accepted:
        answer, code = self._answer(reply)
        if code != "1000":
            raise self.error(code, coerce.text(answer.get("message")))
        task_id = _task_id(answer, request)
        if task_id is None:
            raise self.unusable(reply, "NoTaskId", asr.Message("reply.no-task-id"))
        return asr.Accepted(task_id)

    def query_request(self, vendor_task_id: str, endpoint: asr.VendorEndpoint, *, now: int) -> asr.HttpRequest:
        # A flat object, while the submission's is nested; the vendor does not accept the other form.
        credentials = endpoint.credentials
        cluster, _, task_id = vendor_task_id.rpartition("/") if vendor_task_id.startswith(CLUSTERS) else ("", "", "")
        body = {
            "appid": credentials["appid"],
            "token": credentials["token"],
            "cluster": cluster or credentials["cluster"],
            "id": task_id or vendor_task_id,
        }
        return _request("query", body, endpoint)

    def read_result(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.InProgress | asr.Recognition:
        answer, code = self._answer(reply)
        if _IN_PROGRESS.fullmatch(code):
            return asr.InProgress()
        if volcengine_gateway.is_about_the_call(reply.status, code, self.codes):
            raise asr.as_failed_query(self.error(code, coerce.text(answer.get("message"))))
        result = self._result(answer, code, request)
        if result is None:
            raise self.unusable(reply, "NoResult", asr.Message("reply.no-result"))
        return result

    def read_callback(self, body: bytes, content_type: str, request: asr.RecognitionRequest) -> asr.Callback:
        answer, code = _answer(self.parse_callback(body, content_type))
        if not code:
            raise self.bad_callback(asr.Message("callback.no-code"))
        if _IN_PROGRESS.fullmatch(code):
            raise self.bad_callback(asr.Message("callback.no-end"))
        task_id = _task_id(answer, request)
        try:
            result = self._result(answer, code, request)
        except asr.AsrError as error:
            return asr.Callback(task_id, error)
        if result is None:
            raise self.bad_callback(asr.Message("callback.no-result"))
        return asr.Callback(task_id, result)

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning; for a general failure, the cause that its message names."""
        if code in _NO_CAUSE and (known := failure_text.cause(message)):
            return known
        return volcengine_gateway.look_up(code, message, self.codes)

    def _answer(self, reply: asr.HttpReply) -> tuple[Mapping[str, Any], str]:
        answer, code = _answer(self.parse_json(reply))
        return answer, self.checked_code(reply, code)

    def _result(self, answer: Mapping[str, Any], code: str, request: asr.RecognitionRequest) -> asr.Recognition | None:
        """Return the recognition; None for a success without one. Raises AsrError for a task that failed."""
        if code == "1013":
            return asr.recognition([])
        if code != "1000":
            raise self.error(code, coerce.text(answer.get("message")))
        if "text" not in answer and "utterances" not in answer:
            return None
        with_words = request.options.words is not False
        found = utterances(answer.get("utterances"), with_words=with_words)
        return asr.recognition(found, text=coerce.text(answer.get("text")) or None)


def _answer(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the object under `resp`, or under `header` in a refusal by the gateway, and its code, "" without one."""
    answer = coerce.mapping(document.get("resp")) or volcengine_gateway.refusal(document)
    return answer, coerce.text(answer.get("code"))


def _request(call: str, body: Mapping[str, Any], endpoint: asr.VendorEndpoint) -> asr.HttpRequest:
    return asr.HttpRequest(
        "POST",
        f"{endpoint.base_url.rstrip('/')}/api/v1/auc/{call}",
        # The semicolon is the vendor's.
        {"Authorization": f"Bearer; {endpoint.credentials['token']}", "Content-Type": "application/json"},
        json.dumps(body, ensure_ascii=False).encode(),
    )


def _cluster(request: asr.RecognitionRequest) -> str | None:
    """Return the cluster that the option model names instead of the account's; None without one."""
    model = request.options.model
    return model if model and model.startswith(CLUSTERS) else None


def _task_id(answer: Mapping[str, Any], request: asr.RecognitionRequest) -> str | None:
    """Return the task's id, after `cluster/` if that is not the account's: a query has to name both."""
    task_id, cluster = coerce.identifier(answer.get("id")), _cluster(request)
    return f"{cluster}/{task_id}" if cluster and task_id else task_id


def _audio(request: asr.RecognitionRequest) -> dict[str, Any]:
    audio = request.audio
    described: dict[str, Any] = {
        "format": CONTAINERS.get(audio.format, audio.format),
        "codec": CODECS.get(audio.codec),
        "rate": audio.sample_rate_hz,
        "bits": audio.bits_per_sample or DEFAULT_BITS,
        "channel": audio.channels,
    }
    return {name: value for name, value in described.items() if value is not None}


def _additions(request: asr.RecognitionRequest) -> dict[str, str]:
    """Return the switches, all of which are sent as text."""
    options = request.options
    switches = {
        "use_itn": options.inverse_text_normalization,
        "use_punc": options.punctuation,
        "use_ddc": options.filter_fillers,
        "with_speaker_info": options.speakers is not None or None,
        "channel_split": options.channels != "mix" if request.audio.channels == 2 else None,
        "enable_query": True,  # otherwise a task with a callback cannot be queried
    }
    return {
        "language": LANGUAGES[request.options.language],
        **{name: str(value) for name, value in switches.items() if value is not None},
    }
