"""Check that every documented vendor code has its class, its meaning and an advice."""

import json
import re
from pathlib import Path

import pytest

from asrcore.core.errors import AudioConstraint, ErrorClass
from asrcore.core.routing import followers
from asrcore.core.vendor import CodeKind
from asrcore.vendors.registry import VENDORS

LISTS = Path(__file__).parents[1] / "fixtures" / "codes"


def published(name):
    """Return a vendor's published codes, each with the class of its meaning."""
    lists = json.loads((LISTS / f"{name}.json").read_text(encoding="utf-8"))
    return {entry["code"]: CodeKind(entry["class"]) for each in lists for entry in each["codes"]}


@pytest.mark.parametrize("name", VENDORS)
def test_code_table_equals_the_published_codes(name):
    assert {code: known.kind for code, known in VENDORS[name].codes.items()} == published(name)


@pytest.mark.parametrize("path", sorted(LISTS.glob("*.json")), ids=lambda path: path.stem)
def test_published_lists_name_source_and_vendor(path):
    lists = json.loads(path.read_text(encoding="utf-8"))
    codes = [entry["code"] for each in lists for entry in each["codes"]]

    assert path.stem in VENDORS
    assert all(each["source"] and each["codes"] for each in lists)
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", VENDORS)
def test_each_failure_has_meaning_and_advice(name):
    for code, known in VENDORS[name].codes.items():
        assert str(known.meaning), code
        assert not str(known.meaning).endswith("."), code
        if known.kind in {CodeKind.RETRY, CodeKind.BAD_AUDIO, CodeKind.CONFIG}:
            assert str(known.advice).endswith("."), code


@pytest.mark.parametrize(
    ("name", "code", "fields"),
    [
        pytest.param("tencent-sentence", "AuthFailure.SecretIdNotFound", {"secret_id"}, id="no such key"),
        pytest.param("tencent-sentence", "AuthFailure.SignatureFailure", {"secret_key"}, id="wrong key"),
        pytest.param("tencent-recording", "1019", {"appid"}, id="no such application of tencent"),
        pytest.param("volcengine-bigmodel", "45000010", {"api_key"}, id="wrong API key of volcengine"),
        pytest.param("volcengine", "1001", {"appid"}, id="no such application of volcengine"),
        pytest.param("volcengine", "1002", {"token", "cluster"}, id="wrong token or cluster"),
        pytest.param("abcpen-offline", "401", {"appid", "api_key"}, id="wrong signature"),
        pytest.param("abcpen", "10105", {"appid", "api_key"}, id="refused access"),
        pytest.param("openai-compatible", "invalid_api_key", {"api_key"}, id="wrong API key"),
    ],
)
def test_code_of_a_wrong_credential_names_its_field(name, code, fields):
    advice = str(VENDORS[name].codes[code].advice)

    assert {field for field in fields if not re.search(rf"\b{field}\b", advice)} == set()


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("code", ["31415", "", "x" * 1000, "0", "1000", "-1", "2000", "1013"])
def test_unknown_code_is_a_bounded_retry(name, code):
    known = VENDORS[name].codes.get(code)

    error = VENDORS[name].error(code, "oops")

    if known is None or known.kind in {CodeKind.SUCCESS, CodeKind.IN_PROGRESS, CodeKind.SILENT}:
        assert error.error_class is ErrorClass.RETRY
    assert error.vendor == name
    assert "oops" in error.message


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("HTTPS://bucket/a.wav?X-Amz-Signature=secret", id="plain"),
        pytest.param("https%3A%2F%2Fbucket%2Fa.wav%3FX-Amz-Signature%3Dsecret", id="encoded"),
        pytest.param("bucket/a.wav?X-Amz-Algorithm=A&X-Amz-Signature=secret", id="without its scheme"),
        pytest.param("x-amz-security-token=secret", id="without its address"),
        pytest.param("/prod/callbacks/abcpen/job/1/secret", id="a callback's path"),
        pytest.param("%2Fcallbacks%2Fabcpen%2Fjob%2F1%2Fsecret", id="a callback's path, encoded"),
    ],
)
def test_vendor_message_is_kept_without_signed_urls(name, url):
    error = VENDORS[name].error("x", f"cannot download {url} now")

    assert re.search(r"cannot download \S*\(URL\) now", error.message)
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
def test_unlisted_tencent_code_means_its_family(code, error_class):
    assert VENDORS["tencent-sentence"].error(code).error_class is error_class


@pytest.mark.parametrize("name", ["tencent-recording", "tencent-rec-task"])
@pytest.mark.parametrize(
    ("code", "message", "error_class", "trait"),
    [
        pytest.param("10002", "语音时长过短", ErrorClass.BAD_AUDIO, AudioConstraint.SHORTNESS, id="too-short"),
        pytest.param("10002", "", ErrorClass.BAD_AUDIO, AudioConstraint.SHORTNESS, id="too-short-without-words"),
        pytest.param("10003", "语音时长过长", ErrorClass.BAD_AUDIO, AudioConstraint.LENGTH, id="too-long"),
        pytest.param("10006", "音轨个数不匹配", ErrorClass.BAD_AUDIO, AudioConstraint.CHANNELS, id="tracks"),
        pytest.param("10007", "音频下载失败", ErrorClass.RETRY, AudioConstraint.FORMAT, id="download"),
    ],
)
def test_tencent_callback_code_has_its_class_and_trait(name, code, message, error_class, trait):
    error = VENDORS[name].error(code, message)

    assert (error.error_class, error.constraint) == (error_class, trait)


@pytest.mark.parametrize("name", ["tencent-recording", "tencent-rec-task"])
def test_too_short_recording_fails_over_to_sentence(name):
    too_short = VENDORS[name].error("10002")

    following = followers(["volcengine-bigmodel", "tencent-sentence"], VENDORS[name], too_short, VENDORS)

    assert following == ["tencent-sentence"]


@pytest.mark.parametrize("name", ["tencent-sentence", "tencent-rec-task"])
def test_tencent_actions_share_their_codes(name):
    shared = {code: known for code, known in VENDORS["tencent-sentence"].codes.items() if "." in code}

    assert {code: VENDORS[name].codes.get(code, known) for code, known in shared.items()} == shared


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
def test_tencent_recording_code_is_read_by_name_first(code, message, error_class):
    error = VENDORS["tencent-recording"].error(code, message)

    assert (error.code, error.error_class) == (code, error_class)
