"""Tencent one-sentence recognition: up to a minute, answered at once.

Source: Tencent one-sentence recognition (SentenceRecognition, version 2019-06-14).
"""

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asrcore.core.options import Options
from asrcore.core.transcript import Recognition, Utterance, Word, recognition
from asrcore.core.vendor import (
    UNDOCUMENTED,
    Account,
    Code,
    Completion,
    Delivery,
    Kind,
    Limits,
    Order,
    Reply,
    Request,
    Vendor,
    signed_host,
)
from asrcore.vendors import reading, tc3

HOST = "asr.tencentcloudapi.com"
JSON_TYPE = "application/json"
READ_TIMEOUT_S = 60
ONE_SENTENCE = 2
URL_SOURCE, DATA_SOURCE = 0, 1
HOTWORD_WEIGHT = 10  # of 1 to 11; 100 would replace like-sounding words
LONGEST_HOTWORD, LONGEST_CHINESE_HOTWORD = 30, 10
TELEPHONE_HZ = 8000

# Language: the engine for 16 kHz and, where there is one, for 8 kHz.
ENGINES = MappingProxyType(
    {
        "zh-CN": ("16k_zh", "8k_zh"),
        "en-US": ("16k_en", "8k_en"),
        "yue-CN": ("16k_yue", None),
        "ja-JP": ("16k_ja", None),
        "ko-KR": ("16k_ko", None),
        "vi-VN": ("16k_vi", None),
        "ms-MY": ("16k_ms", None),
        "id-ID": ("16k_id", None),
        "fil-PH": ("16k_fil", None),
        "th-TH": ("16k_th", None),
        "pt-BR": ("16k_pt", None),
        "tr-TR": ("16k_tr", None),
        "ar-SA": ("16k_ar", None),
        "es-MX": ("16k_es", None),
        "hi-IN": ("16k_hi", None),
        "fr-FR": ("16k_fr", None),
        "de-DE": ("16k_de", None),
    }
)

_REPORT = "Nothing is wrong with the recording: report this to the maintainers of asrcore with the job id."
_KEYS = "Check secret_id and secret_key of `tencent` in the stack's secret."
_RIGHTS = "Give this key the right to call speech recognition in the vendor's access management."
_ACCOUNT = "Activate the service, pay the bill or buy a package in the vendor's console."
_WAIT = "It is tried again; if it persists, look at the vendor's status page."
_SLOWER = "It is tried again later; if it happens often, lower the vendor's pace in the stack's parameters."
_CONVERT = "Convert the recording to 16 kHz, 16 bit, mono WAV and upload it again."
_ENGINE = "Check the options asr-model and asr-language."

