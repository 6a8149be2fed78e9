"""What the actions of Tencent Cloud's speech API share: the signed call, errors, engines and text options.

Source: Tencent one-sentence recognition, "common error codes"; the vendor's pages on signatures and on engines.
"""

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeGuard

from asrcore.vendors import asr, coerce, error_hints, tc3

HOST = "asr.tencentcloudapi.com"
SERVICE, VERSION = "asr", "2019-06-14"
JSON_TYPE = "application/json"
READ_TIMEOUT_S = 60
URL_SOURCE, DATA_SOURCE = 0, 1
LONGEST_URL = 2047
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

# Vendor options that all actions share.
PARAMETERS: Mapping[str, asr.Parameter] = MappingProxyType(
    {
        "FilterDirty": asr.OneOf(
            "profanity; default 0",
            {0: asr.Message("value.keep"), 1: asr.Message("value.leave-out"), 2: asr.Message("value.replace")},
        ),
        "FilterModal": asr.OneOf(
            "filler words; overrides filter_fillers; default 0",
            {
                0: asr.Message("value.keep"),
                1: asr.Message("value.leave-out-some"),
                2: asr.Message("value.leave-out-all"),
            },
        ),
        "FilterPunc": asr.OneOf(
            "punctuation marks; overrides punctuation; default 0",
            {
                0: asr.Message("value.keep"),
                1: asr.Message("value.leave-out-end-sentences"),
                2: asr.Message("value.leave-out-all"),
            },
        ),
        "HotwordId": asr.a_name("ID of a hot-word list of the account; hotwords and HotwordList override it"),
        "HotwordList": asr.Text(
            "hot words with weights; overrides hotwords",
            r"[^|,\s]{1,30}\|([1-9]|1[01]|100)(,[^|,\s]{1,30}\|([1-9]|1[01]|100)){0,127}",
            asr.Message("allowed.weighted-words"),
        ),
        "ReinforceHotword": asr.OneOf(
            "weight of hot words; default 0", {0: asr.Message("value.as-usual"), 1: asr.Message("value.more")}
        ),
        "CustomizationId": asr.a_name("ID of a language model that the account has trained"),
        "ReplaceTextId": asr.a_name("ID of a replacement table of the account"),
    }
)

KEYS = asr.Message("advice.credentials", {"secret": "tencent", "fields": ["secret_id", "secret_key"]})
ACCOUNT = asr.Message("advice.tencent-account")
_RIGHTS = asr.Message("advice.tencent-rights")
_SHORTEN = asr.Message("advice.shorten-or-long-vendor")

