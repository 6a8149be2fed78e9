"""abcpen long-speech recognition, v1: submitted as a form, queried with GET.

Source: abcpen long ASR v1 (signature, parameters, results, error codes).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from asrcore.vendors import asr, coerce, error_hints, failure_text

LANGUAGES = MappingProxyType({"zh-CN": "cn", "en-US": "en"})
CODECS = MappingProxyType(
    {"pcm_s16le": "pcm", "pcm_u8": "pcm", "mp3": "mpeg2", "aac": "aac", "opus": "opus", "flac": "flac"}
)
DOMAINS = frozenset(
    {"court", "edu", "finance", "medical", "tech", "isp", "gov", "ecom", "mil", "com", "life", "car", "sport", "game"}
)
DEFAULT_RATE_HZ = 16000
LONGEST_HOTWORD = 16
FRAME_MS = 10
PUNCTUATION_FLAG = 2

_KEYS = asr.Message("advice.abcpen-keys")
_LICENCE = asr.Message("advice.abcpen-licence")

_IN_PROGRESS = frozenset({"-1", "1"})
_SILENT_OR_UNDECODABLE = "-2"
_ILLEGAL_PARAMETER = "10107"
_ENGINE_FAILED = "10700"


class Abcpen(asr.Vendor):
    """Up to five hours of Chinese or English; accepts a URL only, and 100 queries per task."""

    name = "abcpen"
    successor = "abcpen-offline"
    limits = asr.Limits(
        formats=frozenset({"wav", "mp3", "flac", "ogg", "m4a", "aac"}),
        codecs=MappingProxyType(
            {
                "wav": frozenset({"pcm_s16le", "pcm_u8"}),
                "ogg": frozenset({"opus"}),
                "m4a": frozenset({"aac"}),
            }
        ),
        refused=asr.NOT_16_BIT - {"pcm_u8"},
        languages=frozenset(LANGUAGES),
        max_duration_ms=5 * 60 * 60 * 1000,
        sample_rates_hz=frozenset({8000, 16000, 44100, 48000}),
        channels=frozenset({1, 2}),
        max_size_bytes=500 * 1000 * 1000,  # 600 MB in another of the vendor's documents
    )
    # published: 20 per second for submissions and queries together
    tuning = asr.Tuning(submissions_per_second=10, queries_per_second=10)
    completion_modes = frozenset({asr.Completion.QUERY})
    supported_options = frozenset({"speakers", "punctuation", "words", "hotwords", "domain", "channels"})
    parameters = MappingProxyType(
        {
            "accurate_speaker": asr.Switch("distinguish speakers more accurately"),
            "audio_denoise": asr.Switch("reduce noise first"),
            "has_smooth": asr.Switch("smooth the text; default true"),
            "max_alternatives": asr.Whole("alternatives per sentence, only in the raw reply", 0, 5),
            "eng_rlang": asr.Whole("undocumented by the vendor; default 1", 0, 9),
        }
    )
    secret_name = "abcpen"  # noqa: S105 - where the secret lies
    secret_fields = ("appid", "api_key")
    codes = MappingProxyType(
        {
            "0": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.accepted-submission-finished-query")),
            "-1": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.not-finished")),
            "1": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.not-finished")),
            "-2": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.audio-cannot-decoded-contains-no-speech"),
                error_hints.CONVERT,
            ),
            "10105": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.access-refused"), _KEYS),
            "10106": asr.Code(
                asr.CodeKind.CONFIG, asr.Message("meaning.parameter-missing-badly-encoded"), error_hints.REPORT
            ),
            _ILLEGAL_PARAMETER: asr.Code(
                asr.CodeKind.CONFIG, asr.Message("meaning.parameter-out-range-task-not-known"), error_hints.REPORT
            ),
            "10109": asr.Code(
                asr.CodeKind.CONFIG, asr.Message("meaning.recording-url-not-http-https"), error_hints.REPORT
            ),
            "10110": asr.Code(
                asr.CodeKind.CONFIG, asr.Message("meaning.licence-hours-used-up-lack-language"), _LICENCE
            ),
            "10202": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-parts-could-not-connect-each-other"), error_hints.WAIT
            ),
            "10204": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-parts-could-not-write-each-other"), error_hints.WAIT
            ),
            "10205": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-parts-could-not-read-each-other"), error_hints.WAIT
            ),
            _ENGINE_FAILED: asr.Code(
                asr.CodeKind.RETRY,
                asr.Message("meaning.vendor-engine-failed"),
                asr.Message("advice.download-or-convert"),
            ),
            "10701": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.audio-codec-not-supported-not-declared"),
                error_hints.CONVERT,
            ),
            "10702": asr.Code(
                asr.CodeKind.BAD_AUDIO,
                asr.Message("meaning.audio-sample-rate-not-supported"),
                error_hints.CONVERT,
                asr.AudioConstraint.SAMPLE_RATE,
            ),
            "10800": asr.Code(
                asr.CodeKind.RETRY,
                asr.Message("meaning.more-recordings-requests-time-than-licence-allows"),
                error_hints.SLOWER,
            ),
            "16003": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.basic-part-vendor-failed"), error_hints.WAIT),
            "26601": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.app-access-illegal"), _KEYS),
            "26607": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.account-no-licence-language"), _LICENCE),
        }
    )

    task_codes = frozenset({_ENGINE_FAILED})
    unknown_task_codes = frozenset({_ILLEGAL_PARAMETER})  # the only parameter of a query is the task

    def rejection_reason(self, request: asr.RecognitionRequest) -> asr.Message | None:
        bits, codec = request.audio.bits_per_sample, request.audio.codec
        reason = super().rejection_reason(request)
        if reason is None and codec == "flac" and bits not in (None, 16):
            return asr.Message("unfit.bits", {"bits": bits, "codec": codec, "accepted_bits": 16})
        return reason

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        options = request.options
        no_domain = {"domain"} if options.domain and options.domain not in DOMAINS else set()
        dropped = {"hotwords"} if len(_hotwords(options)) < len(options.hotwords) else set()
        # It mixes a stereo recording, and returns no channels.
        no_channels = {"channels"} if options.channels == "split" and request.audio.channels != 1 else set()
        return super().unsupported_options(request) | no_domain | dropped | no_channels

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        options = submission.request.options
        rate_hz = str(submission.request.audio.sample_rate_hz or DEFAULT_RATE_HZ)
        with_words = "false" if options.words is False else "true"
        form = {
            **_signed(submission.endpoint, submission.now),
            "audio_url": submission.delivery.required_url(),
            "audio_encode": _encoding(submission.request.audio.codec),
            # The vendor's documents spell these two in two ways each; it ignores unknown parameters.
            "audio_sample_rate": rate_hz,
            "audio_samplerate": rate_hz,
            "has_participle": with_words,
            "words_output": with_words,
            "lang": LANGUAGES[options.language],
        }
        if options.speakers is not None:
            form["speaker_number"] = str(options.speakers)
        if options.punctuation is False:
            form["punc"] = "0"
        if options.domain in DOMAINS:
            form["pd"] = options.domain
        if hotwords := _hotwords(options):
            form["hotWord"] = "|".join(hotwords)
        form |= {name: _written(value) for name, value in self.vendor_options(submission.request).items()}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return asr.HttpRequest("POST", _address(submission.endpoint), headers, urlencode(form).encode())

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Accepted:
        document, code = self._answer(reply)
        if code != "0":
            raise self.error(code, _message(document))
        data = coerce.mapping(document.get("data"))
        task_id = coerce.identifier(coerce.first(data, "task_id", "taskId")) or coerce.identifier(
            coerce.first(document, "task_id", "taskId")
        )
        if task_id is None:
            raise self.unusable(reply, "NoTaskId", asr.Message("reply.no-task-id"))
        return asr.Accepted(task_id)

    def query_request(self, vendor_task_id: str, endpoint: asr.VendorEndpoint, *, now: int) -> asr.HttpRequest:
        # Signed for each query, unlike in the vendor's demo: a signature is valid for 5 minutes.
        parameters = {**_signed(endpoint, now), "task_id": vendor_task_id}
        return asr.HttpRequest("GET", f"{_address(endpoint)}?{urlencode(parameters)}")

    def read_result(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.InProgress | asr.Recognition:
        document, code = self._answer(reply)
        if code in _IN_PROGRESS:
            return asr.InProgress()
        if code == _SILENT_OR_UNDECODABLE and request.audio.duration_ms is not None:
            return asr.recognition([])  # our probe could read the audio, so the code means silence
        if code != "0":
            raise self.error(code, _message(document))
        data = coerce.mapping(document.get("data"))
        result = coerce.mapping(coerce.mapping(data.get("data")).get("speechResult"))
        if "onebest" not in result and "detail" not in result:
            raise self.unusable(reply, "NoResult", asr.Message("reply.no-result"))
        return _recognition(result, request)

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning; for a failure of the engine, the cause that its message names."""
        known = super().look_up(code, message)
        return (code == _ENGINE_FAILED and failure_text.cause(message)) or known

    def _answer(self, reply: asr.HttpReply) -> tuple[Mapping[str, Any], str]:
        """Return the reply's document and its code, which early error replies have under other names."""
        document = self.parse_json(reply)
        code = coerce.text(coerce.first(document, "code", "ok", "err_no"))
        return document, self.checked_code(reply, code)