_RETRY, _CONFIG, _BAD = Kind.RETRY, Kind.CONFIG, Kind.BAD_AUDIO
_BACKEND_CODES = {
    "0": Code(Kind.SUCCESS, "recognised"),
    "100": Code(_RETRY, "the vendor could not get its slice information", _WAIT),
    "101": Code(_BAD, "the recording is too big", "Shorten it, or choose a vendor for long recordings."),
    "102": Code(_CONFIG, "a parameter is not allowed", _REPORT),
    "103": Code(_RETRY, "the vendor's database failed", _WAIT),
    "104": Code(_CONFIG, "the appid is not registered", _ACCOUNT),
    "105": Code(_CONFIG, "the account's template does not exist", _ACCOUNT),
    "106": Code(_CONFIG, "the account's template is disabled", _ACCOUNT),
    "107": Code(_CONFIG, "authentication failed", _KEYS),
    "108": Code(_CONFIG, "the string to sign could not be built", _KEYS),
    "109": Code(_RETRY, "the vendor found no recognition server", _WAIT),
    "110": Code(_RETRY, "the vendor's recognition server is down", _WAIT),
    "111": Code(_RETRY, "the vendor's recognition gave a malformed answer", _WAIT),
    "112": Code(_BAD, "the recording has no audio in it", "Upload the recording again."),
}
_ACTION_CODES = {
    "FailedOperation.ErrorRecognize": Code(_RETRY, "recognition failed", _WAIT),
    "FailedOperation.ServiceIsolate": Code(_CONFIG, "the account is in arrears", _ACCOUNT),
    "FailedOperation.UserHasNoAmount": Code(_CONFIG, "the account's package is used up", _ACCOUNT),
    "FailedOperation.UserHasNoFreeAmount": Code(_CONFIG, "the account's free package is used up", _ACCOUNT),
    "FailedOperation.UserNotRegistered": Code(_CONFIG, "the service is not activated for the account", _ACCOUNT),
    "InternalError": Code(_RETRY, "the vendor failed internally", _WAIT),
    "InternalError.ErrorConfigure": Code(_RETRY, "the vendor failed to start the recognition", _WAIT),
    "InternalError.ErrorCreateLog": Code(_RETRY, "the vendor failed to write its log", _WAIT),
    "InternalError.ErrorDownFile": Code(
        _RETRY,
        "the vendor could not download the recording",
        "It is tried again with a fresh URL; if it persists, check that the bucket can be reached from mainland China.",
    ),
    "InternalError.ErrorFailNewprequest": Code(_RETRY, "the vendor failed to create its request", _WAIT),
    "InternalError.ErrorFailWritetodb": Code(_RETRY, "the vendor's database failed", _WAIT),
    "InternalError.ErrorFileCannotopen": Code(
        _RETRY, "the vendor could not open its copy of the recording", f"It is tried again; if it persists: {_CONVERT}"
    ),
    "InternalError.ErrorGetRoute": Code(_RETRY, "the vendor found no route to its recognition", _WAIT),
    "InternalError.ErrorMakeLogpath": Code(_RETRY, "the vendor failed to write its log", _WAIT),
    "InternalError.ErrorRecognize": Code(_RETRY, "recognition failed", _WAIT),
    "InvalidParameter.ErrorContentlength": Code(_CONFIG, "the declared length is not that of the data", _REPORT),
    "InvalidParameter.ErrorParamsMissing": Code(_CONFIG, "a parameter is missing", _REPORT),
    "InvalidParameter.ErrorParsequest": Code(_CONFIG, "the request could not be parsed", _REPORT),
    "InvalidParameterValue": Code(_CONFIG, "a parameter has a value that is not allowed", _REPORT),
    "InvalidParameterValue.ErrorInvalidAppid": Code(_CONFIG, "the account's appid is invalid", _KEYS),
    "InvalidParameterValue.ErrorInvalidClientip": Code(_CONFIG, "the caller's IP address is invalid", _REPORT),
    "InvalidParameterValue.ErrorInvalidEngservice": Code(_CONFIG, "the engine is not known", _ENGINE),
    "InvalidParameterValue.ErrorInvalidProjectid": Code(_CONFIG, "the project id is invalid", _REPORT),
    "InvalidParameterValue.ErrorInvalidRequestid": Code(_CONFIG, "the request id is invalid", _REPORT),
    "InvalidParameterValue.ErrorInvalidSourcetype": Code(_CONFIG, "the kind of source is invalid", _REPORT),
    "InvalidParameterValue.ErrorInvalidSubservicetype": Code(_CONFIG, "the sub-service is invalid", _REPORT),
    "InvalidParameterValue.ErrorInvalidUrl": Code(
        _CONFIG, "the recording's URL is malformed or too long", "Upload the recording under a shorter, plainer name."
    ),
    "InvalidParameterValue.ErrorInvalidUseraudiokey": Code(_CONFIG, "the audio key is invalid", _REPORT),
    "InvalidParameterValue.ErrorInvalidVoiceFormat": Code(_BAD, "the audio format is not supported", _CONVERT),
    "InvalidParameterValue.ErrorInvalidVoicedata": Code(_BAD, "the audio is invalid", _CONVERT),
    "InvalidParameterValue.ErrorVoicedataTooLong": Code(
        _BAD, "the recording is longer than 60 s", "Choose a vendor for long recordings, such as tencent-recording."
    ),
}
_COMMON_CODES = {
    "ActionOffline": Code(_CONFIG, "the vendor has withdrawn this API", _REPORT),
    "AuthFailure": Code(_CONFIG, "authentication failed", _KEYS),
    "AuthFailure.CheckResourceResponseCodeError": Code(_CONFIG, "the key has no right to the resource", _RIGHTS),
    "AuthFailure.InvalidAuthorization": Code(_CONFIG, "the Authorization header is malformed", _KEYS),
    "AuthFailure.InvalidSecretId": Code(_CONFIG, "the secret id is not one of a cloud API key", _KEYS),
    "AuthFailure.MFAFailure": Code(_CONFIG, "the key needs multi-factor authentication", _RIGHTS),
    "AuthFailure.SecretIdNotFound": Code(_CONFIG, "the secret id does not exist", _KEYS),
    "AuthFailure.SignatureExpire": Code(
        _CONFIG, "the signature is more than 5 minutes old", "Check that the clock of the caller is right."
    ),
    "AuthFailure.SignatureFailure": Code(_CONFIG, "the signature does not verify", _KEYS),
    "AuthFailure.TokenFailure": Code(_CONFIG, "the temporary token is wrong or has expired", _KEYS),
    "AuthFailure.UnauthorizedOperation": Code(_CONFIG, "the key has no right to this call", _RIGHTS),
    "DryRunOperation": Code(_CONFIG, "the request asked for a dry run", _REPORT),
    "FailedOperation": Code(_RETRY, "the operation failed", _WAIT),
    "InvalidAction": Code(_CONFIG, "the API has no such action", _REPORT),
    "InvalidParameter": Code(_CONFIG, "a parameter is invalid", _REPORT),
    "InvalidRequest": Code(_CONFIG, "the request is malformed", _REPORT),
    "IpInBlacklist": Code(_CONFIG, "the caller's IP address is on the account's block list", _RIGHTS),
    "IpNotInWhitelist": Code(_CONFIG, "the caller's IP address is not on the account's allow list", _RIGHTS),
    "LimitExceeded": Code(_CONFIG, "a quota of the account is used up", _ACCOUNT),
    "MissingParameter": Code(_CONFIG, "a parameter is missing", _REPORT),
    "NoSuchProduct": Code(_CONFIG, "the vendor has no such product", _REPORT),
    "NoSuchVersion": Code(_CONFIG, "the API has no such version", _REPORT),
    "RequestLimitExceeded": Code(_RETRY, "too many requests in a second", _SLOWER),
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded": Code(_RETRY, "too many requests of the account", _SLOWER),
    "RequestLimitExceeded.IPLimitExceeded": Code(_RETRY, "too many requests from one IP address", _SLOWER),
    "RequestLimitExceeded.UinLimitExceeded": Code(_RETRY, "too many requests of the account", _SLOWER),
    "RequestSizeLimitExceeded": Code(
        _BAD, "the request is too large", "Shorten the recording, or choose a vendor for long recordings."
    ),
    "ResponseSizeLimitExceeded": Code(
        _BAD, "the answer would be too large", "Shorten the recording, or choose a vendor for long recordings."
    ),
    "ResourceInUse": Code(_RETRY, "a resource of the vendor is in use", _WAIT),
    "ResourceInsufficient": Code(_RETRY, "the vendor is short of resources", _WAIT),
    "ResourceNotFound": Code(_CONFIG, "a resource does not exist", _REPORT),
    "ResourceUnavailable": Code(_RETRY, "a resource of the vendor is not available", _WAIT),
    "ServiceUnavailable": Code(_RETRY, "the service is not available", _WAIT),
    "UnauthorizedOperation": Code(_CONFIG, "the key has no right to this call", _RIGHTS),
    "UnknownParameter": Code(_CONFIG, "the API does not know a parameter", _REPORT),
    "UnsupportedOperation": Code(_CONFIG, "the operation is not supported", _REPORT),
    "UnsupportedProtocol": Code(_CONFIG, "the protocol is not supported", "Check the vendor's base URL."),
    "UnsupportedRegion": Code(_CONFIG, "the region is not supported", "Check the vendor's base URL."),
}
# What an unlisted code means, by how it begins; the first that fits.
_FAMILIES = (
    (("InternalError", "ServiceUnavailable", "Resource", "RequestLimitExceeded"), _RETRY, _WAIT),
    (("AuthFailure", "Unauthorized"), _CONFIG, _KEYS),
    (("Invalid", "Missing", "Un", "LimitExceeded"), _CONFIG, _REPORT),
)


