"""Tencent one-sentence recognition: up to a minute, with the result in the reply.

Source: Tencent one-sentence recognition (SentenceRecognition, version 2019-06-14).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from asrcore.vendors import asr, coerce, error_hints, tencent_cloud
from asrcore.vendors.tencent_cloud import TencentCloud

ONE_SENTENCE = 2
# What the vendor calls an Ogg file, by the codec in it.
_OGG = MappingProxyType({"opus": "ogg-opus", "speex": "speex"})
_ANY_RATE = frozenset({"opus", "silk"})  # decoded at any rate that is requested
_CONVERT = "Convert the recording to 16 kHz, 16 bit, mono WAV and upload it again."
_ENGINE = "Check the options asr-model and asr-language."

_RETRY, _CONFIG, _BAD = asr.CodeKind.RETRY, asr.CodeKind.CONFIG, asr.CodeKind.BAD_AUDIO
_BACKEND_CODES = {
    "0": asr.Code(asr.CodeKind.SUCCESS, "recognised"),
    "100": asr.Code(_RETRY, "the vendor could not get its slice information", error_hints.WAIT),
    "101": asr.Code(
        _BAD,
        "the recording is too big",
        "Shorten it, or choose a vendor for long recordings.",
        asr.AudioConstraint.SIZE,
    ),
    "102": asr.Code(_CONFIG, "a parameter is not allowed", error_hints.REPORT),
    "103": asr.Code(_RETRY, "the vendor's database failed", error_hints.WAIT),
    "104": asr.Code(_CONFIG, "the appid is not registered", tencent_cloud.ACCOUNT),
    "105": asr.Code(_CONFIG, "the account's template does not exist", tencent_cloud.ACCOUNT),
    "106": asr.Code(_CONFIG, "the account's template is disabled", tencent_cloud.ACCOUNT),
    "107": asr.Code(_CONFIG, "authentication failed", tencent_cloud.KEYS),
    "108": asr.Code(_CONFIG, "the string to sign could not be built", tencent_cloud.KEYS),
    "109": asr.Code(_RETRY, "the vendor found no recognition server", error_hints.WAIT),
    "110": asr.Code(_RETRY, "the vendor's recognition server is down", error_hints.WAIT),
    "111": asr.Code(_RETRY, "the vendor's recognition gave a malformed answer", error_hints.WAIT),
    "112": asr.Code(_BAD, "the recording has no audio in it", error_hints.UPLOAD_AGAIN, asr.AudioConstraint.CONTENT),
}
_ACTION_CODES = {
    "InternalError.ErrorConfigure": asr.Code(_RETRY, "the vendor failed to start the recognition", error_hints.WAIT),
    "InternalError.ErrorCreateLog": asr.Code(_RETRY, "the vendor failed to write its log", error_hints.WAIT),
    "InternalError.ErrorFailNewprequest": asr.Code(_RETRY, "the vendor failed to create its request", error_hints.WAIT),
    "InternalError.ErrorFailWritetodb": asr.Code(_RETRY, "the vendor's database failed", error_hints.WAIT),
    "InternalError.ErrorFileCannotopen": asr.Code(
        _RETRY, "the vendor could not open its copy of the recording", f"It is tried again; if it persists: {_CONVERT}"
    ),
    "InternalError.ErrorGetRoute": asr.Code(_RETRY, "the vendor found no route to its recognition", error_hints.WAIT),
    "InternalError.ErrorMakeLogpath": asr.Code(_RETRY, "the vendor failed to write its log", error_hints.WAIT),
    "InternalError.ErrorRecognize": asr.Code(_RETRY, "recognition failed", error_hints.WAIT),
    "InvalidParameter.ErrorContentlength": asr.Code(
        _CONFIG, "the declared length is not that of the data", error_hints.REPORT
    ),
    "InvalidParameter.ErrorParamsMissing": asr.Code(_CONFIG, "a parameter is missing", error_hints.REPORT),
    "InvalidParameter.ErrorParsequest": asr.Code(_CONFIG, "the request could not be parsed", error_hints.REPORT),
    "InvalidParameterValue.ErrorInvalidAppid": asr.Code(_CONFIG, "the account's appid is invalid", tencent_cloud.KEYS),
    "InvalidParameterValue.ErrorInvalidClientip": asr.Code(
        _CONFIG, "the caller's IP address is invalid", error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidEngservice": asr.Code(_CONFIG, "the engine is not known", _ENGINE),
    "InvalidParameterValue.ErrorInvalidProjectid": asr.Code(_CONFIG, "the project id is invalid", error_hints.REPORT),
    "InvalidParameterValue.ErrorInvalidRequestid": asr.Code(_CONFIG, "the request id is invalid", error_hints.REPORT),
    "InvalidParameterValue.ErrorInvalidSourcetype": asr.Code(
        _CONFIG, "the kind of source is invalid", error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidSubservicetype": asr.Code(
        _CONFIG, "the sub-service is invalid", error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidUrl": asr.Code(
        _CONFIG, "the recording's URL is malformed or too long", "Upload the recording under a shorter, plainer name."
    ),
    "InvalidParameterValue.ErrorInvalidUseraudiokey": asr.Code(_CONFIG, "the audio key is invalid", error_hints.REPORT),
    "InvalidParameterValue.ErrorInvalidVoiceFormat": asr.Code(_BAD, "the audio format is not supported", _CONVERT),
    "InvalidParameterValue.ErrorInvalidVoicedata": asr.Code(_BAD, "the audio is invalid", _CONVERT),
    "InvalidParameterValue.ErrorVoicedataTooLong": asr.Code(
        _BAD,
        "the recording is longer than 60 s",
        "Choose a vendor for long recordings, such as tencent-recording.",
        asr.AudioConstraint.LENGTH,
    ),
}


class TencentSentence(TencentCloud):
    """Up to a minute of mono speech; the reply to the submission is the result.

    Formats other than WAV and MP3 are from the vendor's later documents; an older account may refuse them.
    """

    name = "tencent-sentence"
    limits = asr.Limits(
        formats=frozenset({"wav", "mp3", "pcm", "m4a", "aac", "amr", "ogg", "silk"}),
        codecs=MappingProxyType(
            {
                "wav": frozenset({"pcm_s16le"}),
                "pcm": frozenset({"pcm_s16le"}),
                "m4a": frozenset({"aac"}),
                "ogg": frozenset(_OGG),
            }
        ),
        refused=asr.NOT_16_BIT,
        languages=frozenset(tencent_cloud.ENGINES),
        max_duration_ms=59_999,  # the vendor says both "not over" and "under" 60 s
        sample_rates_hz=frozenset({8000, 16000}),
        max_data_bytes=2_250_000,  # 3 MB after base64, for newer accounts
        max_url_length=tencent_cloud.LONGEST_URL,
    )
    # published: 25 requests per second, 600 KB of audio; newer accounts 3 MB after base64
    tuning = asr.Tuning(submissions_per_second=25, max_data_bytes=600 * 1024)
    completion_modes = frozenset({asr.Completion.SYNC})
    supported_options = frozenset(
        {"punctuation", "inverse_text_normalization", "words", "hotwords", "model", "filter_fillers"}
    )
    parameters = MappingProxyType(
        {
            **tencent_cloud.PARAMETERS,
            "ConvertNumMode": asr.OneOf("numbers; default 1", {0: "Chinese numerals", 1: "digits where they fit"}),
            "WordInfo": asr.OneOf("times of words; overrides words", {0: "none", 1: "words", 2: "punctuation as well"}),
            "InputSampleRate": asr.OneOf("sample rate of raw PCM, for a 16 kHz engine", {8000: "8 kHz"}),
            "ProjectId": asr.Whole("project ID, which the vendor ignores; default 0", 0, 2**31 - 1),
        }
    )
    codes = MappingProxyType({**_BACKEND_CODES, **tencent_cloud.CODES, **_ACTION_CODES})

    def rejection_reason(self, request: asr.RecognitionRequest) -> str | None:
        if request.audio.codec in _ANY_RATE:
            request = replace(request, audio=request.audio.model_copy(update={"sample_rate_hz": None}))
        reason = super().rejection_reason(request)
        if reason is None and request.audio.duration_ms is None and not request.named:
            return "unknown length (accepts up to 60 s, and the recording does not tell how long it is)"
        return reason

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        dropped = "InputSampleRate" in self.vendor_options(request) and request.audio.format != "pcm"
        return super().unsupported_options(request) | ({f"{self.name}.InputSampleRate"} if dropped else set())

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        return tencent_cloud.call(
            "SentenceRecognition",
            self._parameters(submission.request, submission.delivery),
            submission.endpoint,
            now=submission.now,
        )

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Recognition:
        response = self.read_response(reply)
        if "Result" not in response:
            raise self.unusable(reply, "NoResult", "answered with neither a result nor an error")
        return _recognition(response)

    def _parameters(self, request: asr.RecognitionRequest, delivery: asr.Delivery) -> dict[str, Any]:
        own = {
            name: value
            for name, value in self.vendor_options(request).items()
            if f"{self.name}.{name}" not in self.unsupported_options(request)
        }
        return {
            "EngSerViceType": tencent_cloud.engine(request),
            "VoiceFormat": _OGG.get(request.audio.codec, request.audio.format),
            "ProjectId": 0,
            "SubServiceType": ONE_SENTENCE,
            "UsrAudioKey": request.job_id,
            "WordInfo": 0 if request.options.words is False else 1,
            **tencent_cloud.source(delivery),
            **tencent_cloud.refinements(request.options),
            **own,
        }


def _recognition(response: Mapping[str, Any]) -> asr.Recognition:
    text = coerce.text(response.get("Result"))
    duration_ms = coerce.milliseconds(response.get("AudioDuration"))
    if not text:
        return asr.recognition([], duration_ms=duration_ms)
    words = [
        asr.Word(
            start_ms=coerce.milliseconds(word.get("StartTime")),
            end_ms=coerce.milliseconds(word.get("EndTime")),
            text=coerce.text(word.get("Word")),
        )
        for word in coerce.mappings(response.get("WordList"))
    ]
    starts = [word.start_ms for word in words if word.start_ms is not None]
    ends = [word.end_ms for word in words if word.end_ms is not None]
    sentence = asr.Utterance(
        start_ms=min(starts, default=0), end_ms=max(ends, default=duration_ms), text=text, words=words
    )
    return asr.recognition([sentence], text=text, duration_ms=duration_ms)
