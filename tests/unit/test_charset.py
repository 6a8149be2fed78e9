"""Check vendors' text in every character set: declared, guessed or rejected, never with replacement characters."""

import json
from urllib.parse import quote_plus

import pytest

from asrcore.callback import receive
from asrcore.core.callback_url import callback_url
from asrcore.core.charset import UnknownCharsetError, declared_charset, decode
from asrcore.core.errors import AsrError, UnreadableResultError
from asrcore.core.step import Next
from asrcore.core.vendor import HttpReply
from asrcore.events import CallbackRequest, callback_request
from asrcore.vendors.registry import VENDORS
from tests.support.fake_services import World
from tests.support.pipeline import FOREVER, KEY, drop, wav
from tests.support.recognition_requests import a_recognition_request, answer
from tests.support.simulator_control import CREDENTIALS

SENTENCE = "今天天气怎么样，我们去公园。"
TRADITIONAL = "今天天氣怎麼樣，我們去公園。"


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("", None),
        ("application/json", None),
        ("application/json; charset=utf-8", "utf-8"),
        ('text/plain;CHARSET="GBK"', "GBK"),
        ("text/plain; charset = gb2312; x=y", "gb2312"),
    ],
)
def test_charset_is_read_off_the_content_type(content_type, charset):
    assert declared_charset(content_type) == charset


@pytest.mark.parametrize(
    ("declared", "body", "text"),
    [
        pytest.param(None, SENTENCE.encode(), SENTENCE, id="utf-8, undeclared"),
        pytest.param(None, SENTENCE.encode("utf-8-sig"), SENTENCE, id="utf-8 with a byte order mark"),
        pytest.param(None, SENTENCE.encode("gbk"), SENTENCE, id="gbk, undeclared"),
        pytest.param("utf-8", SENTENCE.encode("gbk"), SENTENCE, id="gbk, declared as utf-8"),
        pytest.param("iso-8859-1", SENTENCE.encode(), SENTENCE, id="utf-8, declared as a web server does unasked"),
        pytest.param("gb2312", SENTENCE.encode("gb2312"), SENTENCE, id="gb2312"),
        pytest.param("GBK", "镕".encode("gbk"), "镕", id="gbk"),
        pytest.param("gb2312", "镕".encode("gbk"), "镕", id="gbk, declared as gb2312"),
        pytest.param("gb18030", "𠀀好".encode("gb18030"), "𠀀好", id="gb18030"),
        pytest.param("gbk", "联通".encode("gbk"), "联通", id="gbk that fits utf-8 by chance, declared"),
        pytest.param("gbk", (SENTENCE + "。").encode(), SENTENCE + "。", id="utf-8, declared as gbk, which it is not"),
        pytest.param("big5", TRADITIONAL.encode("big5"), TRADITIONAL, id="big5"),
        pytest.param("utf-16", SENTENCE.encode("utf-16"), SENTENCE, id="utf-16"),
        pytest.param("punycode", b"plain", "plain", id="a set that is not known"),
        pytest.param(None, "\ufffd".encode(), "\ufffd", id="a replacement that the vendor sent"),
    ],
)
def test_text_is_read_in_its_charset(declared, body, text):
    assert decode(body, declared) == text


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        pytest.param(None, b"\xff\xff\xff", id="no set"),
        pytest.param(None, SENTENCE.encode()[:-1], id="utf-8, cut off within a character"),
        pytest.param(None, SENTENCE.encode().replace("天".encode(), b"\xe5\xa4", 1), id="utf-8 with a byte missing"),
        pytest.param("big5", b"\xff\xff", id="not the declared set"),
        pytest.param("big5", SENTENCE.encode("gbk")[:-1] + b"\xff", id="another set than the declared"),
    ],
)
def test_text_in_no_charset_is_refused(declared, body):
    with pytest.raises(UnknownCharsetError):
        decode(body, declared)


def form(text: bytes) -> bytes:
    return b"code=0&requestId=7&audioTime=2.5&" + f"text={quote_plus(text)}".encode()


def heard(name, body, content_type="application/x-www-form-urlencoded", options=None):
    return VENDORS[name].read_callback(body, content_type, a_recognition_request(options=options)).outcome.text


def legacy(res_text_format):
    return {"vendor": {"tencent-recording": {"res_text_format": res_text_format}}}


@pytest.mark.parametrize("name", ["tencent-recording", "tencent-rec-task"])
@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb18030"])
def test_undeclared_form_callback_is_read(name, charset):
    assert heard(name, form(SENTENCE.encode(charset))) == SENTENCE


@pytest.mark.parametrize("name", ["tencent-recording", "tencent-rec-task"])
def test_undeclared_json_callback_is_read(name):
    document = json.dumps({"code": 0, "requestId": 7, "text": SENTENCE}, ensure_ascii=False)

    assert heard(name, document.encode("gbk"), "application/json") == SENTENCE


def test_form_callback_is_read_in_its_declared_charset():
    content_type = "application/x-www-form-urlencoded; charset=GBK"

    assert heard("tencent-rec-task", form("联通".encode("gbk")), content_type) == "联通"


