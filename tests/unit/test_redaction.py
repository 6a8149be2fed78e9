"""Mask every form of a web address in what vendors reply, and nothing else."""

import json
import tracemalloc
from urllib.parse import quote

import pytest

from asrcore.core.redaction import mask_addresses, mask_addresses_in_bytes
from asrcore.vendors.registry import VENDORS

SECRETS = ("p4th-s3cret", "tOpsecret")
URL = "https://recordings.example.com/p4th-s3cret/call.wav?sig=tOpsecret&x=1"
WITHOUT_SCHEME = URL.removeprefix("https:")
HEADLESS = WITHOUT_SCHEME.removeprefix("//")
PATH = HEADLESS.partition("/")[2]
CODE_POINTS = URL.replace("/", "\\u002f").replace("&", "\\u0026").replace(":", "\\u003a")


def in_json(text, times):
    return text if times == 0 else json.dumps(in_json(text, times - 1))[1:-1]


def encoded(text, times):
    return text if times == 0 else quote(encoded(text, times - 1), safe="")


FORMS = {
    **{f"encoded {times} times": encoded(URL, times) for times in range(4)},
    **{f"without its scheme, encoded {times} times": encoded(WITHOUT_SCHEME, times) for times in range(3)},
    **{f"headless, encoded {times} times": encoded(HEADLESS, times) for times in range(3)},
    "escaped slashes": URL.replace("/", "\\/"),
    "escaped slashes, headless": HEADLESS.replace("/", "\\/"),
    "escaped slashes, without its scheme": WITHOUT_SCHEME.replace("/", "\\/"),
    **{f"escaped slashes, in JSON {times} times": in_json(URL.replace("/", "\\/"), times) for times in (1, 2)},
    **{f"escaped by code points, in JSON {times} times": in_json(CODE_POINTS, times) for times in (1, 2)},
    "escaped slashes, headless, in JSON": in_json(HEADLESS.replace("/", "\\/"), 1),
    "encoded but for its slashes": quote(URL),
    "headless, encoded but for its slashes": quote(HEADLESS),
    "headless, without a query": HEADLESS.partition("?")[0],
    "headless, of a numeric address": f"203.0.113.9/{PATH}",
    "headless, of a numeric address with a port": f"203.0.113.9:8443/{PATH}",
    "headless, of an address of version 6": f"[2001:db8::9]/{PATH}",
    "headless, of an international name": f"xn--fiq228c.xn--fiqs8s/{PATH}",
    "a path with its query": f"/{PATH}",
    "a path with its query, encoded but for its slashes": quote(f"/{PATH}"),
    "escaped for HTML": URL.replace("/", "&#x2F;"),
    "escaped by code points": CODE_POINTS,
    "escaped for XML": URL.replace("&", "&amp;"),
    "in capitals": URL.upper(),
    "an address with a port": "http://127.0.0.1:8000/p4th-s3cret/call.wav?sig=tOpsecret",
    "an address without scheme": "//127.0.0.1:8000/p4th-s3cret/tOpsecret",
    "a presigned part": "X-Amz-Signature=tOpsecret",
}
AROUND = [
    ('{"url":"', '","text":"好"}'),
    ("下载失败：", "。重试"),
    ("<", ">"),
    ('{\\"url\\":\\"', '\\"}'),
    ("download of ", " failed"),
]


@pytest.mark.parametrize("address", FORMS.values(), ids=FORMS)
def test_address_is_masked_in_every_form(address):
    for before, after in AROUND:
        text = f"{before}{address}{after}"

        masked = mask_addresses(text)

        assert not any(secret.lower() in masked.lower() for secret in SECRETS)
        assert masked == f"{before}(URL){after}"
        assert mask_addresses_in_bytes(text.encode()) == masked.encode()


@pytest.mark.parametrize("address", FORMS.values(), ids=FORMS)
def test_address_in_a_form_ends_before_the_vendors_next_field(address):
    for vendor in filter(lambda vendor: vendor.form_fields, VENDORS.values()):
        before, after = "code=0&audioUrl=", "&text=%E5%A5%BD&message=ok"

        masked = mask_addresses_in_bytes(f"{before}{address}{after}".encode(), vendor.form_fields)

        assert masked.decode() == f"{before}(URL){after}"


@pytest.mark.parametrize(
    "text",
    [
        "transcripts/incoming/auto/a.wav.json",
        "audio/wav and Node.js/Express, 3.5/4.0, either/or, 1//2",
        json.dumps({"text": "他说：http 协议，https 也行。", "start": 1.25}, ensure_ascii=False),
        "s3://bucket/incoming/auto/a.wav",
        "50% / 60%",
        "\ufeff今天/明天？",
        "例如 a.b/c、1.2.3/4 和 /etc/hosts？",
        "<p>yes/no?</p>",
    ],
)
def test_text_without_an_address_stays(text):
    assert mask_addresses(text) == text
    assert mask_addresses_in_bytes(text.encode()) == text.encode()


@pytest.mark.parametrize("part", ["a.bc/,", "a.bc%2F,", "/a,", "\\", "//a.", "%2F", "/?%3F"])
def test_long_text_like_addresses_is_read_in_linear_time(part):
    text = "/" + part * 80_000

    assert mask_addresses_in_bytes(text.encode()) == mask_addresses(text).encode()


@pytest.mark.parametrize(
    "address",
    [
        "https://a.cn/" + "a" * 400_000,
        "https://a.cn" + "a\\/" * 150_000,
        "https:" + "/" * 400_000,
        "/" + "a" * 400_000,
        "/%" + "25" * 200_000,
    ],
)
def test_long_address_is_read_in_little_memory(address):
    body = f'{{"message": "{address}"}}'.encode()

    tracemalloc.start()
    mask_addresses_in_bytes(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10 * len(body)


def test_bytes_around_an_address_stay_in_any_encoding():
    body = b"\xff\xfe\x00" + "说".encode("gbk") + b' "' + URL.encode() + b'" \x80\x81&text=\xbd\xf1'

    assert mask_addresses_in_bytes(body) == body.replace(URL.encode(), b"(URL)")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_error_of_a_vendor_has_no_address(form):
    error = VENDORS["volcengine"].error(form, f"cannot download {form}")

    assert not any(secret.lower() in f"{error} {error.code} {error.reason}".lower() for secret in SECRETS)
