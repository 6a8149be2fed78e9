"""Any server with the interface of OpenAI's audio transcriptions, which returns the result at once.

Source: OpenAI API reference, "Create transcription" and "Error codes"; the servers of FunASR, vLLM, speaches and
whisper.cpp, which return different fields: words in segments or beside them, a speaker, text alone.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from asrcore.vendors import asr, coerce, error_hints

PATH = "/v1/audio/transcriptions"
VERBOSE, DIARIZED = "verbose_json", "diarized_json"
# File name and content type: some servers detect the format by the one, some by the other.
FILES = MappingProxyType(
    {
        "wav": ("recording.wav", "audio/wav"),
        "mp3": ("recording.mp3", "audio/mpeg"),
        "m4a": ("recording.m4a", "audio/mp4"),
        "mp4": ("recording.mp4", "video/mp4"),
        "flac": ("recording.flac", "audio/flac"),
        "ogg": ("recording.ogg", "audio/ogg"),
        "webm": ("recording.webm", "video/webm"),
    }
)
# Language tag: the code that is sent, and the name by which some servers return it.
LANGUAGES = MappingProxyType(
    {
        "zh-CN": ("zh", "chinese"),
        "en-US": ("en", "english"),
        "yue-CN": ("yue", "cantonese"),
        "ja-JP": ("ja", "japanese"),
        "ko-KR": ("ko", "korean"),
        "fr-FR": ("fr", "french"),
        "de-DE": ("de", "german"),
        "es-ES": ("es", "spanish"),
        "es-MX": ("es", "spanish"),
        "pt-BR": ("pt", "portuguese"),
        "it-IT": ("it", "italian"),
        "ru-RU": ("ru", "russian"),
        "nl-NL": ("nl", "dutch"),
        "pl-PL": ("pl", "polish"),
        "sv-SE": ("sv", "swedish"),
        "uk-UA": ("uk", "ukrainian"),
        "tr-TR": ("tr", "turkish"),
        "el-GR": ("el", "greek"),
        "ro-RO": ("ro", "romanian"),
        "bn-BD": ("bn", "bengali"),
        "ne-NP": ("ne", "nepali"),
        "ar-SA": ("ar", "arabic"),
        "hi-IN": ("hi", "hindi"),
        "vi-VN": ("vi", "vietnamese"),
        "th-TH": ("th", "thai"),
        "id-ID": ("id", "indonesian"),
        "ms-MY": ("ms", "malay"),
        "fil-PH": ("tl", "tagalog"),
    }
)
_TAGS = {known: tag for tag in reversed(LANGUAGES) for known in LANGUAGES[tag]}

_KEY = asr.Message("advice.credentials", {"secret": "openai_compatible", "fields": ["api_key"]})
_ADDRESS = asr.Message("advice.openai-address")
_ACCOUNT = asr.Message("advice.billing")
_SMALLER = asr.Message("advice.openai-smaller")
_CONVERT = asr.Message("advice.convert-to-mono-wav")
_RETRY, _CONFIG, _BAD = asr.CodeKind.RETRY, asr.CodeKind.CONFIG, asr.CodeKind.BAD_AUDIO
_UNDECODABLE = "UndecodableAudio"
# Servers report this only in words, with any HTTP status; whisper.cpp with 200.
_SAYS_UNDECODABLE = re.compile(
    r"invalid file format|could not be decoded|(failed|unable|not able) to (read|load|decode|open)\b.{0,40}"
    r"(audio|wav|file)|(unsupported|unrecogni[sz]ed|invalid) (audio|file)",
    re.IGNORECASE,
)


class OpenaiCompatible(asr.Vendor):
    """A server of the operator's choice: receives the recording's bytes, and replies with the result.

    The largest upload, longest recording and rate depend on the server, so VendorTuning sets them.
    """

    name = "openai-compatible"
    limits = asr.Limits(
        formats=frozenset(FILES),
        languages=frozenset(LANGUAGES),
        max_duration_ms=60 * 60 * 1000,
        channels=frozenset({1, 2}),
        max_size_bytes=25_000_000,
        max_data_bytes=25_000_000,
        accepts_urls=False,
    )
    # OpenAI accepts 25 MB; only the operator knows how much a server can do at a time
    tuning = asr.Tuning(
        submissions_per_second=1, max_data_bytes=limits.max_data_bytes, max_duration_s=60 * 60, model="whisper-1"
    )
    completion_modes = frozenset({asr.Completion.SYNC})
    supported_options = frozenset({"words", "hotwords", "model"})
    parameters = MappingProxyType(
        {
            "model": asr.Text(
                "the server's model instead of the stack's; may be longer than `model` and contain slashes",
                r"[A-Za-z0-9_.:/-]{1,128}",
                asr.Message("allowed.up-128-letters-digits"),
            ),
            "language": asr.Choice("`auto`: no language is sent, the server detects it", ("auto",)),
            "prompt": asr.Text(
                "text before the recording, as an example of style; overrides hotwords",
                r".{1,800}",
                asr.Message("allowed.up-800-characters"),
            ),
            "temperature": asr.Text(
                "sampling temperature; default of the server",
                r"0(\.[0-9]{1,2})?|1(\.0{1,2})?",
                asr.Message("allowed.0-1-as-text"),
            ),
            "response_format": asr.Choice(
                f"default `{VERBOSE}`; `json` for servers that return only text, `{DIARIZED}` for OpenAI's models that"
                " distinguish speakers",
                (VERBOSE, "json", DIARIZED),
            ),
        }
    )
    may_be_off = True
    secret_name = "openai_compatible"  # noqa: S105 - where the secret is
    secret_fields = ()
    longest_call_s = 875  # AWS Lambda runs a function for 900 s at most
    codes = MappingProxyType(
        {
            "invalid_api_key": asr.Code(_CONFIG, asr.Message("meaning.api-key-wrong"), _KEY),
            "insufficient_quota": asr.Code(_CONFIG, asr.Message("meaning.account-no-credit-left"), _ACCOUNT),
            "billing_hard_limit_reached": asr.Code(
                _CONFIG, asr.Message("meaning.account-spending-limit-reached"), _ACCOUNT
            ),
            "billing_not_active": asr.Code(_CONFIG, asr.Message("meaning.account-not-active"), _ACCOUNT),
            "account_deactivated": asr.Code(_CONFIG, asr.Message("meaning.account-deactivated"), _ACCOUNT),
            "unsupported_country_region_territory": asr.Code(
                _CONFIG, asr.Message("meaning.vendor-not-serve-region-request-comes"), _ADDRESS
            ),
            "model_not_found": asr.Code(_CONFIG, asr.Message("meaning.server-no-such-model-not-account"), _ADDRESS),
            "rate_limit_exceeded": asr.Code(_RETRY, asr.Message("meaning.too-many-requests"), error_hints.WAIT),
            "server_error": asr.Code(_RETRY, asr.Message("meaning.server-failed"), error_hints.WAIT),
            "audio_too_short": asr.Code(
                _BAD,
                asr.Message("meaning.recording-too-short"),
                error_hints.UPLOAD_AGAIN,
                asr.AudioConstraint.SHORTNESS,
            ),
            _UNDECODABLE: asr.Code(_BAD, asr.Message("meaning.server-cannot-read-recording-format"), _CONVERT),
            "Http400": asr.Code(_CONFIG, asr.Message("meaning.server-refused-parameter"), _ADDRESS),
            "Http401": asr.Code(_CONFIG, asr.Message("meaning.server-asks-api-key-another"), _KEY),
            "Http403": asr.Code(_CONFIG, asr.Message("meaning.api-key-may-not"), _KEY),
            "Http404": asr.Code(_CONFIG, asr.Message("meaning.no-such-address-no-such-model"), _ADDRESS),
            "Http413": asr.Code(
                _BAD, asr.Message("meaning.recording-larger-than-server-accepts"), _SMALLER, asr.AudioConstraint.SIZE
            ),
            "Http415": asr.Code(_BAD, asr.Message("meaning.server-not-accept-recording-format"), _CONVERT),
            "Http422": asr.Code(_CONFIG, asr.Message("meaning.server-refused-parameter"), _ADDRESS),
            "Http429": asr.Code(_RETRY, asr.Message("meaning.server-busy"), error_hints.WAIT),
            "Http500": asr.Code(_RETRY, asr.Message("meaning.server-failed"), error_hints.WAIT),
            "Http502": asr.Code(_RETRY, asr.Message("meaning.server-not-reached-proxy"), error_hints.WAIT),
            "Http503": asr.Code(_RETRY, asr.Message("meaning.server-loading-model-overloaded"), error_hints.WAIT),
            "Http504": asr.Code(_RETRY, asr.Message("meaning.server-did-not-answer-proxy-time"), error_hints.WAIT),
        }
    )

    def tuned(self, tuning: asr.Tuning) -> asr.Vendor:
        tuned = OpenaiCompatible()
        tuned.limits = replace(
            self.limits,
            max_duration_ms=tuning.max_duration_s * 1000,
            max_size_bytes=tuning.max_data_bytes,
            max_data_bytes=tuning.max_data_bytes,
        )
        return tuned

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        response_format = self._response_format(request)
        unsupported_options = super().unsupported_options(request)
        if response_format == DIARIZED:
            unsupported_options -= {"speakers"}
        if response_format != VERBOSE and request.options.words:
            unsupported_options |= {"words"}
        return unsupported_options

    def fixes_speakers(self, request: asr.RecognitionRequest) -> bool:
        return False

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        boundary = f"asrcore-{asr.attempt_uuid(submission.request)}-{submission.nonce:x}"
        name, content_type = FILES.get(
            submission.request.audio.format, (f"recording.{submission.request.audio.format}", "audio/unknown")
        )
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {content_type}'
        before = [
            _part(boundary, f'Content-Disposition: form-data; name="{field}"', f"{value}\r\n")
            for field, value in self._fields(submission.request, submission.endpoint)
        ]
        body = submission.delivery.required_stream().between(
            "".join([*before, _part(boundary, head, "")]).encode(), f"\r\n--{boundary}--\r\n".encode()
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
        if key := submission.endpoint.credentials.get("api_key"):
            headers["Authorization"] = f"Bearer {key}"
        read_timeout_s = self.longest_call_s - asr.CONNECT_TIMEOUT_S - asr.BODY_TIMEOUT_S
        return asr.HttpRequest("POST", _address(submission.endpoint), headers, body, read_timeout_s)

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Recognition:
        document = self._document(reply)
        if reply.status != 200 or ("error" in document and not document.get("text")):
            raise self._failure(reply, document)
        if "text" not in document and "segments" not in document:
            raise self.unusable(reply, "NoResult", asr.Message("reply.neither-text-nor-error"))
        return _recognition(document, request)

    def _fields(self, request: asr.RecognitionRequest, endpoint: asr.VendorEndpoint) -> list[tuple[str, asr.Value]]:
        own, response_format = self.vendor_options(request), self._response_format(request)
        granularities = ["segment"] if request.options.words is False else ["word", "segment"]
        fields = {
            "model": own.get("model") or request.options.model or endpoint.model,
            "language": "" if own.get("language") == "auto" else LANGUAGES[request.options.language][0],
            "response_format": response_format,
            "prompt": own.get("prompt") or ", ".join(request.options.hotwords),
            "temperature": own.get("temperature", ""),
            "chunking_strategy": "auto" if response_format == DIARIZED else "",
        }
        return [
            *((name, value) for name, value in fields.items() if value),
            *(("timestamp_granularities[]", each) for each in granularities if response_format == VERBOSE),
        ]

    def _response_format(self, request: asr.RecognitionRequest) -> asr.Value:
        return self.vendor_options(request).get("response_format", VERBOSE)

    def _document(self, reply: asr.HttpReply) -> Mapping[str, Any]:
        """Return the reply's JSON object; an empty one for an error with an HTTP status alone, as proxies send."""
        try:
            return self.parse_json(reply)
        except asr.AsrError:
            if reply.status == 200:
                raise
        return {}

    def _failure(self, reply: asr.HttpReply, document: Mapping[str, Any]) -> asr.AsrError:
        """Return the error by its code, else by its message, else by the HTTP status."""
        reported = _error_object(document)
        message = coerce.text(reported.get("message"))
        by_status = f"Http{reply.status}"
        kind = (
            reported.get("type") if reply.status == 429 else None
        )  # distinguishes an empty account from a busy server
        for code in (coerce.text(reported.get("code")), coerce.text(kind)):
            if code in self.codes:
                message = "" if code == "invalid_api_key" else message  # which may repeat the key
                return self.error(code, message, retry_after_s=reply.retry_after_s)
        if reported.get("param") == "file" or _SAYS_UNDECODABLE.search(message):
            return self.error(_UNDECODABLE, message)
        if by_status in self.codes:
            return self.error(by_status, "" if reply.status == 401 else message, retry_after_s=reply.retry_after_s)
        what = asr.Message("reply.error-without-reason")
        if message:
            what = asr.Message("reply.error", {"said": message[:200]})
        return self.unusable(reply, "Refused", what)


