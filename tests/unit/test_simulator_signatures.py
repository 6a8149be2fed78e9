"""Check the simulators' signatures against the vendors' printed examples, valid and invalid."""

import pytest

from simulators import abcpen_signature, tencent_recording, tencent_signature, volcengine
from simulators.server import RefusalError
from simulators.tencent_signature import Account, SignedCall

SYNTHETIC_ID = "AKIDSyntheticExampleSecretId00000001"
SYNTHETIC_KEY = "SyntheticExampleSecretKey0000000002"
PRINTED_ID = "AKIDUfLUEUigQiXqm7CVSspKJnuaiIKtxqAv"
PRINTED_KEY = "bLcPnl88WU30VY57ipRhSePfPdOfSruK"

PRINTED = {
    "callback_url": "http://test.qq.com/rec_callback",
    "engine_model_type": "1",
    "expired": "1473752807",
    "nonce": "44925",
    "projectid": "0",
    "res_text_format": "0",
    "res_type": "1",
    "secretid": PRINTED_ID,
    "source_type": "0",
    "sub_service_type": "0",
    "timestamp": "1473752207",
    "url": "http://test.qq.com/voice_url",
}
UPLOAD = {
    "callback_url": "http://cb.example.com/asr",
    "channel_num": "1",
    "engine_model_type": "16k_0",
    "expired": "1700003600",
    "nonce": "123456",
    "projectid": "0",
    "res_text_format": "0",
    "res_type": "1",
    "secretid": SYNTHETIC_ID,
    "source_type": "1",
    "sub_service_type": "0",
    "timestamp": "1700000000",
}


@pytest.mark.parametrize(
    ("key", "path", "parameters", "signature"),
    [
        pytest.param(PRINTED_KEY, "/asr/v1/2000001", PRINTED, "UyKZ+Q4xMbdu3gxOmPD7tgnAm1A=", id="A-1-printed"),
        pytest.param(
            PRINTED_KEY,
            "/asr/v1/125000001",
            {**PRINTED, "engine_model_type": "8k_0", "channel_num": "1"},
            "bIpdWULX6RA7nL6HmCxrgSj60Xw=",
            id="A-2-one-more-parameter",
        ),
        pytest.param(SYNTHETIC_KEY, "/asr/v1/125000001", UPLOAD, "NhUdQerUGWeRo/WQrGHwWzoeBQY=", id="A-3-upload"),
        pytest.param(
            SYNTHETIC_KEY,
            "/asr/v1/125000001",
            {**UPLOAD, "callback_url": "http://cb.example.com/asr?job=7&a=b"},
            "0N8864auKkkj6QUL9I9dUcypnLU=",
            id="A-4-callback-with-a-query",
        ),
    ],
)
def test_tencent_recording_signature(key, path, parameters, signature):
    assert tencent_recording.sign(key, "aai.qcloud.com", path, parameters) == signature


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("zLMdW9YEENbnwYjvdF/GkDXQSuw=", id="values-url-encoded-before-signing"),
        pytest.param("Pkju+EwtwiltpfCmnNwPykqRLPk=", id="trailing-space"),
    ],
)
def test_tencent_recording_signature_differs_from_known_mistakes(wrong):
    assert tencent_recording.sign(PRINTED_KEY, "aai.qcloud.com", "/asr/v1/2000001", PRINTED) != wrong


JSON = "application/json"
JSON_UTF8 = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
BOTH = ("content-type", "host")


def tc3_call(content_type, body, method="POST", query=""):
    headers = {"content-type": content_type, "host": "asr.tencentcloudapi.com", "x-tc-action": "DescribeTaskStatus"}
    return SignedCall(method, query, headers, body.encode())


@pytest.mark.parametrize(
    ("call", "signed", "signature"),
    [
        pytest.param(
            tc3_call(
                JSON,
                '{"EngSerViceType": "16k_zh", "SourceType": 0, "VoiceFormat": "wav", "ProjectId": 0, '
                '"SubServiceType": 2, "Url": "http://audio.example.com/a.wav", "UsrAudioKey": "k1"}',
            ),
            BOTH,
            "85b5b44dafffff145de841f56ffa1129c95339f48959bfe0dc249c214c4ba691",
            id="V1-sentence-by-url",
        ),
        pytest.param(
            tc3_call(
                JSON,
                '{"EngSerViceType": "16k_zh", "SourceType": 1, "VoiceFormat": "wav", "ProjectId": 0, '
                '"SubServiceType": 2, "UsrAudioKey": "k1", "Data": "UklGRg==", "DataLen": 4}',
            ),
            BOTH,
            "cf3ca5830504300aabf8dc27bd5d9886a9f0177afa99d79bcda9713a7dd60abf",
            id="V2-sentence-with-data",
        ),
        pytest.param(
            tc3_call(
                JSON,
                '{"EngineModelType": "16k_zh", "ChannelNum": 1, "ResTextFormat": 2, "SourceType": 0, '
                '"Url": "http://audio.example.com/a.wav", "CallbackUrl": "http://cb.example.com/asr?job=7"}',
            ),
            BOTH,
            "6a8df8fb4081cf3d88d78158480810c75442b68f24dd980d866ab1e1d6090261",
            id="V3-create-task",
        ),
        pytest.param(
            tc3_call(
                JSON,
                '{"TaskId": 522931820}',
            ),
            BOTH,
            "8b92a5288c074a69b6bacd5e12339e5162b90264239190be5d70adee9f49bef5",
            id="V4-describe-task",
        ),
        pytest.param(
            tc3_call(FORM, "", method="GET", query="TaskId=522931820"),
            BOTH,
            "a441bbf6b5aeac4162cf1e130a1923d144e4b0ba50b1c3a612847e65634bc207",
            id="V5-get",
        ),
        pytest.param(
            tc3_call(
                JSON_UTF8,
                '{"TaskId":522931820}',
            ),
            BOTH,
            "23cc6872f2a697d5cc8e979d07ba9e2ec45ab8e17abd35a5f53eec284f080f33",
            id="V6a-charset-in-content-type",
        ),
        pytest.param(
            tc3_call(
                JSON_UTF8,
                '{"TaskId":522931820}',
            ),
            (*BOTH, "x-tc-action"),
            "fa8946e55bea519391419649e8e0d382d3b185120475603935d58f530dfd4c20",
            id="V6b-action-signed",
        ),
    ],
)
def test_tc3_signature(call, signed, signature):
    computed = tencent_signature.tc3_signature(
        SYNTHETIC_KEY, call, timestamp=1700000000, service="asr", signed_headers=signed
    )

    assert computed == signature


