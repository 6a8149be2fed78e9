"""Tencent recording-file recognition, legacy API: submitted once, completes by callback only.

Source: Tencent recording recognition, legacy API page (request, signature, callback, error codes).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, urlencode

from asrcore.vendors import asr, coerce, error_hints, tencent_recording_format
from asrcore.vendors.tencent_cloud import is_engine
from asrcore.vendors.tencent_recording_format import ThirdNumber, read_lines

HOST = "aai.qcloud.com"
SIGNATURE_LIFE_S = 3600
LARGEST_NONCE = 9_999_999_999
URL_SOURCE, BODY_SOURCE = 0, 1
UTF_8 = 0
# By res_text_format.
CHARSETS = MappingProxyType({UTF_8: "utf-8", 1: "gb2312", 2: "gbk", 3: "big5"})

GENERAL, TELEPHONE, TELEPHONE_WITH_SPEAKERS = "16k_0", "8k_0", "8k_6"
TELEPHONE_HZ = 8000

_KEYS = asr.Message("advice.credentials", {"secret": "tencent", "fields": ["appid", "secret_id", "secret_key"]})
_CLOCK = asr.Message("advice.clock-signed-anew")

# code: its name without ERROR_, kind, meaning, advice. Numbers are those of the newer revision of the vendor's page.
_REQUEST_CODES = {
    "1000": (
        "BAD_REQ",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.parameters-not-meet-requirements"),
        error_hints.REPORT,
    ),
    "1001": (
        "PARSE_DATA_FAILED",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.request-could-not-parsed"),
        error_hints.REPORT,
    ),
    "1002": (
        "HAS_NO_VALID_PROJECTID",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.projectid-missing-invalid"),
        error_hints.REPORT,
    ),
    "1003": (
        "HAS_NO_VALID_RES_TEXT_FORMAT",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.res-text-format-missing-invalid"),
        error_hints.REPORT,
    ),
    "1004": (
        "HAS_NO_VALID_SUB_SERVICE_TYPE",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.sub-service-type-missing-invalid"),
        error_hints.REPORT,
    ),
    "1005": (
        "HAS_NO_VALID_ENGINE_MODEL_TYPE",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.engine-missing-invalid"),
        asr.Message("advice.tencent-recording-engine"),
    ),
    "1006": (
        "HAS_NO_VALID_CALLBACK_URL",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.callback-url-missing-invalid-2048-characters-longer"),
        asr.Message("advice.callback-api"),
    ),
    "1007": (
        "HAS_NO_VALID_RES_TYPE",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.res-type-missing-invalid"),
        error_hints.REPORT,
    ),
    "1008": (
        "HAS_NO_VALID_SOURCE_TYPE",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.source-type-missing-invalid"),
        error_hints.REPORT,
    ),
    "1009": (
        "HAS_NO_VALID_URL",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.recording-url-missing-invalid"),
        asr.Message("advice.plainer-name"),
    ),
    "1010": ("HAS_NO_VALID_SECRET_ID", asr.CodeKind.CONFIG, asr.Message("meaning.secret-id-missing-invalid"), _KEYS),
    "1011": ("HAS_NO_VALID_TIMESTAMP", asr.CodeKind.CONFIG, asr.Message("meaning.timestamp-missing-invalid"), _CLOCK),
    "1012": ("HAS_NO_VALID_EXPIRED", asr.CodeKind.CONFIG, asr.Message("meaning.expired-missing-invalid"), _CLOCK),
    "1013": (
        "HAS_NO_VALID_NONCE",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.nonce-missing-invalid"),
        error_hints.REPORT,
    ),
    "1014": (
        "HAS_NO_VALID_TEMPLATENAME",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.template-name-invalid"),
        error_hints.REPORT,
    ),
    "1015": ("HAS_NO_BUCKET", asr.CodeKind.CONFIG, asr.Message("meaning.bucket-missing-invalid"), error_hints.REPORT),
    "1016": (
        "HAS_NO_AMOUNT",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.account-allowance-used-up"),
        asr.Message("advice.package-or-wait"),
    ),
    "1017": (
        "URL_TOO_LONG",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.recording-url-longer-than-2048-characters"),
        asr.Message("advice.shorter-name"),
    ),
    "1018": (
        "FILEID_TOO_LONG",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.file-name-longer-than-2048-characters"),
        asr.Message("advice.shorter-name"),
    ),
    "1019": ("APPID_NOT_REGISTER", asr.CodeKind.CONFIG, asr.Message("meaning.appid-not-registered-service"), _KEYS),
    "1020": (
        "APPID_PROJECTID_TEMPLATENAME_MISMATCH",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.appid-project-template-not-belong-together"),
        _KEYS,
    ),
    "1021": ("PROCESS_FAILED", asr.CodeKind.RETRY, asr.Message("meaning.vendor-server-failed"), error_hints.WAIT),
    "1022": ("PROXY_BAD_AUTH", asr.CodeKind.CONFIG, asr.Message("meaning.signature-malformed"), _KEYS),
    "1023": (
        "",
        asr.CodeKind.RETRY,
        asr.Message("meaning.code-older-numbering-says-signature-valid-too-long"),
        error_hints.WAIT,
    ),
    "1024": (
        "PROXY_AUTH_TOO_LONG_EXPIRED",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.signature-valid-too-long"),
        _CLOCK,
    ),
    "1025": ("PROXY_AUTH_EXPIRED", asr.CodeKind.CONFIG, asr.Message("meaning.signature-expired"), _CLOCK),
    "1026": (
        "PROXY_AUTH_PROJECTID_NOEXIST",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.signature-project-not-exist"),
        _KEYS,
    ),
    "1027": ("PROXY_AUTH_SECRETID_NOEXIST", asr.CodeKind.CONFIG, asr.Message("meaning.secret-id-not-exist"), _KEYS),
    "1028": (
        "PROXY_AUTH_PROJECTID_MISMATCH",
        asr.CodeKind.CONFIG,
        asr.Message("meaning.signature-project-not-match"),
        _KEYS,
    ),
    "1029": (
        "PROXY_AUTH_REPLAY_ATTACK",
        asr.CodeKind.RETRY,
        asr.Message("meaning.nonce-timestamp-seen-before"),
        asr.Message("advice.new-signature"),
    ),
    "1030": ("PROXY_AUTH_FAILED", asr.CodeKind.CONFIG, asr.Message("meaning.signature-not-verify"), _KEYS),
    "1031": (
        "",
        asr.CodeKind.RETRY,
        asr.Message("meaning.code-older-numbering-says-audio-larger-than-5-mb"),
        error_hints.WAIT,
    ),
    "1032": (
        "AUDIO_TOO_LARGE",
        asr.CodeKind.BAD_AUDIO,
        asr.Message("meaning.recording-sent-as-bytes-larger-than-5-mb"),
        asr.Message("advice.shorter-name-for-url"),
    ),
    "1033": (
        "",
        asr.CodeKind.RETRY,
        asr.Message("meaning.code-older-numbering-says-cause-not-known"),
        error_hints.WAIT,
    ),
    "1034": ("UNKNOWN", asr.CodeKind.RETRY, asr.Message("meaning.vendor-not-know-cause"), error_hints.WAIT),
}
_CODES_BY_NAME = {f"ERROR_{name}": code for code, (name, *_) in _REQUEST_CODES.items() if name}
_NAME = re.compile(r"ERROR_[A-Z_]+")


class TencentRecording(asr.Vendor):
    """Up to an hour of Mandarin at 8 or 16 kHz; stereo only from a telephone."""

    name = "tencent-recording"
    successor = "tencent-rec-task"
    limits = asr.Limits(
        formats=frozenset({"wav", "pcm", "mp3", "silk", "amr", "ogg"}),
        codecs=MappingProxyType(
            {
                "wav": frozenset({"pcm_s16le"}),
                "pcm": frozenset({"pcm_s16le"}),
                "ogg": frozenset({"speex"}),
            }
        ),
        refused=asr.NOT_16_BIT,
        languages=frozenset({"zh-CN"}),
        max_duration_ms=60 * 60 * 1000,
        sample_rates_hz=frozenset({8000, 16000}),
        channels=frozenset({1, 2}),
        max_data_bytes=5 * 1024 * 1024,
        max_url_length=2047,
    )
    # published: 5 MB of audio; a rate is not
    tuning = asr.Tuning(submissions_per_second=20, max_data_bytes=limits.max_data_bytes)
    completion_modes = frozenset({asr.Completion.CALLBACK})
    most_callbacks = tencent_recording_format.MOST_CALLBACKS
    form_fields = tencent_recording_format.FORM_FIELDS
    supported_options = frozenset({"speakers", "model", "channels"})
    parameters = MappingProxyType(
        {
            "projectid": asr.Whole("project ID, which the vendor ignores; default 0", 0, 2**31 - 1),
            "res_text_format": asr.OneOf(
                "encoding of the vendor's text, which asrcore decodes; default 0",
                {
                    0: asr.Message("value.utf-8"),
                    1: asr.Message("value.gb2312"),
                    2: asr.Message("value.gbk"),
                    3: asr.Message("value.big5"),
                },
            ),
        }
    )
    secret_name = "tencent"  # noqa: S105 - where the secret lies
    secret_fields = ("appid", "secret_id", "secret_key")
    codes = MappingProxyType(
        {
            "0": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.taken-over-submission-finished-callback")),
            **{code: asr.Code(kind, meaning, do) for code, (_, kind, meaning, do) in _REQUEST_CODES.items()},
            **tencent_recording_format.CALLBACK_CODES,
        }
    )

    def rejection_reason(self, request: asr.RecognitionRequest) -> asr.Message | None:
        reason = super().rejection_reason(request)
        if reason is None and request.audio.channels == 2 and _engine(request) != TELEPHONE:
            return asr.Message("unfit.stereo-engine", {"engine": TELEPHONE, "rate_hz": TELEPHONE_HZ})
        return reason

    def fixes_speakers(self, request: asr.RecognitionRequest) -> bool:
        return _is_stereo(request) and request.options.speakers == 2

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        tells_speakers = _engine(request) == TELEPHONE_WITH_SPEAKERS or _is_stereo(request)
        # The vendor refuses a stereo recording that is declared as mono.
        splits = request.options.channels != "mix" or not _is_stereo(request)
        return (
            super().unsupported_options(request)
            | (set() if tells_speakers else request.options.requested_names() & {"speakers"})
            | (set() if splits else {"channels"})
            | ({"model"} if request.options.model and not is_engine(request.options.model) else set())
        )

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        parameters: dict[str, asr.Value] = {
            "callback_url": submission.callback_url,
            "channel_num": 2 if _is_stereo(submission.request) else 1,
            "engine_model_type": _engine(submission.request),
            "expired": submission.now + SIGNATURE_LIFE_S,
            "nonce": submission.nonce % LARGEST_NONCE + 1,
            "projectid": 0,
            "res_text_format": UTF_8,
            "res_type": 1,  # asynchronous, the only one that works
            "secretid": submission.endpoint.credentials["secret_id"],
            "source_type": URL_SOURCE if submission.delivery.data is None else BODY_SOURCE,
            "sub_service_type": 0,
            "timestamp": submission.now,
            **self.vendor_options(submission.request),
        }
        if submission.delivery.data is None:
            parameters["url"] = submission.delivery.required_url()
        host = asr.signed_host(submission.endpoint.base_url, HOST)
        path = f"/asr/v1/{submission.endpoint.credentials['appid']}"
        return asr.HttpRequest(
            "POST",
            f"{submission.endpoint.base_url.rstrip('/')}{path}?{urlencode(parameters, quote_via=quote, safe='')}",
            {
                "Host": host,
                "Authorization": sign(f"{host}{path}", parameters, submission.endpoint.credentials["secret_key"]),
                "Content-Type": "application/octet-stream",
            },
            submission.delivery.data or b"",
        )

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Accepted:
        document = self.parse_json(reply)
        code = self.checked_code(reply, coerce.text(document.get("code")))
        if code != "0":
            raise self.error(code, coerce.text(document.get("message")))
        task_id = coerce.identifier(document.get("requestId"))
        if task_id is None:
            raise self.unusable(reply, "NoTaskId", asr.Message("reply.no-task-id"))
        return asr.Accepted(task_id)

    def read_callback(self, body: bytes, content_type: str, request: asr.RecognitionRequest) -> asr.Callback:
        charset = CHARSETS[int(self.vendor_options(request).get("res_text_format", UTF_8))]
        try:
            fields = tencent_recording_format.callback_fields(body, content_type, charset)
        except asr.UnknownCharsetError:
            raise self.unreadable_callback() from None
        code = tencent_recording_format.callback_code(fields)
        if code is None:
            raise self.bad_callback(asr.Message("callback.no-code"))
        task_id = coerce.identifier(fields.get("requestId"))
        if code != "0":
            return asr.Callback(task_id, self.error(code, coerce.text(fields.get("message"))))
        if "text" not in fields:
            raise self.bad_callback(asr.Message("callback.no-text"))
        duration_ms = tencent_recording_format.length_ms(fields.get("audioTime"))
        third = ThirdNumber.CHANNEL if _is_stereo(request) else ThirdNumber.SPEAKER
        return asr.Callback(task_id, read_lines(coerce.text(fields["text"]), duration_ms, third))

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning by the name in its message, if there is one: two numberings are in use."""
        names = (_CODES_BY_NAME.get(name) for name in _NAME.findall(message))
        return self.codes.get(next(filter(None, names), code), asr.UNDOCUMENTED)


def sign(host_and_path: str, parameters: Mapping[str, asr.Value], secret_key: str) -> str:
    """Return the `Authorization` header of a POST. The query is signed sorted and not percent-encoded.

    Args:
        host_and_path: of the URL, without the scheme.
        parameters: of the query.
        secret_key: the key.
    """
    query = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    digest = hmac.new(secret_key.encode(), f"POST{host_and_path}?{query}".encode(), hashlib.sha1)
    return base64.b64encode(digest.digest()).decode()


def _engine(request: asr.RecognitionRequest) -> str:
    if is_engine(request.options.model):
        return request.options.model
    if request.audio.sample_rate_hz != TELEPHONE_HZ:
        return GENERAL
    # Two channels separate the speakers better than any engine.
    asked = request.options.speakers is not None
    return TELEPHONE_WITH_SPEAKERS if asked and request.audio.channels != 2 else TELEPHONE


def _is_stereo(request: asr.RecognitionRequest) -> bool:
    return request.audio.channels == 2 and _engine(request) == TELEPHONE