class TencentSentence(Vendor):
    """Up to a minute of mono speech; the answer to the submission is the result."""

    name = "tencent-sentence"
    limits = Limits(
        formats=frozenset({"wav", "mp3"}),
        codecs=MappingProxyType({"wav": frozenset({"pcm_s16le"})}),
        languages=frozenset(ENGINES),
        max_duration_ms=59_999,  # the vendor says both "not over" and "under" 60 s
        sample_rates_hz=frozenset({8000, 16000}),
        max_data_bytes=600_000,
        max_url_length=2047,
    )
    completes_by = frozenset({Completion.SYNC})
    honours = frozenset({"punctuation", "inverse_text_normalization", "words", "hotwords", "model", "filter_fillers"})
    secret_name = "tencent"  # noqa: S105 - where the secret lies
    secret_fields = ("secret_id", "secret_key")
    codes = MappingProxyType({**_BACKEND_CODES, **_COMMON_CODES, **_ACTION_CODES})

    def why_not(self, order: Order) -> str | None:
        reason = super().why_not(order)
        if reason is None and order.audio.duration_ms is None:
            return "unknown length (takes up to 60 s, and the recording does not tell how long it is)"
        if reason is None and _engine(order) is None:
            return f"language {order.options.language} at {TELEPHONE_HZ} Hz (takes it only at 16000 Hz)"
        return reason

    def unmet(self, order: Order) -> set[str]:
        dropped = len(_hotwords(order.options)) < len(order.options.hotwords)
        return super().unmet(order) | ({"hotwords"} if dropped else set())

    def submit_request(
        self, order: Order, delivery: Delivery, account: Account, *, callback_url: str, now: int, nonce: int
    ) -> Request:
        host = signed_host(account.base_url, HOST)
        body = json.dumps(_parameters(order, delivery), ensure_ascii=False).encode()
        signed_headers = {"Content-Type": JSON_TYPE, "Host": host}
        authorization = tc3.authorization(
            signed_headers,
            body,
            service="asr",
            now=now,
            secret_id=account.credentials["secret_id"],
            secret_key=account.credentials["secret_key"],
        )
        headers = {
            **signed_headers,
            "Authorization": authorization,
            "X-TC-Action": "SentenceRecognition",
            "X-TC-Version": "2019-06-14",
            "X-TC-Timestamp": str(now),
        }
        return Request("POST", f"{account.base_url.rstrip('/')}/", headers, body, READ_TIMEOUT_S)

    def read_submit(self, reply: Reply, order: Order) -> Recognition:
        document = self.parse_json(reply)
        response = reading.mapping(document.get("Response"))
        error = reading.mapping(response.get("Error"))
        # The numeric codes of the backend come at the top, or in the place of the dotted ones.
        code = reading.text(error.get("Code")) or reading.text(document.get("code"))
        if response.get("Error") is not None or code not in ("", "0"):
            if not code:
                raise self.unusable(reply, "NoCode", "answered with an error without a code")
            raise self.error(code, reading.text(error.get("Message") or document.get("message")))
        if "Result" not in response:
            raise self.unusable(reply, "NoResult", "answered with neither a result nor an error")
        return _recognition(response)

    def look_up(self, code: str, message: str = "") -> Code:
        """A code's meaning; one that is not listed means what its family means."""
        if code in self.codes:
            return self.codes[code]
        for beginnings, kind, advice in _FAMILIES:
            if code.startswith(beginnings):
                return Code(kind, UNDOCUMENTED.meaning, advice)
        return UNDOCUMENTED


