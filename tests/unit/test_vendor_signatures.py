"""Check signatures against the vendors' published vectors and SDKs, and the signed parts of each request."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tencentcloud.asr.v20190614 import asr_client
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal

from asrcore.core.vendor import Delivery, Submission, VendorEndpoint, signed_host
from asrcore.vendors import abcpen, tc3, tencent_recording
from asrcore.vendors.abcpen import Abcpen
from asrcore.vendors.tencent_rec_task import TencentRecTask
from asrcore.vendors.tencent_recording import TencentRecording
from asrcore.vendors.tencent_sentence import TencentSentence
from tests.support.recognition_requests import NOW, a_recognition_request, endpoint_of, form_of, query_of, submission
from tests.support.sampled import examples
from tests.support.simulator_control import CREDENTIALS

VENDOR_KEY = "bLcPnl88WU30VY57ipRhSePfPdOfSruK"
SYNTHETIC_ID, SYNTHETIC_KEY = "AKIDSyntheticExampleSecretId00000001", "SyntheticExampleSecretKey0000000002"
VENDOR_PARAMETERS = {
    "url": "http://test.qq.com/voice_url",
    "callback_url": "http://test.qq.com/rec_callback",
    "engine_model_type": "1",
    "expired": 1473752807,
    "nonce": 44925,
    "projectid": 0,
    "res_text_format": 0,
    "res_type": 1,
    "secretid": "AKIDUfLUEUigQiXqm7CVSspKJnuaiIKtxqAv",
    "source_type": 0,
    "sub_service_type": 0,
    "timestamp": 1473752207,
}
BODY_PARAMETERS = {
    "callback_url": "http://cb.example.com/asr",
    "channel_num": 1,
    "engine_model_type": "16k_0",
    "expired": 1700003600,
    "nonce": 123456,
    "projectid": 0,
    "res_text_format": 0,
    "res_type": 1,
    "secretid": SYNTHETIC_ID,
    "source_type": 1,
    "sub_service_type": 0,
    "timestamp": 1700000000,
}


@pytest.mark.parametrize(
    ("path", "parameters", "key", "signature"),
    [
        pytest.param(
            "/asr/v1/2000001", VENDOR_PARAMETERS, VENDOR_KEY, "UyKZ+Q4xMbdu3gxOmPD7tgnAm1A=", id="A-1-of-the-vendor"
        ),
        pytest.param(
            "/asr/v1/125000001",
            {**VENDOR_PARAMETERS, "channel_num": 1, "engine_model_type": "8k_0"},
            VENDOR_KEY,
            "bIpdWULX6RA7nL6HmCxrgSj60Xw=",
            id="A-2-telephone",
        ),
        pytest.param(
            "/asr/v1/125000001", BODY_PARAMETERS, SYNTHETIC_KEY, "NhUdQerUGWeRo/WQrGHwWzoeBQY=", id="A-3-bytes"
        ),
        pytest.param(
            "/asr/v1/125000001",
            {**BODY_PARAMETERS, "callback_url": "http://cb.example.com/asr?job=7&a=b"},
            SYNTHETIC_KEY,
            "0N8864auKkkj6QUL9I9dUcypnLU=",
            id="A-4-callback-with-a-query",
        ),
    ],
)
def test_tencent_recording_vector(path, parameters, key, signature):
    assert tencent_recording.sign(f"aai.qcloud.com{path}", parameters, key) == signature


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("zLMdW9YEENbnwYjvdF/GkDXQSuw=", id="values-encoded-before-signing"),
        pytest.param("Pkju+EwtwiltpfCmnNwPykqRLPk=", id="space-after-the-plaintext"),
    ],
)
def test_tencent_recording_does_not_make_the_known_mistakes(wrong):
    assert tencent_recording.sign("aai.qcloud.com/asr/v1/2000001", VENDOR_PARAMETERS, VENDOR_KEY) != wrong


def test_submission_by_bytes_is_signed_as_vector_a3():
    endpoint = VendorEndpoint(
        "https://aai.qcloud.com",
        {"appid": "125000001", "secret_id": SYNTHETIC_ID, "secret_key": SYNTHETIC_KEY},
    )

    request = TencentRecording().submit_request(
        Submission(
            a_recognition_request(),
            Delivery(data=b"RIFF"),
            endpoint,
            callback_url="http://cb.example.com/asr?job=7&a=b",
            now=NOW,
            nonce=123455,
        )
    )

    assert query_of(request)["nonce"] == "123456"
    assert request.headers["Authorization"] == "0N8864auKkkj6QUL9I9dUcypnLU="
    assert "callback_url=http%3A%2F%2Fcb.example.com%2Fasr%3Fjob%3D7%26a%3Db" in request.url
    assert request.body == b"RIFF"


V1 = (
    '{"EngSerViceType": "16k_zh", "SourceType": 0, "VoiceFormat": "wav", "ProjectId": 0, "SubServiceType": 2,'
    ' "Url": "http://audio.example.com/a.wav", "UsrAudioKey": "k1"}'
)
V2 = (
    '{"EngSerViceType": "16k_zh", "SourceType": 1, "VoiceFormat": "wav", "ProjectId": 0, "SubServiceType": 2,'
    ' "UsrAudioKey": "k1", "Data": "UklGRg==", "DataLen": 4}'
)
V3 = (
    '{"EngineModelType": "16k_zh", "ChannelNum": 1, "ResTextFormat": 2, "SourceType": 0,'
    ' "Url": "http://audio.example.com/a.wav", "CallbackUrl": "http://cb.example.com/asr?job=7"}'
)
HEADERS = {"Content-Type": "application/json", "Host": "asr.tencentcloudapi.com"}
HEADERS_V6 = {**HEADERS, "Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("headers", "body", "signature"),
    [
        pytest.param(
            HEADERS, V1, "85b5b44dafffff145de841f56ffa1129c95339f48959bfe0dc249c214c4ba691", id="V1-sentence-by-url"
        ),
        pytest.param(
            HEADERS, V2, "cf3ca5830504300aabf8dc27bd5d9886a9f0177afa99d79bcda9713a7dd60abf", id="V2-sentence-by-data"
        ),
        pytest.param(
            HEADERS, V3, "6a8df8fb4081cf3d88d78158480810c75442b68f24dd980d866ab1e1d6090261", id="V3-create-task"
        ),
        pytest.param(
            HEADERS,
            '{"TaskId": 522931820}',
            "8b92a5288c074a69b6bacd5e12339e5162b90264239190be5d70adee9f49bef5",
            id="V4-describe-task",
        ),
        pytest.param(
            HEADERS_V6,
            '{"TaskId":522931820}',
            "23cc6872f2a697d5cc8e979d07ba9e2ec45ab8e17abd35a5f53eec284f080f33",
            id="V6a-charset",
        ),
        pytest.param(
            {**HEADERS_V6, "X-TC-Action": "DescribeTaskStatus"},
            '{"TaskId":522931820}',
            "fa8946e55bea519391419649e8e0d382d3b185120475603935d58f530dfd4c20",
            id="V6b-action-signed-too",
        ),
    ],
)
def test_tc3_vector(headers, body, signature):
    names = ";".join(sorted(name.lower() for name in headers))

    authorization = tc3.authorization(
        headers, body.encode(), service="asr", now=NOW, secret_id=SYNTHETIC_ID, secret_key=SYNTHETIC_KEY
    )

    assert authorization == (
        f"TC3-HMAC-SHA256 Credential={SYNTHETIC_ID}/2023-11-14/asr/tc3_request,"
        f" SignedHeaders={names}, Signature={signature}"
    )


def test_tc3_vector_that_the_vendor_publishes():
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    headers = {"Content-Type": "application/json; charset=utf-8", "Host": "cvm.tencentcloudapi.com"}

    authorization = tc3.authorization(
        headers,
        body,
        service="cvm",
        now=1551113065,
        secret_id="AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        secret_key="Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
    )

    assert authorization.endswith("72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168")


SDK = asr_client.AsrClient(Credential(SYNTHETIC_ID, SYNTHETIC_KEY), "")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=examples(200))
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=12), JSON_VALUES, max_size=6))
def test_tc3_signature_equals_the_vendors_sdk(parameters):
    request = RequestInternal("asr.tencentcloudapi.com", "POST", "/", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK asks for UTC in an old way
        SDK._build_req_with_tc3_signature("SentenceRecognition", parameters, request)

    authorization = tc3.authorization(
        {name: request.header[name] for name in ("Content-Type", "Host")},
        request.data.encode(),
        service="asr",
        now=int(request.header["X-TC-Timestamp"]),
        secret_id=SYNTHETIC_ID,
        secret_key=SYNTHETIC_KEY,
    )

    assert authorization == request.header["Authorization"]


@pytest.mark.parametrize(
    "request_of_ours",
    [
        pytest.param(submission(TencentRecTask(), a_recognition_request()), id="CreateRecTask"),
        pytest.param(
            submission(TencentRecTask(), a_recognition_request(), Delivery(data=b"RIFF")), id="CreateRecTask-with-data"
        ),
        pytest.param(
            TencentRecTask().query_request("6000000123456", endpoint_of(TencentRecTask()), now=NOW),
            id="DescribeTaskStatus",
        ),
    ],
)
def test_rec_task_is_signed_as_by_the_vendors_sdk(request_of_ours, monkeypatch):
    endpoint = CREDENTIALS["tencent"]
    sdk = asr_client.AsrClient(Credential(endpoint["secret_id"], endpoint["secret_key"]), "")
    theirs = RequestInternal("asr.tencentcloudapi.com", "POST", "/", {})
    monkeypatch.setattr("time.time", lambda: NOW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK asks for UTC in an old way
        sdk._build_req_with_tc3_signature(
            request_of_ours.headers["X-TC-Action"], json.loads(request_of_ours.body), theirs
        )

    assert theirs.data.encode() == request_of_ours.body
    for name in ("Authorization", "Content-Type", "Host", "X-TC-Action", "X-TC-Version", "X-TC-Timestamp"):
        assert str(theirs.header[name]) == request_of_ours.headers[name]


def test_sentence_signature_covers_sent_bytes_and_headers():
    request = submission(TencentSentence(), a_recognition_request())

    endpoint = CREDENTIALS["tencent"]
    assert request.headers["Authorization"] == tc3.authorization(
        {name: request.headers[name] for name in ("Content-Type", "Host")},
        request.body,
        service="asr",
        now=int(request.headers["X-TC-Timestamp"]),
        secret_id=endpoint["secret_id"],
        secret_key=endpoint["secret_key"],
    )


@pytest.mark.parametrize(
    ("appid", "ts", "key", "signa"),
    [
        pytest.param(
            "595f23df",
            "1512041814",
            "d9f4aa7ea6d94faca62cd88a28fd5234",
            "IrrzsJeOFk1NGfJHW6SkHUoN9CU=",
            id="of-the-vendor",
        ),
        pytest.param("synthapp", "1700000000", "SyntheticSecret0001", "GHzzKok/OoOgu/2O1BLhlnfOuOU=", id="synthetic"),
    ],
)
def test_abcpen_vector(appid, ts, key, signa):
    assert abcpen.sign(appid, ts, key) == signa


def test_abcpen_signs_each_request_with_its_time():
    endpoint = VendorEndpoint("http://127.0.0.1:9", {"appid": "synthapp", "api_key": "SyntheticSecret0001"})

    submitted = form_of(submission(Abcpen(), a_recognition_request(), endpoint=endpoint))
    polled = [query_of(Abcpen().query_request("t", endpoint, now=NOW + later)) for later in (0, 300)]

    assert (submitted["ts"], submitted["signa"]) == (str(NOW), "GHzzKok/OoOgu/2O1BLhlnfOuOU=")
    assert polled[0]["signa"] == submitted["signa"]
    assert polled[1]["signa"] != submitted["signa"]


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        pytest.param("https://asr.tencentcloudapi.com", "asr.tencentcloudapi.com", id="the-vendor"),
        pytest.param("https://asr.intl.tencentcloudapi.com/", "asr.intl.tencentcloudapi.com", id="its-other-site"),
        pytest.param("http://127.0.0.1:8080", "asr.tencentcloudapi.com", id="a-simulator"),
        pytest.param("https://proxy.example.com", "asr.tencentcloudapi.com", id="a-proxy"),
        pytest.param("https://eviltencentcloudapi.com", "asr.tencentcloudapi.com", id="a-name-that-only-ends-so"),
    ],
)
def test_signed_host_is_the_vendors(base_url, host):
    assert signed_host(base_url, "asr.tencentcloudapi.com") == host
