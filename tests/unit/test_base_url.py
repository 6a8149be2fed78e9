"""Check vendors' base URLs: TLS anywhere, plain HTTP only within a private network."""

import pytest

from asrcore.core.addresses import is_private
from asrcore.core.base_url import check_base_url
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.settings import Settings
from tests.unit.test_core import TestSettings

VENDOR = "openai-compatible"
PRIVATE = ["http://10.0.0.7:8000", "http://192.168.1.2/asr", "http://[fd00::7]:8000", "http://asr.internal:8000"]
PUBLIC = [
    "http://8.8.8.8",
    "http://127.0.0.1:8000",
    "http://169.254.169.254",
    "http://[::1]:80",
    "http://[2001:db8::1]",
]


def rejection(url, **where):
    with pytest.raises(AsrError) as failure:
        check_base_url(VENDOR, url, **{"local": False, "in_vpc": False, **where})
    assert failure.value.error_class is ErrorClass.CONFIG
    assert VENDOR in failure.value.message
    return failure.value


@pytest.mark.parametrize(
    "url", ["https://asr.example.com", "https://10.0.0.7:8443", "https://api.example.com/openai/v1"]
)
@pytest.mark.parametrize("in_vpc", [False, True])
def test_https_is_allowed_anywhere(url, in_vpc):
    check_base_url(VENDOR, url, local=False, in_vpc=in_vpc)


@pytest.mark.parametrize("url", PRIVATE)
def test_http_to_a_private_address_needs_a_vpc(url):
    check_base_url(VENDOR, url, local=False, in_vpc=True)

    error = rejection(url)

    assert error.code == "ClearText"
    assert "VpcSubnetIds" in error.message


@pytest.mark.parametrize("url", PUBLIC)
def test_http_to_any_other_address_is_rejected_in_a_vpc(url):
    error = rejection(url, in_vpc=True)

    assert error.code == "ClearText"
    assert "must begin with https://" in error.message


@pytest.mark.parametrize("url", [*PRIVATE, "http://127.0.0.1:8000"])
def test_http_is_allowed_on_the_local_stack(url):
    check_base_url(VENDOR, url, local=True, in_vpc=False)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        pytest.param("asr.example.com", "must be an address", id="no-scheme"),
        pytest.param("ftp://asr.example.com", "must be an address", id="another-scheme"),
        pytest.param("https://", "must be an address", id="no-host"),
        pytest.param("https://asr.example.com:99999", "must be an address", id="no-such-port"),
        pytest.param("https://[::1", "must be an address", id="half-an-address"),
        pytest.param("https://key@asr.example.com", "user or a password", id="credentials"),
        pytest.param("https://asr.example.com/?key=1", "behind ? or #", id="query"),
        pytest.param("https://asr.example.com/#v1", "behind ? or #", id="fragment"),
    ],
)
def test_malformed_base_url_is_rejected(url, complaint, local):
    error = rejection(url, local=local)

    assert error.code == "BadBaseUrl"
    assert complaint in error.message


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *((address, True) for address in ("10.1.2.3", "172.16.0.1", "192.168.9.9", "100.64.0.1", "fd12::1")),
        *((address, False) for address in ("127.0.0.1", "172.32.0.1", "169.254.169.254", "fe80::1", "8.8.8.8", "::1")),
    ],
)
def test_is_private_knows_the_networks_of_a_vpc(address, expected):
    assert is_private(address) is expected


def test_vendor_without_a_base_url_is_off():
    settings = Settings.from_environment({**TestSettings.ENVIRONMENT, "OPENAI_COMPATIBLE_BASE_URL": ""})

    assert settings.off == {VENDOR}


def test_vendor_with_a_base_url_is_on():
    environment = {**TestSettings.ENVIRONMENT, "OPENAI_COMPATIBLE_BASE_URL": "http://10.0.0.7", "IN_VPC": "true"}

    assert Settings.from_environment(environment).off == set()


def test_vendor_that_cannot_be_off_needs_a_base_url():
    with pytest.raises(AsrError, match="BaseUrl of tencent-sentence must be an address"):
        Settings.from_environment({**TestSettings.ENVIRONMENT, "TENCENT_SENTENCE_BASE_URL": ""})