def _engine(order: Order) -> str | None:
    general, telephone = ENGINES.get(order.options.language, (None, None))
    return order.options.model or (telephone if order.audio.sample_rate_hz == TELEPHONE_HZ else general)


def _parameters(order: Order, delivery: Delivery) -> dict[str, Any]:
    options = order.options
    parameters: dict[str, Any] = {
        "EngSerViceType": _engine(order),
        "SourceType": URL_SOURCE if delivery.data is None else DATA_SOURCE,
        "VoiceFormat": order.audio.format,
        "ProjectId": 0,
        "SubServiceType": ONE_SENTENCE,
        "UsrAudioKey": order.job_id,
        "WordInfo": 0 if options.words is False else 1,
    }
    if delivery.data is None:
        parameters["Url"] = delivery.required_url()
    else:
        parameters |= {"Data": base64.b64encode(delivery.data).decode(), "DataLen": len(delivery.data)}
    if hotwords := _hotwords(options):
        parameters["HotwordList"] = ",".join(f"{word}|{HOTWORD_WEIGHT}" for word in hotwords)
    if options.filter_fillers is not None:
        parameters["FilterModal"] = int(options.filter_fillers)
    if options.punctuation is not None:
        parameters["FilterPunc"] = 0 if options.punctuation else 2
    if options.inverse_text_normalization is not None:
        parameters["ConvertNumMode"] = int(options.inverse_text_normalization)
    return parameters


def _hotwords(options: Options) -> list[str]:
    """Those that the vendor takes: up to 30 characters, or 10 in Chinese, without its two separators."""
    return [
        word
        for word in options.hotwords
        if len(word) <= (LONGEST_HOTWORD if word.isascii() else LONGEST_CHINESE_HOTWORD) and not set(word) & set("|,")
    ]


def _recognition(response: Mapping[str, Any]) -> Recognition:
    text = reading.text(response.get("Result"))
    duration_ms = reading.milliseconds(response.get("AudioDuration"))
    if not text:
        return recognition([], duration_ms=duration_ms)
    words = [
        Word(
            start_ms=reading.milliseconds(word.get("StartTime")),
            end_ms=reading.milliseconds(word.get("EndTime")),
            text=reading.text(word.get("Word")),
        )
        for word in reading.mappings(response.get("WordList"))
    ]
    starts = [word.start_ms for word in words if word.start_ms is not None]
    ends = [word.end_ms for word in words if word.end_ms is not None]
    sentence = Utterance(start_ms=min(starts, default=0), end_ms=max(ends, default=duration_ms), text=text, words=words)
    return recognition([sentence], text=text, duration_ms=duration_ms)