def _part(boundary: str, head: str, body: str) -> str:
    return f"--{boundary}\r\n{head}\r\n\r\n{body}"


def _address(endpoint: asr.VendorEndpoint) -> str:
    """Return the URL of the interface. A base URL may have a path, and may end in /v1 as in OpenAI's libraries."""
    return endpoint.base_url.rstrip("/").removesuffix("/v1") + PATH


def _error_object(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an error as an object: OpenAI's, a sentence, or FastAPI's `detail`, which is text or a list."""
    error = document.get("error", document.get("detail"))
    if isinstance(error, list):
        faults = [f"{_place(fault)}: {coerce.text(fault.get('msg'))}" for fault in coerce.mappings(error)]
        return {"message": "; ".join(faults)}
    if isinstance(error, str):
        return {"message": error}
    return coerce.mapping(error) or document


def _place(fault: Mapping[str, Any]) -> str:
    where = fault.get("loc")
    return ".".join(map(coerce.text, where)) if isinstance(where, list) else ""


def _recognition(document: Mapping[str, Any], request: asr.RecognitionRequest) -> asr.Recognition:
    length_ms = request.audio.duration_ms
    text = coerce.text(document.get("text"))
    segments = coerce.mappings(document.get("segments"))
    words = coerce.mappings(document.get("words"))
    if not segments:
        utterances = [_single_utterance(text, words, length_ms)] if text else []
    else:
        shared = _assigned_words(words, segments)
        utterances = [
            asr.Utterance(
                start_ms=_time(segment.get("start"), length_ms),
                end_ms=_time(segment.get("end"), length_ms),
                text=coerce.text(segment.get("text")),
                speaker=coerce.text(segment.get("speaker")) or None,
                words=_words(coerce.mappings(segment.get("words")) or own, length_ms),
            )
            for segment, own in zip(segments, shared, strict=True)
        ]
    if request.options.words is False:
        utterances = [utterance.model_copy(update={"words": []}) for utterance in utterances]
    return asr.recognition(
        utterances,
        text=text or None,
        duration_ms=_duration_ms(document, utterances),
        language=_TAGS.get(coerce.text(document.get("language")).lower()),
    )


def _single_utterance(text: str, words: Sequence[Mapping[str, Any]], length_ms: int | None) -> asr.Utterance:
    """Return one utterance from the first word to the last, or over the whole recording without words."""
    timed = _words(words, length_ms)
    starts = [word.start_ms for word in timed if word.start_ms is not None]
    ends = [word.end_ms for word in timed if word.end_ms is not None]
    return asr.Utterance(start_ms=min(starts, default=0), end_ms=max(ends, default=length_ms), text=text, words=timed)


def _words(words: Sequence[Mapping[str, Any]], length_ms: int | None) -> list[asr.Word]:
    return [
        asr.Word(
            start_ms=_time(word.get("start"), length_ms),
            end_ms=_time(word.get("end"), length_ms),
            text=text,
            confidence=coerce.confidence(coerce.first(word, "probability", "confidence", "score")),
        )
        for word in words
        if (text := coerce.text(coerce.first(word, "word", "text")))
    ]


def _assigned_words(
    words: Sequence[Mapping[str, Any]], segments: Sequence[Mapping[str, Any]]
) -> list[list[Mapping[str, Any]]]:
    """Assign words from outside the segments, each to the last segment that has begun when the word begins."""
    shares: list[list[Mapping[str, Any]]] = [[] for _ in segments]
    begun = [(start_ms, n) for n, each in enumerate(segments) if (start_ms := _time(each.get("start"))) is not None]
    begun.sort()
    starts = [start_ms for start_ms, _ in begun]
    latest_ms = 0
    for word in words:
        start_ms = _time(word.get("start"))
        latest_ms = latest_ms if start_ms is None else start_ms
        place = max(0, bisect_right(starts, latest_ms) - 1)
        shares[begun[place][1] if begun else 0].append(word)
    return shares


def _time(value: object, length_ms: int | None = None) -> int | None:
    """Convert seconds to milliseconds, at most the recording's length: a server's last window may end after it."""
    time_ms = coerce.milliseconds(value, unit_ms=1000)
    return time_ms if time_ms is None or length_ms is None else min(time_ms, length_ms)


def _duration_ms(document: Mapping[str, Any], utterances: Sequence[asr.Utterance]) -> int | None:
    """Return the recording's length from the reply, if it is plausible: FunASR returns the processing time."""
    duration_ms = coerce.milliseconds(document.get("duration"), unit_ms=1000)
    latest_ms = max((each.end_ms for each in utterances if each.end_ms is not None), default=None)
    return duration_ms if duration_ms is not None and latest_ms is not None and duration_ms >= latest_ms else None
