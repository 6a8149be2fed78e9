"""Volcengine AUC, v3 "bigmodel", standard and idle editions: submitted with an id that we choose, completes by query.

The outcome of a call is in headers of the reply. A callback means only that the task is to be queried.
Source: Volcengine recording-file recognition, v3 bigmodel (submit, query, callback, error codes); idle edition.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asrcore.vendors import asr, coerce, error_hints, failure_text, volcengine_gateway
from asrcore.vendors.volcengine_utterances import utterances

PATH = "/api/v3/auc/bigmodel"
# Editions by their resource ids. Consoles of 2026 grant the first, older ones the second.
SEED, BIG = "volc.seedasr.auc", "volc.bigasr.auc"
IDLE_ENDING = "_idle"
IDLE_DEADLINE_S = 25 * 3600  # the idle edition promises 24 hours
MANDARIN = "zh-CN"
LANGUAGES = frozenset(
    {
        MANDARIN, "en-US", "ja-JP", "id-ID", "es-MX", "pt-BR", "de-DE", "fr-FR", "ko-KR", "fil-PH", "ms-MY", "th-TH",
        "ar-SA", "it-IT", "bn-BD", "el-GR", "nl-NL", "ru-RU", "tr-TR", "vi-VN", "pl-PL", "ro-RO", "ne-NP", "uk-UA",
        "yue-CN",
    }
)  # fmt: skip
# mp4 is not on the vendor's page, but the service accepts it.
CONTAINERS = MappingProxyType(
    {
        "pcm": "raw",
        "wav": "wav",
        "mp3": "mp3",
        "ogg": "ogg",
        "m4a": "m4a",
        "mp4": "mp4",
        "aac": "aac",
        "amr": "amr",
    }
)
SPEEX = "spx"  # the container's name where it holds Speex
CODECS = MappingProxyType({"pcm_s16le": "raw", "opus": "opus"})  # the vendor names no other
BITS = 16
# Parameters that are sent in an object of their own.
CORPUS = frozenset(
    {
        "boosting_table_name",
        "boosting_table_id",
        "correct_table_name",
        "correct_table_id",
        "regex_correct_table_name",
        "regex_correct_table_id",
        "context",
    }
)
SPEAKER_MODEL = "200"  # the ssd_version that the vendor's page asks for with speakers
SPEAKER_MODELS = frozenset({"ssd_version", "ssd_mode"})
HALF_AN_HOUR_S = 30 * 60
OLD_PAIR = ("appid", "token")  # of older consoles, still accepted

SUCCESS, SILENT = "20000000", "20000003"
_ACCEPTED = re.compile(r"2000[0-9]{4}")  # accepted, queued, in progress or done
_NO_SUCH_TASK, _REFUSED_OR_KNOWN, _SERVER_FAILED = "45000000", "45000001", "55000000"
_REFUSED = re.compile(r"450[0-9]{5}")


class VolcengineBigmodel(asr.Vendor):
    """Less than five hours in many languages; accepts a URL only and follows no redirect.

    `Options.model` names the edition by its resource id, `volc.bigasr.auc_idle` the idle one. The vendor
    identifies a task by its resource and our request id. So `vendor_task_id` is the resource, a slash and the request
    id, and a query names the edition that the task was submitted to.
    """

    name = "volcengine-bigmodel"
    result_headers = ("x-api-status-code", "x-api-message", "x-tt-logid")
    limits = asr.Limits(
        formats=frozenset(CONTAINERS),
        codecs=MappingProxyType(
            {
                "pcm": frozenset({"pcm_s16le"}),
                "wav": frozenset({"pcm_s16le"}),
                "ogg": frozenset({"opus", "speex"}),
                "m4a": frozenset({"aac"}),
                "mp4": frozenset({"aac"}),
            }
        ),
        refused=asr.NOT_16_BIT,
        languages=LANGUAGES,
        max_duration_ms=5 * 60 * 60 * 1000 - 1,
        channels=frozenset({1, 2}),
        max_size_bytes=512 * 1000 * 1000 - 1,
    )
    # reported: 20 per second for submissions and queries together
    tuning = asr.Tuning(submissions_per_second=10, queries_per_second=10)
    completion_modes = frozenset({asr.Completion.CALLBACK, asr.Completion.QUERY})
    supported_options = frozenset(
        {
            "speakers",
            "punctuation",
            "inverse_text_normalization",
            "words",
            "hotwords",
            "channels",
            "model",
            "filter_fillers",
        }
    )
    parameters = MappingProxyType(
        {
            "model_version": asr.Choice("version of model 1.0; default 310", ("310", "400")),
            "ssd_version": asr.Choice("speaker model, for Mandarin; default 200", ("200", "300")),
            "ssd_mode": asr.Whole("how the model groups speakers; 0 is for short talk of up to five speakers", 0, 9),
            "vad_segment": asr.Switch("split at silence, not by meaning; default true for split channels, else false"),
            "end_window_size": asr.Whole(
                "silence that ends a sentence, in ms", 300, 5000,
            ),
            "show_speech_rate": asr.Switch("speech rate, only in the raw reply"),
            "show_volume": asr.Switch("volume, only in the raw reply"),
            "enable_lid": asr.Switch("language of each sentence, only in the raw reply"),
            "enable_auto_lang": asr.Switch(
                "detect one of 25 languages; not with tables, context or hotwords",
            ),
            "enable_emotion_detection": asr.Switch("emotion of each sentence"),
            "enable_gender_detection": asr.Switch("gender of the speaker, only in the raw reply"),
            "enable_poi_fc": asr.Switch("better place names"),
            "enable_music_fc": asr.Switch("better music titles"),
            "sensitive_words_filter": asr.JsonObject("words to replace or leave out", longest=4000),
            "boosting_table_name": asr.a_name("name of a hot-word table in the vendor's console"),
            "boosting_table_id": asr.a_name("ID of such a table"),
            "correct_table_name": asr.a_name("name of a replacement table in the vendor's console"),
            "correct_table_id": asr.a_name("ID of such a table"),
            "regex_correct_table_name": asr.a_name("name of a table of replacement patterns in the vendor's console"),
            "regex_correct_table_id": asr.a_name("ID of such a table"),
            "context": asr.JsonObject("hot words or earlier dialogue; overrides hotwords", longest=8000),
        }
    )  # fmt: skip
    secret_name = "volcengine"  # noqa: S105 - where the secret lies
    secret_fields = ("api_key",)
    codes = MappingProxyType(
        {
            **volcengine_gateway.CODES,
            SUCCESS: asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.accepted-submission-finished-query")),
            "20000001": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.being-recognized")),
            "20000002": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.vendor-queue")),
            SILENT: asr.Code(asr.CodeKind.SILENT, asr.Message("meaning.recording-contains-no-speech")),
            _NO_SUCH_TASK: asr.Code(
                asr.CodeKind.CONFIG, asr.Message("meaning.request-wrong-vendor-not-know-task"), error_hints.REPORT
            ),
            _REFUSED_OR_KNOWN: asr.Code(
                asr.CodeKind.CONFIG,
                asr.Message("meaning.parameter-missing-invalid-task-submitted-before"),
                error_hints.REPORT,
            ),
            "45000002": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.recording-no-audio"),
                error_hints.UPLOAD_AGAIN,
                asr.AudioConstraint.CONTENT,
            ),
            "45000003": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.parameter-wrong"), error_hints.REPORT),
            "45000006": asr.Code(
                asr.CodeKind.RETRY,
                asr.Message("meaning.vendor-could-not-download-recording"),
                asr.Message("advice.download-without-redirect"),
            ),
            "45000081": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-waited-too-long-audio"), error_hints.WAIT
            ),
            "45000130": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.text-too-long"), error_hints.REPORT),
            "45000131": asr.Code(
                asr.CodeKind.RETRY,
                asr.Message("meaning.more-than-500-hours-audio-within-half-hour"),
                error_hints.SLOWER,
                retry_after_s=HALF_AN_HOUR_S / 3,  # so that the last attempt is after the half hour
            ),
            "45000132": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.recording-too-large"),
                asr.Message("advice.compress-or-split-512-mb"),
                asr.AudioConstraint.SIZE,
            ),
            "45000151": asr.Code(
                asr.CodeKind.BAD_AUDIO, asr.Message("meaning.audio-format-wrong"), error_hints.CONVERT
            ),
            _SERVER_FAILED: asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-failed"), error_hints.WAIT),
            "55000031": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-busy"), error_hints.WAIT),
            "55001010": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-took-too-long"), error_hints.WAIT),
        }
    )

    task_codes = frozenset({"45000006", "45000081", _SERVER_FAILED, "55001010"})
    unknown_task_codes = frozenset({_NO_SUCH_TASK})
    edition_codes = frozenset({volcengine_gateway.NOT_GRANTED})

    def missing_credentials(self, held: Mapping[str, Any]) -> asr.Message | None:
        pair = [name for name in OLD_PAIR if not held.get(name)]
        if not pair or super().missing_credentials(held) is None:
            return None
        return asr.Message(
            "secret.lacks-either", {"secret": self.secret_name, "fields": [*self.secret_fields], "others": pair}
        )

    def editions(self, request: asr.RecognitionRequest) -> tuple[str, ...]:
        if named := _named_edition(request.options):
            return (named,)
        return (BIG, SEED) if "model_version" in self.vendor_options(request) else (SEED, BIG)

    def chosen_task_id(self, request: asr.RecognitionRequest) -> str:
        # The request id is the same for each edition: an edition that refuses a task does not store it.
        return f"{self._edition(request)}/{asr.attempt_uuid(request)}"

    def result_deadline_s(self, request: asr.RecognitionRequest) -> float:
        return IDLE_DEADLINE_S if self._is_idle(request) else super().result_deadline_s(request)

    def fixes_speakers(self, request: asr.RecognitionRequest) -> bool:
        return False

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        options = request.options
        no_edition = {"model"} if options.model and not _named_edition(options) else set()
        no_speakers = {"speakers"} if options.speakers is not None and self._is_idle(request) else set()
        outdone = {"hotwords"} if options.hotwords and "context" in self.vendor_options(request) else set()
        unused = {
            f"{self.name}.{name}" for name in self.vendor_options(request).keys() - self._usable_options(request).keys()
        }
        return super().unsupported_options(request) | no_edition | no_speakers | outdone | unused

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        body = {
            "user": {"uid": submission.request.job_id},
            "audio": {"url": submission.delivery.required_url(), **_audio(submission.request)},
            "request": {
                **_option_fields(submission.request),
                **self._speaker_fields(submission.request),
                **_vendor_fields(submission.request, self._usable_options(submission.request)),
            },
            "callback": submission.callback_url,
        }
        return _request(
            "submit", self.chosen_task_id(submission.request), body, submission.endpoint, {"X-Api-Sequence": "-1"}
        )

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Accepted:
        code, message = self._outcome(reply)
        known_already = request.repeated and code == _REFUSED_OR_KNOWN
        if _ACCEPTED.fullmatch(code) or known_already:
            return asr.Accepted(self.chosen_task_id(request))
        raise self.error(code, message)

    def query_request(self, vendor_task_id: str, endpoint: asr.VendorEndpoint, *, now: int) -> asr.HttpRequest:
        return _request("query", vendor_task_id, {}, endpoint)

    def read_result(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.InProgress | asr.Recognition:
        code, message = self._outcome(reply)
        if volcengine_gateway.is_about_the_call(reply.status, code, self.codes):
            raise asr.as_failed_query(self.error(code, message))
        if code == SILENT:
            return asr.recognition([])
        if code == SUCCESS:
            found = _recognition(self.parse_json(reply), request)
            if found is None:
                raise self.unusable(reply, "NoResult", asr.Message("reply.no-result"))
            return found
        if _ACCEPTED.fullmatch(code):
            return asr.InProgress()
        raise self.error(code, message)

    def read_callback(self, body: bytes, content_type: str, request: asr.RecognitionRequest) -> asr.Callback:
        # It is not documented how a callback reports a failure or silence, so only its text is used.
        found = _recognition(self.parse_callback(body, content_type), request)
        return asr.Callback(
            self.chosen_task_id(request), found if found is not None and found.text else asr.InProgress()
        )

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning; for a general failure, the cause that its message names."""
        if code == _SERVER_FAILED and (known := failure_text.cause(message)):
            return known
        return volcengine_gateway.look_up(code, message, self.codes)

    def query_error(self, error: asr.AsrError) -> asr.AsrError:
        """Return what an error of a query means for the task: an undocumented code 450xxxxx ends it.

        The documented codes about the call are listed, and those of the gateway are failed queries. So any other is
        about the task, which would otherwise be queried until the deadline.
        """
        is_of_the_task = _REFUSED.fullmatch(error.code) and error.code not in self.codes
        return error if is_of_the_task else super().query_error(error)

    def _edition(self, request: asr.RecognitionRequest) -> str:
        return request.edition or self.editions(request)[0]

    def _is_idle(self, request: asr.RecognitionRequest) -> bool:
        return self._edition(request).endswith(IDLE_ENDING)

    def _separates_speakers(self, request: asr.RecognitionRequest) -> bool:
        """Return whether speakers are requested from an edition that supports them."""
        return request.options.speakers is not None and not self._is_idle(request)

    def _speaker_fields(self, request: asr.RecognitionRequest) -> dict[str, Any]:
        fields: dict[str, Any] = (
            {} if self._is_idle(request) else {"enable_speaker_info": self._separates_speakers(request)}
        )
        if self._separates_speakers(request) and request.options.language == MANDARIN:
            fields["ssd_version"] = SPEAKER_MODEL
        return fields

    def _usable_options(self, request: asr.RecognitionRequest) -> dict[str, asr.Value]:
        """Return the vendor's own options, without those that the vendor refuses or ignores for this request."""
        own, options = dict(self.vendor_options(request)), request.options
        unused: set[str] = set()
        if not self._separates_speakers(request) or options.language != MANDARIN:
            unused |= SPEAKER_MODELS
        if self._edition(request) == SEED:
            unused.add("model_version")
        if options.hotwords or CORPUS & own.keys():
            unused.add("enable_auto_lang")
        return {name: value for name, value in own.items() if name not in unused}

    def _outcome(self, reply: asr.HttpReply) -> tuple[str, str]:
        """Return code and message: from the headers, from a refusal by the gateway, or from the body of a variant."""
        code = coerce.text(reply.headers.get("x-api-status-code"))
        if code:
            return code, coerce.text(reply.headers.get("x-api-message"))
        document = self.parse_json(reply)
        answer = volcengine_gateway.refusal(document) or document
        code = self.checked_code(reply, coerce.text(answer.get("code")))
        return code, coerce.text(answer.get("message"))