def sign(appid: str, ts: str, api_key: str) -> str:
    """Return the parameter `signa`, which covers the application and the time, but not the request.

    Args:
        appid: the application.
        ts: UNIX seconds, as text.
        api_key: the key of the application.
    """
    digest = hashlib.md5(f"{appid}{ts}".encode(), usedforsecurity=False).hexdigest()
    return base64.b64encode(hmac.new(api_key.encode(), digest.encode(), hashlib.sha1).digest()).decode()


def _signed(endpoint: asr.VendorEndpoint, now: int) -> dict[str, str]:
    appid = endpoint.credentials["appid"]
    return {"appid": appid, "ts": str(now), "signa": sign(appid, str(now), endpoint.credentials["api_key"])}


def _address(endpoint: asr.VendorEndpoint) -> str:
    return f"{endpoint.base_url.rstrip('/')}/v1/asr/long"


def _message(document: Mapping[str, Any]) -> str:
    return coerce.text(coerce.first(document, "desc", "msg", "failed"))


def _written(value: asr.Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _encoding(codec: str) -> str:
    """Return the vendor's word for a codec, or for a codec that it does not list, the most similar one."""
    return CODECS.get(codec, "pcm" if codec.startswith("pcm_") else codec)


def _hotwords(options: asr.Options) -> list[str]:
    """Return the hot words that the vendor accepts: up to 16 characters, without its separator."""
    return [word for word in options.hotwords if len(word) <= LONGEST_HOTWORD and "|" not in word]


def _recognition(result: Mapping[str, Any], request: asr.RecognitionRequest) -> asr.Recognition:
    # The vendor labels two speakers even when none were requested.
    with_speakers = request.options.speakers is not None
    sentences = coerce.mappings(result.get("detail"))
    spans = coerce.spans(sentences, ("wordBg", "bg"), ("wordEd", "ed"), earliest_ms=0)
    utterances = [
        _utterance(sentence, start_ms, end_ms, with_speakers=with_speakers)
        for sentence, (start_ms, end_ms) in zip(sentences, spans, strict=True)
    ]
    return asr.recognition(
        utterances,
        text=coerce.text(result.get("onebest")) or None,
        duration_ms=coerce.milliseconds(result.get("duration")),
    )


def _utterance(
    sentence: Mapping[str, Any], start_ms: int | None, end_ms: int | None, *, with_speakers: bool
) -> asr.Utterance:
    speaker = coerce.text(coerce.first(sentence, "speakerId", "speaker")) if with_speakers else ""
    words = coerce.mappings(coerce.first(sentence, "wordsPiece", "wordsResultList", "words"))
    return asr.Utterance(
        start_ms=start_ms,
        end_ms=end_ms,
        text=coerce.text(coerce.first(sentence, "sentences", "onebest")),
        speaker=speaker or None,
        words=_words([word for word in words if not _is_punctuation(word)], start_ms),
    )


def _words(items: list[Mapping[str, Any]], sentence_start_ms: int | None) -> list[asr.Word]:
    """Return words with absolute times; an old reply counts frames of 10 ms from the start of the sentence."""
    spans = coerce.spans(items, ("wordBg",), ("wordEd",), earliest_ms=sentence_start_ms)
    latest_ms = max((time for span in spans for time in span if time is not None), default=0)
    origin_ms = sentence_start_ms or 0
    in_frames = bool(items) and latest_ms < origin_ms
    return [
        asr.Word(
            start_ms=_absolute(start, origin_ms) if in_frames else start,
            end_ms=_absolute(end, origin_ms) if in_frames else end,
            text=coerce.text(coerce.first(item, "words", "wordsName")),
            confidence=coerce.confidence(item.get("wc")),
        )
        for item, (start, end) in zip(items, spans, strict=True)
    ]


def _absolute(frames: int | None, start_ms: int) -> int | None:
    return None if frames is None else start_ms + frames * FRAME_MS


def _is_punctuation(word: Mapping[str, Any]) -> bool:
    """Return whether a word is punctuation, by `wp`: a set of flags, or a letter in an old reply."""
    flags = coerce.text(word.get("wp"))
    return flags == "p" or (flags.isdecimal() and len(flags) < 4 and bool(int(flags) & PUNCTUATION_FLAG))
