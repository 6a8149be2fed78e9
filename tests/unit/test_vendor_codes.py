"""Every code that the vendors document has its class, its meaning and an advice."""

import pytest

from asrcore.core.errors import ErrorClass
from asrcore.core.vendor import Kind
from asrcore.vendors.registry import VENDORS

RETRY, BAD_AUDIO, CONFIG = Kind.RETRY, Kind.BAD_AUDIO, Kind.CONFIG


def numbers(*spans):
    """Codes as text: single numbers, and (first, last) for a row of them."""
    return [
        str(code) for span in spans for code in (range(span[0], span[1] + 1) if isinstance(span, tuple) else [span])
    ]


# By vendor and kind, as in the vendors' own lists.
DOCUMENTED = {
    "tencent-recording": {
        Kind.SUCCESS: ["0"],
        CONFIG: numbers((1000, 1020), 1022, (1024, 1028), 1030),
        RETRY: numbers(1021, 1023, 1029, 1031, 1033, 1034, 10001, 10005),
        BAD_AUDIO: numbers(1032, 10000, (10002, 10004), 10006),
    },
    "tencent-sentence": {
        Kind.SUCCESS: ["0"],
        RETRY: [
            *numbers(100, 103, (109, 111)),
            "FailedOperation",
            "FailedOperation.ErrorRecognize",
            "InternalError",
            "InternalError.ErrorConfigure",
            "InternalError.ErrorCreateLog",
            "InternalError.ErrorDownFile",
            "InternalError.ErrorFailNewprequest",
            "InternalError.ErrorFailWritetodb",
            "InternalError.ErrorFileCannotopen",
            "InternalError.ErrorGetRoute",
            "InternalError.ErrorMakeLogpath",
            "InternalError.ErrorRecognize",
            "RequestLimitExceeded",
            "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
            "RequestLimitExceeded.IPLimitExceeded",
            "RequestLimitExceeded.UinLimitExceeded",
            "ResourceInUse",
            "ResourceInsufficient",
            "ResourceUnavailable",
            "ServiceUnavailable",
        ],
        BAD_AUDIO: [
            *numbers(101, 112),
            "InvalidParameterValue.ErrorInvalidVoiceFormat",
            "InvalidParameterValue.ErrorInvalidVoicedata",
            "InvalidParameterValue.ErrorVoicedataTooLong",
            "RequestSizeLimitExceeded",
            "ResponseSizeLimitExceeded",
        ],
        CONFIG: [
            *numbers(102, (104, 108)),
            "ActionOffline",
            "AuthFailure",
            "AuthFailure.CheckResourceResponseCodeError",
            "AuthFailure.InvalidAuthorization",
            "AuthFailure.InvalidSecretId",
            "AuthFailure.MFAFailure",
            "AuthFailure.SecretIdNotFound",
            "AuthFailure.SignatureExpire",
            "AuthFailure.SignatureFailure",
            "AuthFailure.TokenFailure",
            "AuthFailure.UnauthorizedOperation",
            "DryRunOperation",
            "FailedOperation.ServiceIsolate",
            "FailedOperation.UserHasNoAmount",
            "FailedOperation.UserHasNoFreeAmount",
            "FailedOperation.UserNotRegistered",
            "InvalidAction",
            "InvalidParameter",
            "InvalidParameter.ErrorContentlength",
            "InvalidParameter.ErrorParamsMissing",
            "InvalidParameter.ErrorParsequest",
            "InvalidParameterValue",
            "InvalidParameterValue.ErrorInvalidAppid",
            "InvalidParameterValue.ErrorInvalidClientip",
            "InvalidParameterValue.ErrorInvalidEngservice",
            "InvalidParameterValue.ErrorInvalidProjectid",
            "InvalidParameterValue.ErrorInvalidRequestid",
            "InvalidParameterValue.ErrorInvalidSourcetype",
            "InvalidParameterValue.ErrorInvalidSubservicetype",
            "InvalidParameterValue.ErrorInvalidUrl",
            "InvalidParameterValue.ErrorInvalidUseraudiokey",
            "InvalidRequest",
            "IpInBlacklist",
            "IpNotInWhitelist",
            "LimitExceeded",
            "MissingParameter",
            "NoSuchProduct",
            "NoSuchVersion",
            "ResourceNotFound",
            "UnauthorizedOperation",
            "UnknownParameter",
            "UnsupportedOperation",
            "UnsupportedProtocol",
            "UnsupportedRegion",
        ],
    },
    "volcengine": {
        Kind.SUCCESS: ["1000"],
        Kind.IN_PROGRESS: ["2000", "2001"],
        Kind.SILENT: ["1013"],
        CONFIG: numbers(1001, 1002, 1004, 3000),
        RETRY: numbers(1003, (1005, 1009), (1015, 1099)),
        BAD_AUDIO: numbers((1010, 1012), 1014),
    },
    "abcpen": {
        Kind.SUCCESS: ["0"],
        Kind.IN_PROGRESS: ["-1", "1"],
        BAD_AUDIO: ["-2", "10701", "10702"],
        CONFIG: numbers((10105, 10107), 10109, 10110, 26601, 26607),
        RETRY: numbers(10202, 10204, 10205, 10700, 10800, 16003),
    },
}