def _named_edition(options: asr.Options) -> str | None:
    """Return the edition that the option model names; None without one, or for another vendor's model."""
    return options.model if options.model and options.model.startswith("volc.") else None


def _request(
    call: str,
    task_id: str,
    body: Mapping[str, Any],
    endpoint: asr.VendorEndpoint,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> asr.HttpRequest:
    resource, _, request_id = task_id.partition("/")
    edition = "/idle" if resource.endswith(IDLE_ENDING) else ""
    return asr.HttpRequest(
        "POST",
        f"{endpoint.base_url.rstrip('/')}{PATH}{edition}/{call}",
        {
            "Content-Type": "application/json",
            **_keys(endpoint.credentials),
            "X-Api-Resource-Id": resource,
            "X-Api-Request-Id": request_id,
            **headers,
        },
        json.dumps(body, ensure_ascii=False).encode(),
    )


def _keys(credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the headers for the single key of the new console, or for the pair of the old one."""
    if single := credentials.get("api_key"):
        return {"X-Api-Key": single}
    return {"X-Api-App-Key": credentials["appid"], "X-Api-Access-Key": credentials["token"]}


def _audio(request: asr.RecognitionRequest) -> dict[str, Any]:
    audio, language = request.audio, request.options.language
    described: dict[str, Any] = {
        "format": SPEEX if audio.codec == "speex" else CONTAINERS.get(audio.format, audio.format),
        "codec": CODECS.get(audio.codec),
        "rate": audio.sample_rate_hz,
        "bits": BITS,
        "channel": audio.channels,
        # Without a language the vendor recognizes Mandarin, its dialects and English.
        "language": None if language == MANDARIN else language,
    }
    return {name: value for name, value in described.items() if value is not None}


def _splits(request: asr.RecognitionRequest) -> bool:
    return request.audio.channels == 2 and request.options.channels != "mix"


def _option_fields(request: asr.RecognitionRequest) -> dict[str, Any]:
    options, split = request.options, _splits(request)
    return {
        "model_name": "bigmodel",
        # The vendor's default is text without punctuation; its documents differ on the default for numbers.
        "enable_punc": options.punctuation is not False,
        "enable_itn": options.inverse_text_normalization is not False,
        "enable_ddc": options.filter_fillers is True,
        "enable_channel_split": split,
        "show_utterances": True,
        # As the vendor advises for two channels. For one, sentences end by meaning, or by end_window_size.
        **({"vad_segment": True} if split else {}),
    }


def _vendor_fields(request: asr.RecognitionRequest, own: Mapping[str, asr.Value]) -> dict[str, Any]:
    """Return the vendor's own options and the hot words as request parameters."""
    corpus = {name: value for name, value in own.items() if name in CORPUS}
    if request.options.hotwords and "context" not in corpus:
        words = [{"word": word} for word in request.options.hotwords]
        corpus["context"] = json.dumps({"hotwords": words}, ensure_ascii=False)
    others = {name: value for name, value in own.items() if name not in CORPUS}
    return {**others, "corpus": corpus} if corpus else others


def _recognition(document: Mapping[str, Any], request: asr.RecognitionRequest) -> asr.Recognition | None:
    """Return the recognition in a reply; None without one."""
    result = document.get("result")
    if isinstance(result, list):  # as in the vendor's table
        result = next(iter(coerce.mappings(result)), None)
    result = coerce.mapping(result)
    if "text" not in result and "utterances" not in result:
        return None
    length = coerce.first(coerce.mapping(document.get("audio_info")), "duration")
    in_result = coerce.first(coerce.mapping(result.get("additions")), "duration")
    return asr.recognition(
        utterances(result.get("utterances"), with_words=request.options.words is not False),
        text=coerce.text(result.get("text")) or None,
        duration_ms=coerce.milliseconds(length if length is not None else in_result),
    )