_RETRY, _CONFIG, _BAD = asr.CodeKind.RETRY, asr.CodeKind.CONFIG, asr.CodeKind.BAD_AUDIO
CODES: Mapping[str, asr.Code] = MappingProxyType(
    {
        "ActionOffline": asr.Code(_CONFIG, asr.Message("meaning.vendor-withdrawn-api"), error_hints.REPORT),
        "AuthFailure": asr.Code(_CONFIG, asr.Message("meaning.authentication-failed"), KEYS),
        "AuthFailure.CheckResourceResponseCodeError": asr.Code(
            _CONFIG, asr.Message("meaning.key-no-right-resource"), _RIGHTS
        ),
        "AuthFailure.InvalidAuthorization": asr.Code(
            _CONFIG, asr.Message("meaning.authorization-header-malformed"), KEYS
        ),
        "AuthFailure.InvalidSecretId": asr.Code(_CONFIG, asr.Message("meaning.secret-id-not-cloud-api-key"), KEYS),
        "AuthFailure.MFAFailure": asr.Code(
            _CONFIG, asr.Message("meaning.key-needs-multi-factor-authentication"), _RIGHTS
        ),
        "AuthFailure.SecretIdNotFound": asr.Code(_CONFIG, asr.Message("meaning.secret-id-not-exist"), KEYS),
        "AuthFailure.SignatureExpire": asr.Code(
            _CONFIG, asr.Message("meaning.signature-more-than-5-minutes-old"), asr.Message("advice.clock")
        ),
        "AuthFailure.SignatureFailure": asr.Code(_CONFIG, asr.Message("meaning.signature-not-verify"), KEYS),
        "AuthFailure.TokenFailure": asr.Code(_CONFIG, asr.Message("meaning.temporary-token-wrong-expired"), KEYS),
        "AuthFailure.UnauthorizedOperation": asr.Code(_CONFIG, asr.Message("meaning.key-no-right-call"), _RIGHTS),
        "DryRunOperation": asr.Code(_CONFIG, asr.Message("meaning.request-asked-dry-run"), error_hints.REPORT),
        "FailedOperation": asr.Code(_RETRY, asr.Message("meaning.operation-failed"), error_hints.WAIT),
        "FailedOperation.CheckAuthInfoFailed": asr.Code(
            _CONFIG, asr.Message("meaning.check-account-rights-failed"), KEYS
        ),
        "FailedOperation.ErrorRecognize": asr.Code(_RETRY, asr.Message("meaning.recognition-failed"), error_hints.WAIT),
        "FailedOperation.ServiceIsolate": asr.Code(_CONFIG, asr.Message("meaning.account-arrears"), ACCOUNT),
        "FailedOperation.UserHasNoAmount": asr.Code(_CONFIG, asr.Message("meaning.account-package-used-up"), ACCOUNT),
        "FailedOperation.UserHasNoFreeAmount": asr.Code(
            _CONFIG, asr.Message("meaning.account-free-package-used-up"), ACCOUNT
        ),
        "FailedOperation.UserNotRegistered": asr.Code(
            _CONFIG, asr.Message("meaning.service-not-activated-account"), ACCOUNT
        ),
        "InternalError": asr.Code(_RETRY, asr.Message("meaning.vendor-failed-internally"), error_hints.WAIT),
        "InternalError.ErrorDownFile": asr.Code(
            _RETRY, asr.Message("meaning.vendor-could-not-download-recording"), error_hints.DOWNLOAD
        ),
        "InvalidAction": asr.Code(_CONFIG, asr.Message("meaning.api-no-such-action"), error_hints.REPORT),
        "InvalidParameter": asr.Code(_CONFIG, asr.Message("meaning.parameter-invalid"), error_hints.REPORT),
        "InvalidParameterValue": asr.Code(
            _CONFIG, asr.Message("meaning.parameter-value-not-allowed"), error_hints.REPORT
        ),
        "InvalidRequest": asr.Code(_CONFIG, asr.Message("meaning.request-malformed"), error_hints.REPORT),
        "IpInBlacklist": asr.Code(_CONFIG, asr.Message("meaning.caller-ip-address-account-block-list"), _RIGHTS),
        "IpNotInWhitelist": asr.Code(_CONFIG, asr.Message("meaning.caller-ip-address-not-account-allow-list"), _RIGHTS),
        "LimitExceeded": asr.Code(_CONFIG, asr.Message("meaning.quota-account-used-up"), ACCOUNT),
        "MissingParameter": asr.Code(_CONFIG, asr.Message("meaning.parameter-missing"), error_hints.REPORT),
        "NoSuchProduct": asr.Code(_CONFIG, asr.Message("meaning.vendor-no-such-product"), error_hints.REPORT),
        "NoSuchVersion": asr.Code(_CONFIG, asr.Message("meaning.api-no-such-version"), error_hints.REPORT),
        "RequestLimitExceeded": asr.Code(_RETRY, asr.Message("meaning.too-many-requests-second"), error_hints.SLOWER),
        "RequestLimitExceeded.GlobalRegionUinLimitExceeded": asr.Code(
            _RETRY, asr.Message("meaning.too-many-requests-account"), error_hints.SLOWER
        ),
        "RequestLimitExceeded.IPLimitExceeded": asr.Code(
            _RETRY, asr.Message("meaning.too-many-requests-ip-address"), error_hints.SLOWER
        ),
        "RequestLimitExceeded.UinLimitExceeded": asr.Code(
            _RETRY, asr.Message("meaning.too-many-requests-account"), error_hints.SLOWER
        ),
        "RequestSizeLimitExceeded": asr.Code(
            _BAD, asr.Message("meaning.request-too-large"), _SHORTEN, asr.AudioConstraint.SIZE
        ),
        "ResponseSizeLimitExceeded": asr.Code(
            _BAD, asr.Message("meaning.answer-would-too-large"), _SHORTEN, asr.AudioConstraint.LENGTH
        ),
        "ResourceInUse": asr.Code(_RETRY, asr.Message("meaning.resource-vendor-use"), error_hints.WAIT),
        "ResourceInsufficient": asr.Code(_RETRY, asr.Message("meaning.vendor-short-resources"), error_hints.WAIT),
        "ResourceNotFound": asr.Code(_CONFIG, asr.Message("meaning.resource-not-exist"), error_hints.REPORT),
        "ResourceUnavailable": asr.Code(_RETRY, asr.Message("meaning.resource-vendor-not-available"), error_hints.WAIT),
        "ServiceUnavailable": asr.Code(_RETRY, asr.Message("meaning.service-not-available"), error_hints.WAIT),
        "UnauthorizedOperation": asr.Code(_CONFIG, asr.Message("meaning.key-no-right-call"), _RIGHTS),
        "UnknownParameter": asr.Code(_CONFIG, asr.Message("meaning.api-not-know-parameter"), error_hints.REPORT),
        "UnsupportedOperation": asr.Code(_CONFIG, asr.Message("meaning.operation-not-supported"), error_hints.REPORT),
        "UnsupportedProtocol": asr.Code(
            _CONFIG, asr.Message("meaning.protocol-not-supported"), asr.Message("advice.base-url")
        ),
        "UnsupportedRegion": asr.Code(
            _CONFIG, asr.Message("meaning.region-not-supported"), asr.Message("advice.base-url")
        ),
    }
)
# What an unlisted code means, by its beginning; the first match counts.
_FAMILIES = (
    (("InternalError", "ServiceUnavailable", "Resource", "RequestLimitExceeded"), _RETRY, error_hints.WAIT),
    (("AuthFailure", "Unauthorized"), _CONFIG, KEYS),
    (("Invalid", "Missing", "Un", "LimitExceeded"), _CONFIG, error_hints.REPORT),
)