def test_tc3_signature_printed_by_the_vendor():
    call = SignedCall(
        "POST",
        "",
        {"content-type": JSON_UTF8, "host": "cvm.tencentcloudapi.com"},
        rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}',
    )

    computed = tencent_signature.tc3_signature(
        "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", call, timestamp=1551113065, service="cvm", signed_headers=BOTH
    )

    assert computed == "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"


@pytest.mark.parametrize(
    ("method", "algorithm", "signature"),
    [
        ("GET", "HmacSHA1", "FpdVjbHvUX1zC6TVGTsbm1cH5Rs="),
        ("POST", "HmacSHA1", "LNCojb3cU1lMZjo5lV2maGe97Ks="),
        ("GET", "HmacSHA256", "FT3iDvKC8qMVorDoeAnOwTT4gFb99J/G69dEnIwRPxA="),
        ("POST", "HmacSHA256", "54Qa5wP+YorTvKFy/7O8utkmyvGWvHcLMHsBtp5JAKQ="),
    ],
)
def test_v1_signature(method, algorithm, signature):
    parameters = {
        "Action": "SentenceRecognition",
        "EngSerViceType": "16k_0",
        "Nonce": "1234567",
        "ProjectId": "0",
        "RequestClient": "SDK_PYTHON_3.1.189",
        "SecretId": SYNTHETIC_ID,
        "SignatureMethod": algorithm,
        "SourceType": "0",
        "SubServiceType": "2",
        "Timestamp": "1700000000",
        "Url": "http://audio.example.com/a b.wav",
        "UsrAudioKey": "k1",
        "Version": "2019-06-14",
        "VoiceFormat": "wav",
    }

    assert tencent_signature.v1_signature(SYNTHETIC_KEY, method, "asr.tencentcloudapi.com", parameters) == signature


def test_v1_signature_printed_by_the_vendor():
    parameters = {
        "Action": "DescribeInstances",
        "InstanceIds.0": "ins-09dx96dg",
        "Limit": "20",
        "Nonce": "11886",
        "Offset": "0",
        "Region": "ap-guangzhou",
        "SecretId": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        "Timestamp": "1465185768",
        "Version": "2017-03-12",
    }

    computed = tencent_signature.v1_signature(
        "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "GET", "cvm.tencentcloudapi.com", parameters
    )

    assert computed == "EliP9YW3pW28FpsEdkXt/+WcGeI="


def test_tc3_header_without_signed_host_is_refused():
    scope = "2023-11-14/asr/tc3_request"
    headers = {
        "content-type": JSON,
        "host": "asr.tencentcloudapi.com",
        "x-tc-timestamp": "1700000000",
        "authorization": f"TC3-HMAC-SHA256 Credential={SYNTHETIC_ID}/{scope}, SignedHeaders=content-type, "
        f"Signature={'0' * 64}",
    }
    account = Account(SYNTHETIC_ID, SYNTHETIC_KEY, "asr.tencentcloudapi.com")

    with pytest.raises(RefusalError, match=r"AuthFailure\.InvalidAuthorization"):
        tencent_signature.check_tc3(SignedCall("POST", "", headers, b"{}"), account, now_s=1_700_000_000)


@pytest.mark.parametrize(
    ("appid", "ts", "api_key", "signa"),
    [
        pytest.param(
            "595f23df",
            "1512041814",
            "d9f4aa7ea6d94faca62cd88a28fd5234",
            "IrrzsJeOFk1NGfJHW6SkHUoN9CU=",
            id="printed-by-the-vendor",
        ),
        pytest.param(
            "synthapp", "1700000000", "SyntheticSecret0001", "GHzzKok/OoOgu/2O1BLhlnfOuOU=", id="with-plus-and-slash"
        ),
    ],
)
def test_abcpen_signature(appid, ts, api_key, signa):
    assert abcpen_signature.sign(appid, ts, api_key) == signa


def test_volcengine_mac_in_both_forms_of_the_vendor_page():
    named, bare = volcengine.mac_lines(
        "GET", "/api/v2/asr", "HTTP/1.1", [("User-Agent", "Python/3.9 websockets/8.1")], b"xxxxxxxxxx"
    )

    assert volcengine.mac("super_secret_key", named) == "j_jmd9Fjy4pfI7mKIqNVXqZ7TmG6oEkMPF8ImdFniHQ"
    assert volcengine.mac("super_secret_key", bare) == "duWc1b2Tj1THUD_UUAD6MMNOpooE3SnESa-i40QaL5M"
