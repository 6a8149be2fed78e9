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
_CONVERT = asr.Message("advice.convert-to-mono-wav")
_ENGINE = asr.Message("advice.model-and-language")

_RETRY, _CONFIG, _BAD = asr.CodeKind.RETRY, asr.CodeKind.CONFIG, asr.CodeKind.BAD_AUDIO
_BACKEND_CODES = {
    "0": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.recognized")),
    "100": asr.Code(_RETRY, asr.Message("meaning.vendor-could-not-get-slice-information"), error_hints.WAIT),
    "101": asr.Code(
        _BAD,
        asr.Message("meaning.recording-too-big"),
        asr.Message("advice.shorten-or-long-vendor"),
        asr.AudioConstraint.SIZE,
    ),
    "102": asr.Code(_CONFIG, asr.Message("meaning.parameter-not-allowed"), error_hints.REPORT),
    "103": asr.Code(_RETRY, asr.Message("meaning.vendor-database-failed"), error_hints.WAIT),
    "104": asr.Code(_CONFIG, asr.Message("meaning.appid-not-registered"), tencent_cloud.ACCOUNT),
    "105": asr.Code(_CONFIG, asr.Message("meaning.account-template-not-exist"), tencent_cloud.ACCOUNT),
    "106": asr.Code(_CONFIG, asr.Message("meaning.account-template-disabled"), tencent_cloud.ACCOUNT),
    "107": asr.Code(_CONFIG, asr.Message("meaning.authentication-failed"), tencent_cloud.KEYS),
    "108": asr.Code(_CONFIG, asr.Message("meaning.string-sign-could-not-built"), tencent_cloud.KEYS),
    "109": asr.Code(_RETRY, asr.Message("meaning.vendor-found-no-recognition-server"), error_hints.WAIT),
    "110": asr.Code(_RETRY, asr.Message("meaning.vendor-recognition-server-down"), error_hints.WAIT),
    "111": asr.Code(_RETRY, asr.Message("meaning.vendor-recognition-gave-malformed-answer"), error_hints.WAIT),
    "112": asr.Code(
        _BAD, asr.Message("meaning.recording-no-audio"), error_hints.UPLOAD_AGAIN, asr.AudioConstraint.CONTENT
    ),
}
_ACTION_CODES = {
    "InternalError.ErrorConfigure": asr.Code(
        _RETRY, asr.Message("meaning.vendor-failed-start-recognition"), error_hints.WAIT
    ),
    "InternalError.ErrorCreateLog": asr.Code(_RETRY, asr.Message("meaning.vendor-failed-write-log"), error_hints.WAIT),
    "InternalError.ErrorFailNewprequest": asr.Code(
        _RETRY, asr.Message("meaning.vendor-failed-create-request"), error_hints.WAIT
    ),
    "InternalError.ErrorFailWritetodb": asr.Code(
        _RETRY, asr.Message("meaning.vendor-database-failed"), error_hints.WAIT
    ),
    "InternalError.ErrorFileCannotopen": asr.Code(
        _RETRY,
        asr.Message("meaning.vendor-could-not-open-copy-recording"),
        asr.Message("advice.wait-or-convert-to-mono-wav"),
    ),
    "InternalError.ErrorGetRoute": asr.Code(
        _RETRY, asr.Message("meaning.vendor-found-no-route-recognition"), error_hints.WAIT
    ),
    "InternalError.ErrorMakeLogpath": asr.Code(
        _RETRY, asr.Message("meaning.vendor-failed-write-log"), error_hints.WAIT
    ),
    "InternalError.ErrorRecognize": asr.Code(_RETRY, asr.Message("meaning.recognition-failed"), error_hints.WAIT),
    "InvalidParameter.ErrorContentlength": asr.Code(
        _CONFIG, asr.Message("meaning.declared-length-not-data"), error_hints.REPORT
    ),
    "InvalidParameter.ErrorParamsMissing": asr.Code(
        _CONFIG, asr.Message("meaning.parameter-missing"), error_hints.REPORT
    ),
    "InvalidParameter.ErrorParsequest": asr.Code(
        _CONFIG, asr.Message("meaning.request-could-not-parsed"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidAppid": asr.Code(
        _CONFIG, asr.Message("meaning.account-appid-invalid"), tencent_cloud.KEYS
    ),
    "InvalidParameterValue.ErrorInvalidClientip": asr.Code(
        _CONFIG, asr.Message("meaning.caller-ip-address-invalid"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidEngservice": asr.Code(_CONFIG, asr.Message("meaning.engine-not-known"), _ENGINE),
    "InvalidParameterValue.ErrorInvalidProjectid": asr.Code(
        _CONFIG, asr.Message("meaning.project-id-invalid"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidRequestid": asr.Code(
        _CONFIG, asr.Message("meaning.request-id-invalid"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidSourcetype": asr.Code(
        _CONFIG, asr.Message("meaning.kind-source-invalid"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidSubservicetype": asr.Code(
        _CONFIG, asr.Message("meaning.sub-service-invalid"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidUrl": asr.Code(
        _CONFIG, asr.Message("meaning.recording-url-malformed-too-long"), asr.Message("advice.shorter-plainer-name")
    ),
    "InvalidParameterValue.ErrorInvalidUseraudiokey": asr.Code(
        _CONFIG, asr.Message("meaning.audio-key-invalid"), error_hints.REPORT
    ),
    "InvalidParameterValue.ErrorInvalidVoiceFormat": asr.Code(
        _BAD, asr.Message("meaning.audio-format-not-supported"), _CONVERT
    ),
    "InvalidParameterValue.ErrorInvalidVoicedata": asr.Code(_BAD, asr.Message("meaning.audio-invalid"), _CONVERT),
    "InvalidParameterValue.ErrorVoicedataTooLong": asr.Code(
        _BAD,
        asr.Message("meaning.recording-longer-than-60-s"),
        asr.Message("advice.long-vendor"),
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
            "ConvertNumMode": asr.OneOf(
                "numbers; default 1",
                {0: asr.Message("value.chinese-numerals"), 1: asr.Message("value.digits-they-fit")},
            ),
            "WordInfo": asr.OneOf(
                "times of words; overrides words",
                {
                    0: asr.Message("value.none"),
                    1: asr.Message("value.words"),
                    2: asr.Message("value.punctuation-as-well"),
                },
            ),
            "InputSampleRate": asr.OneOf(
                "sample rate of raw PCM, for a 16 kHz engine", {8000: asr.Message("value.8-khz")}
            ),
            "ProjectId": asr.Whole("project ID, which the vendor ignores; default 0", 0, 2**31 - 1),
        }
    )
    codes = MappingProxyType({**_BACKEND_CODES, **tencent_cloud.CODES, **_ACTION_CODES})

    def rejection_reason(self, request: asr.RecognitionRequest) -> asr.Message | None:
        if request.audio.codec in _ANY_RATE:
            request = replace(request, audio=request.audio.model_copy(update={"sample_rate_hz": None}))
        reason = super().rejection_reason(request)
        if reason is None and request.audio.duration_ms is None and not request.named:
            return asr.Message("unfit.length-unknown", {"most_s": 60})
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
            raise self.unusable(reply, "NoResult", asr.Message("reply.neither-result-nor-error"))
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