class TencentCloud(asr.Vendor):
    """Base of the vendors that are actions of Tencent Cloud's speech API."""

    secret_name = "tencent"  # noqa: S105 - where the secret lies
    secret_fields = ("secret_id", "secret_key")

    def rejection_reason(self, request: asr.RecognitionRequest) -> asr.Message | None:
        reason = super().rejection_reason(request)
        if reason is None and engine(request) is None:
            return asr.Message(
                "unfit.language-at-rate", {"language": request.options.language, "rate_hz": TELEPHONE_HZ}
            )
        return reason

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        no_engine = {"model"} if request.options.model and not is_engine(request.options.model) else set()
        dropped = len(_hotwords(request.options)) < len(request.options.hotwords)
        listed = bool(_hotwords(request.options)) or "HotwordList" in self.vendor_options(request)
        outdone = {f"{self.name}.HotwordId"} if listed and "HotwordId" in self.vendor_options(request) else set()
        return super().unsupported_options(request) | no_engine | ({"hotwords"} if dropped else set()) | outdone

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning; for an unlisted code, that of its family."""
        if code in self.codes:
            return self.codes[code]
        for beginnings, kind, what_to_do in _FAMILIES:
            if code.startswith(beginnings):
                return asr.Code(kind, asr.UNDOCUMENTED.meaning, what_to_do)
        return asr.UNDOCUMENTED

    def read_response(self, reply: asr.HttpReply) -> Mapping[str, Any]:
        """Return the object `Response`. Raises AsrError for an error in it."""
        document = self.parse_json(reply)
        response = coerce.mapping(document.get("Response"))
        error = coerce.mapping(response.get("Error"))
        # The backend's numeric codes are at the top level, or in the place of the dotted codes.
        code = coerce.text(error.get("Code")) or coerce.text(document.get("code"))
        if response.get("Error") is not None or code not in ("", "0"):
            if not code:
                raise self.unusable(reply, "NoCode", asr.Message("reply.error-without-code"))
            raise self.error(code, coerce.text(error.get("Message") or document.get("message")))
        return response


def call(action: str, parameters: Mapping[str, Any], endpoint: asr.VendorEndpoint, *, now: int) -> asr.HttpRequest:
    """Return the signed request that calls an action. now: UNIX seconds."""
    host = asr.signed_host(endpoint.base_url, HOST)
    body = json.dumps(parameters, ensure_ascii=False).encode()
    signed_headers = {"Content-Type": JSON_TYPE, "Host": host}
    authorization = tc3.authorization(
        signed_headers,
        body,
        service=SERVICE,
        now=now,
        secret_id=endpoint.credentials["secret_id"],
        secret_key=endpoint.credentials["secret_key"],
    )
    headers = {
        **signed_headers,
        "Authorization": authorization,
        "X-TC-Action": action,
        "X-TC-Version": VERSION,
        "X-TC-Timestamp": str(now),
    }
    return asr.HttpRequest("POST", f"{endpoint.base_url.rstrip('/')}/", headers, body, READ_TIMEOUT_S)


def engine(request: asr.RecognitionRequest) -> str | None:
    """Return the engine that was named, or the one for the language and sample rate; None without one."""
    if is_engine(request.options.model):
        return request.options.model
    general, telephone = ENGINES.get(request.options.language, (None, None))
    return telephone if request.audio.sample_rate_hz == TELEPHONE_HZ else general


def source(delivery: asr.Delivery) -> dict[str, Any]:
    """Return the parameters for the recording: its URL, or its bytes."""
    if delivery.data is None:
        return {"SourceType": URL_SOURCE, "Url": delivery.required_url()}
    data = base64.b64encode(delivery.data).decode()
    return {"SourceType": DATA_SOURCE, "Data": data, "DataLen": len(delivery.data)}


def refinements(options: asr.Options) -> dict[str, Any]:
    """Return the parameters for options about the text that a caller set."""
    parameters: dict[str, Any] = {}
    if hotwords := _hotwords(options):
        parameters["HotwordList"] = ",".join(f"{word}|{HOTWORD_WEIGHT}" for word in hotwords)
    if options.filter_fillers is not None:
        parameters["FilterModal"] = int(options.filter_fillers)
    if options.punctuation is not None:
        parameters["FilterPunc"] = 0 if options.punctuation else 2
    if options.inverse_text_normalization is not None:
        parameters["ConvertNumMode"] = int(options.inverse_text_normalization)
    return parameters


def is_engine(name: str | None) -> TypeGuard[str]:
    """Return whether a name is that of one of Tencent's engines, by its beginning."""
    return name is not None and name.startswith(("8k_", "16k_"))


def _hotwords(options: asr.Options) -> list[str]:
    """Return the hot words that the vendor accepts: up to 30 characters, 10 in Chinese, without its separators."""
    return [
        word
        for word in options.hotwords
        if len(word) <= (LONGEST_HOTWORD if word.isascii() else LONGEST_CHINESE_HOTWORD) and not set(word) & set("|,")
    ]