@pytest.mark.parametrize(
    ("number", "charset", "text"),
    [
        (0, "utf-8", SENTENCE),
        (1, "gb2312", "联通"),
        (2, "gbk", "联通"),
        (3, "big5", TRADITIONAL),
        (2, "utf-8", SENTENCE + "。"),
        (0, "gbk", SENTENCE),
    ],
)
def test_legacy_callback_is_read_by_res_text_format(number, charset, text):
    assert heard("tencent-recording", form(text.encode(charset)), options=legacy(number)) == text


def test_legacy_json_callback_is_read_by_res_text_format():
    body = b'{"code": 0, "requestId": 7, "text": "' + TRADITIONAL.encode("big5") + b'"}'

    assert heard("tencent-recording", body, "application/json", legacy(3)) == TRADITIONAL


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("tencent-recording", form(SENTENCE.encode()[:-1]), id="recording, form"),
        pytest.param("tencent-rec-task", form(SENTENCE.encode()[:-1]), id="rec-task, form"),
        pytest.param("tencent-rec-task", b'{"code": 0, "text": "\xff\xff"}', id="rec-task, json"),
        pytest.param("volcengine", b'{"resp": {"code": 1000, "text": "\xff\xff"}}', id="volcengine"),
        pytest.param("volcengine-bigmodel", b'{"result": {"text": "\xff\xff"}}', id="bigmodel"),
    ],
)
def test_result_in_no_charset_is_unreadable(name, body):
    with pytest.raises(UnreadableResultError):
        VENDORS[name].read_callback(body, "", a_recognition_request())


ACCEPTED = {
    "tencent-recording": {"code": 0, "requestId": 7},
    "tencent-rec-task": {"Response": {"Data": {"TaskId": 7}}},
    "volcengine": {"resp": {"code": "1000", "id": "7"}},
    "volcengine-bigmodel": {"code": "20000000"},
}
UNREADABLE = {
    "tencent-recording": form(b"\xff\xff\xff"),
    "tencent-rec-task": form(b"\xff\xff\xff"),
    "volcengine": b'{"resp": {"code": 1000, "text": "\xff\xff"}}',
    "volcengine-bigmodel": b'{"result": {"text": "\xff\xff"}}',
}


def submitted_to(name):
    """Return fakes with a submitted recording, and a callback with an unreadable result."""
    made = World(
        vendors={name: VENDORS[name]},
        send=lambda request: answer(ACCEPTED[name]),
        secret={**CREDENTIALS, "callback": {"keys": ["callback-key"]}},
    )
    made.audio[KEY] = (wav(), {})
    job = drop(made)
    url = callback_url("https://api.example.com", name, job.job_id, 1, ["callback-key"], expires_at=FOREVER)
    return made, CallbackRequest(name, job.job_id, "1", url.rsplit("/", 1)[1], UNREADABLE[name], "")


@pytest.mark.parametrize("name", [name for name in UNREADABLE if name != "tencent-recording"])
def test_unreadable_result_of_a_vendor_is_queried_at_once(name):
    made, callback = submitted_to(name)

    assert receive(callback, made.services).status == 400

    step = made.services.next_step(made.job())
    assert (step.next, step.wait_s) == (Next.QUERY, 0)
    assert made.results == {}


def test_tencent_attempt_ends_with_its_second_unreadable_result():
    made, callback = submitted_to("tencent-recording")

    receive(callback, made.services)
    assert made.job().attempt.number == 1
    receive(callback, made.services)

    assert (made.job().attempts[0].code, made.job().attempt.number) == ("UnreadableCallback", 2)
    assert made.results == {}


def test_failure_keeps_its_code_when_its_words_are_in_no_charset():
    outcome = (
        VENDORS["tencent-recording"]
        .read_callback(b"code=10003&message=%ff%ff%ff&text=", "", a_recognition_request())
        .outcome
    )

    assert outcome.code == "10003"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=GBK"])
def test_reply_in_gbk_is_read(content_type):
    body = json.dumps({"Response": {"Result": SENTENCE}}, ensure_ascii=False).encode("gbk")
    reply = HttpReply(200, body, {"content-type": content_type})

    assert VENDORS["tencent-sentence"].read_submit(reply, a_recognition_request()).text == SENTENCE


def test_reply_in_no_charset_is_no_answer():
    with pytest.raises(AsrError) as failure:
        VENDORS["tencent-sentence"].read_submit(
            answer(b'{"Response": {"Result": "\xff\xff"}}'), a_recognition_request()
        )

    assert failure.value.code == "UnknownCharset"


@pytest.mark.parametrize(
    ("body", "is_base64", "is_damaged"),
    [("a\ufffdb", False, True), ("ab", False, False), ("YQ==", True, False)],
)
def test_body_that_api_gateway_replaced_characters_in_is_damaged(body, is_base64, is_damaged):
    event = {
        "pathParameters": {"vendor": "v", "job_id": "j", "attempt": "1", "signature": "s"},
        "body": body,
        "isBase64Encoded": is_base64,
        "headers": {},
    }

    assert callback_request(event).is_damaged is is_damaged