@pytest.mark.parametrize("name", VENDORS)
def test_the_table_is_complete_and_has_nothing_else(name):
    documented = {code: kind for kind, codes in DOCUMENTED[name].items() for code in codes}

    assert {code: known.kind for code, known in VENDORS[name].codes.items()} == documented


@pytest.mark.parametrize("name", VENDORS)
def test_every_failure_says_what_happened_and_what_to_do(name):
    for code, known in VENDORS[name].codes.items():
        assert known.meaning, code
        assert not known.meaning.endswith("."), code
        if known.kind in {RETRY, BAD_AUDIO, CONFIG}:
            assert known.advice.endswith("."), code


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("code", ["31415", "", "x" * 1000, "0", "1000", "-1", "2000", "1013"])
def test_a_code_that_is_unknown_or_no_failure_is_a_bounded_retry(name, code):
    known = VENDORS[name].codes.get(code)

    error = VENDORS[name].error(code, "oops")

    if known is None or known.kind in {Kind.SUCCESS, Kind.IN_PROGRESS, Kind.SILENT}:
        assert error.error_class is ErrorClass.RETRY
    assert error.vendor == name
    assert "oops" in error.message


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("HTTPS://bucket/a.wav?X-Amz-Signature=secret", id="plain"),
        pytest.param("https%3A%2F%2Fbucket%2Fa.wav%3FX-Amz-Signature%3Dsecret", id="encoded"),
    ],
)
def test_the_vendors_words_are_kept_without_a_signed_url(name, url):
    error = VENDORS[name].error("x", f"cannot download {url} now")

    assert "cannot download (URL) now" in error.message
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        pytest.param("InternalError.Brandnew", ErrorClass.RETRY, id="internal"),
        pytest.param("ServiceUnavailable.Brandnew", ErrorClass.RETRY, id="unavailable"),
        pytest.param("ResourceUnavailable.Brandnew", ErrorClass.RETRY, id="resource"),
        pytest.param("RequestLimitExceeded.Brandnew", ErrorClass.RETRY, id="rate"),
        pytest.param("FailedOperation.Brandnew", ErrorClass.RETRY, id="failed"),
        pytest.param("Brandnew", ErrorClass.RETRY, id="anything-else"),
        pytest.param("AuthFailure.Brandnew", ErrorClass.CONFIG, id="auth"),
        pytest.param("InvalidParameterValue.Brandnew", ErrorClass.CONFIG, id="invalid"),
        pytest.param("MissingParameter.Brandnew", ErrorClass.CONFIG, id="missing"),
        pytest.param("UnsupportedOperation.Brandnew", ErrorClass.CONFIG, id="unsupported"),
        pytest.param("UnauthorizedOperation.Brandnew", ErrorClass.CONFIG, id="unauthorized"),
        pytest.param("LimitExceeded.Brandnew", ErrorClass.CONFIG, id="quota"),
    ],
)
def test_tencents_unlisted_codes_go_by_their_family(code, error_class):
    assert VENDORS["tencent-sentence"].error(code).error_class is error_class


@pytest.mark.parametrize(
    ("code", "message", "error_class"),
    [
        pytest.param("1020", "ERROR_PROCESS_FAILED", ErrorClass.RETRY, id="older-1020"),
        pytest.param("1021", "ERROR_PROXY_BAD_AUTH", ErrorClass.CONFIG, id="older-1021"),
        pytest.param("1023", "ERROR_PROXY_AUTH_TOO_LONG_EXPIRED", ErrorClass.CONFIG, id="older-1023"),
        pytest.param("1028", "code 1028: ERROR_PROXY_AUTH_REPLAY_ATTACK", ErrorClass.RETRY, id="older-1028"),
        pytest.param("1029", "ERROR_PROXY_AUTH_FAILED", ErrorClass.CONFIG, id="older-1029"),
        pytest.param("1031", "ERROR_AUDIO_TOO_LARGE", ErrorClass.BAD_AUDIO, id="older-1031"),
        pytest.param("1033", "ERROR_UNKNOWN", ErrorClass.RETRY, id="older-1033"),
        pytest.param("1029", "replay", ErrorClass.RETRY, id="no-name-in-the-message"),
        pytest.param("1030", "ERROR_BRANDNEW", ErrorClass.CONFIG, id="name-unknown"),
    ],
)
def test_tencent_recording_goes_by_the_name_first(code, message, error_class):
    error = VENDORS["tencent-recording"].error(code, message)

    assert (error.code, error.error_class) == (code, error_class)
